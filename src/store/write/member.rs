//! Memberships, as they are asked for, confirmed, changed and ended.

use chrono::{DateTime, TimeDelta, Utc};
use entity::{
    agent, agent_admin, agent_collaborator,
    enums::{InvitationStatus, MembershipStatus, OrgRole, UserStatus},
    ids::{MemberRequestId, OrgId, OrgMembershipId, UserId},
    invitation, org_membership, team_membership, user,
};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect,
    TryGetable,
    sea_query::{Asterisk, Expr, ExprTrait, Func, LockType, Query, SelectStatement},
};

use super::user::{AccountState, user_by_id};
use crate::{
    error::{Error, Result},
    policy::{
        facts::Protected,
        permit::{Action, AddMember, ConfirmMember, ManageMembers, Permit},
    },
    store::{auth::mail, db::Tx},
};

/// A membership.
#[derive(Clone, Copy, Debug, FromQueryResult)]
pub struct MemberState {
    /// Its id.
    pub id: OrgMembershipId,
    /// The member.
    pub user_id: UserId,
    /// The role that it grants while it is active.
    pub role: OrgRole,
    /// Whether it grants it.
    pub status: MembershipStatus,
    /// A role that waits for confirmation.
    pub pending_role: Option<OrgRole>,
    /// The request for it.
    pub request_id: Option<MemberRequestId>,
    /// When that was made.
    pub requested_at: Option<DateTime<Utc>>,
}

impl MemberState {
    /// Whether it makes an admin.
    pub fn is_admin(&self) -> bool {
        self.status == MembershipStatus::Active && self.role == OrgRole::Admin
    }

    /// Whether it is over, with nothing asked for anew.
    pub fn is_over(&self) -> bool {
        self.status == MembershipStatus::Left && self.pending_role.is_none()
    }
}

/// A membership that is not over, or that somebody asks to begin again.
pub(in crate::store) fn present() -> Condition {
    Condition::any()
        .add(org_membership::Column::Status.ne(MembershipStatus::Left))
        .add(org_membership::Column::PendingRole.is_not_null())
}

/// Holds a user's membership, if there is one that is not over, and those of the organisation's admins: of two who take
/// the last two admins away at one instant, one waits here and then finds one left.
pub async fn member_lock<A: Action<On: Protected<Key = OrgId>>>(
    tx: &Tx,
    permit: &Permit<A>,
    user: UserId,
) -> Result<Option<MemberState>> {
    lock(tx, permit.key(), user).await
}

pub(in crate::store) async fn lock(tx: &Tx, org: OrgId, user: UserId) -> Result<Option<MemberState>> {
    use org_membership::Column::{Id, OrgId, PendingRole, RequestId, RequestedAt, Role, Status, UserId};
    let admins = Condition::all().add(Status.eq(MembershipStatus::Active)).add(Role.eq(OrgRole::Admin));
    let held: Vec<MemberState> = org_membership::Entity::find()
        .select_only()
        .columns([Id, UserId, Role, Status, PendingRole, RequestId, RequestedAt])
        .filter(OrgId.eq(org))
        .filter(Condition::any().add(UserId.eq(user)).add(admins))
        .order_by_asc(Id)
        .lock(LockType::Update)
        .into_model()
        .all(tx)
        .await?;
    Ok(held.into_iter().find(|member| member.user_id == user))
}

/// How many admins who may sign in the organisation has besides `user`. Asked after [`member_lock`], in a statement of
/// its own: one that waited for a lock still sees other tables as they were before.
pub async fn member_other_admins(tx: &Tx, permit: &Permit<ManageMembers>, user: UserId) -> Result<i64> {
    other_admins(tx, permit.key(), user).await
}

pub(in crate::store) async fn other_admins(tx: &Tx, org: OrgId, but: UserId) -> Result<i64> {
    let mut select = admins(org);
    select
        .expr(Func::count(Expr::col(Asterisk)))
        .and_where(user::Column::Status.eq(UserStatus::Active))
        .and_where(user::Column::Id.ne(but));
    let row = tx.query_one(&select).await?.ok_or_else(|| Error::internal("a count without a row"))?;
    Ok(i64::try_get_by_index(&row, 0)?)
}

/// Whether the organisation has no admin who may sign in.
pub async fn member_admins_absent(tx: &Tx, org: OrgId) -> Result<bool> {
    let mut select = admins(org);
    select.expr(Expr::val(1)).and_where(user::Column::Status.eq(UserStatus::Active)).limit(1);
    Ok(tx.query_one(&select).await?.is_none())
}

/// The organisation's admins, those who are suspended too, and where they are reached. Who closed their account is none
/// any more.
pub async fn member_admins(tx: &Tx, org: OrgId) -> Result<Vec<(UserId, String)>> {
    let mut select = admins(org);
    select
        .columns([(user::Entity, user::Column::Id), (user::Entity, user::Column::Email)])
        .and_where(user::Column::Status.ne(UserStatus::Deactivated))
        .order_by((user::Entity, user::Column::Id), sea_orm::Order::Asc);
    let rows = tx.query_all(&select).await?;
    rows.iter().map(|row| Ok((UserId::try_get_by_index(row, 0)?, String::try_get_by_index(row, 1)?))).collect()
}

/// A request that waits for an answer.
#[derive(Clone, Debug)]
pub struct OpenRequest {
    /// Which one.
    pub id: MemberRequestId,
    /// Whom it is about.
    pub email: String,
    /// What they are to be.
    pub role: OrgRole,
}

/// The organisation's requests that somebody else than `but` may answer.
pub async fn member_open_requests(tx: &Tx, org: OrgId, but: UserId) -> Result<Vec<OpenRequest>> {
    use org_membership::{Column, Entity};
    let mut select = Query::select();
    select
        .columns([(Entity, Column::RequestId), (Entity, Column::PendingRole)])
        .column((user::Entity, user::Column::Email))
        .from(Entity)
        .inner_join(user::Entity, Expr::col((Entity, Column::UserId)).equals((user::Entity, user::Column::Id)))
        .and_where(Column::OrgId.eq(org))
        .and_where(Column::UserId.ne(but))
        .and_where(Column::RequestId.is_not_null())
        .and_where(Column::PendingRole.is_not_null())
        .order_by((Entity, Column::Id), sea_orm::Order::Asc);
    let rows = tx.query_all(&select).await?;
    let read = |row: &sea_orm::QueryResult| {
        Ok(OpenRequest {
            id: MemberRequestId::try_get_by_index(row, 0)?,
            role: OrgRole::try_get_by_index(row, 1)?,
            email: String::try_get_by_index(row, 2)?,
        })
    };
    rows.iter().map(read).collect()
}

/// Whether a request was made longer ago than `wait`, and every admin who is one now was sent a mail about it longer ago
/// than that. On `Role::System`, which alone reads the outbox.
pub async fn member_request_waited(
    tx: &Tx,
    permit: &Permit<ConfirmMember>,
    member: &MemberState,
    now: DateTime<Utc>,
    wait: TimeDelta,
) -> Result<bool> {
    let (Some(request), Some(at)) = (member.request_id, member.requested_at) else { return Ok(false) };
    if at + wait > now {
        return Ok(false);
    }
    let admins: Vec<UserId> = member_admins(tx, permit.key()).await?.into_iter().map(|(id, _)| id).collect();
    mail::mail_told(tx, request, &admins, now, wait).await
}

fn admins(org: OrgId) -> SelectStatement {
    use org_membership::{Column, Entity};
    Query::select()
        .from(Entity)
        .inner_join(user::Entity, Expr::col((Entity, Column::UserId)).equals((user::Entity, user::Column::Id)))
        .and_where(Column::OrgId.eq(org))
        .and_where(Column::Status.eq(MembershipStatus::Active))
        .and_where(Column::Role.eq(OrgRole::Admin))
        .to_owned()
}

/// The account of somebody who is or is to be a member.
pub async fn member_account<A: Action<On: Protected<Key = OrgId>>>(
    tx: &Tx,
    _permit: &Permit<A>,
    user: UserId,
) -> Result<AccountState> {
    user_by_id(tx, user).await
}

/// What a super-admin asks for.
#[derive(Clone, Copy, Debug)]
pub struct Wish {
    /// Its name. Another wish for the same person has another one: what was told of this one holds for no other.
    pub id: MemberRequestId,
    /// The role.
    pub role: OrgRole,
    /// Who asks.
    pub by: Option<UserId>,
    /// When.
    pub at: DateTime<Utc>,
}

/// Asks for a membership where there never was one. It grants nothing: the column `status` is left to its default, since
/// the role of operators may not write it.
pub async fn member_request_new(
    tx: &Tx,
    permit: &Permit<AddMember>,
    id: OrgMembershipId,
    user: UserId,
    wish: Wish,
) -> Result<()> {
    let row = org_membership::ActiveModel {
        org_id: Set(permit.key()),
        id: Set(id),
        user_id: Set(user),
        role: Set(OrgRole::Member),
        pending_role: Set(Some(wish.role)),
        requested_by: Set(wish.by),
        request_id: Set(Some(wish.id)),
        requested_at: Set(Some(wish.at)),
        created_at: Set(wish.at),
        updated_at: Set(wish.at),
        ..Default::default()
    };
    org_membership::Entity::insert(row).exec_without_returning(tx).await?;
    Ok(())
}

/// Asks for another role, or for somebody's return.
pub async fn member_request<A: Action<On: Protected<Key = OrgId>>>(
    tx: &Tx,
    permit: &Permit<A>,
    id: OrgMembershipId,
    wish: Wish,
) -> Result<()> {
    change(permit.key(), id, wish.at)
        .col_expr(org_membership::Column::PendingRole, Expr::value(Some(wish.role)))
        .col_expr(org_membership::Column::RequestedBy, Expr::value(wish.by))
        .col_expr(org_membership::Column::RequestId, Expr::value(Some(wish.id)))
        .col_expr(org_membership::Column::RequestedAt, Expr::value(Some(wish.at)))
        .exec(tx)
        .await?;
    Ok(())
}

fn change(org: OrgId, id: OrgMembershipId, now: DateTime<Utc>) -> sea_orm::UpdateMany<org_membership::Entity> {
    org_membership::Entity::update_many()
        .col_expr(org_membership::Column::UpdatedAt, Expr::value(now))
        .filter(org_membership::Column::OrgId.eq(org))
        .filter(org_membership::Column::Id.eq(id))
}

/// The same, with nothing asked for any more.
fn settle(org: OrgId, id: OrgMembershipId, now: DateTime<Utc>) -> sea_orm::UpdateMany<org_membership::Entity> {
    change(org, id, now)
        .col_expr(org_membership::Column::PendingRole, Expr::value(None::<OrgRole>))
        .col_expr(org_membership::Column::RequestedBy, Expr::value(None::<UserId>))
        .col_expr(org_membership::Column::RequestId, Expr::value(None::<MemberRequestId>))
        .col_expr(org_membership::Column::RequestedAt, Expr::value(None::<DateTime<Utc>>))
}

/// Sets an active member's role. Whoever is no admin any more has no invitations out, and gets none back on return.
pub async fn member_set_role(
    tx: &Tx,
    permit: &Permit<ManageMembers>,
    member: MemberState,
    role: OrgRole,
    now: DateTime<Utc>,
) -> Result<()> {
    let org = permit.key();
    settle(org, member.id, now).col_expr(org_membership::Column::Role, Expr::value(role)).exec(tx).await?;
    if role != OrgRole::Admin {
        revoke_invitations_of(tx, org, member.user_id).await?;
    }
    Ok(())
}

/// Makes what was asked for so: an active membership with this role.
pub async fn member_confirm(
    tx: &Tx,
    permit: &Permit<ConfirmMember>,
    member: MemberState,
    role: OrgRole,
    now: DateTime<Utc>,
) -> Result<()> {
    settle(permit.key(), member.id, now)
        .col_expr(org_membership::Column::Status, Expr::value(MembershipStatus::Active))
        .col_expr(org_membership::Column::Role, Expr::value(role))
        .exec(tx)
        .await?;
    Ok(())
}

/// Refuses what was asked for: who is a member stays what they are, who is none is none.
pub async fn member_refuse(
    tx: &Tx,
    permit: &Permit<ConfirmMember>,
    member: MemberState,
    now: DateTime<Utc>,
) -> Result<()> {
    let status = match member.status {
        MembershipStatus::Active => MembershipStatus::Active,
        MembershipStatus::Pending | MembershipStatus::Left => MembershipStatus::Left,
    };
    settle(permit.key(), member.id, now).col_expr(org_membership::Column::Status, Expr::value(status)).exec(tx).await?;
    Ok(())
}

/// Ends a membership and all that hung on it: teams, collaborations, agent-admin posts, invitations that are out. The
/// leaver's agents stay, without an owner: the organisation's admins have them. The role goes, too, so that a return
/// grants only what is given then.
pub async fn member_leave(
    tx: &Tx,
    permit: &Permit<ManageMembers>,
    member: MemberState,
    now: DateTime<Utc>,
) -> Result<()> {
    let (org, user) = (permit.key(), member.user_id);
    team_membership::Entity::delete_many()
        .filter(team_membership::Column::OrgId.eq(org))
        .filter(team_membership::Column::UserId.eq(user))
        .exec(tx)
        .await?;
    agent_collaborator::Entity::delete_many()
        .filter(agent_collaborator::Column::OrgId.eq(org))
        .filter(agent_collaborator::Column::UserId.eq(user))
        .exec(tx)
        .await?;
    agent_admin::Entity::delete_many()
        .filter(agent_admin::Column::OrgId.eq(org))
        .filter(agent_admin::Column::UserId.eq(user))
        .exec(tx)
        .await?;
    agent::Entity::update_many()
        .col_expr(agent::Column::OwnerId, Expr::value(None::<UserId>))
        .col_expr(agent::Column::UpdatedAt, Expr::value(now))
        .filter(agent::Column::OrgId.eq(org))
        .filter(agent::Column::OwnerId.eq(user))
        .exec(tx)
        .await?;
    revoke_invitations_of(tx, org, user).await?;
    settle(org, member.id, now)
        .col_expr(org_membership::Column::Status, Expr::value(MembershipStatus::Left))
        .col_expr(org_membership::Column::Role, Expr::value(OrgRole::Member))
        .exec(tx)
        .await?;
    Ok(())
}

async fn revoke_invitations_of(tx: &Tx, org: OrgId, inviter: UserId) -> Result<()> {
    invitation::Entity::update_many()
        .col_expr(invitation::Column::Status, Expr::value(InvitationStatus::Revoked))
        .filter(invitation::Column::OrgId.eq(org))
        .filter(invitation::Column::InvitedBy.eq(inviter))
        .filter(invitation::Column::Status.eq(InvitationStatus::Pending))
        .exec(tx)
        .await?;
    Ok(())
}
