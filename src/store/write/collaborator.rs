//! Who shares an agent, as it is granted and taken back.

use entity::{
    agent_collaborator::{self, Column, Entity},
    enums::{AgentVisibility, CollaboratorPermission},
    ids::{AgentId, OrgId, TeamId, UserId},
};
use sea_orm::{
    ActiveValue::Set,
    ConnectionTrait, EntityTrait,
    sea_query::{Expr, ExprTrait, LockType, Query},
};
use serde_json::{Value, json};

use super::check::{active_member, lock_agent, present_team};
use crate::{
    clock::Clock,
    error::{Error, Result},
    policy::{
        AgentKey,
        permit::{AdministerAgent, Permit},
    },
    store::{Store, audit::record::Record},
};

/// With whom an agent is shared.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Collaborator {
    /// A member of the organisation.
    User(UserId),
    /// A team, whose present members hold the right.
    Team(TeamId),
}

impl Collaborator {
    fn is(self) -> Expr {
        match self {
            Self::User(id) => Expr::col(Column::UserId).eq(id),
            Self::Team(id) => Expr::col(Column::TeamId).eq(id),
        }
    }

    const fn ids(self) -> (Option<UserId>, Option<TeamId>) {
        match self {
            Self::User(id) => (Some(id), None),
            Self::Team(id) => (None, Some(id)),
        }
    }

    fn audit_payload(self) -> Value {
        match self {
            Self::User(id) => json!({ "userId": id.to_string() }),
            Self::Team(id) => json!({ "teamId": id.to_string() }),
        }
    }
}

fn own(key: AgentKey) -> Result<(OrgId, AgentId)> {
    key.org_id.map(|org_id| (org_id, key.id)).ok_or_else(|| Error::internal("a global agent is not shared"))
}

impl Store {
    /// Shares an agent, or changes what a collaborator may do. A team's agent is its members', and shared with nobody.
    pub async fn collaborator_set(
        &self,
        clock: &Clock,
        permit: &Permit<AdministerAgent>,
        who: Collaborator,
        permission: CollaboratorPermission,
    ) -> Result<()> {
        let (org_id, agent_id) = own(permit.key())?;
        let tx = self.begin_write(Some(org_id)).await?;
        // Whom first, then the agent: the order in which removing a member locks them, too.
        match who {
            Collaborator::User(id) => active_member(&tx, org_id, id).await?,
            Collaborator::Team(id) => present_team(&tx, org_id, id).await?,
        }
        if lock_agent(&tx, org_id, agent_id, LockType::Update).await?.visibility == AgentVisibility::Team {
            return Err(Error::validation("input.agentId", "a team's agent has no collaborators"));
        }
        let mut update = Query::update();
        update
            .table(Entity)
            .value(Column::Permission, permission.as_str())
            .and_where(Expr::col(Column::OrgId).eq(org_id))
            .and_where(Expr::col(Column::AgentId).eq(agent_id))
            .and_where(who.is());
        // The agent's lock is held: nobody else adds the same one meanwhile.
        if tx.execute(&update).await?.rows_affected() == 0 {
            let (user_id, team_id) = who.ids();
            let row = agent_collaborator::ActiveModel {
                org_id: Set(org_id),
                id: Set(clock.id()),
                agent_id: Set(agent_id),
                user_id: Set(user_id),
                team_id: Set(team_id),
                permission: Set(permission),
                created_at: Set(clock.now()),
            };
            Entity::insert(row).exec_without_returning(&tx).await?;
        }
        let mut audit_payload = who.audit_payload();
        audit_payload["permission"] = permission.as_str().into();
        self.finish(tx, clock, org_id, [Record::about("agent.collaborator_set", agent_id).with(audit_payload)]).await
    }

    /// Ends a collaboration.
    pub async fn collaborator_remove(
        &self,
        clock: &Clock,
        permit: &Permit<AdministerAgent>,
        who: Collaborator,
    ) -> Result<()> {
        let (org_id, agent_id) = own(permit.key())?;
        let tx = self.begin_write(Some(org_id)).await?;
        let mut delete = Query::delete();
        delete
            .from_table(Entity)
            .and_where(Expr::col(Column::OrgId).eq(org_id))
            .and_where(Expr::col(Column::AgentId).eq(agent_id))
            .and_where(who.is());
        if tx.execute(&delete).await?.rows_affected() == 0 {
            return Err(Error::NotFound);
        }
        let record = Record::about("agent.collaborator_removed", agent_id).with(who.audit_payload());
        self.finish(tx, clock, org_id, [record]).await
    }
}
