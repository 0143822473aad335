//! Invitations, as an organisation's admins and operators see them: never the token, not even its hash.

use std::collections::HashMap;

use entity::{
    enums::{InvitationStatus, OrgRole},
    ids::{InvitationId, OrgId, TypedId, UserId},
    invitation,
};
use sea_orm::sea_query::{Expr, ExprTrait};

use crate::error::Result;
use crate::store::{
    List, OrgRow, Store,
    list::{
        page::{Page, PageRequest},
        row::{Columns, Row, row},
    },
    uuids,
};

row! {
    /// An invitation, with the columns that were asked for.
    InvitationRow of invitation {
        key #[doc = "The organisation."] org_id: OrgId = OrgId,
        key #[doc = "The invitation."] id: InvitationId = Id,
        key #[doc = "Who invites; none for the command line."] invited_by: Option<UserId> = InvitedBy,
        lazy #[doc = "Where it was sent."] email: String = Email,
        lazy #[doc = "The role on offer."] role: OrgRole = Role,
        lazy #[doc = "Where it stands."] status: InvitationStatus = Status,
        lazy #[doc = "When it was sent."] created_at: chrono::DateTime<chrono::Utc> = CreatedAt,
        lazy #[doc = "After this it cannot be accepted."] expires_at: chrono::DateTime<chrono::Utc> = ExpiresAt,
        lazy #[doc = "When it was accepted."] accepted_at: Option<chrono::DateTime<chrono::Utc>> = AcceptedAt,
    }
}

impl OrgRow for InvitationRow {
    fn org_id(&self) -> Option<OrgId> {
        Some(self.org_id)
    }
}

/// Which invitations.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct InvitationFilter {
    /// In one of these states.
    pub status: Option<Vec<InvitationStatus>>,
}

fn invitations(filter: &InvitationFilter, columns: Columns<invitation::Entity>) -> List<InvitationRow> {
    let status = Expr::col((invitation::Entity, invitation::Column::Status));
    List::new(columns)
        .only(filter.status.as_ref().map(|states| status.is_in(states.iter().map(|state| state.as_str()))))
}

impl Store {
    /// Looks invitations up by id.
    pub async fn invitation_by_ids(
        &self,
        ids: &[InvitationId],
        columns: Columns<invitation::Entity>,
    ) -> Result<Vec<InvitationRow>> {
        self.by_ids(&uuids(ids), columns).await
    }

    /// A page of invitations for each organisation: none for a member who is no admin.
    pub async fn invitations_of_organizations(
        &self,
        orgs: &[OrgId],
        filter: &InvitationFilter,
        columns: Columns<invitation::Entity>,
        page: &PageRequest,
    ) -> Result<Vec<Page<InvitationRow>>> {
        let parents: Vec<_> = orgs.iter().map(|org| (org.uuid(), org.uuid())).collect();
        let org_id = Expr::col((invitation::Entity, invitation::Column::OrgId));
        self.children(&parents, invitations(filter, columns), page, |parent| vec![org_id.eq(parent.org_id)]).await
    }

    /// How many invitations of the list each organisation has.
    pub async fn invitation_counts_of_organizations(
        &self,
        orgs: &[OrgId],
        filter: &InvitationFilter,
    ) -> Result<HashMap<OrgId, i64>> {
        self.child_counts(invitations(filter, InvitationRow::keys()), "org_id", orgs).await
    }
}
