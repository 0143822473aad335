//! The audit log, as it is written: in the transaction of what it tells, chained per organisation.

use entity::{
    confidential::{Confidential, JsonText},
    event,
    event_chain::{self, EventFields},
    event_head,
    ids::{EventId, OrgId, TypedId, UserId},
};
use sea_orm::{
    ActiveValue::Set,
    ConnectionTrait, EntityTrait, QueryTrait, TryGetable,
    sea_query::{Expr, ExprTrait, Query},
};

use crate::store::db::Tx;
use crate::{
    clock::Clock,
    error::{Error, Result},
    viewer::Actor,
};

/// What is told of a change.
#[derive(Clone, Debug)]
pub struct Record {
    /// What happened, `noun.verb`.
    pub kind: &'static str,
    /// What it happened to.
    pub subject_id: Option<String>,
    /// Details; confidential, whatever they are.
    pub payload: Option<serde_json::Value>,
}

impl Record {
    /// A record about one object.
    pub fn about(kind: &'static str, subject: impl TypedId) -> Self {
        Self { kind, subject_id: Some(subject.to_string()), payload: None }
    }

    /// With details.
    #[must_use]
    pub fn with(mut self, payload: serde_json::Value) -> Self {
        self.payload = Some(payload);
        self
    }
}

/// Appends to the log of `org_id`. Called last in a transaction: it locks the organisation's head, the one counter that
/// all writers of an organisation share.
pub async fn record(tx: &Tx, clock: &Clock, org_id: OrgId, actor: Actor, record: Record) -> Result<()> {
    record_all(tx, clock, org_id, actor, [record]).await
}

/// Rows that one statement inserts: SQLite takes 32,766 values, PostgreSQL 65,535.
const BATCH: usize = 1_000;

/// Appends several records, in their order, under one lock of the head.
pub async fn record_all(
    tx: &Tx,
    clock: &Clock,
    org_id: OrgId,
    actor: Actor,
    records: impl IntoIterator<Item = Record>,
) -> Result<()> {
    let mut records = records.into_iter().peekable();
    if records.peek().is_none() {
        return Ok(());
    }
    let (mut sequence, mut hash) = head(tx, org_id).await?;
    let created_at = clock.now();
    let mut rows = Vec::new();
    for record in records {
        sequence += 1;
        let row = chained(clock.id(), org_id, actor, record, created_at, sequence, &hash);
        hash.clone_from(row.hash.try_as_ref().ok_or_else(|| Error::internal("an event without a hash"))?);
        rows.push(row);
        if rows.len() == BATCH {
            event::Entity::insert_many(std::mem::take(&mut rows)).exec_without_returning(tx).await?;
        }
    }
    if !rows.is_empty() {
        event::Entity::insert_many(rows).exec_without_returning(tx).await?;
    }
    let mut update = Query::update();
    update
        .table(event_head::Entity)
        .value(event_head::Column::Sequence, sequence)
        .value(event_head::Column::Hash, hash)
        .and_where(Expr::col(event_head::Column::OrgId).eq(org_id));
    tx.execute(&update).await?;
    tx.note_log_growth(org_id, sequence);
    Ok(())
}

/// The row of a record that follows on the hash `previous`.
fn chained(
    id: EventId,
    org_id: OrgId,
    actor: Actor,
    record: Record,
    created_at: chrono::DateTime<chrono::Utc>,
    sequence: i64,
    previous: &str,
) -> event::ActiveModel {
    let payload = record.payload.map(|payload| payload.to_string());
    let salt = salt();
    let hash = event_chain::link(
        previous,
        &EventFields {
            org_id,
            sequence,
            id,
            kind: record.kind,
            actor_user_id: actor.user(),
            actor_service_account_id: actor.service_account(),
            subject_id: record.subject_id.as_deref(),
            created_at,
            payload: payload.as_deref(),
            payload_salt: &salt,
        },
    );
    event::ActiveModel {
        org_id: Set(org_id),
        id: Set(id),
        sequence: Set(sequence),
        kind: Set(record.kind.to_owned()),
        actor_user_id: Set(actor.user()),
        actor_service_account_id: Set(actor.service_account()),
        subject_id: Set(record.subject_id),
        payload: Set(Confidential::from_option(payload.map(JsonText::new))),
        payload_salt: Set(Confidential::new(salt)),
        hash: Set(hash),
        created_at: Set(created_at),
    }
}

/// Locks the organisation's head and gives the last sequence and hash.
async fn head(tx: &Tx, org_id: OrgId) -> Result<(i64, String)> {
    let genesis =
        event_head::ActiveModel { org_id: Set(org_id), sequence: Set(0), hash: Set(event_chain::GENESIS.to_owned()) };
    let mut insert = event_head::Entity::insert(genesis).into_query();
    insert.on_conflict(sea_orm::sea_query::OnConflict::new().do_nothing().to_owned());
    tx.execute(&insert).await?;
    // An UPDATE that changes nothing locks the row on both databases and gives what is in it.
    let mut lock = Query::update();
    lock.table(event_head::Entity)
        .value(event_head::Column::Sequence, Expr::col(event_head::Column::Sequence))
        .and_where(Expr::col(event_head::Column::OrgId).eq(org_id))
        .returning(Query::returning().columns([event_head::Column::Sequence, event_head::Column::Hash]));
    let row = tx.query_one(&lock).await?.ok_or_else(|| Error::internal("no event head"))?;
    Ok((i64::try_get_by_index(&row, 0)?, String::try_get_by_index(&row, 1)?))
}

/// A random salt: without it the digest of a short payload could be guessed.
fn salt() -> String {
    use rand::RngCore;
    let mut bytes = [0u8; 16];
    rand::rng().fill_bytes(&mut bytes);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Notes what an operator did to the platform itself.
pub async fn platform_record(tx: &Tx, clock: &Clock, actor: Option<UserId>, record: Record) -> Result<()> {
    use entity::platform_event;
    let row = platform_event::ActiveModel {
        id: Set(clock.id()),
        kind: Set(record.kind.to_owned()),
        actor_user_id: Set(actor),
        subject_id: Set(record.subject_id),
        created_at: Set(clock.now()),
    };
    platform_event::Entity::insert(row).exec_without_returning(tx).await?;
    Ok(())
}
