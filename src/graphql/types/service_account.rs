//! Service accounts.

use async_graphql::{Context, ID, Object};
use entity::ids::ServiceAccountId;

use super::{
    agent::Agent,
    organization::{Organization, organization},
    user::{User, user},
};
use crate::{
    error::{Error, Result},
    graphql::{
        batches::{ActiveAdmin, AgentById, AgentsOfServiceAccounts, ServiceAccountById},
        connection::{connection, gid},
        context::cx,
        enums::ServiceScope,
        lookahead,
        scalars::DateTime,
    },
    service::service_account::IssuedKey,
    store::{
        auth::service_account::scopes,
        read::{agent::AgentRow, service_account::ServiceAccountRow},
    },
};

/// A planner's or worker's account: its key acts within its scopes, on the agents that it was made for.
pub struct ServiceAccount(pub ServiceAccountRow);

/// A planner's or worker's account: its key acts within its scopes, on the agents that it was made for.
#[Object]
impl ServiceAccount {
    /// Globally unique id.
    pub async fn id(&self) -> ID {
        gid(self.0.id)
    }

    /// The organisation that it belongs to.
    async fn organization(&self, ctx: &Context<'_>) -> Result<Organization> {
        organization(ctx, self.0.org_id).await
    }

    /// Its name, for people.
    async fn name(&self) -> Result<&str> {
        Ok(self.0.name.get()?)
    }

    /// What it may do.
    async fn scopes(&self) -> Result<Vec<ServiceScope>> {
        Ok(scopes(self.0.scopes.get()?)?.into_iter().map(Into::into).collect())
    }

    /// Whether it sees every agent of its organisation, and the global ones.
    async fn all_agents(&self) -> bool {
        self.0.all_agents
    }

    /// The agents that it was made for; null when it sees all.
    async fn agents(&self, ctx: &Context<'_>) -> Result<Option<Vec<Agent>>> {
        if self.0.all_agents {
            return Ok(None);
        }
        let cx = cx(ctx);
        let ids = cx.loaders.load(&cx.store, AgentsOfServiceAccounts {}, self.0.id).await?.unwrap_or_default();
        let batch = AgentById { columns: lookahead::columns::<AgentRow>(ctx) };
        let rows = ids.into_iter().map(|id| cx.loaders.load(&cx.store, batch.clone(), id));
        let rows = futures_util::future::try_join_all(rows).await?;
        Ok(Some(rows.into_iter().flatten().map(Agent).collect()))
    }

    /// Who made it.
    async fn created_by(&self, ctx: &Context<'_>) -> Result<Option<User>> {
        user(ctx, Some(self.0.created_by)).await
    }

    /// Whether its key works no more because who made it is no active admin of the organisation now.
    async fn lapsed(&self, ctx: &Context<'_>) -> Result<bool> {
        let cx = cx(ctx);
        // One that asks has not.
        if cx.viewer.service_account().is_some() {
            return Ok(false);
        }
        Ok(cx.loaders.load(&cx.store, ActiveAdmin {}, (self.0.org_id, self.0.created_by)).await?.is_none())
    }

    /// When its key was last used, to the minute.
    async fn last_used_at(&self) -> Result<Option<DateTime>> {
        Ok(self.0.last_used_at.get()?.map(Into::into))
    }

    /// Until when the key before the last rotation works; null where there is none, or it ended with the rotation.
    async fn previous_key_expires_at(&self) -> Result<Option<DateTime>> {
        Ok(self.0.previous_key_expires_at.get()?.map(Into::into))
    }

    /// When it was made.
    async fn created_at(&self) -> Result<DateTime> {
        Ok((*self.0.created_at.get()?).into())
    }

    /// When it was revoked, for good.
    async fn revoked_at(&self) -> Result<Option<DateTime>> {
        Ok(self.0.revoked_at.get()?.map(Into::into))
    }
}

/// Loads a service account that some row refers to; none where the viewer may not see it.
pub async fn service_account(ctx: &Context<'_>, id: Option<ServiceAccountId>) -> Result<Option<ServiceAccount>> {
    let (Some(id), cx) = (id, cx(ctx)) else { return Ok(None) };
    let batch = ServiceAccountById { columns: lookahead::columns::<ServiceAccountRow>(ctx) };
    Ok(cx.loaders.load(&cx.store, batch, id).await?.map(ServiceAccount))
}

connection!(ServiceAccountConnection, ServiceAccountEdge, ServiceAccount, "service account", "service accounts");

/// A service account that was made, given another key or revoked.
pub struct ServiceAccountPayload {
    id: ServiceAccountId,
    key: Option<String>,
}

impl ServiceAccountPayload {
    /// With the key that was made.
    pub fn with_key(issued: IssuedKey) -> Self {
        Self { id: issued.id, key: Some(issued.key) }
    }

    /// Without any.
    pub const fn without_key(id: ServiceAccountId) -> Self {
        Self { id, key: None }
    }
}

/// A service account that was made, given another key or revoked.
#[Object]
impl ServiceAccountPayload {
    /// The service account.
    async fn service_account(&self, ctx: &Context<'_>) -> Result<ServiceAccount> {
        service_account(ctx, Some(self.id)).await?.ok_or(Error::NotFound)
    }

    /// The new key, to be sent as the bearer. It is shown here and never again; null where none was made.
    async fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }
}
