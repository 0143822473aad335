//! Invariant: after `up`, PostgreSQL holds exactly the roles, policies and grants that are written in `walls`, and what
//! drifts is told and repaired.

use std::{env, fs, path::Path};

use migration::{
    Command, Options, run,
    walls::{self, Privilege, Role},
};

use crate::{old, support::World};

async fn findings(world: &World) -> Vec<String> {
    walls::check(&world.db).await.unwrap().iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn the_walls_stand_after_up() {
    let world = World::postgres().await;
    assert!(world.up().await.findings.is_empty());
    assert_eq!(findings(&world).await, [""; 0]);
    assert!(!world.up().await.changed, "a database that is current is left alone");
}

#[tokio::test]
async fn whatever_drifts_is_found_and_repaired() {
    let drifts = [
        ("GRANT SELECT ON goals TO palisade_operator", "goals: palisade_operator should not have SELECT"),
        (
            "GRANT SELECT (goal_text) ON goals TO palisade_operator",
            "goals.goal_text: palisade_operator should not have SELECT",
        ),
        ("GRANT SELECT ON users TO PUBLIC", "users: PUBLIC should not have SELECT"),
        ("GRANT UPDATE ON events TO palisade_tenant", "events: palisade_tenant should not have UPDATE"),
        (
            "GRANT UPDATE (status) ON org_memberships TO palisade_operator",
            "org_memberships.status: palisade_operator should not have UPDATE",
        ),
        ("REVOKE ALL (name) ON teams FROM palisade_tenant", "teams.name: palisade_tenant should have SELECT"),
        (
            "GRANT SELECT (id) ON goals TO palisade_tenant WITH GRANT OPTION",
            "goals.id: palisade_tenant may pass SELECT on",
        ),
        ("ALTER TABLE goals NO FORCE ROW LEVEL SECURITY", "goals: row-level security is not forced"),
        ("ALTER TABLE tasks DISABLE ROW LEVEL SECURITY", "tasks: row-level security is not enabled"),
        ("ALTER POLICY tenant_rows ON goals USING (true)", "goals.tenant_rows: the policy was altered"),
        ("ALTER POLICY tenant_rows ON goals WITH CHECK (true)", "goals.tenant_rows: the policy was altered"),
        ("ALTER POLICY tenant_rows ON goals TO PUBLIC", "goals.tenant_rows: the policy was altered"),
        ("CREATE POLICY more ON goals TO palisade_tenant USING (true)", "goals.more: the policy is not one of ours"),
        ("DROP POLICY operator_reads ON agents", "agents.operator_reads: the policy is missing"),
        (
            "CREATE OR REPLACE FUNCTION palisade_org() RETURNS uuid LANGUAGE sql STABLE AS 'SELECT gen_random_uuid()'",
            "palisade_org(): the function was altered",
        ),
        ("ALTER FUNCTION palisade_org() SECURITY DEFINER", "palisade_org(): is SECURITY DEFINER"),
        ("ALTER FUNCTION palisade_org() SET search_path = ''", "palisade_org(): the function was altered"),
        (
            "GRANT EXECUTE ON FUNCTION palisade_org() TO PUBLIC",
            "palisade_org(): may be executed by: PUBLIC,palisade_identity,palisade_operator,palisade_system,palisade_tenant",
        ),
        ("ALTER TABLE goals OWNER TO postgres", "goals: owned by postgres, not by palisade_owner"),
        ("GRANT CREATE ON SCHEMA public TO palisade_tenant", "schema public: palisade_tenant should not have CREATE"),
        ("GRANT USAGE ON SCHEMA public TO PUBLIC", "schema public: PUBLIC should not have USAGE"),
        (
            "DO $$ BEGIN EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO PUBLIC', current_database()); END $$",
            "the database: PUBLIC should not have TEMPORARY",
        ),
    ];
    let world = World::postgres().await;
    world.up().await;
    for (drift, told) in drifts {
        world.sql(drift).await;
        let found = findings(&world).await;
        assert!(found.iter().any(|finding| finding == told), "{drift}: {found:#?}");
        let outcome = world.up().await;
        assert!(outcome.changed && outcome.findings.is_empty(), "{drift}: {:#?}", outcome.findings);
        assert_eq!(findings(&world).await, [""; 0], "{drift}");
    }
}

/// The login of a deployment: it owns the database and may create roles, and is no superuser.
#[tokio::test]
async fn a_login_that_is_no_superuser_migrates_and_owns_nothing() {
    let world = World::postgres().await;
    let login = format!("migrator_{}", uuid::Uuid::now_v7().simple());
    world.sql(&format!("CREATE ROLE {login} LOGIN CREATEROLE; ALTER DATABASE {} OWNER TO {login}", world.name())).await;
    let deployed = world.as_login(&login).await;
    old::populated(&deployed).await;
    let options = Options { default_admin: Some("ada@example.com".to_owned()), ..Options::default() };
    let outcome = run(&deployed.db, Command::Up, &options).await.unwrap();
    assert!(outcome.findings.is_empty(), "{:#?}", outcome.findings);
    let owned = format!("SELECT count(*) FROM pg_class WHERE relowner = '{login}'::regrole");
    assert_eq!(world.number(&owned).await, 0);
    assert!(!run(&deployed.db, Command::Up, &options).await.unwrap().changed);
    assert_eq!(deployed.number("SELECT count(*) FROM pg_roles WHERE rolname = current_user AND rolsuper").await, 0);
    // Its own look at the rows is barred, too, and the way back sees them all the same.
    run(&deployed.db, deployed.back().await, &Options::default()).await.unwrap();
    assert_eq!(deployed.number("SELECT count(*) FROM pg_class WHERE relname = 'organizations'").await, 0);
    let goals = world.number("SELECT count(*) FROM goals").await;
    assert_eq!(goals, old::GOALS as i64);
}

/// Where a superuser has made the roles and handed the schema over, the migrator's login needs no power of its own.
#[tokio::test]
async fn a_login_that_is_only_a_member_of_the_owner_migrates_a_prepared_database() {
    let world = World::postgres().await;
    let login = format!("member_{}", uuid::Uuid::now_v7().simple());
    world.sql(&walls::roles::sql()).await;
    world
        .sql(&format!(
            "CREATE ROLE {login} LOGIN NOINHERIT IN ROLE palisade_owner;
             REVOKE ALL ON SCHEMA public FROM PUBLIC;
             GRANT USAGE, CREATE ON SCHEMA public TO palisade_owner;
             GRANT USAGE ON SCHEMA public TO palisade_tenant, palisade_operator, palisade_identity, palisade_system;
             REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC;",
            world.name()
        ))
        .await;
    let deployed = world.as_login(&login).await;
    assert!(deployed.up().await.findings.is_empty());
    assert!(!deployed.up().await.changed);
}

/// What only a person can judge is told, and left.
#[tokio::test]
async fn what_was_added_beside_the_walls_is_told() {
    let additions = [
        (
            "CREATE FUNCTION spy() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
            "spy(): is not one of ours",
        ),
        (
            "CREATE TRIGGER spy BEFORE INSERT ON goals FOR EACH ROW EXECUTE FUNCTION spy()",
            "goals: has the trigger or rule spy",
        ),
        (
            "CREATE FUNCTION peek() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT count(*) FROM goals'",
            "peek(): is SECURITY DEFINER",
        ),
        ("CREATE VIEW open_goals AS SELECT * FROM goals", "open_goals: nothing like it should be in the schema"),
        ("CREATE TABLE copies AS SELECT * FROM goals", "copies: nothing like it should be in the schema"),
        ("CREATE UNIQUE INDEX one_name ON agents (name)", "agents: the unique key one_name does not start with org_id"),
        (
            "ALTER TABLE tasks ADD CONSTRAINT gone FOREIGN KEY (org_id, worker_id) REFERENCES workers (org_id, id) \
             ON DELETE SET NULL",
            "tasks: the foreign key gone acts by itself",
        ),
    ];
    let world = World::postgres().await;
    world.up().await;
    for (addition, told) in additions {
        world.sql(addition).await;
        let found = findings(&world).await;
        assert!(found.iter().any(|finding| finding == told), "{addition}: {found:#?}");
    }
    let outcome = world.up().await;
    assert!(!outcome.changed, "what cannot be repaired is told, and costs no locks");
    assert_eq!(outcome.findings.len(), findings(&world).await.len());
}

/// Mark of a privilege in the golden, in this order.
const MARKS: [(Privilege, char); 4] =
    [(Privilege::Select, 'r'), (Privilege::Insert, 'i'), (Privilege::Update, 'u'), (Privilege::Delete, 'd')];

/// The golden's text: a line a column, a mark a privilege; deletion is the table's.
fn golden() -> String {
    let grants = walls::expected_grants();
    let marks = |table: &str, role: Role, column: Option<&str>| -> String {
        let holds = |privilege| {
            grants.iter().any(|grant| {
                let whole = column.is_none() && privilege == Privilege::Delete;
                let part = column.is_some_and(|column| grant.columns.contains(column));
                grant.table == table && grant.role == role.name() && grant.privilege == privilege && (whole || part)
            })
        };
        let marks: String = MARKS.iter().filter(|(privilege, _)| holds(*privilege)).map(|(_, mark)| *mark).collect();
        if marks.is_empty() { "-".to_owned() } else { marks }
    };
    let mut text = String::from(
        "# What each database role may do with each column: r read, i insert, u update; d delete, on the table's line.\n\
         # Row-level security narrows every line of a tenant table to one organisation's rows; operators read all rows,\n\
         # sign-in reads all rows of org_memberships, team_memberships and invitations.\n",
    );
    for table in entity::tables() {
        text += &format!(
            "\n{:<44} {:<14} {:<8} {:<9} {:<9} {}\n",
            table.name,
            format!("{:?}", table.class).to_lowercase(),
            "tenant",
            "operator",
            "identity",
            "system"
        );
        let mut line = |label: String, class: String, column: Option<&str>| {
            let [tenant, operator, identity, system] = Role::ALL.map(|role| marks(table.name, role, column));
            text += &format!("{label:<44} {class:<14} {tenant:<8} {operator:<9} {identity:<9} {system}\n");
        };
        for (column, class) in &table.columns {
            line(format!("  {column}"), format!("{class:?}").to_lowercase(), Some(*column));
        }
        line("  (rows)".to_owned(), String::new(), None);
    }
    text
}

#[test]
fn the_golden_shows_every_column_and_who_may_what() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/tables.txt");
    let text = golden();
    if env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(written == text, "tests/golden/tables.txt is stale: run with UPDATE_GOLDEN=1 and read the difference");
}
