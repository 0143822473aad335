//! A goal's tasks: what the timeline of its plan looks like at the moment that counts.

use chrono::TimeDelta;
use entity::{
    confidential::{Confidential, JsonText},
    enums::{ApprovalStatus, ApprovalType, TaskStatus, WorkerStatus},
    ids::{TaskId, WorkerId},
    task, task_dependency,
};
use serde_json::{Value, json};

use super::{Draft, Fate, Request, usage};
use crate::demo::{
    graph::{self, Node},
    scene::Scene,
};

pub(super) const MAX_RETRIES: i32 = 3;
/// How long an approval request waits.
const EXPIRY: TimeDelta = TimeDelta::hours(24);

/// Where a task stands, and since when.
struct Stand {
    status: TaskStatus,
    retries: i32,
    started: Option<TimeDelta>,
    finished: Option<TimeDelta>,
    updated: TimeDelta,
}

/// When a settled goal ended, counted from the application of its plan.
pub(super) fn end(draft: &Draft<'_>) -> TimeDelta {
    let nodes = &draft.nodes;
    if let Some(at) = draft.fate.called_off(nodes) {
        return at;
    }
    match victim(draft) {
        None => graph::length(nodes),
        Some(victim) => {
            let lost = graph::downstream(nodes, victim);
            let others = nodes.iter().zip(lost).filter(|(_, lost)| !lost).map(|(node, _)| node.timed.ended);
            others.chain([death(draft, victim)]).max().unwrap_or(TimeDelta::zero())
        }
    }
}

fn victim(draft: &Draft<'_>) -> Option<usize> {
    draft.fate.victim(&draft.nodes, draft.agent.book.open.len())
}

/// When the task at `position` is given up.
fn death(draft: &Draft<'_>, position: usize) -> TimeDelta {
    let timed = draft.nodes[position].timed;
    match timed.waits {
        Some((from, _)) if draft.fate == Fate::Expired => from + EXPIRY,
        _ => timed.ended + TimeDelta::seconds(240),
    }
}

/// Where each task stands.
fn stands(scene: &mut Scene<'_>, draft: &Draft<'_>) -> Vec<Stand> {
    let nodes = &draft.nodes;
    let elapsed = scene.now - draft.applied;
    let victim = victim(draft);
    let lost = victim.map(|victim| graph::downstream(nodes, victim));
    let end = end(draft);
    let mut stands: Vec<Stand> = Vec::with_capacity(nodes.len());
    for (position, node) in nodes.iter().enumerate() {
        let stand = if victim == Some(position) {
            let death = death(draft, position);
            let started = Some(node.timed.started);
            Stand {
                status: TaskStatus::DeadLetter,
                retries: MAX_RETRIES,
                started,
                finished: Some(death),
                updated: death,
            }
        } else if lost.as_ref().is_some_and(|lost| lost[position]) {
            Stand { status: TaskStatus::Cancelled, retries: 0, started: None, finished: Some(end), updated: end }
        } else if let Some(off) = draft.fate.called_off(nodes) {
            match snapshot(node, off) {
                done if done.status == TaskStatus::Completed => done,
                other => Stand { status: TaskStatus::Cancelled, finished: Some(off), updated: off, ..other },
            }
        } else if draft.fate.is_settled() {
            snapshot(node, end)
        } else if draft.fate == Fate::Fresh {
            let zero = TimeDelta::zero();
            Stand { status: TaskStatus::Created, retries: 0, started: None, finished: None, updated: zero }
        } else {
            snapshot(node, elapsed)
        };
        stands.push(stand);
    }
    if draft.fate == Fate::Running {
        enliven(scene, &mut stands, elapsed);
    }
    stands
}

fn snapshot(node: &Node, at: TimeDelta) -> Stand {
    let timed = node.timed;
    let status = timed.at(at);
    let started = (timed.started <= at).then_some(timed.started);
    let finished = (status == TaskStatus::Completed).then_some(timed.ended);
    let asked = timed.waits.map(|(from, _)| from).filter(|from| *from <= at);
    let queued = (timed.queued <= at).then_some(timed.queued);
    Stand {
        status,
        retries: if finished.is_some() { timed.retries } else { 0 },
        started,
        finished,
        updated: finished.or(asked).or(started).or(queued).unwrap_or(TimeDelta::zero()),
    }
}

/// States that last a moment: a claimed task, a failed attempt, a second attempt in the queue.
fn enliven(scene: &mut Scene<'_>, stands: &mut [Stand], elapsed: TimeDelta) {
    let lately = elapsed - TimeDelta::milliseconds(scene.dice.between(50, 900));
    let running: Vec<usize> = positions(stands, TaskStatus::Running);
    if running.len() > 1 {
        let failed = &mut stands[running[1]];
        failed.status = if scene.dice.percent(60) { TaskStatus::Failed } else { TaskStatus::Queued };
        failed.retries = 1;
        failed.updated = lately.max(failed.updated);
    }
    if let Some(first) = positions(stands, TaskStatus::Queued).first() {
        let claimed = &mut stands[*first];
        claimed.status = TaskStatus::Scheduled;
        claimed.updated = lately.max(claimed.updated);
    }
}

fn positions(stands: &[Stand], status: TaskStatus) -> Vec<usize> {
    stands.iter().enumerate().filter(|(_, stand)| stand.status == status).map(|(position, _)| position).collect()
}

/// Writes the tasks, their dependencies, and what they led to.
pub(super) fn write(scene: &mut Scene<'_>, draft: &Draft<'_>) {
    let stands = stands(scene, draft);
    let at = draft.applied;
    let ids: Vec<TaskId> = draft.nodes.iter().map(|_| scene.dice.id(at)).collect();
    for ((node, stand), id) in draft.nodes.iter().zip(&stands).zip(&ids) {
        let payload = node.words.fill(node.step.payload);
        let result = (stand.status == TaskStatus::Completed).then(|| node.words.fill(node.step.result));
        let error = error(scene, draft, node, stand);
        let worker_id = worker(scene, node, stand);
        scene.rows.tasks.push(task::Model {
            org_id: scene.org_id,
            id: *id,
            goal_id: draft.id,
            agent_id: draft.agent.id,
            kind: node.step.kind.to_owned(),
            status: stand.status,
            priority: draft.priority,
            retries: stand.retries,
            max_retries: MAX_RETRIES,
            payload: Confidential::new(JsonText::new(payload)),
            result: Confidential::from_option(result.map(JsonText::new)),
            error: Confidential::from_option(error),
            worker_id,
            attempt: if stand.started.is_some() { stand.retries + 1 } else { 0 },
            lease_expires_at: None,
            run_after: None,
            created_at: at,
            updated_at: at + stand.updated,
            started_at: stand.started.map(|started| at + started),
            finished_at: stand.finished.map(|finished| at + finished),
        });
        for dep in &node.deps {
            scene.rows.task_dependencies.push(task_dependency::Model {
                org_id: scene.org_id,
                id: scene.dice.id(at),
                goal_id: draft.id,
                task_id: *id,
                depends_on_id: ids[*dep],
            });
        }
        led_to(scene, draft, node, stand, *id);
    }
}

fn error(scene: &mut Scene<'_>, draft: &Draft<'_>, node: &Node, stand: &Stand) -> Option<String> {
    match stand.status {
        TaskStatus::DeadLetter if draft.fate == Fate::Expired => Some(
            node.words.fill("ApprovalExpired: nobody decided within 24 hours\n    at wait_for_approval (agent/approval.py:57)\n    at run_step (agent/executor.py:61)\norganisation $slug, $ref"),
        ),
        TaskStatus::DeadLetter | TaskStatus::Failed => Some(failure(scene, draft, node)),
        TaskStatus::Queued | TaskStatus::Scheduled if stand.retries > 0 => {
            Some(failure(scene, draft, node))
        }
        _ => None,
    }
}

fn failure(scene: &mut Scene<'_>, draft: &Draft<'_>, node: &Node) -> String {
    let text = *scene.dice.pick(draft.agent.book.failures);
    node.words.fill(text)
}

/// A worker that takes the kind; for a task in hand one that is there.
fn worker(scene: &mut Scene<'_>, node: &Node, stand: &Stand) -> Option<WorkerId> {
    let in_hand = matches!(stand.status, TaskStatus::Scheduled | TaskStatus::Running | TaskStatus::AwaitingApproval);
    if stand.started.is_none() && !in_hand || stand.status == TaskStatus::Queued {
        return None;
    }
    let word = format!("\"{}\"", node.step.kind);
    let fitting = scene.rows.workers.iter().filter(|worker| worker.org_id == scene.org_id);
    let fitting = fitting.filter(|worker| worker.capabilities.as_str().contains(&word));
    let fitting: Vec<WorkerId> =
        fitting.filter(|worker| worker.status == WorkerStatus::Active || !in_hand).map(|worker| worker.id).collect();
    Some(*scene.dice.pick(&fitting))
}

/// Approval requests, model calls and log entries of a task.
fn led_to(scene: &mut Scene<'_>, draft: &Draft<'_>, node: &Node, stand: &Stand, id: TaskId) {
    let at = draft.applied;
    if let (Some((from, to)), Some(_)) = (node.timed.waits, stand.started) {
        let asked = stand.finished.is_none_or(|finished| from <= finished) && at + from <= scene.now;
        let (status, decided) = match stand.status {
            TaskStatus::AwaitingApproval => (ApprovalStatus::Pending, None),
            TaskStatus::DeadLetter if draft.fate == Fate::Expired => (ApprovalStatus::Expired, Some(from + EXPIRY)),
            TaskStatus::Cancelled if stand.finished.is_some_and(|finished| finished < to) => {
                (ApprovalStatus::Cancelled, stand.finished)
            }
            _ => (ApprovalStatus::Approved, Some(to)),
        };
        if asked {
            let payload = node.words.fill(node.step.payload);
            let request = Request {
                kind: ApprovalType::RiskyTask,
                task: Some(id),
                // A playbook's payloads are JSON; a test holds it.
                payload: json!({"tool": node.step.kind, "arguments": serde_json::from_str::<Value>(&payload).unwrap_or(Value::Null)}),
                reason: node.words.fill(node.step.risk.unwrap_or_default()),
                status,
                at: at + from,
                decided: decided.map(|decided| at + decided),
            };
            request.write(scene, draft);
        }
    }
    let Some(finished) = stand.finished else { return };
    let kind = match stand.status {
        TaskStatus::Completed => "task.completed",
        TaskStatus::DeadLetter => "task.dead_lettered",
        _ => "task.cancelled",
    };
    let actor = (draft.fate == Fate::Cancelled && kind == "task.cancelled").then_some(draft.submitter);
    scene.log(at + finished, kind, actor, id, Some(json!({"goal": draft.id.to_string(), "retries": stand.retries})));
    if node.step.kind.starts_with("llm.") && stand.started.is_some() {
        usage(
            scene,
            at + finished,
            Some(draft.agent),
            Some(draft.id),
            Some(draft.submitter),
            1 + i64::from(stand.retries),
        );
    }
}
