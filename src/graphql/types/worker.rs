//! Workers.

use async_graphql::{Context, ID, InputObject, Object};
use entity::ids::WorkerId;

use crate::{
    error::{Error, Result},
    graphql::{
        batches::{ActiveTasks, WorkerById},
        connection::{connection, gid, int, parse_optional_id},
        context::cx,
        enums::{WorkerStatus, stored},
        lookahead,
        scalars::DateTime,
    },
    policy::{OrgFacts, Permission, Resource, decide},
    store::read::worker::{WorkerFilter, WorkerRow},
};

/// A process of an organisation that runs tasks.
pub struct Worker(pub WorkerRow);

/// A process of an organisation that runs tasks.
#[Object]
impl Worker {
    /// Globally unique id.
    pub async fn id(&self) -> ID {
        gid(self.0.id)
    }

    /// Where it runs.
    async fn hostname(&self) -> Result<&str> {
        Ok(self.0.hostname.get()?)
    }

    /// Whether it takes tasks.
    async fn status(&self) -> Result<WorkerStatus> {
        Ok((*self.0.status.get()?).into())
    }

    /// Kinds of task that it takes.
    async fn capabilities(&self) -> Result<Vec<String>> {
        let text = self.0.capabilities.get()?.as_str();
        serde_json::from_str(text).map_err(|error| Error::internal(error.to_string()))
    }

    /// When it was last heard of.
    async fn last_heartbeat_at(&self) -> Result<DateTime> {
        Ok((*self.0.last_heartbeat_at.get()?).into())
    }

    /// When it was registered.
    async fn created_at(&self) -> Result<DateTime> {
        Ok((*self.0.created_at.get()?).into())
    }

    /// How many tasks it runs now: org admins' and super-admins' to know, null for other members.
    async fn active_tasks(&self, ctx: &Context<'_>) -> Result<Option<i32>> {
        let cx = cx(ctx);
        let org = OrgFacts { org_id: self.0.org_id };
        if !decide(&cx.viewer, Permission::OperationsRead, Resource::Organization(&org)).allowed() {
            return Ok(None);
        }
        Ok(Some(int(cx.loaders.load(&cx.store, ActiveTasks {}, self.0.id).await?.unwrap_or(0))))
    }
}

/// Loads a worker that some row refers to.
pub async fn worker(ctx: &Context<'_>, id: Option<WorkerId>) -> Result<Option<Worker>> {
    let (Some(id), cx) = (id, cx(ctx)) else { return Ok(None) };
    let batch = WorkerById { columns: lookahead::columns::<WorkerRow>(ctx) };
    Ok(cx.loaders.load(&cx.store, batch, id).await?.map(Worker))
}

connection!(WorkerConnection, WorkerEdge, Worker, "worker", "workers");

/// Narrows a list of workers.
#[derive(Debug, Default, InputObject)]
#[graphql(name = "WorkerFilter")]
pub struct WorkerFilterInput {
    /// Only workers in one of these states.
    pub status: Option<Vec<WorkerStatus>>,
    /// Only workers of this organisation.
    pub organization_id: Option<ID>,
}

impl WorkerFilterInput {
    /// Checks the ids.
    pub fn parse(self) -> Result<WorkerFilter> {
        Ok(WorkerFilter {
            status: stored(self.status),
            organization_id: parse_optional_id("filter.organizationId", self.organization_id.as_ref())?,
        })
    }
}
