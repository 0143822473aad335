//! What goes wrong with content in flight: the answer goes to its sender alone and holds no word of the fault; the log holds
//! no word of the content.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    http::{Request, Response},
};
use http_body_util::BodyExt as _;
use palisade::{
    app::plug::Rooms,
    config::Config,
    error::Result,
    http::{
        audit_export::Wanted,
        backend::{Backend, Opened},
        router::router,
    },
    service::{audit_export::Piece, refused_mutations::Refusal},
    viewer::Viewer,
};
use sea_orm::ConnectionTrait as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::{log, marker::Marks};
use crate::support::world::{Caller, World, on_both};

/// The ways in which a client can send what it should not, each with the marker in it. Every one is refused.
fn wrong(marker: &str) -> Vec<Value> {
    let plain = |query: String| json!({ "query": query });
    let with = |query: &str, variables: Value| json!({ "query": query, "variables": variables });
    let submit = "mutation($input: SubmitGoalInput!) { submitGoal(input: $input) { goal { id } } }";
    vec![
        // Where another type belongs, as a literal and as a variable.
        plain(format!("{{ goals(first: \"{marker}\") {{ totalCount }} }}")),
        plain(format!("{{ goals(filter: {{ status: [{marker}] }}) {{ totalCount }} }}")),
        plain(format!("{{ goals(filter: \"{marker}\") {{ totalCount }} }}")),
        plain(format!("{{ goals(filter: {{ {marker}: 1 }}) {{ totalCount }} }}")),
        plain(format!("{{ goal(id: \"{marker}\") {{ id }} }}")),
        plain(format!("{{ goal(id: \"goal_{marker}\") {{ id }} }}")),
        plain(format!("{{ usage(from: \"{marker}\", to: \"2026-12-01T00:00:00Z\", groupBy: []) {{ day }} }}")),
        plain(format!("mutation {{ submitGoal(input: \"{marker}\") {{ goal {{ id }} }} }}")),
        plain(format!(
            "mutation {{ submitGoal(input: {{ agentId: \"{marker}\", goalText: \"{marker}\" }}) {{ goal {{ id }} }} }}"
        )),
        plain(format!("mutation {{ setBudget(input: {{ monthlyCostUsd: \"{marker}\" }}) {{ __typename }} }}")),
        with("query($first: Int) { goals(first: $first) { totalCount } }", json!({ "first": marker })),
        with("query($first: Int) { goals(first: $first) { totalCount } }", json!({ "first": { "a": [marker] } })),
        with(submit, json!({ "input": marker })),
        with(submit, json!({ "input": [marker] })),
        with(submit, json!({ "input": { "agentId": marker, "goalText": [marker] } })),
        with(submit, json!({ "input": { "agentId": "x", "goalText": "x", marker: marker } })),
        with(submit, json!({ "input": { "agentId": "x", "goalText": "x", "priority": marker } })),
        with(submit, json!({ marker: marker })),
        with(&format!("query($first: Int = \"{marker}\") {{ goals(first: $first) {{ totalCount }} }}"), json!({})),
        with("query($a: String) { goals(after: $a) { totalCount } }", json!({ "a": marker })),
        // Names that are not there, with suggestions of those that are.
        plain(format!("{{ {marker} }}")),
        plain(format!("{{ goal(id: \"{marker}\") {{ goalTxt }} }}")),
        plain(format!("{{ goals(frst: \"{marker}\") {{ totalCount }} }}")),
        plain(format!("{{ nothing(of: \"{marker}\", {{ the: \"{marker}\" }}) }}")),
        plain(format!("{{ goals {{ ...{marker} }} }}")),
        plain(format!("fragment {marker} on Nothing {{ id }} {{ goals {{ totalCount }} }}")),
        plain(format!("{{ goals @{marker}(of: \"{marker}\") {{ totalCount }} }}")),
        plain(format!("query($a: {marker}) {{ goals(after: $a) {{ totalCount }} }}")),
        // What is no document.
        plain(format!("{{ goals # {marker}\n")),
        plain(format!("{{ goals(after: \"{marker}) {{ totalCount }} }}")),
        plain(format!("\"{marker}\"")),
        plain(marker.to_owned()),
        json!({ "query": "{ goals { totalCount } }", "variables": marker }),
        json!({ "query": "{ goals { totalCount } }", "operationName": [marker] }),
        json!({ "query": [marker] }),
        json!({ "extensions": { "persistedQuery": { "sha256Hash": marker } } }),
        json!(marker),
        json!([{ "query": marker }, { "query": format!("{{ goal(id: \"{marker}\") {{ id }} }}") }]),
    ]
}

async fn post(caller: &Caller<'_>, body: String) -> Response<axum::body::Bytes> {
    let request = Request::post("/graphql").header("content-type", "application/json");
    caller.respond(request, Body::from(body)).await
}

fn text(response: &Response<axum::body::Bytes>) -> String {
    format!("{:?} {:?} {}", response.status(), response.headers(), String::from_utf8_lossy(response.body()))
}

/// An agent of Acme's that takes goals, and a goal of it.
fn agent(world: &World) -> String {
    let fits = |row: &&entity::agent::Model| {
        row.org_id == world.acme()
            && row.visibility == entity::enums::AgentVisibility::Public
            && row.status == entity::enums::AgentStatus::Active
    };
    world.plan.agents.iter().find(fits).unwrap().id.to_string()
}

const SUBMIT: &str = "mutation($input: SubmitGoalInput!) { submitGoal(input: $input) { goal { id goalText } } }";
const CREATE: &str = "mutation($input: CreateAgentInput!) { createAgent(input: $input) { agent { id } } }";

/// Panics with what it was given, as a resolver that unwraps would.
#[derive(Debug)]
struct Panics {
    rooms: Rooms,
    with: String,
}

#[async_trait::async_trait]
impl Backend for Panics {
    async fn authenticate(&self, authorization: &[&str]) -> Result<Viewer> {
        self.rooms.authenticate(authorization).await
    }

    fn open(&self, viewer: &Viewer) -> Opened {
        let opened = self.rooms.open(viewer);
        assert!(self.with.is_empty(), "opened with {}", self.with);
        opened
    }

    async fn refused(&self, viewer: &Viewer, refusals: Vec<Refusal>) {
        self.rooms.refused(viewer, refusals).await;
    }

    async fn export_audit(&self, _: &Viewer, _: &Wanted, _: i64) -> Result<Piece> {
        panic!("exported {}", self.with)
    }

    async fn jwks(&self) -> Result<Value> {
        panic!("keys {}", self.with)
    }

    async fn ready(&self) -> Vec<(&'static str, bool)> {
        self.rooms.ready().await
    }
}

async fn send(router: &Router, caller: &Caller<'_>, request: axum::http::request::Builder, body: String) -> String {
    let token = caller.token.clone().unwrap_or_default();
    let request = request.header("authorization", format!("Bearer {token}")).header("content-type", "application/json");
    let response = router.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    format!("{:?} {:?} {}", parts.status, parts.headers, String::from_utf8_lossy(&body))
}

on_both! {
    async fn what_is_sent_wrongly_is_told_to_its_sender_alone_and_never_to_the_log(world) {
        log::listen();
        let marks = Marks::new();
        let marker = marks.text('t', 98, 1);
        let (admin, nobody) = (world.acme_admin().await, world.anonymous());
        for caller in [&admin, &nobody] {
            for body in wrong(&marker) {
                let answer = text(&post(caller, body.to_string()).await);
                assert!(answer.contains("errors"), "{body} was taken: {answer}");
                // A name that is not there is told by its name, and no value ever.
                let values = answer.matches(&marker).count();
                let names = body.to_string();
                let is_name = [format!("{{ {marker}"), format!("...{marker}"), format!("@{marker}"), format!(": {marker})"), format!("fragment {marker}"), format!("[{marker}]"), format!("\"{marker}\":")];
                assert!(values == 0 || is_name.iter().any(|name| names.contains(name)), "a value is told again: {body}: {answer}");
            }
            for body in [format!("{{\"query\": \"{marker}"), marker.clone(), format!("{{\"query\":\"{{a}}\",\"{marker}\":1,\"{marker}\":2}}")] {
                marks.hold("an answer to what is no JSON", text(&post(caller, body).await));
            }
            for path in ["/audit/export?from={}", "/audit/export?{}=1", "/audit/export?organizationId={}", "/audit/export?types={}", "/graphql?query={}", "/{}", "/auth/verify/{}", "/graphiql/{}"] {
                let answer = caller.respond(Request::get(path.replace("{}", &marker)), Body::empty()).await;
                if !path.starts_with("/graphql") {
                    marks.hold(path, text(&answer));
                }
            }
            for name in ["authorization", "x-user-id", "origin", "accept", "cookie", "x-forwarded-for", "user-agent", "x-request-id", "traceparent"] {
                let request = Request::post("/graphql").header("content-type", "application/json").header(name, format!("Bearer {marker}"));
                let answer = caller.respond(request, Body::from("{\"query\":\"{ viewer { isSuperAdmin } }\"}")).await;
                marks.hold(name, text(&answer));
            }
        }
        let said = log::said();
        assert!(said.matches("palisade::request").count() > 80, "the log was not heard");
        marks.hold("the log", &said);
    }

    async fn content_that_a_database_refuses_is_in_no_answer_and_in_no_line(world) {
        log::listen();
        let marks = Marks::new();
        let marker = |row| marks.text('t', 97, row);
        let (admin, operator) = (world.acme_admin().await, world.operator().await);
        let goal = |row: usize, more: Value| {
            let mut input = json!({ "agentId": agent(&world), "goalText": marker(row) });
            input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            json!({ "input": input })
        };
        // Too large, NUL, a lone surrogate, and what Unicode has besides.
        let mut answers = Vec::new();
        for text in [format!("{}{}", marker(1), "x".repeat(300_000)), format!("\0{}", marker(2)), format!("{}\u{fffe}\u{202e}", marker(3))] {
            answers.push(admin.send(SUBMIT, json!({ "input": { "agentId": agent(&world), "goalText": text } })).await.text);
        }
        let raw = json!({ "query": SUBMIT, "variables": goal(4, json!({})) }).to_string().replace("\"goalText\":\"", "\"goalText\":\"\\ud800");
        answers.push(text(&post(&admin, raw).await));
        let long = json!({ "query": SUBMIT, "variables": goal(5, json!({ "idempotencyKey": marker(6).repeat(300) })) }).to_string();
        answers.push(text(&post(&admin, long).await));
        let body = format!("{{\"query\":\"{}{}\"}}", marker(7), "x".repeat(3_000_000));
        answers.push(text(&post(&admin, body).await));
        assert!(answers.iter().filter(|answer| answer.contains("errors")).count() >= 4, "{answers:?}");

        // A row that a constraint refuses, with all of its values bound.
        let names: &[&str] = if world.kind == "sqlite" {
            &["CREATE TRIGGER broken BEFORE INSERT ON goals WHEN NEW.priority = 77 BEGIN SELECT RAISE(ABORT, 'CHECK constraint failed: broken'); END"]
        } else {
            &["ALTER TABLE goals ADD CONSTRAINT broken CHECK (priority <> 77 OR length(goal_text) < 3) NOT VALID"]
        };
        for sql in names {
            world.root.execute_unprepared(sql).await.unwrap();
        }
        let refused = admin.send(SUBMIT, goal(8, json!({ "priority": 77 }))).await;
        assert_eq!(refused.code(), Some("INTERNAL"), "{}", refused.text);
        answers.push(refused.text);
        // A type that does not take the value, which PostgreSQL repeats in its detail.
        if world.kind == "postgres" {
            world.root.execute_unprepared("ALTER TABLE agents ALTER COLUMN system_prompt TYPE varchar(5) USING substr(system_prompt, 1, 5)").await.unwrap();
            let new = json!({ "input": { "name": "Scout", "systemPrompt": marker(9), "visibility": "PUBLIC" } });
            let refused = admin.send(CREATE, new).await;
            assert_eq!(refused.code(), Some("INTERNAL"), "{}", refused.text);
            answers.push(refused.text);
            world.root.execute_unprepared("ALTER TABLE goals ADD COLUMN goal_json jsonb GENERATED ALWAYS AS (goal_text::jsonb) STORED").await.unwrap_err();
        }
        // What is stored and is not what it should be.
        let broken = format!("UPDATE tasks SET payload = '{{\"a\": {}'", marker(10));
        world.root.execute_unprepared(&broken).await.unwrap();
        let broken = format!("UPDATE events SET payload = '[\"{}\"'", marker(11));
        world.root.execute_unprepared(&broken).await.unwrap();
        let broken = format!("UPDATE service_accounts SET scopes = '{{\"{}\": 1}}'", marker(12));
        world.root.execute_unprepared(&broken).await.unwrap();
        for caller in [&operator, &admin] {
            for query in ["{ tasks(first: 3) { nodes { payload } } }", "{ auditEvents(first: 3) { nodes { payload } } }", "{ viewer { organization { serviceAccounts { nodes { scopes } } } } }"] {
                let answer = caller.query(query).await;
                if caller.token == operator.token {
                    marks.hold("what an operator is answered", &answer.text);
                }
            }
        }
        let worker = world.login(Some("Acme worker")).await;
        let _ = worker.query("{ viewer { serviceAccount { name } } }").await;
        let export = admin.respond(Request::get("/audit/export"), Body::empty()).await;
        assert!(!text(&export).contains("trailing"), "{}", text(&export));
        // A column that is gone, in the middle of a write; then the table.
        for sql in ["ALTER TABLE goals RENAME COLUMN goal_text TO gone", "DROP TABLE chat_messages"] {
            world.root.execute_unprepared(sql).await.unwrap();
        }
        answers.push(admin.send(SUBMIT, goal(13, json!({}))).await.text);
        answers.push(operator.query("{ goals(first: 1) { nodes { status goalText } } }").await.text);
        answers.push(admin.query("{ goals(first: 1) { nodes { status goalText } } }").await.text);
        assert!(answers.iter().filter(|answer| answer.contains("INTERNAL")).count() >= 2, "{answers:?}");
        // What is taken is shown to whom it is of.
        for answer in answers.iter().filter(|answer| answer.contains("\"errors\"")) {
            marks.hold("an answer", answer);
            for word in ["SELECT", "INSERT", "constraint", " column", "relation"] {
                assert!(!answer.contains(word), "{answer}");
            }
        }
        world.database.close().await;
        let gone = admin.send(SUBMIT, goal(14, json!({}))).await;
        marks.hold("an answer without a database", &gone.text);
        let said = log::said();
        assert!(said.contains("internal error"), "nothing went wrong");
        marks.hold("the log", &said);
    }

    async fn files_that_cannot_be_kept_are_told_without_their_names_or_bytes(world) {
        log::listen();
        let marks = Marks::new();
        let admin = world.acme_admin().await;
        let goal = world.plan.goals.iter().find(|row| row.org_id == world.acme()).unwrap().id.to_string();
        let put = "mutation($input: PutWorkspaceFileInput!) { putWorkspaceFile(input: $input) { file { id } } }";
        let file = |path: String, contents: String| json!({ "input": { "goalId": goal, "path": path, "contents": contents } });
        let marker = marks.text('t', 96, 1);
        let mut answers = Vec::new();
        for (path, contents) in [
            (format!("../{marker}"), marker.clone()),
            (format!("/{marker}"), marker.clone()),
            (format!("a/{marker}\0"), marker.clone()),
            (marker.repeat(20), marker.clone()),
            (marker.clone(), format!("{marker}{}", "x".repeat(200_000))),
        ] {
            answers.push(admin.send(put, file(path, contents)).await.text);
        }
        let encoded = json!({ "input": { "goalId": goal, "path": "a", "contents": marker, "encoding": "BASE64" } });
        answers.push(admin.send(put, encoded).await.text);
        assert!(answers.iter().filter(|answer| answer.contains("\"errors\"")).count() >= 5, "{answers:?}");
        let kept = admin.send(put, file(format!("{marker}.md"), marker.clone())).await;
        assert!(kept.code().is_none(), "{}", kept.text);
        // Bytes that are gone, or others than were put; then a folder that is none.
        let home = world.workspace.path().join("orgs").join(world.acme().to_string());
        std::fs::write(home.join(&goal).join(format!("{marker}.md")), "others").unwrap();
        let read = "query($id: ID!) { goal(id: $id) { files(first: 9) { nodes { contents } } } }";
        let read = admin.send(read, json!({ "id": goal })).await;
        assert!(read.text.contains("UNAVAILABLE"), "{}", read.text);
        std::fs::rename(&home, home.with_extension("away")).unwrap();
        std::fs::write(&home, "no folder").unwrap();
        answers.push(admin.send(put, file(format!("other/{marker}.md"), marker.clone())).await.text);
        assert!(answers.last().unwrap().contains("errors"), "{answers:?}");
        for answer in &answers {
            marks.hold("an answer", answer);
        }
        marks.hold("the log", log::said());
    }

    async fn a_panic_with_content_in_its_words_tells_nobody(world) {
        log::listen();
        let marks = Marks::new();
        let marker = marks.text('t', 95, 1);
        // The program's own hook.
        std::panic::set_hook(Box::new(palisade::cli::logging::panicked));
        let backend = Panics { rooms: world.rooms.clone(), with: marker.clone() };
        let router = router(Arc::clone(&world.engine), Arc::new(backend), Config::default().http);
        let admin = world.acme_admin().await;
        for (method, path) in [("POST", "/graphql"), ("GET", "/audit/export"), ("GET", "/.well-known/jwks.json")] {
            let request = Request::builder().method(method).uri(path);
            let body = json!({ "query": "{ viewer { isSuperAdmin } }", "variables": { "a": marker } }).to_string();
            let answer = send(&router, &admin, request, body).await;
            assert!(answer.starts_with("500") && answer.contains("INTERNAL"), "{answer}");
            marks.hold("an answer after a panic", &answer);
        }
        let _ = std::panic::take_hook();
        let said = log::said();
        assert!(said.contains("a handler panicked") && said.matches("a thread panicked").count() >= 3, "{said}");
        assert!(said.contains("faults.rs"), "the place of a panic is not told");
        marks.hold("the log", &said);
    }
}
