//! A planner's or worker's key does what its scopes name, to the agents that it was made for, while its maker is an admin.

use serde_json::{Value, json};

use crate::support::world::{Caller, Reply, World, on_both};

const CREATE: &str = "mutation($input: CreateServiceAccountInput!) {
    createServiceAccount(input: $input) { key serviceAccount { id lapsed } } }";
const ROTATE: &str = "mutation($id: ID!, $hours: Int) {
    rotateServiceAccountKey(id: $id, overlapHours: $hours) { key serviceAccount { previousKeyExpiresAt } } }";
const REVOKE: &str = "mutation($id: ID!) { revokeServiceAccount(id: $id) { key serviceAccount { revokedAt } } }";

/// A key made by `admin`, with its account's id.
async fn key<'w>(admin: &Caller<'w>, scopes: &[&str], agents: Option<Vec<String>>) -> (String, Caller<'w>) {
    let input = json!({ "input": { "name": "A key", "scopes": scopes, "agentIds": agents } });
    let made = admin.send(CREATE, input).await.data()["createServiceAccount"].clone();
    assert_eq!(made["serviceAccount"]["lapsed"], false);
    let token = made["key"].as_str().unwrap().to_owned();
    (made["serviceAccount"]["id"].as_str().unwrap().to_owned(), Caller { world: admin.world, token: Some(token) })
}

async fn works(caller: &Caller<'_>) -> bool {
    let reply = caller.query("{ viewer { serviceAccount { id } } }").await;
    match reply.code() {
        None => reply.data()["viewer"]["serviceAccount"]["id"].is_string(),
        Some("UNAUTHENTICATED") => false,
        Some(_) => panic!("{}", reply.text),
    }
}

fn values<'r>(nodes: &'r Value, field: &str) -> Vec<&'r Value> {
    nodes.as_array().unwrap().iter().map(|node| &node[field]).collect()
}

async fn user(world: &World, email: &str) -> String {
    world.plan.users.iter().find(|user| user.email == email).unwrap().id.to_string()
}

/// The ids of an organisation's own agents.
fn agents(world: &World, slug: &str) -> Vec<String> {
    let org = world.plan.organizations.iter().find(|org| org.slug == slug).unwrap().id;
    let own = world.plan.agents.iter().filter(|agent| agent.org_id == org);
    own.filter(|agent| agent.visibility != entity::enums::AgentVisibility::Global)
        .map(|agent| agent.id.to_string())
        .collect()
}

async fn rotate(admin: &Caller<'_>, id: &str, hours: i32) -> Reply {
    admin.send(ROTATE, json!({ "id": id, "hours": hours })).await
}

on_both! {
    async fn content_is_read_with_the_scope_that_needs_it_and_no_other(world) {
        let admin = world.acme_admin().await;
        let goals = "{ goals(first: 5) { nodes { goalText status agent { systemPrompt } tasks(first: 2) { nodes { payload } } } }
            viewer { organization { config } } }";
        let (_, read) = key(&admin, &["READ"], None).await;
        let seen = read.query(goals).await;
        let nodes = &seen.data()["goals"]["nodes"];
        assert_eq!(nodes.as_array().unwrap().len(), 5);
        assert!(values(nodes, "goalText").iter().all(|text| text.is_null()) && values(nodes, "status").iter().all(|state| state.is_string()));
        let redacted = seen.redacted();
        for (at, node) in nodes.as_array().unwrap().iter().enumerate() {
            let tasks = node["tasks"]["nodes"].as_array().unwrap().len();
            let tasks = (0..tasks).map(|task| format!("tasks.nodes.{task}.payload"));
            for path in tasks.chain(["goalText".to_owned(), "agent.systemPrompt".to_owned()]) {
                assert!(redacted.contains(&format!("goals.nodes.{at}.{path}")), "{at} {path}");
            }
        }
        assert!(redacted.iter().any(|path| path.ends_with("payload")), "no task: prove something");
        assert!(redacted.contains(&"viewer.organization.config".to_owned()));
        let search = read.query("{ goals(filter: { search: \"invoice\" }) { totalCount } }").await;
        assert_eq!(search.code(), Some("FORBIDDEN"));

        for scope in ["TASKS_RUN", "PLANS_WRITE"] {
            let (_, works) = key(&admin, &[scope], None).await;
            let seen = works.query(goals).await;
            let nodes = &seen.data()["goals"]["nodes"];
            assert!(values(nodes, "goalText").iter().all(|text| text.is_string()), "{scope}");
            assert!(nodes.as_array().unwrap().iter().any(|node| node["agent"]["systemPrompt"].is_string()), "{scope}");
            assert_eq!(seen.redacted(), ["viewer.organization.config"], "{scope}");
        }

        let (_, chats) = key(&admin, &["CHAT_WRITE"], None).await;
        assert_eq!(chats.query(goals).await.code(), Some("FORBIDDEN"));
        let seen = chats.query("{ agents(first: 3) { nodes { name systemPrompt goals { nodes { id } } } } }").await;
        let nodes = &seen.data()["agents"]["nodes"];
        assert!(values(nodes, "systemPrompt").iter().all(|prompt| prompt.is_null()));
        assert_eq!(seen.redacted().len(), 3);
        // Goals are not its business, by whatever path.
        assert!(nodes.as_array().unwrap().iter().all(|node| node["goals"]["nodes"].as_array().unwrap().is_empty()));
    }

    async fn a_key_that_only_reports_usage_sees_next_to_nothing(world) {
        let (_, usage) = key(&world.acme_admin().await, &["USAGE_WRITE"], None).await;
        for query in ["{ agents { totalCount } }", "{ goals { totalCount } }", "{ teams { totalCount } }", "{ workers { totalCount } }"] {
            assert_eq!(usage.query(query).await.code(), Some("FORBIDDEN"), "{query}");
        }
        let around = "{ viewer { organization { name config agents { totalCount nodes { id } } members { totalCount } teams { totalCount }
            invitations { totalCount } serviceAccounts { totalCount }
            counts { agents workers members chatSessions goals { count } tasks { count } } } } }";
        let seen = usage.query(around).await;
        let organization = &seen.data()["viewer"]["organization"];
        assert_eq!(organization["name"], "Acme");
        for list in ["agents", "members", "teams", "invitations"] {
            assert_eq!(organization[list]["totalCount"], 0, "{list}");
        }
        assert_eq!(organization["serviceAccounts"]["totalCount"], 1, "itself");
        assert_eq!(organization["counts"], json!({ "agents": 0, "workers": 0, "members": 0, "chatSessions": 0, "goals": [], "tasks": [] }));
    }

    async fn a_key_for_some_agents_sees_them_and_what_hangs_off_them(world) {
        let admin = world.acme_admin().await;
        let (own, global) = (agents(&world, "acme"), world.plan.global_agents[0].id.to_string());
        let named = vec![own[0].clone(), own[3].clone(), global.clone()];
        let (_, some) = key(&admin, &["READ", "TASKS_RUN"], Some(named.clone())).await;
        let lists = "{ agents(first: 100) { totalCount nodes { id documents { totalCount } } }
            goals(first: 100) { nodes { agent { id } } } tasks(first: 100) { nodes { agent { id } } }
            viewer { serviceAccount { allAgents agents { id } } } }";
        let seen = some.query(lists).await;
        let data = seen.data();
        assert_eq!(data["agents"]["totalCount"], 3);
        let mut ids: Vec<&str> = values(&data["agents"]["nodes"], "id").iter().map(|id| id.as_str().unwrap()).collect();
        ids.sort_unstable();
        let mut wanted: Vec<&str> = named.iter().map(String::as_str).collect();
        wanted.sort_unstable();
        assert_eq!(ids, wanted);
        for list in ["goals", "tasks"] {
            let nodes = data[list]["nodes"].as_array().unwrap();
            assert!(!nodes.is_empty() && nodes.iter().all(|node| wanted.contains(&node["agent"]["id"].as_str().unwrap())), "{list}");
        }
        assert_eq!(data["viewer"]["serviceAccount"]["agents"].as_array().unwrap().len(), 3);

        // Whatever else there is answers as what was never issued.
        let other_goal = world.plan.goals.iter().find(|goal| goal.agent_id.to_string() == own[1]).unwrap().id.to_string();
        let other_document = world.plan.agent_documents.iter().find(|row| row.agent_id.to_string() == own[1]).unwrap().id.to_string();
        let other_global = world.plan.global_agents[1].id.to_string();
        let global_document = world.plan.global_agent_documents.iter().find(|row| row.agent_id.to_string() == other_global);
        let hidden = [own[1].clone(), other_global, other_goal, other_document].into_iter();
        let hidden: Vec<String> = hidden.chain(global_document.map(|row| row.id.to_string())).chain([agents(&world, "globex")[0].clone()]).collect();
        let reply = some.send("query($ids: [ID!]!) { nodes(ids: $ids) { id } }", json!({ "ids": hidden })).await;
        assert!(reply.data()["nodes"].as_array().unwrap().iter().all(Value::is_null), "{}", reply.text);
        let reply = some.send("query($id: ID!) { viewerCan(permission: TASK_RUN, id: $id) { allowed rule } }", json!({ "id": own[1] })).await;
        assert_eq!(reply.data()["viewerCan"], json!({ "allowed": false, "rule": "not_found" }));

        let (_, all) = key(&admin, &["READ"], None).await;
        let count = "{ agents { totalCount } goals { totalCount } tasks { totalCount } }";
        assert_eq!(all.query(count).await.data(), admin.query(count).await.data());
    }

    async fn a_key_lives_from_its_creation_to_its_revocation(world) {
        let admin = world.acme_admin().await;
        let (id, first) = key(&admin, &["READ"], None).await;
        assert!(works(&first).await);

        let reply = rotate(&admin, &id, 24).await;
        assert!(reply.data()["rotateServiceAccountKey"]["serviceAccount"]["previousKeyExpiresAt"].is_string());
        let second = Caller { world: &world, token: reply.data()["rotateServiceAccountKey"]["key"].as_str().map(str::to_owned) };
        assert!(works(&first).await && works(&second).await);

        let reply = rotate(&admin, &id, 0).await;
        let third = Caller { world: &world, token: reply.data()["rotateServiceAccountKey"]["key"].as_str().map(str::to_owned) };
        assert!(!works(&first).await && !works(&second).await && works(&third).await);
        for hours in [-1, 169, i32::MAX] {
            assert_eq!(rotate(&admin, &id, hours).await.code(), Some("VALIDATION"));
        }

        let reply = admin.send(REVOKE, json!({ "id": id })).await;
        let payload = &reply.data()["revokeServiceAccount"];
        assert!(payload["key"].is_null() && payload["serviceAccount"]["revokedAt"].is_string());
        assert!(!works(&third).await);
        let again = admin.send(REVOKE, json!({ "id": id })).await;
        assert_eq!(again.data(), reply.data());
        assert_eq!(rotate(&admin, &id, 0).await.code(), Some("CONFLICT"));

        let log = admin.send("query($id: ID!) { auditEvents(filter: { subjectId: $id }) { nodes { type payload } } }", json!({ "id": id })).await;
        let kinds = values(&log.data()["auditEvents"]["nodes"], "type").into_iter().map(|kind| kind.as_str().unwrap().to_owned());
        assert_eq!(
            kinds.collect::<Vec<_>>(),
            ["service_account.revoked", "service_account.key_rotated", "service_account.key_rotated", "service_account.created"]
        );
        assert!(!log.text.contains("pal_"));
        // The secret part is stored nowhere, and neither is its key.
        let secret = &third.token.as_ref().unwrap()[58..];
        assert!(!world.dump().await.iter().any(|(_, rows)| rows.iter().any(|row| row.contains(secret))));
    }

    async fn a_key_lapses_with_its_makers_being_an_admin(world) {
        let (ada, worker) = (world.acme_admin().await, world.login(Some("Acme worker")).await);
        let operator = world.operator().await;
        let ben = user(&world, "ben@acme.example").await;
        assert!(works(&worker).await);
        operator.send("mutation($id: ID!) { suspendUser(id: $id) { user { id } } }", json!({ "id": ben })).await.data();
        assert!(!works(&worker).await);
        operator.send("mutation($id: ID!) { reactivateUser(id: $id) { user { id } } }", json!({ "id": ben })).await.data();
        assert!(works(&worker).await);
        let role = "mutation($input: UpdateMemberRoleInput!) { updateMemberRole(input: $input) { membership { role } } }";
        ada.send(role, json!({ "input": { "userId": ben, "role": "MEMBER" } })).await.data();
        assert!(!works(&worker).await);
        let list = "{ organization { serviceAccounts { totalCount nodes { id name lapsed createdBy { id } } } } }";
        let seen = ada.query(list).await;
        let accounts = &seen.data()["organization"]["serviceAccounts"];
        assert_eq!(accounts["totalCount"], 2);
        assert!(accounts["nodes"].as_array().unwrap().iter().all(|node| node["lapsed"] == true && node["createdBy"]["id"] == ben));
        let id = accounts["nodes"][0]["id"].as_str().unwrap();
        assert_eq!(rotate(&ada, id, 0).await.code(), Some("CONFLICT"));
        ada.send(role, json!({ "input": { "userId": ben, "role": "ADMIN" } })).await.data();
        assert!(works(&worker).await);
        let remove = "mutation($input: RemoveMemberInput!) { removeMember(input: $input) { organization { id } } }";
        ada.send(remove, json!({ "input": { "userId": ben } })).await.data();
        assert!(!works(&worker).await);
        operator.send("mutation($id: ID!) { suspendOrganization(id: $id) { organization { id } } }", json!({ "id": world.plan.organizations[0].id.to_string() })).await.data();
        assert!(!works(&world.login(Some("Acme planner")).await).await);
        assert!(works(&world.login(Some("Globex planner")).await).await);
    }

    async fn what_is_wrong_with_a_new_service_account_changes_nothing(world) {
        let admin = world.acme_admin().await;
        let before = world.dump().await;
        let foreign = agents(&world, "globex")[0].clone();
        let own = agents(&world, "acme")[0].clone();
        let many: Vec<String> = (0..101).map(|_| <entity::ids::AgentId as entity::ids::TypedId>::from_uuid(uuid::Uuid::now_v7()).to_string()).collect();
        for (input, code) in [
            (json!({ "name": " ", "scopes": ["READ"] }), "VALIDATION"),
            (json!({ "name": "A key", "scopes": [] }), "VALIDATION"),
            (json!({ "name": "A key", "scopes": ["READ"], "agentIds": [] }), "VALIDATION"),
            (json!({ "name": "A key", "scopes": ["READ"], "agentIds": ["goal_x"] }), "VALIDATION"),
            (json!({ "name": "A key", "scopes": ["READ"], "agentIds": many }), "VALIDATION"),
            (json!({ "name": "A key", "scopes": ["READ"], "agentIds": [own, foreign] }), "NOT_FOUND"),
        ] {
            let reply = admin.send(CREATE, json!({ "input": input })).await;
            assert_eq!(reply.code(), Some(code), "{input}: {}", reply.text);
        }
        for id in [world.plan.service_accounts.iter().find(|row| row.org_id != world.plan.service_accounts[0].org_id).unwrap().id] {
            assert_eq!(admin.send(REVOKE, json!({ "id": id.to_string() })).await.code(), Some("NOT_FOUND"));
            assert_eq!(rotate(&admin, &id.to_string(), 0).await.code(), Some("NOT_FOUND"));
        }
        assert!(before == world.dump().await);
    }

    async fn a_super_admin_sees_accounts_and_neither_makes_nor_changes_one(world) {
        let operator = world.operator().await;
        let seen = operator.query("{ organizations { nodes { serviceAccounts { nodes { name scopes lapsed createdBy { name } } } } } }").await;
        for organization in seen.data()["organizations"]["nodes"].as_array().unwrap() {
            let accounts = organization["serviceAccounts"]["nodes"].as_array().unwrap();
            assert_eq!(accounts.len(), 2);
            assert!(accounts.iter().all(|account| account["name"].is_string() && account["lapsed"] == false));
        }
        let id = world.plan.service_accounts[0].id.to_string();
        assert_eq!(operator.send(CREATE, json!({ "input": { "name": "Mine", "scopes": ["READ"] } })).await.code(), Some("FORBIDDEN"));
        assert_eq!(rotate(&operator, &id, 0).await.code(), Some("FORBIDDEN"));
        assert_eq!(operator.send(REVOKE, json!({ "id": id })).await.code(), Some("FORBIDDEN"));
    }

    async fn a_key_has_no_account_to_do_anything_with(world) {
        let worker = world.login(Some("Acme worker")).await;
        let own = worker.query("{ viewer { user { id } isSuperAdmin orgRole teams { role } memberships { role } serviceAccount { name scopes allAgents agents { id } lapsed } permissions } }").await;
        let viewer = &own.data()["viewer"];
        assert_eq!(viewer["serviceAccount"], json!({ "name": "Worker", "scopes": ["TASKS_RUN", "USAGE_WRITE"], "allAgents": true, "agents": null, "lapsed": false }));
        assert!(viewer["user"].is_null() && viewer["orgRole"].is_null() && viewer["isSuperAdmin"] == false);
        assert_eq!((&viewer["teams"], &viewer["memberships"]), (&json!([]), &json!([])));
        let held: Vec<&str> = viewer["permissions"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
        assert!(held.contains(&"TASK_RUN") && !held.contains(&"SERVICE_ACCOUNT_MANAGE") && !held.contains(&"PLAN_PROPOSE"));
        let org = world.plan.organizations[0].id.to_string();
        for (mutation, variables) in [
            ("mutation { logout }", json!({})),
            ("mutation($id: ID!) { switchOrganization(organizationId: $id) { accessToken } }", json!({ "id": org })),
            (
                "mutation($input: ChangePasswordInput!) { changePassword(input: $input) { accessToken } }",
                json!({ "input": { "currentPassword": "x", "newPassword": "a long enough one" } }),
            ),
        ] {
            let reply = worker.send(mutation, variables).await;
            assert_eq!(reply.code(), Some("FORBIDDEN"), "{}", reply.text);
        }
    }

    async fn of_two_rotations_at_one_instant_both_keys_work(world) {
        let admin = world.acme_admin().await;
        let (id, first) = key(&admin, &["READ"], None).await;
        let (a, b) = tokio::join!(rotate(&admin, &id, 1), rotate(&admin, &id, 1));
        for reply in [a, b] {
            let token = reply.data()["rotateServiceAccountKey"]["key"].as_str().map(str::to_owned);
            assert!(works(&Caller { world: &world, token }).await);
        }
        assert!(!works(&first).await, "one overlap, not two");
    }

    async fn a_revoked_account_is_still_named_by_what_it_did(world) {
        let admin = world.acme_admin().await;
        let worker = world.plan.service_accounts[0].id.to_string();
        admin.send(REVOKE, json!({ "id": worker })).await.data();
        let log = "{ auditEvents(first: 100, filter: { types: [\"worker.registered\"] }) { nodes { actor { id } actorName serviceAccount { id name } } } }";
        let seen = admin.query(log).await;
        let nodes = seen.data()["auditEvents"]["nodes"].as_array().unwrap();
        assert_eq!(nodes.len(), 6);
        assert!(nodes.iter().all(|node| node["actor"].is_null() && node["serviceAccount"]["id"] == worker.as_str()));
    }
}
