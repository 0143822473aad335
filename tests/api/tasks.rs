//! Invariant: the mutations of planners and workers take what their inputs say and answer with what the key sees of the
//! outcome; a super-admin reads of it what is no content.

use std::sync::Arc;

use async_graphql::{Request, Response, Variables};
use palisade::{
    graphql::{self, RequestCtx},
    store::list::cursor::CursorSealer,
    viewer::Viewer,
};
use serde_json::{Value, json};

use crate::support::{
    empty_world::{URL, on_both},
    two_organizations::World,
    worker_fixture::Site,
};

async fn execute(site: &Site<'_>, viewer: &Viewer, document: &str, variables: Value) -> Response {
    let (world, sealer) = (site.world, CursorSealer::new(&[7; 32]));
    let cx =
        RequestCtx::new(world.db.clone(), viewer.clone(), site.clock.clone(), sealer, world.identity(), URL.into());
    let request = Request::new(document).variables(Variables::from_json(variables)).data(Arc::new(cx));
    graphql::schema().execute(request).await
}

/// The field's value, of an operation with one field.
async fn ask(site: &Site<'_>, viewer: &Viewer, document: &str, variables: Value) -> Value {
    let response = execute(site, viewer, document, variables).await;
    assert!(response.errors.is_empty(), "{document}: {:?}", response.errors);
    let data = response.data.into_json().unwrap();
    data.as_object().unwrap().values().next().unwrap().clone()
}

/// A mutation with an input, and what is selected of its answer.
async fn act(site: &Site<'_>, viewer: &Viewer, field: &str, input: Value, selection: &str) -> Value {
    let kind = format!("{}{}Input", field[..1].to_uppercase(), &field[1..]);
    let document = format!("mutation($input: {kind}!) {{ {field}(input: $input) {selection} }}");
    ask(site, viewer, &document, json!({ "input": input })).await
}

on_both! {
    async fn a_goal_goes_from_plan_to_completion_over_graphql(world) {
        let site = Site::new(&world).await;
        let (planner, runner) = (&site.planner.viewer, &site.runner.viewer);
        let goal = site.goal().await.to_string();

        let started = "mutation($id: ID!) { startPlanning(goalId: $id) { goal { status goalText } } }";
        let started = ask(&site, planner, started, json!({ "id": goal })).await;
        assert_eq!(started["goal"], json!({ "status": "PLANNING", "goalText": "Find the ÄPFEL" }));
        let plan = json!({ "goalId": goal, "plan": { "why": "because" }, "tasks": [
            { "key": "a", "type": "code", "payload": { "n": 1 }, "maxRetries": 1 },
            { "key": "b", "type": "code", "dependsOn": ["a"], "priority": 7 },
        ] });
        let planned = act(&site, planner, "proposePlan", plan, "{ goal {
            status plan graph { taskId dependsOnId }
            tasks { nodes { id type status priority maxRetries attempt payload dependsOn { id } dependents { id } } } } }").await;
        assert_eq!(planned["goal"]["status"], "RUNNING");
        assert_eq!(planned["goal"]["plan"]["plan"], json!({ "why": "because" }));
        let tasks = planned["goal"]["tasks"]["nodes"].clone();
        let (a, b) = (tasks[0]["id"].clone(), tasks[1]["id"].clone());
        assert_eq!(tasks[0], json!({ "id": a, "type": "code", "status": "QUEUED", "priority": 0, "maxRetries": 1,
            "attempt": 0, "payload": { "n": 1 }, "dependsOn": [], "dependents": [{ "id": b }] }));
        assert_eq!(tasks[1]["maxRetries"], 3);
        assert_eq!(planned["goal"]["graph"], json!([{ "taskId": b, "dependsOnId": a }]));

        let registered = act(&site, runner, "registerWorker", json!({ "hostname": "box", "capabilities": ["code"] }),
            "{ worker { id status capabilities } heldTasks { id } }").await;
        assert_eq!(registered["heldTasks"], json!([]));
        let worker = registered["worker"]["id"].clone();
        let claimed = act(&site, runner, "claimTasks", json!({ "workerId": worker, "limit": 10, "start": false }),
            "{ worker { id } tasks { id status attempt leaseExpiresAt payload worker { id } } }").await;
        assert_eq!(claimed["tasks"], json!([{ "id": a, "status": "SCHEDULED", "attempt": 1, "payload": { "n": 1 },
            "leaseExpiresAt": "2026-12-01T10:00:30.000000Z", "worker": { "id": worker } }]));
        let claim = json!({ "taskId": a, "workerId": worker, "attempt": 1 });
        let with = |more: Value| {
            let mut input = claim.clone();
            input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            input
        };
        let begun = act(&site, runner, "startTask", claim.clone(), "{ task { status } }").await;
        assert_eq!(begun["task"]["status"], "RUNNING");
        let beat = "mutation($id: ID!) { heartbeat(workerId: $id) { worker { lastHeartbeatAt } heldTasks { id attempt } } }";
        let beat = ask(&site, runner, beat, json!({ "id": worker })).await;
        assert_eq!(beat["heldTasks"], json!([{ "id": a, "attempt": 1 }]));
        let recorded = with(json!({ "status": "FAILED", "code": "print(1)", "codeOutput": "boom", "exitCode": 1,
            "fileContents": { "a.txt": "1" }, "idempotencyKey": "k", "startedAt": "2026-12-01T09:59:00Z" }));
        let recorded = act(&site, runner, "recordExecution", recorded, "{ execution {
            id attempt status exitCode code codeOutput shellOutput fileContents startedAt endedAt task { id } worker { id } } }").await;
        let execution = recorded["execution"].clone();
        assert_eq!(execution["fileContents"], json!({ "a.txt": "1" }));
        assert_eq!((execution["startedAt"].as_str(), execution["endedAt"].as_str()),
            (Some("2026-12-01T09:59:00.000000Z"), Some("2026-12-01T10:00:00.000000Z")));
        assert_eq!((&execution["task"]["id"], &execution["worker"]["id"]), (&a, &worker));
        let failed = act(&site, runner, "failTask", with(json!({ "error": "boom", "retryable": false })),
            "{ task { status error retries runAfter finishedAt } }").await;
        assert_eq!(failed["task"]["status"], "DEAD_LETTER");
        assert_eq!(failed["task"]["error"], "boom");

        let admin = world.tenant(&world.acme, world.acme.admin).await.cx().await.viewer.clone();
        let retried = "mutation($id: ID!) { retryTask(id: $id) { task { status retries } } }";
        assert_eq!(ask(&site, &admin, retried, json!({ "id": a })).await["task"], json!({ "status": "QUEUED", "retries": 0 }));
        act(&site, runner, "claimTasks", json!({ "workerId": worker }), "{ tasks { id } }").await;
        let mut again = with(json!({ "result": [1, 2] }));
        again["attempt"] = json!(2);
        let completed = act(&site, runner, "completeTask", again, "{ task { status result
            executions { totalCount nodes { id } } dependents { status } goal { status } } }").await;
        assert_eq!(completed["task"], json!({ "status": "COMPLETED", "result": [1, 2],
            "executions": { "totalCount": 1, "nodes": [{ "id": execution["id"] }] },
            "dependents": [{ "status": "QUEUED" }], "goal": { "status": "RUNNING" } }));
        let drained = "mutation($id: ID!) { drainWorker(id: $id) { worker { status } } }";
        assert_eq!(ask(&site, &admin, drained, json!({ "id": worker })).await["worker"]["status"], "DRAINING");
        let cancelled = "mutation($id: ID!) { cancelTask(id: $id) { task { status goal { status taskCounts { status count } } } } }";
        let cancelled = ask(&site, &admin, cancelled, json!({ "id": b })).await;
        assert_eq!(cancelled["task"]["goal"], json!({ "status": "FAILED", "taskCounts": [
            { "status": "COMPLETED", "count": 1 }, { "status": "CANCELLED", "count": 1 } ] }));

        // What an operator sees of all that.
        let operator = world.operator().cx().await.viewer.clone();
        let seen = "query($id: ID!) { node(id: $id) { ... on Execution { id attempt exitCode code codeOutput shellOutput
            fileContents task { status payload result error goal { goalText plan } } } } }";
        let seen = ask(&site, &operator, seen, json!({ "id": execution["id"] })).await;
        assert_eq!(seen, json!({ "id": execution["id"], "attempt": 1, "exitCode": 1, "code": null, "codeOutput": null,
            "shellOutput": null, "fileContents": null, "task": { "status": "COMPLETED", "payload": null, "result": null,
            "error": null, "goal": { "goalText": null, "plan": null } } }));
    }

    async fn a_refusal_names_the_field_and_repeats_nothing(world) {
        let site = Site::new(&world).await;
        let input = json!({ "goalId": site.goal().await.to_string(), "tasks": [
            { "key": "a", "type": "code" }, { "key": "b", "type": "code", "dependsOn": ["a", "SECRET"] } ] });
        let document = "mutation($input: ProposePlanInput!) { proposePlan(input: $input) { goal { id } } }";
        let response = execute(&site, &site.planner.viewer, document, json!({ "input": input })).await;
        let error = serde_json::to_value(&response.errors[0]).unwrap();
        assert_eq!(error["extensions"], json!({ "code": "VALIDATION", "field": "input.tasks[1].dependsOn" }));
        assert!(!error.to_string().contains("SECRET"), "{error}");
        for (field, input) in [
            ("completeTask", json!({ "taskId": "x", "workerId": site.worker.to_string(), "attempt": 1 })),
            ("completeTask", json!({ "taskId": site.worker.to_string(), "workerId": "x", "attempt": 1 })),
        ] {
            let document = format!("mutation($input: CompleteTaskInput!) {{ {field}(input: $input) {{ task {{ id }} }} }}");
            let response = execute(&site, &site.runner.viewer, &document, json!({ "input": input })).await;
            let error = serde_json::to_value(&response.errors[0]).unwrap();
            assert_eq!(error["extensions"]["field"], "input.taskId", "{error}");
        }
    }
}
