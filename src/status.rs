//! Where goals, tasks, approval requests, chats and workers may go from where they stand: plain data.
//!
//! Every write that moves one asks here, under the row's lock. What is not listed is illegal: the write is refused as a
//! conflict and changes nothing.
//!
//! ```
//! use entity::enums::GoalStatus;
//! use palisade::status::State as _;
//!
//! assert!(GoalStatus::Running.may_become(GoalStatus::Cancelled));
//! assert!(!GoalStatus::Completed.may_become(GoalStatus::Cancelled));
//! ```

use std::fmt::Debug;

use chrono::{DateTime, TimeDelta, Utc};
use entity::enums::{ApprovalStatus, ChatSessionStatus, GoalStatus, TaskStatus, WorkerStatus};

/// A state that something moves through.
pub trait State: Copy + Debug + Eq + 'static {
    /// All of them.
    const EVERY: &'static [Self];
    /// The states in which its life ends.
    const FINAL: &'static [Self];
    /// The ordinary steps. Beside them, [`State::FROM_ANY_ACTIVE`] is reached from every state that is not final.
    const STEPS: &'static [(Self, Self)];
    /// What every state that is not final may become.
    const FROM_ANY_ACTIVE: &'static [Self];

    /// Whether its life has ended.
    fn is_final(self) -> bool {
        Self::FINAL.contains(&self)
    }

    /// Whether the step is legal.
    fn may_become(self, next: Self) -> bool {
        Self::STEPS.contains(&(self, next)) || (!self.is_final() && Self::FROM_ANY_ACTIVE.contains(&next))
    }

    /// The states from which `next` is reached.
    fn before(next: Self) -> impl Iterator<Item = Self> {
        Self::EVERY.iter().copied().filter(move |state| state.may_become(next))
    }
}

impl State for GoalStatus {
    const EVERY: &'static [Self] = Self::ALL;
    const FINAL: &'static [Self] = &[Self::Completed, Self::Failed, Self::Rejected, Self::Cancelled];
    const STEPS: &'static [(Self, Self)] = &[
        (Self::Pending, Self::Planning),
        (Self::Planning, Self::AwaitingApproval),
        // Where no plan approval is asked.
        (Self::Planning, Self::Running),
        (Self::AwaitingApproval, Self::Running),
        (Self::AwaitingApproval, Self::Rejected),
        (Self::Running, Self::Completed),
    ];
    const FROM_ANY_ACTIVE: &'static [Self] = &[Self::Failed, Self::Cancelled];
}

impl State for TaskStatus {
    const EVERY: &'static [Self] = Self::ALL;
    const FINAL: &'static [Self] = &[Self::Completed, Self::DeadLetter, Self::Cancelled];
    const STEPS: &'static [(Self, Self)] = &[
        (Self::Created, Self::Pending),
        (Self::Pending, Self::Queued),
        (Self::Queued, Self::Scheduled),
        (Self::Scheduled, Self::Running),
        // A lease was lost.
        (Self::Scheduled, Self::Queued),
        (Self::Running, Self::Queued),
        (Self::Running, Self::Completed),
        (Self::Running, Self::Failed),
        // A risky step.
        (Self::Running, Self::AwaitingApproval),
        (Self::AwaitingApproval, Self::Running),
        (Self::AwaitingApproval, Self::Failed),
        // With retries left, or without.
        (Self::Failed, Self::Queued),
        (Self::Failed, Self::DeadLetter),
        // `retryTask`.
        (Self::DeadLetter, Self::Queued),
    ];
    const FROM_ANY_ACTIVE: &'static [Self] = &[Self::Cancelled];
}

impl State for ApprovalStatus {
    const EVERY: &'static [Self] = Self::ALL;
    const FINAL: &'static [Self] = &[Self::Approved, Self::Rejected, Self::Cancelled, Self::Expired];
    const STEPS: &'static [(Self, Self)] =
        &[(Self::Pending, Self::Approved), (Self::Pending, Self::Rejected), (Self::Pending, Self::Expired)];
    const FROM_ANY_ACTIVE: &'static [Self] = &[Self::Cancelled];
}

/// How long approval requests wait for decisions.
#[derive(Clone, Copy, Debug)]
pub struct ApprovalWaits {
    /// A plan.
    pub plan: TimeDelta,
    /// A risky step, where its worker names no time.
    pub risky_task: TimeDelta,
}

impl Default for ApprovalWaits {
    fn default() -> Self {
        Self { plan: TimeDelta::days(7), risky_task: TimeDelta::hours(24) }
    }
}

impl ApprovalWaits {
    /// When something that is opened now and waits for so long expires; never, for a time beyond all dates.
    pub fn deadline(now: DateTime<Utc>, wait: TimeDelta) -> Option<DateTime<Utc>> {
        now.checked_add_signed(wait)
    }
}

impl State for ChatSessionStatus {
    const EVERY: &'static [Self] = Self::ALL;
    const FINAL: &'static [Self] = &[Self::Closed, Self::Expired];
    const STEPS: &'static [(Self, Self)] = &[(Self::Open, Self::Closed), (Self::Open, Self::Expired)];
    const FROM_ANY_ACTIVE: &'static [Self] = &[];
}

/// When chats end by themselves, and for how long what was said in them is kept.
#[derive(Clone, Copy, Debug)]
pub struct ChatRules {
    /// How long a chat stays open in which nobody says anything, where whoever started it named no time.
    pub expires_after: TimeDelta,
    /// How long messages are kept after their chat has ended; for ever without it.
    pub retention: Option<TimeDelta>,
}

impl Default for ChatRules {
    fn default() -> Self {
        Self { expires_after: TimeDelta::days(30), retention: Some(TimeDelta::days(365)) }
    }
}

impl State for WorkerStatus {
    const EVERY: &'static [Self] = Self::ALL;
    const FINAL: &'static [Self] = &[];
    const STEPS: &'static [(Self, Self)] = &[
        (Self::Active, Self::Draining),
        (Self::Active, Self::Offline),
        (Self::Draining, Self::Offline),
        // It was heard of again.
        (Self::Offline, Self::Active),
    ];
    const FROM_ANY_ACTIVE: &'static [Self] = &[];
}

/// For how long a worker's claim holds, and when a task that failed is tried again.
#[derive(Clone, Copy, Debug)]
pub struct TaskRules {
    /// How long a worker is believed to be alive, and its claims hold, without a heartbeat.
    pub lease: TimeDelta,
    /// The pause before the first retry; each further one is twice as long.
    pub retry_delay: TimeDelta,
    /// The longest pause.
    pub retry_delay_most: TimeDelta,
}

impl Default for TaskRules {
    fn default() -> Self {
        Self {
            lease: TimeDelta::seconds(30),
            retry_delay: TimeDelta::seconds(5),
            retry_delay_most: TimeDelta::minutes(15),
        }
    }
}

impl TaskRules {
    /// The pause before another try of a task that was tried again `retries` times.
    pub fn pause(&self, retries: i32) -> TimeDelta {
        let doubled = u32::try_from(retries).ok().and_then(|times| 2_i32.checked_pow(times));
        doubled
            .and_then(|times| self.retry_delay.checked_mul(times))
            .map_or(self.retry_delay_most, |pause| Ord::min(pause, self.retry_delay_most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every legal step of a goal, written out a second time: a step too many or too few shows.
    #[test]
    fn a_goal_takes_these_steps_and_no_other() {
        use GoalStatus::{AwaitingApproval, Cancelled, Completed, Failed, Pending, Planning, Rejected, Running};
        let legal = |from| match from {
            Pending => vec![Planning, Failed, Cancelled],
            Planning => vec![AwaitingApproval, Running, Failed, Cancelled],
            AwaitingApproval => vec![Running, Rejected, Failed, Cancelled],
            Running => vec![Completed, Failed, Cancelled],
            Completed | Failed | Rejected | Cancelled => vec![],
        };
        for from in GoalStatus::ALL {
            for to in GoalStatus::ALL {
                assert_eq!(from.may_become(*to), legal(*from).contains(to), "{from:?} to {to:?}");
            }
        }
    }

    #[test]
    fn a_task_takes_these_steps_and_no_other() {
        use TaskStatus::{
            AwaitingApproval, Cancelled, Completed, Created, DeadLetter, Failed, Pending, Queued, Running, Scheduled,
        };
        let legal = |from| match from {
            Created => vec![Pending, Cancelled],
            Pending => vec![Queued, Cancelled],
            Queued => vec![Scheduled, Cancelled],
            Scheduled => vec![Running, Queued, Cancelled],
            Running => vec![Completed, Failed, AwaitingApproval, Queued, Cancelled],
            AwaitingApproval => vec![Running, Failed, Cancelled],
            Failed => vec![Queued, DeadLetter, Cancelled],
            DeadLetter => vec![Queued],
            Completed | Cancelled => vec![],
        };
        for from in TaskStatus::ALL {
            for to in TaskStatus::ALL {
                assert_eq!(from.may_become(*to), legal(*from).contains(to), "{from:?} to {to:?}");
            }
        }
    }

    #[test]
    fn a_worker_takes_these_steps_and_no_other() {
        use WorkerStatus::{Active, Draining, Offline};
        let legal = |from| match from {
            Active => vec![Draining, Offline],
            Draining => vec![Offline],
            Offline => vec![Active],
        };
        for from in WorkerStatus::ALL {
            for to in WorkerStatus::ALL {
                assert_eq!(from.may_become(*to), legal(*from).contains(to), "{from:?} to {to:?}");
            }
        }
    }

    #[test]
    fn a_chat_ends_once() {
        for from in ChatSessionStatus::ALL {
            for to in ChatSessionStatus::ALL {
                let open = *from == ChatSessionStatus::Open;
                assert_eq!(from.may_become(*to), open && to != from, "{from:?} to {to:?}");
            }
        }
    }

    #[test]
    fn each_pause_is_twice_the_last_up_to_the_longest() {
        let rules = TaskRules::default();
        let pauses = [0, 1, 2, 3, 7, 8, 31, 32, i32::MAX].map(|retries| rules.pause(retries).num_seconds());
        assert_eq!(pauses, [5, 10, 20, 40, 640, 900, 900, 900, 900]);
    }

    #[test]
    fn only_a_pending_request_is_decided() {
        for from in ApprovalStatus::ALL {
            for to in ApprovalStatus::ALL {
                assert_eq!(
                    from.may_become(*to),
                    *from == ApprovalStatus::Pending && *to != *from,
                    "{from:?} to {to:?}"
                );
            }
        }
    }
}
