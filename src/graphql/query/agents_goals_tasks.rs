//! Agents, goals and tasks.

use async_graphql::{Context, ID, Object};
use entity::ids::{AgentId, GoalId, TaskId};

use crate::{
    error::Result,
    graphql::{
        connection::{ListName, PageArgs, parse_id, seal},
        context::cx,
        directives::requires,
        guard::Requires,
        lookahead,
        types::{
            agent::{Agent, AgentConnection, AgentFilterInput, AgentOrder},
            goal::{Goal, GoalConnection, GoalFilterInput, GoalOrder},
            task::{Task, TaskConnection, TaskFilterInput, TaskOrder},
        },
    },
    policy::Permission,
    store::read::{agent::AgentRow, goal::GoalRow, task::TaskRow},
};

#[derive(Default)]
pub struct WorkQuery;

#[Object]
impl WorkQuery {
    /// An agent; null when it does not exist for the viewer.
    #[graphql(guard = "Requires(Permission::AgentRead)", directive = requires::apply(Permission::AgentRead.into()))]
    async fn agent(&self, ctx: &Context<'_>, #[graphql(desc = "Its id.")] id: ID) -> Result<Option<Agent>> {
        let id: AgentId = parse_id("id", &id)?;
        let rows = cx(ctx).store.agent_by_ids(&[id], lookahead::columns::<AgentRow>(ctx)).await?;
        Ok(rows.into_iter().next().map(Agent))
    }

    /// Agents that the viewer may see, the global ones included; by name unless ordered otherwise.
    #[graphql(guard = "Requires(Permission::AgentRead)", directive = requires::apply(Permission::AgentRead.into()))]
    #[expect(clippy::too_many_arguments, reason = "the arguments of a Relay connection")]
    async fn agents(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the beginning, at most 100; 20 without it.")] first: Option<i32>,
        #[graphql(desc = "Only agents after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Only agents before this cursor.")] before: Option<String>,
        #[graphql(desc = "Narrows the list.")] filter: Option<AgentFilterInput>,
        #[graphql(desc = "How the list is ordered.")] order_by: Option<AgentOrder>,
    ) -> Result<AgentConnection> {
        let cx = cx(ctx);
        let query = AgentOrder::query(order_by, filter.unwrap_or_default().parse()?);
        let list = ListName::new(cx, "agents", &query);
        let page = PageArgs { first, after, last, before }.request(cx, &list)?;
        let page = cx.store.agent_list(&query, lookahead::node_columns::<AgentRow>(ctx), &page).await?;
        let total = match lookahead::selects(ctx, "totalCount") {
            true => Some(cx.store.agent_count(&query).await?),
            false => None,
        };
        Ok(AgentConnection::new(seal(cx, &list, page, Agent)?, total))
    }

    /// A goal; null when it does not exist for the viewer.
    #[graphql(guard = "Requires(Permission::GoalRead)", directive = requires::apply(Permission::GoalRead.into()))]
    async fn goal(&self, ctx: &Context<'_>, #[graphql(desc = "Its id.")] id: ID) -> Result<Option<Goal>> {
        let id: GoalId = parse_id("id", &id)?;
        let rows = cx(ctx).store.goal_by_ids(&[id], lookahead::columns::<GoalRow>(ctx)).await?;
        Ok(rows.into_iter().next().map(Goal))
    }

    /// Goals given to agents that the viewer may see; the latest first unless ordered otherwise.
    #[graphql(guard = "Requires(Permission::GoalRead)", directive = requires::apply(Permission::GoalRead.into()))]
    #[expect(clippy::too_many_arguments, reason = "the arguments of a Relay connection")]
    async fn goals(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the beginning, at most 100; 20 without it.")] first: Option<i32>,
        #[graphql(desc = "Only goals after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Only goals before this cursor.")] before: Option<String>,
        #[graphql(desc = "Narrows the list.")] filter: Option<GoalFilterInput>,
        #[graphql(desc = "How the list is ordered.")] order_by: Option<GoalOrder>,
    ) -> Result<GoalConnection> {
        let cx = cx(ctx);
        let query = GoalOrder::query(order_by, filter.unwrap_or_default().parse(cx)?);
        let list = ListName::new(cx, "goals", &query);
        let page = PageArgs { first, after, last, before }.request(cx, &list)?;
        let page = cx.store.goal_list(&query, lookahead::node_columns::<GoalRow>(ctx), &page).await?;
        let total = match lookahead::selects(ctx, "totalCount") {
            true => Some(cx.store.goal_count(&query).await?),
            false => None,
        };
        Ok(GoalConnection::new(seal(cx, &list, page, Goal)?, total))
    }

    /// A task; null when it does not exist for the viewer.
    #[graphql(guard = "Requires(Permission::GoalRead)", directive = requires::apply(Permission::GoalRead.into()))]
    async fn task(&self, ctx: &Context<'_>, #[graphql(desc = "Its id.")] id: ID) -> Result<Option<Task>> {
        let id: TaskId = parse_id("id", &id)?;
        let rows = cx(ctx).store.task_by_ids(&[id], lookahead::columns::<TaskRow>(ctx)).await?;
        Ok(rows.into_iter().next().map(Task))
    }

    /// Tasks of goals that the viewer may see; the latest first unless ordered otherwise.
    #[graphql(guard = "Requires(Permission::GoalRead)", directive = requires::apply(Permission::GoalRead.into()))]
    #[expect(clippy::too_many_arguments, reason = "the arguments of a Relay connection")]
    async fn tasks(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the beginning, at most 100; 20 without it.")] first: Option<i32>,
        #[graphql(desc = "Only tasks after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Only tasks before this cursor.")] before: Option<String>,
        #[graphql(desc = "Narrows the list.")] filter: Option<TaskFilterInput>,
        #[graphql(desc = "How the list is ordered.")] order_by: Option<TaskOrder>,
    ) -> Result<TaskConnection> {
        let cx = cx(ctx);
        let query = TaskOrder::query(order_by, filter.unwrap_or_default().parse()?, true);
        let list = ListName::new(cx, "tasks", &query);
        let page = PageArgs { first, after, last, before }.request(cx, &list)?;
        let page = cx.store.task_list(&query, lookahead::node_columns::<TaskRow>(ctx), &page).await?;
        let total = match lookahead::selects(ctx, "totalCount") {
            true => Some(cx.store.task_count(&query).await?),
            false => None,
        };
        Ok(TaskConnection::new(seal(cx, &list, page, Task)?, total))
    }
}
