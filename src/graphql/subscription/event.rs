//! `events`: an organisation's log, as far as the viewer sees what it tells of.

use async_graphql::Context;
use entity::ids::{EventId, OrgId};
use uuid::Uuid;

use crate::{
    error::{Error, Result},
    graphql::{
        connection::ListName,
        context::{RequestCtx, cx},
        lookahead,
        subscription::run::{About, Feed, Opening},
        types::event::{Event, EventEdge},
    },
    store::{
        audit::follow::LogEntry,
        list::{
            cursor::{Position, SortValue},
            row::Row as _,
        },
        read::{event::EventRow, organization::OrganizationRow},
    },
    viewer::Viewer,
};

/// Types and lengths that are looked at.
const TYPES: usize = 50;
const LENGTH: usize = 100;

pub struct EventFeed {
    pub organization: Option<OrgId>,
    pub after: Option<String>,
    pub types: Option<Vec<String>>,
    pub subject: Option<String>,
}

/// Whose log: a member's own, or the one that an operator names. Somebody else's is as one that is not there.
pub async fn organization(cx: &RequestCtx, named: Option<OrgId>) -> Result<OrgId> {
    match (&*cx.viewer, named) {
        (Viewer::SuperAdmin(_), None) => {
            Err(Error::validation("organizationId", "Name the organisation whose log is followed."))
        }
        (Viewer::SuperAdmin(_), Some(named)) => {
            let found = cx.store.organization_by_ids(&[named], OrganizationRow::keys()).await?;
            found.first().map(|row| row.id).ok_or(Error::NotFound)
        }
        (viewer, named) => viewer.org_id().filter(|own| named.is_none_or(|named| named == *own)).ok_or(Error::NotFound),
    }
}

impl EventFeed {
    fn wants(&self, entry: &LogEntry) -> bool {
        self.types.as_ref().is_none_or(|types| types.contains(&entry.kind))
            && self.subject.as_ref().is_none_or(|subject| entry.subject_id.as_ref() == Some(subject))
    }
}

#[async_trait::async_trait]
impl Feed for EventFeed {
    type Item = EventEdge;

    async fn open(&self, cx: &RequestCtx) -> Result<Opening> {
        if self.types.as_ref().is_some_and(|types| types.len() > TYPES || types.iter().any(|t| t.len() > LENGTH)) {
            return Err(Error::validation("types", format!("At most {TYPES} types, each of at most {LENGTH} bytes.")));
        }
        if self.subject.as_ref().is_some_and(|subject| subject.len() > LENGTH) {
            return Err(Error::validation("subjectId", "Not an id."));
        }
        let org = organization(cx, self.organization).await?;
        let after = self.after.as_deref().map(|cursor| open(cx, org, cursor)).transpose()?;
        Ok(Opening { org, after, about: About::Everything })
    }

    async fn pick(&self, cx: &RequestCtx, batch: &[LogEntry]) -> Result<Vec<EventId>> {
        let wanted: Vec<LogEntry> = batch.iter().filter(|entry| self.wants(entry)).cloned().collect();
        let seen = cx.store.log_sees(&wanted).await?;
        Ok(wanted.into_iter().map(|entry| entry.id).filter(|id| seen.contains(id)).collect())
    }

    async fn answer(&self, ctx: &Context<'_>, entry: &LogEntry) -> Result<Option<EventEdge>> {
        let cx = cx(ctx);
        let org = organization(cx, self.organization).await?;
        let columns = lookahead::edge_columns::<EventRow>(ctx);
        let Some(row) = cx.store.log_event(org, entry, columns).await? else { return Ok(None) };
        Ok(Some(EventEdge { node: Event(row), cursor: seal(cx, org, entry.sequence)? }))
    }
}

/// Cursors hold for one viewer in one log, whatever of it was asked for.
fn list(cx: &RequestCtx, org: OrgId) -> ListName {
    ListName::new(cx, "log of", &org)
}

fn seal(cx: &RequestCtx, org: OrgId, sequence: i64) -> Result<String> {
    // As text of one length: a cursor's would tell a member how long the log is.
    let sort = SortValue::Text(format!("{sequence:020}"));
    list(cx, org).seal(cx, &Position { sort, id: Uuid::nil() })
}

fn open(cx: &RequestCtx, org: OrgId, cursor: &str) -> Result<i64> {
    let position = list(cx, org).open(cx, cursor);
    match position.map(|position| position.sort) {
        Some(SortValue::Text(sequence)) => sequence.parse().ok(),
        _ => None,
    }
    .ok_or_else(|| Error::validation("after", "Not a cursor of this log."))
}
