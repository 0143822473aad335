//! The audit log, taken out: one JSON object a line, with what the viewer may not read withheld.

use entity::ids::OrgId;
use serde_json::{Value, json};

use super::Context;
use crate::{
    error::{Error, Result},
    policy::{
        self,
        permit::{ExportAudit, permit},
    },
    store::read::event::{EventFilter, EventRow},
};

/// Events in one piece of an export. Between two pieces the viewer is looked at anew.
pub const PIECE: u64 = 500;

/// Some lines of an export.
#[derive(Debug)]
pub struct Piece {
    /// JSON objects, each with a line's end.
    pub lines: Vec<u8>,
    /// Where the next piece begins; none after the last.
    pub next: Option<i64>,
}

/// The lines of an organisation's log that follow on the sequence `after`, oldest first. The first piece stands in the
/// log itself: who takes a log out is told of in it.
pub async fn export(cx: Context<'_>, organization: Option<OrgId>, filter: &EventFilter, after: i64) -> Result<Piece> {
    let organization = cx.organization("organizationId", organization)?;
    let permit = permit::<ExportAudit>(cx.viewer, &organization)?;
    if let (Some(from), Some(to)) = (filter.from, filter.to)
        && from > to
    {
        return Err(Error::validation("to", "`to` is before `from`."));
    }
    if after == 0 {
        cx.store.audit_exported(cx.clock, &permit).await?;
    }
    let filter = EventFilter { organization_id: Some(permit.key()), ..filter.clone() };
    let rows = cx.store.event_sequence(&filter, after, PIECE).await?;
    let proof = policy::reader(cx.viewer);
    let mut lines = Vec::new();
    for row in &rows {
        let mut line = head(row)?;
        // A payload that was not selected is withheld, whether there is one or not.
        match proof.filter(|proof| entity::confidential::Reader::opens(proof, row.payload.audience())) {
            Some(proof) => {
                let payload = row.payload.open(&proof).map(|payload| serde_json::from_str(payload.as_str()));
                line["payload"] = payload.transpose().map_err(unreadable)?.unwrap_or(Value::Null);
            }
            None => {
                line["payload"] = Value::Null;
                line["redacted"] = json!(["payload"]);
            }
        }
        serde_json::to_writer(&mut lines, &line).map_err(unreadable)?;
        lines.push(b'\n');
    }
    let full = rows.len() as u64 == PIECE;
    let next = rows.last().filter(|_| full).map(|row| row.sequence.get().copied()).transpose()?;
    Ok(Piece { lines, next })
}

fn head(row: &EventRow) -> Result<Value> {
    Ok(json!({
        "id": row.id.to_string(),
        "organizationId": row.org_id.to_string(),
        "sequence": row.sequence.get()?.to_string(),
        "type": row.kind.get()?,
        "actorId": row.actor_user_id.map(|id| id.to_string()),
        "serviceAccountId": row.actor_service_account_id.map(|id| id.to_string()),
        "subjectId": row.subject_id.get()?,
        "createdAt": row.created_at.get()?.to_rfc3339_opts(chrono::SecondsFormat::Micros, true),
        "hash": row.hash.get()?,
    }))
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn unreadable(error: serde_json::Error) -> Error {
    Error::internal(format!("an event's payload is no JSON at column {}", error.column()))
}
