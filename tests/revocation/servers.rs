//! More than one server on one PostgreSQL, and a connection for hints that is cut.

use std::{net::SocketAddr, time::Duration};

use entity::ids::OrgId;
use palisade::{config::Streams, demo::PASSWORD};
use sea_orm::{ConnectionTrait as _, Statement};
use serde_json::json;

use super::{
    crowd::{Ask, Crowd, Guest, Topic},
    log::{Log, head},
    stage::{Bustle, Stage, agent, key, touch},
};
use crate::{
    http::process::{Running, palisade},
    support::{
        server::{Node, Setup},
        subscription_client::within,
        world::World,
    },
};

const REMOVE: &str = "mutation($id: ID!) { removeMember(input: { userId: $id }) { organization { id } } }";

/// Waits until a party's streams are over, and asserts how they ended and that they said nothing from `forbidden` on.
async fn assert_ended(crowd: &Crowd, party: &str, log: &Log, forbidden: i64) {
    crowd.until(|stream| stream.party == party, |heard| heard.over).await;
    assert!(crowd.closed(party).await.iter().all(|code| *code == 4403), "{party}");
    for stream in crowd.of(party) {
        let heard = stream.heard();
        assert_eq!(heard.code.as_deref(), Some("UNAUTHENTICATED"), "{}", stream.name());
        let told = heard.events();
        assert!(!told.is_empty() && told.iter().all(|told| log.place(told) < forbidden), "{}: {told:?}", stream.name());
    }
}

/// Asserts that a party's streams go on and were told everything of the agent.
async fn assert_went_on(crowd: &Crowd, party: &str, log: &Log, agent: &str) {
    let last = log.last("agent.updated", agent);
    let told_all = |heard: &super::crowd::Heard| heard.events().iter().any(|told| log.place(told) >= last);
    crowd.until(|stream| stream.party == party, told_all).await;
    for stream in crowd.of(party) {
        assert!(!stream.heard().over, "{}", stream.name());
        let told: Vec<_> = stream.heard().events();
        let told: Vec<_> = told.into_iter().filter(|told| told.subject.as_deref() == Some(agent)).collect();
        log.assert_whole(&stream.name(), &told, last, |entry| entry.subject_id.as_deref() == Some(agent));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_process_takes_away_ends_the_streams_of_another() {
    let world = World::postgres().await;
    let folder = tempfile::tempdir().unwrap();
    let serve = || {
        let mut command = palisade(folder.path());
        command
            .arg("serve")
            .env("PALISADE_DATABASE__URL", world.url())
            .env("PALISADE_IDENTITY__SECRET", "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=")
            .env("PALISADE_HTTP__PUBLIC_URL", "https://palisade.example")
            .env("PALISADE_LOG__FILTER", "error");
        Running::listen(command)
    };
    let (here, there) = (serve(), serve());
    let at = |server: &Running| server.address.parse::<SocketAddr>().unwrap();
    let (here, there, _servers) = (at(&here), at(&there), [here, there]);
    let login = "mutation($input: LoginInput!) { login(input: $input) { accessToken } }";
    let nobody = Guest { address: here, token: String::new() };
    let sign_in = async |address: SocketAddr, email: &str| {
        let input = json!({ "input": { "email": email, "password": PASSWORD } });
        let token = nobody.does(login, input).await["login"]["accessToken"].as_str().unwrap().to_owned();
        Guest { address, token }
    };
    let ada = sign_in(here, "ada@acme.example").await;
    let made = "mutation($input: CreateAgentInput!) { createAgent(input: $input) { agent { id } } }";
    let input = json!({ "input": { "name": "Open", "visibility": "PUBLIC" } });
    let open = ada.does(made, input).await["createAgent"]["agent"]["id"].as_str().unwrap().to_owned();
    let made = "mutation($input: CreateServiceAccountInput!) {
        createServiceAccount(input: $input) { key serviceAccount { id } } }";
    let key = ada.does(made, json!({ "input": { "name": "Reads", "scopes": ["READ"] } })).await;
    let (key_id, key) = (&key["createServiceAccount"]["serviceAccount"]["id"], &key["createServiceAccount"]["key"]);
    let key_id = key_id.as_str().unwrap().to_owned();

    // All streams are there, and all that happens is done here.
    let mut crowd = Crowd::default();
    let asks = vec![Ask::events(None); 4];
    let removed = sign_in(there, "jonas@acme.example").await;
    let out = sign_in(there, "dmitri@acme.example").await;
    let planner = Guest { address: there, token: key.as_str().unwrap().to_owned() };
    for (party, guest) in [("removed", &removed), ("signed out", &out), ("a key", &planner)] {
        crowd.both(party, guest, &asks).await;
    }
    crowd.both("stays", &sign_in(there, "chiara@acme.example").await, &asks).await;
    let acme = world.acme();
    let start = head(&world, acme).await;
    crowd.awake(async || touch(&ada, &open).await).await;
    let bustle = Bustle::begin(ada.clone(), vec![open.clone()]);
    bustle.more(3).await;
    let user = world.plan.users.iter().find(|user| user.email == "jonas@acme.example").unwrap().id.to_string();
    ada.does(REMOVE, json!({ "id": user })).await;
    bustle.more(2).await;
    let revoke = "mutation($id: ID!) { revokeServiceAccount(id: $id) { serviceAccount { id } } }";
    ada.does(revoke, json!({ "id": key_id })).await;
    bustle.more(2).await;
    Guest { address: here, ..out.clone() }.does("mutation { logout }", json!({})).await;
    let signed_out = head(&world, acme).await + 1;
    bustle.more(3).await;
    bustle.end().await;
    touch(&ada, &open).await;
    let log = Log::after(&world, acme, start).await;
    assert_ended(&crowd, "removed", &log, log.last("member.removed", &user)).await;
    assert_ended(&crowd, "a key", &log, log.last("service_account.revoked", &key_id)).await;
    assert_ended(&crowd, "signed out", &log, signed_out).await;
    assert_went_on(&crowd, "stays", &log, &open).await;
    for guest in [removed, planner, out] {
        assert_eq!(guest.status().await, 401);
    }
}

/// The processes that listen for hints in this database; given `cut`, their connections are cut.
async fn listeners(world: &World, cut: bool) -> Vec<i32> {
    // First found, then cut: the planner may ask a function of every connection there is.
    let sql = format!(
        "WITH found AS MATERIALIZED (SELECT pid FROM pg_stat_activity \
         WHERE datname = current_database() AND query LIKE 'LISTEN%') \
         SELECT pid FROM found WHERE NOT {cut} OR pg_terminate_backend(pid)"
    );
    let sql = Statement::from_string(world.root.get_database_backend(), sql);
    let rows = world.root.query_all_raw(sql).await.unwrap();
    rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
}

async fn agent_of(stage: Stage<'_>) -> (Guest, String, OrgId) {
    let ada = stage.sign_in("ada@acme.example").await;
    let open = agent(&ada, json!({ "name": "Open", "visibility": "PUBLIC" })).await;
    (Guest::from(&ada), open, stage.organization("acme"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_for_hints_that_is_cut_again_and_again_costs_no_event_and_no_revocation() {
    let world = World::postgres().await;
    let (here, there) = (Node::start(&world).await, Node::start(&world).await);
    let (stage, mut crowd) = (Stage { world: &world, node: &here }, Crowd::default());
    // What happens, happens there: here is told by hints, or looks.
    let (ada, open, acme) = agent_of(Stage { world: &world, node: &there }).await;
    let maker = stage.sign_in("ada@acme.example").await;
    let made = key(&maker, "Reads", &["READ"], None).await;
    let asks = vec![Ask::events(None); 4];
    for (party, email) in [("removed", "jonas@acme.example"), ("stays", "chiara@acme.example")] {
        crowd.both(party, &Guest::from(&stage.sign_in(email).await), &asks).await;
    }
    crowd.both("a key", &stage.with(&made), &asks).await;
    let start = head(&world, acme).await;
    crowd.awake(async || touch(&ada, &open).await).await;

    let bustle = Bustle::begin(ada.clone(), vec![open.clone()]);
    let mut cut = 0;
    for _ in 0..10 {
        bustle.more(3).await;
        cut += listeners(&world, true).await.len();
    }
    let user = stage.user("jonas@acme.example").to_string();
    ada.does(REMOVE, json!({ "id": user })).await;
    cut += listeners(&world, true).await.len();
    bustle.more(3).await;
    cut += listeners(&world, true).await.len();
    bustle.end().await;
    touch(&ada, &open).await;
    assert!(cut >= 5, "only {cut} were cut");
    let log = Log::after(&world, acme, start).await;
    assert_ended(&crowd, "removed", &log, log.last("member.removed", &user)).await;
    assert_went_on(&crowd, "stays", &log, &open).await;
    assert_went_on(&crowd, "a key", &log, &open).await;
    assert!(crowd.streams.iter().all(|stream| stream.topic == Topic::Events));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_cut_hints_come_again() {
    let world = World::postgres().await;
    // Nothing is found by looking.
    let streams = Streams { check_every: Duration::from_mins(10), ..Streams::default() };
    let here = Node::with(&world, Setup { streams, ..Setup::default() }).await;
    let there = Node::start(&world).await;
    let (stage, mut crowd) = (Stage { world: &world, node: &here }, Crowd::default());
    let (ada, open, acme) = agent_of(Stage { world: &world, node: &there }).await;
    let start = head(&world, acme).await;
    crowd.both("stays", &Guest::from(&stage.sign_in("chiara@acme.example").await), &vec![Ask::events(None); 4]).await;
    let listens = async |not: Vec<i32>| {
        within(super::crowd::PATIENCE, async {
            loop {
                let found = listeners(&world, false).await;
                if found.iter().any(|pid| !not.contains(pid)) {
                    break found;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await
    };
    let before = listens(Vec::new()).await;
    crowd.awake(async || touch(&ada, &open).await).await;
    assert_eq!(listeners(&world, true).await, before);
    listens(before).await;
    touch(&ada, &open).await;
    let log = Log::after(&world, acme, start).await;
    assert_went_on(&crowd, "stays", &log, &open).await;
}
