//! Invitations, as they are sent and taken back. Accepting is sign-in's: `store::auth::invitation`.

use chrono::{DateTime, Utc};
use entity::{
    confidential::Secret,
    enums::{InvitationStatus, OrgRole},
    ids::{InvitationId, UserId},
    invitation,
};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, sea_query::Expr};

use crate::{
    error::Result,
    policy::permit::{ManageMembers, Permit},
    store::db::Tx,
};

/// An invitation to be written.
#[derive(Clone, Debug)]
pub struct InvitationDraft {
    /// Its id.
    pub id: InvitationId,
    /// Where it goes, in the stored spelling.
    pub email: String,
    /// The role on offer.
    pub role: OrgRole,
    /// Whether it makes the first admin of an organisation that holds nothing.
    pub first_admin: bool,
    /// SHA-256 of its token.
    pub token_hash: Secret,
    /// Who invites.
    pub invited_by: Option<UserId>,
    /// After this it cannot be accepted.
    pub expires_at: DateTime<Utc>,
}

/// Writes an invitation, and takes back an earlier one of the same inviter to the same address: one token works.
pub async fn invitation_create(
    tx: &Tx,
    permit: &Permit<ManageMembers>,
    draft: InvitationDraft,
    now: DateTime<Utc>,
) -> Result<()> {
    let org = permit.key();
    invitation::Entity::update_many()
        .col_expr(invitation::Column::Status, Expr::value(InvitationStatus::Revoked))
        .filter(invitation::Column::OrgId.eq(org))
        .filter(invitation::Column::Email.eq(draft.email.as_str()))
        .filter(invitation::Column::InvitedBy.eq(draft.invited_by))
        .filter(invitation::Column::Status.eq(InvitationStatus::Pending))
        .exec(tx)
        .await?;
    let row = invitation::ActiveModel {
        org_id: Set(org),
        id: Set(draft.id),
        email: Set(draft.email),
        role: Set(draft.role),
        status: Set(InvitationStatus::Pending),
        first_admin: Set(draft.first_admin),
        token_hash: Set(draft.token_hash),
        invited_by: Set(draft.invited_by),
        expires_at: Set(draft.expires_at),
        created_at: Set(now),
        accepted_at: Set(None),
    };
    invitation::Entity::insert(row).exec_without_returning(tx).await?;
    Ok(())
}

/// Takes an invitation back; `false` when it does not wait any more.
pub async fn invitation_revoke(tx: &Tx, permit: &Permit<ManageMembers>, id: InvitationId) -> Result<bool> {
    let done = invitation::Entity::update_many()
        .col_expr(invitation::Column::Status, Expr::value(InvitationStatus::Revoked))
        .filter(invitation::Column::OrgId.eq(permit.key()))
        .filter(invitation::Column::Id.eq(id))
        .filter(invitation::Column::Status.eq(InvitationStatus::Pending))
        .exec(tx)
        .await?;
    Ok(done.rows_affected == 1)
}
