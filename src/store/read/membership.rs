//! Memberships of organisations.

use std::collections::HashMap;

use entity::{
    enums::{MembershipStatus, OrgRole},
    ids::{OrgId, OrgMembershipId, TypedId, UserId},
    org_membership,
};
use sea_orm::{
    ConnectionTrait,
    sea_query::{Expr, ExprTrait},
};

use super::user::present_condition;
use crate::error::{Error, Result};
use crate::store::{
    List, OrgRow, Store, any_of,
    db::Role,
    list::{
        page::{Page, PageRequest},
        row::{Columns, Row, row},
    },
    uuids,
};

row! {
    /// A membership, with the columns that were asked for.
    MembershipRow of org_membership {
        key #[doc = "The organisation."] org_id: OrgId = OrgId,
        key #[doc = "The membership."] id: OrgMembershipId = Id,
        key #[doc = "The member."] user_id: UserId = UserId,
        key #[doc = "The role that it grants."] role: OrgRole = Role,
        key #[doc = "Whether it grants anything."] status: MembershipStatus = Status,
        key #[doc = "A role that waits for confirmation."] pending_role: Option<OrgRole> = PendingRole,
        key #[doc = "The super-admin who asked for it."] requested_by: Option<UserId> = RequestedBy,
        lazy #[doc = "When the user joined."] created_at: chrono::DateTime<chrono::Utc> = CreatedAt,
    }
}

impl OrgRow for MembershipRow {
    fn org_id(&self) -> Option<OrgId> {
        Some(self.org_id)
    }
}

impl MembershipRow {
    /// The status as members see it: a request for somebody who had left shows as pending.
    pub const fn shown_status(&self) -> MembershipStatus {
        match (self.status, self.pending_role) {
            (MembershipStatus::Left, Some(_)) => MembershipStatus::Pending,
            (status, _) => status,
        }
    }
}

/// Which members.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct MemberFilter {
    /// With one of these roles.
    pub role: Option<Vec<OrgRole>>,
    /// In one of these states; without it, everybody who has not left.
    pub status: Option<Vec<MembershipStatus>>,
}

fn members(filter: &MemberFilter, columns: Columns<org_membership::Entity>) -> List<MembershipRow> {
    use org_membership::{Column, Entity};
    let col = |column| Expr::col((Entity, column));
    let left_for_good = col(Column::Status).eq(MembershipStatus::Left.as_str()).and(col(Column::PendingRole).is_null());
    let status = match &filter.status {
        Some(states) => col(Column::Status).is_in(states.iter().map(|state| state.as_str())),
        None => left_for_good.not(),
    };
    List::new(columns)
        .only(Some(status))
        .only(filter.role.as_ref().map(|roles| col(Column::Role).is_in(roles.iter().map(|role| role.as_str()))))
}

impl Store {
    /// A page of members for each organisation.
    pub async fn member_list(
        &self,
        orgs: &[OrgId],
        filter: &MemberFilter,
        columns: Columns<org_membership::Entity>,
        page: &PageRequest,
    ) -> Result<Vec<Page<MembershipRow>>> {
        let parents: Vec<_> = orgs.iter().map(|org| (org.uuid(), org.uuid())).collect();
        let org_id = Expr::col((org_membership::Entity, org_membership::Column::OrgId));
        self.children(&parents, members(filter, columns), page, |parent| vec![org_id.eq(parent.org_id)]).await
    }

    /// How many members each organisation has.
    pub async fn member_counts(&self, orgs: &[OrgId], filter: &MemberFilter) -> Result<HashMap<OrgId, i64>> {
        self.child_counts(members(filter, MembershipRow::keys()), "org_id", orgs).await
    }

    /// The memberships that the viewer sees of each user: those in its own organisation, or all for an operator.
    pub async fn memberships_of(
        &self,
        users: &[UserId],
        columns: Columns<org_membership::Entity>,
    ) -> Result<Vec<MembershipRow>> {
        let scope = self.scope()?;
        let columns = scope.project(columns);
        let mut select = scope.find::<org_membership::Entity>(columns);
        let user_id = Expr::col((org_membership::Entity, org_membership::Column::UserId));
        select.and_where(any_of(user_id, &uuids(users), self.db.backend()));
        select.order_by((org_membership::Entity, org_membership::Column::Id), sea_orm::Order::Asc);
        self.rows(&select, columns).await
    }

    /// Every organisation that the viewer itself belongs to. Read by `identity`, alone of all roles allowed to look
    /// across organisations, and for the viewer's own account only; for one that came by an external token, those alone that
    /// let its issuer in.
    pub async fn memberships_own(&self) -> Result<Vec<(MembershipRow, super::organization::OrganizationRow)>> {
        use entity::organization;
        use org_membership::{Column, Entity};
        let Some(user_id) = self.viewer.user_id() else { return Err(Error::Unauthenticated) };
        let columns = MembershipRow::columns(["createdAt"]);
        let org_columns =
            super::organization::OrganizationRow::columns(["name", "slug", "status", "createdAt", "updatedAt"]);
        let mut select = sea_orm::sea_query::Query::select();
        select.from(Entity).inner_join(
            organization::Entity,
            Expr::col((Entity, Column::OrgId)).equals((organization::Entity, organization::Column::Id)),
        );
        for column in columns.iter() {
            select.column((Entity, column));
        }
        for column in org_columns.iter() {
            select.column((organization::Entity, column));
        }
        select
            .and_where(Expr::col((Entity, Column::UserId)).eq(user_id))
            .and_where(present_condition())
            .order_by((Entity, Column::OrgId), sea_orm::Order::Asc);
        if let Some(external) = self.viewer.account().and_then(|account| account.external()) {
            use entity::organization_issuer as issuer;
            let mut lets_in = sea_orm::sea_query::Query::select();
            lets_in
                .expr(Expr::val(1))
                .from(issuer::Entity)
                .and_where(Expr::col((issuer::Entity, issuer::Column::OrgId)).equals((Entity, Column::OrgId)))
                .and_where(Expr::col((issuer::Entity, issuer::Column::Issuer)).eq(&*external.issuer));
            select.and_where(Expr::exists(lets_in));
        }
        let tx = self.db.begin_read(Role::Identity, None).await?;
        let mut rows = Vec::new();
        for row in tx.query_all(&select).await? {
            rows.push((
                MembershipRow::read(&row, columns, 0)?,
                super::organization::OrganizationRow::read(&row, org_columns, columns.len())?,
            ));
        }
        Ok(rows)
    }
}
