//! Time and ids, passed in rather than taken: tests fix both, and two worlds that differ in one thing stay alike in the rest.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use entity::ids::TypedId;
use uuid::Uuid;

/// Tells the time and makes ids.
#[derive(Clone)]
pub struct Clock(Arc<Source>);

enum Source {
    System,
    Fixed { start: DateTime<Utc>, ticks: AtomicU64, step: TimeDelta },
}

impl Clock {
    /// The machine's clock and random UUIDv7.
    pub fn system() -> Self {
        Self(Arc::new(Source::System))
    }

    /// Starts at `start` and moves by `step` each time an id is made; ids follow from the count. For tests and seeds,
    /// where the same run must make the same world.
    pub fn fixed(start: DateTime<Utc>, step: TimeDelta) -> Self {
        Self(Arc::new(Source::Fixed { start: to_micros(start), ticks: AtomicU64::new(0), step }))
    }

    /// Now, cut to microseconds: PostgreSQL keeps no more, and the two databases must answer alike.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    pub fn now(&self) -> DateTime<Utc> {
        match &*self.0 {
            Source::System => to_micros(Utc::now()),
            Source::Fixed { start, ticks, step } => {
                let ticks = i32::try_from(ticks.load(Ordering::Relaxed)).unwrap_or(i32::MAX);
                *start + *step * ticks
            }
        }
    }

    /// A new id that sorts after the earlier ones.
    #[expect(clippy::disallowed_methods, reason = "the one place that makes ids")]
    pub fn id<I: TypedId>(&self) -> I {
        I::from_uuid(match &*self.0 {
            Source::System => Uuid::now_v7(),
            Source::Fixed { ticks, .. } => {
                let tick = ticks.fetch_add(1, Ordering::Relaxed);
                let millis = u64::try_from(self.now().timestamp_millis()).unwrap_or(0);
                let mut random = [0; 10];
                random[2..].copy_from_slice(&tick.to_be_bytes());
                uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
            }
        })
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::system()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match *self.0 {
            Source::System => "Clock(system)",
            Source::Fixed { .. } => "Clock(fixed)",
        })
    }
}

fn to_micros(time: DateTime<Utc>) -> DateTime<Utc> {
    // Fails only for times outside the years 1677 to 2262, which then keep their nanoseconds.
    time.duration_trunc(TimeDelta::microseconds(1)).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use super::*;
    use entity::ids::GoalId;

    #[test]
    fn the_system_clock_has_no_nanoseconds() {
        assert_eq!(Clock::system().now().timestamp_subsec_nanos() % 1000, 0);
    }

    #[test]
    fn a_fixed_clock_makes_the_same_ids_again_and_in_order() {
        let clock = || Clock::fixed(DateTime::UNIX_EPOCH, TimeDelta::seconds(1));
        let (a, b) = (clock(), clock());
        let ids: Vec<GoalId> = (0..3).map(|_| a.id()).collect();
        assert_eq!(ids, (0..3).map(|_| b.id()).collect::<Vec<GoalId>>());
        assert!(ids.is_sorted());
        assert_eq!(a.now(), DateTime::UNIX_EPOCH + TimeDelta::seconds(3));
    }
}
