//! Who is asking. Made once per request, never changed.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use entity::{
    enums::{OrgRole, ServiceScope, TeamRole},
    ids::{AgentId, OrgId, ServiceAccountId, SessionId, TeamId, UserId, UserIdentityId},
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
    /// A planner or worker of one organisation.
    ServiceAccount(ServiceViewer),
    /// A platform operator: every organisation's metadata, nobody's content.
    SuperAdmin(Account),
}

/// Who did something.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
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
    /// Where the token names scopes, it does no more than a service account with these could.
    pub scopes: Option<BTreeSet<ServiceScope>>,
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
    pub fn scopes(&self) -> Option<&BTreeSet<ServiceScope>> {
        self.external().and_then(|external| external.scopes.as_ref())
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

/// A planner or worker, whose key names it.
#[derive(Clone, Debug)]
pub struct ServiceViewer {
    /// The service account.
    pub id: ServiceAccountId,
    /// Its organisation.
    pub org_id: OrgId,
    /// What it may do.
    pub scopes: BTreeSet<ServiceScope>,
    /// Which agents it sees.
    pub agents: AgentAccess,
}

/// Which agents a service account sees, with all that hangs off them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum AgentAccess {
    /// Every agent of its organisation, and the global ones.
    All,
    /// These.
    Named(BTreeSet<AgentId>),
}

impl AgentAccess {
    /// Whether the agent is in it.
    pub fn holds(&self, agent: AgentId) -> bool {
        match self {
            Self::All => true,
            Self::Named(agents) => agents.contains(&agent),
        }
    }
}

impl Viewer {
    /// The account, when a person is signed in.
    pub const fn account(&self) -> Option<&Account> {
        match self {
            Self::Anonymous | Self::ServiceAccount(_) => None,
            Self::Unaffiliated(account) | Self::SuperAdmin(account) => Some(account),
            Self::Tenant(tenant) => Some(&tenant.account),
        }
    }

    /// The user, when a person is signed in.
    pub fn user_id(&self) -> Option<UserId> {
        self.account().map(|account| account.user_id)
    }

    /// Whom the log names.
    pub const fn actor(&self) -> Actor {
        match self {
            Self::Anonymous => Actor::Platform,
            Self::Unaffiliated(account) | Self::SuperAdmin(account) => Actor::User(account.user_id),
            Self::Tenant(tenant) => Actor::User(tenant.account.user_id),
            Self::ServiceAccount(key) => Actor::ServiceAccount(key.id),
        }
    }

    /// The membership, for a tenant user.
    pub const fn tenant(&self) -> Option<&TenantViewer> {
        match self {
            Self::Tenant(tenant) => Some(tenant),
            _ => None,
        }
    }

    /// The planner or worker, where it is one.
    pub const fn service_account(&self) -> Option<&ServiceViewer> {
        match self {
            Self::ServiceAccount(key) => Some(key),
            _ => None,
        }
    }

    /// The organisation that the viewer works in.
    pub const fn org_id(&self) -> Option<OrgId> {
        match self {
            Self::Tenant(tenant) => Some(tenant.org_id),
            Self::ServiceAccount(key) => Some(key.org_id),
            Self::Anonymous | Self::Unaffiliated(_) | Self::SuperAdmin(_) => None,
        }
    }

    /// Whether the viewer is a platform operator.
    pub const fn is_super_admin(&self) -> bool {
        matches!(self, Self::SuperAdmin(_))
    }
}
