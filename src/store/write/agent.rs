//! An organisation's own agents, as they are changed. Global ones are in [`super::global_agent`].

use entity::{
    agent, agent_collaborator,
    confidential::{Confidential, JsonText},
    enums::{AgentStatus, AgentVisibility},
    ids::{AgentId, OrgId, TeamId},
};
use sea_orm::{
    ActiveValue::Set,
    ConnectionTrait, EntityTrait,
    sea_query::{Expr, ExprTrait, LockType, Query, UpdateStatement},
};
use serde_json::{Map, Value, json};

use super::check::{LockedAgent, lock_agent, present_team};
use crate::{
    clock::Clock,
    error::{Error, Result},
    policy::{
        AgentKey, Permission,
        permit::{AdministerAgent, CreateAgent, CreateTeamAgent, GovernAgent, Permit, UpdateAgent},
    },
    store::{Store, audit::record::Record, db::Tx, fold},
};

/// An agent that is to be created, of either kind.
#[derive(Clone, Debug)]
pub struct AgentDraft {
    /// Display name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Whether one can chat with it.
    pub chat_capable: bool,
    /// What it is told.
    pub system_prompt: Confidential<String>,
    /// Its settings as JSON text.
    pub config: Confidential<JsonText>,
    /// How many distinct deciders an approval takes.
    pub required_approvals: i32,
    /// Whether a plan waits for approval.
    pub require_plan_approval: bool,
}

/// What is to change of an agent, of either kind; the rest stays.
#[derive(Clone, Debug, Default)]
pub struct AgentChange {
    /// Display name.
    pub name: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// Whether it takes goals. Not `ARCHIVED`: that is final and has a write of its own.
    pub status: Option<AgentStatus>,
    /// Whether one can chat with it.
    pub chat_capable: Option<bool>,
    /// What it is told.
    pub system_prompt: Option<Confidential<String>>,
    /// Its settings as JSON text.
    pub config: Option<Confidential<JsonText>>,
    /// How many distinct deciders an approval takes.
    pub required_approvals: Option<i32>,
    /// Whether a plan waits for approval.
    pub require_plan_approval: Option<bool>,
}

/// The right to make an agent, of the kind that it allows: what an agent is created by, and what it becomes another
/// kind by.
#[derive(Debug)]
pub enum Creation {
    /// A private or a public agent.
    Own(Permit<CreateAgent>),
    /// A team's agent.
    Team(Permit<CreateTeamAgent>),
}

impl Creation {
    /// Organisation, visibility and team. A permit for the other kind of agent is a fault of ours.
    fn kind(&self) -> Result<(OrgId, AgentVisibility, Option<TeamId>)> {
        let new = match self {
            Self::Own(permit) => permit.key(),
            Self::Team(permit) => permit.key(),
        };
        let org_id = new.org_id.ok_or_else(|| Error::internal("a global agent is not an organisation's"))?;
        match (self, new.visibility, new.team_id) {
            (Self::Own(_), AgentVisibility::Private | AgentVisibility::Public, None)
            | (Self::Team(_), AgentVisibility::Team, Some(_)) => Ok((org_id, new.visibility, new.team_id)),
            _ => Err(Error::internal("a permit for another kind of agent")),
        }
    }
}

/// Names an organisation's own agent; a global one is none.
fn own(key: AgentKey) -> Result<(OrgId, AgentId)> {
    key.org_id.map(|org_id| (org_id, key.id)).ok_or_else(|| Error::internal("a global agent is not an organisation's"))
}

impl Store {
    /// Creates a private, public or team agent. The viewer owns it, unless a team does.
    pub async fn agent_create(&self, clock: &Clock, creation: &Creation, draft: AgentDraft) -> Result<AgentId> {
        let (org_id, visibility, team_id) = creation.kind()?;
        let tx = self.begin_write(Some(org_id)).await?;
        if let Some(team_id) = team_id {
            present_team(&tx, org_id, team_id).await?;
        }
        let id = clock.id();
        let now = clock.now();
        let row = agent::ActiveModel {
            org_id: Set(org_id),
            id: Set(id),
            name_folded: Set(fold(&draft.name)),
            name: Set(draft.name),
            description: Set(draft.description),
            status: Set(AgentStatus::Active),
            visibility: Set(visibility),
            chat_capable: Set(draft.chat_capable),
            owner_id: Set(if team_id.is_some() { None } else { self.viewer.user_id() }),
            team_id: Set(team_id),
            system_prompt: Set(draft.system_prompt),
            config: Set(draft.config),
            required_approvals: Set(draft.required_approvals),
            require_plan_approval: Set(draft.require_plan_approval),
            created_at: Set(now),
            updated_at: Set(now),
        };
        agent::Entity::insert(row).exec_without_returning(&tx).await?;
        let record = Record::about("agent.created", id).with(placed(visibility, team_id));
        self.finish(tx, clock, org_id, [record]).await?;
        Ok(id)
    }

    /// Changes an agent. Relaxing its approvals takes the right to govern it, too: whether the change does so is seen
    /// under the lock, or two changes at once could add up to it.
    pub async fn agent_update(
        &self,
        clock: &Clock,
        permit: &Permit<UpdateAgent>,
        govern: Option<&Permit<GovernAgent>>,
        change: AgentChange,
    ) -> Result<()> {
        let (org_id, id) = own(permit.key())?;
        let tx = self.begin_write(Some(org_id)).await?;
        let held = lock_agent(&tx, org_id, id, LockType::Update).await?;
        held.not_archived()?;
        if relaxes(&held, &change) && govern.is_none_or(|govern| govern.key() != permit.key()) {
            return Err(Error::Forbidden(Permission::AgentGovern.as_str()));
        }
        let mut update = Query::update();
        update
            .table(agent::Entity)
            .and_where(Expr::col(agent::Column::OrgId).eq(org_id))
            .and_where(Expr::col(agent::Column::Id).eq(id));
        let audit_payload = audit_payload(&change);
        assign(&mut update, change);
        update.value(agent::Column::UpdatedAt, clock.now());
        tx.execute(&update).await?;
        self.finish(tx, clock, org_id, [Record::about("agent.updated", id).with(audit_payload)]).await
    }

    /// Makes an agent another kind, or another team's. What a team takes over has no owner and no collaborators any
    /// more; what leaves a team belongs to whoever took it out.
    pub async fn agent_set_visibility(
        &self,
        clock: &Clock,
        permit: &Permit<AdministerAgent>,
        creation: &Creation,
    ) -> Result<()> {
        use agent::{Column, Entity};
        let (org_id, id) = own(permit.key())?;
        let (new_org_id, visibility, team_id) = creation.kind()?;
        if new_org_id != org_id {
            return Err(Error::internal("an agent stays in its organisation"));
        }
        let tx = self.begin_write(Some(org_id)).await?;
        if let Some(team_id) = team_id {
            present_team(&tx, org_id, team_id).await?;
        }
        let held = lock_agent(&tx, org_id, id, LockType::Update).await?;
        if (held.visibility, held.team_id) == (visibility, team_id) {
            return Ok(());
        }
        if team_id.is_some() {
            end_collaborations(&tx, org_id, id).await?;
        }
        let owner_id = match (held.team_id, team_id) {
            (_, Some(_)) => None,
            (Some(_), None) => self.viewer.user_id(),
            (None, None) => held.owner_id,
        };
        let mut update = Query::update();
        update
            .table(Entity)
            .value(Column::Visibility, visibility.as_str())
            .value(Column::TeamId, team_id)
            .value(Column::OwnerId, owner_id)
            .value(Column::UpdatedAt, clock.now())
            .and_where(Expr::col(Column::OrgId).eq(org_id))
            .and_where(Expr::col(Column::Id).eq(id));
        tx.execute(&update).await?;
        let audit_payload = json!({ "from": placed(held.visibility, held.team_id), "to": placed(visibility, team_id) });
        self.finish(tx, clock, org_id, [Record::about("agent.visibility_changed", id).with(audit_payload)]).await
    }

    /// Closes an agent for good.
    pub async fn agent_archive(&self, clock: &Clock, permit: &Permit<AdministerAgent>) -> Result<()> {
        use agent::{Column, Entity};
        let (org_id, id) = own(permit.key())?;
        let tx = self.begin_write(Some(org_id)).await?;
        lock_agent(&tx, org_id, id, LockType::Update).await?.not_archived()?;
        let mut update = Query::update();
        update
            .table(Entity)
            .value(Column::Status, AgentStatus::Archived.as_str())
            .value(Column::UpdatedAt, clock.now())
            .and_where(Expr::col(Column::OrgId).eq(org_id))
            .and_where(Expr::col(Column::Id).eq(id));
        tx.execute(&update).await?;
        self.finish(tx, clock, org_id, [Record::about("agent.archived", id)]).await
    }
}

async fn end_collaborations(tx: &Tx, org_id: OrgId, id: AgentId) -> Result<()> {
    use agent_collaborator::{Column, Entity};
    let mut delete = Query::delete();
    delete
        .from_table(Entity)
        .and_where(Expr::col(Column::OrgId).eq(org_id))
        .and_where(Expr::col(Column::AgentId).eq(id));
    tx.execute(&delete).await?;
    Ok(())
}

/// Whether the change asks for fewer approvals than there are to give now.
fn relaxes(held: &LockedAgent, change: &AgentChange) -> bool {
    change.required_approvals.is_some_and(|required| required < held.required_approvals)
        || change.require_plan_approval.is_some_and(|required| !required && held.require_plan_approval)
}

/// Sets the columns that change. `agents` and `global_agents` name them alike.
pub(in crate::store) fn assign(update: &mut UpdateStatement, change: AgentChange) {
    use agent::Column;
    if let Some(name) = change.name {
        update.value(Column::NameFolded, fold(&name)).value(Column::Name, name);
    }
    if let Some(description) = change.description {
        update.value(Column::Description, description);
    }
    if let Some(status) = change.status {
        update.value(Column::Status, status.as_str());
    }
    if let Some(chat_capable) = change.chat_capable {
        update.value(Column::ChatCapable, chat_capable);
    }
    if let Some(system_prompt) = change.system_prompt {
        update.value(Column::SystemPrompt, system_prompt);
    }
    if let Some(config) = change.config {
        update.value(Column::Config, config);
    }
    if let Some(required_approvals) = change.required_approvals {
        update.value(Column::RequiredApprovals, required_approvals);
    }
    if let Some(require_plan_approval) = change.require_plan_approval {
        update.value(Column::RequirePlanApproval, require_plan_approval);
    }
}

/// What the log says of a change: which fields, and the values of those that decide who may do what. Never content.
fn audit_payload(change: &AgentChange) -> Value {
    let mut audit_payload = Map::new();
    let names = [
        ("name", change.name.is_some()),
        ("description", change.description.is_some()),
        ("chatCapable", change.chat_capable.is_some()),
        ("systemPrompt", change.system_prompt.is_some()),
        ("config", change.config.is_some()),
    ];
    audit_payload.insert("changed".to_owned(), names.iter().filter(|(_, is)| *is).map(|(name, _)| *name).collect());
    if let Some(status) = change.status {
        audit_payload.insert("status".to_owned(), status.as_str().into());
    }
    if let Some(required) = change.required_approvals {
        audit_payload.insert("requiredApprovals".to_owned(), required.into());
    }
    if let Some(required) = change.require_plan_approval {
        audit_payload.insert("requirePlanApproval".to_owned(), required.into());
    }
    Value::Object(audit_payload)
}

fn placed(visibility: AgentVisibility, team_id: Option<TeamId>) -> Value {
    json!({ "visibility": visibility.as_str(), "teamId": team_id.map(|id| id.to_string()) })
}
