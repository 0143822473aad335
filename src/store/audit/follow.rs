//! The log as it is followed: positions and subjects first, then each event under its reader's scope.
//!
//! Within an organisation `sequence` has no gaps and is the order of commits, so that `sequence > last` misses nothing.
//! What is read for everybody at once ([`log_heads`], [`log_after`]) is metadata, read with the operators' role, which
//! the database shows no content. What one viewer sees of it is decided by [`Store::log_sees`], from the rows as they are
//! then: an event is for whoever sees what it happened to, and one about an object that is gone is for admins alone.

use std::collections::{HashMap, HashSet};

use entity::{
    event, event_head,
    ids::{
        AgentDocumentId, AgentId, ApprovalRequestId, ChatMessageId, ChatSessionId, EventId, ExecutionId, GoalId, OrgId,
        TaskId, TeamId, TypedId, UserId, WorkerId, WorkspaceFileId,
    },
};
use sea_orm::{
    ConnectionTrait, TryGetable,
    sea_query::{Expr, ExprTrait, Order, Query},
};

use crate::store::{
    Store, any_of,
    db::{Database, Role},
    list::row::{Columns, Row},
    read::{
        approval::ApprovalRow,
        chat::{ChatMessageRow, ChatSessionRow},
        document::DocumentRow,
        event::EventRow,
        execution::ExecutionRow,
        goal::GoalRow,
        task::TaskRow,
        team::TeamRow,
        worker::WorkerRow,
        workspace::WorkspaceFileRow,
    },
    uuids,
};
use crate::{error::Result, store::read::agent::AgentRow, viewer::Viewer};

/// An event's place in its organisation's log, and what it is about.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LogEntry {
    /// Position, from 1 without gaps.
    pub sequence: i64,
    /// The event.
    pub id: EventId,
    /// What happened, `noun.verb`.
    pub kind: String,
    /// What it happened to: an id as GraphQL prints it.
    pub subject_id: Option<String>,
}

impl LogEntry {
    /// The prefix of the subject's id: what kind of object it is.
    pub fn family(&self) -> &str {
        self.subject_id.as_deref().and_then(|id| id.split_once('_')).map_or("", |(prefix, _)| prefix)
    }

    /// Whether it may change who sees what: it is about a person, a team, an agent or the like, not about work.
    pub fn may_change_visibility(&self) -> bool {
        const WORK: [&str; 9] = [
            GoalId::PREFIX,
            TaskId::PREFIX,
            ExecutionId::PREFIX,
            WorkspaceFileId::PREFIX,
            ApprovalRequestId::PREFIX,
            AgentDocumentId::PREFIX,
            WorkerId::PREFIX,
            ChatSessionId::PREFIX,
            ChatMessageId::PREFIX,
        ];
        !WORK.contains(&self.family())
    }

    /// The subject, when it is of this kind.
    pub fn subject<I: TypedId>(&self) -> Option<I> {
        self.subject_id.as_deref()?.parse().ok()
    }
}

/// What was refused is in the log, and happened to nobody.
pub const REFUSED: &str = "mutation.refused";

/// What members are told of their organisation itself: what shows in its name and state.
const OF_AN_ORGANIZATION: [&str; 4] =
    ["organization.renamed", "organization.suspended", "organization.reactivated", "organization.archived"];

/// The last position of each log. Organisations without an event are missing.
pub async fn log_heads(db: &Database, orgs: &[OrgId]) -> Result<HashMap<OrgId, i64>> {
    let org_id = Expr::col((event_head::Entity, event_head::Column::OrgId));
    let mut select = Query::select();
    select
        .columns([event_head::Column::OrgId, event_head::Column::Sequence])
        .from(event_head::Entity)
        .and_where(any_of(org_id, &uuids(orgs), db.backend()));
    let tx = db.begin_read(Role::Operator, None).await?;
    let rows = tx.query_all(&select).await?;
    rows.iter().map(|row| Ok((OrgId::try_get_by_index(row, 0)?, i64::try_get_by_index(row, 1)?))).collect()
}

/// The events of a log after `position`, in order, at most `limit`.
pub async fn log_after(db: &Database, org: OrgId, position: i64, limit: u64) -> Result<Vec<LogEntry>> {
    use event::Column;
    let mut select = Query::select();
    select
        .columns([Column::Sequence, Column::Id, Column::Kind, Column::SubjectId])
        .from(event::Entity)
        .and_where(Expr::col(Column::OrgId).eq(org))
        .and_where(Expr::col(Column::Sequence).gt(position))
        .order_by(Column::Sequence, Order::Asc)
        .limit(limit);
    let tx = db.begin_read(Role::Operator, None).await?;
    let rows = tx.query_all(&select).await?;
    rows.iter()
        .map(|row| {
            Ok(LogEntry {
                sequence: i64::try_get_by_index(row, 0)?,
                id: EventId::try_get_by_index(row, 1)?,
                kind: String::try_get_by_index(row, 2)?,
                subject_id: Option::<String>::try_get_by_index(row, 3)?,
            })
        })
        .collect()
}

fn parsed<I: TypedId>(entries: &[LogEntry]) -> Vec<I> {
    let mut seen = HashSet::new();
    entries.iter().filter_map(LogEntry::subject::<I>).filter(|id| seen.insert(id.uuid())).collect()
}

impl Store {
    /// Which of these events of the viewer's organisation (for an operator: of any) the viewer sees now.
    pub async fn log_sees(&self, entries: &[LogEntry]) -> Result<HashSet<EventId>> {
        self.scope()?;
        let all = match self.viewer() {
            Viewer::Tenant(tenant) => tenant.is_org_admin(),
            viewer => viewer.is_super_admin(),
        };
        let live: Vec<LogEntry> = entries.iter().filter(|entry| entry.kind != REFUSED).cloned().collect();
        if all {
            return Ok(live.into_iter().map(|entry| entry.id).collect());
        }
        let entries = live.as_slice();
        let mut seen = HashSet::new();
        // One statement for each kind of object that there is.
        macro_rules! see {
            ($($id:ty: $by_ids:ident($row:ty);)*) => {$({
                let ids = parsed::<$id>(entries);
                if !ids.is_empty() {
                    seen.extend(self.$by_ids(&ids, <$row>::keys()).await?.into_iter().map(|row| row.id.to_string()));
                }
            })*};
        }
        see! {
            AgentId: agent_by_ids(AgentRow);
            AgentDocumentId: document_by_ids(DocumentRow);
            ApprovalRequestId: approval_by_ids(ApprovalRow);
            ChatSessionId: chat_by_ids(ChatSessionRow);
            ChatMessageId: chat_message_by_ids(ChatMessageRow);
            ExecutionId: execution_by_ids(ExecutionRow);
            GoalId: goal_by_ids(GoalRow);
            TaskId: task_by_ids(TaskRow);
            TeamId: team_by_ids(TeamRow);
            WorkerId: worker_by_ids(WorkerRow);
            WorkspaceFileId: file_by_ids(WorkspaceFileRow);
        }
        let own = self.viewer().user_id().map(|id| id.to_string());
        let sees = |entry: &&LogEntry| match (entry.family(), entry.subject_id.as_deref()) {
            (_, None) => false,
            // Who belongs to the organisation is every member's to know; what else happens to an account is its owner's.
            (UserId::PREFIX, Some(subject)) => entry.kind.starts_with("member.") || own.as_deref() == Some(subject),
            (OrgId::PREFIX, Some(_)) => OF_AN_ORGANIZATION.contains(&entry.kind.as_str()),
            (_, Some(subject)) => seen.contains(subject),
        };
        Ok(entries.iter().filter(sees).map(|entry| entry.id).collect())
    }

    /// One event of the log of `org`, if the viewer sees it now. `auditEvents` shows a log to admins alone; here a member
    /// reads what happened to objects that it sees.
    pub async fn log_event(
        &self,
        org: OrgId,
        entry: &LogEntry,
        columns: Columns<event::Entity>,
    ) -> Result<Option<EventRow>> {
        if !self.log_sees(std::slice::from_ref(entry)).await?.contains(&entry.id) {
            return Ok(None);
        }
        let scope = self.scope()?;
        let columns = scope.project(columns);
        let org = scope.org_id().unwrap_or(org);
        let mut select = Query::select();
        for column in columns.iter() {
            select.column((event::Entity, column));
        }
        select
            .from(event::Entity)
            .and_where(Expr::col((event::Entity, event::Column::OrgId)).eq(org))
            .and_where(Expr::col((event::Entity, event::Column::Id)).eq(entry.id));
        Ok(self.rows::<EventRow>(&select, columns).await?.pop())
    }
}
