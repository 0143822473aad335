//! Who shares an agent, and who decides its approvals.

use async_graphql::{Context, ID, InputObject, Object};

use super::begin;
use crate::{
    error::Result,
    graphql::{
        connection::{parse_id, parse_optional_id},
        directives::requires,
        enums::CollaboratorPermission,
        guard::Requires,
        types::work_payload::AgentPayload,
    },
    policy::Permission,
    service::{agent_admin, collaborator},
};

/// With whom an agent is to be shared: a user or a team.
#[derive(InputObject)]
pub struct SetCollaboratorInput {
    /// The agent: a private or a public one.
    pub agent_id: ID,
    /// An active member of the agent's organisation.
    pub user_id: Option<ID>,
    /// A team of the agent's organisation, whose present members then hold the right.
    pub team_id: Option<ID>,
    /// What it allows.
    pub permission: CollaboratorPermission,
}

/// Whose collaboration is to end: a user's or a team's.
#[derive(InputObject)]
pub struct RemoveCollaboratorInput {
    /// The agent.
    pub agent_id: ID,
    /// The user.
    pub user_id: Option<ID>,
    /// The team.
    pub team_id: Option<ID>,
}

fn parse(agent: &ID, user: Option<&ID>, team: Option<&ID>) -> Result<collaborator::CollaboratorInput> {
    Ok(collaborator::CollaboratorInput {
        agent_id: parse_id("input.agentId", agent)?,
        user_id: parse_optional_id("input.userId", user)?,
        team_id: parse_optional_id("input.teamId", team)?,
    })
}

#[derive(Default)]
pub struct AgentSharingMutation;

#[Object]
impl AgentSharingMutation {
    /// Shares an agent with a user or a team, or changes what they may do with it.
    #[graphql(
        guard = "Requires(Permission::AgentAdminister)",
        directive = requires::apply(Permission::AgentAdminister.into())
    )]
    async fn set_collaborator(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "With whom.")] input: SetCollaboratorInput,
    ) -> Result<AgentPayload> {
        let who = parse(&input.agent_id, input.user_id.as_ref(), input.team_id.as_ref())?;
        collaborator::set(begin(ctx).await, who, input.permission.into()).await.map(AgentPayload)
    }

    /// Ends a collaboration.
    #[graphql(
        guard = "Requires(Permission::AgentAdminister)",
        directive = requires::apply(Permission::AgentAdminister.into())
    )]
    async fn remove_collaborator(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "With whom.")] input: RemoveCollaboratorInput,
    ) -> Result<AgentPayload> {
        let who = parse(&input.agent_id, input.user_id.as_ref(), input.team_id.as_ref())?;
        collaborator::remove(begin(ctx).await, who).await.map(AgentPayload)
    }

    /// Appoints an active member to decide an agent's approvals; on a global agent, for the own organisation.
    #[graphql(guard = "Requires(Permission::AgentGovern)", directive = requires::apply(Permission::AgentGovern.into()))]
    async fn add_agent_admin(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The agent's id.")] agent_id: ID,
        #[graphql(desc = "The member's id.")] user_id: ID,
    ) -> Result<AgentPayload> {
        let (agent_id, user_id) = (parse_id("agentId", &agent_id)?, parse_id("userId", &user_id)?);
        agent_admin::add(begin(ctx).await, agent_id, user_id).await.map(AgentPayload)
    }

    /// Dismisses an agent admin.
    #[graphql(guard = "Requires(Permission::AgentGovern)", directive = requires::apply(Permission::AgentGovern.into()))]
    async fn remove_agent_admin(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The agent's id.")] agent_id: ID,
        #[graphql(desc = "The member's id.")] user_id: ID,
    ) -> Result<AgentPayload> {
        let (agent_id, user_id) = (parse_id("agentId", &agent_id)?, parse_id("userId", &user_id)?);
        agent_admin::remove(begin(ctx).await, agent_id, user_id).await.map(AgentPayload)
    }
}
