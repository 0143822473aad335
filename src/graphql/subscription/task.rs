//! `taskUpdated`.

use async_graphql::Context;
use entity::ids::{AgentId, EventId, GoalId, TaskId, TypedId};

use super::goal::GoalFeed;
use crate::{
    error::{Error, Result},
    graphql::{
        context::{RequestCtx, cx},
        lookahead,
        subscription::run::{About, Feed, Opening},
        types::task::Task,
    },
    store::{
        audit::follow::LogEntry,
        list::row::Row as _,
        read::{agent::AgentRow, task::TaskRow},
    },
};

pub struct TaskFeed {
    pub goal: Option<GoalId>,
    pub agent: Option<AgentId>,
}

impl TaskFeed {
    fn wants(&self, row: &TaskRow) -> bool {
        self.goal.is_none_or(|goal| goal == row.goal_id) && self.agent.is_none_or(|agent| agent == row.agent_id)
    }
}

#[async_trait::async_trait]
impl Feed for TaskFeed {
    type Item = Task;

    /// What is named must be seen; it says whose log it is, where the viewer does not.
    async fn open(&self, cx: &RequestCtx) -> Result<Opening> {
        let mut org = cx.viewer.org_id();
        if let Some(id) = self.agent {
            let row = cx.store.agent_by_ids(&[id], AgentRow::keys()).await?.pop().ok_or(Error::NotFound)?;
            org = org.or(row.org_id);
        }
        if let Some(id) = self.goal {
            org = Some(GoalFeed { id }.seen(cx).await?.org_id);
        }
        let org = org.ok_or_else(|| {
            Error::validation("goalId", "Name a goal, or an organisation's agent, whose tasks are followed.")
        })?;
        Ok(Opening { org, after: None, about: About::Family(TaskId::PREFIX) })
    }

    async fn pick(&self, cx: &RequestCtx, batch: &[LogEntry]) -> Result<Vec<EventId>> {
        if let Some(id) = self.goal {
            GoalFeed { id }.seen(cx).await?;
        }
        if let Some(id) = self.agent {
            cx.store.agent_by_ids(&[id], AgentRow::keys()).await?.pop().ok_or(Error::NotFound)?;
        }
        let ids: Vec<TaskId> = batch.iter().filter_map(LogEntry::subject).collect();
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut rows = cx.store.task_by_ids(&ids, TaskRow::keys()).await?;
        rows.retain(|row| self.wants(row));
        let picked = |entry: &&LogEntry| entry.subject().is_some_and(|id: TaskId| rows.iter().any(|row| row.id == id));
        Ok(batch.iter().filter(picked).map(|entry| entry.id).collect())
    }

    async fn answer(&self, ctx: &Context<'_>, entry: &LogEntry) -> Result<Option<Task>> {
        let Some(id) = entry.subject::<TaskId>() else { return Ok(None) };
        let rows = cx(ctx).store.task_by_ids(&[id], lookahead::columns::<TaskRow>(ctx)).await?;
        Ok(rows.into_iter().find(|row| self.wants(row)).map(Task))
    }
}
