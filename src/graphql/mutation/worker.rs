//! Workers, as they come, are heard of, and go.

use async_graphql::{Context, ID, InputObject, Object};

use super::begin;
use crate::{
    error::Result,
    graphql::{
        connection::{parse_id, parse_optional_id},
        directives::requires,
        guard::Requires,
        types::run_payload::WorkerPayload,
    },
    policy::Permission,
    service::worker as cases,
};

/// A worker that is to be registered.
#[derive(InputObject)]
pub struct RegisterWorkerInput {
    /// Where it runs: a name of a machine, at most 253 characters.
    pub hostname: String,
    /// Kinds of task that it takes: 1 to 100.
    pub capabilities: Vec<String>,
    /// The service account whose worker it will be, for an org admin who registers it. A service account's own otherwise.
    pub service_account_id: Option<ID>,
}

#[derive(Default)]
pub struct WorkerMutation;

#[Object]
impl WorkerMutation {
    /// Registers a worker. It belongs to the service account that registers it, which alone speaks for it.
    #[graphql(
        guard = "Requires(Permission::WorkerRegister)",
        directive = requires::apply(Permission::WorkerRegister.into())
    )]
    async fn register_worker(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The worker.")] input: RegisterWorkerInput,
    ) -> Result<WorkerPayload> {
        let new = cases::RegisterWorkerInput {
            hostname: input.hostname,
            capabilities: input.capabilities,
            service_account_id: parse_optional_id("input.serviceAccountId", input.service_account_id.as_ref())?,
        };
        cases::register(begin(ctx).await, new).await.map(WorkerPayload)
    }

    /// Says that a worker is alive, and keeps the tasks that it holds. Without it for 30 seconds (`tasks.lease`) the worker
    /// is offline and its tasks go back to the queue; a later heartbeat brings it back, without them.
    #[graphql(guard = "Requires(Permission::TaskRun)", directive = requires::apply(Permission::TaskRun.into()))]
    async fn heartbeat(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The worker's id.")] worker_id: ID,
    ) -> Result<WorkerPayload> {
        let id = parse_id("workerId", &worker_id)?;
        cases::heartbeat(begin(ctx).await, id).await.map(WorkerPayload)
    }

    /// Gives an active worker no more tasks. What it holds it finishes.
    #[graphql(
        guard = "Requires(Permission::WorkerRegister)",
        directive = requires::apply(Permission::WorkerRegister.into())
    )]
    async fn drain_worker(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The worker's id.")] id: ID,
    ) -> Result<WorkerPayload> {
        let id = parse_id("id", &id)?;
        cases::drain(begin(ctx).await, id).await.map(WorkerPayload)
    }
}
