//! THE table: one row per permission, one cell per role.
//!
//! Change a cell here and the guards, the SQL scopes, `viewerCan`, `docs/permissions.md` and the tests' expectations
//! change with it.

use entity::enums::{CollaboratorPermission, ServiceScope};

/// What a role is given by a rule.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Grant {
    /// Nothing.
    No,
    /// Everything of the kind, within the viewer's organisation (for a super-admin: on the platform).
    Yes,
    /// Everything of the kind with content redacted. Super-admins only.
    Metadata,
    /// The team, or the agent, that the role is for; the team's agents for a team admin.
    Own,
    /// Agents that the visibility rule shows, and what hangs off them.
    ByVisibility,
    /// Agents that the viewer owns, or collaborates on with at least this permission.
    Share(CollaboratorPermission),
    /// What the viewer asked for itself, and what hangs off agents that it may change.
    OwnWork,
    /// What belongs to the viewer as a person.
    Personal,
    /// What is an admin's to do, where the organisation has none who may sign in.
    NoActiveAdmin,
}

/// What a service account needs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ServiceGrant {
    /// No key ever may.
    No,
    /// Any key.
    Any,
    /// A key with one of these scopes.
    Scope(&'static [ServiceScope]),
}

/// Who must be signed in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SignInRequired {
    /// Nobody.
    None,
    /// Somebody, with or without an organisation.
    Account,
    /// A member of an organisation, a service account or a super-admin.
    Membership,
}

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Its name.
    pub permission: Permission,
    /// What it lets one do, as the published matrix says it.
    pub action: &'static str,
    /// Who must be signed in for the other cells to matter.
    pub sign_in: SignInRequired,
    /// A platform operator.
    pub super_admin: Grant,
    /// An admin of the organisation.
    pub org_admin: Grant,
    /// Any member of the organisation.
    pub org_member: Grant,
    /// An admin of a team, on top of being a member.
    pub team_admin: Grant,
    /// A member of a team, on top of being a member of the organisation.
    pub team_member: Grant,
    /// Who decides an agent's approvals, on top of being a member.
    pub agent_admin: Grant,
    /// A planner's or worker's key.
    pub service_account: ServiceGrant,
    /// Other rows that the same root field may lead to, chosen by its input.
    pub opens: &'static [Permission],
    /// What the cells cannot say.
    pub note: &'static str,
}

/// What is given, or else the default.
macro_rules! given {
    ($default:expr,) => {
        $default
    };
    ($default:expr, $given:expr) => {
        $given
    };
}

macro_rules! table {
    ($($(#[doc = $action:literal])+ $name:ident / $word:literal: $sign_in:ident,
        $super_admin:expr, $org_admin:expr, $org_member:expr, $team_admin:expr, $team_member:expr, $agent_admin:expr,
        $service:expr $(, opens $opens:expr)? $(, note $note:literal)?;)*) => {
        /// Names a row of the permission table.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub enum Permission {
            $($(#[doc = $action])+ $name,)*
        }

        impl Permission {
            /// All of them, in the table's order.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The name in GraphQL and in the published matrix.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                }
            }
        }

        /// The table.
        pub const RULES: &[Rule] = &[$(Rule {
            permission: Permission::$name,
            action: concat!($($action),+),
            sign_in: SignInRequired::$sign_in,
            super_admin: $super_admin,
            org_admin: $org_admin,
            org_member: $org_member,
            team_admin: $team_admin,
            team_member: $team_member,
            agent_admin: $agent_admin,
            service_account: $service,
            opens: given!(&[], $($opens)?),
            note: given!("", $($note)?),
        }),*];
    };
}

use CollaboratorPermission::{Admin, Edit};
use Grant::{ByVisibility, Metadata, No, NoActiveAdmin, Own, OwnWork, Personal, Share, Yes};
use Permission::{AgentCreateTeam, AgentManageGlobal, OrganizationManage};
use ServiceGrant::{Any, No as NoKey, Scope};
use ServiceScope::{ChatWrite as ChatScope, PlansWrite, Read, TasksRun, UsageWrite};

/// Reading metadata. Who works on an agent reads what it works on.
const READERS: ServiceGrant = Scope(&[Read, TasksRun, PlansWrite, ChatScope]);
/// Reading goals and what hangs off them.
const WORK_READERS: ServiceGrant = Scope(&[Read, TasksRun, PlansWrite]);

// Columns: door, super_admin, org_admin, org_member, team_admin, team_member, agent_admin, service account.
table! {
    ///Sign in, refresh a session, accept an invitation, ask for a password link, set a password by it, read `serverInfo`
    SignIn / "SIGN_IN": None, Yes, Yes, Yes, Yes, Yes, Yes, Any;
    ///See oneself, change the own password or address, switch organisation, sign out, ask what one may do
    AccountManageOwn / "ACCOUNT_MANAGE_OWN": Account, Yes, Yes, Yes, Yes, Yes, Yes, Any;
    ///Look an object up by its id
    NodeRead / "NODE_READ": Membership, Metadata, Yes, Yes, Yes, Yes, Yes, READERS,
        note "What is found is what the row of its own kind shows.";

    ///Create, rename, suspend, reactivate or archive an organisation
    OrganizationManage / "ORGANIZATION_MANAGE": Membership, Yes, No, No, No, No, No, NoKey;
    ///Read an organisation's name, state and counts
    OrganizationRead / "ORGANIZATION_READ": Membership, Metadata, Yes, Yes, Yes, Yes, Yes, Any,
        note "Organisation-wide counts are org admins' and super-admins'.";
    ///Read or change an organisation's settings (`config`)
    OrganizationConfigure / "ORGANIZATION_CONFIGURE": Membership, No, Yes, No, No, No, No, NoKey,
        opens &[OrganizationManage];
    ///Create, suspend, reactivate or deactivate users, send a password link, move users between organisations
    UserManage / "USER_MANAGE": Membership, Yes, No, No, No, No, No, NoKey;
    ///Change a user's name
    UserRename / "USER_RENAME": Account, Yes, Personal, Personal, Personal, Personal, Personal, NoKey;
    ///Make or unmake a super-admin
    SuperAdminAppoint / "SUPER_ADMIN_APPOINT": Membership, Yes, No, No, No, No, No, NoKey,
        note "Never of somebody who holds a membership; never the last one.";
    ///List all users and all organisations; platform metrics
    PlatformRead / "PLATFORM_READ": Membership, Yes, No, No, No, No, No, NoKey;

    ///Read users, members and teams
    MemberRead / "MEMBER_READ": Membership, Metadata, Yes, Yes, Yes, Yes, Yes, Scope(&[Read]);
    ///Invite by e-mail, remove members, change an organisation role
    MemberManage / "MEMBER_MANAGE": Membership, Yes, Yes, No, No, No, No, NoKey,
        note "What a super-admin gives is pending until an admin of the organisation confirms it.";
    ///Add a member by user id
    MemberAdd / "MEMBER_ADD": Membership, Yes, No, No, No, No, No, NoKey,
        note "Pending until an admin of the organisation confirms it. Org admins invite by e-mail: by id they could probe who exists.";
    ///Confirm or refuse a membership or role that a super-admin asked for
    MemberConfirm / "MEMBER_CONFIRM": Membership, No, Yes, NoActiveAdmin, No, No, No, NoKey,
        note "Never by the person concerned. Without an admin who may sign in: any other member, 72 hours after every admin was told by mail.";

    ///Let an external issuer speak for the organisation's members, or end that
    IssuerManage / "ISSUER_MANAGE": Membership, No, Yes, No, No, No, No, NoKey,
        note "Which issuers there are is a setting of the server.";

    ///Create, rename or delete teams
    TeamManage / "TEAM_MANAGE": Membership, Yes, Yes, No, No, No, No, NoKey;
    ///Add or remove team members, change a team role
    TeamMemberManage / "TEAM_MEMBER_MANAGE": Membership, No, Yes, No, Own, No, No, NoKey;

    ///Create a private or public agent
    AgentCreate / "AGENT_CREATE": Membership, No, Yes, Yes, Yes, Yes, Yes, NoKey,
        opens &[AgentCreateTeam, AgentManageGlobal];
    ///Create a team agent
    AgentCreateTeam / "AGENT_CREATE_TEAM": Membership, No, Yes, No, Own, No, No, NoKey;
    ///Create, change or archive a global agent
    AgentManageGlobal / "AGENT_MANAGE_GLOBAL": Membership, Yes, No, No, No, No, No, NoKey,
        note "The prompt is write-only, also to its author.";
    ///See and use an agent
    AgentRead / "AGENT_READ": Membership, Metadata, Yes, ByVisibility, ByVisibility, ByVisibility, ByVisibility, READERS,
        note "A key sees the agents that it was made for.";
    ///Change an agent's prompt, config and documents
    AgentUpdate / "AGENT_UPDATE": Membership, No, Yes, Share(Edit), Own, No, No, NoKey,
        opens &[AgentManageGlobal];
    ///Change an agent's visibility and collaborators; archive it
    AgentAdminister / "AGENT_ADMINISTER": Membership, No, Yes, Share(Admin), Own, No, No, NoKey,
        opens &[AgentManageGlobal];
    ///Appoint agent admins; lower `requiredApprovals`; switch `requirePlanApproval` off
    AgentGovern / "AGENT_GOVERN": Membership, No, Yes, No, No, No, No, NoKey;

    ///Submit a goal to an agent
    GoalSubmit / "GOAL_SUBMIT": Membership, No, Yes, ByVisibility, ByVisibility, ByVisibility, ByVisibility, NoKey;
    ///Read goals, plans, tasks, executions, results and files
    GoalRead / "GOAL_READ": Membership, Metadata, Yes, ByVisibility, ByVisibility, ByVisibility, ByVisibility, WORK_READERS,
        note "With `read` alone a key sees metadata.";
    ///Cancel a goal, retry or cancel a task
    GoalCancel / "GOAL_CANCEL": Membership, No, Yes, OwnWork, Own, No, No, NoKey,
        note "The submitter, or who may change the agent.";
    ///Propose a goal's plan: its tasks and what they wait for
    PlanPropose / "PLAN_PROPOSE": Membership, No, No, No, No, No, No, Scope(&[PlansWrite]);
    ///Keep a worker alive; claim, run and finish tasks, record executions, ask approval of a risky step
    TaskRun / "TASK_RUN": Membership, No, No, No, No, No, No, Scope(&[TasksRun]),
        note "For the workers that the key itself registered.";
    ///Put or delete a goal's workspace file
    FileWrite / "FILE_WRITE": Membership, No, Yes, OwnWork, Own, No, No, Scope(&[TasksRun]),
        note "The goal's submitter, or who may change the agent.";

    ///Read an approval request
    ApprovalRead / "APPROVAL_READ": Membership, Metadata, Yes, OwnWork, Own, No, Own, Scope(&[PlansWrite, TasksRun]),
        note "A member reads the requests that its own goals made.";
    ///Approve or reject
    ApprovalDecide / "APPROVAL_DECIDE": Membership, No, Yes, No, No, No, Own, NoKey,
        note "Nobody decides their own request, but an organisation's only admin where one approval is needed.";
    ///Read a chat session
    ChatRead / "CHAT_READ": Membership, Metadata, Yes, Personal, Personal, Personal, Personal, Scope(&[ChatScope]),
        note "A super-admin sees the session's row and `messageCount`.";
    ///Start a chat
    ChatStart / "CHAT_START": Membership, No, ByVisibility, ByVisibility, ByVisibility, ByVisibility, ByVisibility, NoKey,
        note "With agents one may use.";
    ///Say something in a chat
    ChatWrite / "CHAT_WRITE": Membership, No, ByVisibility, ByVisibility, ByVisibility, ByVisibility, ByVisibility, Scope(&[ChatScope]),
        note "In one's own chats, with agents one may use. A key answers in the chats of its agents.";
    ///Close a chat
    ChatClose / "CHAT_CLOSE": Membership, No, Yes, Personal, Personal, Personal, Personal, NoKey;
    ///Read LLM usage and cost
    UsageRead / "USAGE_READ": Membership, Yes, Yes, Personal, Personal, Personal, Personal, Scope(&[UsageWrite]),
        note "A super-admin sees totals per organisation.";
    ///Report LLM usage
    UsageRecord / "USAGE_RECORD": Membership, No, No, No, No, No, No, Scope(&[UsageWrite]);
    ///See service accounts and budgets
    OperationsRead / "OPERATIONS_READ": Membership, Metadata, Yes, No, No, No, No, NoKey;
    ///Set an organisation's budget
    BudgetSet / "BUDGET_SET": Membership, No, Yes, No, No, No, No, NoKey;
    ///Make a service account, rotate its key, revoke it
    ServiceAccountManage / "SERVICE_ACCOUNT_MANAGE": Membership, No, Yes, No, No, No, No, NoKey,
        note "The key ends with its maker's being an active admin.";
    ///Register and drain a worker
    WorkerRegister / "WORKER_REGISTER": Membership, No, Yes, No, No, No, No, Scope(&[TasksRun]),
        note "A worker belongs to the key that registered it.";
    ///See workers
    WorkerRead / "WORKER_READ": Membership, Metadata, Yes, Yes, Yes, Yes, Yes, Scope(&[TasksRun]),
        note "How many tasks a worker runs is org admins' and super-admins'.";
    ///Follow what happens to objects that one may see, event by event
    EventFollow / "EVENT_FOLLOW": Membership, Metadata, Yes, ByVisibility, ByVisibility, ByVisibility, ByVisibility, READERS,
        note "The place in the log is org admins' and super-admins'.";
    ///Read an organisation's audit events
    AuditRead / "AUDIT_READ": Membership, Metadata, Yes, No, No, No, No, NoKey;
    ///Take an organisation's audit log out as a file
    AuditExport / "AUDIT_EXPORT": Membership, Yes, Yes, No, No, No, No, NoKey,
        note "Stands in the log itself. A super-admin's file has no payloads.";
    ///Subscribe to what happens
    EventWatch / "EVENT_WATCH": Membership, Metadata, Yes, ByVisibility, ByVisibility, ByVisibility, ByVisibility, Scope(&[Read]),
        note "To objects that one may see.";
}

/// The row of a permission.
pub const fn rule(permission: Permission) -> &'static Rule {
    // The macro writes rows and variants in one order, so that the discriminant is the index.
    &RULES[permission as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_permission_finds_its_own_row() {
        for permission in Permission::ALL {
            assert_eq!(rule(*permission).permission, *permission);
        }
    }

    #[test]
    fn metadata_is_a_super_admins_cell_only() {
        for rule in RULES {
            for cell in [rule.org_admin, rule.org_member, rule.team_admin, rule.team_member, rule.agent_admin] {
                assert_ne!(cell, Metadata, "{}", rule.permission.as_str());
            }
        }
    }
}
