//! Agents: created, changed, moved between visibilities, archived.
//!
//! | who | private, public and team agents | global agents |
//! |---|---|---|
//! | may change it | changes all of it; relaxing its approvals takes `AGENT_GOVERN` besides | – |
//! | org admin | the same | stops it and sets approval rules, for the organisation alone |
//! | super-admin | – | changes the platform's row |
//!
//! An archived agent is not changed any more, but who sees it may be: a team can only be deleted once its agents, the
//! archived ones too, are somebody else's.

use entity::{
    confidential::{Confidential, JsonText},
    enums::{AgentStatus, AgentVisibility},
    ids::{AgentId, TeamId},
};

use super::{Context, input};
use crate::{
    error::{Error, Result},
    policy::{
        AgentFacts, NewAgent, Permission,
        permit::{
            AdministerAgent, CreateAgent, CreateGlobalAgent, CreateTeamAgent, GovernAgent, ManageGlobalAgent,
            UpdateAgent, permit,
        },
    },
    store::write::{
        agent::{AgentChange, AgentDraft, Creation},
        global_agent::InstalledChange,
    },
};

/// Most approvals that can be asked for.
pub const APPROVALS: i32 = 100;

/// What a new agent is to be. Its organisation is the viewer's, or for a global agent nobody's.
#[derive(Clone, Debug)]
pub struct CreateAgentInput {
    /// Display name.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Who sees it.
    pub visibility: AgentVisibility,
    /// Its team, exactly when its team sees it.
    pub team_id: Option<TeamId>,
    /// What it is told.
    pub system_prompt: Option<String>,
    /// Its settings: a JSON object as text.
    pub config: Option<String>,
    /// Whether one can chat with it.
    pub chat_capable: bool,
    /// How many distinct deciders an approval takes.
    pub required_approvals: i32,
    /// Whether a plan waits for approval.
    pub require_plan_approval: bool,
}

/// What is to change of an agent.
#[derive(Clone, Debug)]
pub struct UpdateAgentInput {
    /// The agent.
    pub id: AgentId,
    /// Display name.
    pub name: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// Whether it takes goals; to archive it is another mutation.
    pub status: Option<AgentStatus>,
    /// What it is told.
    pub system_prompt: Option<String>,
    /// Its settings: a JSON object as text.
    pub config: Option<String>,
    /// Whether one can chat with it.
    pub chat_capable: Option<bool>,
    /// How many distinct deciders an approval takes.
    pub required_approvals: Option<i32>,
    /// Whether a plan waits for approval.
    pub require_plan_approval: Option<bool>,
}

/// Who is to see an agent.
#[derive(Clone, Copy, Debug)]
pub struct SetVisibilityInput {
    /// The agent.
    pub id: AgentId,
    /// Who sees it.
    pub visibility: AgentVisibility,
    /// Its team, exactly when its team sees it.
    pub team_id: Option<TeamId>,
}

/// Creates an agent of any kind.
pub async fn create(cx: Context<'_>, new: CreateAgentInput) -> Result<AgentId> {
    team_fits(new.visibility, new.team_id)?;
    let draft = AgentDraft {
        name: input::name("input.name", &new.name)?,
        description: description(new.description.as_deref().unwrap_or_default())?,
        chat_capable: new.chat_capable,
        system_prompt: Confidential::from_option(new.system_prompt.map(prompt).transpose()?),
        config: Confidential::from_option(new.config.map(config).transpose()?),
        required_approvals: approvals(new.required_approvals)?,
        require_plan_approval: new.require_plan_approval,
    };
    if new.visibility == AgentVisibility::Global {
        let facts = NewAgent { org_id: None, visibility: AgentVisibility::Global, team_id: None };
        let permit = permit::<CreateGlobalAgent>(cx.viewer, &facts)?;
        return cx.store.global_agent_create(cx.clock, &permit, draft).await;
    }
    let creation = creation(cx, new.visibility, new.team_id).await?;
    cx.store.agent_create(cx.clock, &creation, draft).await
}

/// Changes an agent: an organisation's own, the platform's row of a global one, or what an organisation installed of it.
pub async fn update(cx: Context<'_>, change: UpdateAgentInput) -> Result<AgentId> {
    if change.status == Some(AgentStatus::Archived) {
        return Err(Error::validation("input.status", "an agent is archived by archiveAgent"));
    }
    let id = change.id;
    let change = AgentChange {
        name: change.name.map(|name| input::name("input.name", &name)).transpose()?,
        description: change.description.map(|text| description(&text)).transpose()?,
        status: change.status,
        chat_capable: change.chat_capable,
        system_prompt: change.system_prompt.map(prompt).transpose()?.map(Confidential::new),
        config: change.config.map(config).transpose()?.map(Confidential::new),
        required_approvals: change.required_approvals.map(approvals).transpose()?,
        require_plan_approval: change.require_plan_approval,
    };
    let facts = cx.store.agent_facts(id).await?;
    if !facts.is_global() {
        let may_update = permit::<UpdateAgent>(cx.viewer, &facts)?;
        let may_govern = permit::<GovernAgent>(cx.viewer, &facts).ok();
        cx.store.agent_update(cx.clock, &may_update, may_govern.as_ref(), change).await?;
    } else if cx.viewer.is_super_admin() {
        let permit = permit::<ManageGlobalAgent>(cx.viewer, &facts)?;
        cx.store.global_agent_update(cx.clock, &permit, change).await?;
    } else {
        let permit = permit::<GovernAgent>(cx.viewer, &facts)?;
        cx.store.installed_agent_update(cx.clock, &permit, installed(change)?).await?;
    }
    Ok(id)
}

/// What an organisation may change of a global agent, and nothing else of it.
fn installed(change: AgentChange) -> Result<InstalledChange> {
    let AgentChange {
        name: None,
        description: None,
        chat_capable: None,
        system_prompt: None,
        config: None,
        status,
        required_approvals,
        require_plan_approval,
    } = change
    else {
        return Err(Error::Forbidden(Permission::AgentManageGlobal.as_str()));
    };
    let stopped = match status {
        None => None,
        Some(AgentStatus::Active) => Some(false),
        Some(AgentStatus::Stopped) => Some(true),
        Some(AgentStatus::Error | AgentStatus::Archived) => {
            return Err(Error::validation("input.status", "an organisation may stop a global agent or not"));
        }
    };
    Ok(InstalledChange { stopped, required_approvals, require_plan_approval })
}

/// Makes an agent private, public or a team's. A global agent stays one, and no other becomes one.
pub async fn set_visibility(cx: Context<'_>, change: SetVisibilityInput) -> Result<AgentId> {
    if change.visibility == AgentVisibility::Global {
        return Err(Error::validation("input.visibility", "an agent is global from its creation or never"));
    }
    team_fits(change.visibility, change.team_id)?;
    let facts = cx.store.agent_facts(change.id).await?;
    if manages_global(cx, &facts) {
        return Err(Error::Conflict("A global agent stays global."));
    }
    let permit = permit::<AdministerAgent>(cx.viewer, &facts)?;
    let creation = creation(cx, change.visibility, change.team_id).await?;
    cx.store.agent_set_visibility(cx.clock, &permit, &creation).await?;
    Ok(change.id)
}

/// Closes an agent for good: it takes no goals any more.
pub async fn archive(cx: Context<'_>, id: AgentId) -> Result<AgentId> {
    let facts = cx.store.agent_facts(id).await?;
    if manages_global(cx, &facts) {
        let permit = permit::<ManageGlobalAgent>(cx.viewer, &facts)?;
        cx.store.global_agent_archive(cx.clock, &permit).await?;
    } else {
        let permit = permit::<AdministerAgent>(cx.viewer, &facts)?;
        cx.store.agent_archive(cx.clock, &permit).await?;
    }
    Ok(id)
}

/// Whether the viewer acts on the platform's row.
pub(super) fn manages_global(cx: Context<'_>, facts: &AgentFacts) -> bool {
    facts.is_global() && cx.viewer.is_super_admin()
}

/// The right to have an agent of this kind, in the viewer's organisation. A team that the viewer does not see is not there.
async fn creation(cx: Context<'_>, visibility: AgentVisibility, team_id: Option<TeamId>) -> Result<Creation> {
    if let Some(team_id) = team_id {
        cx.store.team_facts(team_id).await?;
    }
    let new = NewAgent { org_id: cx.viewer.org_id(), visibility, team_id };
    match visibility {
        AgentVisibility::Team => permit::<CreateTeamAgent>(cx.viewer, &new).map(Creation::Team),
        AgentVisibility::Private | AgentVisibility::Public => permit::<CreateAgent>(cx.viewer, &new).map(Creation::Own),
        AgentVisibility::Global => Err(Error::internal("a global agent is not an organisation's")),
    }
}

fn team_fits(visibility: AgentVisibility, team_id: Option<TeamId>) -> Result<()> {
    match (visibility, team_id) {
        (AgentVisibility::Team, None) => Err(Error::validation("input.teamId", "a team agent needs a team")),
        (AgentVisibility::Team, Some(_)) | (_, None) => Ok(()),
        (_, Some(_)) => Err(Error::validation("input.teamId", "only a team agent has a team")),
    }
}

fn description(text: &str) -> Result<String> {
    input::paragraph("input.description", text, input::DESCRIPTION)
}

fn prompt(text: String) -> Result<String> {
    input::content("input.systemPrompt", text, input::CONTENT)
}

fn config(text: String) -> Result<JsonText> {
    input::json_object("input.config", text).map(JsonText::new)
}

fn approvals(required: i32) -> Result<i32> {
    if !(1..=APPROVALS).contains(&required) {
        return Err(Error::validation("input.requiredApprovals", format!("must be 1 to {APPROVALS}")));
    }
    Ok(required)
}
