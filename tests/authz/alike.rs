//! What a viewer may not see does not exist for it, and what that is told as. That a foreign, a hidden and an absent id are
//! answered alike wherever the schema takes one is `tests/uniform`'s.

use entity::ids::{AgentId, GoalId, OrgId, TaskId, TeamId, TypedId, UserId, WorkerId};
use serde_json::json;

use super::fields::samples;
use crate::support::world::{Caller, Reply, World, on_both};

/// An id of the same kind that was never issued.
fn absent(id: &str) -> String {
    let never = uuid::Uuid::now_v7();
    match id.split('_').next().unwrap() {
        "org" => OrgId::from_uuid(never).to_string(),
        "usr" => UserId::from_uuid(never).to_string(),
        "team" => TeamId::from_uuid(never).to_string(),
        "agt" => AgentId::from_uuid(never).to_string(),
        "goal" => GoalId::from_uuid(never).to_string(),
        "task" => TaskId::from_uuid(never).to_string(),
        "wrk" => WorkerId::from_uuid(never).to_string(),
        "sva" => entity::ids::ServiceAccountId::from_uuid(never).to_string(),
        "exe" => entity::ids::ExecutionId::from_uuid(never).to_string(),
        "apr" => entity::ids::ApprovalRequestId::from_uuid(never).to_string(),
        "doc" => entity::ids::AgentDocumentId::from_uuid(never).to_string(),
        "file" => entity::ids::WorkspaceFileId::from_uuid(never).to_string(),
        "chat" => entity::ids::ChatSessionId::from_uuid(never).to_string(),
        "msg" => entity::ids::ChatMessageId::from_uuid(never).to_string(),
        "evt" => entity::ids::EventId::from_uuid(never).to_string(),
        other => panic!("{other}"),
    }
}

async fn same(caller: &Caller<'_>, query: &str, theirs: &str) -> Reply {
    let never = absent(theirs);
    let foreign = caller.send(query, json!({ "id": theirs })).await;
    let none = caller.send(query, json!({ "id": never })).await;
    assert_eq!(foreign.text.replace(theirs, "ID"), none.text.replace(&never, "ID"), "{query}");
    assert_eq!(foreign.status, none.status);
    foreign
}

/// One of Acme's objects of each kind, that nobody of Globex sees.
fn theirs(world: &World) -> Vec<(&'static str, String)> {
    let both: Vec<_> = world.plan.org_memberships.iter().map(|row| row.user_id.to_string()).collect();
    samples(world)
        .into_iter()
        .map(|(kind, ids)| {
            // A member of both organisations is no stranger.
            let id = ids.into_iter().find(|id| both.iter().filter(|user| *user == id).count() < 2).unwrap();
            (kind, id)
        })
        .collect()
}

on_both! {
    async fn viewer_can_says_of_a_foreign_a_hidden_and_an_absent_object_that_it_is_not_there(world) {
        let globex = world.globex_admin().await;
        let query = "query($id: ID!) { viewerCan(permission: AGENT_UPDATE, id: $id) { allowed rule } }";
        for (_, id) in theirs(&world).into_iter().filter(|(kind, _)| ["Organization", "User", "Team", "Agent", "Goal", "ApprovalRequest"].contains(kind)) {
            let reply = same(&globex, query, &id).await;
            assert_eq!(reply.data()["viewerCan"], json!({ "allowed": false, "rule": "not_found" }));
        }
        let outsider = world.login(Some("Acme outsider")).await;
        let hidden = world.plan.agents.iter().find(|row| row.team_id.is_some()).unwrap();
        let reply = same(&outsider, query, &hidden.id.to_string()).await;
        assert_eq!(reply.data()["viewerCan"]["rule"], "not_found");
    }

    async fn a_hidden_agent_its_goals_and_tasks_do_not_exist_for_an_outsider(world) {
        let outsider = world.login(Some("Acme outsider")).await;
        let plan = &world.plan;
        let hidden = plan.agents.iter().find(|row| row.team_id.is_some()).unwrap();
        let goal = plan.goals.iter().find(|row| row.agent_id == hidden.id).unwrap();
        let task = plan.tasks.iter().find(|row| row.goal_id == goal.id).unwrap();
        for id in [hidden.id.to_string(), goal.id.to_string(), task.id.to_string()] {
            let reply = same(&outsider, "query($id: ID!) { node(id: $id) { id } }", &id).await;
            assert!(reply.data()["node"].is_null(), "{id}");
        }
        let query = "query($id: ID!) { goals(filter: { agentId: $id }) { totalCount } tasks(filter: { agentId: $id }) { totalCount } }";
        let reply = same(&outsider, query, &hidden.id.to_string()).await;
        assert_eq!(reply.data(), &json!({ "goals": { "totalCount": 0 }, "tasks": { "totalCount": 0 } }));
    }

    async fn a_malformed_id_is_a_validation_error_before_any_query(world) {
        let admin = world.acme_admin().await;
        for id in ["", "x", "agt_", "agt_01h2xcejqtf2nbrexx3vqjhp4!", "goal_01h2xcejqtf2nbrexx3vqjhp41", "agt_81h2xcejqtf2nbrexx3vqjhp41"] {
            let reply = admin.send("query($id: ID!) { agent(id: $id) { id } }", json!({ "id": id })).await;
            assert_eq!(reply.code(), Some("VALIDATION"), "{id}: {}", reply.text);
            assert_eq!(reply.body["errors"][0]["extensions"]["field"], "id");
            assert_eq!(reply.body["data"], json!({ "agent": null }));
        }
    }

    async fn a_cursor_of_another_list_or_viewer_is_refused(world) {
        let (admin, globex) = (world.acme_admin().await, world.globex_admin().await);
        let first = admin.query("{ agents(first: 1) { pageInfo { endCursor } } }").await;
        let cursor = first.data()["agents"]["pageInfo"]["endCursor"].as_str().unwrap().to_owned();
        let next = "query($c: String) { agents(first: 1, after: $c) { nodes { id } } }";
        assert!(admin.send(next, json!({ "c": cursor })).await.code().is_none());
        assert_eq!(globex.send(next, json!({ "c": cursor })).await.code(), Some("VALIDATION"));
        let other = "query($c: String) { agents(first: 1, after: $c, orderBy: { field: CREATED_AT }) { nodes { id } } }";
        assert_eq!(admin.send(other, json!({ "c": cursor })).await.code(), Some("VALIDATION"));
    }
}
