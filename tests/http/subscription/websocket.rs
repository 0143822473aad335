//! `graphql-transport-ws`, as its specification has it.

use std::time::Duration;

use palisade::config::Streams;
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use super::EVENTS;
use crate::support::{
    server::{Node, Setup},
    subscription_client::{SOON, Socket, within},
    world::{World, on_both},
};

async fn node() -> (World, Node) {
    let world = World::sqlite().await;
    let streams = Streams { init_timeout: Duration::from_millis(800), ..Streams::default() };
    let setup = Setup { streams, allowed_origins: vec!["https://app.example".to_owned()], ..Setup::default() };
    let node = Node::with(&world, setup).await;
    (world, node)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_protocol_forbids_closes_the_socket_with_its_code() {
    let (_world, node) = node().await;
    let admin = node.acme_admin().await;
    let init =
        || json!({ "type": "connection_init", "payload": { "authorization": format!("Bearer {}", admin.token) } });

    let mut socket = Socket::open(node.address).await;
    socket.subscribe("1", "{ serverInfo { version } }", json!({})).await;
    assert_eq!(socket.closed().await, 4401);

    for bad in ["", "{", "[]", r#"{"type":"start"}"#, r#"{"type":"subscribe","id":"1"}"#] {
        let mut socket = admin.socket().await;
        socket.raw(Message::text(bad)).await;
        assert_eq!(socket.closed().await, 4400, "{bad}");
    }
    let mut socket = admin.socket().await;
    socket.raw(Message::binary(init().to_string())).await;
    assert_eq!(socket.closed().await, 4400);

    let mut socket = admin.socket().await;
    socket.send(init()).await;
    assert_eq!(socket.closed().await, 4429);

    let mut socket = admin.socket().await;
    for _ in 0..2 {
        socket.subscribe("same", EVENTS, json!({})).await;
    }
    assert_eq!(socket.closed().await, 4409);

    let mut socket = Socket::open(node.address).await;
    assert_eq!(within(SOON, socket.closed()).await, 4408);

    let mut socket = Socket::try_open(node.address, &[]).await.ok().unwrap();
    assert_eq!(socket.closed().await, 4406);

    for authorization in ["Bearer x", "Basic YTpi", ""] {
        let mut socket = Socket::open(node.address).await;
        socket.send(json!({ "type": "connection_init", "payload": { "authorization": authorization } })).await;
        assert_eq!(socket.closed().await, 4403, "{authorization}");
    }
    let mut socket = Socket::open(node.address).await;
    socket.send(json!({ "type": "connection_init" })).await;
    assert_eq!(socket.closed().await, 4403);

    let mut socket = admin.socket().await;
    socket.raw(Message::text(format!("{{\"type\":\"ping\",\"payload\":\"{}\"}}", "x".repeat(2 << 20)))).await;
    assert_eq!(socket.closed().await, 1009);
    node.until_left().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_can_set_a_header_says_there_who_it_is() {
    let (_world, node) = node().await;
    let token = format!("Bearer {}", node.acme_admin().await.token);
    let headers = [("sec-websocket-protocol", "graphql-transport-ws"), ("authorization", &token)];
    let mut socket = Socket::try_open(node.address, &headers).await.ok().unwrap();
    socket.send(json!({ "type": "connection_init" })).await;
    assert_eq!(socket.receive().await["type"], "connection_ack");
    // Said twice, whoever stands before us may have read the other one.
    let mut socket = Socket::try_open(node.address, &headers).await.ok().unwrap();
    socket.send(json!({ "type": "connection_init", "payload": { "authorization": token } })).await;
    assert_eq!(socket.closed().await, 4403);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_another_origin_opens_no_socket() {
    let (_world, node) = node().await;
    let own = format!("http://{}", node.address);
    for (origin, status) in
        [("https://evil.example", Some(403)), ("null", Some(403)), ("https://app.example", None), (own.as_str(), None)]
    {
        let headers = [("sec-websocket-protocol", "graphql-transport-ws"), ("origin", origin)];
        assert_eq!(Socket::try_open(node.address, &headers).await.err(), status, "{origin}");
    }
}

on_both! {
    async fn queries_and_mutations_run_over_a_socket_under_the_same_limits(world) {
        let node = Node::start(&world).await;
        let admin = node.acme_admin().await;
        let mut socket = admin.socket().await;
        socket.send(json!({ "type": "ping" })).await;
        assert_eq!(socket.receive().await, json!({ "type": "pong" }));
        socket.subscribe("q", "{ viewer { orgRole } }", json!({})).await;
        assert_eq!(socket.result("q").await, json!({ "data": { "viewer": { "orgRole": "ADMIN" } } }));
        assert_eq!(socket.receive().await, json!({ "type": "complete", "id": "q" }));
        socket.subscribe("q", "mutation { createTeam(input: { name: \"A\", slug: \"a\" }) { team { slug } } }", json!({})).await;
        assert_eq!(socket.result("q").await["data"]["createTeam"]["team"]["slug"], "a");
        assert_eq!(socket.receive().await["type"], "complete");
        let deep = "{ agents(first: 100) { nodes { goals(first: 100) { nodes { tasks(first: 100) { nodes { id } } } } } } }";
        for (query, code) in [
            (deep, "QUERY_TOO_COMPLEX"),
            ("{ nothing }", "VALIDATION"),
            ("{", "VALIDATION"),
            ("subscription { nothing }", "VALIDATION"),
            ("subscription { a: events { cursor } b: events { cursor } }", "VALIDATION"),
            ("subscription { ...F } fragment F on Subscription { events { cursor } }", "VALIDATION"),
            ("subscription { events @include(if: true) { cursor } }", "VALIDATION"),
            ("subscription { __typename }", "VALIDATION"),
            ("subscription { goalUpdated(id: \"x\") { id } }", "VALIDATION"),
            ("subscription { goalUpdated(id: \"goal_01h2xcejqtf2nbrexx3vqjhp41\") { id } }", "NOT_FOUND"),
        ] {
            socket.subscribe("bad", query, json!({})).await;
            let message = socket.receive().await;
            let errors = if message["type"] == "error" { &message["payload"] } else { &message["payload"]["errors"] };
            assert_eq!(errors[0]["extensions"]["code"], code, "{query}: {message}");
            if message["type"] == "next" {
                assert_eq!(socket.receive().await["type"], "complete");
            }
        }
    }

    async fn a_client_ends_an_operation_and_uses_its_name_again(world) {
        let node = Node::start(&world).await;
        let admin = node.acme_admin().await;
        let mut socket = admin.socket().await;
        for n in 0..3 {
            socket.subscribe("s", EVENTS, json!({})).await;
            socket.is_quiet().await;
            admin.team(&format!("t{n}")).await;
            assert_eq!(socket.result("s").await["data"]["events"]["node"]["type"], "team.created");
            socket.send(json!({ "type": "complete", "id": "s" })).await;
        }
        admin.team("unheard").await;
        socket.is_quiet().await;
    }

    async fn a_server_that_stops_says_goodbye(world) {
        let node = Node::start(&world).await;
        let admin = node.acme_admin().await;
        let mut socket = admin.socket().await;
        socket.subscribe("s", EVENTS, json!({})).await;
        let mut stream = admin.follows(EVENTS, json!({})).await;
        socket.is_quiet().await;
        let hub = node.hub().clone();
        let (took, code, end) = tokio::join!(node.stop(), socket.closed(), stream.event());
        assert!(took < Duration::from_secs(3), "{took:?}");
        assert_eq!(code, 1001);
        // No `complete`: a client is to ask another server.
        assert_eq!(end, None);
        while hub.open() > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}
