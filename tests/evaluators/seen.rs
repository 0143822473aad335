//! What a run came across: a generator that makes nothing worth a look would agree with everything.
#![expect(clippy::print_stdout, reason = "how much was tried is read with the test")]

use std::collections::BTreeMap;

const PAIRS: usize = 10_000;

/// What a run saw: how often each kind of object was answered how.
#[derive(Default)]
pub struct Seen {
    pub pairs: usize,
    pub rows: BTreeMap<(String, bool), usize>,
    pub answers: BTreeMap<(String, &'static str), usize>,
    pub viewers: BTreeMap<&'static str, usize>,
}

impl Seen {
    /// A generator that makes nothing worth a look would agree with everything.
    pub fn suffices(&self) {
        println!("{} pairs; viewers {:?}", self.pairs, self.viewers);
        assert!(self.pairs >= PAIRS, "{} pairs", self.pairs);
        let kinds: Vec<&String> = self.rows.keys().map(|(kind, _)| kind).collect();
        for kind in &kinds {
            for visible in [true, false] {
                assert!(self.rows.contains_key(&((*kind).clone(), visible)), "no {kind} was ever visible: {visible}");
            }
        }
        assert!(self.rows.len() == 27 * 2, "{:?}", self.rows.keys());
        for kind in ["Agent", "Goal", "Approval", "Chat", "Team", "User", "Org"] {
            for outcome in ["allow", "hide", "forbid"] {
                assert!(self.answers.contains_key(&(kind.to_owned(), outcome)), "{kind} was never answered {outcome}");
            }
        }
        for kind in ["member", "scoped", "key", "operator", "outside", "nobody"] {
            assert!(self.viewers.contains_key(kind), "no {kind} ever asked");
        }
    }
}
