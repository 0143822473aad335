//! What workers reported of the tasks' runs: every try but the last failed.

use chrono::TimeDelta;
use entity::{
    confidential::{Confidential, JsonText},
    enums::{ExecutionStatus, TaskStatus},
    execution, task,
};
use serde_json::json;

use crate::demo::{DemoPlatform, dice::Dice};

/// Writes the runs of every task that ever began. Last of all, so that the rest of the world does not depend on them.
pub(in crate::demo) fn write(rows: &mut DemoPlatform, dice: &mut Dice) {
    for task in &rows.tasks {
        let organization = rows.organizations.iter().find(|organization| organization.id == task.org_id);
        let slug = organization.map_or("", |organization| organization.slug.as_str());
        rows.executions.extend(of(task, slug, dice));
    }
}

fn of(task: &task::Model, slug: &str, dice: &mut Dice) -> Vec<execution::Model> {
    let Some(begun) = task.started_at else { return Vec::new() };
    let until = task.finished_at.unwrap_or(task.updated_at).max(begun);
    let tries = task.retries + 1;
    // Whole microseconds, as they are stored.
    let turn = TimeDelta::microseconds((until - begun).num_microseconds().unwrap_or(0) / i64::from(tries));
    let run = |attempt: i32| {
        let started_at = begun + turn * (attempt - 1);
        let status = match task.status {
            _ if attempt < tries => ExecutionStatus::Failed,
            TaskStatus::Completed => ExecutionStatus::Succeeded,
            TaskStatus::Running | TaskStatus::AwaitingApproval => ExecutionStatus::Running,
            _ => ExecutionStatus::Failed,
        };
        let over = status != ExecutionStatus::Running;
        let output = match status {
            ExecutionStatus::Succeeded => format!("{}: done for {slug}", task.kind),
            ExecutionStatus::Failed => format!("{}: exit status 1 for {slug}", task.kind),
            ExecutionStatus::Running => format!("{}: at work for {slug}", task.kind),
        };
        execution::Model {
            org_id: task.org_id,
            id: dice.id(started_at),
            task_id: task.id,
            worker_id: task.worker_id,
            attempt,
            status,
            exit_code: over.then_some(i32::from(status == ExecutionStatus::Failed)),
            code: Confidential::new(format!("run({:?}, organization={slug:?})\n", task.kind)),
            shell_output: Confidential::new(format!("+ agent run --org {slug} {}\n", task.kind)),
            file_contents: Confidential::new(JsonText::new(json!({ "run.log": output }).to_string())),
            code_output: Confidential::new(output),
            idempotency_key: None,
            started_at,
            ended_at: over.then_some(started_at + turn),
        }
    };
    (1..=tries).map(run).collect()
}
