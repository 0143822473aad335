//! What each viewer is sent.

use palisade::status::State as _;
use serde_json::{Value, json};

use super::EVENTS;
use crate::support::{server::Node, world::on_both};

const CREATE: &str = "mutation($input: CreateAgentInput!) { createAgent(input: $input) { agent { id } } }";
const SUBMIT: &str = "mutation($input: SubmitGoalInput!) { submitGoal(input: $input) { goal { id } } }";

fn kinds(results: &[Value]) -> Vec<&str> {
    results.iter().map(|result| result["data"]["events"]["node"]["type"].as_str().unwrap()).collect()
}

on_both! {
    async fn an_operator_is_sent_the_same_events_without_content(world) {
        let node = Node::start(&world).await;
        let (admin, operator) = (node.acme_admin().await, node.login("Operator").await);
        let org = admin.query("{ organization { id } }", json!({})).await.data()["organization"]["id"].clone();
        let mut theirs = operator.follows(EVENTS, json!({ "org": org })).await;
        let mut ours = admin.follows(EVENTS, json!({})).await;
        let create = json!({ "input": { "name": "Scout", "systemPrompt": "the secret" } });
        let agent = admin.does(CREATE, create).await["createAgent"]["agent"]["id"].clone();
        let goal = admin.does(SUBMIT, json!({ "input": { "agentId": agent, "goalText": "the secret" } })).await["submitGoal"]["goal"]["id"].clone();
        for _ in 0..2 {
            let (mut blind, mut seen) = (theirs.result().await, ours.result().await);
            assert_eq!(blind["extensions"]["redacted"], json!([["events", "node", "payload"]]));
            assert!(blind["data"]["events"]["node"]["payload"].is_null() && seen["data"]["events"]["node"]["payload"].is_object());
            seen["data"]["events"]["node"]["payload"].take();
            // Cursors are each viewer's own.
            assert_ne!(blind["data"]["events"]["cursor"].take(), seen["data"]["events"]["cursor"].take());
            assert_eq!(blind["data"], seen["data"]);
        }
        let mut updated = operator.follows("subscription($id: ID!) { goalUpdated(id: $id) { status goalText } }", json!({ "id": goal })).await;
        admin.does("mutation($id: ID!) { cancelGoal(id: $id) { goal { id } } }", json!({ "id": goal })).await;
        let updated = updated.result().await;
        assert_eq!(updated["data"], json!({ "goalUpdated": { "status": "CANCELLED", "goalText": null } }));
        assert_eq!(updated["extensions"]["redacted"], json!([["goalUpdated", "goalText"]]));
    }

    async fn an_operator_names_the_organisation_and_a_member_only_its_own(world) {
        let node = Node::start(&world).await;
        let (operator, admin, globex) = (node.login("Operator").await, node.acme_admin().await, node.login("Globex admin").await);
        let acme = admin.query("{ organization { id } }", json!({})).await.data()["organization"]["id"].clone();
        let never = json!("org_01h2xcejqtf2nbrexx3vqjhp41");
        for (caller, org, code) in [
            (&operator, json!(null), "VALIDATION"),
            (&operator, never.clone(), "NOT_FOUND"),
            (&operator, json!("agt_01h2xcejqtf2nbrexx3vqjhp41"), "VALIDATION"),
            (&globex, never, "NOT_FOUND"),
            (&globex, acme.clone(), "NOT_FOUND"),
        ] {
            let refused = caller.follow(EVENTS, json!({ "org": org })).await.result().await;
            assert_eq!(refused["errors"][0]["extensions"]["code"], code, "{org}: {refused}");
            assert!(refused["data"].is_null());
        }
        let mut own = admin.follows(EVENTS, json!({ "org": acme })).await;
        admin.team("one").await;
        assert_eq!(kinds(&[own.result().await]), ["team.created"]);
        // Another organisation's log is another stream.
        let mut other = globex.follows(EVENTS, json!({})).await;
        admin.team("two").await;
        other.is_quiet().await;
    }

    async fn a_member_is_sent_what_happens_to_what_it_sees(world) {
        let node = Node::start(&world).await;
        let (admin, member) = (node.acme_admin().await, node.login("Acme outsider").await);
        let mut stream = member.follows(EVENTS, json!({})).await;
        let agent = async |name: &str, visibility: &str| {
            let input = json!({ "input": { "name": name, "visibility": visibility } });
            admin.does(CREATE, input).await["createAgent"]["agent"]["id"].clone()
        };
        let (hidden, open) = (agent("Hidden", "PRIVATE").await, agent("Open", "PUBLIC").await);
        for id in [&hidden, &open] {
            admin.does(SUBMIT, json!({ "input": { "agentId": id, "goalText": "go" } })).await;
        }
        let invite = "mutation { inviteMember(input: { email: \"new@acme.example\", role: MEMBER }) { invitation { id } } }";
        admin.does(invite, json!({})).await;
        admin.team("last").await;
        let mut seen = Vec::new();
        for _ in 0..3 {
            seen.push(stream.result().await);
        }
        assert_eq!(kinds(&seen), ["agent.created", "goal.submitted", "team.created"]);
        for event in &seen {
            let node = &event["data"]["events"]["node"];
            assert!(node["sequence"].is_null() && !node["payload"].is_null() | (node["type"] == "team.created"), "{event}");
            assert!(event.get("errors").is_none() && event.get("extensions").is_none());
        }
        assert_eq!(seen[0]["data"]["events"]["node"]["subjectId"], open);
        stream.is_quiet().await;
        // The cursors of a log are of one length, however long it is.
        let cursor = |event: &Value| event["data"]["events"]["cursor"].as_str().unwrap().len();
        assert_eq!(cursor(&seen[0]), cursor(&seen[2]));
    }

    async fn a_stream_is_narrowed_by_type_and_subject(world) {
        let node = Node::start(&world).await;
        let admin = node.acme_admin().await;
        let mut created = admin.follows("subscription { events(types: [\"team.created\", \"none\"]) { node { type } } }", json!({})).await;
        let one = admin.team("one").await;
        let query = "subscription($id: ID!) { events(subjectId: $id) { node { type subjectId } } }";
        let mut about = admin.follows(query, json!({ "id": one })).await;
        let rename = "mutation($id: ID!) { updateTeam(input: { id: $id, name: \"New\" }) { team { id } } }";
        admin.does(rename, json!({ "id": one })).await;
        admin.team("two").await;
        assert_eq!(kinds(&[created.result().await, created.result().await]), ["team.created", "team.created"]);
        created.is_quiet().await;
        assert_eq!(about.result().await["data"]["events"]["node"], json!({ "type": "team.updated", "subjectId": one }));
        about.is_quiet().await;
    }

    async fn tasks_are_followed_by_goal_and_agent(world) {
        let node = Node::start(&world).await;
        let (admin, globex) = (node.acme_admin().await, node.login("Globex admin").await);
        let org = admin.query("{ organization { id } }", json!({})).await.data()["organization"]["id"].clone();
        // A goal that runs, with tasks to call off.
        let goal = world.plan.goals.iter().find(|goal| {
            goal.org_id.to_string() == org.as_str().unwrap()
                && !goal.status.is_final()
                && world.plan.tasks.iter().any(|task| task.goal_id == goal.id && !task.status.is_final())
        }).unwrap();
        let open = world.plan.tasks.iter().filter(|task| task.goal_id == goal.id && !task.status.is_final()).count();
        let query = "subscription($g: ID, $a: ID) { taskUpdated(goalId: $g, agentId: $a) { id status goal { id } } }";
        let other = world.plan.goals.iter().find(|other| other.org_id == goal.org_id && other.agent_id != goal.agent_id).unwrap();
        let (goal_id, agent_id) = (goal.id.to_string(), goal.agent_id.to_string());
        let mut streams = Vec::new();
        for (g, a) in [(Some(&goal_id), None), (None, Some(&agent_id)), (Some(&goal_id), Some(&agent_id)), (None, None)] {
            streams.push(admin.follows(query, json!({ "g": g, "a": a })).await);
        }
        let mut elsewhere = admin.follows(query, json!({ "g": other.id.to_string() })).await;
        let mut mismatch = admin.follows(query, json!({ "g": goal_id, "a": other.agent_id.to_string() })).await;
        let refused = globex.follow(query, json!({ "g": goal_id })).await.result().await;
        assert_eq!(refused["errors"][0]["extensions"]["code"], "NOT_FOUND");
        admin.does("mutation($id: ID!) { cancelGoal(id: $id) { goal { id } } }", json!({ "id": goal_id })).await;
        for stream in &mut streams {
            for _ in 0..open {
                let result = stream.result().await;
                assert_eq!(result["data"]["taskUpdated"]["status"], "CANCELLED", "{result}");
                assert_eq!(result["data"]["taskUpdated"]["goal"]["id"], goal_id);
            }
        }
        elsewhere.is_quiet().await;
        mismatch.is_quiet().await;
    }
}
