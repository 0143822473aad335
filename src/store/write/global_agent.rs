//! Global agents: the platform's own rows, and what an organisation installs of them for itself.
//!
//! The platform's row is a super-admin's, who writes its content and never reads it back. An organisation's first use
//! installs a row of its own with the same id, which holds nothing but its own approval rules and whether it stopped the
//! agent; it starts with the platform's rules of that moment, so that a super-admin who relaxes them later relaxes them
//! for nobody who relied on them. The stricter of the two rows counts.

use entity::{
    agent,
    confidential::Confidential,
    enums::{AgentStatus, AgentVisibility},
    global_agent,
    ids::{AgentId, OrgId},
};
use sea_orm::{
    ActiveValue::Set,
    ConnectionTrait, EntityTrait, QueryTrait, TryGetable,
    sea_query::{Expr, ExprTrait, LockType, OnConflict, Query},
};
use serde_json::json;

use super::{
    agent::{AgentChange, AgentDraft, assign},
    check::{ARCHIVED, lock_agent},
};
use crate::{
    clock::Clock,
    error::{Error, Result},
    policy::permit::{CreateGlobalAgent, GovernAgent, ManageGlobalAgent, Permit},
    store::{Store, audit::record::Record, db::Tx, fold},
};

/// What an organisation may say of a global agent, for itself alone.
#[derive(Clone, Copy, Debug, Default)]
pub struct InstalledChange {
    /// Whether it takes no goals of the organisation for now.
    pub stopped: Option<bool>,
    /// How many distinct deciders an approval takes.
    pub required_approvals: Option<i32>,
    /// Whether a plan waits for approval.
    pub require_plan_approval: Option<bool>,
}

/// What the platform says of one of its agents.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct PlatformAgent {
    pub status: AgentStatus,
    pub chat_capable: bool,
    pub required_approvals: i32,
    pub require_plan_approval: bool,
}

impl Store {
    /// Creates a global agent.
    pub async fn global_agent_create(
        &self,
        clock: &Clock,
        permit: &Permit<CreateGlobalAgent>,
        draft: AgentDraft,
    ) -> Result<AgentId> {
        let new = permit.key();
        if new.visibility != AgentVisibility::Global || new.team_id.is_some() {
            return Err(Error::internal("a permit for another kind of agent"));
        }
        let tx = self.begin_write(None).await?;
        let id = clock.id();
        let now = clock.now();
        let row = global_agent::ActiveModel {
            id: Set(id),
            name_folded: Set(fold(&draft.name)),
            name: Set(draft.name),
            description: Set(draft.description),
            status: Set(AgentStatus::Active),
            chat_capable: Set(draft.chat_capable),
            system_prompt: Set(draft.system_prompt),
            config: Set(draft.config),
            required_approvals: Set(draft.required_approvals),
            require_plan_approval: Set(draft.require_plan_approval),
            created_at: Set(now),
            updated_at: Set(now),
        };
        global_agent::Entity::insert(row).exec_without_returning(&tx).await?;
        self.finish_platform(tx, clock, Record::about("global_agent.created", id)).await?;
        Ok(id)
    }

    /// Changes a global agent, for every organisation. Nobody's installed row is touched.
    pub async fn global_agent_update(
        &self,
        clock: &Clock,
        permit: &Permit<ManageGlobalAgent>,
        change: AgentChange,
    ) -> Result<()> {
        self.change_global(clock, permit, change, "global_agent.updated").await
    }

    /// Closes a global agent for good, for every organisation.
    pub async fn global_agent_archive(&self, clock: &Clock, permit: &Permit<ManageGlobalAgent>) -> Result<()> {
        let change = AgentChange { status: Some(AgentStatus::Archived), ..AgentChange::default() };
        self.change_global(clock, permit, change, "global_agent.archived").await
    }

    async fn change_global(
        &self,
        clock: &Clock,
        permit: &Permit<ManageGlobalAgent>,
        change: AgentChange,
        kind: &'static str,
    ) -> Result<()> {
        use global_agent::{Column, Entity};
        let id = permit.key().id;
        let tx = self.begin_write(None).await?;
        let mut update = Query::update();
        assign(&mut update, change);
        update
            .table(Entity)
            .value(Column::UpdatedAt, clock.now())
            .and_where(Expr::col(Column::Id).eq(id))
            .and_where(Expr::col(Column::Status).ne(AgentStatus::Archived.as_str()));
        // The permit was for an agent that is there, and none is ever deleted.
        if tx.execute(&update).await?.rows_affected() == 0 {
            return Err(ARCHIVED);
        }
        self.finish_platform(tx, clock, Record::about(kind, id)).await
    }

    /// Changes what the viewer's organisation installed of a global agent, installing it on first use. Never below what
    /// the platform asks of everybody.
    pub async fn installed_agent_update(
        &self,
        clock: &Clock,
        permit: &Permit<GovernAgent>,
        change: InstalledChange,
    ) -> Result<()> {
        use agent::{Column, Entity};
        let id = permit.key().id;
        let org_id = self.org_of(None)?;
        let tx = self.begin_write(Some(org_id)).await?;
        let platform = platform_agent(&tx, id).await?;
        if platform.status == AgentStatus::Archived {
            return Err(ARCHIVED);
        }
        if change.required_approvals.is_some_and(|required| required < platform.required_approvals)
            || platform.require_plan_approval && change.require_plan_approval == Some(false)
        {
            return Err(Error::Conflict("The platform asks for more approvals than that."));
        }
        let installed = install(&tx, clock, org_id, id, platform).await?;
        lock_agent(&tx, org_id, id, LockType::Update).await?;
        let status = change.stopped.map(|stopped| if stopped { AgentStatus::Stopped } else { AgentStatus::Active });
        let mut update = Query::update();
        update
            .table(Entity)
            .value(Column::UpdatedAt, clock.now())
            .and_where(Expr::col(Column::OrgId).eq(org_id))
            .and_where(Expr::col(Column::Id).eq(id));
        if let Some(status) = status {
            update.value(Column::Status, status.as_str());
        }
        if let Some(required) = change.required_approvals {
            update.value(Column::RequiredApprovals, required);
        }
        if let Some(required) = change.require_plan_approval {
            update.value(Column::RequirePlanApproval, required);
        }
        tx.execute(&update).await?;
        let audit_payload = json!({
            "status": status.map(AgentStatus::as_str),
            "requiredApprovals": change.required_approvals,
            "requirePlanApproval": change.require_plan_approval,
        });
        let records = installed.into_iter().chain([Record::about("agent.updated", id).with(audit_payload)]);
        self.finish(tx, clock, org_id, records.collect::<Vec<_>>()).await
    }
}

/// Reads the platform's row; `NOT_FOUND` where there is none.
pub(in crate::store) async fn platform_agent(tx: &Tx, id: AgentId) -> Result<PlatformAgent> {
    use global_agent::{Column, Entity};
    let mut select = Query::select();
    select
        .columns([Column::Status, Column::RequiredApprovals, Column::RequirePlanApproval, Column::ChatCapable])
        .from(Entity)
        .and_where(Expr::col(Column::Id).eq(id));
    let row = tx.query_one(&select).await?.ok_or(Error::NotFound)?;
    Ok(PlatformAgent {
        status: AgentStatus::try_get_by_index(&row, 0)?,
        required_approvals: i32::try_get_by_index(&row, 1)?,
        require_plan_approval: bool::try_get_by_index(&row, 2)?,
        chat_capable: bool::try_get_by_index(&row, 3)?,
    })
}

/// Installs a global agent for an organisation, unless somebody did: of several at once the first does, and the others
/// wait for it. Gives the record of it to whoever installed.
pub(in crate::store) async fn install(
    tx: &Tx,
    clock: &Clock,
    org_id: OrgId,
    id: AgentId,
    platform: PlatformAgent,
) -> Result<Option<Record>> {
    let now = clock.now();
    let row = agent::ActiveModel {
        org_id: Set(org_id),
        id: Set(id),
        name: Set(String::new()),
        name_folded: Set(String::new()),
        description: Set(String::new()),
        status: Set(AgentStatus::Active),
        visibility: Set(AgentVisibility::Global),
        chat_capable: Set(false),
        owner_id: Set(None),
        team_id: Set(None),
        system_prompt: Set(Confidential::withheld()),
        config: Set(Confidential::withheld()),
        required_approvals: Set(platform.required_approvals),
        require_plan_approval: Set(platform.require_plan_approval),
        created_at: Set(now),
        updated_at: Set(now),
    };
    let mut insert = agent::Entity::insert(row).into_query();
    insert.on_conflict(OnConflict::columns([agent::Column::OrgId, agent::Column::Id]).do_nothing().to_owned());
    let installed = tx.execute(&insert).await?.rows_affected() > 0;
    Ok(installed.then(|| Record::about("agent.installed", id)))
}
