//! Holds an organisation's log against its chain: an event that was altered, taken out or put elsewhere shows.
//!
//! What it cannot show: that the last events were taken off and the head set back to match. Whoever may write the head
//! can do that, so that a deployment that must rule it out keeps the last hash somewhere else; the verdict gives it.

use chrono::{DateTime, Utc};
use entity::{
    event,
    event_chain::{EventFields, GENESIS, link},
    event_head,
    ids::{EventId, OrgId, ServiceAccountId, UserId},
    organization,
};
use sea_orm::{
    ConnectionTrait, DbErr, QueryResult, TryGetable,
    sea_query::{Expr, ExprTrait, Order, Query},
};

use crate::error::Result;
use crate::store::db::{Database, Role, Tx};

/// Events read by one statement.
const PAGE: u64 = 1_000;
/// Faults told of one log: a log with more is lost as a whole.
const FAULTS: usize = 100;

/// What is wrong with a log.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fault {
    /// Events are missing: from the first to the last of these sequences.
    Missing(i64, i64),
    /// The event at this sequence is not the one that was written there.
    Altered(i64),
    /// The log does not end where its head says.
    Head,
}

/// What was found of one organisation's log.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Verdict {
    /// Whose log it is.
    pub org_id: OrgId,
    /// Events read.
    pub events: u64,
    /// The hash of the last event: who keeps it elsewhere can later show that the log was not cut short.
    pub last_hash: String,
    /// What is wrong, in the order of the log; at most 100.
    pub faults: Vec<Fault>,
}

/// Every organisation, in the order of their ids.
pub async fn organizations(db: &Database) -> Result<Vec<OrgId>> {
    let tx = db.begin_read(Role::System, None).await?;
    let mut select = Query::select();
    select.column(organization::Column::Id).from(organization::Entity).order_by(organization::Column::Id, Order::Asc);
    let rows = tx.query_all(&select).await?;
    Ok(rows.iter().map(|row| OrgId::try_get_by_index(row, 0)).collect::<Result<_, _>>()?)
}

/// Reads an organisation's log from its beginning, at one moment of the database.
pub async fn verify(db: &Database, org_id: OrgId) -> Result<Verdict> {
    let tx = db.begin_read(Role::System, Some(org_id)).await?;
    let (mut sequence, mut events, mut faults) = (0, 0, vec![]);
    let mut hash = GENESIS.to_owned();
    loop {
        let page = page(&tx, org_id, sequence).await?;
        for row in &page {
            let found = Found::read(row)?;
            if found.sequence > sequence + 1 {
                faults.push(Fault::Missing(sequence + 1, found.sequence - 1));
            } else if found.expected(org_id, &hash) != found.hash {
                faults.push(Fault::Altered(found.sequence));
            }
            // What follows is held against what is stored: one altered event is one fault.
            (sequence, hash) = (found.sequence, found.hash);
            events += 1;
            if faults.len() >= FAULTS {
                return Ok(Verdict { org_id, events, last_hash: hash, faults });
            }
        }
        if (page.len() as u64) < PAGE {
            break;
        }
    }
    if head(&tx, org_id).await? != (sequence, hash.clone()) {
        faults.push(Fault::Head);
    }
    Ok(Verdict { org_id, events, last_hash: hash, faults })
}

async fn page(tx: &Tx, org_id: OrgId, after: i64) -> Result<Vec<QueryResult>> {
    use event::Column;
    let mut select = Query::select();
    select
        .columns([
            Column::Sequence,
            Column::Id,
            Column::Kind,
            Column::ActorUserId,
            Column::ActorServiceAccountId,
            Column::SubjectId,
            Column::CreatedAt,
            Column::PayloadSalt,
            Column::Payload,
            Column::Hash,
        ])
        .from(event::Entity)
        .and_where(Expr::col(Column::OrgId).eq(org_id))
        .and_where(Expr::col(Column::Sequence).gt(after))
        .order_by(Column::Sequence, Order::Asc)
        .limit(PAGE);
    Ok(tx.query_all(&select).await?)
}

async fn head(tx: &Tx, org_id: OrgId) -> Result<(i64, String)> {
    use event_head::Column;
    let mut select = Query::select();
    select
        .columns([Column::Sequence, Column::Hash])
        .from(event_head::Entity)
        .and_where(Expr::col(Column::OrgId).eq(org_id));
    match tx.query_one(&select).await? {
        Some(row) => Ok((i64::try_get_by_index(&row, 0)?, String::try_get_by_index(&row, 1)?)),
        None => Ok((0, GENESIS.to_owned())),
    }
}

/// A row as it is stored. It holds content, and lives no longer than its hash takes: no `Debug`.
struct Found {
    sequence: i64,
    id: EventId,
    kind: String,
    actor_user_id: Option<UserId>,
    actor_service_account_id: Option<ServiceAccountId>,
    subject_id: Option<String>,
    created_at: DateTime<Utc>,
    payload_salt: String,
    payload: Option<String>,
    hash: String,
}

impl Found {
    fn read(row: &QueryResult) -> Result<Self, DbErr> {
        Ok(Self {
            sequence: TryGetable::try_get_by_index(row, 0)?,
            id: TryGetable::try_get_by_index(row, 1)?,
            kind: TryGetable::try_get_by_index(row, 2)?,
            actor_user_id: TryGetable::try_get_by_index(row, 3)?,
            actor_service_account_id: TryGetable::try_get_by_index(row, 4)?,
            subject_id: TryGetable::try_get_by_index(row, 5)?,
            created_at: TryGetable::try_get_by_index(row, 6)?,
            payload_salt: TryGetable::try_get_by_index(row, 7)?,
            payload: TryGetable::try_get_by_index(row, 8)?,
            hash: TryGetable::try_get_by_index(row, 9)?,
        })
    }

    /// The hash that the row has if it is the one that was written after `previous`.
    fn expected(&self, org_id: OrgId, previous: &str) -> String {
        link(
            previous,
            &EventFields {
                org_id,
                sequence: self.sequence,
                id: self.id,
                kind: &self.kind,
                actor_user_id: self.actor_user_id,
                actor_service_account_id: self.actor_service_account_id,
                subject_id: self.subject_id.as_deref(),
                created_at: self.created_at,
                payload_salt: &self.payload_salt,
                payload: self.payload.as_deref(),
            },
        )
    }
}
