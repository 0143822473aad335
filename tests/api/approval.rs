//! Invariant: what the API says of approvals it also does: who is told that they can decide can, the list of what waits for
//! somebody is what they can decide, and an operator reads of it all no word.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::world::{CALLERS, Caller, World, on_both};

const DECIDE: &str = "mutation($input: DecideApprovalInput!) { decideApproval(input: $input) {
    approvalRequest { id status decidedAt viewerCanDecide decisions { decision comment decidedBy { id } }
    goal { status taskCounts { count } } } } }";

/// All of a list, page by page.
async fn all(caller: &Caller<'_>, filter: &str, fields: &str) -> Vec<Value> {
    let mut found = Vec::new();
    let mut after = Value::Null;
    loop {
        let query = format!(
            "query($after: String) {{ approvalRequests(first: 100, after: $after, filter: {filter}) {{
                nodes {{ {fields} }} pageInfo {{ hasNextPage endCursor }} }} }}"
        );
        let reply = caller.send(&query, json!({ "after": after })).await;
        let list = &reply.data()["approvalRequests"];
        found.extend(list["nodes"].as_array().unwrap().iter().cloned());
        if list["pageInfo"]["hasNextPage"] == false {
            return found;
        }
        after = list["pageInfo"]["endCursor"].clone();
    }
}

fn ids(nodes: &[Value]) -> BTreeSet<String> {
    nodes.iter().map(|node| node["id"].as_str().unwrap().to_owned()).collect()
}

/// The world with more who ask and decide: the second admin asks, too, so that the exception is in the way.
async fn ask_as_admins(world: &World) {
    use sea_orm::ConnectionTrait as _;
    let ada = world.plan.users.iter().find(|user| user.email == "ada@acme.example").unwrap().id;
    let admins = "UPDATE approval_requests SET requested_by = $1 WHERE id IN (
        SELECT id FROM approval_requests WHERE org_id = $2 AND status = 'PENDING' ORDER BY id LIMIT 2)";
    let org = world.plan.organizations.iter().find(|org| org.slug == "acme").unwrap().id;
    let backend = world.root.get_database_backend();
    let statement = sea_orm::Statement::from_sql_and_values(backend, admins, [ada.into(), org.into()]);
    world.root.execute_raw(statement).await.unwrap();
}

on_both! {
    async fn what_waits_for_a_caller_is_what_they_can_decide_and_they_can(first) {
        let mut world = first;
        ask_as_admins(&world).await;
        let mut decided = 0;
        for (name, role) in CALLERS {
            let Some(role) = role else { continue };
            let caller = world.login(Some(role)).await;
            if caller.query("{ approvalRequests { totalCount } }").await.code().is_some() {
                continue;
            }
            let seen = all(&caller, "{}", "id viewerCanDecide status").await;
            let can: Vec<Value> = seen.iter().filter(|node| node["viewerCanDecide"] == true).cloned().collect();
            let awaiting = all(&caller, "{ awaitingMe: true }", "id").await;
            assert_eq!(ids(&can), ids(&awaiting), "{name}");
            let mut dirty = false;
            for node in &seen {
                let can = node["viewerCanDecide"] == true;
                // All that one can, and a few of what one cannot.
                if !can && decided % 20 != 0 {
                    decided += 1;
                    continue;
                }
                decided += 1;
                let input = json!({ "input": { "id": node["id"], "decision": "REJECT" } });
                let reply = caller.send(DECIDE, input).await;
                // What somebody approved already, they could still say again: that is no decision.
                assert_eq!(reply.code().is_none(), can, "{name} {node}: {}", reply.text);
                dirty |= can;
            }
            if dirty {
                world = world.fresh().await;
                ask_as_admins(&world).await;
            }
        }
        assert!(decided > 20, "{decided}");
    }

    async fn a_decision_shows_in_its_answer(world) {
        let admin = world.acme_admin().await;
        let waiting = all(&admin, "{ awaitingMe: true, type: [PLAN] }", "id requiredApprovals decisions { decision }").await;
        let missing = |node: &&Value| {
            node["requiredApprovals"].as_i64().unwrap() - 1 <= node["decisions"].as_array().unwrap().len() as i64
        };
        let plan = waiting.iter().find(missing).expect("a plan that needs one more approval");
        let input = json!({ "input": { "id": plan["id"], "decision": "APPROVE", "comment": "Go on." } });
        let reply = admin.send(DECIDE, input.clone()).await;
        let request = &reply.data()["decideApproval"]["approvalRequest"];
        assert_eq!((&request["status"], &request["viewerCanDecide"]), (&json!("APPROVED"), &json!(false)));
        assert!(request["decidedAt"].is_string());
        assert_eq!(request["goal"]["status"], "RUNNING");
        assert!(!request["goal"]["taskCounts"].as_array().unwrap().is_empty(), "the demo's plans are plans");
        assert_eq!(request["decisions"].as_array().unwrap().last().unwrap()["comment"], "Go on.");
    }

    async fn an_operator_sees_who_decided_and_no_word_of_it(world) {
        let operator = world.operator().await;
        let query = "{ approvalRequests(first: 100) { nodes { id type status payload reason requiredApprovals
            viewerCanDecide requestedBy { id } approvers { id } decisions { decision comment decidedBy { id } } } } }";
        let reply = operator.query(query).await;
        let nodes = reply.data()["approvalRequests"]["nodes"].as_array().unwrap().clone();
        assert_eq!(nodes.len(), 100);
        let mut hidden = 0;
        for node in &nodes {
            assert!(node["payload"].is_null() && node["reason"].is_null() && node["viewerCanDecide"] == false);
            for decision in node["decisions"].as_array().unwrap() {
                assert!(decision["comment"].is_null() && decision["decidedBy"]["id"].is_string());
                hidden += 1;
            }
        }
        assert!(hidden > 20);
        assert_eq!(reply.redacted().len(), 2 * nodes.len() + hidden);
        let input = json!({ "input": { "id": nodes[0]["id"], "decision": "REJECT" } });
        assert_eq!(operator.send(DECIDE, input).await.code(), Some("FORBIDDEN"));
        let acme = world.plan.organizations.iter().find(|org| org.slug == "acme").unwrap().id;
        let of_acme = all(&operator, &format!("{{ organizationId: \"{acme}\" }}"), "id").await;
        let expected = world.plan.approval_requests.iter().filter(|row| row.org_id == acme).count();
        assert_eq!(of_acme.len(), expected);
    }

    async fn a_request_is_found_by_what_it_is_about(world) {
        let admin = world.acme_admin().await;
        let acme = world.plan.organizations.iter().find(|org| org.slug == "acme").unwrap().id;
        let row = world.plan.approval_requests.iter().find(|row| row.org_id == acme && row.task_id.is_some()).unwrap();
        let (task, goal) = (row.task_id.unwrap(), row.goal_id);
        for filter in [
            format!("{{ taskId: \"{task}\" }}"),
            format!("{{ goalId: \"{goal}\", type: [RISKY_TASK] }}"),
            format!("{{ agentId: \"{}\", status: [{}] }}", row.agent_id, row.status.as_str()),
        ] {
            let found = all(&admin, &filter, "id type status agent { id } goal { id } task { id }").await;
            assert!(ids(&found).contains(&row.id.to_string()), "{filter}");
        }
        let query = format!("{{ goal(id: \"{goal}\") {{ approvalRequests {{ id }} }} approvalRequest(id: \"{}\") {{ id }}
            node(id: \"{}\") {{ id }} viewerCan(permission: APPROVAL_READ, id: \"{}\") {{ rule }} }}", row.id, row.id, row.id);
        let reply = admin.query(&query).await;
        assert!(ids(reply.data()["goal"]["approvalRequests"].as_array().unwrap()).contains(&row.id.to_string()));
        assert_eq!(reply.data()["approvalRequest"]["id"], row.id.to_string());
        assert_eq!(reply.data()["node"]["id"], row.id.to_string());
        assert_eq!(reply.data()["viewerCan"]["rule"], "APPROVAL_READ/org_admin");
        let wrong = format!("{{ approvalRequest(id: \"{goal}\") {{ id }} }}");
        assert_eq!(admin.query(&wrong).await.code(), Some("VALIDATION"));
    }
}
