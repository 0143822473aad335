//! A service account's key opens its own account, and nothing that differs from it opens any.

use chrono::DateTime;
use entity::{
    confidential::Secret,
    enums::{MembershipStatus, OrgRole, OrganizationStatus, UserStatus},
    ids::{OrgId, ServiceAccountId, TypedId as _},
};
use palisade::{
    auth::{
        ServiceKey, ServiceKeyStatus, opaque,
        service_key::{self, Maker},
    },
    viewer::AgentAccess,
};
use uuid::Uuid;

/// Reads a text as a key; makes a key and alters it.
pub fn check(data: &[u8]) {
    let (_, rest) = super::first(data);
    if let Some(text) = super::text(rest)
        && let Ok(key) = ServiceKey::parse(text)
    {
        let secret = text.splitn(4, '_').nth(3).expect("a key has four parts");
        assert_eq!(service_key::text(key.org_id, key.id, secret), text, "a key has one text");
        assert!(service_key::is_key(text));
        assert!(!format!("{key:?}").contains(secret), "a key is not printed");
    }
    let Some((numbers, rest)) = rest.split_first_chunk::<32>() else { return };
    let half = |at: usize| Uuid::from_bytes(std::array::from_fn(|n| numbers[at + n]));
    let (org_id, id) = (OrgId::from_uuid(half(0)), ServiceAccountId::from_uuid(half(16)));
    let fresh = service_key::fresh(org_id, id);
    let key = ServiceKey::parse(&fresh.text).expect("a fresh key is read");
    assert_eq!((key.org_id, key.id), (org_id, id));
    let standing = || ServiceKeyStatus {
        org_id,
        id,
        scopes: [].into(),
        agents: AgentAccess::All,
        key_hash: Secret::new(opaque::hash(&fresh.text)),
        previous: None,
        last_used_at: None,
        revoked_at: None,
        org_status: OrganizationStatus::Active,
        maker: Maker {
            status: UserStatus::Active,
            is_super_admin: false,
            membership: Some((OrgRole::Admin, MembershipStatus::Active)),
        },
    };
    assert!(standing().viewer(&key, DateTime::UNIX_EPOCH).is_ok());
    let altered = super::altered(&fresh.text, rest);
    if altered != fresh.text
        && let Ok(key) = ServiceKey::parse(&altered)
    {
        assert!(standing().viewer(&key, DateTime::UNIX_EPOCH).is_err(), "an altered key opens an account");
    }
}
