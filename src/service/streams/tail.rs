//! The last stretch of a log, read once for all its readers.
//!
//! A reader that is further behind than the stretch reads the table itself until it has caught up.

use std::collections::VecDeque;

use entity::ids::OrgId;
use tokio::sync::watch;

use super::Hub;
use crate::{
    error::Result,
    store::{
        audit::follow::{LogEntry, log_after},
        db::Database,
    },
};

const UNKNOWN: i64 = -1;
/// Entries read in one statement.
const CHUNK: usize = 256;
/// Entries that are kept.
const KEPT: usize = 512;
/// Entries that a reader is given at once.
const BATCH: usize = 64;

/// The last stretch of one organisation's log.
#[derive(Debug)]
pub struct Tail {
    readers: usize,
    entries: VecDeque<LogEntry>,
    head: watch::Sender<i64>,
}

impl Tail {
    /// Where the log ends is not known yet.
    fn new() -> Self {
        Self { readers: 0, entries: VecDeque::new(), head: watch::Sender::new(UNKNOWN) }
    }

    /// Begins at `sequence`, unless it has begun. Answers the last position that is known.
    pub fn begin(&mut self, sequence: i64) -> i64 {
        self.head.send_if_modified(|head| {
            let begins = *head == UNKNOWN;
            if begins {
                *head = sequence;
            }
            begins
        });
        self.head()
    }

    /// The last position that is known.
    fn head(&self) -> i64 {
        *self.head.borrow()
    }

    /// Takes in what follows, and wakes the readers.
    pub fn grow(&mut self, entries: Vec<LogEntry>) {
        let mut head = self.head();
        for entry in entries {
            // Two reads may overlap.
            if entry.sequence == head + 1 {
                head = entry.sequence;
                self.entries.push_back(entry);
            }
        }
        let surplus = self.entries.len().saturating_sub(KEPT);
        self.entries.drain(..surplus);
        self.head.send_if_modified(|known| std::mem::replace(known, head) != head);
    }

    /// What follows `position`; none when that has left the stretch.
    fn after(&self, position: i64) -> Option<Vec<LogEntry>> {
        if self.head() != UNKNOWN && position >= self.head() {
            return Some(Vec::new());
        }
        let first = self.entries.front()?.sequence;
        let skip = usize::try_from(position + 1 - first).ok()?;
        Some(self.entries.iter().skip(skip).take(BATCH).cloned().collect())
    }
}

/// Reads a stretch of the table.
pub async fn read(db: &Database, org: OrgId, position: i64) -> Result<Vec<LogEntry>> {
    log_after(db, org, position, CHUNK as u64).await
}

/// A place in an organisation's log.
#[derive(Debug)]
pub struct Reader {
    hub: Hub,
    org: OrgId,
    position: i64,
    head: watch::Receiver<i64>,
}

impl Reader {
    pub(super) fn new(hub: Hub, org: OrgId, position: i64) -> Self {
        let head = {
            let mut state = hub.state();
            let tail = state.tails.entry(org).or_insert_with(Tail::new);
            tail.readers += 1;
            tail.head.subscribe()
        };
        Self { hub, org, position, head }
    }

    /// What follows in the log, once there is something. Safe to give up waiting for: nothing is passed over before
    /// [`Reader::pass`].
    pub async fn next(&mut self) -> Result<Vec<LogEntry>> {
        loop {
            self.head.mark_unchanged();
            let known = self.hub.state().tails.get(&self.org).and_then(|tail| tail.after(self.position));
            let entries = match known {
                Some(entries) => entries,
                None => log_after(&self.hub.0.db, self.org, self.position, BATCH as u64).await?,
            };
            if !entries.is_empty() {
                return Ok(entries);
            }
            // The sender lives as long as its readers do.
            let _ = self.head.changed().await;
        }
    }

    /// Goes on from after `sequence`.
    pub const fn pass(&mut self, sequence: i64) {
        self.position = sequence;
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut state = self.hub.state();
        if let Some(tail) = state.tails.get_mut(&self.org) {
            tail.readers -= 1;
            if tail.readers == 0 {
                state.tails.remove(&self.org);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use entity::ids::{EventId, TypedId as _};
    use uuid::Uuid;

    use super::*;

    fn entries(range: std::ops::RangeInclusive<i64>) -> Vec<LogEntry> {
        let entry = |sequence| LogEntry {
            sequence,
            id: EventId::from_uuid(Uuid::nil()),
            kind: "goal.submitted".to_owned(),
            subject_id: None,
        };
        range.map(entry).collect()
    }

    fn after(tail: &Tail, position: i64) -> Option<(i64, i64)> {
        let entries = tail.after(position)?;
        Some((entries.first().map_or(0, |e| e.sequence), entries.last().map_or(0, |e| e.sequence)))
    }

    #[test]
    fn a_reader_is_given_what_follows_its_place_and_nothing_else() {
        let mut tail = Tail::new();
        assert_eq!(after(&tail, 10), None);
        assert_eq!((tail.begin(10), tail.begin(12)), (10, 10));
        assert_eq!(after(&tail, 10), Some((0, 0)));
        // Somebody who begins further back finds nothing of what they want here.
        assert_eq!(after(&tail, 3), None);
        tail.grow(entries(11..=14));
        assert_eq!(after(&tail, 12), Some((13, 14)));
        assert_eq!(after(&tail, 10), Some((11, 14)));
        assert_eq!(after(&tail, 9), None);
        // Read twice, taken once.
        tail.grow(entries(13..=15));
        assert_eq!((tail.head(), tail.entries.len()), (15, 5));
    }

    #[test]
    fn a_gap_is_never_jumped() {
        let mut tail = Tail::new();
        tail.begin(10);
        tail.grow(entries(12..=14));
        assert_eq!((tail.head(), tail.entries.len()), (10, 0));
    }

    #[test]
    fn only_the_last_stretch_is_kept() {
        let mut tail = Tail::new();
        tail.begin(0);
        tail.grow(entries(1..=1000));
        assert_eq!((tail.head(), tail.entries.len()), (1000, KEPT));
        assert_eq!(after(&tail, 0), None);
        assert_eq!(after(&tail, 488), Some((489, 552)));
    }
}
