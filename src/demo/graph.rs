//! A goal's plan as a graph, and when each of its tasks would run: pure, before there are any rows.
//!
//! Tasks are laid out as if all went well. What a goal looks like at a given moment, finished or not, is then read off
//! that one timeline ([`Timed::at`]), so that states, times and dependencies cannot contradict each other.

use chrono::TimeDelta;
use entity::enums::TaskStatus;

use super::{
    dice::{Dice, Words},
    playbook::{Playbook, Step},
};

/// A task of a plan.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) step: &'static Step,
    /// Positions of the tasks that it waits for; always smaller than its own.
    pub(super) deps: Vec<usize>,
    pub(super) words: Words,
    pub(super) timed: Timed,
}

/// When a task runs, counted from the moment at which its plan was applied.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timed {
    pub(super) queued: TimeDelta,
    pub(super) started: TimeDelta,
    /// From when to when it waits for approval.
    pub(super) waits: Option<(TimeDelta, TimeDelta)>,
    pub(super) ended: TimeDelta,
    /// How often it is tried again before it ends.
    pub(super) retries: i32,
}

impl Timed {
    /// Where the task stands at the moment `at`.
    pub(super) fn at(&self, at: TimeDelta) -> TaskStatus {
        if self.ended <= at {
            TaskStatus::Completed
        } else if self.waits.is_some_and(|(from, to)| from <= at && at < to) {
            TaskStatus::AwaitingApproval
        } else if self.started <= at {
            TaskStatus::Running
        } else if self.queued <= at {
            TaskStatus::Queued
        } else {
            TaskStatus::Pending
        }
    }
}

/// A plan of `count` tasks: the opening in a row, the items side by side, some of them with a second step, and the close
/// in a row again.
pub(super) fn plan(book: &'static Playbook, count: usize, words: &Words, dice: &mut Dice) -> Vec<Node> {
    let mut nodes: Vec<Node> = Vec::with_capacity(count);
    for step in book.open {
        let deps = nodes.len().checked_sub(1).into_iter().collect();
        push(&mut nodes, step, deps, words.clone(), 0, dice);
    }
    let last = nodes.len() - 1;
    let fan = count.saturating_sub(nodes.len() + book.close.len()).max(1);
    let second = fan / 3;
    let first = fan - second;
    for position in 0..first {
        // A few run at a time: later ones wait longer for a worker.
        push(&mut nodes, &book.each, vec![last], detail(book, words, dice), position / 3, dice);
    }
    for position in 0..second {
        let after = last + 1 + position;
        let words = nodes[after].words.clone();
        push(&mut nodes, &book.then, vec![after], words, 0, dice);
    }
    let mut deps: Vec<usize> = (last + 1 + second..nodes.len()).collect();
    for step in book.close {
        push(&mut nodes, step, deps, words.clone(), 0, dice);
        deps = vec![nodes.len() - 1];
    }
    nodes
}

fn push(nodes: &mut Vec<Node>, step: &'static Step, deps: Vec<usize>, words: Words, queue: usize, dice: &mut Dice) {
    let queued = deps.iter().map(|dep| nodes[*dep].timed.ended).max().unwrap_or(TimeDelta::zero());
    let ahead = TimeDelta::seconds(150) * i32::try_from(queue).unwrap_or(0);
    let started = queued + ahead + dice.seconds(2, 40);
    let retries = match dice.between(0, 99) {
        0..8 => 1,
        8..11 => 2,
        _ => 0,
    };
    let waits = step.risk.map(|_| {
        let from = started + dice.seconds(5, 60);
        (from, from + dice.seconds(240, 5_400))
    });
    let ended = waits.map_or(started, |(_, to)| to) + dice.seconds(8, 420) + TimeDelta::seconds(95) * retries;
    nodes.push(Node { step, deps, words, timed: Timed { queued, started, waits, ended, retries } });
}

/// Words for one item of a fan-out.
fn detail(book: &Playbook, words: &Words, dice: &mut Dice) -> Words {
    let item = *dice.pick(book.items);
    numbers(book, words.clone().with("item", item), dice)
}

/// Fresh numbers: a reference, a count, an amount.
pub(super) fn numbers(book: &Playbook, words: Words, dice: &mut Dice) -> Words {
    let (euros, cents) = (dice.between(1, 48), dice.between(0, 99));
    let hundreds = dice.between(0, 999);
    words
        .with("ref", format!("{}-{}", book.reference, dice.between(10_000, 99_999)))
        .with("n", dice.between(11, 487).to_string())
        .with("money", format!("EUR {euros},{hundreds:03}.{cents:02}"))
}

/// When the last task ends.
pub(super) fn length(nodes: &[Node]) -> TimeDelta {
    nodes.iter().map(|node| node.timed.ended).max().unwrap_or(TimeDelta::zero())
}

/// For each task whether it is `root` or waits for it, directly or not.
pub(super) fn downstream(nodes: &[Node], root: usize) -> Vec<bool> {
    let mut hit = vec![false; nodes.len()];
    for (position, node) in nodes.iter().enumerate() {
        hit[position] = position == root || node.deps.iter().any(|dep| hit[*dep]);
    }
    hit
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::playbook::{GLOBAL, OWN};

    #[test]
    fn a_plan_has_the_wanted_size_and_no_task_starts_before_what_it_waits_for() {
        let mut dice = Dice::new(3);
        for book in OWN.iter().chain(GLOBAL) {
            for count in 6..24 {
                let nodes = plan(book, count, &Words::default(), &mut dice);
                assert_eq!(nodes.len(), count, "{}", book.name);
                for (position, node) in nodes.iter().enumerate() {
                    assert!(
                        node.deps.iter().all(|dep| *dep < position && nodes[*dep].timed.ended <= node.timed.queued)
                    );
                    assert!(node.timed.queued < node.timed.started && node.timed.started < node.timed.ended);
                }
                assert!(downstream(&nodes, 0).iter().all(|hit| *hit), "all wait for the first");
            }
        }
    }
}
