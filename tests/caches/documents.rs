//! There are no persisted queries: no document is found by its hash, by nobody, whoever sent it before.

use axum::{
    body::Body,
    http::{Request, Response},
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::support::world::{Caller, on_both};

fn hash(document: &str) -> Value {
    let digest: String = Sha256::digest(document).iter().map(|byte| format!("{byte:02x}")).collect();
    json!({ "persistedQuery": { "version": 1, "sha256Hash": digest } })
}

async fn post(caller: &Caller<'_>, body: &Value) -> Response<axum::body::Bytes> {
    let request = Request::post("/graphql").header("content-type", "application/json");
    caller.respond(request, Body::from(body.to_string())).await
}

fn escaped(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

on_both! {
    async fn a_document_that_one_caller_sent_is_found_by_no_other_by_its_hash(world) {
        let (acme, globex) = (world.acme_admin().await, world.globex_admin().await);
        let (outsider, operator, nobody) = (world.login(Some("Acme outsider")).await, world.operator().await, world.anonymous());
        let sent = "query Ours { agents(first: 1) { nodes { systemPrompt } } }";
        let never = "query Never { agents(first: 1) { nodes { systemPrompt } } }";
        let with_text = json!({ "query": sent, "extensions": hash(sent) });
        let read = post(&acme, &with_text).await;
        assert!(String::from_utf8_lossy(read.body()).contains("systemPrompt\":\""));
        let mut answers = Vec::new();
        for caller in [&acme, &globex, &outsider, &operator, &nobody] {
            for document in [sent, never] {
                let answer = post(caller, &json!({ "extensions": hash(document) })).await;
                answers.push(format!("{:?} {:?} {:?}", answer.status(), answer.headers(), answer.body()));
                let named = json!({ "operationName": "Ours", "extensions": hash(document), "variables": {} });
                let answer = post(caller, &named).await;
                answers.push(format!("{:?} {:?} {:?}", answer.status(), answer.headers(), answer.body()));
                let path = format!("/graphql?extensions={}", escaped(&hash(document).to_string()));
                let answer = caller.respond(Request::get(path), Body::empty()).await;
                answers.push(format!("{:?} {:?} {:?}", answer.status(), answer.headers(), answer.body()));
            }
        }
        assert!(answers[0].contains("PersistedQueryNotSupported"), "{}", answers[0]);
        assert!(answers.iter().all(|answer| answer == &answers[0]), "{answers:#?}");
    }

    /// Parsed documents are kept for everybody by the hash of their whole text: nothing of who sent one comes with it.
    async fn a_document_that_is_kept_parsed_carries_nothing_of_who_sent_it_before(world) {
        let (acme, globex) = (world.acme_admin().await, world.globex_admin().await);
        let goal = world.plan.goals.iter().find(|row| row.org_id == world.acme()).unwrap().id.to_string();
        let text = "query One($id: ID!, $deep: Boolean = false) { goal(id: $id) { id goalText @include(if: $deep) } }";
        let warm = acme.send(text, json!({ "id": goal, "deep": true })).await;
        assert!(warm.data()["goal"]["goalText"].is_string());
        // Neither the variables, nor what was chosen by them, nor the answer.
        let cold = acme.send(text, json!({ "id": goal })).await;
        assert_eq!(cold.data(), &json!({ "goal": { "id": goal } }));
        assert_eq!(acme.send(text, json!({})).await.code(), Some("VALIDATION"));
        assert_eq!(globex.send(text, json!({ "id": goal, "deep": true })).await.data(), &json!({ "goal": null }));
        assert_eq!(world.anonymous().send(text, json!({ "id": goal })).await.code(), Some("UNAUTHENTICATED"));
        // Two operations of one name in two texts are two documents.
        let other = text.replace("goalText", "status");
        assert!(acme.send(&other, json!({ "id": goal, "deep": true })).await.data()["goal"]["goalText"].is_null());
        assert_eq!(acme.send(text, json!({ "id": goal, "deep": true })).await.text, warm.text);
    }
}
