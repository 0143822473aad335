//! The organisation's audit log: everything that was noted, in order of time, chained.

use entity::{
    confidential::{Confidential, JsonText},
    event,
    event_chain::{self, EventFields, GENESIS},
    event_head,
    ids::EventId,
};

use super::scene::Scene;

/// Writes the log, and the head that says where it ends: what `store::audit::record` would have written.
pub(super) fn close(mut scene: Scene<'_>) {
    let mut happened = std::mem::take(&mut scene.happened);
    // Stable: what happened at one instant stays in the order in which it was noted.
    happened.sort_by_key(|happening| happening.at);
    let mut head = event_head::Model { org_id: scene.org_id, sequence: 0, hash: GENESIS.to_owned() };
    for happening in happened {
        let id: EventId = scene.dice.id(happening.at);
        let salt = scene.dice.hex(16);
        let payload = happening.payload.map(|payload| payload.to_string());
        head.sequence += 1;
        head.hash = event_chain::link(
            &head.hash,
            &EventFields {
                org_id: scene.org_id,
                sequence: head.sequence,
                id,
                kind: happening.kind,
                actor_user_id: happening.actor,
                actor_service_account_id: None,
                subject_id: Some(&happening.subject),
                created_at: happening.at,
                payload_salt: &salt,
                payload: payload.as_deref(),
            },
        );
        scene.rows.events.push(event::Model {
            org_id: scene.org_id,
            id,
            sequence: head.sequence,
            kind: happening.kind.to_owned(),
            actor_user_id: happening.actor,
            actor_service_account_id: None,
            subject_id: Some(happening.subject),
            payload: Confidential::from_option(payload.map(JsonText::new)),
            payload_salt: Confidential::new(salt),
            hash: head.hash.clone(),
            created_at: happening.at,
        });
    }
    scene.rows.event_heads.push(head);
}
