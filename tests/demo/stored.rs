//! Invariant: what the demo inserts satisfies every constraint of both databases, at once or not at all, and only once.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use entity::ids::{OrgId, TypedId};
use palisade::{
    demo,
    error::Error,
    store::{
        db::{Database, PoolLimits, Role},
        seed,
    },
};
use sea_orm::{ConnectionTrait, Statement, TransactionTrait};

use super::now;
use crate::support::postgres;

/// A migrated SQLite file, and the folder that keeps it.
async fn sqlite() -> (tempfile::TempDir, Database, sea_orm::DatabaseConnection) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}?mode=rwc", folder.path().join("palisade.db").display());
    let admin = sea_orm::Database::connect(&url).await.unwrap();
    migration::run(&admin, migration::Command::Up, &migration::Options::default()).await.unwrap();
    let limits = PoolLimits { max_connections: 2, acquire_timeout: Duration::from_secs(5) };
    (folder, Database::open(&url, limits).unwrap(), admin)
}

async fn number(connection: &impl ConnectionTrait, sql: &str) -> i64 {
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    connection.query_one_raw(statement).await.unwrap().unwrap().try_get_by_index(0).unwrap()
}

#[tokio::test]
async fn a_seeded_sqlite_is_valid_quick_and_kept() {
    let (_folder, db, admin) = sqlite().await;
    assert!(!seed::is_demo(&db).await.unwrap());
    let begun = Instant::now();
    let platform = demo::plan(now());
    let planned = begun.elapsed();
    seed::insert(&db, &platform).await.unwrap();
    println!("planned in {planned:?}, inserted in {:?}", begun.elapsed() - planned);
    assert!(begun.elapsed() < Duration::from_secs(8), "it takes half a second when nothing else runs");
    assert!(seed::is_demo(&db).await.unwrap());
    let broken = Statement::from_string(admin.get_database_backend(), "PRAGMA foreign_key_check");
    assert!(admin.query_all_raw(broken).await.unwrap().is_empty());

    // A second start, at a later time, keeps what is there.
    let later = demo::plan(now() + TimeDelta::days(1));
    assert!(matches!(seed::insert(&db, &later).await, Err(Error::Conflict(_))));
    assert_eq!(number(&admin, "SELECT count(*) FROM tasks").await, 2_000);
    assert_eq!(number(&admin, "SELECT count(*) FROM platform_settings WHERE key = 'demo'").await, 1);
}

#[tokio::test]
async fn a_seed_that_was_interrupted_has_not_happened() {
    let (_folder, db, admin) = sqlite().await;
    let mut broken = demo::plan(now());
    // The last rows refer to an organisation that does not exist.
    broken.event_heads[0].org_id = OrgId::from_uuid(uuid::Uuid::nil());
    assert!(seed::insert(&db, &broken).await.is_err());
    assert!(!seed::is_demo(&db).await.unwrap());
    assert_eq!(number(&admin, "SELECT count(*) FROM users").await, 0);
    seed::insert(&db, &demo::plan(now())).await.unwrap();
    assert!(seed::is_demo(&db).await.unwrap());
}

#[tokio::test]
async fn a_seeded_postgres_is_valid_and_each_organisation_sees_its_half() {
    let database = postgres::cluster().await.create_database(None).await;
    let admin = sea_orm::Database::connect(database.url("postgres")).await.unwrap();
    migration::run(&admin, migration::Command::Up, &migration::Options::default()).await.unwrap();
    let platform = demo::plan(now());
    let begun = Instant::now();
    let transaction = admin.begin().await.unwrap();
    seed::write(&transaction, &platform).await.unwrap();
    transaction.commit().await.unwrap();
    println!("inserted in {:?}", begun.elapsed());
    assert_eq!(number(&admin, "SELECT count(*) FROM tasks").await, 2_000);

    let limits = PoolLimits { max_connections: 2, acquire_timeout: Duration::from_secs(5) };
    let db = Database::open(&database.url("postgres"), limits).unwrap();
    assert!(seed::is_demo(&db).await.unwrap());
    for organization in &platform.organizations {
        let tx = db.begin_read(Role::Tenant, Some(organization.id)).await.unwrap();
        assert_eq!(number(&tx, "SELECT count(*) FROM tasks").await, 1_000);
    }
    db.close().await;
    admin.close().await.unwrap();
}
