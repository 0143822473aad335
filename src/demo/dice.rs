//! Chance that repeats itself: a seeded generator of numbers, ids and filled-in texts.
//!
//! The numbers are written out here (SplitMix64) and not taken from a crate, whose next version may throw differently:
//! the same seed and the same `now` make the same platform, whatever else changes.

use chrono::{DateTime, TimeDelta, Utc};
use entity::ids::TypedId;

/// A seeded source of chance.
#[derive(Clone, Debug)]
pub(super) struct Dice {
    state: u64,
    made: u32,
}

impl Dice {
    pub(super) const fn new(seed: u64) -> Self {
        Self { state: seed, made: 0 }
    }

    const fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = self.state;
        let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from `low` to `high`, both included.
    pub(super) fn between(&mut self, low: i64, high: i64) -> i64 {
        let span = u64::try_from(high - low).map_or(1, |span| span + 1);
        low + i64::try_from(self.next() % span).unwrap_or(0)
    }

    /// True in so many of a hundred cases.
    pub(super) fn percent(&mut self, chance: i64) -> bool {
        self.between(0, 99) < chance
    }

    /// One of `choices`, which must not be empty.
    pub(super) fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        let last = i64::try_from(choices.len()).unwrap_or(1) - 1;
        &choices[usize::try_from(self.between(0, last)).unwrap_or(0)]
    }

    /// A span between so many seconds, to the microsecond.
    pub(super) fn seconds(&mut self, low: i64, high: i64) -> TimeDelta {
        TimeDelta::microseconds(self.between(low * 1_000_000, high * 1_000_000))
    }

    /// A UUIDv7 of the instant `at`: ids sort as their rows were made, to the microsecond and then by turn.
    pub(super) fn id<I: TypedId>(&mut self, at: DateTime<Utc>) -> I {
        self.made += 1;
        let micros = u16::try_from(at.timestamp_subsec_micros() % 1000).unwrap_or(0);
        let mut random = [0; 10];
        random[..2].copy_from_slice(&micros.to_be_bytes());
        // The first two bits are the variant's, so that 30 of the turn count.
        random[2..6].copy_from_slice(&self.made.to_be_bytes());
        let [a, b, c, d, ..] = self.next().to_be_bytes();
        random[6..].copy_from_slice(&[a, b, c, d]);
        let millis = u64::try_from(at.timestamp_millis()).unwrap_or(0);
        I::from_uuid(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
    }

    /// So many random bytes as hex: a token's hash of which nobody knows the token, a salt.
    pub(super) fn hex(&mut self, bytes: usize) -> String {
        (0..bytes).map(|_| format!("{:02x}", self.next() & 0xff)).collect()
    }
}

/// What stands for the `$words` of a text.
#[derive(Clone, Debug, Default)]
pub(super) struct Words(Vec<(&'static str, String)>);

impl Words {
    /// With one more word, or another meaning of it.
    pub(super) fn with(mut self, word: &'static str, meaning: impl Into<String>) -> Self {
        self.0.retain(|(known, _)| *known != word);
        self.0.push((word, meaning.into()));
        self
    }

    /// With the times that `other` names.
    pub(super) fn dated(self, other: &Self) -> Self {
        let times = other.0.iter().filter(|(word, _)| matches!(*word, "period" | "week" | "date"));
        times.fold(self, |words, (word, meaning)| words.with(word, meaning.as_str()))
    }

    /// `text` with its `$words` written out. A word that is not known stays, and a test finds it.
    pub(super) fn fill(&self, text: &str) -> String {
        let mut filled = String::with_capacity(text.len() + 64);
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            filled.push_str(&rest[..at]);
            let tail = &rest[at + 1..];
            let end = tail.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(tail.len());
            match self.0.iter().find(|(word, _)| *word == &tail[..end]) {
                Some((_, meaning)) => filled.push_str(meaning),
                None => filled.push_str(&rest[at..=at + end]),
            }
            rest = &tail[end..];
        }
        filled.push_str(rest);
        filled
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use entity::ids::GoalId;

    #[test]
    fn words_are_written_out_and_unknown_ones_stay() {
        let words = Words::default().with("org", "Acme").with("item", "x").with("item", "y");
        assert_eq!(words.fill("$org: $item, $item$org; costs $5 or $what"), "Acme: y, yAcme; costs $5 or $what");
    }

    #[test]
    fn ids_sort_by_their_instant_and_then_by_turn() {
        let mut dice = Dice::new(1);
        let at = DateTime::from_timestamp_micros(1_700_000_000_000_000).unwrap();
        let ids: Vec<GoalId> =
            [0, 0, 1, 2, 999, 1000, 1000].map(|micros| dice.id(at + TimeDelta::microseconds(micros))).to_vec();
        assert!(ids.is_sorted());
        assert_eq!(ids[0].uuid().get_version_num(), 7);
    }

    #[test]
    fn the_same_seed_throws_the_same() {
        let throws = || {
            let mut dice = Dice::new(7);
            (dice.between(-5, 5), dice.hex(4), dice.percent(50), *dice.pick(&[1, 2, 3]))
        };
        assert_eq!(throws(), throws());
    }
}
