//! Order and completeness: nothing missed, nothing doubled.

use serde_json::{Value, json};

use super::EVENTS;
use crate::support::{
    server::Node,
    subscription_client::{Http, SOON, within},
    world::{World, on_both},
};

/// Sequence and id of an event, as the stream says them.
fn place(result: &Value) -> (i64, String, String) {
    let edge = &result["data"]["events"];
    let node = &edge["node"];
    let sequence = node["sequence"].as_str().unwrap_or_else(|| panic!("{result}")).parse().unwrap();
    (sequence, node["id"].as_str().unwrap().to_owned(), edge["cursor"].as_str().unwrap().to_owned())
}

async fn take(stream: &mut Http, count: usize) -> Vec<(i64, String, String)> {
    let mut all = Vec::new();
    for _ in 0..count {
        all.push(place(&stream.result().await));
    }
    all
}

fn assert_gapless(events: &[(i64, String, String)], first: i64) {
    let sequences: Vec<i64> = events.iter().map(|event| event.0).collect();
    assert_eq!(sequences, (first..first + i64::try_from(events.len()).unwrap()).collect::<Vec<_>>());
}

on_both! {
    async fn concurrent_writers_are_read_in_order_and_whole(world) {
        let node = Node::start(&world).await;
        let admin = node.acme_admin().await;
        let mut stream = admin.follows(EVENTS, json!({})).await;
        let mut socket = admin.socket().await;
        socket.subscribe("s", EVENTS, json!({})).await;
        // The socket's begins now, and not when the server gets round to it.
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        let writers = (0..4).map(|writer| {
            let admin = admin.clone();
            async move {
                for n in 0..50 {
                    admin.team(&format!("w{writer}-{n}")).await;
                }
            }
        });
        let (_, events) = tokio::join!(futures_util::future::join_all(writers), take(&mut stream, 200));
        assert_gapless(&events, events[0].0);
        for event in &events {
            assert_eq!(&place(&socket.result("s").await), event);
        }
        stream.is_quiet().await;
        // The same as the log says, the latest first.
        let log = admin.query("{ auditEvents(first: 100, filter: { types: [\"team.created\"] }) { nodes { id } } }", json!({})).await;
        let log: Vec<&str> = log.data()["auditEvents"]["nodes"].as_array().unwrap().iter().map(|node| node["id"].as_str().unwrap()).collect();
        let read: Vec<&str> = events.iter().rev().take(100).map(|event| event.1.as_str()).collect();
        assert_eq!(read, log);
    }

    async fn a_client_resumes_after_a_restart_with_nothing_missed_or_doubled(world) {
        let first = Node::start(&world).await;
        let admin = first.acme_admin().await;
        let mut stream = admin.follows(EVENTS, json!({})).await;
        for n in 0..5 {
            admin.team(&format!("before-{n}")).await;
        }
        // It has read three of five when the server goes down.
        let mut read = take(&mut stream, 3).await;
        let token = admin.token.clone();
        drop(stream);
        first.stop().await;

        let second = Node::start(&world).await;
        let admin = crate::support::server::Caller { node: &second, token };
        for n in 0..70 {
            admin.team(&format!("meanwhile-{n}")).await;
        }
        let cursor = read.last().unwrap().2.clone();
        let mut stream = admin.follows(EVENTS, json!({ "after": cursor })).await;
        read.extend(take(&mut stream, 2 + 70).await);
        admin.team("after").await;
        read.extend(take(&mut stream, 1).await);
        assert_gapless(&read, read[0].0);
        stream.is_quiet().await;
        // A cursor is a place in the log, whatever of it was asked for.
        let mut socket = admin.socket().await;
        socket.subscribe("s", "subscription($after: String) { events(after: $after, types: [\"team.created\"]) { node { sequence } } }", json!({ "after": read[74].2 })).await;
        assert_eq!(socket.result("s").await["data"]["events"]["node"]["sequence"], read[75].0.to_string());
    }

    async fn two_servers_on_one_database_tell_each_other(world) {
        let (here, there) = (Node::start(&world).await, Node::start(&world).await);
        let (reader, writer) = (here.acme_admin().await, there.acme_admin().await);
        let mut stream = reader.follows(EVENTS, json!({})).await;
        let began = std::time::Instant::now();
        let events = async {
            for n in 0..20 {
                if n % 2 == 0 { writer.team(&format!("t{n}")).await } else { reader.team(&format!("t{n}")).await };
            }
        };
        let (events, ()) = tokio::join!(within(SOON, take(&mut stream, 20)), events);
        assert_gapless(&events, events[0].0);
        assert!(began.elapsed() < SOON);
        stream.is_quiet().await;
    }

    async fn a_cursor_holds_for_its_own_viewer_and_log_only(world) {
        let node = Node::start(&world).await;
        let (admin, globex) = (node.acme_admin().await, node.login("Globex admin").await);
        let mut stream = admin.follows(EVENTS, json!({})).await;
        admin.team("one").await;
        let cursor = place(&stream.result().await).2;
        for (caller, cursor) in [(&globex, cursor.clone()), (&admin, "x".to_owned()), (&admin, format!("{cursor}A"))] {
            let mut refused = caller.follow(EVENTS, json!({ "after": cursor })).await;
            let refused: Value = refused.result().await;
            assert_eq!(refused["errors"][0]["extensions"]["code"], "VALIDATION", "{refused}");
            assert_eq!(refused["errors"][0]["extensions"]["field"], "after", "{refused}");
        }
    }
}

/// What the hint is for: without it an event of another process would wait for the next look at the table.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_postgresql_a_hint_comes_before_the_next_look_at_the_table() {
    let world = World::postgres().await;
    let streams = palisade::config::Streams { check_every: SOON * 6, ..Default::default() };
    let here = Node::with(&world, crate::support::server::Setup { streams, ..Default::default() }).await;
    let there = Node::start(&world).await;
    let mut stream = here.acme_admin().await.follows(EVENTS, json!({})).await;
    // Until it listens.
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    there.acme_admin().await.team("hinted").await;
    within(SOON, take(&mut stream, 1)).await;
}
