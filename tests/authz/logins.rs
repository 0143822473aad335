//! A login for each role: the server works by four of them, and whoever takes one over becomes no other role.

use std::{collections::BTreeMap, time::Duration};

use palisade::store::db::{Database, PoolLimits, Role};
use sea_orm::{ConnectionTrait as _, Statement};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use crate::support::world::World;

const LIMITS: PoolLimits = PoolLimits { max_connections: 2, acquire_timeout: Duration::from_secs(10) };

/// Makes a login of each role and no other, and answers where each connects.
async fn logins(world: &World) -> BTreeMap<&'static str, String> {
    let url = world.url();
    let mut root = PgConnection::connect(&url).await.unwrap();
    let mut logins = BTreeMap::new();
    for role in Role::ALL {
        let login = format!("only_{}_{}", role.name(), world.name());
        let sql = format!("CREATE ROLE {login} LOGIN NOINHERIT IN ROLE {}", role.name());
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut root).await.unwrap();
        logins.insert(role.name(), world.url_as(&login));
    }
    logins
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_works_by_a_login_for_each_role() {
    let world = World::postgres().await;
    let logins = logins(&world).await;
    let database = Database::open_each(|role| &logins[role.name()], LIMITS).unwrap();
    for role in Role::ALL {
        assert_eq!(database.reach(role).await.unwrap(), [], "{}", role.name());
    }
    let world = world.with_database(database);
    let admin = world.acme_admin().await;
    let reply = admin.query("{ goals(first: 1) { nodes { goalText } } }").await;
    assert!(reply.data()["goals"]["nodes"][0]["goalText"].is_string());
    let written =
        admin.query(r#"mutation { createAgent(input: { name: "New", visibility: PUBLIC }) { agent { name } } }"#);
    assert_eq!(written.await.data()["createAgent"]["agent"]["name"], "New");
    let reply = world.operator().await.query("{ organizations { totalCount } }").await;
    assert_eq!(reply.data()["organizations"]["totalCount"], 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_takes_over_one_login_becomes_no_other_role() {
    let world = World::postgres().await;
    let logins = logins(&world).await;
    let database = Database::open_each(|role| &logins[role.name()], LIMITS).unwrap();
    for role in Role::ALL {
        for other in Role::ALL.into_iter().filter(|other| *other != role) {
            let tx = database.begin_read(role, None).await.unwrap();
            let sql = format!("SET ROLE {}", other.name());
            let refused =
                tx.execute_raw(Statement::from_string(database.backend(), sql)).await.unwrap_err().to_string();
            assert!(refused.contains("permission denied"), "{} became {}: {refused}", role.name(), other.name());
        }
        // Going back to the login itself leads nowhere: it has no rights.
        let tx = database.begin_read(role, Some(world.acme())).await.unwrap();
        tx.execute_raw(Statement::from_string(database.backend(), "RESET ROLE")).await.unwrap();
        tx.execute_raw(Statement::from_string(database.backend(), "SET ROLE NONE")).await.unwrap();
        let sql = "SELECT id FROM public.goals";
        let refused = tx.query_all_raw(Statement::from_string(database.backend(), sql)).await.unwrap_err().to_string();
        assert!(refused.contains("permission denied"), "{}: {refused}", role.name());
    }
}

/// With one login for all, which is the simple way to set it up, the four are one step from each other: said, not hidden.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_login_for_all_roles_reaches_each_of_them_and_is_told_so() {
    let world = World::postgres().await;
    let database = Database::open(&world.url(), LIMITS).unwrap();
    for role in Role::ALL {
        assert_eq!(database.reach(role).await.unwrap().len(), 3);
    }
}
