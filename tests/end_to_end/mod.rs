//! The whole story, through the public API alone: a goal from its submission to its end, with everybody who has a part in
//! it, and what those who watched it were sent.

mod people;
mod watch;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use self::{
    people::{Claim, DECIDE, MODEL, TASKS, Worker, act, ask, decides, id, person, plan, two_person_agent},
    watch::{Seen, Watch},
};
use crate::support::{
    server::{Caller, Node},
    world::{World, on_both},
};

/// How long the story may take: it waits for a retry, on a machine that has much to do.
const STORY: Duration = Duration::from_secs(150);

/// Everybody's part.
struct Cast<'n> {
    member: Caller<'n>,
    agent_admin: Caller<'n>,
    team_admin: Caller<'n>,
    operator: Caller<'n>,
}

/// What came of it, by id.
#[derive(Default)]
struct Things {
    goal: String,
    /// By step.
    tasks: BTreeMap<String, String>,
    executions: BTreeMap<(String, i64), String>,
    files: BTreeSet<String>,
    /// The plan's, the step's that was rejected, and the step's that was approved.
    requests: Vec<String>,
}

impl Things {
    fn all(&self) -> BTreeSet<&str> {
        let one = std::iter::once(&self.goal);
        let many = self.tasks.values().chain(self.executions.values()).chain(&self.files).chain(&self.requests);
        one.chain(many).map(String::as_str).collect()
    }
}

on_both! {
    async fn a_goal_is_planned_approved_run_and_completed_and_every_step_is_seen(world) {
        tokio::time::timeout(STORY, story(&world)).await.expect("the story ends");
    }
}

async fn story(world: &World) {
    let node = Node::start(world).await;
    let admin = node.acme_admin().await;
    let cast = Cast {
        member: node.login("Acme member").await,
        agent_admin: node.login("Acme agent admin").await,
        team_admin: node.login("Acme team admin").await,
        operator: node.login("Operator").await,
    };
    let agent = two_person_agent(world, &admin).await;
    let meter = json!({ "name": "Meter", "scopes": ["USAGE_WRITE"], "agentIds": [agent] });
    let meter = act(&admin, "createServiceAccount", meter, "{ key }").await;
    let meter = Caller { node: &node, token: id(&meter["key"]) };

    let watching = Watch::begin(&cast.member, Value::Null).await;
    let elsewhere = Watch::begin(&node.login("Acme outsider").await, Value::Null).await;
    let blind = Watch::begin(&cast.operator, json!(world.acme().to_string())).await;

    let mut things = Things { goal: submit(&cast.member, &agent).await, ..Things::default() };
    propose(&node.key("Acme planner"), &mut things, &cast).await;
    approve_plan(world, &cast, &mut things).await;
    let workers = [
        Worker::register(node.key("Acme worker"), meter.clone(), &agent, "one.acme.example").await,
        Worker::register(node.key("Acme worker"), meter, &agent, "two.acme.example").await,
    ];
    run(&workers, &cast, &mut things).await;

    let completed = "goal.completed";
    let (seen, blind) = tokio::join!(watching.until(completed, &things.goal), blind.until(completed, &things.goal));
    // Whoever does not see the agent is told of something else, and of none of this.
    let team = id(&admin.team("afterwards").await);
    assert!(elsewhere.until("team.created", &team).await.about(&things.all()).is_empty());
    each_object_went_its_way(&things, &seen);
    dependencies_held(&things, &seen);
    both_saw_the_same(&things, &seen, &blind);
    content_is_the_members_alone(&cast, &things).await;
    spent_exactly(&[&admin, &cast.member, &cast.operator], things.executions.len()).await;
    let verdict = palisade::store::audit::chain::verify(&world.database, world.acme()).await.unwrap();
    assert!(verdict.faults.is_empty() && verdict.events > 0, "{:?}", verdict.faults);
}

async fn submit(member: &Caller<'_>, agent: &str) -> String {
    let input = json!({ "agentId": agent, "goalText": "the secret goal", "idempotencyKey": "once" });
    let goal = act(member, "submitGoal", input.clone(), "{ goal { id status } }").await["goal"].clone();
    assert_eq!(goal["status"], "PENDING");
    assert_eq!(act(member, "submitGoal", input, "{ goal { id status } }").await["goal"], goal, "once");
    id(&goal["id"])
}

async fn propose(planner: &Caller<'_>, things: &mut Things, cast: &Cast<'_>) {
    let start = "mutation($id: ID!) { startPlanning(goalId: $id) { goal { status goalText } } }";
    let started = ask(planner, start, json!({ "id": things.goal })).await;
    assert_eq!(started["goal"], json!({ "status": "PLANNING", "goalText": "the secret goal" }));
    let proposed = act(planner, "proposePlan", plan(&things.goal), "{ goal { status tasks { totalCount } } }").await;
    assert_eq!(proposed["goal"], json!({ "status": "AWAITING_APPROVAL", "tasks": { "totalCount": 0 } }));
    let waiting = "query($goal: ID!) { goal(id: $goal) { approvalRequests { id type status requiredApprovals } } }";
    let waiting = ask(&cast.member, waiting, json!({ "goal": things.goal })).await["approvalRequests"].clone();
    assert_eq!(waiting.as_array().unwrap().len(), 1);
    let request = id(&waiting[0]["id"]);
    assert_eq!(waiting[0], json!({ "id": request, "type": "PLAN", "status": "PENDING", "requiredApprovals": 2 }));
    things.requests.push(request);
}

/// Whether somebody is told that this request waits for them.
async fn awaits(caller: &Caller<'_>, request: &str) -> bool {
    let query = "{ approvalRequests(first: 100, filter: { awaitingMe: true }) { nodes { id } } }";
    let nodes = ask(caller, query, json!({})).await["nodes"].clone();
    nodes.as_array().unwrap().iter().any(|node| node["id"] == request)
}

async fn approve_plan(world: &World, cast: &Cast<'_>, things: &mut Things) {
    let request = things.requests[0].clone();
    let Cast { member, agent_admin, team_admin, operator } = cast;
    let approvers = "query($id: ID!) { approvalRequest(id: $id) { approvers { id } payload } }";
    let shown = ask(agent_admin, approvers, json!({ "id": request })).await;
    let routed: Vec<&str> =
        shown["approvers"].as_array().unwrap().iter().map(|user| user["id"].as_str().unwrap()).collect();
    for handle in ["grace", "chiara"] {
        assert!(routed.contains(&person(world, handle).as_str()), "{handle}: {routed:?}");
    }
    assert!(!routed.contains(&person(world, "dmitri").as_str()), "never the requester: {routed:?}");
    assert_eq!(shown["payload"]["tasks"].as_array().unwrap().len(), TASKS.len());
    assert!(ask(operator, approvers, json!({ "id": request })).await["payload"].is_null());
    assert_eq!(
        [awaits(agent_admin, &request).await, awaits(team_admin, &request).await, awaits(member, &request).await],
        [true, true, false]
    );

    let waits = |count: usize| {
        let decisions = vec![json!({ "decision": "APPROVE" }); count];
        json!({ "status": "PENDING", "decisions": decisions, "goal": { "status": "AWAITING_APPROVAL" }, "task": null })
    };
    refused(member, &request).await;
    assert_eq!(decides(agent_admin, &request, "APPROVE").await, waits(1), "one of two");
    assert_eq!(decides(agent_admin, &request, "APPROVE").await, waits(1), "the same person again");
    refused(member, &request).await;
    refused(operator, &request).await;
    assert!(!awaits(agent_admin, &request).await && awaits(team_admin, &request).await);
    let settled = decides(team_admin, &request, "APPROVE").await;
    assert_eq!((&settled["status"], &settled["goal"]["status"]), (&json!("APPROVED"), &json!("RUNNING")));

    let tasks = "query($goal: ID!) { goal(id: $goal) { tasks(first: 20) { nodes { id status payload dependsOn { payload } } } } }";
    let tasks = ask(member, tasks, json!({ "goal": things.goal })).await["tasks"]["nodes"].clone();
    for task in tasks.as_array().unwrap() {
        let step = id(&task["payload"]["step"]);
        let needs: BTreeSet<String> =
            task["dependsOn"].as_array().unwrap().iter().map(|needed| id(&needed["payload"]["step"])).collect();
        let planned: BTreeSet<String> = needs_of(&step).iter().map(|&key| key.to_owned()).collect();
        assert_eq!(task["status"], if planned.is_empty() { "QUEUED" } else { "PENDING" });
        assert_eq!(needs, planned, "{step}");
        things.tasks.insert(step, id(&task["id"]));
    }
    assert_eq!(things.tasks.len(), TASKS.len());
}

fn needs_of(step: &str) -> &'static [&'static str] {
    TASKS.iter().find(|(key, _)| *key == step).unwrap().1
}

async fn refused(caller: &Caller<'_>, request: &str) {
    let reply = caller.query(DECIDE, json!({ "input": { "id": request, "decision": "APPROVE" } })).await;
    assert_eq!(reply.code(), Some("FORBIDDEN"), "{}", reply.text);
}

/// Both workers claim at one instant, and run what they got at one instant, until the goal is over.
async fn run(workers: &[Worker<'_>; 2], cast: &Cast<'_>, things: &mut Things) {
    let [one, two] = workers;
    let mut claims: BTreeSet<(String, i64)> = BTreeSet::new();
    let status = "query($id: ID!) { goal(id: $id) { status } }";
    let deadline = Instant::now() + STORY;
    while ask(&cast.member, status, json!({ "id": things.goal })).await["status"] == "RUNNING" {
        assert!(Instant::now() < deadline, "the goal ends");
        let (ones, twos) = tokio::join!(one.claim(), two.claim());
        let runs = ones.into_iter().map(|claim| (one, claim)).chain(twos.into_iter().map(|claim| (two, claim)));
        let runs: Vec<(&Worker<'_>, Claim)> = runs.collect();
        let tasks: BTreeSet<&str> = runs.iter().map(|(_, claim)| claim.task.as_str()).collect();
        assert_eq!(tasks.len(), runs.len(), "a task went to two: {tasks:?}");
        for (_, claim) in &runs {
            assert!(claims.insert((claim.task.clone(), claim.attempt)), "a claim was given twice: {claim:?}");
        }
        if runs.is_empty() {
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        let goal = things.goal.as_str();
        let done =
            futures_util::future::join_all(runs.iter().map(|(worker, claim)| work(worker, claim, cast, goal))).await;
        for ((_, claim), outcome) in runs.iter().zip(done) {
            things.executions.insert((claim.step.clone(), claim.attempt), outcome.execution);
            things.files.extend(outcome.files);
            things.requests.extend(outcome.request);
        }
    }
    let end = "query($id: ID!) { goal(id: $id) { status taskCounts { status count } } }";
    let end = ask(&cast.member, end, json!({ "id": things.goal })).await;
    assert_eq!(end, json!({ "status": "COMPLETED", "taskCounts": [{ "status": "COMPLETED", "count": 8 }] }));
    let attempts = TASKS.map(|(step, _)| claims.iter().filter(|(task, _)| *task == things.tasks[step]).count());
    assert_eq!(attempts, [1, 1, 1, 1, 2, 1, 2, 1]);
}

/// What came of one claim.
struct Outcome {
    execution: String,
    files: Vec<String>,
    request: Option<String>,
}

async fn work(worker: &Worker<'_>, claim: &Claim, cast: &Cast<'_>, goal: &str) -> Outcome {
    let first = claim.attempt == 1;
    let fails = claim.step == "flaky" && first;
    let execution = worker.executes(claim, if fails { "FAILED" } else { "SUCCEEDED" }).await;
    worker.spends(claim).await;
    let mut outcome = Outcome { execution, files: Vec::new(), request: None };
    if fails {
        worker.fails(claim).await;
        return outcome;
    }
    if claim.step == "risky" {
        let request = worker.asks(claim).await;
        outcome.request = Some(request.clone());
        refused(&cast.member, &request).await;
        if first {
            let settled = decides(&cast.agent_admin, &request, "REJECT").await;
            assert_eq!((&settled["status"], &settled["task"]["status"]), (&json!("REJECTED"), &json!("DEAD_LETTER")));
            assert_eq!(settled["goal"]["status"], "RUNNING");
            let retry = "mutation($id: ID!) { retryTask(id: $id) { task { status retries } } }";
            let retried = ask(&cast.member, retry, json!({ "id": claim.task })).await;
            assert_eq!(retried["task"], json!({ "status": "QUEUED", "retries": 0 }));
            return outcome;
        }
        let one = decides(&cast.agent_admin, &request, "APPROVE").await;
        assert_eq!((&one["status"], &one["task"]["status"]), (&json!("PENDING"), &json!("AWAITING_APPROVAL")));
        let both = decides(&cast.team_admin, &request, "APPROVE").await;
        assert_eq!((&both["status"], &both["task"]["status"]), (&json!("APPROVED"), &json!("RUNNING")));
    }
    if claim.step == "parse" || claim.step == "report" {
        outcome.files.push(worker.puts(goal, &format!("out/{}.csv", claim.step), "secret,rows\n").await);
    }
    worker.completes(claim).await;
    outcome
}

/// What happened to each object, in order: the steps of the state machines.
fn each_object_went_its_way(things: &Things, seen: &Seen) {
    assert_eq!(
        seen.kinds(&things.goal),
        [
            "goal.submitted",
            "goal.planning_started",
            "plan.proposed",
            "goal.approval_awaited",
            "goal.started",
            "goal.completed"
        ]
    );
    for (step, task) in &things.tasks {
        let middle: &[&str] = match step.as_str() {
            "flaky" => &["task.failed", "task.requeued", "task.claimed", "task.started"],
            "risky" => &[
                "task.paused",
                "task.failed",
                "task.dead_lettered",
                "task.retried",
                "task.claimed",
                "task.started",
                "task.paused",
                "task.resumed",
            ],
            _ => &[],
        };
        let way =
            [&["task.created", "task.queued", "task.claimed", "task.started"], middle, &["task.completed"]].concat();
        assert_eq!(seen.kinds(task), way, "{step}");
    }
    assert_eq!(things.executions.len(), TASKS.len() + 2);
    for execution in things.executions.values() {
        assert_eq!(seen.kinds(execution), ["execution.recorded"]);
    }
    assert_eq!(things.files.len(), 2);
    for file in &things.files {
        assert_eq!(seen.kinds(file), ["file.put"]);
    }
    let decided = |times: usize| [vec!["approval.requested"], vec!["approval.decided"; times]].concat();
    let requests: Vec<Vec<&str>> = things.requests.iter().map(|request| seen.kinds(request)).collect();
    assert_eq!(requests, [decided(2), decided(1), decided(2)]);
}

/// No task was ready before all that it waits for had completed.
fn dependencies_held(things: &Things, seen: &Seen) {
    for (step, needs) in TASKS {
        let queued = seen.position("task.queued", &things.tasks[step]);
        let completed = needs.iter().map(|needed| seen.position("task.completed", &things.tasks[*needed])).max();
        let before = completed.unwrap_or_else(|| seen.position("goal.started", &things.goal));
        assert!(before < queued, "{step}");
    }
}

fn both_saw_the_same(things: &Things, seen: &Seen, blind: &Seen) {
    let ours = things.all();
    assert_eq!(seen.about(&ours), blind.about(&ours));
    for event in &blind.0 {
        assert!(event.payload.is_null(), "{event:?}");
        assert_eq!(event.redacted, json!([["events", "node", "payload"]]), "{event:?}");
    }
    for event in &seen.0 {
        assert!(event.redacted.is_null(), "{event:?}");
        assert!(event.sequence.is_none(), "the place in the log is not a member's to know");
    }
    let put = seen.0.iter().find(|event| event.kind == "file.put").unwrap();
    assert_eq!(put.payload["goalId"], things.goal);
    assert!(put.payload["path"].as_str().unwrap().starts_with("out/"));
    let places: Vec<i64> = blind.0.iter().map(|event| event.sequence.unwrap()).collect();
    assert!(places.is_sorted_by(|one, next| one < next), "{places:?}");
}

async fn content_is_the_members_alone(cast: &Cast<'_>, things: &Things) {
    let query = "query($goal: ID!, $run: ID!) {
        goal(id: $goal) { goalText plan files(first: 10) { totalCount nodes { id path sizeBytes contents } }
            approvalRequests { payload decisions { comment } } }
        node(id: $run) { ... on Execution { attempt code shellOutput task { payload result } } } }";
    let run = &things.executions[&("report".to_owned(), 1)];
    let variables = json!({ "goal": things.goal, "run": run });
    let shown = cast.member.does(query, variables.clone()).await;
    let goal = &shown["goal"];
    assert_eq!(
        (&goal["goalText"], &goal["plan"]["plan"]["summary"]),
        (&json!("the secret goal"), &json!("reconcile the invoices"))
    );
    assert_eq!(goal["files"]["totalCount"], 2);
    let files = goal["files"]["nodes"].as_array().unwrap();
    let paths: BTreeSet<&str> = files.iter().map(|file| file["path"].as_str().unwrap()).collect();
    assert_eq!(paths, BTreeSet::from(["out/parse.csv", "out/report.csv"]));
    assert!(files.iter().all(|file| file["contents"] == "secret,rows\n"));
    assert_eq!(
        shown["node"],
        json!({ "attempt": 1, "code": "run('report')", "shellOutput": "secret output of report",
        "task": { "payload": { "step": "report" }, "result": { "done": "report" } } })
    );

    let reply = cast.operator.query(query, variables).await;
    let shown = reply.data();
    let goal = &shown["goal"];
    assert_eq!(
        (&goal["goalText"], &goal["plan"], &goal["files"]["totalCount"]),
        (&Value::Null, &Value::Null, &json!(2))
    );
    for file in goal["files"]["nodes"].as_array().unwrap() {
        assert!(things.files.contains(file["id"].as_str().unwrap()));
        assert_eq!((&file["path"], &file["sizeBytes"], &file["contents"]), (&Value::Null, &Value::Null, &Value::Null));
    }
    assert_eq!(
        shown["node"],
        json!({ "attempt": 1, "code": null, "shellOutput": null, "task": { "payload": null, "result": null } })
    );
    assert!(reply.redacted().contains(&"goal.files.nodes.0.contents".to_owned()));
    for secret in ["secret", "invoices", "1,000,000", "out/"] {
        assert!(!reply.text.contains(secret), "{}", reply.text);
    }
}

/// Each try's call counts once, for whoever submitted the goal.
async fn spent_exactly(callers: &[&Caller<'_>], calls: usize) {
    let now = chrono::Utc::now();
    let day = |days: i64| (now + chrono::TimeDelta::days(days)).format("%Y-%m-%dT%H:%M:%SZ").to_string();
    let query = "query($from: DateTime!, $to: DateTime!, $model: [String!]) {
        usage(from: $from, to: $to, groupBy: [], filter: { model: $model }) { totals { requests tokensIn tokensOut costUsd } } }";
    for caller in callers {
        let spent = ask(caller, query, json!({ "from": day(-1), "to": day(1), "model": [MODEL] })).await;
        assert_eq!(
            spent[0]["totals"],
            json!({ "requests": calls.to_string(), "tokensIn": (7 * calls).to_string(),
            "tokensOut": (3 * calls).to_string(), "costUsd": format!("0.{:09}", 11 * calls).trim_end_matches('0') })
        );
    }
}
