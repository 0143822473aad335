//! Refused mutations in the audit log.
//!
//! A refusal is recorded after the rollback, in a transaction of its own: in the viewer's organisation, an operator's in
//! the platform's log. Whoever is signed in nowhere has no log. It is no live event: streams leave it out.
//!
//! Each viewer has a number of records a minute, kept in this process: a client that is refused in a loop fills neither
//! the log nor the disk, and the next record says how many were left out.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;

use super::Context;
use crate::{
    error::Result,
    store::audit::record::Record,
    viewer::{Actor, Viewer},
};

/// What happened to a field of a mutation.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refusal {
    /// The mutation.
    pub mutation: String,
    /// The code that it was answered with.
    pub code: String,
    /// The argument that was wrong.
    pub field: Option<String>,
}

/// The kind of the record. Subscriptions leave it out.
pub const KIND: &str = crate::store::audit::follow::REFUSED;
/// Records of one viewer in one window.
pub const PER_WINDOW: u32 = 30;
const WINDOW: TimeDelta = TimeDelta::minutes(1);
/// Viewers remembered; the oldest windows go first.
const VIEWERS: usize = 10_000;

/// How much each viewer has had recorded of late.
#[derive(Debug, Default)]
pub struct RefusalLog(Mutex<HashMap<Actor, Window>>);

#[derive(Clone, Copy, Debug)]
struct Window {
    began: DateTime<Utc>,
    recorded: u32,
    left_out: u32,
}

impl RefusalLog {
    /// Records what was refused, as far as the viewer's number reaches.
    pub async fn record(&self, cx: Context<'_>, refusals: &[Refusal]) -> Result<()> {
        if !matches!(cx.viewer, Viewer::Anonymous | Viewer::Unaffiliated(_)) {
            let records = self.admit(cx.viewer.actor(), cx.clock.now(), refusals);
            if !records.is_empty() {
                cx.store.refusals_record(cx.clock, records).await?;
            }
        }
        Ok(())
    }

    fn admit(&self, actor: Actor, now: DateTime<Utc>, refusals: &[Refusal]) -> Vec<Record> {
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if windows.len() >= VIEWERS && !windows.contains_key(&actor) {
            windows.retain(|_, window| now - window.began < WINDOW);
            if windows.len() >= VIEWERS {
                windows.clear();
            }
        }
        let window = windows.entry(actor).or_insert(Window { began: now, recorded: 0, left_out: 0 });
        if now - window.began >= WINDOW {
            *window = Window { began: now, recorded: 0, ..*window };
        }
        let mut records = Vec::new();
        for refusal in refusals {
            if window.recorded == PER_WINDOW {
                window.left_out = window.left_out.saturating_add(1);
                continue;
            }
            window.recorded += 1;
            let left_out = std::mem::take(&mut window.left_out);
            let mut payload = json!({ "mutation": refusal.mutation, "code": refusal.code });
            if let Some(field) = &refusal.field {
                payload["field"] = json!(field);
            }
            if left_out > 0 {
                payload["leftOutBefore"] = json!(left_out);
            }
            records.push(Record { kind: KIND, subject_id: None, payload: Some(payload) });
        }
        records
    }
}

#[cfg(test)]
mod tests {
    use entity::ids::{TypedId, UserId};
    use uuid::Uuid;

    use super::*;

    fn actor(n: u128) -> Actor {
        Actor::User(UserId::from_uuid(Uuid::from_u128(n)))
    }

    fn refusals(count: usize) -> Vec<Refusal> {
        vec![Refusal { mutation: "cancelGoal".to_owned(), code: "FORBIDDEN".to_owned(), field: None }; count]
    }

    #[test]
    fn a_viewer_has_a_number_of_records_a_minute_and_the_next_says_how_many_were_left_out() {
        let (log, now) = (RefusalLog::default(), DateTime::from_timestamp(1_700_000_000, 0).unwrap());
        assert_eq!(log.admit(actor(1), now, &refusals(40)).len(), PER_WINDOW as usize);
        assert!(log.admit(actor(1), now + TimeDelta::seconds(59), &refusals(2)).is_empty());
        assert_eq!(log.admit(actor(2), now, &refusals(1)).len(), 1);
        let next = log.admit(actor(1), now + WINDOW, &refusals(2));
        assert_eq!(next[0].payload.as_ref().unwrap()["leftOutBefore"], 12);
        assert!(next[1].payload.as_ref().unwrap().get("leftOutBefore").is_none());
    }

    #[test]
    fn more_viewers_than_are_remembered_do_not_fill_the_memory() {
        let (log, now) = (RefusalLog::default(), DateTime::from_timestamp(1_700_000_000, 0).unwrap());
        for n in 0..(VIEWERS as u128 * 2 + 1) {
            assert_eq!(log.admit(actor(n), now, &refusals(1)).len(), 1);
        }
        assert!(log.0.lock().unwrap().len() <= VIEWERS);
    }
}
