//! Invariant: going back before tenancy restores the old tables, or declines and changes nothing.

use std::collections::BTreeMap;

use migration::{Command, Error, Options, Refusal, run};
use uuid::Uuid;

use crate::{
    conversion::{convert, everything, ids, texts},
    old,
    support::World,
};

#[tokio::test]
async fn the_way_back_restores_the_old_tables_and_a_second_conversion_works() {
    for world in World::both().await {
        old::populated(&world).await;
        let mut before = BTreeMap::new();
        for table in old::TABLES {
            before.insert(table, ids(&world, &format!("SELECT id FROM {table}")).await);
        }
        let owners = texts(&world, "SELECT id, status FROM agents").await;
        convert(&world).await;
        run(&world.db, world.back().await, &Options::default()).await.unwrap();
        for table in old::TABLES {
            let after = ids(&world, &format!("SELECT id FROM {table}")).await;
            let missing = before[table].difference(&after).count();
            let more = after.difference(&before[table]).count();
            let (lost, new) = match table {
                "users" => (2, 1),
                "task_dependencies" => (10, 0),
                // What could not be put back is still told.
                "events" => (0, more),
                _ => (0, 0),
            };
            assert_eq!((missing, more), (lost, new), "{table}");
        }
        let owned = "SELECT count(*) FROM agents WHERE owner_id IS NOT NULL";
        assert_eq!(world.number(owned).await, 30);
        assert_eq!(texts(&world, "SELECT id, status FROM agents").await.len(), owners.len());
        assert_eq!(world.number("SELECT count(*) FROM agents WHERE status = 'wobbly'").await, 6);
        let tables = everything(&world).await;
        assert_eq!(tables.len(), old::TABLES.len() + 1, "{tables:?}");
        assert!(convert(&world).await.findings.is_empty());
    }
}

#[tokio::test]
async fn the_way_back_is_refused_where_it_would_lose_something() {
    // What to plant, and how to take it away again.
    let plants = [
        (
            "INSERT INTO organizations (id, name, name_folded, slug, status, created_at, updated_at)
             SELECT ID, 'Other', 'other', 'other', 'ACTIVE', created_at, created_at FROM organizations",
            "DELETE FROM organizations WHERE slug = 'other'",
        ),
        (
            "INSERT INTO teams (org_id, id, name, name_folded, slug, description, created_at, updated_at)
             SELECT id, id, 'T', 't', 't', '', created_at, created_at FROM organizations",
            "DELETE FROM teams",
        ),
        (
            "UPDATE users SET password_hash = 'x' WHERE email = 'ada@example.com'",
            "UPDATE users SET password_hash = NULL",
        ),
        ("UPDATE agents SET visibility = 'PUBLIC'", "UPDATE agents SET visibility = 'GLOBAL'"),
        (
            "INSERT INTO agent_collaborators (org_id, id, agent_id, user_id, permission, created_at)
             SELECT a.org_id, a.id, a.id, m.user_id, 'USE', m.created_at FROM agents a
             JOIN org_memberships m ON m.org_id = a.org_id LIMIT 1",
            "DELETE FROM agent_collaborators",
        ),
        (
            "UPDATE org_memberships SET role = 'ADMIN' WHERE status = 'ACTIVE'",
            "UPDATE org_memberships SET role = 'MEMBER'",
        ),
        ("UPDATE organizations SET config = '{}'", "UPDATE organizations SET config = NULL"),
    ];
    for world in World::both().await {
        old::populated(&world).await;
        convert(&world).await;
        let other = Uuid::from_u128(7);
        let other = if world.is_postgres() { format!("'{other}'::uuid") } else { format!("x'{}'", other.simple()) };
        for (plant, remove) in plants {
            world.sql(&plant.replace("ID,", &format!("{other},"))).await;
            let before = everything(&world).await;
            let error = run(&world.db, world.back().await, &Options::default()).await.unwrap_err();
            assert!(matches!(error, Error::Refused(Refusal::WouldLose { .. })), "{plant}: {error}");
            assert_eq!(everything(&world).await, before);
            world.sql(remove).await;
        }
        if world.is_postgres() {
            assert!(migration::walls::check(&world.db).await.unwrap().is_empty());
        }
        run(&world.db, world.back().await, &Options::default()).await.unwrap();
    }
}

#[tokio::test]
async fn the_tables_of_files_go_only_when_there_are_no_files() {
    for world in World::both().await {
        old::populated(&world).await;
        convert(&world).await;
        world
            .sql(
                "INSERT INTO workspace_files
                 (org_id, id, goal_id, agent_id, path, size_bytes, sha256, version, created_at, updated_at)
                 SELECT org_id, id, id, agent_id, 'a', 1, 'x', id, created_at, updated_at FROM goals LIMIT 1",
            )
            .await;
        let before = everything(&world).await;
        let error = run(&world.db, Command::Down(1), &Options::default()).await.unwrap_err();
        assert!(matches!(error, Error::Refused(Refusal::FilesRemain)), "{error}");
        assert_eq!(everything(&world).await, before);
        world.sql("DELETE FROM workspace_files").await;
        run(&world.db, Command::Down(1), &Options::default()).await.unwrap();
        assert!(!everything(&world).await.iter().any(|table| table.starts_with("workspace_")));
        assert!(world.up().await.changed);
    }
}
