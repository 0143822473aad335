//! Faults: the database goes away in mid-flight and comes back, clients go away. The process lives, says what is the
//! matter with a code, and nothing of one request stays for the next. A full disk is in `http/disk.rs`.

use crate::support::world::{World, on_both};
use sea_orm::{ConnectionTrait as _, Statement};

/// PostgreSQL: every connection of the server is cut, as by a restart of the database.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_were_cut_are_replaced_without_anybody_noticing() {
    let world = World::postgres().await;
    let admin = world.acme_admin().await;
    let query = "{ agents(first: 3) { nodes { name goals(first: 2) { nodes { goalText } } } } }";
    let before = admin.query(query).await.text;
    for _ in 0..3 {
        let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                   WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name = 'palisade'";
        let cut = Statement::from_string(world.root.get_database_backend(), sql);
        assert!(!world.root.query_all_raw(cut).await.unwrap().is_empty());
        assert_eq!(admin.query(query).await.text, before);
    }
}

/// PostgreSQL: no connection can be had at all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_database_the_server_says_unavailable_and_recovers_by_itself() {
    let world = World::postgres().await;
    let admin = world.acme_admin().await;
    // From outside: a database cannot be closed from within.
    let outside = world.outside().await;
    let switch = async |allowed: bool| {
        let name = world.name();
        for sql in [
            format!("ALTER DATABASE \"{name}\" ALLOW_CONNECTIONS {allowed}"),
            format!(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}' AND application_name = 'palisade'"
            ),
        ] {
            outside.execute_raw(Statement::from_string(outside.get_database_backend(), sql)).await.unwrap();
        }
    };
    switch(false).await;
    let reply = admin.query("{ agents { nodes { name } } }").await;
    assert_eq!(reply.code(), Some("UNAVAILABLE"), "{}", reply.text);
    // Whoever reaches nothing else still learns nothing of the database.
    assert!(!reply.text.contains("connections") && !reply.text.contains("palisade_"), "{}", reply.text);
    switch(true).await;
    assert!(admin.query("{ agents { nodes { name } } }").await.code().is_none());
}

on_both! {
    async fn a_client_that_goes_away_leaves_nothing_behind(world) {
        // More often than there are connections: one that kept its transaction would be missed.
        let (admin, globex) = (world.acme_admin().await, world.globex_admin().await);
        for turn in 0..40 {
            let query = "{ agents(first: 50) { nodes { goals(first: 10) { nodes { goalText tasks(first: 5) { nodes { payload } } } } } } }";
            let answer = tokio::time::timeout(std::time::Duration::from_micros(300 * turn), admin.query(query)).await;
            drop(answer);
        }
        let reply = globex.query("{ organizations { nodes { slug } } goals(first: 100) { nodes { organization { slug } } } }").await;
        assert!(!reply.data().to_string().contains("acme"), "{}", reply.text);
    }
}
