//! `approvalRequested`.

use async_graphql::Context;
use entity::ids::{ApprovalRequestId, EventId, OrgId, TypedId};

use super::event::organization;
use crate::{
    error::Result,
    graphql::{
        context::{RequestCtx, cx},
        lookahead,
        subscription::run::{About, Feed, Opening},
        types::approval::ApprovalRequest,
    },
    store::{audit::follow::LogEntry, list::row::Row as _, read::approval::ApprovalRow},
};

/// The event that a request begins with.
const REQUESTED: &str = "approval.requested";

pub struct ApprovalFeed {
    pub organization: Option<OrgId>,
}

#[async_trait::async_trait]
impl Feed for ApprovalFeed {
    type Item = ApprovalRequest;

    async fn open(&self, cx: &RequestCtx) -> Result<Opening> {
        let org = organization(cx, self.organization).await?;
        Ok(Opening { org, after: None, about: About::Family(ApprovalRequestId::PREFIX) })
    }

    async fn pick(&self, cx: &RequestCtx, batch: &[LogEntry]) -> Result<Vec<EventId>> {
        let asked = || batch.iter().filter(|entry| entry.kind == REQUESTED);
        let ids: Vec<ApprovalRequestId> = asked().filter_map(LogEntry::subject).collect();
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let rows = cx.store.approval_by_ids(&ids, ApprovalRow::keys()).await?;
        let seen = |entry: &&LogEntry| {
            entry.subject().is_some_and(|id: ApprovalRequestId| rows.iter().any(|row| row.id == id))
        };
        Ok(asked().filter(seen).map(|entry| entry.id).collect())
    }

    async fn answer(&self, ctx: &Context<'_>, entry: &LogEntry) -> Result<Option<ApprovalRequest>> {
        let Some(id) = entry.subject::<ApprovalRequestId>() else { return Ok(None) };
        let rows = cx(ctx).store.approval_by_ids(&[id], lookahead::columns::<ApprovalRow>(ctx)).await?;
        Ok(rows.into_iter().next().map(ApprovalRequest))
    }
}
