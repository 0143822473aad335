//! Accounts and their passwords.

use chrono::{DateTime, Utc};
use entity::{confidential::Secret, enums::UserStatus, ids::UserId, user};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QuerySelect, sea_query::Expr};

use crate::{error::Result, store::db::Tx};

/// An account, as sign-in sees it.
#[derive(Clone, Debug, sea_orm::FromQueryResult)]
pub struct AccountRow {
    /// The user.
    pub id: UserId,
    /// The address.
    pub email: String,
    /// Whether it may sign in.
    pub status: UserStatus,
    /// Whether it is a platform operator's.
    pub is_super_admin: bool,
    /// The password's hash, once its owner has set one.
    pub password_hash: Option<Secret>,
}

fn accounts() -> sea_orm::Select<user::Entity> {
    use user::Column::{Email, Id, IsSuperAdmin, PasswordHash, Status};
    user::Entity::find().select_only().columns([Id, Email, Status, IsSuperAdmin, PasswordHash])
}

/// The account of an address in its stored spelling.
pub async fn account_lookup(tx: &Tx, email: &str) -> Result<Option<AccountRow>> {
    Ok(accounts().filter(user::Column::Email.eq(email)).into_model().one(tx).await?)
}

/// Whose an address is, if the account may sign in. Reads no secret: also on `Role::System`.
pub async fn account_active(tx: &Tx, email: &str) -> Result<Option<UserId>> {
    Ok(user::Entity::find()
        .select_only()
        .column(user::Column::Id)
        .filter(user::Column::Email.eq(email))
        .filter(user::Column::Status.eq(UserStatus::Active))
        .into_tuple()
        .one(tx)
        .await?)
}

/// The account of a user.
pub async fn account_by_id(tx: &Tx, user: UserId) -> Result<Option<AccountRow>> {
    Ok(accounts().filter(user::Column::Id.eq(user)).into_model().one(tx).await?)
}

/// Notes a sign-in, and says whether the hash that was verified is still the account's and the account still active. It
/// holds the row from then on: a change of password that comes after it will see the session, one that came before has
/// changed the hash.
pub async fn account_sign_in(tx: &Tx, user: UserId, verified: &Secret, now: DateTime<Utc>) -> Result<bool> {
    let done = user::Entity::update_many()
        .col_expr(user::Column::LastLoginAt, Expr::value(now))
        .filter(user::Column::Id.eq(user))
        .filter(user::Column::Status.eq(UserStatus::Active))
        .filter(user::Column::PasswordHash.eq(verified.clone()))
        .exec(tx)
        .await?;
    Ok(done.rows_affected == 1)
}

/// Sets the password of an active account; `expected` is the hash that must still be there. Says whether it did.
pub async fn password_update(
    tx: &Tx,
    user: UserId,
    expected: Option<&Secret>,
    hash: Secret,
    now: DateTime<Utc>,
) -> Result<bool> {
    let mut update = user::Entity::update_many()
        .col_expr(user::Column::PasswordHash, Expr::value(hash))
        .col_expr(user::Column::UpdatedAt, Expr::value(now))
        .filter(user::Column::Id.eq(user))
        .filter(user::Column::Status.eq(UserStatus::Active));
    if let Some(expected) = expected {
        update = update.filter(user::Column::PasswordHash.eq(expected.clone()));
    }
    Ok(update.exec(tx).await?.rows_affected == 1)
}

/// A new account.
#[derive(Clone, Debug)]
pub struct NewAccount {
    /// Its id.
    pub id: UserId,
    /// The address, in its stored spelling.
    pub email: String,
    /// The name.
    pub name: String,
    /// The password's hash; the role of operators cannot give one.
    pub password_hash: Option<Secret>,
}

/// Makes an account, active and no super-admin. On `Role::System` or `Role::Operator`.
pub async fn account_create(tx: &Tx, account: NewAccount, now: DateTime<Utc>) -> Result<()> {
    let mut row = user::ActiveModel {
        id: Set(account.id),
        email: Set(account.email),
        name_folded: Set(entity::fold::fold(&account.name)),
        name: Set(account.name),
        status: Set(UserStatus::Active),
        created_at: Set(now),
        updated_at: Set(now),
        // Not even "false": neither role may write the columns that are left out.
        ..Default::default()
    };
    if let Some(hash) = account.password_hash {
        row.password_hash = Set(Some(hash));
    }
    user::Entity::insert(row).exec_without_returning(tx).await?;
    Ok(())
}
