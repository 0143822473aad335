//! Counters of failed sign-ins.

use chrono::{DateTime, Utc};
use entity::login_throttle;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter};

use super::sql;
use crate::{error::Result, store::db::Tx};

/// A counter after it was raised.
#[derive(Clone, Copy, Debug, FromQueryResult)]
pub struct ThrottleRow {
    /// Attempts in the present window, this one among them.
    pub failures: i32,
    /// When the window began.
    pub window_started_at: DateTime<Utc>,
}

/// One statement, so that of any number of attempts at one instant each gets a number of its own. It stops counting far
/// above every limit.
const RAISE: &str = "INSERT INTO login_throttles (key, failures, window_started_at) VALUES ($1, 1, $2) \
     ON CONFLICT (key) DO UPDATE SET \
     failures = CASE WHEN login_throttles.window_started_at <= $3 THEN 1 \
       WHEN login_throttles.failures >= 1000000 THEN login_throttles.failures \
       ELSE login_throttles.failures + 1 END, \
     window_started_at = CASE WHEN login_throttles.window_started_at <= $3 THEN excluded.window_started_at \
       ELSE login_throttles.window_started_at END \
     RETURNING failures, window_started_at";

/// Counts an attempt. A window that began at `outdated` or before is over, and a new one begins.
pub async fn throttle_raise(
    tx: &Tx,
    key: &str,
    now: DateTime<Utc>,
    outdated: DateTime<Utc>,
) -> Result<Option<ThrottleRow>> {
    let raise = sql(tx, RAISE, [key.into(), now.into(), outdated.into()]);
    Ok(ThrottleRow::find_by_statement(raise).one(tx).await?)
}

/// Takes one attempt back: it was no failure.
pub async fn throttle_lower(tx: &Tx, key: &str) -> Result<()> {
    let lower = "UPDATE login_throttles SET failures = failures - 1 WHERE key = $1 AND failures > 0";
    tx.execute_raw(sql(tx, lower, [key.into()])).await?;
    Ok(())
}

/// Forgets all attempts.
pub async fn throttle_reset(tx: &Tx, key: &str) -> Result<()> {
    login_throttle::Entity::delete_by_id(key.to_owned()).exec(tx).await?;
    Ok(())
}

/// Removes counters whose window is over.
pub async fn throttle_sweep(tx: &Tx, outdated: DateTime<Utc>) -> Result<u64> {
    let over = login_throttle::Column::WindowStartedAt.lte(outdated);
    Ok(login_throttle::Entity::delete_many().filter(over).exec(tx).await?.rows_affected)
}
