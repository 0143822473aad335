//! How many, how long, how much.

use std::time::Duration;

use palisade::config::Streams;
use serde_json::json;

use super::EVENTS;
use crate::support::{
    server::{Node, Setup},
    subscription_client::{SOON, Socket, within},
    world::World,
};

async fn node(world: &World, streams: Streams) -> Node {
    Node::with(world, Setup { streams, ..Setup::default() }).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn operations_on_a_socket_and_streams_of_an_account_are_counted() {
    let world = World::sqlite().await;
    let node = node(&world, Streams { per_socket: 2, per_viewer: 3, ..Streams::default() }).await;
    let (admin, other) = (node.acme_admin().await, node.login("Acme member").await);
    let (mut one, mut two) = (admin.socket().await, admin.socket().await);
    for id in ["1", "2"] {
        one.subscribe(id, EVENTS, json!({})).await;
    }
    one.is_quiet().await;
    one.subscribe("3", EVENTS, json!({})).await;
    assert_eq!(one.error("3").await, "RATE_LIMITED");
    two.subscribe("1", EVENTS, json!({})).await;
    two.is_quiet().await;
    two.subscribe("2", EVENTS, json!({})).await;
    assert_eq!(two.error("2").await, "RATE_LIMITED");
    assert_eq!(admin.follow(EVENTS, json!({})).await.status, 429);
    // Each account has its own; and what has ended counts no more.
    assert_eq!(other.follow(EVENTS, json!({})).await.status, 200);
    one.send(json!({ "type": "complete", "id": "1" })).await;
    within(SOON, async { while admin.follow(EVENTS, json!({})).await.status != 200 {} }).await;
    drop((one, two));
    node.until_left().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sockets_of_the_process_and_of_an_account_are_counted() {
    let world = World::sqlite().await;
    let node = node(&world, Streams { sockets: 3, sockets_per_viewer: 2, ..Streams::default() }).await;
    let admin = node.acme_admin().await;
    let (one, two) = (admin.socket().await, admin.socket().await);
    let mut three = Socket::open(node.address).await;
    let headers = [("sec-websocket-protocol", "graphql-transport-ws")];
    assert_eq!(Socket::try_open(node.address, &headers).await.err(), Some(503));
    three
        .send(json!({ "type": "connection_init", "payload": { "authorization": format!("Bearer {}", admin.token) } }))
        .await;
    assert_eq!(three.closed().await, 1013);
    drop((one, two, three));
    node.until_left().await;
    admin.socket().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_takes_nothing_is_given_up() {
    let world = World::sqlite().await;
    let streams = Streams { stall: Duration::from_millis(500), ..Streams::default() };
    let node = node(&world, streams).await;
    let admin = node.acme_admin().await;
    let agents: String = (0..6)
        .map(|n| format!("a{n}: agents(first: 100) {{ nodes {{ name description systemPrompt config }} }} "))
        .collect();
    let large = format!("subscription {{ events {{ node {{ organization {{ {agents} }} }} }} }}");
    let stream = admin.follows(&large, json!({})).await;
    let mut socket = admin.socket().await;
    socket.subscribe("s", &large, json!({})).await;
    socket.is_quiet().await;
    assert_eq!(node.hub().open(), 3);
    within(SOON * 6, async {
        let mut n = 0;
        // Until what the network holds is full.
        while node.hub().open() > 0 {
            admin.team(&format!("t{n}")).await;
            n += 1;
        }
    })
    .await;
    drop((stream, socket));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_on_which_nothing_happens_shows_that_it_lives() {
    let world = World::sqlite().await;
    let streams = Streams { keepalive: Duration::from_millis(100), ..Streams::default() };
    let node = node(&world, streams).await;
    let admin = node.acme_admin().await;
    let mut stream = admin.follows(EVENTS, json!({})).await;
    within(SOON, stream.comments(3)).await;
    // A client that answers pings is kept, one that does not is given up.
    let mut socket = admin.socket().await;
    socket.is_quiet().await;
    let deaf = admin.socket().await;
    drop(stream);
    within(SOON, async {
        loop {
            socket.is_quiet().await;
            if node.hub().open() == 1 {
                break;
            }
        }
    })
    .await;
    drop(deaf);
}
