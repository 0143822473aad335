//! Service accounts, as they are made, given another key and revoked.

use chrono::{DateTime, TimeDelta, Utc};
use entity::{
    confidential::{JsonText, Secret},
    enums::ServiceScope,
    ids::{OrgId, ServiceAccountId},
    service_account::{self, Column, Entity},
    service_account_agent,
};
use sea_orm::{
    ActiveValue::Set,
    ConnectionTrait, EntityTrait, TryGetable,
    sea_query::{Expr, ExprTrait, LockType, Query},
};
use serde_json::json;

use super::global_agent::{install, platform_agent};
use crate::{
    auth::ServiceKeyStatus,
    clock::Clock,
    error::{Error, Result},
    policy::{
        AgentKey,
        permit::{CreateServiceAccount, ManageServiceAccount, Permit},
    },
    store::{
        Store,
        audit::record::Record,
        auth::service_account::key_lookup,
        db::{Role, Tx},
    },
};

/// A service account that is to be made.
#[derive(Clone, Debug)]
pub struct ServiceAccountDraft {
    /// Its id, which its key names.
    pub id: ServiceAccountId,
    /// Its name, for people.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<ServiceScope>,
    /// The agents that it sees, in the order of their ids; all without any.
    pub agents: Option<Vec<AgentKey>>,
    /// SHA-256 of its key.
    pub key_hash: Secret,
}

impl Store {
    /// Makes a service account. A global agent that it names is installed, so that its row can be referred to. Whether its
    /// maker is still an admin is not held: a key whose maker is none does not work.
    pub async fn service_account_create(
        &self,
        clock: &Clock,
        permit: &Permit<CreateServiceAccount>,
        draft: ServiceAccountDraft,
    ) -> Result<()> {
        let (org_id, id) = (permit.key(), draft.id);
        let created_by = self.viewer.user_id().ok_or(Error::Unauthenticated)?;
        let scopes: Vec<&str> = draft.scopes.iter().map(|scope| scope.as_str()).collect();
        let agents: Option<Vec<String>> =
            draft.agents.as_ref().map(|agents| agents.iter().map(|agent| agent.id.to_string()).collect());
        let audit_payload = json!({ "name": draft.name, "scopes": scopes, "agentIds": agents });
        let tx = self.begin_write(Some(org_id)).await?;
        let row = service_account::ActiveModel {
            org_id: Set(org_id),
            id: Set(id),
            name: Set(draft.name),
            scopes: Set(JsonText::new(json!(scopes).to_string())),
            all_agents: Set(draft.agents.is_none()),
            created_by: Set(created_by),
            key_hash: Set(draft.key_hash),
            previous_key_hash: Set(None),
            previous_key_expires_at: Set(None),
            last_used_at: Set(None),
            created_at: Set(clock.now()),
            revoked_at: Set(None),
        };
        Entity::insert(row).exec_without_returning(&tx).await?;
        let mut records = Vec::new();
        for agent in draft.agents.into_iter().flatten() {
            if agent.org_id.is_none() {
                records.extend(install(&tx, clock, org_id, agent.id, platform_agent(&tx, agent.id).await?).await?);
            }
            let row = service_account_agent::ActiveModel {
                org_id: Set(org_id),
                id: Set(clock.id()),
                service_account_id: Set(id),
                agent_id: Set(agent.id),
            };
            service_account_agent::Entity::insert(row).exec_without_returning(&tx).await?;
        }
        records.push(Record::about("service_account.created", id).with(audit_payload));
        self.finish(tx, clock, org_id, records).await
    }

    /// Gives a service account another key; the one before works for `overlap` longer. Of several rotations at one
    /// instant, each finds the key of the one before it.
    pub async fn service_account_rotate(
        &self,
        clock: &Clock,
        permit: &Permit<ManageServiceAccount>,
        key_hash: Secret,
        overlap: TimeDelta,
    ) -> Result<()> {
        let (org_id, id) = permit.key();
        let tx = self.begin_write(Some(org_id)).await?;
        if hold(&tx, org_id, id).await?.is_some() {
            return Err(Error::Conflict("The service account is revoked."));
        }
        // The role of members reads no hash. What sign-in's role reads here is what the row held above holds.
        let standing = self.key_status(org_id, id).await?;
        if !standing.maker.holds() {
            return Err(Error::Conflict("The service account has lapsed: who made it is no active admin any more."));
        }
        let until = (overlap > TimeDelta::zero()).then(|| clock.now() + overlap);
        let previous = until.map(|_| standing.key_hash);
        let mut update = Query::update();
        update
            .table(Entity)
            .value(Column::KeyHash, key_hash)
            .value(Column::PreviousKeyHash, previous)
            .value(Column::PreviousKeyExpiresAt, until)
            .and_where(Expr::col(Column::OrgId).eq(org_id))
            .and_where(Expr::col(Column::Id).eq(id));
        tx.execute(&update).await?;
        let audit_payload = json!({ "overlapSeconds": overlap.num_seconds() });
        self.finish(tx, clock, org_id, [Record::about("service_account.key_rotated", id).with(audit_payload)]).await
    }

    async fn key_status(&self, org_id: OrgId, id: ServiceAccountId) -> Result<ServiceKeyStatus> {
        let tx = self.db.begin_read(Role::Identity, None).await?;
        key_lookup(&tx, org_id, id).await?.ok_or(Error::NotFound)
    }

    /// Takes a service account back, for good. Once more changes nothing.
    pub async fn service_account_revoke(&self, clock: &Clock, permit: &Permit<ManageServiceAccount>) -> Result<()> {
        let (org_id, id) = permit.key();
        let tx = self.begin_write(Some(org_id)).await?;
        if hold(&tx, org_id, id).await?.is_some() {
            return Ok(());
        }
        let mut update = Query::update();
        update
            .table(Entity)
            .value(Column::RevokedAt, clock.now())
            .and_where(Expr::col(Column::OrgId).eq(org_id))
            .and_where(Expr::col(Column::Id).eq(id));
        tx.execute(&update).await?;
        self.finish(tx, clock, org_id, [Record::about("service_account.revoked", id)]).await
    }
}

/// Takes the row for this transaction; says when it was revoked.
async fn hold(tx: &Tx, org_id: OrgId, id: ServiceAccountId) -> Result<Option<DateTime<Utc>>> {
    let mut select = Query::select();
    select
        .column(Column::RevokedAt)
        .from(Entity)
        .and_where(Expr::col(Column::OrgId).eq(org_id))
        .and_where(Expr::col(Column::Id).eq(id))
        .lock(LockType::Update);
    let row = tx.query_one(&select).await?.ok_or(Error::NotFound)?;
    Ok(Option::try_get_by_index(&row, 0)?)
}
