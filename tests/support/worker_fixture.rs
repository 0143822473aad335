//! Planners and workers at work, at a time that stands still until a test lets it pass.
//!
//! ```ignore
//! let mut site = Site::new(&world).await;
//! let goal = site.plan(vec![step("a", &[]), step("b", &["a"])]).await;
//! let [task] = site.claim(&site.runner, site.worker, 1).await.try_into().unwrap();
//! site.pass(31);
//! ```

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use entity::{
    confidential::{JsonText, Secret},
    enums::{AgentVisibility, ServiceScope},
    ids::{AgentId, GoalId, ServiceAccountId, TaskId, WorkerId},
    service_account, service_account_agent,
};
use palisade::{
    clock::Clock,
    error::Result,
    service::{
        Context, agent,
        auth::Identity,
        plan::{self, PlannedTaskInput, ProposePlanInput},
        task_run::{self, ClaimInput, ClaimTasksInput, FailTaskInput},
        worker::{self, RegisterWorkerInput},
    },
    status::{ApprovalWaits, ChatRules, TaskRules},
    store::Store,
    viewer::{AgentAccess, ServiceViewer, Viewer},
};
use sea_orm::{ActiveValue::Set, EntityTrait};

use crate::{
    service::{agent as agents, goal},
    support::two_organizations::{Org, World},
};

/// Somebody with a key, or a person, at the site's time.
pub struct Hand {
    pub viewer: Viewer,
    pub store: Store,
}

/// Acme's planner and worker, with an agent whose plans need no approval.
pub struct Site<'w> {
    pub world: &'w World,
    pub clock: Clock,
    pub rules: TaskRules,
    pub waits: ApprovalWaits,
    pub chats: ChatRules,
    identity: Identity,
    pub agent: AgentId,
    pub planner: Hand,
    pub runner: Hand,
    pub worker: WorkerId,
}

/// A task of a plan, of the kind `code`.
pub fn step(key: &str, depends_on: &[&str]) -> PlannedTaskInput {
    PlannedTaskInput {
        key: key.to_owned(),
        kind: "code".to_owned(),
        payload: Some(format!(r#"{{"do":"{key}"}}"#)),
        priority: 0,
        max_retries: 3,
        depends_on: depends_on.iter().map(|key| (*key).to_owned()).collect(),
    }
}

/// An agent whose plans need no approval.
pub async fn trusted(world: &World, org: &Org) -> AgentId {
    let ada = world.tenant(org, org.ada).await;
    let input = agent::CreateAgentInput {
        require_plan_approval: false,
        required_approvals: 1,
        ..agents::input(AgentVisibility::Public, None)
    };
    agent::create(ada.cx().await, input).await.unwrap()
}

/// A key of the organisation.
pub async fn key(world: &World, org: &Org, scopes: &[ServiceScope], agents: AgentAccess) -> Viewer {
    let id: ServiceAccountId = world.clock.id();
    let scopes: BTreeSet<ServiceScope> = scopes.iter().copied().collect();
    let words: Vec<&str> = scopes.iter().map(|scope| scope.as_str()).collect();
    let row = service_account::ActiveModel {
        org_id: Set(org.id),
        id: Set(id),
        name: Set("A key".to_owned()),
        scopes: Set(JsonText::new(serde_json::json!(words).to_string())),
        all_agents: Set(agents == AgentAccess::All),
        created_by: Set(org.admin),
        key_hash: Set(Secret::new(id.to_string())),
        created_at: Set(world.clock.now()),
        ..Default::default()
    };
    service_account::Entity::insert(row).exec_without_returning(&world.root).await.unwrap();
    if let AgentAccess::Named(named) = &agents {
        for agent in named {
            let row = service_account_agent::ActiveModel {
                org_id: Set(org.id),
                id: Set(world.clock.id()),
                service_account_id: Set(id),
                agent_id: Set(*agent),
            };
            service_account_agent::Entity::insert(row).exec_without_returning(&world.root).await.unwrap();
        }
    }
    Viewer::ServiceAccount(ServiceViewer { id, org_id: org.id, scopes, agents })
}

pub fn hand(world: &World, viewer: Viewer) -> Hand {
    let store = Store::new(world.db.clone(), std::sync::Arc::new(viewer.clone()));
    Hand { viewer, store }
}

impl<'w> Site<'w> {
    pub async fn new(world: &'w World) -> Self {
        Self::of(world, &world.acme).await
    }

    pub async fn of(world: &'w World, org: &Org) -> Self {
        let planner = hand(world, key(world, org, &[ServiceScope::PlansWrite], AgentAccess::All).await);
        let runner = hand(world, key(world, org, &[ServiceScope::TasksRun], AgentAccess::All).await);
        let agent = trusted(world, org).await;
        // Later than the world's own clock, whose ids these must not repeat.
        let start = "2026-12-01T10:00:00Z".parse::<DateTime<Utc>>().unwrap();
        let start = if org.id == world.acme.id { start } else { start + TimeDelta::milliseconds(1) };
        let clock = Clock::fixed(start, TimeDelta::zero());
        let (rules, waits) = (TaskRules::default(), ApprovalWaits::default());
        let (chats, identity) = (ChatRules::default(), world.identity());
        let nobody = world.clock.id();
        let mut site = Self { world, clock, rules, waits, chats, identity, agent, planner, runner, worker: nobody };
        site.worker = site.register(&site.runner, &["code", "shell"]).await.unwrap();
        site
    }

    /// Lets time pass.
    pub fn pass(&mut self, seconds: i64) {
        self.clock = Clock::fixed(self.clock.now() + TimeDelta::seconds(seconds), TimeDelta::zero());
    }

    pub async fn cx<'a>(&'a self, hand: &'a Hand) -> Context<'a> {
        hand.store.end_read().await;
        Context {
            viewer: &hand.viewer,
            store: &hand.store,
            clock: &self.clock,
            tasks: &self.rules,
            waits: &self.waits,
            chats: &self.chats,
            throttle: self.identity.throttle(),
        }
    }

    /// The same key by another request.
    pub fn again(&self, who: &Hand) -> Hand {
        hand(self.world, who.viewer.clone())
    }

    /// A person of Acme, at the site's time.
    pub async fn person(&self, user: entity::ids::UserId) -> Hand {
        let who = self.world.tenant(&self.world.acme, user).await;
        let viewer = who.cx().await.viewer.clone();
        hand(self.world, viewer)
    }

    /// A goal that Ada submitted to the site's agent.
    pub async fn goal(&self) -> GoalId {
        goal::submit(&self.world.tenant(&self.world.acme, self.world.acme.ada).await, self.agent).await.unwrap()
    }

    pub async fn propose(&self, goal_id: GoalId, tasks: Vec<PlannedTaskInput>) -> Result<GoalId> {
        let plan = Some(r#"{"why":"because"}"#.to_owned());
        plan::propose(self.cx(&self.again(&self.planner)).await, ProposePlanInput { goal_id, plan, tasks }).await
    }

    /// A goal with this plan, running.
    pub async fn plan(&self, tasks: Vec<PlannedTaskInput>) -> GoalId {
        let goal = self.goal().await;
        self.propose(goal, tasks).await.unwrap()
    }

    pub async fn register(&self, who: &Hand, capabilities: &[&str]) -> Result<WorkerId> {
        let input = RegisterWorkerInput {
            hostname: "box-1".to_owned(),
            capabilities: capabilities.iter().map(|kind| (*kind).to_owned()).collect(),
            service_account_id: None,
        };
        worker::register(self.cx(who).await, input).await
    }

    pub async fn beat(&self) -> Result<WorkerId> {
        worker::heartbeat(self.cx(&self.again(&self.runner)).await, self.worker).await
    }

    pub async fn try_claim(&self, who: &Hand, worker_id: WorkerId, limit: i32) -> Result<Vec<TaskId>> {
        let want = ClaimTasksInput { worker_id, limit, kinds: None, start: true };
        task_run::claim(self.cx(who).await, want).await
    }

    /// Tasks that the site's worker claims, by their claims.
    pub async fn claim(&self, limit: i32) -> Vec<ClaimInput> {
        let ids = self.try_claim(&self.again(&self.runner), self.worker, limit).await.unwrap();
        let mut claims = Vec::new();
        for task_id in ids {
            let attempt = self.int("SELECT attempt FROM tasks WHERE id = $1", task_id).await;
            claims.push(ClaimInput { task_id, worker_id: self.worker, attempt });
        }
        claims
    }

    /// The one task that the site's worker claims.
    pub async fn claim_one(&self) -> ClaimInput {
        *self.claim(1).await.first().expect("a task")
    }

    pub async fn complete(&self, claim: ClaimInput) -> Result<TaskId> {
        let result = Some(r#"{"done":true}"#.to_owned());
        task_run::complete(self.cx(&self.again(&self.runner)).await, claim, result).await
    }

    pub async fn fail(&self, claim: ClaimInput, retryable: bool) -> Result<TaskId> {
        let input = FailTaskInput { claim, error: "it broke".to_owned(), retryable };
        task_run::fail(self.cx(&self.again(&self.runner)).await, input).await
    }

    pub async fn int(&self, sql: &str, id: TaskId) -> i32 {
        self.world.row(sql, [id.into()]).await.try_get_by_index(0).unwrap()
    }

    /// The task of the goal with this key, and where it stands.
    pub async fn task(&self, goal: GoalId, key: &str) -> (TaskId, String) {
        let sql = "SELECT id, status FROM tasks WHERE goal_id = $1 AND payload = $2";
        let row = self.world.row(sql, [goal.into(), format!(r#"{{"do":"{key}"}}"#).into()]).await;
        (row.try_get_by_index(0).unwrap(), row.try_get_by_index(1).unwrap())
    }

    pub async fn status(&self, goal: GoalId, key: &str) -> String {
        self.task(goal, key).await.1
    }

    pub async fn goal_status(&self, goal: GoalId) -> String {
        self.world.text("SELECT status FROM goals WHERE id = $1", [goal.into()]).await
    }
}
