//! Teams and their members.

use async_graphql::{ComplexObject, Context, ID, InputObject, Object, SimpleObject};
use entity::ids::{OrgId, TeamId};

use super::{
    agent::{Agent, AgentConnection},
    organization::{Organization, organization},
    user::{User, user},
};
use crate::{
    error::{Error, Result},
    graphql::{
        batches::{AgentCountOfTeams, AgentsOfTeams, TeamById, TeamMemberCount, TeamMembers},
        connection::{ListName, PageArgs, connection, gid, parse_optional_id, seal},
        context::cx,
        enums::TeamRole,
        lookahead,
        scalars::DateTime,
    },
    policy::{Permission, Resource, TeamFacts, TeamKey, decide},
    store::{
        list::page::Page,
        read::{
            agent::{AgentFilter, AgentQuery, AgentRow, AgentSort},
            team::{TeamFilter, TeamMembershipRow, TeamRow},
        },
    },
};

/// A group inside an organisation; may own agents and collaborate on others.
pub struct Team(pub TeamRow);

impl Team {
    const fn key(&self) -> TeamKey {
        TeamKey { org_id: self.0.org_id, id: self.0.id }
    }
}

/// A group inside an organisation; may own agents and collaborate on others.
#[Object]
impl Team {
    /// Globally unique id.
    pub async fn id(&self) -> ID {
        gid(self.0.id)
    }

    /// The organisation that it belongs to.
    async fn organization(&self, ctx: &Context<'_>) -> Result<Organization> {
        organization(ctx, self.0.org_id).await
    }

    /// Display name.
    async fn name(&self) -> Result<&str> {
        Ok(self.0.name.get()?)
    }

    /// Handle, unique in the organisation.
    async fn slug(&self) -> Result<&str> {
        Ok(self.0.slug.get()?)
    }

    /// What the team is for.
    async fn description(&self) -> Result<&str> {
        Ok(self.0.description.get()?)
    }

    /// When it was created.
    async fn created_at(&self) -> Result<DateTime> {
        Ok((*self.0.created_at.get()?).into())
    }

    /// Its members, in the order in which they joined.
    async fn members(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many, at most 100; 20 without it.")] first: Option<i32>,
        #[graphql(desc = "Only members after this cursor.")] after: Option<String>,
    ) -> Result<TeamMembershipConnection> {
        let cx = cx(ctx);
        let list = ListName::new(cx, "members of", &self.0.id);
        let page = PageArgs { first, after, ..PageArgs::default() }.request(cx, &list)?;
        let batch = TeamMembers { columns: lookahead::node_columns::<TeamMembershipRow>(ctx), page };
        let page = cx.loaders.load(&cx.store, batch, self.key()).await?.unwrap_or(Page::empty());
        let total = match lookahead::selects(ctx, "totalCount") {
            true => Some(cx.loaders.load(&cx.store, TeamMemberCount {}, self.0.id).await?.unwrap_or(0)),
            false => None,
        };
        Ok(TeamMembershipConnection::new(seal(cx, &list, page, TeamMembership::new)?, total))
    }

    /// The agents that it owns, by name.
    async fn agents(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many, at most 100; 20 without it.")] first: Option<i32>,
        #[graphql(desc = "Only agents after this cursor.")] after: Option<String>,
    ) -> Result<AgentConnection> {
        let cx = cx(ctx);
        let query = AgentQuery { filter: AgentFilter::default(), sort: AgentSort::Name, descending: false };
        let list = ListName::new(cx, "agents of", &self.0.id);
        let page = PageArgs { first, after, ..PageArgs::default() }.request(cx, &list)?;
        let batch = AgentsOfTeams { query: query.clone(), columns: lookahead::node_columns::<AgentRow>(ctx), page };
        let page = cx.loaders.load(&cx.store, batch, self.key()).await?.unwrap_or(Page::empty());
        let total = match lookahead::selects(ctx, "totalCount") {
            true => Some(cx.loaders.load(&cx.store, AgentCountOfTeams { query }, self.0.id).await?.unwrap_or(0)),
            false => None,
        };
        Ok(AgentConnection::new(seal(cx, &list, page, Agent)?, total))
    }

    /// Whether the viewer may rename or delete it.
    async fn viewer_can_update(&self, ctx: &Context<'_>) -> bool {
        let facts = TeamFacts { key: self.key() };
        decide(&cx(ctx).viewer, Permission::TeamManage, Resource::Team(&facts)).allowed()
    }
}

/// Loads a team that some row refers to.
pub async fn team(ctx: &Context<'_>, id: Option<TeamId>) -> Result<Option<Team>> {
    let (Some(id), cx) = (id, cx(ctx)) else { return Ok(None) };
    let batch = TeamById { columns: lookahead::columns::<TeamRow>(ctx) };
    Ok(cx.loaders.load(&cx.store, batch, id).await?.map(Team))
}

/// A member's place in a team.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct TeamMembership {
    #[graphql(skip)]
    row: TeamMembershipRow,
    /// What the member may do in the team.
    role: TeamRole,
}

impl TeamMembership {
    /// Wraps a row.
    pub fn new(row: TeamMembershipRow) -> Self {
        Self { role: row.role.into(), row }
    }
}

#[ComplexObject]
impl TeamMembership {
    /// The member.
    async fn user(&self, ctx: &Context<'_>) -> Result<User> {
        user(ctx, Some(self.row.user_id)).await?.ok_or_else(|| Error::internal("a team membership without its user"))
    }

    /// The team.
    async fn team(&self, ctx: &Context<'_>) -> Result<Team> {
        team(ctx, Some(self.row.team_id)).await?.ok_or_else(|| Error::internal("a team membership without its team"))
    }

    /// When the member joined the team.
    async fn created_at(&self) -> Result<DateTime> {
        Ok((*self.row.created_at.get()?).into())
    }
}

connection!(TeamConnection, TeamEdge, Team, "team", "teams");
connection!(TeamMembershipConnection, TeamMembershipEdge, TeamMembership, "team membership", "team memberships");

/// Narrows a list of teams.
#[derive(Debug, Default, InputObject)]
#[graphql(name = "TeamFilter")]
pub struct TeamFilterInput {
    /// Only teams whose name contains this text, whatever its case.
    pub search: Option<String>,
    /// Only teams of this organisation.
    pub organization_id: Option<ID>,
}

impl TeamFilterInput {
    /// Checks the ids.
    pub fn parse(self) -> Result<TeamFilter> {
        let organization_id: Option<OrgId> = parse_optional_id("filter.organizationId", self.organization_id.as_ref())?;
        Ok(TeamFilter { search: self.search, organization_id })
    }
}
