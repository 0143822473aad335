//! Tasks as workers run them, and as people direct them.
//!
//! A worker speaks of a task by its claim: the worker's id, the task's id and the attempt that the claim made. A claim that
//! is lost, because the lease ran out, the task was called off or another try has begun, is `CONFLICT` whatever is asked.

use chrono::{DateTime, Utc};
use entity::{
    confidential::{Confidential, JsonText},
    enums::ExecutionStatus,
    ids::{ExecutionId, GoalId, OrgId, TaskId, WorkerId},
};

use super::{Context, goal::IDEMPOTENCY_KEY, input};
use crate::{
    error::{Error, Result},
    policy::{
        Permit,
        permit::{DirectTask, RunTasks, permit},
    },
    store::{
        audit::record::Record,
        db::Tx,
        list::row::Row as _,
        read::task::TaskRow,
        write::{
            claim::{Claim, ClaimDraft, HELD},
            execution::ExecutionDraft,
            task::{self, Failure},
        },
    },
};

/// Most kinds that a claim names.
pub const KINDS: usize = 100;

/// Which tasks a worker wants.
#[derive(Clone, Debug)]
pub struct ClaimTasksInput {
    /// The worker.
    pub worker_id: WorkerId,
    /// At most so many.
    pub limit: i32,
    /// Only these kinds, of those that the worker takes.
    pub kinds: Option<Vec<String>>,
    /// Whether they begin to run at once.
    pub start: bool,
}

/// Names a worker's claim of a task.
#[derive(Clone, Copy, Debug)]
pub struct ClaimInput {
    /// The task.
    pub task_id: TaskId,
    /// The worker.
    pub worker_id: WorkerId,
    /// The attempt that the claim made.
    pub attempt: i32,
}

/// Why a try failed.
#[derive(Clone, Debug)]
pub struct FailTaskInput {
    /// Whose.
    pub claim: ClaimInput,
    /// What went wrong.
    pub error: String,
    /// Whether another try may help.
    pub retryable: bool,
}

/// A run that a worker reports.
#[derive(Clone, Debug)]
pub struct RecordExecutionInput {
    /// Of which claim.
    pub claim: ClaimInput,
    /// How it went.
    pub status: ExecutionStatus,
    /// What was run.
    pub code: Option<String>,
    /// What it printed.
    pub code_output: Option<String>,
    /// What the shell printed.
    pub shell_output: Option<String>,
    /// Files that it made, as JSON text.
    pub file_contents: Option<String>,
    /// What the process answered.
    pub exit_code: Option<i32>,
    /// When it began.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
    /// The worker's own name for it.
    pub idempotency_key: Option<String>,
}

/// Claims tasks for a worker, in the order in which they should run. No two workers get the same.
pub async fn claim(cx: Context<'_>, want: ClaimTasksInput) -> Result<Vec<TaskId>> {
    let limit = u64::try_from(want.limit).ok().filter(|limit| (1..=HELD).contains(limit));
    let limit = limit.ok_or_else(|| Error::validation("input.limit", format!("must be between 1 and {HELD}")))?;
    if want.kinds.as_ref().is_some_and(|kinds| kinds.len() > KINDS) {
        return Err(Error::validation("input.types", format!("must be at most {KINDS}")));
    }
    let permit = permit::<RunTasks>(cx.viewer, &cx.store.worker_facts(want.worker_id).await?)?;
    let draft = ClaimDraft { limit, kinds: want.kinds, start: want.start };
    cx.store.task_claim(cx.clock, &permit, draft, cx.tasks).await
}

/// The right to speak for the claim's worker, the claim, and the task's goal. Whose task it is says the claim; that the viewer may see it
/// at all is asked here, so that a hidden one is not there.
pub async fn speak(cx: Context<'_>, claim: ClaimInput) -> Result<(Permit<RunTasks>, Claim, GoalId)> {
    let permit = permit::<RunTasks>(cx.viewer, &cx.store.worker_facts(claim.worker_id).await?)?;
    let row = cx.store.task_by_ids(&[claim.task_id], TaskRow::keys()).await?.pop().ok_or(Error::NotFound)?;
    Ok((permit, Claim { task_id: claim.task_id, attempt: claim.attempt }, row.goal_id))
}

/// Begins to run a task that was claimed without being started.
pub async fn start(cx: Context<'_>, claim: ClaimInput) -> Result<TaskId> {
    let (permit, held, _) = speak(cx, claim).await?;
    cx.store.task_start(cx.clock, &permit, held).await?;
    Ok(claim.task_id)
}

/// Ends a task that did its work.
pub async fn complete(cx: Context<'_>, claim: ClaimInput, result: Option<String>) -> Result<TaskId> {
    let result = result.map(|result| input::content("input.result", result, input::CONTENT)).transpose()?;
    let result = Confidential::from_option(result.map(JsonText::new));
    let (permit, held, goal_id) = speak(cx, claim).await?;
    cx.store.task_complete(cx.clock, &permit, goal_id, held, result).await?;
    Ok(claim.task_id)
}

/// Ends a try that failed: the task waits for another one, or is given up.
pub async fn fail(cx: Context<'_>, new: FailTaskInput) -> Result<TaskId> {
    let error = Confidential::new(input::content("input.error", new.error, input::JSON)?);
    let (permit, held, _) = speak(cx, new.claim).await?;
    let failure = Failure { error, retryable: new.retryable };
    cx.store.task_fail(cx.clock, &permit, held, failure, cx.tasks).await?;
    Ok(new.claim.task_id)
}

/// Records a run of a task that the worker holds.
pub async fn record(cx: Context<'_>, new: RecordExecutionInput) -> Result<ExecutionId> {
    let text = |field, text: Option<String>| {
        text.map(|text| input::content(field, text, input::CONTENT)).transpose().map(Confidential::from_option)
    };
    let key =
        new.idempotency_key.map(|key| input::content("input.idempotencyKey", key, IDEMPOTENCY_KEY)).transpose()?;
    if key.as_ref().is_some_and(String::is_empty) {
        return Err(Error::validation("input.idempotencyKey", "must not be empty"));
    }
    if new.status == ExecutionStatus::Running && new.ended_at.is_some() {
        return Err(Error::validation("input.endedAt", "must be absent while it runs"));
    }
    if let (Some(started), Some(ended)) = (new.started_at, new.ended_at)
        && ended < started
    {
        return Err(Error::validation("input.endedAt", "must not be before the start"));
    }
    let draft = ExecutionDraft {
        status: new.status,
        exit_code: new.exit_code,
        code: text("input.code", new.code)?,
        code_output: text("input.codeOutput", new.code_output)?,
        shell_output: text("input.shellOutput", new.shell_output)?,
        file_contents: text("input.fileContents", new.file_contents)?.map(|text| JsonText::new(text.clone())),
        idempotency_key: key,
        started_at: new.started_at,
        ended_at: new.ended_at,
    };
    let (permit, held, _) = speak(cx, new.claim).await?;
    cx.store.execution_record(cx.clock, &permit, held, draft).await
}

/// Puts a task that was given up back into the queue, with all of its retries.
pub async fn retry(cx: Context<'_>, id: TaskId) -> Result<TaskId> {
    let permit = permit::<DirectTask>(cx.viewer, &cx.store.task_facts(id).await?)?;
    cx.store.task_retry(cx.clock, &permit).await?;
    Ok(id)
}

/// Calls a task off, with all that waits for it.
pub async fn cancel(cx: Context<'_>, id: TaskId) -> Result<TaskId> {
    let permit = permit::<DirectTask>(cx.viewer, &cx.store.task_facts(id).await?)?;
    cx.store.task_cancel(cx.clock, &permit).await?;
    Ok(id)
}

/// Lets a task that waited for approval go on: a step of the decision's transaction, which tells the records.
pub async fn granted(cx: Context<'_>, tx: &Tx, org_id: OrgId, id: TaskId) -> Result<Vec<Record>> {
    task::granted(tx, org_id, id, cx.tasks, cx.clock.now()).await
}

/// Ends the try of a task that was not approved: a step of the decision's transaction, which tells the records.
pub async fn refused(cx: Context<'_>, tx: &Tx, org_id: OrgId, id: TaskId) -> Result<Vec<Record>> {
    task::refused(tx, org_id, id, cx.tasks, cx.clock.now()).await
}
