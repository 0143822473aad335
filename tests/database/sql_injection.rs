//! What SQL that somebody smuggled into a statement could do, and what it could not. Every value is bound, and only `store`
//! builds statements; these tests say how much the database itself adds to that.

use std::time::Duration;

use entity::ids::{OrgId, TypedId as _};
use palisade::store::db::{Database, PoolLimits, Role};
use sea_orm::{ConnectionTrait as _, Statement};

use super::{TENANT, Walls};

fn statement(sql: &str) -> Statement {
    Statement::from_string(sea_orm::DbBackend::Postgres, sql)
}

/// The organisation is a setting, and a setting can be set: row-level security guards against a query of ours that forgot its
/// condition, not against a query of theirs.
#[tokio::test]
async fn it_could_enter_another_organisation_and_read_what_its_role_reads_there() {
    let walls = Walls::new().await;
    let (acme, globex) = (walls.acme.to_string(), walls.globex.to_string());
    let mut session = walls.session(TENANT).await;
    for enter in [
        format!("SET LOCAL palisade.org_id = '{globex}'"),
        format!("SELECT set_config('palisade.org_id', '{globex}', true)"),
    ] {
        session.begin(Some(&acme)).await;
        session.raw(&enter).await.unwrap();
        let rows = session.raw("SELECT DISTINCT org_id::text FROM goals").await.unwrap();
        session.raw("ROLLBACK").await.unwrap();
        let orgs: Vec<String> = rows.iter().map(|row| sqlx::Row::get(row, 0)).collect();
        assert_eq!(orgs, std::slice::from_ref(&globex), "one organisation at a time, and never both");
    }
    // Still no secrets: these need another role.
    let said = session.refusal(Some(&globex), "SELECT token_hash FROM invitations").await;
    assert!(said.by_grants());
}

/// A statement of the server's is one statement: with values or without, it goes as a prepared one.
#[tokio::test]
async fn a_second_statement_does_not_ride_along_with_the_servers() {
    let walls = Walls::new().await;
    let limits = PoolLimits { max_connections: 1, acquire_timeout: Duration::from_secs(10) };
    let db = Database::open(&walls.url(), limits).unwrap();
    let tx = db.begin_read(Role::Tenant, Some(OrgId::from_uuid(walls.acme))).await.unwrap();
    for second in ["SELECT 2", "SET LOCAL ROLE palisade_operator", "COMMIT", "SET palisade.org_id = 'x'"] {
        let said = tx.query_all_raw(statement(&format!("SELECT 1; {second}"))).await.unwrap_err().to_string();
        assert!(said.contains("multiple commands") || said.contains("aborted"), "{second}: {said}");
    }
    drop(tx);
    let tx = db.begin_write(Role::Tenant, Some(OrgId::from_uuid(walls.acme))).await.unwrap();
    let said = tx.execute_unprepared("SELECT 1; SELECT 2").await.unwrap_err().to_string();
    assert!(said.contains("multiple commands"), "{said}");
}

#[tokio::test]
async fn it_could_not_leave_the_database_or_change_its_rules() {
    let walls = Walls::new().await;
    let acme = walls.acme.to_string();
    for role in super::ROLES {
        let mut session = walls.session(role).await;
        for sql in [
            "SET session_replication_role = replica",
            "SELECT set_config('session_replication_role', 'replica', true)",
            "ALTER DATABASE postgres SET row_security = off",
            "ALTER TABLE goals DISABLE TRIGGER ALL",
            "CREATE OR REPLACE FUNCTION palisade_org() RETURNS uuid LANGUAGE sql STABLE AS 'SELECT NULL::uuid'",
            "ALTER FUNCTION palisade_org() OWNER TO CURRENT_USER",
            "DROP POLICY tenant_rows ON goals",
            "DROP TABLE goals",
            "CREATE EVENT TRIGGER spy ON ddl_command_end EXECUTE FUNCTION suppress_redundant_updates_trigger()",
            "SELECT pg_read_file('/etc/passwd')",
            "SELECT pg_ls_dir('.')",
            "SELECT lo_import('/etc/passwd')",
            "COPY (SELECT 1) TO PROGRAM 'true'",
            "COPY (SELECT 1) TO '/tmp/out'",
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'postgres'",
            "SELECT rolpassword FROM pg_authid",
            "SELECT * FROM pg_statistic",
            "SELECT pg_reload_conf()",
            "SELECT pg_logical_emit_message(true, 'a', 'b') FROM pg_create_logical_replication_slot('s', 'pgoutput')",
            "CREATE SERVER s FOREIGN DATA WRAPPER none",
            "LOAD 'plperl'",
            "ALTER ROLE postgres PASSWORD 'mine'",
        ] {
            let answer = session.ask(Some(&acme), sql).await;
            match answer {
                Err(said) => assert!(
                    said.code == super::DENIED || said.message.contains("must be") || said.code == "42704",
                    "{role}: {sql}: {said:?}"
                ),
                // Nobody's to end: no row was found.
                Ok(rows) => assert!(sql.contains("pg_terminate_backend") && rows.is_empty(), "{role}: {sql}"),
            }
        }
        // Off, it does not lift the policies: it makes whatever they would narrow an error.
        for table in super::tenant_tables() {
            let sql = format!("SET LOCAL row_security = off; SELECT count(*)::text FROM {}", table.name);
            let said = session.refusal(Some(&acme), &sql).await;
            assert!(said.by_rows() || said.by_grants(), "{role} {}: {said:?}", table.name);
        }
    }
}

/// A setting for the session would stay on the connection: nothing of ours sends one.
#[test]
fn the_server_sets_nothing_beyond_a_transaction() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut folders, mut set) = (vec![root], 0);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
                set += usize::from(line.contains("SET LOCAL palisade"));
                let lasting = line.contains("set_config(")
                    || ["SET palisade", "SET SESSION", "SET ROLE", "SET search_path", "SET row_security"]
                        .iter()
                        .any(|words| line.contains(words));
                assert!(!lasting, "{}: {line}", path.display());
            }
        }
    }
    assert_eq!(set, 2, "where a transaction begins, and where it enters the next organisation");
}
