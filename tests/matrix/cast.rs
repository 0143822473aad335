//! Who asks, and how they stand to what is asked about. Everything here is said once, by hand: the rows of the world are
//! made from it, and so is what the table is expected to answer.

use entity::{
    enums::{
        AgentVisibility::{self, Global, Private, Public, Team},
        CollaboratorPermission::{self, Admin, Edit, Use},
        ServiceScope::{self, ChatWrite, PlansWrite, Read, TasksRun, UsageWrite},
        TeamRole,
    },
    ids::TypedId,
};
use uuid::Uuid;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Org {
    Alpha,
    Beta,
    /// Suspended.
    Gamma,
}

impl Org {
    pub const ALL: [Self; 3] = [Self::Alpha, Self::Beta, Self::Gamma];

    pub const fn slug(self) -> &'static str {
        match self {
            Self::Alpha => "alpha",
            Self::Beta => "beta",
            Self::Gamma => "gamma",
        }
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Is {
    Nobody,
    /// Has a token from before: it is pending, suspended or has left, or its organisation is suspended.
    Gone,
    Unaffiliated,
    Operator,
    Member {
        org: Org,
        admin: bool,
    },
    /// A service account's key, for all agents or for one.
    Key {
        org: Org,
        scopes: &'static [ServiceScope],
        only: Option<&'static str>,
    },
}

#[derive(Clone, Copy, Debug)]
pub struct Actor {
    pub name: &'static str,
    /// As the golden's heading has it.
    pub short: &'static str,
    /// As the golden's legend has it.
    pub what: &'static str,
    pub is: Is,
}

impl Actor {
    pub const fn org(&self) -> Option<Org> {
        match self.is {
            Is::Member { org, .. } | Is::Key { org, .. } => Some(org),
            _ => None,
        }
    }

    pub const fn is_person(&self) -> bool {
        matches!(self.is, Is::Unaffiliated | Is::Operator | Is::Member { .. })
    }
}

const EVERY: &[ServiceScope] = &[Read, TasksRun, PlansWrite, UsageWrite, ChatWrite];

const fn actor(name: &'static str, short: &'static str, what: &'static str, is: Is) -> Actor {
    Actor { name, short, what, is }
}

const fn member(name: &'static str, short: &'static str, what: &'static str) -> Actor {
    actor(name, short, what, Is::Member { org: Org::Alpha, admin: false })
}

const fn key(name: &'static str, short: &'static str, what: &'static str, scopes: &'static [ServiceScope]) -> Actor {
    actor(name, short, what, Is::Key { org: Org::Alpha, scopes, only: None })
}

pub const ACTORS: &[Actor] = &[
    actor("nobody", "anon", "nobody signed in", Is::Nobody),
    actor("ada", "oadm", "org admin", Is::Member { org: Org::Alpha, admin: true }),
    member("max", "memb", "member without any relation"),
    member("tom", "tmem", "member of the team red"),
    member("tea", "tadm", "admin of the team red"),
    member("otto", "oteam", "admin of another team"),
    member("owen", "ownr", "owner of the private and the public agent"),
    member("una", "cuse", "collaborator `use` on these, by name"),
    member("ed", "cedit", "collaborator `edit`, by name"),
    member("cat", "cadm", "collaborator `admin`, by name"),
    member("tu", "tuse", "collaborator `use`, through a team"),
    member("te", "tedit", "collaborator `edit`, through a team"),
    member("ta", "tadmn", "collaborator `admin`, through a team"),
    member("gia", "aadm", "agent admin of all four agents"),
    member("sue", "subm", "submitter, without any other relation"),
    member("sam", "subm2", "submitter, member of red, collaborator `use`"),
    key("k-read", "kread", "key with `read`", &[Read]),
    key("k-tasks", "ktask", "key with `tasks:run`", &[TasksRun]),
    key("k-plans", "kplan", "key with `plans:write`", &[PlansWrite]),
    key("k-usage", "kusag", "key with `usage:write`", &[UsageWrite]),
    key("k-chat", "kchat", "key with `chat:write`", &[ChatWrite]),
    key("k-every", "kall", "key with every scope", EVERY),
    actor(
        "k-some",
        "ksome",
        "key with every scope, for the public agent alone",
        Is::Key { org: Org::Alpha, scopes: EVERY, only: Some("public") },
    ),
    actor(
        "k-foreign",
        "kfor",
        "key of the other organisation, with every scope",
        Is::Key { org: Org::Beta, scopes: EVERY, only: None },
    ),
    actor("fay", "fadm", "admin of the other organisation", Is::Member { org: Org::Beta, admin: true }),
    actor("fox", "fmem", "member of the other organisation", Is::Member { org: Org::Beta, admin: false }),
    actor(
        "bo",
        "both",
        "member of this one, signed in as admin of the other",
        Is::Member { org: Org::Beta, admin: true },
    ),
    actor("uma", "unaff", "account without any organisation", Is::Unaffiliated),
    actor("petra", "super", "super-admin", Is::Operator),
    actor("pia", "pend", "membership pending", Is::Gone),
    actor("sid", "susp", "account suspended", Is::Gone),
    actor("leo", "left", "left the organisation", Is::Gone),
    actor("cleo", "sorg", "admin of a suspended organisation", Is::Gone),
];

pub fn named(name: &str) -> &'static Actor {
    ACTORS.iter().find(|actor| actor.name == name).unwrap_or_else(|| panic!("no actor {name}"))
}

pub const TEAMS: &[(&str, Org)] = &[
    ("red", Org::Alpha),
    ("blue", Org::Alpha),
    ("users", Org::Alpha),
    ("editors", Org::Alpha),
    ("keepers", Org::Alpha),
    ("foreign", Org::Beta),
];

pub const PLACES: &[(&str, &str, TeamRole)] = &[
    ("red", "tom", TeamRole::Member),
    ("red", "tea", TeamRole::Admin),
    ("red", "sam", TeamRole::Member),
    ("blue", "otto", TeamRole::Admin),
    // A collaborating team's admin holds what the team holds, and no more.
    ("users", "tu", TeamRole::Admin),
    ("editors", "te", TeamRole::Member),
    ("keepers", "ta", TeamRole::Member),
    ("foreign", "fox", TeamRole::Admin),
];

pub fn place(team: &str, user: &str) -> Option<TeamRole> {
    PLACES.iter().find(|(of, who, _)| *of == team && *who == user).map(|(.., role)| *role)
}

#[derive(Clone, Copy, Debug)]
pub enum Holder {
    User(&'static str),
    Team(&'static str),
}

#[derive(Clone, Copy, Debug)]
pub struct Agent {
    pub name: &'static str,
    /// None for a global one.
    pub org: Option<Org>,
    pub visibility: AgentVisibility,
    pub team: Option<&'static str>,
    pub owner: Option<&'static str>,
    pub shares: &'static [(Holder, CollaboratorPermission)],
    pub admins: &'static [&'static str],
}

const SHARES: &[(Holder, CollaboratorPermission)] = &[
    (Holder::User("una"), Use),
    (Holder::User("sam"), Use),
    (Holder::User("ed"), Edit),
    (Holder::User("cat"), Admin),
    (Holder::Team("users"), Use),
    (Holder::Team("editors"), Edit),
    (Holder::Team("keepers"), Admin),
];

pub const AGENTS: &[Agent] = &[
    Agent {
        name: "private",
        org: Some(Org::Alpha),
        visibility: Private,
        team: None,
        owner: Some("owen"),
        shares: SHARES,
        admins: &["gia"],
    },
    Agent {
        name: "team",
        org: Some(Org::Alpha),
        visibility: Team,
        team: Some("red"),
        owner: None,
        shares: &[],
        admins: &["gia"],
    },
    Agent {
        name: "public",
        org: Some(Org::Alpha),
        visibility: Public,
        team: None,
        owner: Some("owen"),
        shares: SHARES,
        admins: &["gia"],
    },
    Agent { name: "global", org: None, visibility: Global, team: None, owner: None, shares: &[], admins: &["gia"] },
    Agent {
        name: "foreign",
        org: Some(Org::Beta),
        visibility: Public,
        team: None,
        owner: Some("fox"),
        shares: &[],
        admins: &["fay"],
    },
];

pub fn agent(name: &str) -> &'static Agent {
    AGENTS.iter().find(|agent| agent.name == name).unwrap_or_else(|| panic!("no agent {name}"))
}

/// Goals: the agent, whose organisation's they are, and who submitted them. Each pair has three: one that waits to be
/// planned, one that runs (with its tasks and a file), and one whose plan waits for approval.
pub const GOALS: &[(&str, Org, &str)] = &[
    ("private", Org::Alpha, "sue"),
    ("private", Org::Alpha, "sam"),
    ("team", Org::Alpha, "sue"),
    ("team", Org::Alpha, "sam"),
    ("public", Org::Alpha, "sue"),
    ("public", Org::Alpha, "sam"),
    ("public", Org::Alpha, "ada"),
    ("global", Org::Alpha, "sue"),
    ("global", Org::Alpha, "sam"),
    ("foreign", Org::Beta, "fox"),
];

/// Chats: the agent, the organisation, and whose it is.
pub const CHATS: &[(&str, Org, &str)] = &[
    ("private", Org::Alpha, "sam"),
    ("private", Org::Alpha, "sue"),
    ("team", Org::Alpha, "sam"),
    ("team", Org::Alpha, "sue"),
    ("public", Org::Alpha, "sam"),
    ("public", Org::Alpha, "ada"),
    ("global", Org::Alpha, "sam"),
    ("foreign", Org::Beta, "fox"),
];

/// Claims: the key whose worker holds the tasks, and the agent that they are of. Sue's running goals have them.
pub const CLAIMS: &[(&str, &str)] = &[
    ("k-tasks", "private"),
    ("k-tasks", "team"),
    ("k-tasks", "public"),
    ("k-tasks", "global"),
    ("k-every", "public"),
    ("k-some", "public"),
    ("k-some", "private"),
    ("k-foreign", "foreign"),
];

/// Keys that have a worker.
pub const RUNNERS: &[&str] = &["k-tasks", "k-every", "k-some", "k-foreign"];

/// People who ask nothing: another admin, so that nobody is the last; another super-admin; a member to do things to.
pub const EXTRAS: &[(&str, Option<Org>, bool)] =
    &[("abe", Some(Org::Alpha), true), ("zed", Some(Org::Alpha), false), ("pax", None, false)];

/// The submitter of the goal that a claim is of.
pub fn claim_submitter(agent: &str) -> &'static str {
    if agent == "foreign" { "fox" } else { "sue" }
}

/// A name's id: the same in every world.
pub fn id<I: TypedId>(name: &str) -> I {
    let fold = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325, fold);
    I::from_uuid(Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 | u128::from(hash >> 4)))
}

pub fn gid<I: TypedId>(name: &str) -> String {
    id::<I>(name).to_string()
}
