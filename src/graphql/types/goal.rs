//! Goals.

use async_graphql::{Context, Enum, ID, InputObject, Object, SimpleObject};
use entity::{confidential::JsonText, ids::GoalId, table::Audience};

use super::{
    agent::{Agent, agent},
    approval::ApprovalRequest,
    file::{self, WorkspaceFile, WorkspaceFileConnection},
    organization::{Organization, organization},
    task::{Task, TaskConnection, TaskEdgeInGraph, TaskFilterInput, TaskOrder, TaskStatusCount},
    user::{User, user},
};
use crate::{
    error::{Error, Result},
    graphql::{
        batches::{
            ApprovalsOfGoals, FileCountOfGoals, FilesOfGoals, GoalById, Graph, TaskCountOfGoals, TaskStatesOfGoals,
            TasksOfGoals,
        },
        connection::{ListName, PageArgs, connection, gid, int, parse_optional_id, seal},
        context::{RequestCtx, cx},
        directives::confidential,
        enums::{GoalStatus, OrderDirection, stored},
        lookahead,
        redaction::Redacted,
        scalars::DateTime,
    },
    store::{
        list::page::{MAX_PAGE, Page, PageRequest},
        read::{
            approval::ApprovalRow,
            goal::{GoalFilter, GoalQuery, GoalRow, GoalSort},
            task::TaskRow,
        },
    },
};

/// What somebody asked an agent to achieve.
pub struct Goal(pub GoalRow);

/// What somebody asked an agent to achieve.
#[Object]
impl Goal {
    /// Globally unique id.
    pub async fn id(&self) -> ID {
        gid(self.0.id)
    }

    /// The agent that it was given to.
    async fn agent(&self, ctx: &Context<'_>) -> Result<Agent> {
        agent(ctx, self.0.agent_id).await
    }

    /// The organisation whose goal it is, also on a global agent.
    async fn organization(&self, ctx: &Context<'_>) -> Result<Organization> {
        organization(ctx, self.0.org_id).await
    }

    /// Who asked; null on history older than accounts.
    async fn submitted_by(&self, ctx: &Context<'_>) -> Result<Option<User>> {
        user(ctx, self.0.submitted_by).await
    }

    /// Where it stands.
    async fn status(&self) -> GoalStatus {
        self.0.status.into()
    }

    /// Larger runs first.
    async fn priority(&self) -> Result<i32> {
        Ok(*self.0.priority.get()?)
    }

    /// What was asked.
    #[graphql(directive = confidential::apply())]
    async fn goal_text(&self) -> Redacted<'_, String> {
        Redacted::new(&self.0.goal_text)
    }

    /// The planner's plan; null until there is one.
    #[graphql(directive = confidential::apply())]
    async fn plan(&self) -> Redacted<'_, JsonText> {
        Redacted::new(&self.0.plan)
    }

    /// Its tasks, in the order of planning unless ordered otherwise.
    async fn tasks(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many, at most 100; 20 without it.")] first: Option<i32>,
        #[graphql(desc = "Only tasks after this cursor.")] after: Option<String>,
        #[graphql(desc = "Narrows the list.")] filter: Option<TaskFilterInput>,
        #[graphql(desc = "How the list is ordered.")] order_by: Option<TaskOrder>,
    ) -> Result<TaskConnection> {
        let (cx, id) = (cx(ctx), self.0.id);
        let query = TaskOrder::query(order_by, filter.unwrap_or_default().parse()?, false);
        let list = ListName::new(cx, "tasks of", &(id, &query));
        let page = PageArgs { first, after, ..PageArgs::default() }.request(cx, &list)?;
        let batch = TasksOfGoals { query: query.clone(), columns: lookahead::node_columns::<TaskRow>(ctx), page };
        let page = cx.loaders.load(&cx.store, batch, (self.0.org_id, id)).await?.unwrap_or(Page::empty());
        let total = match lookahead::selects(ctx, "totalCount") {
            true => Some(cx.loaders.load(&cx.store, TaskCountOfGoals { query }, id).await?.unwrap_or(0)),
            false => None,
        };
        Ok(TaskConnection::new(seal(cx, &list, page, Task)?, total))
    }

    /// How many tasks it has, by state; states without any are left out.
    async fn task_counts(&self, ctx: &Context<'_>) -> Result<Vec<TaskStatusCount>> {
        let cx = cx(ctx);
        let counts = cx.loaders.load(&cx.store, TaskStatesOfGoals {}, self.0.id).await?;
        Ok(TaskStatusCount::list(counts.unwrap_or_default()))
    }

    /// What was asked about it, its plan and its risky steps: the latest first, at most 100, as far as the viewer may read.
    async fn approval_requests(&self, ctx: &Context<'_>) -> Result<Vec<ApprovalRequest>> {
        let cx = cx(ctx);
        let page = PageRequest { size: MAX_PAGE, ..PageRequest::default() };
        let batch = ApprovalsOfGoals { columns: lookahead::columns::<ApprovalRow>(ctx), page };
        let page = cx.loaders.load(&cx.store, batch, (self.0.org_id, self.0.id)).await?.unwrap_or(Page::empty());
        Ok(page.edges.into_iter().map(|edge| ApprovalRequest(edge.node)).collect())
    }

    /// The dependencies between its tasks, for drawing the graph.
    async fn graph(&self, ctx: &Context<'_>) -> Result<Vec<TaskEdgeInGraph>> {
        let cx = cx(ctx);
        let rows = cx.loaders.load(&cx.store, Graph {}, self.0.id).await?.unwrap_or_default();
        Ok(rows.into_iter().map(TaskEdgeInGraph::new).collect())
    }

    /// The files of its workspace, in the order in which they were first put.
    async fn files(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many, at most 100; 20 without it.")] first: Option<i32>,
        #[graphql(desc = "Only files after this cursor.")] after: Option<String>,
    ) -> Result<WorkspaceFileConnection> {
        let (cx, id) = (cx(ctx), self.0.id);
        let list = ListName::new(cx, "files of", &id);
        let page = PageArgs { first, after, ..PageArgs::default() }.request(cx, &list)?;
        let batch = FilesOfGoals { columns: file::columns(&lookahead::node_fields(ctx)), page };
        let page = cx.loaders.load(&cx.store, batch, (self.0.org_id, id)).await?.unwrap_or(Page::empty());
        let total = match lookahead::selects(ctx, "totalCount") {
            true => Some(cx.loaders.load(&cx.store, FileCountOfGoals {}, id).await?.unwrap_or(0)),
            false => None,
        };
        Ok(WorkspaceFileConnection::new(seal(cx, &list, page, WorkspaceFile)?, total))
    }

    /// When it was submitted.
    async fn created_at(&self) -> Result<DateTime> {
        Ok((*self.0.created_at.get()?).into())
    }

    /// When it last changed.
    async fn updated_at(&self) -> Result<DateTime> {
        Ok((*self.0.updated_at.get()?).into())
    }

    /// When it reached a final state; null until then.
    async fn completed_at(&self) -> Result<Option<DateTime>> {
        Ok(self.0.completed_at.get()?.map(Into::into))
    }
}

/// Loads the goal that some row hangs off, which whoever sees the row sees too.
pub async fn goal(ctx: &Context<'_>, id: GoalId) -> Result<Goal> {
    let cx = cx(ctx);
    let batch = GoalById { columns: lookahead::columns::<GoalRow>(ctx) };
    let row = cx.loaders.load(&cx.store, batch, id).await?;
    row.map(Goal).ok_or_else(|| Error::internal("a row without its goal"))
}

/// How many goals are in a state.
#[derive(SimpleObject)]
pub struct GoalStatusCount {
    /// The state.
    pub status: GoalStatus,
    /// How many.
    pub count: i32,
}

impl GoalStatusCount {
    /// In the order of the states.
    pub fn list(mut counts: Vec<(entity::enums::GoalStatus, i64)>) -> Vec<Self> {
        counts.sort_by_key(|(status, _)| *status);
        counts.into_iter().map(|(status, count)| Self { status: status.into(), count: int(count) }).collect()
    }
}

connection!(GoalConnection, GoalEdge, Goal, "goal", "goals");

/// Narrows a list of goals. Only metadata, plus `search` for viewers who may read what was asked.
#[derive(Debug, Default, InputObject)]
#[graphql(name = "GoalFilter")]
pub struct GoalFilterInput {
    /// Only goals in one of these states.
    pub status: Option<Vec<GoalStatus>>,
    /// Only goals that this agent was given.
    pub agent_id: Option<ID>,
    /// Only goals that this user submitted.
    pub submitted_by_id: Option<ID>,
    /// Only goals of this organisation.
    pub organization_id: Option<ID>,
    /// Only goals whose text contains this, whatever its case. `FORBIDDEN` for who may not read it: super-admins, and keys
    /// without a scope that opens it.
    #[graphql(secret)]
    pub search: Option<String>,
}

impl GoalFilterInput {
    /// Checks the ids, and that whoever searches content may read it: an answer that depended on content would show it.
    pub fn parse(self, cx: &RequestCtx) -> Result<GoalFilter> {
        if self.search.is_some() && !cx.reads(Audience::Work) {
            return Err(Error::Forbidden("searching content"));
        }
        Ok(GoalFilter {
            status: stored(self.status),
            agent_id: parse_optional_id("filter.agentId", self.agent_id.as_ref())?,
            submitted_by: parse_optional_id("filter.submittedById", self.submitted_by_id.as_ref())?,
            organization_id: parse_optional_id("filter.organizationId", self.organization_id.as_ref())?,
            search: self.search,
        })
    }
}

/// What goals can be ordered by.
#[derive(Clone, Copy, Debug, Enum, Eq, PartialEq)]
pub enum GoalOrderField {
    /// Submission.
    CreatedAt,
    /// Last change.
    UpdatedAt,
    /// Priority.
    Priority,
}

/// How a list of goals is ordered.
#[derive(Debug, InputObject)]
pub struct GoalOrder {
    /// By what.
    pub field: GoalOrderField,
    /// Which way.
    #[graphql(default)]
    pub direction: OrderDirection,
}

impl GoalOrder {
    /// The store's query: the latest first unless ordered otherwise.
    pub fn query(order: Option<Self>, filter: GoalFilter) -> GoalQuery {
        let (sort, descending) = match order {
            None => (GoalSort::Created, true),
            Some(order) => {
                let sort = match order.field {
                    GoalOrderField::CreatedAt => GoalSort::Created,
                    GoalOrderField::UpdatedAt => GoalSort::Updated,
                    GoalOrderField::Priority => GoalSort::Priority,
                };
                (sort, order.direction == OrderDirection::Desc)
            }
        };
        GoalQuery { filter, sort, descending }
    }
}
