//! The enums of the contract, value for value those of the tables.

use async_graphql::Enum;

/// Whether an account may sign in.
#[derive(Clone, Copy, Debug, Enum, Eq, PartialEq)]
#[graphql(remote = "entity::enums::UserStatus")]
pub enum UserStatus {
    /// May sign in.
    Active,
    /// Locked out until reactivated.
    Suspended,
    /// Closed; kept for history.
    Deactivated,
}

/// Whether an organisation is served.
#[derive(Clone, Copy, Debug, Enum, Eq, PartialEq)]
#[graphql(remote = "entity::enums::OrganizationStatus")]
pub enum OrganizationStatus {
    /// Served.
    Active,
    /// Locked out until reactivated; keeps its data.
    Suspended,
    /// Closed; kept for history.
    Archived,
}

/// A member's role in an organisation.
#[derive(Clone, Copy, Debug, Enum, Eq, PartialEq)]
#[graphql(remote = "entity::enums::OrgRole")]
pub enum OrgRole {
    /// Sees and manages all of the organisation's data.
    Admin,
    /// Uses agents as their visibility allows.
    Member,
}

/// Whether a membership grants anything.
#[derive(Clone, Copy, Debug, Enum, Eq, PartialEq)]
#[graphql(remote = "entity::enums::MembershipStatus")]
pub enum MembershipStatus {
    /// Grants its role.
    Active,
    /// Grants nothing until an admin of the organisation confirms it.
    Pending,
    /// Grants nothing; keeps id and name readable on history.
    Left,
}

/// Where an invitation stands.
#[derive(Clone, Copy, Debug, Enum, Eq, PartialEq)]
#[graphql(remote = "entity::enums::InvitationStatus")]
pub enum InvitationStatus {
    /// Waits to be accepted.
    Pending,
    /// Was accepted.
    Accepted,
    /// Was taken back.
    Revoked,
}

/// A member's role in a team.
#[derive(Clone, Copy, Debug, Enum, Eq, PartialEq)]
#[graphql(remote = "entity::enums::TeamRole")]
pub enum TeamRole {
    /// Manages the team's members and its agents.
    Admin,
    /// Uses the team's agents.
    Member,
}

/// Who may see and use an agent.
#[derive(Clone, Copy, Debug, Enum, Eq, PartialEq)]
#[graphql(remote = "entity::enums::AgentVisibility")]
pub enum AgentVisibility {
    /// Every user of every organisation; only super-admins create or change it.
    Global,
    /// Every member of the organisation.
    Public,
    /// Members of its team, and the organisation's admins.
    Team,
    /// Its owner, named collaborators, and the organisation's admins.
    Private,
}

/// Whether an agent takes goals.
#[derive(Clone, Copy, Debug, Enum, Eq, PartialEq)]
#[graphql(remote = "entity::enums::AgentStatus")]
pub enum AgentStatus {
    /// Takes goals.
    Active,
    /// Takes no goals for now.
    Stopped,
    /// Needs attention; takes no goals.
    Error,
    /// Closed; kept for history.
    Archived,
}

/// What a collaborator may do with an agent.
#[derive(Clone, Copy, Debug, Enum, Eq, PartialEq)]
#[graphql(remote = "entity::enums::CollaboratorPermission")]
pub enum CollaboratorPermission {
    /// See and use it.
    Use,
    /// Change its prompt, config and documents, too.
    Edit,
    /// Change its visibility and collaborators, and archive it, too.
    Admin,
}

/// What an agent's document is.
#[derive(Clone, Copy, Debug, Enum, Eq, PartialEq)]
#[graphql(remote = "entity::enums::DocumentType")]
pub enum DocumentType {
    /// A rule the agent must follow.
    Rule,
    /// How to do something.
    Skill,
    /// Background to keep in mind.
    ContextDoc,
    /// Something to look things up in.
    Reference,
}

/// Where a goal stands.
#[derive(Clone, Copy, Debug, Enum, Eq, PartialEq)]
#[graphql(remote = "entity::enums::GoalStatus")]
pub enum GoalStatus {
    /// Submitted; nobody plans it yet.
    Pending,
    /// A planner works on it.
    Planning,
    /// Its plan waits for approval.
    AwaitingApproval,
    /// Its tasks run.
    Running,
    /// Done.
    Completed,
    /// Could not be done.
    Failed,
    /// Its plan was rejected.
    Rejected,
    /// Called off.
    Cancelled,
}

/// Where a task stands.
#[derive(Clone, Copy, Debug, Enum, Eq, PartialEq)]
#[graphql(remote = "entity::enums::TaskStatus")]
pub enum TaskStatus {
    /// Planned.
    Created,
    /// Waits for tasks it depends on.
    Pending,
    /// Ready to run.
    Queued,
    /// Claimed by a worker.
    Scheduled,
    /// Runs.
    Running,
    /// A risky step waits for approval.
    AwaitingApproval,
    /// Done.
    Completed,
    /// Failed; is tried again or given up next.
    Failed,
    /// Given up after its last retry.
    DeadLetter,
    /// Called off.
    Cancelled,
}

/// How a run of a task went.
#[derive(Clone, Copy, Debug, Enum, Eq, PartialEq)]
#[graphql(remote = "entity::enums::ExecutionStatus")]
pub enum ExecutionStatus {
    /// Still runs.
    Running,
    /// Did what it should.
    Succeeded,
    /// Did not.
    Failed,
}

/// Whether a worker takes tasks.
#[derive(Clone, Copy, Debug, Enum, Eq, PartialEq)]
#[graphql(remote = "entity::enums::WorkerStatus")]
pub enum WorkerStatus {
    /// Takes tasks.
    Active,
    /// Finishes what it has.
    Draining,
    /// Not heard of.
    Offline,
}

/// What a service account may do.
#[derive(Clone, Copy, Debug, Enum, Eq, PartialEq)]
#[graphql(remote = "entity::enums::ServiceScope")]
pub enum ServiceScope {
    /// Read metadata of what it may see.
    Read,
    /// Run workers: claim tasks and report on them.
    TasksRun,
    /// Propose plans.
    PlansWrite,
    /// Report LLM usage.
    UsageWrite,
    /// Take part in chats.
    ChatWrite,
}

/// How bytes are written as a text.
#[derive(Clone, Copy, Debug, Enum, Eq, PartialEq)]
pub enum FileEncoding {
    /// As UTF-8.
    Text,
    /// In base64, with padding.
    #[graphql(name = "BASE64")]
    Base64,
}

/// Which way a list is ordered.
#[derive(Clone, Copy, Debug, Default, Enum, Eq, PartialEq)]
pub enum OrderDirection {
    /// Smallest, oldest or first in the alphabet first.
    #[default]
    Asc,
    /// Largest, latest or last in the alphabet first.
    Desc,
}

/// What is to be approved.
#[derive(Clone, Copy, Debug, Enum, Eq, PartialEq)]
#[graphql(remote = "entity::enums::ApprovalType")]
pub enum ApprovalType {
    /// A goal's plan.
    Plan,
    /// A risky step of a task.
    RiskyTask,
}

/// Where an approval request stands.
#[derive(Clone, Copy, Debug, Enum, Eq, PartialEq)]
#[graphql(remote = "entity::enums::ApprovalStatus")]
pub enum ApprovalStatus {
    /// Waits for decisions.
    Pending,
    /// Approved.
    Approved,
    /// Rejected.
    Rejected,
    /// Called off with its goal or task.
    Cancelled,
    /// Nobody decided in time.
    Expired,
}

/// What somebody decided about an approval request.
#[derive(Clone, Copy, Debug, Enum, Eq, PartialEq)]
#[graphql(remote = "entity::enums::Decided")]
pub enum Decided {
    /// It may go on.
    Approve,
    /// It may not.
    Reject,
}

/// Whether a chat goes on.
#[derive(Clone, Copy, Debug, Enum, Eq, PartialEq)]
#[graphql(remote = "entity::enums::ChatSessionStatus")]
pub enum ChatSessionStatus {
    /// Goes on.
    Open,
    /// Was closed.
    Closed,
    /// Ended by itself: nobody said anything for as long as it stays open.
    Expired,
}

/// Who speaks in a chat.
#[derive(Clone, Copy, Debug, Enum, Eq, PartialEq)]
#[graphql(remote = "entity::enums::ChatRole")]
pub enum ChatRole {
    /// The person whose chat it is.
    User,
    /// The agent.
    Assistant,
    /// What the agent is told beside what the person says.
    System,
    /// A tool that the agent called.
    Tool,
}

/// The stored values of an optional list of values.
pub fn stored<G: Into<S>, S>(values: Option<Vec<G>>) -> Option<Vec<S>> {
    values.map(|values| values.into_iter().map(Into::into).collect())
}
