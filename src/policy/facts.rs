//! What a decision is about: the facts of an object that rules look at, and nothing else of it.

use entity::{
    enums::{AgentVisibility, CollaboratorPermission},
    ids::{
        AgentId, ApprovalRequestId, ChatSessionId, GoalId, OrgId, ServiceAccountId, TaskId, TeamId, UserId, WorkerId,
    },
};

/// Names an agent: an organisation's, or (without an organisation) a global one.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct AgentKey {
    /// The organisation; none for a global agent.
    pub org_id: Option<OrgId>,
    /// The agent.
    pub id: AgentId,
}

/// Names a team.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct TeamKey {
    /// The organisation.
    pub org_id: OrgId,
    /// The team.
    pub id: TeamId,
}

/// An agent, as one viewer stands to it.
#[derive(Clone, Copy, Debug)]
pub struct AgentFacts {
    /// Which agent.
    pub key: AgentKey,
    /// Who may see it.
    pub visibility: AgentVisibility,
    /// Its owner, if it has one.
    pub owner_id: Option<UserId>,
    /// Its team, for a team agent.
    pub team_id: Option<TeamId>,
    /// The strongest collaboration that the viewer holds on it, by name or through a team.
    pub share: Option<CollaboratorPermission>,
    /// Whether the viewer was appointed to decide its approvals.
    pub is_agent_admin: bool,
}

impl AgentFacts {
    /// Whether it is one of the platform's.
    pub fn is_global(&self) -> bool {
        self.visibility == AgentVisibility::Global
    }
}

/// An agent that somebody is about to create, or what it would become by a change of visibility.
#[derive(Clone, Copy, Debug)]
pub struct NewAgent {
    /// The organisation; none for a global agent.
    pub org_id: Option<OrgId>,
    /// Who would see it.
    pub visibility: AgentVisibility,
    /// The team it would belong to.
    pub team_id: Option<TeamId>,
}

/// A goal, with the agent it was given to.
#[derive(Clone, Copy, Debug)]
pub struct GoalFacts {
    /// The organisation whose goal it is, also on a global agent.
    pub org_id: OrgId,
    /// The goal.
    pub id: GoalId,
    /// Who asked.
    pub submitted_by: Option<UserId>,
    /// The agent.
    pub agent: AgentFacts,
}

/// An approval request, as one viewer stands to it.
#[derive(Clone, Copy, Debug)]
pub struct ApprovalFacts {
    /// The organisation, also of a request about a global agent.
    pub org_id: OrgId,
    /// The request.
    pub id: ApprovalRequestId,
    /// The goal's submitter; nobody on history older than accounts.
    pub requested_by: Option<UserId>,
    /// How many distinct deciders it takes.
    pub required_approvals: i32,
    /// Whether the organisation has one admin and no other.
    pub one_admin: bool,
    /// The agent.
    pub agent: AgentFacts,
}

/// A chat, as one viewer stands to it.
#[derive(Clone, Copy, Debug)]
pub struct ChatFacts {
    /// The organisation, also of a chat with a global agent.
    pub org_id: OrgId,
    /// The chat.
    pub id: ChatSessionId,
    /// Whose it is; nobody's on history older than accounts.
    pub user_id: Option<UserId>,
    /// The agent; none where it is out of the viewer's sight, which takes no chat away from whom it belongs to.
    pub agent: Option<AgentFacts>,
}

/// An organisation.
#[derive(Clone, Copy, Debug)]
pub struct OrgFacts {
    /// Which one.
    pub org_id: OrgId,
}

/// A membership or role that a super-admin asked for, and that waits for an answer.
#[derive(Clone, Copy, Debug)]
pub struct MembershipRequestFacts {
    /// Which organisation is asked.
    pub org_id: OrgId,
    /// Whom it is about.
    pub concerns: UserId,
    /// Whether the organisation has no admin who may sign in.
    pub no_active_admin: bool,
}

/// A service account, which belongs to its organisation as a whole.
#[derive(Clone, Copy, Debug)]
pub struct ServiceAccountFacts {
    /// The organisation.
    pub org: OrgFacts,
    /// Which one.
    pub id: ServiceAccountId,
}

/// A task, with its goal and the agent that was given it.
#[derive(Clone, Copy, Debug)]
pub struct TaskFacts {
    /// The task.
    pub id: TaskId,
    /// Its goal.
    pub goal: GoalFacts,
}

/// A worker, which belongs to the service account that registered it.
#[derive(Clone, Copy, Debug)]
pub struct WorkerFacts {
    /// The organisation.
    pub org_id: OrgId,
    /// The worker.
    pub id: WorkerId,
    /// Whose it is; nobody's for workers from before there were service accounts.
    pub service_account_id: Option<ServiceAccountId>,
}

/// A team.
#[derive(Clone, Copy, Debug)]
pub struct TeamFacts {
    /// Which one.
    pub key: TeamKey,
}

/// A user account.
#[derive(Clone, Copy, Debug)]
pub struct AccountFacts {
    /// Whose.
    pub user_id: UserId,
}

/// What a rule is asked about.
#[derive(Clone, Copy, Debug)]
pub enum Resource<'a> {
    /// The platform itself.
    Platform,
    /// An account.
    Account(&'a AccountFacts),
    /// An organisation, or whatever belongs to it as a whole.
    Organization(&'a OrgFacts),
    /// What a super-admin asked of an organisation.
    MembershipRequest(&'a MembershipRequestFacts),
    /// A team.
    Team(&'a TeamFacts),
    /// An agent.
    Agent(&'a AgentFacts),
    /// An agent that is not there yet.
    NewAgent(&'a NewAgent),
    /// A goal and all that hangs off it.
    Goal(&'a GoalFacts),
    /// A request for approval.
    Approval(&'a ApprovalFacts),
    /// A chat.
    Chat(&'a ChatFacts),
    /// A worker.
    Worker(&'a WorkerFacts),
}

/// Facts that a write can be permitted on.
pub trait Protected {
    /// What the write is then bound to.
    type Key: Copy;

    /// The object's name: a permit acts on nothing else.
    fn key(&self) -> Self::Key;

    /// The object, as rules look at it.
    fn resource(&self) -> Resource<'_>;
}

macro_rules! protected {
    ($($facts:ty => $variant:ident, $key:ty, |$this:ident| $value:expr;)*) => {
        $(
            impl Protected for $facts {
                type Key = $key;

                fn key(&self) -> $key {
                    let $this = self;
                    $value
                }

                fn resource(&self) -> Resource<'_> {
                    Resource::$variant(self)
                }
            }
        )*
    };
}

protected! {
    AccountFacts => Account, UserId, |facts| facts.user_id;
    OrgFacts => Organization, OrgId, |facts| facts.org_id;
    MembershipRequestFacts => MembershipRequest, OrgId, |facts| facts.org_id;
    TeamFacts => Team, TeamKey, |facts| facts.key;
    AgentFacts => Agent, AgentKey, |facts| facts.key;
    NewAgent => NewAgent, NewAgent, |facts| *facts;
    GoalFacts => Goal, (OrgId, GoalId), |facts| (facts.org_id, facts.id);
    ApprovalFacts => Approval, (OrgId, ApprovalRequestId), |facts| (facts.org_id, facts.id);
    ChatFacts => Chat, (OrgId, ChatSessionId), |facts| (facts.org_id, facts.id);
    WorkerFacts => Worker, (OrgId, WorkerId), |facts| (facts.org_id, facts.id);
}

impl Protected for ServiceAccountFacts {
    type Key = (OrgId, ServiceAccountId);

    fn key(&self) -> Self::Key {
        (self.org.org_id, self.id)
    }

    fn resource(&self) -> Resource<'_> {
        Resource::Organization(&self.org)
    }
}

impl Protected for TaskFacts {
    type Key = (OrgId, GoalId, TaskId);

    fn key(&self) -> Self::Key {
        (self.goal.org_id, self.goal.id, self.id)
    }

    fn resource(&self) -> Resource<'_> {
        Resource::Goal(&self.goal)
    }
}

/// The platform itself, as something that a write can be permitted on.
#[derive(Clone, Copy, Debug)]
pub struct Platform;

impl Protected for Platform {
    type Key = ();

    fn key(&self) {}

    fn resource(&self) -> Resource<'_> {
        Resource::Platform
    }
}
