//! Accepting an invitation: looked up by sign-in, carried out by the platform's own role inside the organisation.

use chrono::{DateTime, Utc};
use entity::{
    confidential::Secret,
    enums::{InvitationStatus, MembershipStatus, OrgRole, OrganizationStatus, UserStatus},
    ids::{InvitationId, MemberRequestId, OrgId, OrgMembershipId, UserId},
    invitation, org_membership, organization, user,
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, EntityTrait, FromQueryResult, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, sea_query::Expr,
};

use crate::{error::Result, store::db::Tx};

/// An invitation, without its secret.
#[derive(Clone, Debug, FromQueryResult)]
pub struct InvitationRow {
    /// Its id.
    pub id: InvitationId,
    /// Where it was sent.
    pub email: String,
    /// The role on offer.
    pub role: OrgRole,
    /// Where it stands.
    pub status: InvitationStatus,
    /// Whether it was made for an organisation without members.
    pub first_admin: bool,
    /// Who invites; null for the command line.
    pub invited_by: Option<UserId>,
    /// After this it cannot be accepted.
    pub expires_at: DateTime<Utc>,
}

fn invitations(org: OrgId) -> sea_orm::Select<invitation::Entity> {
    use invitation::Column::{Email, ExpiresAt, FirstAdmin, Id, InvitedBy, OrgId, Role, Status};
    invitation::Entity::find()
        .select_only()
        .columns([Id, Email, Role, Status, FirstAdmin, InvitedBy, ExpiresAt])
        .filter(OrgId.eq(org))
}

/// The invitation of a token. On `Role::Identity`, which alone may compare hashes.
pub async fn invitation_lookup(tx: &Tx, org: OrgId, hash: &str) -> Result<Option<InvitationRow>> {
    let hash = invitation::Column::TokenHash.eq(Secret::new(hash.to_owned()));
    Ok(invitations(org).filter(hash).into_model().one(tx).await?)
}

/// The invitation, held until the end of the transaction. So are all those for a first admin: of several accepted at one
/// instant, one finds the organisation without members. On `Role::System`, like all that follows.
pub async fn invitation_lock(tx: &Tx, org: OrgId, id: InvitationId) -> Result<Option<InvitationRow>> {
    let held: Vec<InvitationRow> = invitations(org)
        .filter(Condition::any().add(invitation::Column::Id.eq(id)).add(invitation::Column::FirstAdmin.eq(true)))
        .order_by_asc(invitation::Column::Id)
        .lock_exclusive()
        .into_model()
        .all(tx)
        .await?;
    Ok(held.into_iter().find(|row| row.id == id))
}

/// Marks an invitation as accepted; `false` when it does not wait any more.
pub async fn invitation_accept(tx: &Tx, org: OrgId, id: InvitationId, now: DateTime<Utc>) -> Result<bool> {
    let done = invitation::Entity::update_many()
        .col_expr(invitation::Column::Status, Expr::value(InvitationStatus::Accepted))
        .col_expr(invitation::Column::AcceptedAt, Expr::value(now))
        .filter(invitation::Column::OrgId.eq(org))
        .filter(invitation::Column::Id.eq(id))
        .filter(invitation::Column::Status.eq(InvitationStatus::Pending))
        .exec(tx)
        .await?;
    Ok(done.rows_affected == 1)
}

/// The organisation's name, if it is served.
pub async fn organization_served(tx: &Tx, org: OrgId) -> Result<Option<String>> {
    Ok(organization::Entity::find()
        .select_only()
        .column(organization::Column::Name)
        .filter(organization::Column::Id.eq(org))
        .filter(organization::Column::Status.eq(OrganizationStatus::Active))
        .into_tuple()
        .one(tx)
        .await?)
}

/// What an account is now: whether it is active, and whether a super-admin's.
pub async fn account_state(tx: &Tx, user: UserId) -> Result<Option<(UserStatus, bool)>> {
    Ok(user::Entity::find()
        .select_only()
        .columns([user::Column::Status, user::Column::IsSuperAdmin])
        .filter(user::Column::Id.eq(user))
        .into_tuple()
        .one(tx)
        .await?)
}

/// A membership.
#[derive(Clone, Copy, Debug, FromQueryResult)]
pub struct MemberRow {
    /// Its id.
    pub id: OrgMembershipId,
    /// The role.
    pub role: OrgRole,
    /// Whether it grants it.
    pub status: MembershipStatus,
}

/// A user's membership, which nobody changes until the end of the transaction.
pub async fn member_lock(tx: &Tx, org: OrgId, user: UserId) -> Result<Option<MemberRow>> {
    use org_membership::Column::{Id, OrgId, Role, Status, UserId};
    Ok(org_membership::Entity::find()
        .select_only()
        .columns([Id, Role, Status])
        .filter(OrgId.eq(org))
        .filter(UserId.eq(user))
        .lock_exclusive()
        .into_model()
        .one(tx)
        .await?)
}

/// How many memberships the organisation has, in whatever state; of admins alone, or all.
pub async fn member_count(tx: &Tx, org: OrgId, admins: bool) -> Result<u64> {
    let mut all = org_membership::Entity::find().filter(org_membership::Column::OrgId.eq(org));
    if admins {
        all = all.filter(org_membership::Column::Role.eq(OrgRole::Admin));
    }
    Ok(all.count(tx).await?)
}

/// What a membership becomes when an invitation is accepted.
#[derive(Clone, Copy, Debug)]
pub struct Joining {
    /// The organisation.
    pub org: OrgId,
    /// Who joins.
    pub user: UserId,
    /// The role, and whether it holds already.
    pub role: OrgRole,
    /// Active, or waiting for an admin of the organisation.
    pub status: MembershipStatus,
    /// What waits, and since when.
    pub wish: Option<(MemberRequestId, DateTime<Utc>)>,
    /// The super-admin whose wish it is.
    pub requested_by: Option<UserId>,
}

impl Joining {
    /// `role` and `pending_role` as stored: what waits grants nothing, and the row says so twice.
    fn roles(self) -> (OrgRole, Option<OrgRole>) {
        match self.status {
            MembershipStatus::Active => (self.role, None),
            _ => (OrgRole::Member, Some(self.role)),
        }
    }
}

/// Makes a membership.
pub async fn member_create(tx: &Tx, id: OrgMembershipId, joining: Joining, now: DateTime<Utc>) -> Result<()> {
    let (role, pending_role) = joining.roles();
    let row = org_membership::ActiveModel {
        org_id: Set(joining.org),
        id: Set(id),
        user_id: Set(joining.user),
        role: Set(role),
        status: Set(joining.status),
        pending_role: Set(pending_role),
        requested_by: Set(joining.requested_by),
        request_id: Set(joining.wish.map(|(id, _)| id)),
        requested_at: Set(joining.wish.map(|(_, at)| at)),
        last_used_at: Set(None),
        created_at: Set(now),
        updated_at: Set(now),
    };
    org_membership::Entity::insert(row).exec_without_returning(tx).await?;
    Ok(())
}

/// Changes the membership of somebody who was there before.
pub async fn member_update(tx: &Tx, id: OrgMembershipId, joining: Joining, now: DateTime<Utc>) -> Result<()> {
    let (role, pending_role) = joining.roles();
    org_membership::Entity::update_many()
        .col_expr(org_membership::Column::Role, Expr::value(role))
        .col_expr(org_membership::Column::Status, Expr::value(joining.status))
        .col_expr(org_membership::Column::PendingRole, Expr::value(pending_role))
        .col_expr(org_membership::Column::RequestedBy, Expr::value(joining.requested_by))
        .col_expr(org_membership::Column::RequestId, Expr::value(joining.wish.map(|(id, _)| id)))
        .col_expr(org_membership::Column::RequestedAt, Expr::value(joining.wish.map(|(_, at)| at)))
        .col_expr(org_membership::Column::UpdatedAt, Expr::value(now))
        .filter(org_membership::Column::OrgId.eq(joining.org))
        .filter(org_membership::Column::Id.eq(id))
        .exec(tx)
        .await?;
    Ok(())
}
