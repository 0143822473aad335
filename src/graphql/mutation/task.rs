//! Tasks, as workers run them and people direct them.

use async_graphql::{Context, ID, InputObject, Object};

use super::begin;
use crate::{
    error::Result,
    graphql::{
        connection::parse_id,
        directives::requires,
        enums::ExecutionStatus,
        guard::Requires,
        scalars::{DateTime, Json},
        types::run_payload::{ClaimTasksPayload, ExecutionPayload, TaskPayload},
    },
    policy::Permission,
    service::task_run as cases,
};

/// Which tasks a worker wants.
#[derive(InputObject)]
pub struct ClaimTasksInput {
    /// The worker: one that the service account registered.
    pub worker_id: ID,
    /// At most so many: 1 to 100.
    #[graphql(default = 1)]
    pub limit: i32,
    /// Only these kinds, of those that the worker takes. All of them without it.
    pub types: Option<Vec<String>>,
    /// Whether the tasks begin to run at once. Without, they stay `SCHEDULED` until `startTask`.
    #[graphql(default = true)]
    pub start: bool,
}

/// A claimed task that begins.
#[derive(InputObject)]
pub struct StartTaskInput {
    /// The task.
    pub task_id: ID,
    /// The worker that holds it.
    pub worker_id: ID,
    /// The task's `attempt` when it was claimed.
    pub attempt: i32,
}

/// A task that did its work.
#[derive(InputObject)]
pub struct CompleteTaskInput {
    /// The task.
    pub task_id: ID,
    /// The worker that holds it.
    pub worker_id: ID,
    /// The task's `attempt` when it was claimed.
    pub attempt: i32,
    /// The output: at most 256 KiB.
    #[graphql(secret)]
    pub result: Option<Json>,
}

/// A try that failed.
#[derive(InputObject)]
pub struct FailTaskInput {
    /// The task.
    pub task_id: ID,
    /// The worker that holds it.
    pub worker_id: ID,
    /// The task's `attempt` when it was claimed.
    pub attempt: i32,
    /// What went wrong: at most 64 KiB.
    #[graphql(secret)]
    pub error: String,
    /// Whether another try may help. Without, the task is given up at once.
    #[graphql(default = true)]
    pub retryable: bool,
}

/// A run of a task.
#[derive(InputObject)]
pub struct RecordExecutionInput {
    /// The task.
    pub task_id: ID,
    /// The worker that holds it.
    pub worker_id: ID,
    /// The task's `attempt` when it was claimed.
    pub attempt: i32,
    /// How it went.
    pub status: ExecutionStatus,
    /// What was run: at most 256 KiB.
    #[graphql(secret)]
    pub code: Option<String>,
    /// What it printed: at most 256 KiB.
    #[graphql(secret)]
    pub code_output: Option<String>,
    /// What the shell printed: at most 256 KiB.
    #[graphql(secret)]
    pub shell_output: Option<String>,
    /// Files that it made: at most 256 KiB.
    #[graphql(secret)]
    pub file_contents: Option<Json>,
    /// What the process answered.
    pub exit_code: Option<i32>,
    /// When it began. Now without it.
    pub started_at: Option<DateTime>,
    /// When it ended. Now without it; absent while it runs.
    pub ended_at: Option<DateTime>,
    /// The worker's own name for this run: however often it is recorded with it, there is one. A run that was recorded as
    /// `RUNNING` is ended by recording it again.
    #[graphql(secret)]
    pub idempotency_key: Option<String>,
}

fn claim(task: &ID, worker: &ID, attempt: i32) -> Result<cases::ClaimInput> {
    let (task_id, worker_id) = (parse_id("input.taskId", task)?, parse_id("input.workerId", worker)?);
    Ok(cases::ClaimInput { task_id, worker_id, attempt })
}

fn text(json: Option<Json>) -> Option<String> {
    json.map(|Json(value)| value.to_string())
}

#[derive(Default)]
pub struct TaskMutation;

#[Object]
impl TaskMutation {
    /// Claims tasks for a worker: of those that are ready, on agents that the service account sees, the ones with the
    /// highest priority, of equal ones the oldest. Each goes to one worker, with a lease that heartbeats extend. Counts as a
    /// heartbeat.
    #[graphql(guard = "Requires(Permission::TaskRun)", directive = requires::apply(Permission::TaskRun.into()))]
    async fn claim_tasks(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which tasks.")] input: ClaimTasksInput,
    ) -> Result<ClaimTasksPayload> {
        let worker_id = parse_id("input.workerId", &input.worker_id)?;
        let want = cases::ClaimTasksInput { worker_id, limit: input.limit, kinds: input.types, start: input.start };
        let ids = cases::claim(begin(ctx).await, want).await?;
        Ok(ClaimTasksPayload { worker_id, ids })
    }

    /// Begins to run a task that was claimed with `start: false`. A claim that is lost is a conflict.
    #[graphql(guard = "Requires(Permission::TaskRun)", directive = requires::apply(Permission::TaskRun.into()))]
    async fn start_task(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which task, by which claim.")] input: StartTaskInput,
    ) -> Result<TaskPayload> {
        let claim = claim(&input.task_id, &input.worker_id, input.attempt)?;
        cases::start(begin(ctx).await, claim).await.map(TaskPayload)
    }

    /// Ends a task that did its work. What waited for it alone is ready now; when it was the goal's last, the goal is
    /// completed. A claim that is lost is a conflict.
    #[graphql(guard = "Requires(Permission::TaskRun)", directive = requires::apply(Permission::TaskRun.into()))]
    async fn complete_task(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which task, by which claim, and its output.")] input: CompleteTaskInput,
    ) -> Result<TaskPayload> {
        let claim = claim(&input.task_id, &input.worker_id, input.attempt)?;
        cases::complete(begin(ctx).await, claim, text(input.result)).await.map(TaskPayload)
    }

    /// Ends a try that failed. With retries left the task is tried again after a pause that doubles each time; else it is
    /// given up, in `DEAD_LETTER`. A claim that is lost is a conflict.
    #[graphql(guard = "Requires(Permission::TaskRun)", directive = requires::apply(Permission::TaskRun.into()))]
    async fn fail_task(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which task, by which claim, and why it failed.")] input: FailTaskInput,
    ) -> Result<TaskPayload> {
        let claim = claim(&input.task_id, &input.worker_id, input.attempt)?;
        let new = cases::FailTaskInput { claim, error: input.error, retryable: input.retryable };
        cases::fail(begin(ctx).await, new).await.map(TaskPayload)
    }

    /// Records a run of a task that the worker holds: what ran, and what came out. A claim that is lost is a conflict.
    #[graphql(guard = "Requires(Permission::TaskRun)", directive = requires::apply(Permission::TaskRun.into()))]
    async fn record_execution(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The run.")] input: RecordExecutionInput,
    ) -> Result<ExecutionPayload> {
        let new = cases::RecordExecutionInput {
            claim: claim(&input.task_id, &input.worker_id, input.attempt)?,
            status: input.status.into(),
            code: input.code,
            code_output: input.code_output,
            shell_output: input.shell_output,
            file_contents: text(input.file_contents),
            exit_code: input.exit_code,
            started_at: input.started_at.map(|DateTime(time)| time),
            ended_at: input.ended_at.map(|DateTime(time)| time),
            idempotency_key: input.idempotency_key,
        };
        cases::record(begin(ctx).await, new).await.map(ExecutionPayload)
    }

    /// Puts a task that was given up back into the queue, with all of its retries, while its goal runs.
    #[graphql(guard = "Requires(Permission::GoalCancel)", directive = requires::apply(Permission::GoalCancel.into()))]
    async fn retry_task(&self, ctx: &Context<'_>, #[graphql(desc = "The task's id.")] id: ID) -> Result<TaskPayload> {
        let id = parse_id("id", &id)?;
        cases::retry(begin(ctx).await, id).await.map(TaskPayload)
    }

    /// Calls a task off, with all tasks that wait for it, and the approval request that waits for it. A task that is over is
    /// a conflict.
    #[graphql(guard = "Requires(Permission::GoalCancel)", directive = requires::apply(Permission::GoalCancel.into()))]
    async fn cancel_task(&self, ctx: &Context<'_>, #[graphql(desc = "The task's id.")] id: ID) -> Result<TaskPayload> {
        let id = parse_id("id", &id)?;
        cases::cancel(begin(ctx).await, id).await.map(TaskPayload)
    }
}
