//! Enums stored as text. The stored words are the ones of GraphQL, so that a row reads the same at every layer.

use sea_orm::entity::prelude::*;

macro_rules! stored_enums {
    ($($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)* })*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, EnumIter, DeriveActiveEnum)]
            #[sea_orm(rs_type = "String", db_type = "Text")]
            pub enum $name {
                $($(#[$vdoc])* #[sea_orm(string_value = $text)] $variant,)*
            }

            impl $name {
                /// All values, in the order of declaration.
                pub const ALL: &[Self] = &[$(Self::$variant),*];

                /// The word that is stored and shown.
                pub const fn as_str(self) -> &'static str {
                    match self {
                        $(Self::$variant => $text,)*
                    }
                }
            }
        )*
    };
}

stored_enums! {
    /// Whether an account may sign in.
    UserStatus {
        /// May sign in.
        Active = "ACTIVE",
        /// Locked out until reactivated.
        Suspended = "SUSPENDED",
        /// Closed; kept for history.
        Deactivated = "DEACTIVATED",
    }
    /// Whether an organisation is served.
    OrganizationStatus {
        /// Served.
        Active = "ACTIVE",
        /// Locked out until reactivated; keeps its data.
        Suspended = "SUSPENDED",
        /// Closed; kept for history.
        Archived = "ARCHIVED",
    }
    /// A member's role in an organisation.
    OrgRole {
        /// Sees and manages all of the organisation's data.
        Admin = "ADMIN",
        /// Uses agents as their visibility allows.
        Member = "MEMBER",
    }
    /// Whether a membership grants anything.
    MembershipStatus {
        /// Grants its role.
        Active = "ACTIVE",
        /// Grants nothing until an admin of the organisation confirms it.
        Pending = "PENDING",
        /// Grants nothing; keeps id and name readable on history.
        Left = "LEFT",
    }
    /// Where an invitation stands.
    InvitationStatus {
        /// Waits to be accepted.
        Pending = "PENDING",
        /// Was accepted.
        Accepted = "ACCEPTED",
        /// Was taken back.
        Revoked = "REVOKED",
    }
    /// A member's role in a team.
    TeamRole {
        /// Manages the team's members and its agents.
        Admin = "ADMIN",
        /// Uses the team's agents.
        Member = "MEMBER",
    }
    /// Who may see and use an agent.
    AgentVisibility {
        /// Every user of every organisation; only super-admins create or change it.
        Global = "GLOBAL",
        /// Every member of the organisation.
        Public = "PUBLIC",
        /// Members of its team, and the organisation's admins.
        Team = "TEAM",
        /// Its owner, named collaborators, and the organisation's admins.
        Private = "PRIVATE",
    }
    /// Whether an agent takes goals.
    AgentStatus {
        /// Takes goals.
        Active = "ACTIVE",
        /// Takes no goals for now.
        Stopped = "STOPPED",
        /// Needs attention; takes no goals.
        Error = "ERROR",
        /// Closed; kept for history.
        Archived = "ARCHIVED",
    }
    /// What a collaborator may do with an agent.
    CollaboratorPermission {
        /// See and use it.
        Use = "USE",
        /// Change its prompt, config and documents, too.
        Edit = "EDIT",
        /// Change its visibility and collaborators, and archive it, too.
        Admin = "ADMIN",
    }
    /// What an agent's document is.
    DocumentType {
        /// A rule the agent must follow.
        Rule = "RULE",
        /// How to do something.
        Skill = "SKILL",
        /// Background to keep in mind.
        ContextDoc = "CONTEXT_DOC",
        /// Something to look things up in.
        Reference = "REFERENCE",
    }
    /// Where a goal stands.
    GoalStatus {
        /// Submitted; nobody plans it yet.
        Pending = "PENDING",
        /// A planner works on it.
        Planning = "PLANNING",
        /// Its plan waits for approval.
        AwaitingApproval = "AWAITING_APPROVAL",
        /// Its tasks run.
        Running = "RUNNING",
        /// Done.
        Completed = "COMPLETED",
        /// Could not be done.
        Failed = "FAILED",
        /// Its plan was rejected.
        Rejected = "REJECTED",
        /// Called off.
        Cancelled = "CANCELLED",
    }
    /// Where a task stands.
    TaskStatus {
        /// Planned.
        Created = "CREATED",
        /// Waits for tasks it depends on.
        Pending = "PENDING",
        /// Ready to run.
        Queued = "QUEUED",
        /// Claimed by a worker.
        Scheduled = "SCHEDULED",
        /// Runs.
        Running = "RUNNING",
        /// A risky step waits for approval.
        AwaitingApproval = "AWAITING_APPROVAL",
        /// Done.
        Completed = "COMPLETED",
        /// Failed; is tried again or given up next.
        Failed = "FAILED",
        /// Given up after its last retry.
        DeadLetter = "DEAD_LETTER",
        /// Called off.
        Cancelled = "CANCELLED",
    }
    /// Whether a worker takes tasks.
    WorkerStatus {
        /// Takes tasks.
        Active = "ACTIVE",
        /// Finishes what it has.
        Draining = "DRAINING",
        /// Not heard of.
        Offline = "OFFLINE",
    }
    /// What is to be approved.
    ApprovalType {
        /// A goal's plan.
        Plan = "PLAN",
        /// A risky step of a task.
        RiskyTask = "RISKY_TASK",
    }
    /// Where an approval request stands.
    ApprovalStatus {
        /// Waits for decisions.
        Pending = "PENDING",
        /// Approved.
        Approved = "APPROVED",
        /// Rejected.
        Rejected = "REJECTED",
        /// Called off with its goal.
        Cancelled = "CANCELLED",
        /// Nobody decided in time.
        Expired = "EXPIRED",
    }
    /// Who speaks in a chat.
    ChatRole {
        /// The user.
        User = "USER",
        /// The agent.
        Assistant = "ASSISTANT",
        /// The platform.
        System = "SYSTEM",
        /// A tool.
        Tool = "TOOL",
    }
    /// How an execution went.
    ExecutionStatus {
        /// Still runs.
        Running = "RUNNING",
        /// Did what it should.
        Succeeded = "SUCCEEDED",
        /// Did not.
        Failed = "FAILED",
    }
    /// What somebody decided about an approval request.
    Decided {
        /// It may go on.
        Approve = "APPROVE",
        /// It may not.
        Reject = "REJECT",
    }
    /// What a service account may do.
    ServiceScope {
        /// Read metadata of what it may see.
        Read = "READ",
        /// Run workers: claim tasks and report on them.
        TasksRun = "TASKS_RUN",
        /// Propose plans.
        PlansWrite = "PLANS_WRITE",
        /// Report LLM usage.
        UsageWrite = "USAGE_WRITE",
        /// Take part in chats.
        ChatWrite = "CHAT_WRITE",
    }
    /// Whether a chat goes on.
    ChatSessionStatus {
        /// Goes on.
        Open = "OPEN",
        /// Was closed.
        Closed = "CLOSED",
        /// Ended by itself.
        Expired = "EXPIRED",
    }
    /// What a one-time token may be used for.
    OneTimeTokenPurpose {
        /// Set the account's password, first or anew.
        SetPassword = "SET_PASSWORD",
    }
}
