//! Agents, an organisation's own and the platform's.

use async_graphql::{ComplexObject, Context, Enum, ID, InputObject, Object, SimpleObject, Union};
use entity::{
    confidential::JsonText,
    ids::{AgentId, TypedId},
};

use super::{
    document::{AgentDocument, AgentDocumentConnection, DocumentFilterInput},
    goal::{Goal, GoalConnection, GoalFilterInput, GoalOrder, GoalStatusCount},
    organization::{Organization, organization},
    team::{Team, team},
    usage::{UsageTotals, days},
    user::{User, user},
};
use crate::{
    error::{Error, Result},
    graphql::{
        batches::{
            AgentAdmins, AgentById, AgentRelationKey, Collaborators, DocumentCount, Documents, GlobalDocuments,
            GoalCountOfAgents, GoalStatesOfAgents, GoalsOfAgents, UsageOfAgents, UserById,
        },
        connection::{ListName, PageArgs, connection, gid, parse_optional_id, seal},
        context::{RequestCtx, cx},
        directives::confidential,
        enums::{AgentStatus, AgentVisibility, CollaboratorPermission, OrderDirection, stored},
        lookahead,
        redaction::Redacted,
        scalars::DateTime,
    },
    policy::{Permission, Resource, decide},
    store::{
        list::page::Page,
        read::{
            agent::{AgentFilter, AgentQuery, AgentRow, AgentSort, CollaboratorRow},
            document::DocumentRow,
            goal::GoalRow,
            user::UserRow,
        },
    },
};

/// An AI agent: an organisation's own, or a global one of the platform's.
pub struct Agent(pub AgentRow);

impl Agent {
    async fn viewer_can(&self, ctx: &Context<'_>, permission: Permission) -> Result<bool> {
        let cx = cx(ctx);
        let relation = cx.loaders.load(&cx.store, AgentRelationKey {}, self.0.id).await?.unwrap_or_default();
        let facts = self.0.facts(relation);
        Ok(decide(&cx.viewer, permission, Resource::Agent(&facts)).allowed())
    }
}

/// An AI agent: an organisation's own, or a global one of the platform's.
#[Object]
impl Agent {
    /// Globally unique id.
    pub async fn id(&self) -> ID {
        gid(self.0.id)
    }

    /// Display name.
    async fn name(&self) -> Result<&str> {
        Ok(self.0.name.get()?)
    }

    /// What it is for.
    async fn description(&self) -> Result<&str> {
        Ok(self.0.description.get()?)
    }

    /// Whether it takes goals. A global agent that the viewer's organisation stopped for itself shows as stopped.
    async fn status(&self) -> Result<AgentStatus> {
        Ok((*self.0.status.get()?).into())
    }

    /// Who may see and use it.
    async fn visibility(&self) -> AgentVisibility {
        self.0.visibility.into()
    }

    /// Whether one can chat with it.
    async fn chat_capable(&self) -> Result<bool> {
        Ok(*self.0.chat_capable.get()?)
    }

    /// The organisation that it belongs to; null for a global agent.
    async fn organization(&self, ctx: &Context<'_>) -> Result<Option<Organization>> {
        match self.0.org_id {
            Some(org_id) => organization(ctx, org_id).await.map(Some),
            None => Ok(None),
        }
    }

    /// The member who owns it; null for team and global agents, and once the owner has left.
    async fn owner(&self, ctx: &Context<'_>) -> Result<Option<User>> {
        user(ctx, self.0.owner_id).await
    }

    /// The team that owns it, for a team agent.
    async fn team(&self, ctx: &Context<'_>) -> Result<Option<Team>> {
        team(ctx, self.0.team_id).await
    }

    /// What it is told.
    #[graphql(directive = confidential::apply())]
    async fn system_prompt(&self) -> Redacted<'_, String> {
        Redacted::new(&self.0.system_prompt)
    }

    /// Its settings.
    #[graphql(directive = confidential::apply())]
    async fn config(&self) -> Redacted<'_, JsonText> {
        Redacted::new(&self.0.config)
    }

    /// How many distinct deciders an approval takes; 2 is the two-person rule.
    async fn required_approvals(&self) -> Result<i32> {
        Ok(*self.0.required_approvals.get()?)
    }

    /// Whether a plan waits for approval before it runs.
    async fn require_plan_approval(&self) -> Result<bool> {
        Ok(*self.0.require_plan_approval.get()?)
    }

    /// Its documents, in the order in which they were attached.
    async fn documents(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many, at most 100; 20 without it.")] first: Option<i32>,
        #[graphql(desc = "Only documents after this cursor.")] after: Option<String>,
        #[graphql(desc = "Narrows the list.")] filter: Option<DocumentFilterInput>,
    ) -> Result<AgentDocumentConnection> {
        let (cx, id) = (cx(ctx), self.0.id);
        let kinds = filter.unwrap_or_default().parse();
        let list = ListName::new(cx, "documents of", &(id, &kinds));
        let page = PageArgs { first, after, ..PageArgs::default() }.request(cx, &list)?;
        let columns = lookahead::node_columns::<DocumentRow>(ctx);
        let page = match self.0.org_id {
            Some(_) => {
                let batch = Documents { kinds: kinds.clone(), columns, page };
                cx.loaders.load(&cx.store, batch, self.0.key()).await?
            }
            None => cx.loaders.load(&cx.store, GlobalDocuments { kinds: kinds.clone(), columns, page }, id).await?,
        };
        let total = match lookahead::selects(ctx, "totalCount") {
            true => Some(cx.loaders.load(&cx.store, DocumentCount { kinds }, id).await?.unwrap_or(0)),
            false => None,
        };
        Ok(AgentDocumentConnection::new(seal(cx, &list, page.unwrap_or(Page::empty()), AgentDocument)?, total))
    }

    /// Who else may use or change a private agent.
    async fn collaborators(&self, ctx: &Context<'_>) -> Result<Vec<AgentCollaborator>> {
        let cx = cx(ctx);
        let batch = Collaborators { columns: lookahead::columns::<CollaboratorRow>(ctx) };
        let rows = cx.loaders.load(&cx.store, batch, self.0.id).await?.unwrap_or_default();
        Ok(rows.into_iter().map(AgentCollaborator::new).collect())
    }

    /// Who decides its approvals in the viewer's organisation; none means the organisation's admins.
    async fn admins(&self, ctx: &Context<'_>) -> Result<Vec<User>> {
        let cx = cx(ctx);
        if self.0.org_id.is_none() && cx.viewer.org_id().is_none() {
            return Ok(Vec::new());
        }
        let ids = cx.loaders.load(&cx.store, AgentAdmins {}, self.0.id).await?.unwrap_or_default();
        let batch = UserById { columns: lookahead::columns::<UserRow>(ctx) };
        let loads = ids.into_iter().map(|id| cx.loaders.load(&cx.store, batch.clone(), id));
        let users = futures_util::future::try_join_all(loads).await?;
        Ok(users.into_iter().flatten().map(User).collect())
    }

    /// Goals that it was given, as far as the viewer sees them; the latest first unless ordered otherwise.
    async fn goals(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many, at most 100; 20 without it.")] first: Option<i32>,
        #[graphql(desc = "Only goals after this cursor.")] after: Option<String>,
        #[graphql(desc = "Narrows the list.")] filter: Option<GoalFilterInput>,
        #[graphql(desc = "How the list is ordered.")] order_by: Option<GoalOrder>,
    ) -> Result<GoalConnection> {
        let (cx, id) = (cx(ctx), self.0.id);
        let query = GoalOrder::query(order_by, filter.unwrap_or_default().parse(cx)?);
        let list = ListName::new(cx, "goals of", &(id, &query));
        let page = PageArgs { first, after, ..PageArgs::default() }.request(cx, &list)?;
        let columns = lookahead::node_columns::<GoalRow>(ctx);
        let batch = GoalsOfAgents { query: query.clone(), columns, page };
        let page = cx.loaders.load(&cx.store, batch, self.0.key()).await?.unwrap_or(Page::empty());
        let total = match lookahead::selects(ctx, "totalCount") {
            true => Some(cx.loaders.load(&cx.store, GoalCountOfAgents { query }, id).await?.unwrap_or(0)),
            false => None,
        };
        Ok(GoalConnection::new(seal(cx, &list, page, Goal)?, total))
    }

    /// How many goals it was given, by state, as far as the viewer sees them; states without any are left out.
    async fn goal_counts(&self, ctx: &Context<'_>) -> Result<Vec<GoalStatusCount>> {
        let cx = cx(ctx);
        let counts = cx.loaders.load(&cx.store, GoalStatesOfAgents {}, self.0.id).await?;
        Ok(GoalStatusCount::list(counts.unwrap_or_default()))
    }

    /// What its calls of models came to, as far as the viewer sees them: of a global agent, in the viewer's organisation.
    /// Null for super-admins, who are told nothing by agent.
    async fn usage(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The first moment. Usage is kept by days in UTC: its whole day counts.")] from: DateTime,
        #[graphql(desc = "The moment after the last. If it is within a day, the whole day counts.")] to: DateTime,
    ) -> Result<Option<UsageTotals>> {
        let (cx, days) = (cx(ctx), days(from, to)?);
        if cx.viewer.is_super_admin() {
            return Ok(None);
        }
        let totals = cx.loaders.load(&cx.store, UsageOfAgents { days }, self.0.id).await?;
        Ok(Some(totals.unwrap_or_default().into()))
    }

    /// Whether the viewer may submit goals to it.
    async fn viewer_can_use(&self, ctx: &Context<'_>) -> Result<bool> {
        self.viewer_can(ctx, Permission::GoalSubmit).await
    }

    /// Whether the viewer may change its prompt, config and documents.
    async fn viewer_can_update(&self, ctx: &Context<'_>) -> Result<bool> {
        let change = if self.0.org_id.is_none() { Permission::AgentManageGlobal } else { Permission::AgentUpdate };
        self.viewer_can(ctx, change).await
    }

    /// Whether the viewer may change its visibility and collaborators, and archive it.
    async fn viewer_can_administer(&self, ctx: &Context<'_>) -> Result<bool> {
        let change = if self.0.org_id.is_none() { Permission::AgentManageGlobal } else { Permission::AgentAdminister };
        self.viewer_can(ctx, change).await
    }

    /// Whether the viewer may decide its approvals.
    async fn viewer_can_approve(&self, ctx: &Context<'_>) -> Result<bool> {
        self.viewer_can(ctx, Permission::ApprovalDecide).await
    }

    /// When it was created.
    async fn created_at(&self) -> Result<DateTime> {
        Ok((*self.0.created_at.get()?).into())
    }

    /// When it last changed.
    async fn updated_at(&self) -> Result<DateTime> {
        Ok((*self.0.updated_at.get()?).into())
    }
}

/// Loads the agent that some row hangs off, which whoever sees the row sees too.
pub async fn agent(ctx: &Context<'_>, id: AgentId) -> Result<Agent> {
    let cx = cx(ctx);
    let batch = AgentById { columns: lookahead::columns::<AgentRow>(ctx) };
    let row = cx.loaders.load(&cx.store, batch, id).await?;
    row.map(Agent).ok_or_else(|| Error::internal("a row without its agent"))
}

/// Who else may use or change an agent.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct AgentCollaborator {
    #[graphql(skip)]
    row: CollaboratorRow,
    /// What they may do.
    permission: CollaboratorPermission,
}

impl AgentCollaborator {
    /// Wraps a row.
    pub fn new(row: CollaboratorRow) -> Self {
        Self { permission: row.permission.into(), row }
    }
}

#[ComplexObject]
impl AgentCollaborator {
    /// The user, or the team whose present members hold the right.
    async fn collaborator(&self, ctx: &Context<'_>) -> Result<Collaborator> {
        let found = match (self.row.user_id, self.row.team_id) {
            (Some(id), _) => user(ctx, Some(id)).await?.map(Collaborator::User),
            (None, id) => team(ctx, id).await?.map(Collaborator::Team),
        };
        found.ok_or_else(|| Error::internal("a collaboration of nobody"))
    }

    /// When it was granted.
    async fn created_at(&self) -> Result<DateTime> {
        Ok((*self.row.created_at.get()?).into())
    }
}

/// A user or a team.
#[derive(Union)]
pub enum Collaborator {
    /// A user.
    User(User),
    /// A team.
    Team(Team),
}

connection!(AgentConnection, AgentEdge, Agent, "agent", "agents");

/// Narrows a list of agents.
#[derive(Debug, Default, InputObject)]
#[graphql(name = "AgentFilter")]
pub struct AgentFilterInput {
    /// Only agents with one of these visibilities.
    pub visibility: Option<Vec<AgentVisibility>>,
    /// Only agents in one of these states.
    pub status: Option<Vec<AgentStatus>>,
    /// Only agents whose name contains this text, whatever its case.
    pub search: Option<String>,
    /// Only this organisation's own agents.
    pub organization_id: Option<ID>,
    /// Only this team's agents.
    pub team_id: Option<ID>,
    /// Only agents that this user owns.
    pub owner_id: Option<ID>,
    /// Only agents that one can chat with, or only others.
    pub chat_capable: Option<bool>,
}

impl AgentFilterInput {
    /// Checks the ids.
    pub fn parse(self) -> Result<AgentFilter> {
        Ok(AgentFilter {
            visibility: stored(self.visibility),
            status: stored(self.status),
            search: self.search,
            organization_id: parse_optional_id("filter.organizationId", self.organization_id.as_ref())?,
            team_id: parse_optional_id("filter.teamId", self.team_id.as_ref())?,
            owner_id: parse_optional_id("filter.ownerId", self.owner_id.as_ref())?,
            chat_capable: self.chat_capable,
        })
    }
}

/// What agents can be ordered by.
#[derive(Clone, Copy, Debug, Enum, Eq, PartialEq)]
pub enum AgentOrderField {
    /// Display name.
    Name,
    /// Creation.
    CreatedAt,
    /// Last change.
    UpdatedAt,
}

/// How a list of agents is ordered.
#[derive(Debug, InputObject)]
pub struct AgentOrder {
    /// By what.
    pub field: AgentOrderField,
    /// Which way.
    #[graphql(default)]
    pub direction: OrderDirection,
}

impl AgentOrder {
    /// The store's query: by name unless ordered otherwise.
    pub fn query(order: Option<Self>, filter: AgentFilter) -> AgentQuery {
        let (sort, descending) = match order {
            None => (AgentSort::Name, false),
            Some(order) => {
                let sort = match order.field {
                    AgentOrderField::Name => AgentSort::Name,
                    AgentOrderField::CreatedAt => AgentSort::Created,
                    AgentOrderField::UpdatedAt => AgentSort::Updated,
                };
                (sort, order.direction == OrderDirection::Desc)
            }
        };
        AgentQuery { filter, sort, descending }
    }
}

/// Re-reads an agent after a write.
pub async fn reread(cx: &RequestCtx, ctx: &Context<'_>, id: AgentId) -> Result<Agent> {
    let rows = cx.store.agent_by_ids(&[id], lookahead::columns::<AgentRow>(ctx)).await?;
    rows.into_iter().next().map(Agent).ok_or_else(|| Error::internal(format!("agent {} is gone", id.uuid())))
}
