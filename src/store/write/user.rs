//! Accounts, as operators manage them and their owners name them.

use chrono::{DateTime, Utc};
use entity::{
    enums::UserStatus,
    ids::{OrgId, UserId},
    org_membership, user,
};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, LockType},
};

use super::member;
use crate::{
    error::{Error, Result},
    policy::{
        AccountFacts,
        permit::{Action, AppointSuperAdmin, CreateUser, ManageUser, Permit, RenameUser},
    },
    store::{
        auth::account::{self, NewAccount},
        db::Tx,
        fold,
    },
};

/// An account, without its secret.
#[derive(Clone, Debug, FromQueryResult)]
pub struct AccountState {
    /// The user.
    pub id: UserId,
    /// The address.
    pub email: String,
    /// Whether it may sign in.
    pub status: UserStatus,
    /// Whether it is a platform operator's.
    pub is_super_admin: bool,
}

fn accounts() -> sea_orm::Select<user::Entity> {
    use user::Column::{Email, Id, IsSuperAdmin, Status};
    user::Entity::find().select_only().columns([Id, Email, Status, IsSuperAdmin])
}

/// Makes an account that can do nothing until its owner has set a password.
pub async fn user_create(
    tx: &Tx,
    _permit: &Permit<CreateUser>,
    id: UserId,
    email: String,
    name: String,
    now: DateTime<Utc>,
) -> Result<()> {
    account::account_create(tx, NewAccount { id, email, name, password_hash: None }, now).await
}

/// The account as it is now.
pub async fn user_lookup<A: Action<On = AccountFacts>>(tx: &Tx, permit: &Permit<A>) -> Result<AccountState> {
    user_by_id(tx, permit.key()).await
}

pub(in crate::store) async fn user_by_id(tx: &Tx, user: UserId) -> Result<AccountState> {
    accounts().filter(user::Column::Id.eq(user)).into_model().one(tx).await?.ok_or(Error::NotFound)
}

/// An account, and the other super-admins. None of them changes until the end of the transaction.
#[derive(Clone, Debug)]
pub struct LockedAccount {
    /// The account.
    pub account: AccountState,
    /// How many other super-admins may sign in.
    pub other_super_admins: usize,
}

/// Holds the account and every super-admin's: of two who put each other out at one instant, one finds nobody left.
pub async fn user_lock<A: Action<On = AccountFacts>>(tx: &Tx, permit: &Permit<A>) -> Result<LockedAccount> {
    let id = permit.key();
    let held: Vec<AccountState> = accounts()
        .filter(Condition::any().add(user::Column::Id.eq(id)).add(user::Column::IsSuperAdmin.eq(true)))
        .order_by_asc(user::Column::Id)
        .lock(LockType::NoKeyUpdate)
        .into_model()
        .all(tx)
        .await?;
    let (account, others): (Vec<_>, Vec<_>) = held.into_iter().partition(|account| account.id == id);
    let account = account.into_iter().next().ok_or(Error::NotFound)?;
    let other_super_admins =
        others.iter().filter(|other| other.is_super_admin && other.status == UserStatus::Active).count();
    Ok(LockedAccount { account, other_super_admins })
}

/// The organisations that the account belongs to, or is asked for, in order. Read across organisations: operators may.
pub async fn user_organizations<A: Action<On = AccountFacts>>(tx: &Tx, permit: &Permit<A>) -> Result<Vec<OrgId>> {
    Ok(org_membership::Entity::find()
        .select_only()
        .column(org_membership::Column::OrgId)
        .filter(org_membership::Column::UserId.eq(permit.key()))
        .filter(member::present())
        .order_by_asc(org_membership::Column::OrgId)
        .into_tuple()
        .all(tx)
        .await?)
}

/// Whether `org` would be left without an admin who may sign in, if the account were closed. Holds the organisation's
/// admins; the transaction has entered it.
pub async fn user_is_last_admin(tx: &Tx, permit: &Permit<ManageUser>, org: OrgId) -> Result<bool> {
    let user = permit.key();
    let held = member::lock(tx, org, user).await?;
    Ok(held.is_some_and(|member| member.is_admin()) && member::other_admins(tx, org, user).await? == 0)
}

/// Changes the name.
pub async fn user_rename(tx: &Tx, permit: &Permit<RenameUser>, name: String, now: DateTime<Utc>) -> Result<()> {
    let done = user::Entity::update_many()
        .col_expr(user::Column::NameFolded, Expr::value(fold(&name)))
        .col_expr(user::Column::Name, Expr::value(name))
        .col_expr(user::Column::UpdatedAt, Expr::value(now))
        .filter(user::Column::Id.eq(permit.key()))
        .exec(tx)
        .await?;
    if done.rows_affected == 1 { Ok(()) } else { Err(Error::NotFound) }
}

/// Changes whether the account may sign in.
pub async fn user_set_status(
    tx: &Tx,
    permit: &Permit<ManageUser>,
    status: UserStatus,
    now: DateTime<Utc>,
) -> Result<()> {
    user::Entity::update_many()
        .col_expr(user::Column::Status, Expr::value(status))
        .col_expr(user::Column::UpdatedAt, Expr::value(now))
        .filter(user::Column::Id.eq(permit.key()))
        .exec(tx)
        .await?;
    Ok(())
}

/// Makes or unmakes a super-admin.
pub async fn user_set_super_admin(
    tx: &Tx,
    permit: &Permit<AppointSuperAdmin>,
    is_super_admin: bool,
    now: DateTime<Utc>,
) -> Result<()> {
    user::Entity::update_many()
        .col_expr(user::Column::IsSuperAdmin, Expr::value(is_super_admin))
        .col_expr(user::Column::UpdatedAt, Expr::value(now))
        .filter(user::Column::Id.eq(permit.key()))
        .exec(tx)
        .await?;
    Ok(())
}
