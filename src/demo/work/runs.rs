//! What workers reported of a task's runs: every try but the last failed.

use chrono::TimeDelta;
use entity::{
    confidential::{Confidential, JsonText},
    enums::{ExecutionStatus, TaskStatus},
    execution,
};
use serde_json::json;

use crate::demo::{graph::Node, scene::Scene};

/// Writes the runs of the task that was written last, if it ever began.
pub(super) fn write(scene: &mut Scene<'_>, node: &Node) {
    let Some(task) = scene.rows.tasks.last().cloned() else { return };
    let Some(begun) = task.started_at else { return };
    let until = task.finished_at.unwrap_or(task.updated_at).max(begun);
    let tries = task.retries + 1;
    // Whole microseconds, as they are stored.
    let turn = TimeDelta::microseconds((until - begun).num_microseconds().unwrap_or(0) / i64::from(tries));
    for attempt in 1..=tries {
        let started_at = begun + turn * (attempt - 1);
        let status = match task.status {
            _ if attempt < tries => ExecutionStatus::Failed,
            TaskStatus::Completed => ExecutionStatus::Succeeded,
            TaskStatus::Running | TaskStatus::AwaitingApproval => ExecutionStatus::Running,
            _ => ExecutionStatus::Failed,
        };
        let over = status != ExecutionStatus::Running;
        let code = node.words.fill("run(\"$ref\")  # $org\n");
        let output = match status {
            ExecutionStatus::Succeeded => node.words.fill("$ref: done for $slug"),
            ExecutionStatus::Failed => node.words.fill("$ref: exit status 1 for $slug"),
            ExecutionStatus::Running => node.words.fill("$ref: working for $slug"),
        };
        let shell = node.words.fill("> agent run --org $slug --ref $ref\n");
        let files = json!({ format!("{}.log", task.kind): output });
        scene.rows.executions.push(execution::Model {
            org_id: scene.org_id,
            id: scene.dice.id(started_at),
            task_id: task.id,
            worker_id: task.worker_id,
            attempt,
            status,
            exit_code: over.then_some(i32::from(status == ExecutionStatus::Failed)),
            code: Confidential::new(code),
            code_output: Confidential::new(output),
            shell_output: Confidential::new(shell),
            file_contents: Confidential::new(JsonText::new(files.to_string())),
            idempotency_key: None,
            started_at,
            ended_at: over.then_some(started_at + turn),
        });
    }
}
