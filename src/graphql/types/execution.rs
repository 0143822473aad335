//! Executions.

use async_graphql::{Context, ID, Object};
use entity::{confidential::JsonText, ids::TaskId};

use super::{
    task::Task,
    worker::{Worker, worker},
};
use crate::{
    error::{Error, Result},
    graphql::{
        batches::TaskById,
        connection::{connection, gid},
        context::cx,
        directives::confidential,
        enums::ExecutionStatus,
        lookahead,
        redaction::Redacted,
        scalars::DateTime,
    },
    store::read::{execution::ExecutionRow, task::TaskRow},
};

/// A run of a task, as its worker reported it.
pub struct Execution(pub ExecutionRow);

/// A run of a task, as its worker reported it.
#[Object]
impl Execution {
    /// Globally unique id.
    pub async fn id(&self) -> ID {
        gid(self.0.id)
    }

    /// The task.
    async fn task(&self, ctx: &Context<'_>) -> Result<Task> {
        task(ctx, self.0.task_id).await
    }

    /// Who ran it.
    async fn worker(&self, ctx: &Context<'_>) -> Result<Option<Worker>> {
        worker(ctx, self.0.worker_id).await
    }

    /// The claim of the task under which it ran.
    async fn attempt(&self) -> Result<i32> {
        Ok(*self.0.attempt.get()?)
    }

    /// How it went.
    async fn status(&self) -> Result<ExecutionStatus> {
        Ok((*self.0.status.get()?).into())
    }

    /// What the process answered; null where there was none.
    async fn exit_code(&self) -> Result<Option<i32>> {
        Ok(*self.0.exit_code.get()?)
    }

    /// What was run.
    #[graphql(directive = confidential::apply())]
    async fn code(&self) -> Redacted<'_, String> {
        Redacted::new(&self.0.code)
    }

    /// What it printed.
    #[graphql(directive = confidential::apply())]
    async fn code_output(&self) -> Redacted<'_, String> {
        Redacted::new(&self.0.code_output)
    }

    /// What the shell printed.
    #[graphql(directive = confidential::apply())]
    async fn shell_output(&self) -> Redacted<'_, String> {
        Redacted::new(&self.0.shell_output)
    }

    /// Files that it made.
    #[graphql(directive = confidential::apply())]
    async fn file_contents(&self) -> Redacted<'_, JsonText> {
        Redacted::new(&self.0.file_contents)
    }

    /// When it began.
    async fn started_at(&self) -> Result<DateTime> {
        Ok((*self.0.started_at.get()?).into())
    }

    /// When it ended; null while it runs.
    async fn ended_at(&self) -> Result<Option<DateTime>> {
        Ok(self.0.ended_at.get()?.map(Into::into))
    }
}

/// Loads the task that some row hangs off, which whoever sees the row sees too.
pub async fn task(ctx: &Context<'_>, id: TaskId) -> Result<Task> {
    let cx = cx(ctx);
    let batch = TaskById { columns: lookahead::columns::<TaskRow>(ctx) };
    let row = cx.loaders.load(&cx.store, batch, id).await?;
    row.map(Task).ok_or_else(|| Error::internal("a row without its task"))
}

connection!(ExecutionConnection, ExecutionEdge, Execution, "execution", "executions");
