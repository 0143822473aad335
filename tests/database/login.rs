//! What the login may become, and what it is before it becomes anything.

use std::process::Command;

use sqlx::ConnectOptions as _;

use super::{OPERATOR, ROLES, Session, TENANT, Walls, tenant_tables};

#[tokio::test]
async fn the_login_itself_reads_nothing() {
    let walls = Walls::new().await;
    let mut login = Session(walls.options().connect().await.unwrap());
    let acme = walls.acme.to_string();
    for table in entity::tables() {
        let t = table.name;
        let column = table.columns[0].0;
        for sql in [
            format!("SELECT \"{column}\" FROM {t}"),
            format!("SELECT count(*) FROM {t}"),
            format!("DELETE FROM {t}"),
            format!("UPDATE {t} SET \"{column}\" = \"{column}\""),
        ] {
            assert!(login.refusal(Some(&acme), &sql).await.by_name(), "{sql}");
        }
    }
}

/// One login is a member of all four roles: whoever can send a statement of their own can change the role. The roles keep
/// apart what our own statements do, and bound values cannot be statements; they do not hold an attacker who can.
#[tokio::test]
async fn a_session_becomes_another_of_its_logins_roles_and_nobody_else() {
    let walls = Walls::new().await;
    for role in ROLES {
        let mut session = walls.session(role).await;
        for other in ROLES {
            let sql = format!("SET LOCAL ROLE {other}; SELECT current_user::text");
            assert_eq!(session.value(None, &sql).await, Ok(Some(other.to_owned())), "from {role}");
        }
        let migrators =
            walls.seen("SELECT rolname::text FROM pg_roles WHERE rolname <> ALL (ARRAY['palisade_tenant', 'palisade_operator', 'palisade_identity', 'palisade_system'])").await;
        for other in migrators.iter().filter(|name| **name != walls.login) {
            for sql in [format!("SET ROLE \"{other}\""), format!("SET LOCAL ROLE \"{other}\"")] {
                assert!(session.refusal(None, &sql).await.by_grants(), "{role}: {sql}");
            }
        }
        for sql in [
            "SET SESSION AUTHORIZATION palisade_owner".to_owned(),
            "SET SESSION AUTHORIZATION postgres".to_owned(),
            format!("SET SESSION AUTHORIZATION {OPERATOR}"),
            format!("GRANT palisade_owner TO {}", walls.login),
            format!("GRANT {OPERATOR} TO {TENANT}"),
            format!("ALTER ROLE {role} BYPASSRLS"),
            format!("ALTER ROLE {} SUPERUSER", walls.login),
            "CREATE ROLE mine LOGIN".to_owned(),
        ] {
            let said = session.refusal(None, &sql).await;
            assert!([super::DENIED, "0LP01"].contains(&said.code.as_str()), "{role}: {sql}: {said:?}");
        }
        // What it falls back to is the role that it began as, not the login.
        for reset in ["RESET ROLE", "SET role TO DEFAULT", "DISCARD ALL"] {
            session.raw(&format!("SET ROLE {OPERATOR}")).await.unwrap();
            session.raw(reset).await.unwrap();
            assert_eq!(session.value(None, "SELECT current_user::text").await, Ok(Some(role.to_owned())), "{reset}");
        }
        // NONE is the login, which has no rights of its own.
        session.raw("SET ROLE NONE").await.unwrap();
        assert!(session.refusal(None, "SELECT id FROM goals").await.by_name());
    }
}

/// What separate logins would add: the role is then all that a smuggled statement has.
#[tokio::test]
async fn a_login_of_one_role_becomes_no_other() {
    let walls = Walls::new().await;
    let alone = format!("{}_alone", walls.login);
    walls.root(&format!("CREATE ROLE {alone} LOGIN NOINHERIT IN ROLE {TENANT}")).await;
    let options = walls.options().username(&alone).options([("role", TENANT)]);
    let mut session = Session(options.connect().await.unwrap());
    let acme = walls.acme.to_string();
    assert_ne!(session.value(Some(&acme), "SELECT count(*)::text FROM goals").await, Ok(Some("0".to_owned())));
    for other in ROLES.into_iter().filter(|role| *role != TENANT) {
        assert!(session.refusal(None, &format!("SET ROLE {other}")).await.by_grants(), "{other}");
    }
    // It cannot even begin as another.
    assert!(walls.options().username(&alone).options([("role", OPERATOR)]).connect().await.is_err());
}

/// The real `psql`, in case the library is what keeps the rules.
#[tokio::test]
async fn psql_finds_the_same_walls() {
    let walls = Walls::new().await;
    let options = walls.options();
    let psql = |role: &str, sql: &str| {
        let done = Command::new("psql")
            .env_clear()
            .env("PATH", "/usr/bin:/bin:/usr/local/bin")
            .env("PGOPTIONS", format!("-c role={role}"))
            .env("PGUSER", &walls.login)
            .env("PGDATABASE", walls.world.name())
            .env("PGHOST", options.get_socket().map_or_else(|| options.get_host().into(), |socket| socket.clone()))
            .env("PGPORT", options.get_port().to_string())
            .args(["-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", "-c", sql])
            .output();
        match done {
            Ok(done) => Some((
                done.status.success(),
                String::from_utf8_lossy(&done.stdout).trim().to_owned(),
                String::from_utf8_lossy(&done.stderr).into_owned(),
            )),
            Err(_) => None,
        }
    };
    if psql(TENANT, "SELECT 1").is_none() {
        println!("NOT RUN: there is no psql on this machine");
        return;
    }
    let acme = walls.acme;
    for table in tenant_tables() {
        let t = table.name;
        let own = walls.one(&format!("SELECT count(*)::text FROM {t} WHERE org_id = '{acme}'")).await;
        let sql = format!(
            "BEGIN; SET LOCAL palisade.org_id = '{acme}'; SELECT count(*) FROM {t}; COMMIT; SELECT count(*) FROM {t}"
        );
        let (well, told, said) = psql(TENANT, &sql).unwrap();
        assert!(well, "{said}");
        assert_eq!(told.split_whitespace().collect::<Vec<_>>(), [own.as_str(), "0"], "{t}");
    }
    let (well, _, said) = psql(OPERATOR, "\\copy goals (goal_text) TO '/dev/null'").unwrap();
    assert!(!well && said.contains("permission denied"), "{said}");
}
