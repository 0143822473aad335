//! Permits: the proof that a write was decided, bound to the object it was decided for.
//!
//! A write in `store` takes its object's name from the permit and from nowhere else, so that the check and the act
//! cannot come apart, and a write without a check does not compile.

use std::{fmt, marker::PhantomData};

use super::{
    decide::decide,
    facts::{
        AccountFacts, AgentFacts, ApprovalFacts, ChatFacts, GoalFacts, MembershipRequestFacts, NewAgent, OrgFacts,
        Platform, Protected, ServiceAccountFacts, TaskFacts, TeamFacts, WorkerFacts,
    },
    sealed::Seal,
    table::{Grant, Permission, rule},
};
use crate::{error::Error, viewer::Viewer};

/// A kind of write.
pub trait Action {
    /// The row of the table that governs it.
    const PERMISSION: Permission;
    /// What it is done to.
    type On: Protected;
}

/// Proof that a viewer may do `A` to the object that it names.
pub struct Permit<A: Action> {
    key: <A::On as Protected>::Key,
    _action: PhantomData<A>,
    _seal: Seal,
}

impl<A: Action> fmt::Debug for Permit<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Permit({})", A::PERMISSION.as_str())
    }
}

impl<A: Action> Permit<A> {
    /// The object that the permit is for.
    pub const fn key(&self) -> <A::On as Protected>::Key {
        self.key
    }
}

/// Decides, and gives the permit when the answer is `Allow`. A cell that shows metadata permits no write.
pub fn permit<A: Action>(viewer: &Viewer, on: &A::On) -> Result<Permit<A>, Error> {
    decide(viewer, A::PERMISSION, on.resource()).require()?;
    if viewer.is_super_admin() && rule(A::PERMISSION).super_admin == Grant::Metadata {
        return Err(Error::Forbidden(A::PERMISSION.as_str()));
    }
    Ok(Permit { key: on.key(), _action: PhantomData, _seal: Seal(()) })
}

macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident on $facts:ty = $permission:ident;)*) => {
        $(
            $(#[$doc])*
            #[derive(Debug)]
            pub enum $name {}

            impl Action for $name {
                const PERMISSION: Permission = Permission::$permission;
                type On = $facts;
            }
        )*
    };
}

actions! {
    /// Create an organisation.
    CreateOrganization on Platform = OrganizationManage;
    /// Rename, suspend, reactivate or archive an organisation.
    ManageOrganization on OrgFacts = OrganizationManage;
    /// Change an organisation's settings.
    ConfigureOrganization on OrgFacts = OrganizationConfigure;
    /// Create an account.
    CreateUser on Platform = UserManage;
    /// Suspend, reactivate or deactivate an account, or mail it a password link.
    ManageUser on AccountFacts = UserManage;
    /// Change an account's name.
    RenameUser on AccountFacts = UserRename;
    /// Make or unmake a super-admin.
    AppointSuperAdmin on AccountFacts = SuperAdminAppoint;
    /// Invite, remove or change the role of members.
    ManageMembers on OrgFacts = MemberManage;
    /// Ask for a membership by user id.
    AddMember on OrgFacts = MemberAdd;
    /// Confirm or refuse what a super-admin asked for.
    ConfirmMember on MembershipRequestFacts = MemberConfirm;
    /// Let an external issuer in, or out.
    ManageIssuers on OrgFacts = IssuerManage;
    /// Take an organisation's audit log out.
    ExportAudit on OrgFacts = AuditExport;
    /// Create a team.
    CreateTeam on OrgFacts = TeamManage;
    /// Rename or delete a team.
    ManageTeam on TeamFacts = TeamManage;
    /// Add or remove a team's members.
    ManageTeamMembers on TeamFacts = TeamMemberManage;
    /// Create a private or public agent.
    CreateAgent on NewAgent = AgentCreate;
    /// Create a team agent.
    CreateTeamAgent on NewAgent = AgentCreateTeam;
    /// Create a global agent.
    CreateGlobalAgent on NewAgent = AgentManageGlobal;
    /// Change or archive a global agent.
    ManageGlobalAgent on AgentFacts = AgentManageGlobal;
    /// Change an agent.
    UpdateAgent on AgentFacts = AgentUpdate;
    /// Change an agent's visibility or collaborators, or archive it.
    AdministerAgent on AgentFacts = AgentAdminister;
    /// Appoint agent admins, relax approvals.
    GovernAgent on AgentFacts = AgentGovern;
    /// Make a service account.
    CreateServiceAccount on OrgFacts = ServiceAccountManage;
    /// Rotate a service account's key, or revoke it.
    ManageServiceAccount on ServiceAccountFacts = ServiceAccountManage;
    /// Submit a goal.
    SubmitGoal on AgentFacts = GoalSubmit;
    /// Report usage.
    RecordUsage on OrgFacts = UsageRecord;
    /// Set a budget.
    SetBudget on OrgFacts = BudgetSet;
    /// Cancel a goal.
    CancelGoal on GoalFacts = GoalCancel;
    /// Approve or reject.
    DecideApproval on ApprovalFacts = ApprovalDecide;
    /// Start a chat.
    StartChat on AgentFacts = ChatStart;
    /// Say something in a chat.
    PostMessage on ChatFacts = ChatWrite;
    /// Close a chat.
    CloseChat on ChatFacts = ChatClose;
    /// Retry or cancel a task.
    DirectTask on TaskFacts = GoalCancel;
    /// Plan a goal.
    ProposePlan on GoalFacts = PlanPropose;
    /// Register a worker for a service account.
    RegisterWorker on ServiceAccountFacts = WorkerRegister;
    /// Drain a worker.
    DrainWorker on WorkerFacts = WorkerRegister;
    /// Speak for a worker: keep it alive, claim, run and finish tasks, record executions, ask approval of a risky step.
    RunTasks on WorkerFacts = TaskRun;
    /// Put or delete a goal's files.
    WriteFile on GoalFacts = FileWrite;
}
