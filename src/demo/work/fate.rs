//! What becomes of a goal.

use chrono::TimeDelta;
use entity::enums::GoalStatus;

use crate::demo::{
    agents::Agent,
    dice::Dice,
    graph::{self, Node},
};

/// A goal's course, of which its states and times are the consequence.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Fate {
    /// Just submitted.
    Pending,
    /// A planner has it.
    Planning,
    /// Its plan waits for approval.
    AwaitingApproval,
    /// Its tasks were made this second.
    Fresh,
    /// Its tasks run.
    Running,
    /// Its tasks run, and a risky one waits for approval.
    RunningRisky,
    /// All went well.
    Completed,
    /// A task was given up.
    Failed,
    /// No plan could be made.
    FailedPlanning,
    /// Nobody decided about a risky task.
    Expired,
    /// Its plan was rejected.
    Rejected,
    /// Called off while it ran.
    Cancelled,
    /// Called off before it ran.
    CancelledEarly,
}

use Fate::*;

/// How many of a hundred goals have which fate.
const SHARES: [(Fate, usize); 13] = [
    (Pending, 3),
    (Planning, 2),
    (AwaitingApproval, 4),
    (Fresh, 2),
    (Running, 9),
    (RunningRisky, 3),
    (Completed, 57),
    (Failed, 6),
    (FailedPlanning, 1),
    (Expired, 1),
    (Rejected, 4),
    (Cancelled, 6),
    (CancelledEarly, 2),
];

/// The fates of `count` goals, mixed.
pub(super) fn all(count: usize) -> Vec<Fate> {
    let hundred: Vec<Fate> = SHARES.into_iter().flat_map(|(fate, share)| [fate].repeat(share)).collect();
    // 37 has no factor in common with 100: each comes up once in a hundred.
    (0..count).map(|position| hundred[position * 37 % hundred.len()]).collect()
}

/// How many tasks each of `goals` goals has: different numbers, none below 6 where there are enough, `tasks` in all.
pub(super) fn sizes(goals: usize, tasks: usize, dice: &mut Dice) -> Vec<usize> {
    let goals = goals.max(1);
    let (even, rest) = (tasks / goals, tasks % goals);
    let mut sizes: Vec<usize> = (0..goals).map(|position| even + usize::from(position < rest)).collect();
    let most = i64::try_from(even.saturating_sub(6)).unwrap_or(0);
    for pair in sizes.chunks_exact_mut(2) {
        let moved = usize::try_from(dice.between(0, most)).unwrap_or(0);
        pair[0] += moved;
        pair[1] -= moved;
    }
    sizes
}

impl Fate {
    pub(super) const fn goal_status(self) -> GoalStatus {
        match self {
            Pending => GoalStatus::Pending,
            Planning => GoalStatus::Planning,
            AwaitingApproval => GoalStatus::AwaitingApproval,
            Fresh | Running | RunningRisky => GoalStatus::Running,
            Completed => GoalStatus::Completed,
            Failed | FailedPlanning | Expired => GoalStatus::Failed,
            Rejected => GoalStatus::Rejected,
            Cancelled | CancelledEarly => GoalStatus::Cancelled,
        }
    }

    /// Whether the goal is in a final state.
    pub(super) const fn is_settled(self) -> bool {
        !matches!(self, Pending | Planning | AwaitingApproval | Fresh | Running | RunningRisky)
    }

    /// Whether its plan became tasks.
    pub(super) const fn has_tasks(self) -> bool {
        matches!(self, Fresh | Running | RunningRisky | Completed | Failed | Expired | Cancelled)
    }

    /// Whether a plan was made.
    pub(super) const fn has_plan(self) -> bool {
        !matches!(self, Pending | Planning | FailedPlanning)
    }

    /// Whether a goal on `agent` can go this way.
    pub(super) fn suits(self, agent: &Agent) -> bool {
        let approved = !matches!(self, AwaitingApproval | Rejected | CancelledEarly) || agent.require_plan_approval;
        let risky = !matches!(self, RunningRisky | Expired) || agent.book.close.iter().any(|step| step.risk.is_some());
        approved && risky && (self.is_settled() || agent.takes_goals)
    }

    /// For a goal that runs: how long it has.
    pub(super) fn elapsed(self, nodes: &[Node], dice: &mut Dice) -> Option<TimeDelta> {
        match self {
            Fresh => Some(TimeDelta::milliseconds(dice.between(40, 900))),
            // After the first task, before the last.
            Running => {
                let first = nodes.first().map_or(0, |node| node.timed.ended.num_seconds());
                let last = nodes.last().map_or(first + 2, |node| node.timed.queued.num_seconds());
                Some(dice.seconds(first + 1, (first + 2).max(last - 1)))
            }
            RunningRisky => {
                let (from, to) = nodes.iter().find_map(|node| node.timed.waits)?;
                // Whole seconds: the databases keep no nanoseconds.
                Some(from + TimeDelta::seconds((to - from).num_seconds() / dice.between(2, 5)))
            }
            // The moment at which it was called off.
            _ => None,
        }
    }

    /// The task that ends a failed goal.
    pub(super) fn victim(self, nodes: &[Node], open: usize) -> Option<usize> {
        match self {
            // An item in the middle, so that some went well, some run beside it and some never start.
            Failed => Some(open + (nodes.len() - open) / 3),
            Expired => nodes.iter().position(|node| node.step.risk.is_some()),
            _ => None,
        }
    }

    /// The moment at which a goal was called off.
    pub(super) fn called_off(self, nodes: &[Node]) -> Option<TimeDelta> {
        (self == Cancelled).then(|| TimeDelta::seconds(graph::length(nodes).num_seconds() * 2 / 5))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shares_are_of_a_hundred_and_all_occur() {
        assert_eq!(SHARES.iter().map(|(_, share)| share).sum::<usize>(), 100);
        let fates = all(100);
        for (fate, share) in SHARES {
            assert_eq!(fates.iter().filter(|other| **other == fate).count(), share, "{fate:?}");
        }
    }

    #[test]
    fn the_sizes_add_up() {
        let mut dice = Dice::new(5);
        for (goals, tasks) in [(84, 1_000), (8_400, 100_000), (1, 6)] {
            let sizes = sizes(goals, tasks, &mut dice);
            assert_eq!((sizes.len(), sizes.iter().sum::<usize>()), (goals, tasks));
            assert!(sizes.iter().all(|size| *size >= 6));
        }
    }
}
