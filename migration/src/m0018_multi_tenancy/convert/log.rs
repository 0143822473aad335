//! The log: old events in order of time, then what the conversion itself has to tell, as one chain.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use entity::{
    event_chain::{EventFields, GENESIS, link},
    ids::{AgentId, ApprovalRequestId, ChatSessionId, EventId, GoalId, OrgId, TaskId, TypedId, UserId, WorkerId},
};
use sea_orm::{ConnectionTrait as _, DbErr, QueryResult, Statement, Value};
use uuid::Uuid;

use super::{
    Conversion, Lost,
    pages::{Batch, Old as _, row},
    people::address,
    words,
};

/// Events fetched by one statement.
const PAGE: usize = 500;
/// Ids named by one event of the conversion: a log's rows are read by people.
const NAMED: usize = 500;

/// The end of the log while it is being written.
struct Chain {
    events: Batch,
    sequence: i64,
    hash: String,
}

struct Event {
    id: Uuid,
    kind: String,
    actor: Option<Uuid>,
    subject: Option<String>,
    payload: Option<String>,
    created: DateTime<Utc>,
}

impl Conversion<'_> {
    pub(super) async fn log(&mut self) -> Result<(), DbErr> {
        let columns = &[
            "org_id",
            "id",
            "sequence",
            "type",
            "actor_user_id",
            "subject_id",
            "payload",
            "payload_salt",
            "hash",
            "created_at",
        ];
        let mut chain = Chain { events: Batch::new("events", columns), sequence: 0, hash: GENESIS.to_owned() };
        let mut order = vec![];
        for row in self.db.query_all_raw(self.statement("SELECT id, created_at FROM old_events")).await? {
            order.push((row.time("created_at")?.unwrap_or(self.now), row.id()?));
        }
        order.sort_unstable();
        for page in order.chunks(PAGE) {
            let mut rows = self.events(page).await?;
            for (created, id) in page {
                if let Some(row) = rows.remove(id) {
                    let event = self.event(*id, *created, &row)?;
                    self.append(&mut chain, event).await?;
                }
            }
        }
        self.tell(&mut chain).await?;
        chain.events.flush(self.db).await?;
        let mut heads = Batch::new("event_heads", &["org_id", "sequence", "hash"]);
        heads.push(self.db, row![self.org, chain.sequence, chain.hash]).await?;
        heads.flush(self.db).await
    }

    async fn events(&self, page: &[(DateTime<Utc>, Uuid)]) -> Result<HashMap<Uuid, QueryResult>, DbErr> {
        let marks = (1..=page.len()).map(|n| format!("${n}")).collect::<Vec<_>>().join(", ");
        let sql = format!("SELECT * FROM old_events WHERE id IN ({marks})");
        let ids = page.iter().map(|(_, id)| Value::from(*id));
        let rows =
            self.db.query_all_raw(Statement::from_sql_and_values(self.db.get_database_backend(), sql, ids)).await?;
        rows.into_iter().map(|row| Ok((row.id()?, row))).collect()
    }

    fn event(&mut self, id: Uuid, created: DateTime<Utc>, row: &QueryResult) -> Result<Event, DbErr> {
        let kind = words::name(row.text("type")?, "unknown");
        let actor = self.actor(id, row.text("actor")?);
        let subject = row.text("subject")?.map(|subject| named(&kind, subject));
        Ok(Event { id, actor, subject, payload: words::json(row.text("payload")?), created, kind })
    }

    /// Whom an old event names: by address, by id, or nobody of ours.
    fn actor(&mut self, event: Uuid, actor: Option<String>) -> Option<Uuid> {
        let actor = actor.filter(|actor| !actor.trim().is_empty() && actor.trim() != "system")?;
        let by_address = address(&actor).and_then(|address| self.addresses.get(&address).copied());
        let by_id = || self.user(actor.trim().parse().ok()).filter(|id| self.users.contains(id));
        let found = by_address.or_else(by_id);
        if found.is_none() {
            self.lose("events", "actor", EventId::from_uuid(event), actor, "");
        }
        found
    }

    /// One event for each value that gave way, and one for the conversion itself.
    async fn tell(&mut self, chain: &mut Chain) -> Result<(), DbErr> {
        for (Lost { table, column, was, is }, ids) in std::mem::take(&mut self.lost) {
            for ids in ids.chunks(NAMED) {
                let payload = serde_json::json!({
                    "table": table, "column": column, "was": was, "is": is, "ids": ids,
                });
                self.append(chain, self.own_event("migration.value_replaced", None, payload)).await?;
            }
        }
        let org = OrgId::from_uuid(self.org).to_string();
        let payload = serde_json::json!({ "migration": "m0018_multi_tenancy" });
        self.append(chain, self.own_event("organization.converted", Some(org), payload)).await
    }

    fn own_event(&self, kind: &str, subject: Option<String>, payload: serde_json::Value) -> Event {
        let payload = Some(payload.to_string());
        Event { id: Uuid::now_v7(), kind: kind.to_owned(), actor: None, subject, payload, created: self.now }
    }

    async fn append(&self, chain: &mut Chain, event: Event) -> Result<(), DbErr> {
        let Event { id, kind, actor, subject, payload, created } = event;
        chain.sequence += 1;
        let salt = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        let fields = EventFields {
            org_id: OrgId::from_uuid(self.org),
            sequence: chain.sequence,
            id: EventId::from_uuid(id),
            kind: &kind,
            actor_user_id: actor.map(UserId::from_uuid),
            actor_service_account_id: None,
            subject_id: subject.as_deref(),
            created_at: created,
            payload_salt: &salt,
            payload: payload.as_deref(),
        };
        chain.hash = link(&chain.hash, &fields);
        let (sequence, hash) = (chain.sequence, chain.hash.clone());
        let row = row![self.org, id, sequence, kind, actor, subject, payload, salt, hash, created];
        chain.events.push(self.db, row).await
    }
}

/// A subject as ids are printed now, where the old one was a bare UUID and the event's type says of what.
fn named(kind: &str, subject: String) -> String {
    fn typed<T: TypedId>(id: Uuid) -> String {
        T::from_uuid(id).to_string()
    }
    let Ok(id) = subject.trim().parse::<Uuid>() else { return subject };
    match kind.split(['.', '_', ':']).next().unwrap_or_default() {
        "agent" => typed::<AgentId>(id),
        "goal" => typed::<GoalId>(id),
        "task" => typed::<TaskId>(id),
        "worker" => typed::<WorkerId>(id),
        "approval" => typed::<ApprovalRequestId>(id),
        "chat" => typed::<ChatSessionId>(id),
        "user" => typed::<UserId>(id),
        _ => subject,
    }
}
