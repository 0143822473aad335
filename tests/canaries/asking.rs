//! Asks for everything that the schema has, by every way that leads there, of every organisation's objects.

use std::collections::BTreeMap;

use axum::{body::Body, http::Request};
use serde_json::{Value, json};

use crate::support::{
    shape::{Field, Shape, given},
    world::{Caller, World},
};

/// Node types with ids of all organisations' objects: at most so many of each organisation.
pub fn nodes(world: &World, most: usize) -> BTreeMap<&'static str, Vec<String>> {
    let plan = &world.plan;
    let mut nodes = BTreeMap::new();
    macro_rules! nodes {
        ($($kind:literal $rows:ident $org:ident),* $(,)?) => {
            $(
                let mut ids = Vec::new();
                for organization in &plan.organizations {
                    let own: Vec<String> = plan.$rows.iter().filter(|row| row.$org == organization.id).map(|row| row.id.to_string()).collect();
                    let step = own.len().div_ceil(most).max(1);
                    ids.extend(own.into_iter().step_by(step));
                }
                nodes.insert($kind, ids);
            )*
        };
    }
    nodes! {
        "Organization" organizations id, "Team" teams org_id, "Agent" agents org_id, "AgentDocument" agent_documents org_id,
        "Goal" goals org_id, "Task" tasks org_id, "Execution" executions org_id, "ApprovalRequest" approval_requests org_id,
        "ChatSession" chat_sessions org_id, "ChatMessage" chat_messages org_id, "Worker" workers org_id,
        "ServiceAccount" service_accounts org_id, "WorkspaceFile" workspace_files org_id, "Event" events org_id,
    }
    nodes.insert("User", plan.users.iter().take(2 * most).map(|row| row.id.to_string()).collect());
    let documents = plan.global_agent_documents.iter().map(|row| row.id.to_string());
    nodes.entry("AgentDocument").or_insert_with(Vec::new).extend(documents);
    nodes
}

/// Everything that comes back for a request: status, headers, body.
async fn whole(caller: &Caller<'_>, request: axum::http::request::Builder, body: String) -> String {
    let response = caller.respond(request, Body::from(body)).await;
    format!("{:?} {:?}\n{}", response.status(), response.headers(), String::from_utf8_lossy(response.body()))
}

pub async fn ask(caller: &Caller<'_>, query: &str, variables: Value) -> String {
    let request = Request::post("/graphql").header("content-type", "application/json");
    whole(caller, request, json!({ "query": query, "variables": variables }).to_string()).await
}

/// The same, with less and less where that is more than a document may have.
async fn as_deep_as_goes(caller: &Caller<'_>, variables: &Value, document: impl Fn(usize) -> String) -> String {
    for depth in [1, 0] {
        let answer = ask(caller, &document(depth), variables.clone()).await;
        if !answer.contains("QUERY_TOO_COMPLEX") {
            return answer;
        }
    }
    panic!("too much is asked at once: {}", document(0));
}

const PAGES: [&str; 12] = [
    "/healthz",
    "/readyz",
    "/.well-known/jwks.json",
    "/auth/verify",
    "/demo/logins.json",
    "/dev/mailbox",
    "/graphiql/",
    "/metrics",
    "/audit/export",
    "/audit/export?types=goal.submitted,file.put",
    "/graphql?query=%7Bgoals%7Bnodes%7BgoalText%7D%7D%7D",
    "/graphql?query=%7Bbroken",
];

/// Everything that a caller is answered.
pub async fn everything(world: &World, caller: &Caller<'_>, shape: &Shape) -> Vec<String> {
    let mut answers = Vec::new();
    for (kind, ids) in nodes(world, 12) {
        for ids in ids.chunks(12) {
            let leaves = shape.selection(kind, 0);
            // The bytes of files weigh much in a document.
            let query =
                format!("query($ids: [ID!]!) {{ nodes(ids: $ids) {{ __typename id ... on {kind} {{ {leaves} }} }} }}");
            answers.push(ask(caller, &query, json!({ "ids": ids })).await);
        }
        for field in shape.fields(kind).iter().filter(|field| !shape.is_leaf(&field.of)) {
            for ids in ids.chunks(8) {
                let document = |depth| {
                    let inner = shape.selection(&field.of, depth);
                    format!(
                        "query($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on {kind} {{ it: {}{} {{ __typename {inner} }} }} }} }}",
                        field.name,
                        given(field)
                    )
                };
                answers.push(as_deep_as_goes(caller, &json!({ "ids": ids }), document).await);
            }
        }
    }
    for field in shape.fields("Query") {
        for variables in arguments(world, field) {
            let document = |depth| root(shape, field, &variables, depth);
            answers.push(as_deep_as_goes(caller, &json!({}), document).await);
        }
    }
    let organizations = world.plan.organizations.iter().map(|org| format!("/audit/export?organizationId={}", org.id));
    for page in PAGES.into_iter().map(str::to_owned).chain(organizations) {
        answers.push(whole(caller, Request::get(page), String::new()).await);
    }
    answers
}

fn root(shape: &Shape, field: &Field, arguments: &str, depth: usize) -> String {
    let depth = if field.of.ends_with("Connection") || field.name == "viewer" { depth + 1 } else { depth };
    let inner = if shape.is_leaf(&field.of) {
        String::new()
    } else {
        format!("{{ __typename {} }}", shape.selection(&field.of, depth))
    };
    format!("{{ {}{arguments} {inner} }}", field.name)
}

/// Ways to call a field of the root.
fn arguments(world: &World, field: &Field) -> Vec<String> {
    let organizations = || world.plan.organizations.iter().map(|org| org.id.to_string());
    let has = |name: &str| field.arguments.iter().any(|argument| argument.name == name);
    let mut ways = Vec::new();
    match field.name.as_str() {
        // By ids, everything is asked above.
        "node" | "nodes" | "viewerCan" => {}
        "usage" => {
            for by in ["[]", "[DAY]", "[MODEL, ORGANIZATION]", "[AGENT, USER]"] {
                ways.push(format!("(from: \"2026-10-01T00:00:00Z\", to: \"2026-12-01T00:00:00Z\", groupBy: {by})"));
            }
        }
        "organization" => ways.extend(organizations().map(|id| format!("(id: \"{id}\")"))),
        _ if has("filter") => {
            ways.push("(first: 10)".to_owned());
            ways.push("(last: 3)".to_owned());
            let kind = field.arguments.iter().find(|argument| argument.name == "filter").unwrap();
            if kind.of != "OrganizationFilter" {
                ways.extend(organizations().map(|id| format!("(first: 10, filter: {{ organizationId: \"{id}\" }})")));
            }
            if !["ApprovalFilter", "AuditFilter", "TaskFilter", "WorkerFilter", "ChatSessionFilter"]
                .contains(&kind.of.as_str())
            {
                ways.push("(first: 10, filter: { search: \"a\" })".to_owned());
            }
        }
        _ if has("id") => {}
        _ => ways.push(String::new()),
    }
    ways
}
