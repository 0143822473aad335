//! Organisations.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use entity::ids::OrgId;

use super::{
    agent::{Agent, AgentConnection, AgentFilterInput},
    goal::GoalStatusCount,
    invitation::{Invitation, InvitationConnection, InvitationFilterInput},
    issuer::OrganizationIssuer,
    service_account::{ServiceAccount, ServiceAccountConnection},
    task::TaskStatusCount,
    team::{Team, TeamConnection},
    usage::Budget,
    user::{MemberFilterInput, OrgMembership, OrgMembershipConnection},
};
use crate::{
    error::{Error, Result},
    graphql::{
        batches::{
            AgentCountOfOrganizations, AgentsOfOrganizations, BudgetOf, CountOfOrganizations,
            GoalStatesOfOrganizations, InvitationCount, Invitations, IssuersOfOrganizations, MemberCount, Members,
            OrganizationById, ServiceAccountCount, ServiceAccounts, TaskStatesOfOrganizations, TeamCount,
            TeamsOfOrganizations,
        },
        connection::{ListName, PageArgs, connection, gid, int, seal},
        context::cx,
        directives::confidential,
        enums::{OrganizationStatus, stored},
        lookahead,
        redaction::Redacted,
        scalars::DateTime,
    },
    policy::{OrgFacts, Permission, Resource, decide},
    store::{
        list::page::Page,
        read::{
            agent::{AgentQuery, AgentRow, AgentSort},
            invitation::InvitationRow,
            issuer::OrganizationIssuerRow,
            membership::MembershipRow,
            organization::{OrganizationCount, OrganizationFilter, OrganizationRow},
            service_account::ServiceAccountRow,
            team::TeamRow,
        },
    },
};
use entity::confidential::JsonText;

/// A tenant of the platform.
pub struct Organization(pub OrganizationRow);

/// A tenant of the platform.
#[Object]
impl Organization {
    /// Globally unique id.
    pub async fn id(&self) -> ID {
        gid(self.0.id)
    }

    /// Display name.
    async fn name(&self) -> Result<&str> {
        Ok(self.0.name.get()?)
    }

    /// Unique handle.
    async fn slug(&self) -> Result<&str> {
        Ok(self.0.slug.get()?)
    }

    /// Whether it is served.
    async fn status(&self) -> Result<OrganizationStatus> {
        Ok((*self.0.status.get()?).into())
    }

    /// Its own settings: its admins' to read and change.
    #[graphql(directive = confidential::apply())]
    async fn config(&self, ctx: &Context<'_>) -> Redacted<'_, JsonText> {
        let org = OrgFacts { org_id: self.0.id };
        let may = decide(&cx(ctx).viewer, Permission::OrganizationConfigure, Resource::Organization(&org));
        Redacted::only_if(may.allowed(), &self.0.config)
    }

    /// When it was created.
    async fn created_at(&self) -> Result<DateTime> {
        Ok((*self.0.created_at.get()?).into())
    }

    /// When it last changed.
    async fn updated_at(&self) -> Result<DateTime> {
        Ok((*self.0.updated_at.get()?).into())
    }

    /// Its members, in the order in which they joined.
    async fn members(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many, at most 100; 20 without it.")] first: Option<i32>,
        #[graphql(desc = "Only members after this cursor.")] after: Option<String>,
        #[graphql(desc = "Narrows the list.")] filter: Option<MemberFilterInput>,
    ) -> Result<OrgMembershipConnection> {
        let (cx, id) = (cx(ctx), self.0.id);
        let filter = filter.unwrap_or_default().parse();
        let list = ListName::new(cx, "members", &(id, &filter));
        let page = PageArgs { first, after, ..PageArgs::default() }.request(cx, &list)?;
        let batch = Members { filter: filter.clone(), columns: lookahead::node_columns::<MembershipRow>(ctx), page };
        let page = cx.loaders.load(&cx.store, batch, id).await?.unwrap_or(Page::empty());
        let total = match lookahead::selects(ctx, "totalCount") {
            true => Some(cx.loaders.load(&cx.store, MemberCount { filter }, id).await?.unwrap_or(0)),
            false => None,
        };
        Ok(OrgMembershipConnection::new(seal(cx, &list, page, OrgMembership::new)?, total))
    }

    /// Its teams, by name.
    async fn teams(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many, at most 100; 20 without it.")] first: Option<i32>,
        #[graphql(desc = "Only teams after this cursor.")] after: Option<String>,
    ) -> Result<TeamConnection> {
        let (cx, id) = (cx(ctx), self.0.id);
        let list = ListName::new(cx, "teams of", &id);
        let page = PageArgs { first, after, ..PageArgs::default() }.request(cx, &list)?;
        let batch = TeamsOfOrganizations { columns: lookahead::node_columns::<TeamRow>(ctx), page };
        let page = cx.loaders.load(&cx.store, batch, id).await?.unwrap_or(Page::empty());
        let total = match lookahead::selects(ctx, "totalCount") {
            true => Some(cx.loaders.load(&cx.store, TeamCount {}, id).await?.unwrap_or(0)),
            false => None,
        };
        Ok(TeamConnection::new(seal(cx, &list, page, Team)?, total))
    }

    /// Its invitations, in the order in which they were sent: its admins' and super-admins' to see.
    async fn invitations(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many, at most 100; 20 without it.")] first: Option<i32>,
        #[graphql(desc = "Only invitations after this cursor.")] after: Option<String>,
        #[graphql(desc = "Narrows the list.")] filter: Option<InvitationFilterInput>,
    ) -> Result<InvitationConnection> {
        let (cx, id) = (cx(ctx), self.0.id);
        let filter = filter.unwrap_or_default().parse();
        let list = ListName::new(cx, "invitations", &(id, &filter));
        let page = PageArgs { first, after, ..PageArgs::default() }.request(cx, &list)?;
        let batch =
            Invitations { filter: filter.clone(), columns: lookahead::node_columns::<InvitationRow>(ctx), page };
        let page = cx.loaders.load(&cx.store, batch, id).await?.unwrap_or(Page::empty());
        let total = match lookahead::selects(ctx, "totalCount") {
            true => Some(cx.loaders.load(&cx.store, InvitationCount { filter }, id).await?.unwrap_or(0)),
            false => None,
        };
        Ok(InvitationConnection::new(seal(cx, &list, page, Invitation)?, total))
    }

    /// Its service accounts, in the order in which they were made: its admins' and super-admins' to see, and each sees
    /// itself.
    async fn service_accounts(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many, at most 100; 20 without it.")] first: Option<i32>,
        #[graphql(desc = "Only service accounts after this cursor.")] after: Option<String>,
    ) -> Result<ServiceAccountConnection> {
        let (cx, id) = (cx(ctx), self.0.id);
        let list = ListName::new(cx, "service accounts", &id);
        let page = PageArgs { first, after, ..PageArgs::default() }.request(cx, &list)?;
        let batch = ServiceAccounts { columns: lookahead::node_columns::<ServiceAccountRow>(ctx), page };
        let page = cx.loaders.load(&cx.store, batch, id).await?.unwrap_or(Page::empty());
        let total = match lookahead::selects(ctx, "totalCount") {
            true => Some(cx.loaders.load(&cx.store, ServiceAccountCount {}, id).await?.unwrap_or(0)),
            false => None,
        };
        Ok(ServiceAccountConnection::new(seal(cx, &list, page, ServiceAccount)?, total))
    }

    /// The external issuers that it lets speak for its members: its admins' and super-admins' to see.
    async fn issuers(&self, ctx: &Context<'_>) -> Result<Vec<OrganizationIssuer>> {
        let cx = cx(ctx);
        let batch = IssuersOfOrganizations { columns: lookahead::columns::<OrganizationIssuerRow>(ctx) };
        let rows = cx.loaders.load(&cx.store, batch, self.0.id).await?.unwrap_or_default();
        Ok(rows.into_iter().map(OrganizationIssuer).collect())
    }

    /// Its own agents by name, without the global ones.
    async fn agents(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many, at most 100; 20 without it.")] first: Option<i32>,
        #[graphql(desc = "Only agents after this cursor.")] after: Option<String>,
        #[graphql(desc = "Narrows the list.")] filter: Option<AgentFilterInput>,
    ) -> Result<AgentConnection> {
        let (cx, id) = (cx(ctx), self.0.id);
        let query =
            AgentQuery { filter: filter.unwrap_or_default().parse()?, sort: AgentSort::Name, descending: false };
        let list = ListName::new(cx, "agents of", &(id, &query));
        let page = PageArgs { first, after, ..PageArgs::default() }.request(cx, &list)?;
        let columns = lookahead::node_columns::<AgentRow>(ctx);
        let batch = AgentsOfOrganizations { query: query.clone(), columns, page };
        let page = cx.loaders.load(&cx.store, batch, id).await?.unwrap_or(Page::empty());
        let total = match lookahead::selects(ctx, "totalCount") {
            true => Some(cx.loaders.load(&cx.store, AgentCountOfOrganizations { query }, id).await?.unwrap_or(0)),
            false => None,
        };
        Ok(AgentConnection::new(seal(cx, &list, page, Agent)?, total))
    }

    /// How much it holds, as far as the viewer sees it.
    async fn counts(&self) -> OrganizationCounts {
        OrganizationCounts(self.0.id)
    }

    /// What it may spend, and has spent: its admins' and super-admins' to see, null for others.
    async fn budget(&self, ctx: &Context<'_>) -> Result<Option<Budget>> {
        let cx = cx(ctx);
        let org = OrgFacts { org_id: self.0.id };
        if !decide(&cx.viewer, Permission::OperationsRead, Resource::Organization(&org)).allowed() {
            return Ok(None);
        }
        let batch = BudgetOf { today: cx.clock.now().date_naive() };
        Ok(Some(Budget(cx.loaders.load(&cx.store, batch, self.0.id).await?.unwrap_or_default())))
    }
}

/// Loads an organisation that some row refers to.
pub async fn organization(ctx: &Context<'_>, id: OrgId) -> Result<Organization> {
    let cx = cx(ctx);
    let batch = OrganizationById { columns: lookahead::columns::<OrganizationRow>(ctx) };
    let row = cx.loaders.load(&cx.store, batch, id).await?;
    row.map(Organization).ok_or_else(|| Error::internal("a row without its organisation"))
}

/// How much an organisation holds. For a member every count is over what it may see itself.
pub struct OrganizationCounts(pub OrgId);

impl OrganizationCounts {
    async fn count(&self, ctx: &Context<'_>, of: OrganizationCount) -> Result<i32> {
        let cx = cx(ctx);
        Ok(int(cx.loaders.load(&cx.store, CountOfOrganizations { of }, self.0).await?.unwrap_or(0)))
    }
}

/// How much an organisation holds. For a member every count is over what it may see itself.
#[Object]
impl OrganizationCounts {
    /// Its own agents, archived ones too.
    async fn agents(&self, ctx: &Context<'_>) -> Result<i32> {
        self.count(ctx, OrganizationCount::Agents).await
    }

    /// Its goals, by state; states without any are left out.
    async fn goals(&self, ctx: &Context<'_>) -> Result<Vec<GoalStatusCount>> {
        let cx = cx(ctx);
        let counts = cx.loaders.load(&cx.store, GoalStatesOfOrganizations {}, self.0).await?;
        Ok(GoalStatusCount::list(counts.unwrap_or_default()))
    }

    /// Its tasks, by state; states without any are left out.
    async fn tasks(&self, ctx: &Context<'_>) -> Result<Vec<TaskStatusCount>> {
        let cx = cx(ctx);
        let counts = cx.loaders.load(&cx.store, TaskStatesOfOrganizations {}, self.0).await?;
        Ok(TaskStatusCount::list(counts.unwrap_or_default()))
    }

    /// Its workers.
    async fn workers(&self, ctx: &Context<'_>) -> Result<i32> {
        self.count(ctx, OrganizationCount::Workers).await
    }

    /// Its present members.
    async fn members(&self, ctx: &Context<'_>) -> Result<i32> {
        self.count(ctx, OrganizationCount::Members).await
    }

    /// Its chat sessions.
    async fn chat_sessions(&self, ctx: &Context<'_>) -> Result<i32> {
        self.count(ctx, OrganizationCount::ChatSessions).await
    }
}

connection!(OrganizationConnection, OrganizationEdge, Organization, "organisation", "organisations");

/// Narrows a list of organisations.
#[derive(Debug, Default, InputObject)]
#[graphql(name = "OrganizationFilter")]
pub struct OrganizationFilterInput {
    /// Only organisations in one of these states.
    pub status: Option<Vec<OrganizationStatus>>,
    /// Only organisations whose name contains this text, whatever its case.
    pub search: Option<String>,
}

impl OrganizationFilterInput {
    /// The store's filter.
    pub fn parse(self) -> OrganizationFilter {
        OrganizationFilter { status: stored(self.status), search: self.search }
    }
}

/// An id that was removed.
#[derive(SimpleObject)]
pub struct DeletePayload {
    /// The id of what is gone.
    pub deleted_id: ID,
}
