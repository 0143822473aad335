//! A planner and a worker of Acme, who ask for approvals.

use entity::{
    enums::{Decided, ServiceScope},
    ids::{AgentId, ApprovalRequestId, GoalId, OrgId, TaskId, UserId, WorkerId},
};
use palisade::{
    error::Result,
    service::{
        agent_admin,
        approval::{self, DecideApprovalInput, RequestApprovalInput},
        goal,
        plan::{self, PlannedTaskInput, ProposePlanInput},
        task_run::{self, ClaimInput, ClaimTasksInput},
        worker::{self, RegisterWorkerInput},
    },
    viewer::Viewer,
};
use sea_orm::TryGetable as _;

use crate::{
    service::{agent, goal as goals},
    support::two_organizations::*,
};

pub struct Desk<'w> {
    pub world: &'w World,
    pub org: OrgId,
    /// The planner and worker.
    pub key: As,
    pub worker: WorkerId,
}

fn step(key: &str, depends_on: &[&str]) -> PlannedTaskInput {
    PlannedTaskInput {
        key: key.to_owned(),
        kind: "code".to_owned(),
        payload: Some(r#"{"say":"xylophone"}"#.to_owned()),
        priority: 0,
        max_retries: 2,
        depends_on: depends_on.iter().map(|key| (*key).to_owned()).collect(),
    }
}

impl<'w> Desk<'w> {
    pub async fn new(world: &'w World) -> Self {
        let scopes = [ServiceScope::Read, ServiceScope::PlansWrite, ServiceScope::TasksRun];
        let key = world.service_account(world.acme.id, world.acme.admin, &scopes, None).await;
        let key = world.viewer(Viewer::clone(key.cx().viewer));
        let new = RegisterWorkerInput {
            hostname: "worker-1".to_owned(),
            capabilities: vec!["code".to_owned()],
            service_account_id: None,
        };
        let worker = worker::register(key.cx().await, new).await.unwrap();
        Self { world, org: world.acme.id, key, worker }
    }

    pub async fn who(&self, user: UserId) -> As {
        self.world.tenant(&self.world.acme, user).await
    }

    /// An agent for everybody, made by the org admin, which takes this many approvals and is governed by `admins`.
    pub async fn agent(&self, approvals: i32, plans: bool, admins: &[UserId]) -> AgentId {
        let admin = self.who(self.world.acme.admin).await;
        let id = agent::public(&admin).await;
        agent::require(&admin, id, approvals).await.unwrap();
        agent::require_plan(&admin, id, plans).await.unwrap();
        for user in admins {
            agent_admin::add(admin.cx().await, id, *user).await.unwrap();
        }
        id
    }

    /// A plan of two tasks for a goal of `who`, which waits for approval.
    pub async fn plan(&self, who: UserId, agent: AgentId) -> (GoalId, ApprovalRequestId) {
        let goal = goals::submit(&self.who(who).await, agent).await.unwrap();
        let tasks = vec![step("a", &[]), step("b", &["a"])];
        plan::propose(self.key.cx().await, ProposePlanInput { goal_id: goal, plan: None, tasks }).await.unwrap();
        let sql = "SELECT id FROM approval_requests WHERE goal_id = $1";
        let row = self.world.row(sql, [goal.into()]).await;
        (goal, ApprovalRequestId::try_get_by_index(&row, 0).unwrap())
    }

    /// A task of `who`'s goal that the worker runs.
    pub async fn running(&self, who: UserId, agent: AgentId) -> ClaimInput {
        let goal = goals::submit(&self.who(who).await, agent).await.unwrap();
        let tasks = vec![step("a", &[])];
        plan::propose(self.key.cx().await, ProposePlanInput { goal_id: goal, plan: None, tasks }).await.unwrap();
        self.claim().await
    }

    pub async fn claim(&self) -> ClaimInput {
        let want = ClaimTasksInput { worker_id: self.worker, limit: 1, kinds: None, start: true };
        let claimed = task_run::claim(self.key.cx().await, want).await.unwrap();
        let task_id = *claimed.first().expect("a task in the queue");
        let row = self.world.row("SELECT attempt FROM tasks WHERE id = $1", [task_id.into()]).await;
        ClaimInput { task_id, worker_id: self.worker, attempt: i32::try_get_by_index(&row, 0).unwrap() }
    }

    pub async fn ask(&self, claim: ClaimInput) -> Result<ApprovalRequestId> {
        approval::request(self.key.cx().await, risky(claim)).await
    }

    pub async fn decide(&self, who: &As, id: ApprovalRequestId, decision: Decided) -> Result<ApprovalRequestId> {
        approval::decide(who.cx().await, DecideApprovalInput { id, decision, comment: None }).await
    }

    pub async fn approve(&self, who: UserId, id: ApprovalRequestId) -> Result<ApprovalRequestId> {
        self.decide(&self.who(who).await, id, Decided::Approve).await
    }

    pub async fn reject(&self, who: UserId, id: ApprovalRequestId) -> Result<ApprovalRequestId> {
        self.decide(&self.who(who).await, id, Decided::Reject).await
    }

    pub async fn cancel(&self, who: UserId, goal: GoalId) -> Result<GoalId> {
        goal::cancel(self.who(who).await.cx().await, goal).await
    }

    /// States of the request and its goal.
    pub async fn states(&self, id: ApprovalRequestId) -> (String, String) {
        let sql = "SELECT r.status, g.status FROM approval_requests r JOIN goals g ON g.id = r.goal_id WHERE r.id = $1";
        let row = self.world.row(sql, [id.into()]).await;
        (row.try_get_by_index(0).unwrap(), row.try_get_by_index(1).unwrap())
    }

    pub async fn task(&self, id: TaskId) -> String {
        self.world.text("SELECT status FROM tasks WHERE id = $1", [id.into()]).await
    }

    pub async fn tasks(&self, goal: GoalId) -> i64 {
        self.world.count("tasks WHERE goal_id = $1", [goal.into()]).await
    }

    pub async fn told(&self, kind: &str) -> i64 {
        self.world.count("events WHERE org_id = $1 AND type = $2", [self.org.into(), kind.into()]).await
    }

    /// Makes another member an org admin.
    pub async fn promote(&self, user: UserId) {
        let sql = "UPDATE org_memberships SET role = 'ADMIN' WHERE org_id = $1 AND user_id = $2";
        self.world.sql(sql, [self.org.into(), user.into()]).await;
    }
}

pub fn risky(claim: ClaimInput) -> RequestApprovalInput {
    RequestApprovalInput {
        claim,
        payload: r#"{"tool":"xylophone"}"#.to_owned(),
        reason: Some("it deletes the xylophone".to_owned()),
        expires_in_seconds: None,
    }
}

/// Both states at once.
pub fn both(request: &str, goal: &str) -> (String, String) {
    (request.to_owned(), goal.to_owned())
}
