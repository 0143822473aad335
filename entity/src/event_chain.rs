//! The chain through an organisation's log: each event's hash covers the one before it, so that a change or a gap shows.
//!
//! Covered are the event's metadata and a salted digest of its payload. The salt is confidential: whoever sees only
//! metadata, hashes included, cannot try payloads against them.

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use crate::ids::{EventId, OrgId, ServiceAccountId, TypedId, UserId};

/// What the first event of a log follows on.
pub const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// What an event's hash covers besides the hash before it.
#[derive(Clone, Copy)]
pub struct EventFields<'a> {
    /// Whose log it is.
    pub org_id: OrgId,
    /// Position in the log, from 1.
    pub sequence: i64,
    /// The event.
    pub id: EventId,
    /// What happened.
    pub kind: &'a str,
    /// Who did it.
    pub actor_user_id: Option<UserId>,
    /// The service account that did it.
    pub actor_service_account_id: Option<ServiceAccountId>,
    /// What it happened to.
    pub subject_id: Option<&'a str>,
    /// When; microseconds count, what is finer does not.
    pub created_at: DateTime<Utc>,
    /// The payload's salt, as stored.
    pub payload_salt: &'a str,
    /// The payload's text, as stored. Never printed: this type has no `Debug`.
    pub payload: Option<&'a str>,
}

/// The hash of an event that follows on `prev`, in lower-case hex.
pub fn link(prev: &str, fields: &EventFields<'_>) -> String {
    let mut digest = Sha256::new();
    field(&mut digest, Some(fields.payload_salt.as_bytes()));
    field(&mut digest, fields.payload.map(str::as_bytes));
    let payload_digest = hex(&digest.finalize());

    let mut chain = Sha256::new();
    field(&mut chain, Some(prev.as_bytes()));
    field(&mut chain, Some(fields.org_id.uuid().as_bytes()));
    field(&mut chain, Some(&fields.sequence.to_be_bytes()));
    field(&mut chain, Some(fields.id.uuid().as_bytes()));
    field(&mut chain, Some(fields.kind.as_bytes()));
    field(&mut chain, fields.actor_user_id.map(TypedId::uuid).as_ref().map(|id| id.as_bytes().as_slice()));
    field(&mut chain, fields.subject_id.map(str::as_bytes));
    field(&mut chain, Some(&fields.created_at.timestamp_micros().to_be_bytes()));
    field(&mut chain, Some(payload_digest.as_bytes()));
    // Logs from before there were service accounts keep their hashes: the field is there only where it says something.
    if let Some(account) = fields.actor_service_account_id {
        field(&mut chain, Some(account.uuid().as_bytes()));
    }
    hex(&chain.finalize())
}

/// A field with its length before it, so that no two rows of fields give one text; absent is not empty.
fn field(digest: &mut Sha256, value: Option<&[u8]>) {
    match value {
        None => digest.update(u64::MAX.to_be_bytes()),
        Some(bytes) => {
            digest.update((bytes.len() as u64).to_be_bytes());
            digest.update(bytes);
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |value: u8| char::from(DIGITS[usize::from(value)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn fields<'a>(kind: &'a str, subject: Option<&'a str>, payload: Option<&'a str>) -> EventFields<'a> {
        EventFields {
            org_id: OrgId::from_uuid(Uuid::from_u128(1)),
            sequence: 1,
            id: EventId::from_uuid(Uuid::from_u128(2)),
            kind,
            actor_user_id: None,
            actor_service_account_id: None,
            subject_id: subject,
            created_at: DateTime::from_timestamp_micros(1_700_000_000_000_001).unwrap(),
            payload_salt: "5a17",
            payload,
        }
    }

    /// Logs that exist were written with it: this hash may never change.
    #[test]
    fn the_hash_of_a_known_event_is_known() {
        let hash = link(GENESIS, &fields("goal.submitted", Some("goal_1"), Some("{}")));
        assert_eq!(hash, "170f9a7b57fb925086d6ae6d1c8e0261cd34aad51cc56cc7b58b3a6a7cc982f9");
    }

    #[test]
    fn whatever_changes_the_hash_changes() {
        let base = fields("a.b", Some("c"), Some("d"));
        let mut seen = std::collections::BTreeSet::from([link(GENESIS, &base)]);
        let one = UserId::from_uuid(Uuid::from_u128(3));
        for changed in [
            EventFields { kind: "a.bc", subject_id: Some(""), ..base },
            EventFields { subject_id: None, ..base },
            EventFields { sequence: 2, ..base },
            EventFields { actor_user_id: Some(one), ..base },
            EventFields { actor_service_account_id: Some(ServiceAccountId::from_uuid(one.uuid())), ..base },
            EventFields { payload: None, ..base },
            EventFields { payload: Some(""), ..base },
            EventFields { payload_salt: "5a1", payload: Some("7d"), ..base },
            EventFields { org_id: OrgId::from_uuid(Uuid::from_u128(9)), ..base },
            EventFields { id: EventId::from_uuid(Uuid::from_u128(9)), ..base },
            EventFields { created_at: base.created_at + chrono::Duration::microseconds(1), ..base },
        ] {
            assert!(seen.insert(link(GENESIS, &changed)));
        }
        assert!(seen.insert(link(&link(GENESIS, &base), &base)));
    }
}
