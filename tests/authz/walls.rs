//! The walls, each where the others cannot help it. Row-level security, roles and column grants are tested with raw SQL
//! in the `migration` crate; here the server itself stands before them.

use entity::ids::TypedId as _;
use palisade::store::db::{Database, PoolLimits, Role};
use sea_orm::{ConnectionTrait as _, Statement};

use crate::support::world::{World, on_both};

fn acme(world: &World) -> entity::ids::OrgId {
    world.plan.organizations.iter().find(|org| org.slug == "acme").unwrap().id
}

on_both! {
    /// Wall 3: the database refuses a reference across organisations, whoever writes it.
    async fn a_reference_across_organisations_cannot_be_stored(world) {
        let (acme, plan) = (acme(&world), &world.plan);
        let goal = plan.goals.iter().find(|row| row.org_id == acme).unwrap();
        let foreign = plan.agents.iter().find(|row| row.org_id != acme && row.team_id.is_some()).unwrap();
        let quote = |id: uuid::Uuid| if world.kind == "sqlite" { format!("x'{}'", id.simple()) } else { format!("'{id}'") };
        let sql = format!(
            "UPDATE goals SET agent_id = {} WHERE org_id = {} AND id = {}",
            quote(foreign.id.uuid()), quote(acme.uuid()), quote(goal.id.uuid()),
        );
        let refused = world.root.execute_raw(Statement::from_string(world.root.get_database_backend(), sql)).await;
        assert!(refused.unwrap_err().to_string().to_lowercase().contains("foreign key"));
    }

    /// Wall 1 and 5: the operator's query does not even name a confidential column.
    async fn the_operators_role_reads_no_confidential_column(world) {
        if world.kind == "sqlite" {
            return;
        }
        let url = world.url();
        let db = Database::open(&url, PoolLimits { max_connections: 1, acquire_timeout: std::time::Duration::from_secs(5) }).unwrap();
        for (table, column) in [("agents", "system_prompt"), ("goals", "goal_text"), ("tasks", "payload"), ("events", "payload"), ("global_agents", "system_prompt")] {
            let tx = db.begin_read(Role::Operator, None).await.unwrap();
            let sql = format!("SELECT {column} FROM {table}");
            let refused = tx.query_all_raw(Statement::from_string(db.backend(), sql)).await.unwrap_err().to_string();
            assert!(refused.contains("permission denied"), "{table}.{column}: {refused}");
        }
    }

    /// Wall 4: inside one organisation's transaction, a query without any condition finds that organisation's rows only;
    /// outside of any, none. One connection serves all, and nothing stays on it.
    async fn row_level_security_alone_keeps_organisations_apart(world) {
        if world.kind == "sqlite" {
            return;
        }
        let url = world.url();
        let db = Database::open(&url, PoolLimits { max_connections: 1, acquire_timeout: std::time::Duration::from_secs(5) }).unwrap();
        let acme = acme(&world);
        for table in ["goals", "tasks", "agents", "org_memberships", "events"] {
            let count = |condition: &'static str| format!("SELECT count(*) AS n FROM {table} {condition}");
            let number = async |org, sql: String| {
                let tx = db.begin_read(Role::Tenant, org).await.unwrap();
                let row = tx.query_one_raw(Statement::from_string(db.backend(), sql)).await.unwrap().unwrap();
                row.try_get_by_index::<i64>(0).unwrap()
            };
            assert_eq!(number(None, count("")).await, 0, "{table}");
            let all = number(Some(acme), count("")).await;
            assert!(all > 0, "{table}");
            assert_eq!(number(Some(acme), format!("SELECT count(*) FROM {table} WHERE org_id = '{}'", acme.uuid())).await, all);
            assert_eq!(number(None, count("")).await, 0, "{table}: the organisation outlived its transaction");
        }
    }

    /// Wall 2 alone: on SQLite there is no row-level security, and Globex still finds nothing of Acme's in any list.
    async fn no_list_shows_anything_of_another_organisation(world) {
        let globex = world.globex_admin().await;
        let reply = globex.query(
            "{ organizations { nodes { id name } } users(first: 100) { nodes { id } } teams(first: 100) { nodes { id } }
               agents(first: 100) { nodes { id systemPrompt } } goals(first: 100) { nodes { id } } tasks(first: 100) { nodes { id } }
               workers(first: 100) { nodes { id } } auditEvents(first: 100) { nodes { id } } }",
        ).await;
        let text = reply.data().to_string();
        assert!(text.len() > 10_000);
        let acme = acme(&world);
        let plan = &world.plan;
        assert!(!text.contains(&acme.to_string()));
        let is_foreign = |org| org == acme;
        for id in plan.goals.iter().filter(|row| is_foreign(row.org_id)).map(|row| row.id.to_string())
            .chain(plan.tasks.iter().filter(|row| is_foreign(row.org_id)).map(|row| row.id.to_string()))
            .chain(plan.teams.iter().filter(|row| is_foreign(row.org_id)).map(|row| row.id.to_string()))
            .chain(plan.workers.iter().filter(|row| is_foreign(row.org_id)).map(|row| row.id.to_string()))
            .chain(plan.events.iter().filter(|row| is_foreign(row.org_id)).map(|row| row.id.to_string()))
        {
            assert!(!text.contains(&id), "{id}");
        }
    }
}
