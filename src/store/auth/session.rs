//! Sessions and their chains of refresh tokens.

use chrono::{DateTime, Utc};
use entity::{
    ids::{OrgId, RefreshTokenId, SessionId, UserId},
    refresh_token, session,
};
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect, sea_query::Expr};

use super::sql;
use crate::{error::Result, store::db::Tx};

/// Begins a session.
pub async fn session_create(tx: &Tx, row: session::Model) -> Result<()> {
    let row = session::ActiveModel {
        id: Set(row.id),
        user_id: Set(row.user_id),
        org_id: Set(row.org_id),
        created_at: Set(row.created_at),
        last_used_at: Set(row.last_used_at),
        expires_at: Set(row.expires_at),
        revoked_at: Set(row.revoked_at),
    };
    session::Entity::insert(row).exec_without_returning(tx).await?;
    Ok(())
}

/// Takes the session for this transaction; says whether there is such a one.
pub async fn session_lock(tx: &Tx, id: SessionId) -> Result<bool> {
    let found: Option<SessionId> = session::Entity::find()
        .select_only()
        .column(session::Column::Id)
        .filter(session::Column::Id.eq(id))
        .lock_exclusive()
        .into_tuple()
        .one(tx)
        .await?;
    Ok(found.is_some())
}

/// Notes that the session is used, in this organisation from now on.
pub async fn session_update(tx: &Tx, id: SessionId, org: Option<OrgId>, now: DateTime<Utc>) -> Result<()> {
    session::Entity::update_many()
        .col_expr(session::Column::OrgId, Expr::value(org))
        .col_expr(session::Column::LastUsedAt, Expr::value(now))
        .filter(session::Column::Id.eq(id))
        .exec(tx)
        .await?;
    Ok(())
}

/// Ends a session.
pub async fn session_revoke(tx: &Tx, id: SessionId, now: DateTime<Utc>) -> Result<()> {
    session::Entity::update_many()
        .col_expr(session::Column::RevokedAt, Expr::value(now))
        .filter(session::Column::Id.eq(id))
        .filter(session::Column::RevokedAt.is_null())
        .exec(tx)
        .await?;
    Ok(())
}

/// Ends a user's sessions, all but `keep`. The user's row is locked already.
pub async fn session_revoke_all(tx: &Tx, user: UserId, keep: Option<SessionId>, now: DateTime<Utc>) -> Result<()> {
    let mut update = session::Entity::update_many()
        .col_expr(session::Column::RevokedAt, Expr::value(now))
        .filter(session::Column::UserId.eq(user))
        .filter(session::Column::RevokedAt.is_null());
    if let Some(keep) = keep {
        update = update.filter(session::Column::Id.ne(keep));
    }
    update.exec(tx).await?;
    Ok(())
}

/// A refresh token.
#[derive(Clone, Debug, sea_orm::FromQueryResult)]
pub struct RefreshTokenRow {
    /// Its id.
    pub id: RefreshTokenId,
    /// The session that it continues.
    pub session_id: SessionId,
    /// After this it is refused.
    pub expires_at: DateTime<Utc>,
    /// When it was used.
    pub spent_at: Option<DateTime<Utc>>,
}

/// The refresh token of a hash.
pub async fn refresh_token_lookup(tx: &Tx, hash: &str) -> Result<Option<RefreshTokenRow>> {
    use refresh_token::Column::{ExpiresAt, Id, SessionId, SpentAt, TokenHash};
    Ok(refresh_token::Entity::find()
        .select_only()
        .columns([Id, SessionId, ExpiresAt, SpentAt])
        .filter(TokenHash.eq(hash))
        .into_model()
        .one(tx)
        .await?)
}

/// Adds a link to the session's chain.
pub async fn refresh_token_create(tx: &Tx, row: refresh_token::Model) -> Result<()> {
    let row = refresh_token::ActiveModel {
        id: Set(row.id),
        session_id: Set(row.session_id),
        token_hash: Set(row.token_hash),
        expires_at: Set(row.expires_at),
        spent_at: Set(row.spent_at),
        created_at: Set(row.created_at),
    };
    refresh_token::Entity::insert(row).exec_without_returning(tx).await?;
    Ok(())
}

/// Uses a token up. Of all who try, one is told `true`.
pub async fn refresh_token_spend(tx: &Tx, id: RefreshTokenId, now: DateTime<Utc>) -> Result<bool> {
    let done = refresh_token::Entity::update_many()
        .col_expr(refresh_token::Column::SpentAt, Expr::value(now))
        .filter(refresh_token::Column::Id.eq(id))
        .filter(refresh_token::Column::SpentAt.is_null())
        .exec(tx)
        .await?;
    Ok(done.rows_affected == 1)
}

/// Uses up whatever token of the session is not used yet.
pub async fn refresh_token_spend_all(tx: &Tx, session: SessionId, now: DateTime<Utc>) -> Result<()> {
    refresh_token::Entity::update_many()
        .col_expr(refresh_token::Column::SpentAt, Expr::value(now))
        .filter(refresh_token::Column::SessionId.eq(session))
        .filter(refresh_token::Column::SpentAt.is_null())
        .exec(tx)
        .await?;
    Ok(())
}

/// Removes sessions that ended before a moment, with their tokens.
pub async fn session_sweep(tx: &Tx, before: DateTime<Utc>) -> Result<u64> {
    let ended = "SELECT id FROM sessions WHERE expires_at < $1 OR revoked_at < $1";
    let tokens = format!("DELETE FROM refresh_tokens WHERE session_id IN ({ended})");
    tx.execute_raw(sql(tx, &tokens, [before.into()])).await?;
    let sessions = "DELETE FROM sessions WHERE expires_at < $1 OR revoked_at < $1";
    Ok(tx.execute_raw(sql(tx, sessions, [before.into()])).await?.rows_affected())
}
