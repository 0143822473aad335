//! Who decides an agent's approvals, as they are appointed and dismissed: per organisation, also on a global agent.

use entity::{
    agent_admin::{self, Column, Entity},
    ids::UserId,
};
use sea_orm::{
    ActiveValue::Set,
    ConnectionTrait, EntityTrait, QueryTrait,
    sea_query::{Expr, ExprTrait, OnConflict, Query},
};
use serde_json::json;

use super::{
    check::active_member,
    global_agent::{install, platform_agent},
};
use crate::{
    clock::Clock,
    error::{Error, Result},
    policy::permit::{GovernAgent, Permit},
    store::{Store, audit::record::Record},
};

impl Store {
    /// Appoints an active member. Appointing somebody twice changes nothing.
    pub async fn agent_admin_add(&self, clock: &Clock, permit: &Permit<GovernAgent>, user_id: UserId) -> Result<()> {
        let agent_id = permit.key().id;
        let org_id = self.org_of(permit.key().org_id)?;
        let tx = self.begin_write(Some(org_id)).await?;
        active_member(&tx, org_id, user_id).await?;
        let installed = match permit.key().org_id {
            Some(_) => None,
            None => install(&tx, clock, org_id, agent_id, platform_agent(&tx, agent_id).await?).await?,
        };
        let row = agent_admin::ActiveModel {
            org_id: Set(org_id),
            id: Set(clock.id()),
            agent_id: Set(agent_id),
            user_id: Set(user_id),
            created_at: Set(clock.now()),
        };
        let mut insert = Entity::insert(row).into_query();
        let unique = OnConflict::columns([Column::OrgId, Column::AgentId, Column::UserId]).do_nothing().to_owned();
        insert.on_conflict(unique);
        if tx.execute(&insert).await?.rows_affected() == 0 {
            return Ok(());
        }
        let audit_payload = json!({ "userId": user_id.to_string() });
        let records = installed.into_iter().chain([Record::about("agent.admin_added", agent_id).with(audit_payload)]);
        self.finish(tx, clock, org_id, records.collect::<Vec<_>>()).await
    }

    /// Dismisses an agent admin.
    pub async fn agent_admin_remove(&self, clock: &Clock, permit: &Permit<GovernAgent>, user_id: UserId) -> Result<()> {
        let agent_id = permit.key().id;
        let org_id = self.org_of(permit.key().org_id)?;
        let tx = self.begin_write(Some(org_id)).await?;
        let mut delete = Query::delete();
        delete
            .from_table(Entity)
            .and_where(Expr::col(Column::OrgId).eq(org_id))
            .and_where(Expr::col(Column::AgentId).eq(agent_id))
            .and_where(Expr::col(Column::UserId).eq(user_id));
        if tx.execute(&delete).await?.rows_affected() == 0 {
            return Err(Error::NotFound);
        }
        let audit_payload = json!({ "userId": user_id.to_string() });
        self.finish(tx, clock, org_id, [Record::about("agent.admin_removed", agent_id).with(audit_payload)]).await
    }
}
