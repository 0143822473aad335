//! Keys of service accounts, and what the rows say about one now.
//!
//! A key is `pal_<organisation>_<account>_<secret>`: the digits of two ids, and 256 random bits. The key itself is the
//! bearer. What is stored is its SHA-256; a slow hash would add nothing, and neither would a throttle: there is no
//! guessing 256 random bits. It names its row, so that a look-up costs what a session's does.
//!
//! A key is as good as whoever made it: it works while its maker is an active admin of the organisation, and lapses when
//! they are not. [`ServiceKeyStatus::viewer`] asks that of the rows, every time.

use std::{collections::BTreeSet, fmt};

use chrono::{DateTime, Utc};
use entity::{
    confidential::Secret,
    enums::{MembershipStatus, OrgRole, OrganizationStatus, ServiceScope, UserStatus},
    ids::{OrgId, ServiceAccountId, TypedId},
};
use subtle::ConstantTimeEq;

use super::opaque;
use crate::{
    error::{Error, Result},
    viewer::{AgentAccess, ServiceViewer, Viewer},
};

/// What every key begins with. Other tokens of ours go on without the underscore.
const PREFIX: &str = "pal_";
/// Digits of an id without its prefix.
const ID_TEXT: usize = 26;

/// A key as somebody presents it: what it names, and its hash. The text itself is not kept.
#[derive(Clone)]
pub struct ServiceKey {
    /// The organisation.
    pub org_id: OrgId,
    /// The service account.
    pub id: ServiceAccountId,
    hash: String,
}

impl fmt::Debug for ServiceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[service key]")
    }
}

/// Whether a bearer token is meant as a key.
pub fn is_key(token: &str) -> bool {
    token.starts_with(PREFIX)
}

/// Makes a key for a service account.
pub fn fresh(org_id: OrgId, id: ServiceAccountId) -> opaque::Fresh {
    opaque::Fresh::of(text(org_id, id, &opaque::random()))
}

/// A key with a given secret part.
pub fn text(org_id: OrgId, id: ServiceAccountId, secret: &str) -> String {
    let (org_id, id) = (org_id.to_string(), id.to_string());
    let digits = |id: &str| id.split_once('_').map_or("", |(_, digits)| digits).to_owned();
    format!("{PREFIX}{}_{}_{secret}", digits(&org_id), digits(&id))
}

impl ServiceKey {
    /// Reads a key; one answer for whatever is wrong with it.
    pub fn parse(token: &str) -> Result<Self> {
        Self::read(token).ok_or(Error::Unauthenticated)
    }

    fn read(token: &str) -> Option<Self> {
        // The secret part may hold underscores of its own.
        let mut parts = token.strip_prefix(PREFIX)?.splitn(3, '_');
        let (org_id, id, secret) = (parts.next()?, parts.next()?, parts.next()?);
        if org_id.len() != ID_TEXT || id.len() != ID_TEXT || secret.len() != opaque::RANDOM_TEXT {
            return None;
        }
        Some(Self {
            org_id: format!("{}_{org_id}", OrgId::PREFIX).parse().ok()?,
            id: format!("{}_{id}", ServiceAccountId::PREFIX).parse().ok()?,
            hash: opaque::hash(token),
        })
    }

    /// Whether a stored hash is this key's, in a time that does not tell how much of it agrees.
    fn is(&self, stored: &Secret) -> bool {
        self.hash.as_bytes().ct_eq(stored.expose().as_bytes()).into()
    }
}

/// Whether somebody is an active admin of an organisation, as the rows are now.
#[derive(Clone, Copy, Debug)]
pub struct Maker {
    /// Whether the account may sign in.
    pub status: UserStatus,
    /// Whether the account is a platform operator's.
    pub is_super_admin: bool,
    /// The membership of the organisation, if there is one.
    pub membership: Option<(OrgRole, MembershipStatus)>,
}

impl Maker {
    /// Whether what they made still holds.
    pub fn holds(&self) -> bool {
        self.status == UserStatus::Active
            && !self.is_super_admin
            && self.membership == Some((OrgRole::Admin, MembershipStatus::Active))
    }
}

/// What the rows say about a service account.
#[derive(Clone, Debug)]
pub struct ServiceKeyStatus {
    /// The organisation.
    pub org_id: OrgId,
    /// The service account.
    pub id: ServiceAccountId,
    /// What it may do.
    pub scopes: BTreeSet<ServiceScope>,
    /// Which agents it sees.
    pub agents: AgentAccess,
    /// SHA-256 of its key.
    pub key_hash: Secret,
    /// The same of the key before, and until when that one works.
    pub previous: Option<(Secret, DateTime<Utc>)>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<DateTime<Utc>>,
    /// When it was taken back.
    pub revoked_at: Option<DateTime<Utc>>,
    /// Whether the organisation is served.
    pub org_status: OrganizationStatus,
    /// Who made it.
    pub maker: Maker,
}

impl ServiceKeyStatus {
    /// The viewer for a key, under the rows as they are now; one answer for every reason against it.
    pub fn viewer(self, key: &ServiceKey, now: DateTime<Utc>) -> Result<Viewer> {
        let named = self.org_id == key.org_id && self.id == key.id;
        // Both are always compared: the time taken tells nothing of a rotation either.
        let current = key.is(&self.key_hash);
        let previous = self.previous.as_ref().is_some_and(|(hash, until)| key.is(hash) & (now < *until));
        let holder = self.holder().ok_or(Error::Unauthenticated)?;
        if named && (current | previous) { Ok(holder) } else { Err(Error::Unauthenticated) }
    }

    /// The viewer for whoever holds the account's key, by the rows alone; `None` where they grant none.
    pub fn holder(self) -> Option<Viewer> {
        let served = self.revoked_at.is_none() && self.org_status == OrganizationStatus::Active && self.maker.holds();
        let Self { id, org_id, scopes, agents, .. } = self;
        served.then_some(Viewer::ServiceAccount(ServiceViewer { id, org_id, scopes, agents }))
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use uuid::Uuid;

    use super::*;

    const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

    fn ids() -> (OrgId, ServiceAccountId) {
        (OrgId::from_uuid(Uuid::from_u128(0x0188_bac7_4afa_78aa)), ServiceAccountId::from_uuid(Uuid::from_u128(7)))
    }

    fn standing(key: &opaque::Fresh) -> ServiceKeyStatus {
        let (org_id, id) = ids();
        ServiceKeyStatus {
            org_id,
            id,
            scopes: [ServiceScope::TasksRun].into(),
            agents: AgentAccess::All,
            key_hash: Secret::new(key.hash.clone()),
            previous: None,
            last_used_at: None,
            revoked_at: None,
            org_status: OrganizationStatus::Active,
            maker: Maker {
                status: UserStatus::Active,
                is_super_admin: false,
                membership: Some((OrgRole::Admin, MembershipStatus::Active)),
            },
        }
    }

    #[test]
    fn a_key_names_its_row_and_keeps_neither_its_text_nor_its_secret() {
        let (org_id, id) = ids();
        let fresh = fresh(org_id, id);
        let key = ServiceKey::parse(&fresh.text).unwrap();
        assert_eq!((key.org_id, key.id), (org_id, id));
        assert_eq!(format!("{key:?} {fresh:?}"), "[service key] [secret]");
        assert!(crate::auth::bearer::checked(&fresh.text).is_ok());
    }

    #[test]
    fn what_is_no_key_is_refused_before_any_query() {
        let (org_id, id) = ids();
        let good = fresh(org_id, id).text;
        let upper = good[..60].to_uppercase();
        for bad in ["", "pal_", "pal___", "palr_x", &good[1..], &good[..good.len() - 1], &format!("{good}a"), &upper] {
            assert!(matches!(ServiceKey::parse(bad), Err(Error::Unauthenticated)), "{bad}");
        }
    }

    #[test]
    fn only_the_key_itself_opens_its_account() {
        let (org_id, id) = ids();
        let (fresh, other) = (fresh(org_id, id), fresh(org_id, id));
        let key = ServiceKey::parse(&fresh.text).unwrap();
        assert!(matches!(standing(&fresh).viewer(&key, NOW), Ok(Viewer::ServiceAccount(_))));
        assert!(standing(&other).viewer(&key, NOW).is_err());
        let elsewhere = ServiceKeyStatus { id: ServiceAccountId::from_uuid(Uuid::from_u128(8)), ..standing(&fresh) };
        assert!(elsewhere.viewer(&key, NOW).is_err());
    }

    #[test]
    fn a_previous_key_works_until_its_time_is_over() {
        let (org_id, id) = ids();
        let (old, new) = (fresh(org_id, id), fresh(org_id, id));
        let key = ServiceKey::parse(&old.text).unwrap();
        let rotated =
            |until| ServiceKeyStatus { previous: Some((Secret::new(old.hash.clone()), until)), ..standing(&new) };
        assert!(rotated(NOW + TimeDelta::seconds(1)).viewer(&key, NOW).is_ok());
        assert!(rotated(NOW).viewer(&key, NOW).is_err());
    }

    #[test]
    fn whatever_takes_from_the_account_the_organisation_or_the_maker_ends_the_key() {
        let (org_id, id) = ids();
        let fresh = fresh(org_id, id);
        let key = ServiceKey::parse(&fresh.text).unwrap();
        let good = standing(&fresh);
        let made_by = |maker| ServiceKeyStatus { maker, ..good.clone() };
        let maker = good.maker;
        for gone in [
            ServiceKeyStatus { revoked_at: Some(NOW), ..good.clone() },
            ServiceKeyStatus { org_status: OrganizationStatus::Suspended, ..good.clone() },
            ServiceKeyStatus { org_status: OrganizationStatus::Archived, ..good.clone() },
            made_by(Maker { status: UserStatus::Suspended, ..maker }),
            made_by(Maker { status: UserStatus::Deactivated, ..maker }),
            made_by(Maker { is_super_admin: true, ..maker }),
            made_by(Maker { membership: None, ..maker }),
            made_by(Maker { membership: Some((OrgRole::Member, MembershipStatus::Active)), ..maker }),
            made_by(Maker { membership: Some((OrgRole::Admin, MembershipStatus::Left)), ..maker }),
            made_by(Maker { membership: Some((OrgRole::Admin, MembershipStatus::Pending)), ..maker }),
        ] {
            assert!(matches!(gone.clone().viewer(&key, NOW), Err(Error::Unauthenticated)), "{gone:?}");
        }
    }
}
