//! Whoever may not stay is gone within a second, whether anything happens or not.

use std::time::Duration;

use entity::ids::{OrgId, UserId};
use serde_json::{Value, json};

use super::{EVENTS, REVOKED};
use crate::support::{
    server::{Caller, Node, Setup},
    subscription_client::{Http, SOON, within},
    world::{World, on_both},
};

fn user(world: &World, role: &str) -> UserId {
    let login = world.plan.logins.iter().find(|login| login.role == role).unwrap();
    world.plan.users.iter().find(|user| user.email == login.email).unwrap().id
}

fn acme(world: &World) -> OrgId {
    let admin = user(world, "Acme admin");
    world.plan.org_memberships.iter().find(|row| row.user_id == admin).unwrap().org_id
}

/// Reads to the end, passing over what was rightly sent before: the code with which it ends.
async fn code(stream: &mut Http) -> String {
    loop {
        let (event, data) = stream.event().await.expect("an error before the end");
        let data: Value = serde_json::from_str(&data).unwrap();
        assert_eq!(event, "next");
        if let Some(code) = data["errors"][0]["extensions"]["code"].as_str() {
            assert_eq!(stream.event().await.unwrap().0, "complete");
            assert!(stream.event().await.is_none());
            return code.to_owned();
        }
    }
}

/// Both transports of `who` end with the code when `act` is done.
async fn ends(who: &Caller<'_>, expected: &str, act: impl Future<Output = ()>) {
    let mut stream = who.follows(EVENTS, json!({ "org": null })).await;
    let mut socket = who.socket().await;
    socket.subscribe("s", EVENTS, json!({})).await;
    socket.is_quiet().await;
    act.await;
    assert_eq!(within(REVOKED, code(&mut stream)).await, expected);
    loop {
        let message = within(REVOKED, socket.receive()).await;
        if message["type"] == "error" {
            assert_eq!(message["payload"][0]["extensions"]["code"], expected);
            break;
        }
    }
    assert_eq!(within(REVOKED, socket.closed()).await, 4403);
    // And the token that did it opens nothing any more.
    assert_eq!(who.follow(EVENTS, json!({})).await.status, 401);
}

on_both! {
    async fn signing_out_ends_streams(world) {
        let node = Node::start(&world).await;
        let member = node.login("Acme member").await;
        ends(&member, "UNAUTHENTICATED", async { member.does("mutation { logout }", json!({})).await; }).await;
    }

    async fn a_removed_member_is_gone(world) {
        let node = Node::start(&world).await;
        let (admin, member) = (node.acme_admin().await, node.login("Acme outsider").await);
        let id = user(&world, "Acme outsider").to_string();
        ends(&member, "UNAUTHENTICATED", async {
            let mutation = "mutation($input: RemoveMemberInput!) { removeMember(input: $input) { organization { id } } }";
            admin.does(mutation, json!({ "input": { "userId": id } })).await;
        }).await;
    }

    async fn a_suspended_user_is_gone(world) {
        let node = Node::start(&world).await;
        let (operator, member) = (node.login("Operator").await, node.login("Acme member").await);
        let id = user(&world, "Acme member").to_string();
        ends(&member, "UNAUTHENTICATED", async {
            operator.does("mutation($id: ID!) { suspendUser(id: $id) { user { id } } }", json!({ "id": id })).await;
        }).await;
    }

    async fn everybody_of_a_suspended_organisation_is_gone(world) {
        // Suspended by another server, so that nothing but the database tells.
        let (node, other) = (Node::start(&world).await, Node::start(&world).await);
        let (operator, admin) = (other.login("Operator").await, node.acme_admin().await);
        let id = acme(&world).to_string();
        ends(&admin, "UNAUTHENTICATED", async {
            operator.does("mutation($id: ID!) { suspendOrganization(id: $id) { organization { id } } }", json!({ "id": id })).await;
        }).await;
    }

    async fn an_expired_token_ends_its_streams(world) {
        let setup = Setup { access_ttl: Some(chrono::TimeDelta::seconds(3)), ..Setup::default() };
        let node = Node::with(&world, setup).await;
        let member = node.login("Acme member").await;
        ends(&member, "UNAUTHENTICATED", tokio::time::sleep(Duration::from_millis(1500))).await;
    }

    async fn a_demoted_admin_goes_on_as_a_member(world) {
        let node = Node::start(&world).await;
        let (admin, member) = (node.acme_admin().await, node.login("Acme team admin").await);
        let role = async |role: &str| {
            let mutation = "mutation($input: UpdateMemberRoleInput!) { updateMemberRole(input: $input) { membership { role } } }";
            let input = json!({ "userId": user(&world, "Acme team admin").to_string(), "role": role });
            admin.does(mutation, json!({ "input": input })).await;
        };
        role("ADMIN").await;
        let member = Caller { token: node.login("Acme team admin").await.token, ..member };
        let mut stream = member.follows(EVENTS, json!({})).await;
        admin.team("one").await;
        assert!(stream.result().await["data"]["events"]["node"]["sequence"].is_string());
        role("MEMBER").await;
        admin.team("two").await;
        let mut seen = Vec::new();
        while seen.len() < 2 {
            let mut event = stream.result().await;
            seen.push((event["data"]["events"]["node"]["type"].take(), event["data"]["events"]["node"]["sequence"].take()));
        }
        assert_eq!(seen, [(json!("member.role_changed"), json!(null)), (json!("team.created"), json!(null))]);
    }

    async fn what_is_hidden_is_followed_no_longer(world) {
        let node = Node::start(&world).await;
        let (admin, outsider) = (node.acme_admin().await, node.login("Acme outsider").await);
        let create = "mutation($input: CreateAgentInput!) { createAgent(input: $input) { agent { id } } }";
        let agent = admin.does(create, json!({ "input": { "name": "Open", "visibility": "PUBLIC" } })).await["createAgent"]["agent"]["id"].clone();
        let submit = "mutation($input: SubmitGoalInput!) { submitGoal(input: $input) { goal { id } } }";
        let goal = admin.does(submit, json!({ "input": { "agentId": agent, "goalText": "go" } })).await["submitGoal"]["goal"]["id"].clone();

        let mut goals = outsider.follows("subscription($id: ID!) { goalUpdated(id: $id) { status goalText } }", json!({ "id": goal })).await;
        let mut tasks = outsider.follows("subscription($id: ID!) { taskUpdated(agentId: $id) { id } }", json!({ "id": agent })).await;
        let mut events = outsider.follows(EVENTS, json!({})).await;
        let hide = "mutation($id: ID!) { setAgentVisibility(input: { id: $id, visibility: PRIVATE }) { agent { id } } }";
        admin.does(hide, json!({ "id": agent })).await;
        assert_eq!(within(REVOKED, code(&mut goals)).await, "NOT_FOUND");
        assert_eq!(within(REVOKED, code(&mut tasks)).await, "NOT_FOUND");
        // What happens to it from now on is not told. That it was hidden is not either: it is hidden.
        admin.does("mutation($id: ID!) { cancelGoal(id: $id) { goal { id } } }", json!({ "id": goal })).await;
        admin.team("seen").await;
        assert_eq!(within(SOON, events.result()).await["data"]["events"]["node"]["type"], "team.created");
        events.is_quiet().await;
    }

    async fn a_socket_without_any_operation_ends_too(world) {
        let node = Node::start(&world).await;
        let member = node.login("Acme member").await;
        let mut socket = member.socket().await;
        member.does("mutation { logout }", json!({})).await;
        assert_eq!(within(REVOKED, socket.closed()).await, 4403);
    }
}
