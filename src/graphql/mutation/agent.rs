//! Agents: creating, changing, moving and archiving them.

use async_graphql::{Context, ID, InputObject, Object};

use super::begin;
use crate::{
    error::Result,
    graphql::{
        connection::{parse_id, parse_optional_id},
        enums::{AgentStatus, AgentVisibility},
        guard::{Requires, requires},
        scalars::Json,
        types::work_payload::AgentPayload,
    },
    policy::Permission,
    service::agent as cases,
};

/// An agent to be created, in the viewer's organisation; a global one by a super-admin.
#[derive(InputObject)]
pub struct CreateAgentInput {
    /// Display name.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Who sees it.
    #[graphql(default_with = "AgentVisibility::Private")]
    pub visibility: AgentVisibility,
    /// Its team, exactly when its visibility is `TEAM`.
    pub team_id: Option<ID>,
    /// What it is told.
    #[graphql(secret)]
    pub system_prompt: Option<String>,
    /// Its settings, a JSON object.
    #[graphql(secret)]
    pub config: Option<Json>,
    /// Whether one can chat with it.
    #[graphql(default)]
    pub chat_capable: bool,
    /// How many distinct deciders an approval takes: 1 to 100. 2 is the two-person rule.
    #[graphql(default = 1)]
    pub required_approvals: i32,
    /// Whether a plan waits for approval before it runs.
    #[graphql(default)]
    pub require_plan_approval: bool,
}

/// What is to change of an agent; what is not given stays. Of a global agent, an org admin changes `status` and the
/// approval rules, for the own organisation alone.
#[derive(InputObject)]
pub struct UpdateAgentInput {
    /// The agent.
    pub id: ID,
    /// Display name.
    pub name: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// Whether it takes goals. It is archived by `archiveAgent`.
    pub status: Option<AgentStatus>,
    /// What it is told.
    #[graphql(secret)]
    pub system_prompt: Option<String>,
    /// Its settings, a JSON object.
    #[graphql(secret)]
    pub config: Option<Json>,
    /// Whether one can chat with it.
    pub chat_capable: Option<bool>,
    /// How many distinct deciders an approval takes: 1 to 100. To lower it takes `AGENT_GOVERN`.
    pub required_approvals: Option<i32>,
    /// Whether a plan waits for approval before it runs. To switch it off takes `AGENT_GOVERN`.
    pub require_plan_approval: Option<bool>,
}

/// Who is to see an agent.
#[derive(InputObject)]
pub struct SetAgentVisibilityInput {
    /// The agent.
    pub id: ID,
    /// Who sees it. Never `GLOBAL`.
    pub visibility: AgentVisibility,
    /// Its team, exactly when its visibility is `TEAM`.
    pub team_id: Option<ID>,
}

fn json(value: Option<Json>) -> Option<String> {
    value.map(|value| value.0.to_string())
}

#[derive(Default)]
pub struct AgentMutation;

#[Object]
impl AgentMutation {
    /// Creates an agent. The viewer owns it, unless it is a team's or global.
    #[graphql(guard = "Requires(Permission::AgentCreate)", directive = requires::apply(Permission::AgentCreate.into()))]
    async fn create_agent(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The agent.")] input: CreateAgentInput,
    ) -> Result<AgentPayload> {
        let new = cases::CreateAgentInput {
            name: input.name,
            description: input.description,
            visibility: input.visibility.into(),
            team_id: parse_optional_id("input.teamId", input.team_id.as_ref())?,
            system_prompt: input.system_prompt,
            config: json(input.config),
            chat_capable: input.chat_capable,
            required_approvals: input.required_approvals,
            require_plan_approval: input.require_plan_approval,
        };
        cases::create(begin(ctx).await, new).await.map(AgentPayload)
    }

    /// Changes an agent.
    #[graphql(guard = "Requires(Permission::AgentUpdate)", directive = requires::apply(Permission::AgentUpdate.into()))]
    async fn update_agent(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What changes.")] input: UpdateAgentInput,
    ) -> Result<AgentPayload> {
        let change = cases::UpdateAgentInput {
            id: parse_id("input.id", &input.id)?,
            name: input.name,
            description: input.description,
            status: input.status.map(Into::into),
            system_prompt: input.system_prompt,
            config: json(input.config),
            chat_capable: input.chat_capable,
            required_approvals: input.required_approvals,
            require_plan_approval: input.require_plan_approval,
        };
        cases::update(begin(ctx).await, change).await.map(AgentPayload)
    }

    /// Makes an agent private, public or a team's. It takes the right to create such an agent, too; a team that takes an
    /// agent over ends its collaborations. A global agent stays global, and no other becomes one.
    #[graphql(
        guard = "Requires(Permission::AgentAdminister)",
        directive = requires::apply(Permission::AgentAdminister.into())
    )]
    async fn set_agent_visibility(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who sees it.")] input: SetAgentVisibilityInput,
    ) -> Result<AgentPayload> {
        let change = cases::SetVisibilityInput {
            id: parse_id("input.id", &input.id)?,
            visibility: input.visibility.into(),
            team_id: parse_optional_id("input.teamId", input.team_id.as_ref())?,
        };
        cases::set_visibility(begin(ctx).await, change).await.map(AgentPayload)
    }

    /// Closes an agent for good: it takes no goals any more. Its history stays.
    #[graphql(
        guard = "Requires(Permission::AgentAdminister)",
        directive = requires::apply(Permission::AgentAdminister.into())
    )]
    async fn archive_agent(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The agent's id.")] id: ID,
    ) -> Result<AgentPayload> {
        let id = parse_id("id", &id)?;
        cases::archive(begin(ctx).await, id).await.map(AgentPayload)
    }
}
