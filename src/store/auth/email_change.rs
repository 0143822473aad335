//! Changes of addresses: asked for and looked up by sign-in, carried out by the platform's own role, which tells the logs
//! of the account's organisations.

use chrono::{DateTime, Utc};
use entity::{
    email_change,
    ids::{EmailChangeId, OrgId, UserId},
    org_membership, user,
};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, LockType},
};

use crate::{error::Result, store::db::Tx};

/// Which of the two links.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Side {
    /// The one sent to the address until now.
    Old,
    /// The one sent to the address asked for.
    New,
}

/// A change that waits.
#[derive(Clone, Debug, FromQueryResult)]
pub struct EmailChangeRow {
    /// Which one.
    pub id: EmailChangeId,
    /// Whose address.
    pub user_id: UserId,
    /// The address when it was asked for.
    pub old_email: String,
    /// The address asked for.
    pub new_email: String,
    /// When the old address's link was opened.
    pub old_opened_at: Option<DateTime<Utc>>,
    /// When the new address's link was opened.
    pub new_opened_at: Option<DateTime<Utc>>,
}

/// Keeps the two hashes. On `Role::Identity` or `Role::System`.
pub async fn email_change_create(tx: &Tx, row: email_change::Model) -> Result<()> {
    let row = email_change::ActiveModel {
        id: Set(row.id),
        user_id: Set(row.user_id),
        old_email: Set(row.old_email),
        new_email: Set(row.new_email),
        old_token_hash: Set(row.old_token_hash),
        new_token_hash: Set(row.new_token_hash),
        old_opened_at: Set(row.old_opened_at),
        new_opened_at: Set(row.new_opened_at),
        expires_at: Set(row.expires_at),
        ended_at: Set(row.ended_at),
        created_at: Set(row.created_at),
    };
    email_change::Entity::insert(row).exec_without_returning(tx).await?;
    Ok(())
}

fn waiting(now: DateTime<Utc>) -> Condition {
    Condition::all().add(email_change::Column::EndedAt.is_null()).add(email_change::Column::ExpiresAt.gt(now))
}

/// Which change of the user's a link belongs to, and which of its two it is, as long as it works. On `Role::Identity`,
/// which alone may compare hashes.
pub async fn email_change_lookup(
    tx: &Tx,
    user: UserId,
    hash: &str,
    now: DateTime<Utc>,
) -> Result<Option<(EmailChangeId, Side)>> {
    use email_change::Column::{Id, NewTokenHash, OldTokenHash, UserId};
    let hash = entity::confidential::Secret::new(hash.to_owned());
    let found: Option<(EmailChangeId, bool)> = email_change::Entity::find()
        .select_only()
        .column(Id)
        .expr(OldTokenHash.eq(hash.clone()))
        .filter(Condition::any().add(OldTokenHash.eq(hash.clone())).add(NewTokenHash.eq(hash)))
        .filter(UserId.eq(user))
        .filter(waiting(now))
        .into_tuple()
        .one(tx)
        .await?;
    Ok(found.map(|(id, old)| (id, if old { Side::Old } else { Side::New })))
}

/// The organisations whose logs are told, in order. On `Role::Identity`, which alone looks across them.
pub async fn email_change_organizations(tx: &Tx, user: UserId) -> Result<Vec<OrgId>> {
    Ok(org_membership::Entity::find()
        .select_only()
        .column(org_membership::Column::OrgId)
        .filter(org_membership::Column::UserId.eq(user))
        .filter(org_membership::Column::Status.eq(entity::enums::MembershipStatus::Active))
        .order_by_asc(org_membership::Column::OrgId)
        .into_tuple()
        .all(tx)
        .await?)
}

/// Makes every change of a user void that still waits.
pub async fn email_change_void(tx: &Tx, user: UserId, now: DateTime<Utc>) -> Result<()> {
    email_change::Entity::update_many()
        .col_expr(email_change::Column::EndedAt, Expr::value(now))
        .filter(email_change::Column::UserId.eq(user))
        .filter(email_change::Column::EndedAt.is_null())
        .exec(tx)
        .await?;
    Ok(())
}

/// Removes changes that can no longer be confirmed.
pub async fn email_change_sweep(tx: &Tx, now: DateTime<Utc>) -> Result<()> {
    let over = email_change::Column::ExpiresAt.lte(now);
    email_change::Entity::delete_many().filter(over).exec(tx).await?;
    Ok(())
}

/// The change, which nobody else carries out until the end of the transaction. On `Role::System`, like all that follows.
pub async fn email_change_lock(tx: &Tx, id: EmailChangeId, now: DateTime<Utc>) -> Result<Option<EmailChangeRow>> {
    use email_change::Column::{Id, NewEmail, NewOpenedAt, OldEmail, OldOpenedAt, UserId};
    Ok(email_change::Entity::find()
        .select_only()
        .columns([Id, UserId, OldEmail, NewEmail, OldOpenedAt, NewOpenedAt])
        .filter(Id.eq(id))
        .filter(waiting(now))
        .lock(LockType::NoKeyUpdate)
        .into_model()
        .one(tx)
        .await?)
}

/// Notes that a link was opened.
pub async fn email_change_open(tx: &Tx, id: EmailChangeId, side: Side, now: DateTime<Utc>) -> Result<()> {
    let column = match side {
        Side::Old => email_change::Column::OldOpenedAt,
        Side::New => email_change::Column::NewOpenedAt,
    };
    email_change::Entity::update_many()
        .col_expr(column, Expr::value(now))
        .filter(email_change::Column::Id.eq(id))
        .filter(column.is_null())
        .exec(tx)
        .await?;
    Ok(())
}

/// Holds the account, before anything else of it is held.
pub async fn account_hold(tx: &Tx, user: UserId) -> Result<()> {
    let _: Option<UserId> = user::Entity::find()
        .select_only()
        .column(user::Column::Id)
        .filter(user::Column::Id.eq(user))
        .lock(LockType::NoKeyUpdate)
        .into_tuple()
        .one(tx)
        .await?;
    Ok(())
}

/// Changes the address of an active account, if it still is what it was when that was asked for. Says whether it did.
pub async fn email_update(tx: &Tx, change: &EmailChangeRow, now: DateTime<Utc>) -> Result<bool> {
    let done = user::Entity::update_many()
        .col_expr(user::Column::Email, Expr::value(change.new_email.as_str()))
        .col_expr(user::Column::UpdatedAt, Expr::value(now))
        .filter(user::Column::Id.eq(change.user_id))
        .filter(user::Column::Email.eq(change.old_email.as_str()))
        .filter(user::Column::Status.eq(entity::enums::UserStatus::Active))
        .exec(tx)
        .await?;
    Ok(done.rows_affected == 1)
}
