//! GraphQL over server-sent events, and who may ask how.

use std::time::Duration;

use palisade::config::Streams;
use serde_json::{Value, json};

use super::EVENTS;
use crate::support::{
    server::{Node, Setup},
    subscription_client::http,
    world::{World, on_both},
};

on_both! {
    async fn a_query_is_answered_by_one_event_and_the_end(world) {
        let node = Node::start(&world).await;
        let admin = node.acme_admin().await;
        let mut answer = admin.follows("{ viewer { orgRole } }", json!({})).await;
        assert!(answer.header("content-type").unwrap().starts_with("text/event-stream"));
        assert_eq!(answer.header("cache-control"), Some("no-store, private"));
        assert_eq!(answer.result().await, json!({ "data": { "viewer": { "orgRole": "ADMIN" } } }));
        assert_eq!(answer.event().await, Some(("complete".to_owned(), String::new())));
        assert_eq!(answer.event().await, None);
    }

    async fn an_event_that_takes_longer_than_signs_of_life_are_apart_is_told_once(world) {
        let streams = Streams { keepalive: Duration::from_millis(20), ..Streams::default() };
        let node = Node::with(&world, Setup { streams, events_take: Duration::from_millis(150), ..Setup::default() }).await;
        let admin = node.acme_admin().await;
        let mut stream = admin.follows(EVENTS, json!({})).await;
        let mut made = Vec::new();
        for slug in ["one", "two", "three"] {
            made.push(admin.team(slug).await);
        }
        for team in made {
            let told = stream.result().await;
            assert_eq!(told["data"]["events"]["node"]["subjectId"], team, "{told}");
        }
        stream.is_quiet().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_a_request_is_told_before_a_stream_begins() {
    let world = World::sqlite().await;
    let node = Node::start(&world).await;
    let bearer = format!("Bearer {}", node.acme_admin().await.token);
    let events = "/graphql?query=subscription%7Bevents%7Bcursor%7D%7D";
    let mutation = "/graphql?query=mutation%7Blogout%7D";
    let body = json!({ "query": EVENTS }).to_string();
    let batch = format!("[{body}]");
    let json = "application/json";
    for (method, path, content, body, token, status, code) in [
        // Nobody follows nothing; a token that does not hold is not no token.
        ("POST", "/graphql", json, &body, "", 401, "UNAUTHENTICATED"),
        ("POST", "/graphql", json, &body, "Bearer x", 401, "UNAUTHENTICATED"),
        ("GET", events, "", &String::new(), "", 401, "UNAUTHENTICATED"),
        // What a page of another origin can send without asking is not read.
        ("POST", "/graphql", "text/plain", &body, &bearer, 415, "VALIDATION"),
        ("POST", "/graphql", "application/x-www-form-urlencoded", &body, &bearer, 415, "VALIDATION"),
        ("GET", mutation, "", &String::new(), &bearer, 405, "VALIDATION"),
        ("PUT", "/graphql", json, &body, &bearer, 405, "VALIDATION"),
        ("POST", "/graphql", json, &batch, &bearer, 400, "VALIDATION"),
        ("POST", "/graphql", json, &"{".to_owned(), &bearer, 400, "VALIDATION"),
        (
            "POST",
            "/graphql",
            json,
            &json!({ "query": "subscription { nothing }" }).to_string(),
            &bearer,
            400,
            "VALIDATION",
        ),
    ] {
        let mut headers = vec![("accept", "text/event-stream")];
        headers.extend([("content-type", content)].iter().filter(|(_, content)| !content.is_empty()));
        headers.extend([("authorization", token)].iter().filter(|(_, token)| !token.is_empty()));
        let mut answer = http(node.address, method, path, &headers, body).await;
        let text = answer.text().await;
        assert_eq!(answer.status, status, "{method} {path}: {text}");
        assert!(answer.header("content-type").unwrap().starts_with("application/graphql-response+json"));
        let said: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(said["errors"][0]["extensions"]["code"], code, "{text}");
    }
    // A mutation sent by GET has done nothing: the token still holds.
    let headers = [("accept", "text/event-stream"), ("authorization", bearer.as_str())];
    let stream = http(node.address, "GET", events, &headers, "").await;
    assert_eq!(stream.status, 200);
    // Without being asked for events, nothing is streamed.
    let headers = [("accept", "application/json"), ("content-type", json), ("authorization", bearer.as_str())];
    let mut answer = http(node.address, "POST", "/graphql", &headers, &body).await;
    assert!(answer.text().await.contains("server-sent events"));
}
