//! An id has one text, and a text names one id of one kind.

use std::fmt::Debug;

use entity::ids::{
    AgentId, IdError, OrgId, OrgMembershipId, PREFIXES, ServiceAccountAgentId, ServiceAccountId, TypedId, WorkerId,
};
use uuid::Uuid;

/// Reads a text as an id, and writes an id as a text.
pub fn check(data: &[u8]) {
    let (kind, rest) = super::first(data);
    if let Some(text) = super::text(rest) {
        each(text);
    }
    if let Some(number) = rest.first_chunk::<16>() {
        let uuid = Uuid::from_bytes(*number);
        let id = OrgId::from_uuid(uuid).to_string();
        assert_eq!(id.parse::<OrgId>().map(TypedId::uuid), Ok(uuid));
        assert_eq!(id.parse::<AgentId>().ok(), None, "another kind's");
        if let Some(next) = rest.get(16..).and_then(<[u8]>::first_chunk::<16>) {
            let other = Uuid::from_bytes(*next);
            assert_eq!(uuid.cmp(&other), id.cmp(&OrgId::from_uuid(other).to_string()), "texts sort as their ids do");
        }
        each(&super::altered(&id, &rest[16..]));
        let prefix = PREFIXES[usize::from(kind) % PREFIXES.len()];
        each(&id.replace("org", prefix));
    }
}

fn each(text: &str) {
    let kinds = [
        one::<OrgId>(text),
        one::<AgentId>(text),
        one::<OrgMembershipId>(text),
        one::<WorkerId>(text),
        // One's prefix begins with the other's.
        one::<ServiceAccountId>(text),
        one::<ServiceAccountAgentId>(text),
    ];
    assert!(kinds.iter().filter(|read| **read).count() <= 1, "{text} names things of two kinds");
}

fn one<I: TypedId + Debug>(text: &str) -> bool {
    // The specification, read again: 26 digits of Crockford's base32 in lower case, the first with three bits.
    let digits = text.strip_prefix(I::PREFIX).and_then(|rest| rest.strip_prefix('_'));
    let good = digits.is_some_and(|digits| {
        digits.len() == 26
            && digits
                .bytes()
                .all(|byte| byte.is_ascii_digit() || (byte.is_ascii_lowercase() && !b"ilou".contains(&byte)))
            && digits.as_bytes()[0] <= b'7'
    });
    match text.parse::<I>() {
        Ok(id) => {
            assert!(good, "{text} is read");
            assert_eq!(id.to_string(), text, "an id has one text");
        }
        Err(error) => {
            assert!(!good, "{text} is not read");
            assert_eq!(matches!(error, IdError::Prefix { .. }), digits.is_none(), "{text}");
        }
    }
    good
}
