//! Tasks.

use async_graphql::{Context, Enum, ID, InputObject, Object, SimpleObject};
use entity::{confidential::JsonText, ids::TaskId};

use super::{
    agent::{Agent, agent},
    execution::{Execution, ExecutionConnection},
    goal::{Goal, goal},
    worker::{Worker, worker},
};
use crate::{
    error::{Error, Result},
    graphql::{
        batches::{ExecutionCount, Executions, TaskById, TaskEdges},
        connection::{ListName, PageArgs, connection, gid, int, parse_optional_id, seal},
        context::cx,
        directives::confidential,
        enums::{OrderDirection, TaskStatus, stored},
        lookahead,
        redaction::Redacted,
        scalars::DateTime,
    },
    store::{
        list::page::Page,
        read::{
            execution::ExecutionRow,
            task::{DependencyRow, Direction, TaskFilter, TaskQuery, TaskRow, TaskSort},
        },
    },
};

/// A step of a goal's plan.
pub struct Task(pub TaskRow);

impl Task {
    async fn others(&self, ctx: &Context<'_>, direction: Direction) -> Result<Vec<Self>> {
        let cx = cx(ctx);
        let ids: Vec<TaskId> =
            cx.loaders.load(&cx.store, TaskEdges { direction }, self.0.id).await?.unwrap_or_default();
        let batch = TaskById { columns: lookahead::columns::<TaskRow>(ctx) };
        let loads = ids.into_iter().map(|id| cx.loaders.load(&cx.store, batch.clone(), id));
        let tasks = futures_util::future::try_join_all(loads).await?;
        Ok(tasks.into_iter().flatten().map(Self).collect())
    }
}

/// A step of a goal's plan.
#[Object]
impl Task {
    /// Globally unique id.
    pub async fn id(&self) -> ID {
        gid(self.0.id)
    }

    /// The goal that it is a step of.
    async fn goal(&self, ctx: &Context<'_>) -> Result<Goal> {
        goal(ctx, self.0.goal_id).await
    }

    /// The goal's agent.
    async fn agent(&self, ctx: &Context<'_>) -> Result<Agent> {
        agent(ctx, self.0.agent_id).await
    }

    /// What kind of work it is; workers match it with their capabilities.
    #[graphql(name = "type")]
    async fn kind(&self) -> Result<&str> {
        Ok(self.0.kind.get()?)
    }

    /// Where it stands.
    async fn status(&self) -> Result<TaskStatus> {
        Ok((*self.0.status.get()?).into())
    }

    /// Larger runs first.
    async fn priority(&self) -> Result<i32> {
        Ok(*self.0.priority.get()?)
    }

    /// How often it was tried again.
    async fn retries(&self) -> Result<i32> {
        Ok(*self.0.retries.get()?)
    }

    /// How often it may be tried again.
    async fn max_retries(&self) -> Result<i32> {
        Ok(*self.0.max_retries.get()?)
    }

    /// How often it was claimed. Names a claim: whoever completes it says which one it holds.
    async fn attempt(&self) -> Result<i32> {
        Ok(*self.0.attempt.get()?)
    }

    /// Until when its worker holds it without a heartbeat; null where nobody does.
    async fn lease_expires_at(&self) -> Result<Option<DateTime>> {
        Ok(self.0.lease_expires_at.get()?.map(Into::into))
    }

    /// Not claimed before this time: the pause before another try. Null where there is none.
    async fn run_after(&self) -> Result<Option<DateTime>> {
        Ok(self.0.run_after.get()?.map(Into::into))
    }

    /// The input.
    #[graphql(directive = confidential::apply())]
    async fn payload(&self) -> Redacted<'_, JsonText> {
        Redacted::new(&self.0.payload)
    }

    /// The output; null until there is one.
    #[graphql(directive = confidential::apply())]
    async fn result(&self) -> Redacted<'_, JsonText> {
        Redacted::new(&self.0.result)
    }

    /// Why it failed; null where it did not.
    #[graphql(directive = confidential::apply())]
    async fn error(&self) -> Redacted<'_, String> {
        Redacted::new(&self.0.error)
    }

    /// Who runs or ran it; null until somebody does.
    async fn worker(&self, ctx: &Context<'_>) -> Result<Option<Worker>> {
        worker(ctx, self.0.worker_id).await
    }

    /// The tasks that it waits for.
    async fn depends_on(&self, ctx: &Context<'_>) -> Result<Vec<Task>> {
        self.others(ctx, Direction::DependsOn).await
    }

    /// The tasks that wait for it.
    async fn dependents(&self, ctx: &Context<'_>) -> Result<Vec<Task>> {
        self.others(ctx, Direction::Dependents).await
    }

    /// Its runs, in the order in which they were recorded.
    async fn executions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many, at most 100; 20 without it.")] first: Option<i32>,
        #[graphql(desc = "Only runs after this cursor.")] after: Option<String>,
    ) -> Result<ExecutionConnection> {
        let (cx, id) = (cx(ctx), self.0.id);
        let list = ListName::new(cx, "executions of", &id);
        let page = PageArgs { first, after, ..PageArgs::default() }.request(cx, &list)?;
        let batch = Executions { columns: lookahead::node_columns::<ExecutionRow>(ctx), page };
        let page = cx.loaders.load(&cx.store, batch, (self.0.org_id, id)).await?.unwrap_or(Page::empty());
        let total = match lookahead::selects(ctx, "totalCount") {
            true => Some(cx.loaders.load(&cx.store, ExecutionCount {}, id).await?.unwrap_or(0)),
            false => None,
        };
        Ok(ExecutionConnection::new(seal(cx, &list, page, Execution)?, total))
    }

    /// When it was planned.
    async fn created_at(&self) -> Result<DateTime> {
        Ok((*self.0.created_at.get()?).into())
    }

    /// When it last changed.
    async fn updated_at(&self) -> Result<DateTime> {
        Ok((*self.0.updated_at.get()?).into())
    }

    /// When it first ran; null until then.
    async fn started_at(&self) -> Result<Option<DateTime>> {
        Ok(self.0.started_at.get()?.map(Into::into))
    }

    /// When it reached a final state; null until then.
    async fn finished_at(&self) -> Result<Option<DateTime>> {
        Ok(self.0.finished_at.get()?.map(Into::into))
    }
}

/// An edge of a goal's graph.
#[derive(SimpleObject)]
pub struct TaskEdgeInGraph {
    /// The task that waits.
    pub task_id: ID,
    /// The task that it waits for.
    pub depends_on_id: ID,
}

impl TaskEdgeInGraph {
    /// Wraps a row.
    pub fn new(row: DependencyRow) -> Self {
        Self { task_id: gid(row.task_id), depends_on_id: gid(row.depends_on_id) }
    }
}

/// Loads the task that some row hangs off, which whoever sees the row sees too.
pub async fn task(ctx: &Context<'_>, id: TaskId) -> Result<Task> {
    let cx = cx(ctx);
    let batch = TaskById { columns: lookahead::columns::<TaskRow>(ctx) };
    let row = cx.loaders.load(&cx.store, batch, id).await?;
    row.map(Task).ok_or_else(|| Error::internal("a row without its task"))
}

/// How many tasks are in a state.
#[derive(SimpleObject)]
pub struct TaskStatusCount {
    /// The state.
    pub status: TaskStatus,
    /// How many.
    pub count: i32,
}

impl TaskStatusCount {
    /// In the order of the states.
    pub fn list(mut counts: Vec<(entity::enums::TaskStatus, i64)>) -> Vec<Self> {
        counts.sort_by_key(|(status, _)| *status);
        counts.into_iter().map(|(status, count)| Self { status: status.into(), count: int(count) }).collect()
    }
}

connection!(TaskConnection, TaskEdge, Task, "task", "tasks");

/// Narrows a list of tasks. Only metadata.
#[derive(Debug, Default, InputObject)]
#[graphql(name = "TaskFilter")]
pub struct TaskFilterInput {
    /// Only tasks in one of these states.
    pub status: Option<Vec<TaskStatus>>,
    /// Only tasks of one of these kinds.
    #[graphql(name = "type")]
    pub kind: Option<Vec<String>>,
    /// Only tasks of this goal.
    pub goal_id: Option<ID>,
    /// Only tasks of goals given to this agent.
    pub agent_id: Option<ID>,
    /// Only tasks that this worker runs or ran.
    pub worker_id: Option<ID>,
    /// Only tasks of this organisation.
    pub organization_id: Option<ID>,
}

impl TaskFilterInput {
    /// Checks the ids.
    pub fn parse(self) -> Result<TaskFilter> {
        Ok(TaskFilter {
            status: stored(self.status),
            kind: self.kind,
            goal_id: parse_optional_id("filter.goalId", self.goal_id.as_ref())?,
            agent_id: parse_optional_id("filter.agentId", self.agent_id.as_ref())?,
            worker_id: parse_optional_id("filter.workerId", self.worker_id.as_ref())?,
            organization_id: parse_optional_id("filter.organizationId", self.organization_id.as_ref())?,
        })
    }
}

/// What tasks can be ordered by.
#[derive(Clone, Copy, Debug, Enum, Eq, PartialEq)]
pub enum TaskOrderField {
    /// Planning.
    CreatedAt,
    /// Last change.
    UpdatedAt,
    /// Priority.
    Priority,
}

/// How a list of tasks is ordered.
#[derive(Debug, InputObject)]
pub struct TaskOrder {
    /// By what.
    pub field: TaskOrderField,
    /// Which way.
    #[graphql(default)]
    pub direction: OrderDirection,
}

impl TaskOrder {
    /// The store's query; by creation, in the direction of `latest_first`, unless ordered otherwise.
    pub fn query(order: Option<Self>, filter: TaskFilter, latest_first: bool) -> TaskQuery {
        let (sort, descending) = match order {
            None => (TaskSort::Created, latest_first),
            Some(order) => {
                let sort = match order.field {
                    TaskOrderField::CreatedAt => TaskSort::Created,
                    TaskOrderField::UpdatedAt => TaskSort::Updated,
                    TaskOrderField::Priority => TaskSort::Priority,
                };
                (sort, order.direction == OrderDirection::Desc)
            }
        };
        TaskQuery { filter, sort, descending }
    }
}
