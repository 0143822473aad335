//! Invariant: the mutations of teams, agents and goals take what their inputs say, answer with what the viewer sees of the
//! outcome, and show a super-admin no content, not even its own.

use std::sync::Arc;

use async_graphql::{Request, Response, Variables};
use palisade::{
    graphql::{self, RequestCtx},
    store::list::cursor::CursorSealer,
    viewer::Viewer,
};
use serde_json::{Value, json};

use crate::{
    service::{agent, collaborator},
    support::{
        empty_world::{URL, on_both},
        two_organizations::World,
    },
};

async fn execute(world: &World, viewer: Viewer, document: &str, variables: Value) -> Response {
    let sealer = CursorSealer::new(&[7; 32]);
    let cx = RequestCtx::new(world.db.clone(), viewer, world.clock.clone(), sealer, world.identity(), URL.into());
    let request = Request::new(document).variables(Variables::from_json(variables)).data(Arc::new(cx));
    graphql::schema().execute(request).await
}

/// The field's value, of an operation with one field.
async fn ask(world: &World, viewer: &Viewer, document: &str, variables: Value) -> Value {
    let response = execute(world, viewer.clone(), document, variables).await;
    assert!(response.errors.is_empty(), "{document}: {:?}", response.errors);
    let data = response.data.into_json().unwrap();
    data.as_object().unwrap().values().next().unwrap().clone()
}

async fn code(world: &World, viewer: &Viewer, document: &str, variables: Value) -> String {
    let response = execute(world, viewer.clone(), document, variables).await;
    let error = response.errors.first().expect("a refusal");
    error.extensions.as_ref().and_then(|all| all.get("code")).expect("a code").clone().into_json().unwrap().to_string()
}

const CREATE: &str = "mutation($input: CreateAgentInput!) { createAgent(input: $input) { agent {
    id visibility status requiredApprovals requirePlanApproval systemPrompt config owner { id } team { id } } } }";

on_both! {
    async fn every_mutation_of_teams_agents_and_goals_answers(world) {
        let admin = world.tenant(&world.acme, world.acme.admin).await.cx().await.viewer.clone();
        let (bob, team) = (world.acme.bob.to_string(), world.acme.team.to_string());
        let ask = async |document: &str, variables: Value| ask(&world, &admin, document, variables).await;

        let made = "mutation($input: CreateTeamInput!) { createTeam(input: $input) { team { id name slug } } }";
        let made = ask(made, json!({ "input": { "name": "Ops", "slug": "ops" } })).await;
        assert_eq!(made["team"]["slug"], "ops");
        let ops = made["team"]["id"].clone();
        let renamed = "mutation($input: UpdateTeamInput!) { updateTeam(input: $input) { team { name slug } } }";
        let renamed = ask(renamed, json!({ "input": { "id": ops, "name": "Operations" } })).await;
        assert_eq!(renamed["team"], json!({ "name": "Operations", "slug": "ops" }));
        let member = json!({ "input": { "teamId": ops, "userId": bob, "role": "ADMIN" } });
        for field in ["addTeamMember", "updateTeamMemberRole"] {
            let document = format!(
                "mutation($input: TeamMemberInput!) {{ {field}(input: $input) {{ membership {{ role user {{ id }} }} }} }}"
            );
            let answer = ask(&document, member.clone()).await;
            assert_eq!(answer["membership"], json!({ "role": "ADMIN", "user": { "id": bob } }));
        }
        let removed = "mutation($t: ID!, $u: ID!) { removeTeamMember(teamId: $t, userId: $u) { team { id } } }";
        assert_eq!(ask(removed, json!({ "t": ops, "u": bob })).await["team"]["id"], ops);
        let deleted = "mutation($id: ID!) { deleteTeam(id: $id) { deletedId } }";
        assert_eq!(ask(deleted, json!({ "id": ops })).await["deletedId"], ops);

        let input = json!({ "name": "Scout", "systemPrompt": "be kind", "config": { "model": "m" } });
        let agent = ask(CREATE, json!({ "input": input })).await["agent"].clone();
        assert_eq!(agent["visibility"], "PRIVATE");
        assert_eq!(agent["systemPrompt"], "be kind");
        assert_eq!(agent["requiredApprovals"], 1);
        let id = agent["id"].clone();
        let changed = "mutation($input: UpdateAgentInput!) { updateAgent(input: $input) { agent { status name } } }";
        let changed = ask(changed, json!({ "input": { "id": id, "status": "STOPPED" } })).await;
        assert_eq!(changed["agent"], json!({ "status": "STOPPED", "name": "Scout" }));
        let changed = "mutation($input: UpdateAgentInput!) { updateAgent(input: $input) { agent { status } } }";
        ask(changed, json!({ "input": { "id": id, "status": "ACTIVE" } })).await;
        let shared = "mutation($input: SetCollaboratorInput!) { setCollaborator(input: $input) {
            agent { collaborators { permission collaborator { ... on User { id } } } } } }";
        let shared = ask(shared, json!({ "input": { "agentId": id, "userId": bob, "permission": "EDIT" } })).await;
        assert_eq!(shared["agent"]["collaborators"], json!([{ "permission": "EDIT", "collaborator": { "id": bob } }]));
        let unshared = "mutation($input: RemoveCollaboratorInput!) { removeCollaborator(input: $input) {
            agent { collaborators { permission } } } }";
        let unshared = ask(unshared, json!({ "input": { "agentId": id, "userId": bob } })).await;
        assert_eq!(unshared["agent"]["collaborators"], json!([]));
        for (field, left) in [("addAgentAdmin", 1), ("removeAgentAdmin", 0)] {
            let document = format!("mutation($a: ID!, $u: ID!) {{ {field}(agentId: $a, userId: $u) {{ agent {{ admins {{ id }} }} }} }}");
            let answer = ask(&document, json!({ "a": id, "u": bob })).await;
            assert_eq!(answer["agent"]["admins"].as_array().unwrap().len(), left);
        }
        let attached = "mutation($input: AttachDocumentInput!) { attachDocument(input: $input) {
            document { id type content agent { id } } } }";
        let attached =
            ask(attached, json!({ "input": { "agentId": id, "type": "RULE", "name": "R", "content": "c" } })).await;
        assert_eq!(attached["document"]["content"], "c");
        let document = attached["document"]["id"].clone();
        let removed = "mutation($id: ID!) { removeDocument(id: $id) { deletedId } }";
        assert_eq!(ask(removed, json!({ "id": document })).await["deletedId"], document);

        let submitted = "mutation($input: SubmitGoalInput!) { submitGoal(input: $input) {
            goal { id status goalText priority submittedBy { id } } } }";
        let documents = json!([{ "type": "REFERENCE", "name": "R", "uri": "https://acme.example/r" }]);
        let submitted = ask(
            submitted,
            json!({ "input": { "agentId": id, "goalText": "go", "documents": documents, "idempotencyKey": "k" } }),
        )
        .await;
        assert_eq!(submitted["goal"]["goalText"], "go");
        assert_eq!(submitted["goal"]["status"], "PENDING");
        let cancelled = "mutation($id: ID!) { cancelGoal(id: $id) { goal { status completedAt } } }";
        let cancelled = ask(cancelled, json!({ "id": submitted["goal"]["id"] })).await;
        assert_eq!(cancelled["goal"]["status"], "CANCELLED");
        assert!(cancelled["goal"]["completedAt"].is_string());

        let moved = "mutation($input: SetAgentVisibilityInput!) { setAgentVisibility(input: $input) {
            agent { visibility team { id } owner { id } } } }";
        let moved = ask(moved, json!({ "input": { "id": id, "visibility": "TEAM", "teamId": team } })).await;
        assert_eq!(moved["agent"], json!({ "visibility": "TEAM", "team": { "id": team }, "owner": null }));
        let archived = "mutation($id: ID!) { archiveAgent(id: $id) { agent { status } } }";
        assert_eq!(ask(archived, json!({ "id": id })).await["agent"]["status"], "ARCHIVED");
    }

    async fn a_super_admin_reads_back_nothing_of_what_it_wrote(world) {
        let operator = world.operator().cx().await.viewer.clone();
        let input = json!({ "name": "G", "visibility": "GLOBAL", "systemPrompt": "secret", "config": { "k": "secret" } });
        let made = ask(&world, &operator, CREATE, json!({ "input": input })).await;
        assert_eq!(made["agent"]["systemPrompt"], Value::Null);
        assert!(!made.to_string().contains("secret"));
        let attached = "mutation($input: AttachDocumentInput!) { attachDocument(input: $input) { document { id content uri } } }";
        let input = json!({ "agentId": made["agent"]["id"], "type": "RULE", "name": "R", "content": "secret" });
        let attached = ask(&world, &operator, attached, json!({ "input": input })).await;
        assert_eq!(attached["document"]["content"], Value::Null);
    }

    async fn whoever_gives_an_agent_away_is_answered_without_it(world) {
        let ada = world.tenant(&world.acme, world.acme.ada).await;
        let id = agent::private(&ada).await;
        let (bob, admin) = (world.acme.bob, entity::enums::CollaboratorPermission::Admin);
        collaborator::share(&ada, id, bob, admin).await.unwrap();
        let viewer = world.tenant(&world.acme, bob).await.cx().await.viewer.clone();
        let document = "mutation($input: RemoveCollaboratorInput!) { removeCollaborator(input: $input) { agent { id } } }";
        let variables = json!({ "input": { "agentId": id.to_string(), "userId": bob.to_string() } });
        assert_eq!(ask(&world, &viewer, document, variables).await, json!({ "agent": null }));
    }

    async fn a_refusal_has_its_code(world) {
        let ada = world.tenant(&world.acme, world.acme.ada).await.cx().await.viewer.clone();
        let cancel = "mutation($id: ID!) { cancelGoal(id: $id) { goal { id } } }";
        let goal = world.absent::<entity::ids::GoalId>().to_string();
        assert_eq!(code(&world, &ada, cancel, json!({ "id": goal })).await, "\"NOT_FOUND\"");
        assert_eq!(code(&world, &ada, cancel, json!({ "id": "agt_1" })).await, "\"VALIDATION\"");
        assert_eq!(code(&world, &Viewer::Anonymous, cancel, json!({ "id": goal })).await, "\"UNAUTHENTICATED\"");
        let operator = world.operator().cx().await.viewer.clone();
        assert_eq!(code(&world, &operator, cancel, json!({ "id": goal })).await, "\"FORBIDDEN\"");
        let create = "mutation { createTeam(input: { name: \"T\", slug: \"t\" }) { team { id } } }";
        assert_eq!(code(&world, &ada, create, json!({})).await, "\"FORBIDDEN\"");
    }
}
