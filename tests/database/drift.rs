//! Whatever drifts is told by name: by the check, by `palisade doctor`, by `palisade migrate status`, and in the log of a
//! server that starts.

use migration::walls;
use palisade::{
    app::doctor,
    config::{Config, DatabaseUrl},
};

use super::Walls;

/// SQL that plants a flaw, SQL that takes it back, the object that the finding is about, and words of the finding.
const DRIFTS: &[(&str, &str, &str, &str)] = &[
    ("DROP POLICY tenant_rows ON goals", "", "goals.tenant_rows", "the policy is missing"),
    (
        "ALTER TABLE tasks NO FORCE ROW LEVEL SECURITY",
        "ALTER TABLE tasks FORCE ROW LEVEL SECURITY",
        "tasks",
        "row-level security is not forced",
    ),
    (
        "ALTER TABLE tasks DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE tasks ENABLE ROW LEVEL SECURITY",
        "tasks",
        "row-level security is not enabled",
    ),
    (
        "CREATE POLICY wide ON teams AS PERMISSIVE TO palisade_tenant USING (org_id = palisade_org() OR true)",
        "DROP POLICY wide ON teams",
        "teams.wide",
        "not one of ours",
    ),
    (
        "GRANT SELECT (goal_text) ON goals TO palisade_operator",
        "REVOKE SELECT (goal_text) ON goals FROM palisade_operator",
        "goals.goal_text",
        "palisade_operator should not have SELECT",
    ),
    (
        "GRANT SELECT ON chat_messages TO palisade_operator",
        "REVOKE SELECT ON chat_messages FROM palisade_operator",
        "chat_messages",
        "palisade_operator should not have SELECT",
    ),
    ("GRANT SELECT (id) ON agents TO PUBLIC", "REVOKE SELECT (id) ON agents FROM PUBLIC", "agents.id", "PUBLIC"),
    (
        "CREATE TRIGGER spy BEFORE UPDATE ON goals FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
        "DROP TRIGGER spy ON goals",
        "goals",
        "has the trigger or rule spy",
    ),
    (
        "CREATE RULE spy AS ON INSERT TO goals DO ALSO NOTIFY spied",
        "DROP RULE spy ON goals",
        "goals",
        "has the trigger or rule spy",
    ),
    (
        "CREATE VIEW everything AS SELECT * FROM goals",
        "DROP VIEW everything",
        "everything",
        "nothing like it should be in the schema",
    ),
    (
        "CREATE SCHEMA spy; CREATE VIEW spy.everything AS SELECT * FROM goals; GRANT USAGE ON SCHEMA spy TO palisade_tenant;
         GRANT SELECT ON spy.everything TO palisade_tenant",
        "DROP SCHEMA spy CASCADE",
        "spy.everything",
        "palisade_tenant may use it",
    ),
    (
        "CREATE FUNCTION peek() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT count(*) FROM goals'",
        "DROP FUNCTION peek()",
        "peek()",
        "SECURITY DEFINER",
    ),
    (
        "ALTER TABLE agents OWNER TO postgres",
        "ALTER TABLE agents OWNER TO palisade_owner",
        "agents",
        "owned by postgres",
    ),
    (
        "ALTER TABLE goals ADD COLUMN notes text",
        "ALTER TABLE goals DROP COLUMN notes",
        "goals.notes",
        "no entity has the column",
    ),
    (
        "ALTER TABLE goals RENAME COLUMN plan TO plans",
        "ALTER TABLE goals RENAME COLUMN plans TO plan",
        "goals.plan",
        "the column is missing",
    ),
    (
        "CREATE TABLE copies (org_id uuid PRIMARY KEY)",
        "DROP TABLE copies",
        "copies",
        "nothing like it should be in the schema",
    ),
    (
        "CREATE UNIQUE INDEX one_name ON agents (name, org_id, id)",
        "DROP INDEX one_name",
        "agents",
        "the unique key one_name does not start with org_id",
    ),
    (
        "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO palisade_operator",
        "ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE SELECT ON TABLES FROM palisade_operator",
        "default privileges",
        "palisade_operator would have SELECT",
    ),
    (
        "DO $do$ BEGIN EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO PUBLIC', current_database()); END $do$",
        "DO $do$ BEGIN EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database()); END $do$",
        "the database",
        "PUBLIC should not have TEMPORARY",
    ),
    ("CREATE PUBLICATION leak FOR TABLE goals", "DROP PUBLICATION leak", "leak", "publishes"),
];

fn settings(walls: &Walls) -> Config {
    let mut config = Config::default();
    config.database.url = DatabaseUrl::new(walls.world.url());
    config.data.dir = walls.world.workspace.path().to_owned();
    config
}

#[tokio::test]
async fn every_kind_of_drift_is_told_by_name_and_gone_when_it_is_mended() {
    let walls = Walls::new().await;
    let config = settings(&walls);
    let findings = async || walls::check(&walls.world.root).await.unwrap();
    assert!(findings().await.is_empty());
    for (plant, mend, object, words) in DRIFTS {
        walls.root(plant).await;
        let found = findings().await;
        let named = found.iter().any(|finding| finding.object == *object && finding.problem.contains(words));
        assert!(named, "{plant}: {found:#?}");
        let checks = doctor::examine(&config).await;
        let told = checks.iter().any(|check| {
            check.name == *object && check.problem.as_ref().is_some_and(|(problem, _)| problem.contains(words))
        });
        assert!(told, "the doctor says nothing of: {plant}");
        let status =
            migration::run(&walls.world.root, migration::Command::Status, &migration::Options::default()).await;
        assert!(status.unwrap().findings.iter().any(|finding| finding.object == *object), "{plant}");
        if mend.is_empty() {
            // The walls' own repair.
            let up = migration::run(&walls.world.root, migration::Command::Up, &migration::Options::default()).await;
            assert!(up.unwrap().findings.is_empty(), "{plant}");
        } else {
            walls.root(mend).await;
        }
        let left = findings().await;
        assert!(left.is_empty(), "after {mend}: {left:#?}");
    }
}

/// What holds for the cluster is told in every database.
#[tokio::test]
async fn a_role_that_gained_a_power_is_told() {
    let walls = Walls::new().await;
    // In a transaction that is taken back: other tests stand on the same roles.
    let transaction = sea_orm::TransactionTrait::begin(&walls.world.root).await.unwrap();
    for (plant, object, words) in [
        ("ALTER ROLE palisade_tenant BYPASSRLS", "palisade_tenant", "BYPASSRLS"),
        ("ALTER ROLE palisade_operator LOGIN", "palisade_operator", "LOGIN"),
        ("ALTER ROLE palisade_system CREATEROLE", "palisade_system", "CREATEROLE"),
        ("GRANT palisade_identity TO palisade_operator", "palisade_operator", "is a member of palisade_identity"),
    ] {
        sea_orm::ConnectionTrait::execute_unprepared(&transaction, plant).await.unwrap();
        let found = walls::check(&transaction).await.unwrap();
        let named = found.iter().any(|finding| finding.object == object && finding.problem.contains(words));
        assert!(named, "{plant}: {found:#?}");
    }
    transaction.rollback().await.unwrap();
}
