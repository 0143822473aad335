//! An organisation's log, read behind the streams' backs: what they ought to have said, and the moment of a revocation.
//!
//! Events are numbered in the order of their commits, a revocation's own among them. So "after the revocation" needs no clock.

use std::collections::HashMap;

use entity::ids::OrgId;
use palisade::store::audit::follow::{LogEntry, log_after, log_heads};

use super::crowd::Told;
use crate::support::world::World;

#[derive(Debug)]
pub struct Log {
    entries: Vec<LogEntry>,
    positions: HashMap<String, i64>,
}

/// How far a log reaches now.
pub async fn head(world: &World, org: OrgId) -> i64 {
    log_heads(&world.database, &[org]).await.unwrap()[&org]
}

impl Log {
    /// What followed this position.
    pub async fn after(world: &World, org: OrgId, mut position: i64) -> Self {
        let mut entries = Vec::new();
        loop {
            let more = log_after(&world.database, org, position, 500).await.unwrap();
            let Some(last) = more.last() else { break };
            position = last.sequence;
            entries.extend(more);
        }
        let positions = entries.iter().map(|entry| (entry.id.to_string(), entry.sequence)).collect();
        Self { entries, positions }
    }

    /// The place of an event that a stream told of.
    pub fn place(&self, told: &Told) -> i64 {
        let place = self.positions.get(&told.id);
        *place.unwrap_or_else(|| panic!("of another log, or none: {told:?}"))
    }

    /// The place of the last event of this kind about this subject.
    pub fn last(&self, kind: &str, subject: &str) -> i64 {
        let mut found = self.entries.iter().rev();
        let found = found.find(|entry| entry.kind == kind && entry.subject_id.as_deref() == Some(subject));
        found.unwrap_or_else(|| panic!("no {kind} of {subject}")).sequence
    }

    /// Asserts that of what somebody sees a stream said everything from its first event to `end`, in order and once.
    pub fn assert_whole(&self, who: &str, told: &[Told], end: i64, sees: impl Fn(&LogEntry) -> bool) {
        let places: Vec<i64> = told.iter().map(|told| self.place(told)).collect();
        let places: Vec<i64> = places.into_iter().take_while(|place| *place <= end).collect();
        let first = *places.first().unwrap_or_else(|| panic!("{who} was told nothing"));
        let all = self.entries.iter().filter(|entry| (first..=end).contains(&entry.sequence) && sees(entry));
        let all: Vec<i64> = all.map(|entry| entry.sequence).collect();
        assert_eq!(places, all, "{who}");
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }
}
