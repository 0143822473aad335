//! Workers and the audit log.

use async_graphql::{Context, ID, Object};
use entity::ids::WorkerId;

use crate::{
    error::{Error, Result},
    graphql::{
        connection::{ListName, PageArgs, parse_id, seal},
        context::cx,
        directives::requires,
        guard::Requires,
        lookahead,
        types::{
            event::{AuditFilterInput, Event, EventConnection},
            worker::{Worker, WorkerConnection, WorkerFilterInput},
        },
    },
    policy::Permission,
    store::read::{event::EventRow, worker::WorkerRow},
};

#[derive(Default)]
pub struct OperationsQuery;

#[Object]
impl OperationsQuery {
    /// A worker; null when it does not exist for the viewer.
    #[graphql(guard = "Requires(Permission::WorkerRead)", directive = requires::apply(Permission::WorkerRead.into()))]
    async fn worker(&self, ctx: &Context<'_>, #[graphql(desc = "Its id.")] id: ID) -> Result<Option<Worker>> {
        let id: WorkerId = parse_id("id", &id)?;
        let rows = cx(ctx).store.worker_by_ids(&[id], lookahead::columns::<WorkerRow>(ctx)).await?;
        Ok(rows.into_iter().next().map(Worker))
    }

    /// Workers in the order of registration.
    #[graphql(guard = "Requires(Permission::WorkerRead)", directive = requires::apply(Permission::WorkerRead.into()))]
    async fn workers(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the beginning, at most 100; 20 without it.")] first: Option<i32>,
        #[graphql(desc = "Only workers after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Only workers before this cursor.")] before: Option<String>,
        #[graphql(desc = "Narrows the list.")] filter: Option<WorkerFilterInput>,
    ) -> Result<WorkerConnection> {
        let cx = cx(ctx);
        let filter = filter.unwrap_or_default().parse()?;
        let list = ListName::new(cx, "workers", &filter);
        let page = PageArgs { first, after, last, before }.request(cx, &list)?;
        let page = cx.store.worker_list(&filter, lookahead::node_columns::<WorkerRow>(ctx), &page).await?;
        let total = match lookahead::selects(ctx, "totalCount") {
            true => Some(cx.store.worker_count(&filter).await?),
            false => None,
        };
        Ok(WorkerConnection::new(seal(cx, &list, page, Worker)?, total))
    }

    /// The audit log of an organisation, the latest event first: one's own for an org admin, a named one for a super-admin.
    #[graphql(guard = "Requires(Permission::AuditRead)", directive = requires::apply(Permission::AuditRead.into()))]
    async fn audit_events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the beginning, at most 100; 20 without it.")] first: Option<i32>,
        #[graphql(desc = "Only events after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Only events before this cursor.")] before: Option<String>,
        #[graphql(desc = "Narrows the list.")] filter: Option<AuditFilterInput>,
    ) -> Result<EventConnection> {
        let cx = cx(ctx);
        let filter = filter.unwrap_or_default().parse()?;
        if cx.viewer.is_super_admin() && filter.organization_id.is_none() {
            return Err(Error::validation("filter.organizationId", "Name the organisation whose log is read."));
        }
        let list = ListName::new(cx, "auditEvents", &filter);
        let page = PageArgs { first, after, last, before }.request(cx, &list)?;
        let page = cx.store.event_list(&filter, lookahead::node_columns::<EventRow>(ctx), &page).await?;
        let total = match lookahead::selects(ctx, "totalCount") {
            true => Some(cx.store.event_count(&filter).await?),
            false => None,
        };
        Ok(EventConnection::new(seal(cx, &list, page, Event)?, total))
    }
}
