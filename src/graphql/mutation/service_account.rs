//! Service accounts.

use async_graphql::{Context, ID, InputObject, Object};

use super::begin;
use crate::{
    error::Result,
    graphql::{
        connection::parse_id, directives::requires, enums::ServiceScope, guard::Requires,
        types::service_account::ServiceAccountPayload,
    },
    policy::Permission,
    service::service_account as cases,
};

/// A service account to be made, of the viewer's organisation.
#[derive(InputObject)]
pub struct CreateServiceAccountInput {
    /// Its name, for people.
    pub name: String,
    /// What it may do: at least one.
    pub scopes: Vec<ServiceScope>,
    /// The agents that it sees, at most 100; every agent of the organisation and the global ones, also those made later,
    /// without a list.
    pub agent_ids: Option<Vec<ID>>,
}

#[derive(Default)]
pub struct ServiceAccountMutation;

#[Object]
impl ServiceAccountMutation {
    /// Makes a service account. Its key is in the answer, once. The key works while its maker is an active admin.
    #[graphql(
        guard = "Requires(Permission::ServiceAccountManage)",
        directive = requires::apply(Permission::ServiceAccountManage.into())
    )]
    async fn create_service_account(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The service account.")] input: CreateServiceAccountInput,
    ) -> Result<ServiceAccountPayload> {
        let agents = input.agent_ids.map(|ids| ids.iter().map(|id| parse_id("input.agentIds", id)).collect());
        let new = cases::CreateServiceAccountInput {
            name: input.name,
            scopes: input.scopes.into_iter().map(Into::into).collect(),
            agents: agents.transpose()?,
        };
        cases::create(begin(ctx).await, new).await.map(ServiceAccountPayload::with_key)
    }

    /// Gives a service account another key, which is in the answer, once.
    #[graphql(
        guard = "Requires(Permission::ServiceAccountManage)",
        directive = requires::apply(Permission::ServiceAccountManage.into())
    )]
    async fn rotate_service_account_key(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The service account's id.")] id: ID,
        #[graphql(
            desc = "How many hours the key before goes on working, at most 168; with 0 it ends at once.",
            default = 24
        )]
        overlap_hours: i32,
    ) -> Result<ServiceAccountPayload> {
        let id = parse_id("id", &id)?;
        cases::rotate(begin(ctx).await, id, overlap_hours).await.map(ServiceAccountPayload::with_key)
    }

    /// Revokes a service account for good: the next request with its key is refused.
    #[graphql(
        guard = "Requires(Permission::ServiceAccountManage)",
        directive = requires::apply(Permission::ServiceAccountManage.into())
    )]
    async fn revoke_service_account(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The service account's id.")] id: ID,
    ) -> Result<ServiceAccountPayload> {
        let id = parse_id("id", &id)?;
        cases::revoke(begin(ctx).await, id).await.map(ServiceAccountPayload::without_key)
    }
}
