//! What SQLite offers: composite keys, on every connection. It has no roles, no row-level security and no grants, so that
//! there the query's own condition and the projection stand alone; the server says so when it starts.

use entity::ids::TypedId as _;
use palisade::store::db::Role;
use sea_orm::{ConnectionTrait as _, Statement};

use super::tenant_tables;
use crate::support::world::World;

async fn seen(world: &World, sql: &str) -> Vec<String> {
    let rows = world.root.query_all_raw(Statement::from_string(sea_orm::DbBackend::Sqlite, sql)).await.unwrap();
    rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
}

#[tokio::test]
async fn every_key_starts_with_the_organisation_and_every_reference_takes_it_along() {
    let world = World::sqlite().await;
    for table in tenant_tables() {
        let t = table.name;
        let firsts = seen(
            &world,
            &format!(
                "SELECT x.name FROM pragma_index_list('{t}') l, pragma_index_info(l.name) x WHERE l.\"unique\" AND x.seqno = 0
                 UNION ALL SELECT name FROM pragma_table_info('{t}') WHERE pk = 1"
            ),
        )
        .await;
        assert!(!firsts.is_empty() && firsts.iter().all(|first| first == "org_id"), "{t}: {firsts:?}");
        let references = seen(
            &world,
            &format!("SELECT id || ' ' || \"table\" || ' ' || \"from\" FROM pragma_foreign_key_list('{t}')"),
        )
        .await;
        for target in tenant_tables() {
            let to: Vec<_> = references.iter().filter(|line| line.split(' ').nth(1) == Some(target.name)).collect();
            for line in &to {
                let id = line.split(' ').next().unwrap();
                let with_org = references.contains(&format!("{id} {} org_id", target.name));
                assert!(with_org, "{t} refers to {} without the organisation", target.name);
            }
        }
    }
    assert!(seen(&world, "SELECT name FROM sqlite_master WHERE type IN ('view', 'trigger')").await.is_empty());
}

#[tokio::test]
async fn keys_are_enforced_on_every_connection_of_every_role_and_rows_are_not_hidden() {
    let world = World::sqlite().await;
    let acme = world.acme();
    for role in [Role::Tenant, Role::Operator, Role::Identity, Role::System] {
        for tx in [
            world.database.begin_read(role, Some(acme)).await.unwrap(),
            world.database.begin_write(role, Some(acme)).await.unwrap(),
        ] {
            let number = async |sql: &str| {
                let row = tx.query_one_raw(Statement::from_string(sea_orm::DbBackend::Sqlite, sql)).await.unwrap();
                row.unwrap().try_get_by_index::<i64>(0).unwrap()
            };
            assert_eq!(number("SELECT foreign_keys FROM pragma_foreign_keys").await, 1, "{role:?}");
            // Said plainly: a statement without the store's condition finds every organisation's rows.
            assert!(number("SELECT count(DISTINCT org_id) FROM goals").await > 1, "{role:?}");
        }
    }
    let tx = world.database.begin_write(Role::Tenant, Some(acme)).await.unwrap();
    let foreign = world.plan.agents.iter().find(|row| row.org_id != acme && row.team_id.is_some()).unwrap();
    let sql = format!(
        "UPDATE goals SET agent_id = x'{}' WHERE org_id = x'{}'",
        foreign.id.uuid().simple(),
        acme.uuid().simple()
    );
    let said = tx.execute_unprepared(&sql).await.unwrap_err().to_string();
    assert!(said.contains("FOREIGN KEY"), "{said}");
}
