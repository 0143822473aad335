//! Invariant: a connection that works as one of the roles gets what that role may have, whatever SQL it sends.

use migration::walls::{ORG_SETTING, Role};
use sea_orm::{ConnectionTrait as _, DatabaseConnection, DbErr, Statement, TransactionTrait as _};
use uuid::Uuid;

use crate::{
    keys::{agent, goal, two_organisations},
    support::{World, sql_of},
};

/// A login that is a member of all four roles and inherits from none, as for development.
async fn login(world: &World) -> String {
    let name = format!("login_{}", Uuid::now_v7().simple());
    let roles = Role::ALL.map(Role::name).join(", ");
    world.sql(&format!("CREATE ROLE {name} LOGIN NOINHERIT IN ROLE {roles}")).await;
    name
}

struct Session(DatabaseConnection);

impl Session {
    /// Runs one statement in a transaction that has entered an organisation, or none; answers how many rows it touched.
    async fn in_org(&self, org: Option<u128>, sql: &str) -> Result<u64, String> {
        let run = async {
            let transaction = self.0.begin().await?;
            if let Some(org) = org {
                let org = Uuid::from_u128(org);
                transaction.execute_unprepared(&format!("SET LOCAL {ORG_SETTING} = '{org}'")).await?;
            }
            let done = transaction.execute_unprepared(&sql_of(sql, true)).await?.rows_affected();
            transaction.commit().await?;
            Ok::<_, DbErr>(done)
        };
        run.await.map_err(|error| error.to_string())
    }

    async fn text(&self, sql: &str) -> Option<String> {
        let row = self.0.query_one_raw(Statement::from_string(self.0.get_database_backend(), sql)).await.unwrap();
        row.unwrap().try_get_by_index(0).unwrap()
    }
}

async fn session(world: &World, role: Role) -> Session {
    Session(world.as_role(&login(world).await, role).await)
}

fn denied(result: Result<u64, String>, sql: &str) {
    let error = result.expect_err(sql);
    assert!(error.contains("permission denied"), "{sql}: {error}");
}

fn outside(result: Result<u64, String>, sql: &str) {
    let error = result.expect_err(sql);
    assert!(error.contains("row-level security"), "{sql}: {error}");
}

#[tokio::test]
async fn a_connection_works_as_its_role_from_the_start_and_falls_back_to_it() {
    let world = World::postgres().await;
    world.up().await;
    for role in Role::ALL {
        let session = session(&world, role).await;
        for reset in ["SELECT 1", "RESET ROLE", "DISCARD ALL"] {
            session.0.execute_unprepared(reset).await.unwrap();
            // A text of its own: DISCARD ALL forgets the statements that the client believes to be prepared.
            let user = session.text(&format!("SELECT current_user::text /* {reset} */")).await;
            assert_eq!(user.as_deref(), Some(role.name()), "{reset}");
        }
    }
}

#[tokio::test]
async fn without_an_organisation_there_are_no_rows_and_in_one_there_are_its_own() {
    let world = World::postgres().await;
    two_organisations(&world).await;
    for role in [Role::Tenant, Role::System] {
        let session = session(&world, role).await;
        for table in entity::tables().iter().filter(|table| table.class == entity::table::TableClass::Tenant) {
            let all = world.number(&format!("SELECT count(*) FROM {}", table.name)).await as u64;
            let rows = format!("SELECT org_id FROM {}", table.name);
            assert_eq!(session.in_org(None, &rows).await, Ok(0), "{role} {}", table.name);
            assert_eq!(session.in_org(Some(3), &rows).await, Ok(0), "{role} {}", table.name);
            assert_eq!(session.in_org(Some(1), &rows).await, Ok(all / 2), "{role} {}", table.name);
            let others = format!("SELECT org_id FROM {} WHERE org_id = 2#", table.name);
            assert_eq!(session.in_org(Some(1), &others).await, Ok(0), "{role} {}", table.name);
        }
        // The setting ends with its transaction.
        assert_eq!(session.in_org(None, "SELECT id FROM goals").await, Ok(0));
    }
    let tenant = session(&world, Role::Tenant).await;
    assert_eq!(tenant.in_org(Some(1), "SELECT config FROM organizations").await, Ok(1));
    assert_eq!(tenant.in_org(None, "SELECT config FROM organizations").await, Ok(0));
}

#[tokio::test]
async fn another_organisations_rows_are_neither_written_nor_moved() {
    let world = World::postgres().await;
    two_organisations(&world).await;
    for role in [Role::Tenant, Role::System] {
        let session = session(&world, role).await;
        let insert = agent(2, "90", "PUBLIC", "NULL", "NULL", "NULL");
        outside(session.in_org(Some(1), &insert).await, &insert);
        outside(session.in_org(None, &insert).await, &insert);
        assert_eq!(session.in_org(Some(1), "UPDATE goals SET priority = 9 WHERE org_id = 2#").await, Ok(0));
        assert_eq!(session.in_org(Some(1), "DELETE FROM teams WHERE org_id = 2#").await, Ok(0));
        assert_eq!(session.in_org(None, "UPDATE goals SET priority = 9").await, Ok(0));
        denied(session.in_org(Some(1), "UPDATE goals SET org_id = 2#").await, "moving a row");
        let id = if role == Role::Tenant { "91" } else { "92" };
        assert_eq!(session.in_org(Some(1), &goal(1, id, "13", "11")).await, Ok(1));
    }
}

#[tokio::test]
async fn the_log_is_only_added_to() {
    let world = World::postgres().await;
    two_organisations(&world).await;
    for role in Role::ALL {
        let session = session(&world, role).await;
        for sql in ["UPDATE events SET type = 'x'", "DELETE FROM events", "TRUNCATE events"] {
            denied(session.in_org(Some(1), sql).await, sql);
        }
    }
}

#[tokio::test]
async fn operators_see_all_rows_and_no_content() {
    let world = World::postgres().await;
    two_organisations(&world).await;
    let session = session(&world, Role::Operator).await;
    assert_eq!(session.in_org(None, "SELECT id, status, agent_id FROM goals").await, Ok(2));
    assert_eq!(session.in_org(None, "SELECT count(*) FROM goals").await, Ok(1));
    for table in entity::tables() {
        for (column, class) in &table.columns {
            if *class != entity::table::Class::Metadata {
                // Not even as a condition, an order, or the answer to a write.
                for sql in [
                    format!("SELECT \"{column}\" FROM {}", table.name),
                    format!("SELECT 1 FROM {} WHERE \"{column}\" IS NULL", table.name),
                    format!("SELECT 1 FROM {} ORDER BY \"{column}\"", table.name),
                ] {
                    denied(session.in_org(Some(1), &sql).await, &sql);
                }
            }
        }
    }
    for sql in [
        "SELECT * FROM goals",
        "SELECT goals FROM goals",
        "UPDATE goals SET priority = 1",
        "UPDATE users SET email = 'mine'",
        "UPDATE users SET password_hash = 'mine'",
        "UPDATE organizations SET config = NULL",
        "UPDATE org_memberships SET status = 'ACTIVE'",
        "UPDATE org_memberships SET role = 'ADMIN'",
        "UPDATE invitations SET token_hash = 'mine'",
        "UPDATE invitations SET email = 'mine'",
        "DELETE FROM org_memberships",
        "SELECT id FROM mail_outbox",
        "SELECT id FROM refresh_tokens",
        "SELECT id FROM signing_keys",
        "UPDATE events SET type = 'x'",
    ] {
        denied(session.in_org(Some(1), sql).await, sql);
    }
}

#[tokio::test]
async fn an_operator_makes_no_active_member() {
    let world = World::postgres().await;
    two_organisations(&world).await;
    let session = session(&world, Role::Operator).await;
    let now = "now(), now()";
    let active = format!(
        "INSERT INTO org_memberships (org_id, id, user_id, role, status, created_at, updated_at) VALUES (1#, 30#, 21#, 'ADMIN', 'ACTIVE', {now})"
    );
    denied(session.in_org(Some(1), &active).await, &active);
    let pending = format!(
        "INSERT INTO org_memberships (org_id, id, user_id, role, created_at, updated_at) VALUES (1#, 30#, 21#, 'ADMIN', {now}) RETURNING status"
    );
    // Only in the organisation that it has entered, and so named in the log.
    outside(session.in_org(None, &pending).await, &pending);
    outside(session.in_org(Some(2), &pending).await, &pending);
    assert_eq!(session.in_org(Some(1), &pending).await, Ok(1));
    assert_eq!(world.number("SELECT count(*) FROM org_memberships WHERE status = 'PENDING'").await, 1);
    let upsert = format!(
        "INSERT INTO org_memberships (org_id, id, user_id, role, created_at, updated_at) VALUES (1#, 31#, 21#, 'ADMIN', {now}) ON CONFLICT (org_id, user_id) DO UPDATE SET status = 'ACTIVE'"
    );
    denied(session.in_org(Some(1), &upsert).await, &upsert);
}

#[tokio::test]
async fn sign_in_reads_memberships_and_secrets_and_no_content() {
    let world = World::postgres().await;
    two_organisations(&world).await;
    let session = session(&world, Role::Identity).await;
    assert_eq!(session.in_org(None, "SELECT org_id, role, status FROM org_memberships").await, Ok(2));
    assert_eq!(session.in_org(None, "SELECT token_hash FROM invitations").await, Ok(2));
    assert_eq!(session.in_org(None, "SELECT password_hash FROM users").await, Ok(2));
    assert_eq!(
        session.in_org(None, "UPDATE org_memberships SET last_used_at = now() WHERE user_id = 11#").await,
        Ok(1)
    );
    for sql in [
        "UPDATE org_memberships SET role = 'ADMIN'",
        "UPDATE users SET is_super_admin = TRUE",
        "SELECT id FROM goals",
        "SELECT id FROM agents",
        "SELECT config FROM organizations",
        "SELECT body FROM mail_outbox",
        "INSERT INTO org_memberships (org_id) VALUES (1#)",
    ] {
        denied(session.in_org(Some(1), sql).await, sql);
    }
}

#[tokio::test]
async fn tenants_see_of_the_platform_what_they_need() {
    let world = World::postgres().await;
    two_organisations(&world).await;
    let session = session(&world, Role::Tenant).await;
    assert_eq!(session.in_org(Some(1), "SELECT id, email, name, status, is_super_admin FROM users").await, Ok(2));
    assert_eq!(session.in_org(Some(1), "UPDATE organizations SET config = '{}'").await, Ok(1));
    let mail = "INSERT INTO mail_outbox (id, recipient, subject, body, attempts, created_at) VALUES (1#, 'a', 's', 'b', 0, now())";
    assert_eq!(session.in_org(Some(1), mail).await, Ok(1));
    for sql in [
        "SELECT password_hash FROM users",
        "SELECT last_login_at FROM users",
        "UPDATE users SET name = 'x'",
        "SELECT id FROM mail_outbox",
        "SELECT token_hash FROM invitations",
        "UPDATE invitations SET token_hash = 'mine'",
        "UPDATE organizations SET status = 'ACTIVE'",
        "DELETE FROM organizations",
        "DELETE FROM org_memberships",
        "SELECT id FROM sessions",
        "SELECT id FROM platform_events",
        "UPDATE global_agents SET name = 'x'",
        "CREATE TABLE public.mine ()",
    ] {
        denied(session.in_org(Some(1), sql).await, sql);
    }
}

#[tokio::test]
async fn the_policy_uses_the_index_on_the_organisation() {
    let world = World::postgres().await;
    two_organisations(&world).await;
    let session = session(&world, Role::Tenant).await;
    session.0.execute_unprepared(&format!("SET {ORG_SETTING} = '{}'", Uuid::from_u128(1))).await.unwrap();
    session.0.execute_unprepared("SET enable_seqscan = off").await.unwrap();
    let plan =
        "EXPLAIN (COSTS OFF, FORMAT JSON) SELECT id FROM goals WHERE org_id = palisade_org() ORDER BY id LIMIT 20";
    let row = session.0.query_one_raw(Statement::from_string(session.0.get_database_backend(), plan)).await.unwrap();
    let plan: serde_json::Value = row.unwrap().try_get_by_index(0).unwrap();
    let plan = plan.to_string();
    // The function is inlined, and policy and predicate are one condition of the index.
    assert!(plan.contains("Index") && plan.matches("current_setting").count() == 1, "{plan}");
    assert!(!plan.contains("palisade_org") && !plan.contains("Filter"), "{plan}");
}
