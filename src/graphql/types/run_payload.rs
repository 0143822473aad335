//! What the mutations of planners and workers answer: the object that changed, read again under the viewer's scope once
//! the change has committed.

use async_graphql::{Context, Object};
use entity::ids::{ExecutionId, TaskId, WorkerId};

use super::{execution::Execution, task::Task, worker::Worker};
use crate::{
    error::{Error, Result},
    graphql::{context::cx, lookahead},
    store::read::{execution::ExecutionRow, task::TaskRow, worker::WorkerRow},
};

/// A task that moved.
pub struct TaskPayload(pub TaskId);

/// A task that moved.
#[Object]
impl TaskPayload {
    /// The task.
    async fn task(&self, ctx: &Context<'_>) -> Result<Task> {
        let rows = cx(ctx).store.task_by_ids(&[self.0], lookahead::columns::<TaskRow>(ctx)).await?;
        rows.into_iter().next().map(Task).ok_or(Error::NotFound)
    }
}

/// A worker that was registered, drained or heard of.
pub struct WorkerPayload(pub WorkerId);

/// A worker that was registered, drained or heard of.
#[Object]
impl WorkerPayload {
    /// The worker.
    async fn worker(&self, ctx: &Context<'_>) -> Result<Worker> {
        worker(ctx, self.0).await
    }

    /// The tasks that it holds now, at most 100: scheduled, running or waiting for approval. A task that is not among them,
    /// or not with the attempt that it was claimed with, is lost or called off: the worker stops it.
    async fn held_tasks(&self, ctx: &Context<'_>) -> Result<Vec<Task>> {
        let rows = cx(ctx).store.tasks_held(self.0, lookahead::columns::<TaskRow>(ctx)).await?;
        Ok(rows.into_iter().map(Task).collect())
    }
}

async fn worker(ctx: &Context<'_>, id: WorkerId) -> Result<Worker> {
    let rows = cx(ctx).store.worker_by_ids(&[id], lookahead::columns::<WorkerRow>(ctx)).await?;
    rows.into_iter().next().map(Worker).ok_or(Error::NotFound)
}

/// The tasks that a worker claimed.
pub struct ClaimTasksPayload {
    /// The worker.
    pub worker_id: WorkerId,
    /// The tasks, in the order in which they should run.
    pub ids: Vec<TaskId>,
}

/// The tasks that a worker claimed.
#[Object]
impl ClaimTasksPayload {
    /// The worker. One that drains, or holds 100 tasks, gets none.
    async fn worker(&self, ctx: &Context<'_>) -> Result<Worker> {
        worker(ctx, self.worker_id).await
    }

    /// The tasks that are the worker's now, in the order in which they should run; empty when there are none for it.
    async fn tasks(&self, ctx: &Context<'_>) -> Result<Vec<Task>> {
        let mut rows = cx(ctx).store.task_by_ids(&self.ids, lookahead::columns::<TaskRow>(ctx)).await?;
        rows.sort_by_key(|row| self.ids.iter().position(|id| *id == row.id));
        Ok(rows.into_iter().map(Task).collect())
    }
}

/// A run that was recorded.
pub struct ExecutionPayload(pub ExecutionId);

/// A run that was recorded.
#[Object]
impl ExecutionPayload {
    /// The run.
    async fn execution(&self, ctx: &Context<'_>) -> Result<Execution> {
        let rows = cx(ctx).store.execution_by_ids(&[self.0], lookahead::columns::<ExecutionRow>(ctx)).await?;
        rows.into_iter().next().map(Execution).ok_or(Error::NotFound)
    }
}
