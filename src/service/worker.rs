//! Workers: registered for a service account, drained by an admin or by themselves, and heard of.

use std::collections::BTreeSet;

use entity::ids::{ServiceAccountId, WorkerId};

use super::{Context, input, plan};
use crate::{
    error::{Error, Result},
    policy::{
        ServiceAccountFacts,
        permit::{DrainWorker, RegisterWorker, RunTasks, permit},
    },
    store::write::worker::WorkerDraft,
    viewer::Viewer,
};

/// Most kinds of task that a worker takes.
pub const CAPABILITIES: usize = 100;
/// Longest name of a machine, in characters: a name in the DNS.
pub const HOSTNAME: usize = 253;

/// A worker that is to be registered.
#[derive(Clone, Debug)]
pub struct RegisterWorkerInput {
    /// Where it runs.
    pub hostname: String,
    /// Kinds of task that it takes.
    pub capabilities: Vec<String>,
    /// Whose it will be, for an admin who registers it.
    pub service_account_id: Option<ServiceAccountId>,
}

/// Registers a worker. It belongs to the service account that registers it, or that an org admin names.
pub async fn register(cx: Context<'_>, new: RegisterWorkerInput) -> Result<WorkerId> {
    let hostname = input::line("input.hostname", &new.hostname, HOSTNAME)?;
    if hostname.is_empty() {
        return Err(Error::validation("input.hostname", "must not be empty"));
    }
    if new.capabilities.is_empty() || new.capabilities.len() > CAPABILITIES {
        return Err(Error::validation("input.capabilities", format!("must be 1 to {CAPABILITIES}")));
    }
    let kinds = new.capabilities.iter().map(|kind| plan::word("input.capabilities", kind));
    let kinds: BTreeSet<String> = kinds.collect::<Result<_>>()?;
    let id = match (cx.viewer, new.service_account_id) {
        (Viewer::ServiceAccount(key), None) => key.id,
        // A key speaks for itself: whatever else it names is not there for it.
        (Viewer::ServiceAccount(key), Some(named)) if named != key.id => return Err(Error::NotFound),
        (_, Some(named)) => named,
        (_, None) => return Err(Error::validation("input.serviceAccountId", "must name whose worker it is")),
    };
    let facts = ServiceAccountFacts { org: cx.organization("input.serviceAccountId", None)?, id };
    let permit = permit::<RegisterWorker>(cx.viewer, &facts)?;
    let draft = WorkerDraft { hostname, capabilities: kinds.into_iter().collect() };
    cx.store.worker_register(cx.clock, &permit, draft).await
}

/// Hears of a worker, which keeps what it holds.
pub async fn heartbeat(cx: Context<'_>, id: WorkerId) -> Result<WorkerId> {
    let permit = permit::<RunTasks>(cx.viewer, &cx.store.worker_facts(id).await?)?;
    cx.store.worker_beat(cx.clock, &permit, cx.tasks).await?;
    Ok(id)
}

/// Gives a worker no more tasks.
pub async fn drain(cx: Context<'_>, id: WorkerId) -> Result<WorkerId> {
    let permit = permit::<DrainWorker>(cx.viewer, &cx.store.worker_facts(id).await?)?;
    cx.store.worker_drain(cx.clock, &permit).await?;
    Ok(id)
}
