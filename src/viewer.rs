//! Who is asking. Made once per request, never changed.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use entity::{
    enums::{OrgRole, TeamRole},
    ids::{OrgId, ServiceAccountId, SessionId, TeamId, UserId, UserIdentityId},
};

/// Who an operation runs for.
///
/// The token says who asks; the database says what they may do now. Powers are the intersection of the two, blindness
/// the union: claimed or stored, a super-admin is content-blind.
#[derive(Clone, Debug)]
pub enum Viewer {
    /// Nobody signed in.
    Anonymous,
    /// Signed in, but in no organisation: may look at itself, accept an invitation, switch and sign out.
    Unaffiliated(Account),
    /// A member of one organisation, the one its token names.
    Tenant(TenantViewer),
    /// A platform operator: every organisation's metadata, nobody's content.
    SuperAdmin(Account),
}

/// Who did something.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Actor {
    /// A person.
    User(UserId),
    /// A planner or worker.
    ServiceAccount(ServiceAccountId),
    /// The platform's own jobs.
    Platform,
}

impl Actor {
    /// The person, where it is one.
    pub const fn user(self) -> Option<UserId> {
        match self {
            Self::User(id) => Some(id),
            Self::ServiceAccount(_) | Self::Platform => None,
        }
    }

    /// The planner or worker, where it is one.
    pub const fn service_account(self) -> Option<ServiceAccountId> {
        match self {
            Self::ServiceAccount(id) => Some(id),
            Self::User(_) | Self::Platform => None,
        }
    }
}

/// The account behind a viewer.
#[derive(Clone, Debug)]
pub struct Account {
    /// The user.
    pub user_id: UserId,
    /// By what it came in.
    pub entry: Entry,
}

/// By what an account came in.
#[derive(Clone, Debug)]
pub enum Entry {
    /// A session of ours: the account's owner signed in here.
    Session(SessionId),
    /// A token of an external issuer. It speaks inside the organisations that let the issuer in, and says nothing about
    /// the account as such: that is its owner's, signed in here.
    External(External),
}

/// An external issuer's word for who somebody is.
#[derive(Clone, Debug)]
pub struct External {
    /// The link between subject and account.
    pub identity_id: UserIdentityId,
    /// `iss`.
    pub issuer: Arc<str>,
    /// What the token's scopes leave of the powers; without any named, all.
    pub scopes: Option<Arc<BTreeSet<String>>>,
}

impl Account {
    /// An account that signed in here.
    pub const fn signed_in(user_id: UserId, session_id: SessionId) -> Self {
        Self { user_id, entry: Entry::Session(session_id) }
    }

    /// The session, for an account that signed in here.
    pub const fn session_id(&self) -> Option<SessionId> {
        match self.entry {
            Entry::Session(id) => Some(id),
            Entry::External(_) => None,
        }
    }

    /// The external issuer's word, for an account that came by one.
    pub const fn external(&self) -> Option<&External> {
        match &self.entry {
            Entry::Session(_) => None,
            Entry::External(external) => Some(external),
        }
    }

    /// What the token's scopes leave; none limits nothing.
    pub fn scopes(&self) -> Option<&BTreeSet<String>> {
        self.external().and_then(|external| external.scopes.as_deref())
    }
}

/// A member of one organisation, with the roles it holds there now.
#[derive(Clone, Debug)]
pub struct TenantViewer {
    /// The account.
    pub account: Account,
    /// The organisation.
    pub org_id: OrgId,
    /// The role in it.
    pub org_role: OrgRole,
    /// Teams and the role in each.
    pub teams: BTreeMap<TeamId, TeamRole>,
}

impl TenantViewer {
    /// Whether the viewer administers the organisation.
    pub fn is_org_admin(&self) -> bool {
        self.org_role == OrgRole::Admin
    }
}

impl Viewer {
    /// The account, when somebody is signed in.
    pub const fn account(&self) -> Option<&Account> {
        match self {
            Self::Anonymous => None,
            Self::Unaffiliated(account) | Self::SuperAdmin(account) => Some(account),
            Self::Tenant(tenant) => Some(&tenant.account),
        }
    }

    /// The user, when somebody is signed in.
    pub fn user_id(&self) -> Option<UserId> {
        self.account().map(|account| account.user_id)
    }

    /// Whom the log names.
    pub fn actor(&self) -> Actor {
        self.user_id().map_or(Actor::Platform, Actor::User)
    }

    /// The membership, for a tenant user.
    pub const fn tenant(&self) -> Option<&TenantViewer> {
        match self {
            Self::Tenant(tenant) => Some(tenant),
            _ => None,
        }
    }

    /// The organisation, for a tenant user.
    pub fn org_id(&self) -> Option<OrgId> {
        self.tenant().map(|tenant| tenant.org_id)
    }

    /// Whether the viewer is a platform operator.
    pub const fn is_super_admin(&self) -> bool {
        matches!(self, Self::SuperAdmin(_))
    }
}
