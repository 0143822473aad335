//! One-time links.

use chrono::{DateTime, Utc};
use entity::{
    confidential::Secret,
    enums::OneTimeTokenPurpose,
    ids::{OneTimeTokenId, UserId},
    one_time_token,
};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QuerySelect, sea_query::Expr};

use crate::{error::Result, store::db::Tx};

/// Keeps the hash of a link. On `Role::Identity`, `Role::Operator` or `Role::System`.
pub async fn one_time_token_create(tx: &Tx, row: one_time_token::Model) -> Result<()> {
    let row = one_time_token::ActiveModel {
        id: Set(row.id),
        user_id: Set(row.user_id),
        purpose: Set(row.purpose),
        token_hash: Set(row.token_hash),
        expires_at: Set(row.expires_at),
        used_at: Set(row.used_at),
        created_at: Set(row.created_at),
    };
    one_time_token::Entity::insert(row).exec_without_returning(tx).await?;
    Ok(())
}

/// The link of a hash, as long as it works: which it is and whose.
pub async fn one_time_token_lookup(
    tx: &Tx,
    purpose: OneTimeTokenPurpose,
    hash: &str,
    now: DateTime<Utc>,
) -> Result<Option<(OneTimeTokenId, UserId)>> {
    use one_time_token::Column::{ExpiresAt, Id, Purpose, TokenHash, UsedAt, UserId};
    Ok(one_time_token::Entity::find()
        .select_only()
        .columns([Id, UserId])
        .filter(TokenHash.eq(Secret::new(hash.to_owned())))
        .filter(Purpose.eq(purpose))
        .filter(UsedAt.is_null())
        .filter(ExpiresAt.gt(now))
        .into_tuple()
        .one(tx)
        .await?)
}

/// Uses a link up. Of all who try, one is told `true`.
pub async fn one_time_token_use(tx: &Tx, id: OneTimeTokenId, now: DateTime<Utc>) -> Result<bool> {
    let done = one_time_token::Entity::update_many()
        .col_expr(one_time_token::Column::UsedAt, Expr::value(now))
        .filter(one_time_token::Column::Id.eq(id))
        .filter(one_time_token::Column::UsedAt.is_null())
        .filter(one_time_token::Column::ExpiresAt.gt(now))
        .exec(tx)
        .await?;
    Ok(done.rows_affected == 1)
}

/// Uses up every link of a user: after a change of password none of the older ones may work.
pub async fn one_time_token_void(tx: &Tx, user: UserId, now: DateTime<Utc>) -> Result<()> {
    one_time_token::Entity::update_many()
        .col_expr(one_time_token::Column::UsedAt, Expr::value(now))
        .filter(one_time_token::Column::UserId.eq(user))
        .filter(one_time_token::Column::UsedAt.is_null())
        .exec(tx)
        .await?;
    Ok(())
}
