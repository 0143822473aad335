//! Who plays in the story, and what each of them does. Everything goes through the API.

use serde_json::{Value, json};

use crate::support::{server::Caller, world::World};

/// The one field of an operation that works.
pub async fn ask(caller: &Caller<'_>, document: &str, variables: Value) -> Value {
    let data = caller.does(document, variables).await;
    data.as_object().unwrap().values().next().unwrap().clone()
}

/// A mutation with an input, and what is selected of its answer.
pub fn act_document(field: &str, selection: &str) -> String {
    let kind = format!("{}{}Input", field[..1].to_uppercase(), &field[1..]);
    format!("mutation($input: {kind}!) {{ {field}(input: $input) {selection} }}")
}

pub async fn act(caller: &Caller<'_>, field: &str, input: Value, selection: &str) -> Value {
    ask(caller, &act_document(field, selection), json!({ "input": input })).await
}

pub fn id(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("an id: {value}")).to_owned()
}

/// The id of a person of Acme.
pub fn person(world: &World, handle: &str) -> String {
    let email = format!("{handle}@acme.example");
    world.plan.users.iter().find(|user| user.email == email).unwrap().id.to_string()
}

/// Finance's agent, which asks for approval of its plans. From now on it takes two, and its admins are the agent admin, the
/// team's admin, and the member who will be the requester.
pub async fn two_person_agent(world: &World, admin: &Caller<'_>) -> String {
    let row = world.plan.agents.iter().find(|row| row.org_id == world.acme() && row.name == "Invoice reconciler");
    let agent = row.unwrap().id.to_string();
    let rules = json!({ "id": agent, "requiredApprovals": 2, "requirePlanApproval": true });
    act(admin, "updateAgent", rules, "{ agent { id } }").await;
    let add = "mutation($agent: ID!, $user: ID!) { addAgentAdmin(agentId: $agent, userId: $user) { agent { id } } }";
    for handle in ["chiara", "dmitri"] {
        ask(admin, add, json!({ "agent": agent, "user": person(world, handle) })).await;
    }
    agent
}

/// The plan: what each task waits for.
///
/// ```text
/// fetch ─┬─ parse ─┬─ match ──┬─ report
///        └─ rates ─┘          │
/// ledger ── flaky ── risky ───┘
/// ```
pub const TASKS: [(&str, &[&str]); 8] = [
    ("fetch", &[]),
    ("ledger", &[]),
    ("parse", &["fetch"]),
    ("rates", &["fetch"]),
    ("flaky", &["ledger"]),
    ("match", &["parse", "rates"]),
    ("risky", &["flaky"]),
    ("report", &["match", "risky"]),
];

/// The kind of work that nobody but this story's workers does.
pub const KIND: &str = "story.step";

pub fn plan(goal: &str) -> Value {
    let tasks = TASKS.map(|(key, needs)| {
        json!({ "key": key, "type": KIND, "payload": { "step": key }, "dependsOn": needs, "maxRetries": 2 })
    });
    json!({ "goalId": goal, "plan": { "summary": "reconcile the invoices" }, "tasks": tasks })
}

/// A process that runs tasks, and the account that reports what its models cost.
pub struct Worker<'n> {
    pub caller: Caller<'n>,
    pub meter: Caller<'n>,
    pub agent: String,
    pub id: String,
}

/// A task that a worker claimed.
#[derive(Clone, Debug)]
pub struct Claim {
    pub task: String,
    pub attempt: i64,
    pub step: String,
}

impl<'n> Worker<'n> {
    pub async fn register(caller: Caller<'n>, meter: Caller<'n>, agent: &str, hostname: &str) -> Self {
        let input = json!({ "hostname": hostname, "capabilities": [KIND] });
        let worker = act(&caller, "registerWorker", input, "{ worker { id } }").await;
        Self { id: id(&worker["worker"]["id"]), caller, meter, agent: agent.to_owned() }
    }

    pub async fn claim(&self) -> Vec<Claim> {
        let input = json!({ "workerId": self.id, "limit": 2 });
        let claimed = act(&self.caller, "claimTasks", input, "{ tasks { id attempt payload status } }").await;
        let one = |task: &Value| {
            assert_eq!(task["status"], "RUNNING");
            Claim {
                task: id(&task["id"]),
                attempt: task["attempt"].as_i64().unwrap(),
                step: id(&task["payload"]["step"]),
            }
        };
        claimed["tasks"].as_array().unwrap().iter().map(one).collect()
    }

    /// What names a claim, and more.
    fn with(&self, claim: &Claim, more: Value) -> Value {
        let mut input = json!({ "taskId": claim.task, "workerId": self.id, "attempt": claim.attempt });
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        input
    }

    /// Runs something: what it ran and what the shell said is recorded once, however often it is sent.
    pub async fn executes(&self, claim: &Claim, status: &str) -> String {
        let run = json!({ "status": status, "code": format!("run('{}')", claim.step),
            "shellOutput": format!("secret output of {}", claim.step), "exitCode": i32::from(status != "SUCCEEDED"),
            "idempotencyKey": format!("{}-{}", claim.step, claim.attempt) });
        let (first, again) = tokio::join!(
            act(&self.caller, "recordExecution", self.with(claim, run.clone()), "{ execution { id shellOutput } }"),
            act(&self.caller, "recordExecution", self.with(claim, run.clone()), "{ execution { id shellOutput } }"),
        );
        assert_eq!(first, again);
        id(&first["execution"]["id"])
    }

    /// Reports a call of a model, twice: it counts once.
    pub async fn spends(&self, claim: &Claim) {
        let call = json!([{ "requestId": format!("story-{}-{}", claim.task, claim.attempt), "model": MODEL,
            "tokensIn": "7", "tokensOut": 3, "costUsd": "0.000000011", "agentId": self.agent, "taskId": claim.task }]);
        let document = "mutation($input: [UsageInput!]!) { recordUsage(input: $input) { recorded duplicates } }";
        for (recorded, duplicates) in [(1, 0), (0, 1)] {
            let told = ask(&self.meter, document, json!({ "input": call })).await;
            assert_eq!(told, json!({ "recorded": recorded, "duplicates": duplicates }));
        }
    }

    pub async fn puts(&self, goal: &str, path: &str, contents: &str) -> String {
        let input = json!({ "goalId": goal, "path": path, "contents": contents });
        id(&act(&self.caller, "putWorkspaceFile", input, "{ file { id } }").await["file"]["id"])
    }

    pub async fn completes(&self, claim: &Claim) {
        let input = self.with(claim, json!({ "result": { "done": claim.step } }));
        let done = act(&self.caller, "completeTask", input.clone(), "{ task { status } }").await;
        assert_eq!(done["task"]["status"], "COMPLETED");
        // The claim is gone with it.
        let again =
            self.caller.query(&act_document("completeTask", "{ task { id } }"), json!({ "input": input })).await;
        assert_eq!(again.code(), Some("CONFLICT"));
    }

    pub async fn fails(&self, claim: &Claim) {
        let input = self.with(claim, json!({ "error": "the bank did not answer" }));
        let failed = act(&self.caller, "failTask", input, "{ task { status retries runAfter } }").await;
        assert_eq!((&failed["task"]["status"], &failed["task"]["retries"]), (&json!("QUEUED"), &json!(1)));
        assert!(failed["task"]["runAfter"].is_string());
    }

    /// Asks before it takes a step that cannot be taken back.
    pub async fn asks(&self, claim: &Claim) -> String {
        let step = json!({ "payload": { "pay": "1,000,000" }, "reason": "it is a lot" });
        let asked =
            act(&self.caller, "requestApproval", self.with(claim, step), "{ approvalRequest { id task { status } } }");
        let asked = asked.await;
        assert_eq!(asked["approvalRequest"]["task"]["status"], "AWAITING_APPROVAL");
        id(&asked["approvalRequest"]["id"])
    }
}

/// A model that the demo knows nothing of.
pub const MODEL: &str = "story-model";

pub const DECIDE: &str = "mutation($input: DecideApprovalInput!) { decideApproval(input: $input) {
    approvalRequest { status decisions { decision } goal { status } task { status } } } }";

/// Decides, and answers where the request stands then.
pub async fn decides(caller: &Caller<'_>, request: &str, decision: &str) -> Value {
    let input = json!({ "input": { "id": request, "decision": decision, "comment": "secret thoughts" } });
    ask(caller, DECIDE, input).await["approvalRequest"].clone()
}
