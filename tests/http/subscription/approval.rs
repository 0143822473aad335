//! Each approval request, as it is made, to whoever reads it.

use serde_json::json;

use crate::support::server::{Caller, Node};
use crate::support::world::on_both;

const REQUESTED: &str =
    "subscription($org: ID) { approvalRequested(organizationId: $org) { status payload goal { id } } }";
const CREATE: &str = "mutation($input: CreateAgentInput!) { createAgent(input: $input) { agent { id } } }";
const SUBMIT: &str = "mutation($input: SubmitGoalInput!) { submitGoal(input: $input) { goal { id } } }";
const KEY: &str = "mutation($input: CreateServiceAccountInput!) { createServiceAccount(input: $input) { key } }";
const PROPOSE: &str = "mutation($input: ProposePlanInput!) { proposePlan(input: $input) { goal { status } } }";

/// A planner of all agents: the demo's own sees those that it was made for.
async fn planner<'n>(admin: &Caller<'n>) -> Caller<'n> {
    let made = admin.does(KEY, json!({ "input": { "name": "Plans", "scopes": ["PLANS_WRITE"] } })).await;
    let key = made["createServiceAccount"]["key"].as_str().unwrap().to_owned();
    Caller { node: admin.node, token: key }
}

on_both! {
    async fn a_request_is_sent_to_its_deciders_and_its_requester_and_without_content_to_an_operator(world) {
        let node = Node::start(&world).await;
        let (admin, member) = (node.acme_admin().await, node.login("Acme member").await);
        let (operator, planner) = (node.login("Operator").await, planner(&admin).await);
        let input = json!({ "input": { "name": "Careful", "visibility": "PUBLIC", "requirePlanApproval": true } });
        let agent = admin.does(CREATE, input).await["createAgent"]["agent"]["id"].clone();
        let mut deciding = admin.follows(REQUESTED, json!({})).await;
        let mut asking = member.follows(REQUESTED, json!({})).await;
        let mut outside = node.login("Acme outsider").await.follows(REQUESTED, json!({})).await;
        let mut watching = operator.follows(REQUESTED, json!({ "org": world.acme().to_string() })).await;
        let refused = operator.follow(REQUESTED, json!({})).await.result().await;
        assert_eq!(refused["errors"][0]["extensions"]["code"], "VALIDATION", "{refused}");

        let mut goals = Vec::new();
        for asker in [&member, &node.login("Acme outsider").await] {
            let submitted = asker.does(SUBMIT, json!({ "input": { "agentId": agent, "goalText": "Do it." } })).await;
            let goal = submitted["submitGoal"]["goal"]["id"].clone();
            let plan = json!({ "goalId": goal, "tasks": [{ "key": "a", "type": "code" }] });
            planner.does(PROPOSE, json!({ "input": plan })).await;
            goals.push(goal);
        }
        for stream in [&mut deciding, &mut watching] {
            for goal in &goals {
                let sent = stream.result().await;
                let request = &sent["data"]["approvalRequested"];
                assert_eq!((&request["goal"]["id"], &request["status"]), (goal, &json!("PENDING")), "{sent}");
            }
        }
        // Of what others asked for, one's stream holds nothing: the first that comes is one's own.
        for (stream, goal) in [(&mut asking, &goals[0]), (&mut outside, &goals[1])] {
            let sent = stream.result().await;
            let request = &sent["data"]["approvalRequested"];
            assert_eq!(&request["goal"]["id"], goal, "{sent}");
            assert!(request["payload"].is_object(), "{sent}");
        }
    }

    async fn an_operators_requests_come_without_their_payload(world) {
        let node = Node::start(&world).await;
        let (admin, operator) = (node.acme_admin().await, node.login("Operator").await);
        let input = json!({ "input": { "name": "Careful", "visibility": "PUBLIC", "requirePlanApproval": true } });
        let agent = admin.does(CREATE, input).await["createAgent"]["agent"]["id"].clone();
        let mut watching = operator.follows(REQUESTED, json!({ "org": world.acme().to_string() })).await;
        let submitted = admin.does(SUBMIT, json!({ "input": { "agentId": agent, "goalText": "Do it." } })).await;
        let plan = json!({ "goalId": submitted["submitGoal"]["goal"]["id"], "tasks": [{ "key": "a", "type": "code" }] });
        planner(&admin).await.does(PROPOSE, json!({ "input": plan })).await;
        let sent = watching.result().await;
        assert!(sent["data"]["approvalRequested"]["payload"].is_null(), "{sent}");
        assert_eq!(sent["extensions"]["redacted"], json!([["approvalRequested", "payload"]]), "{sent}");
    }
}
