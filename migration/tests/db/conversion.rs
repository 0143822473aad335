//! Invariant: the conversion of a populated database loses no row and no word, happens once, or does not happen at all.

use std::collections::{BTreeMap, BTreeSet};

use entity::{
    event_chain::{EventFields, GENESIS, link},
    ids::{EventId, OrgId, TypedId as _, UserId},
};
use migration::{Command, Error, Options, Outcome, Refusal, run};
use uuid::Uuid;

use crate::{old, support::World};

const ADMIN: &str = " Grace@Example.com";

fn options() -> Options {
    Options { default_admin: Some(ADMIN.to_owned()), public_url: Some("https://palisade.example/".to_owned()) }
}

pub async fn convert(world: &World) -> Outcome {
    run(&world.db, Command::Up, &options()).await.unwrap()
}

pub async fn ids(world: &World, sql: &str) -> BTreeSet<Uuid> {
    let rows = world.rows(sql).await;
    let found: BTreeSet<_> = rows.iter().map(|row| row.try_get_by_index::<Uuid>(0).unwrap()).collect();
    assert_eq!(found.len(), rows.len(), "twice the same id: {sql}");
    found
}

pub async fn texts(world: &World, sql: &str) -> BTreeMap<Uuid, Option<String>> {
    let rows = world.rows(sql).await;
    rows.iter().map(|row| (row.try_get_by_index(0).unwrap(), row.try_get_by_index(1).unwrap())).collect()
}

/// Columns of the old tables that hold people's words.
const CONTENT: &[(&str, &str)] = &[
    ("agents", "system_prompt"),
    ("goals", "goal_text"),
    ("tasks", "payload"),
    ("tasks", "error"),
    ("chat_sessions", "title"),
    ("chat_messages", "content"),
    ("chat_messages", "tool_calls"),
];

#[tokio::test]
async fn a_populated_database_is_converted_without_losing_a_row_or_a_word() {
    for world in World::both().await {
        old::populated(&world).await;
        let mut before = BTreeMap::new();
        for table in old::TABLES {
            before.insert(table, ids(&world, &format!("SELECT id FROM {table}")).await);
        }
        let mut content = BTreeMap::new();
        for (table, column) in CONTENT {
            content.insert((table, column), texts(&world, &format!("SELECT id, {column} FROM {table}")).await);
        }

        let outcome = convert(&world).await;
        assert!(outcome.changed && outcome.findings.is_empty(), "{:?}", outcome.findings);

        for table in old::TABLES {
            let after = ids(&world, &format!("SELECT id FROM {table}")).await;
            let lost: BTreeSet<_> = before[table].difference(&after).copied().collect();
            let merged: BTreeSet<_> = match table {
                // The oldest of three with one address stays.
                "users" => [old::id("user", 0), old::id("user", 2)].into(),
                "task_dependencies" => {
                    assert_eq!(lost.len(), 10);
                    lost.clone()
                }
                _ => BTreeSet::new(),
            };
            assert_eq!(lost, merged, "{table}");
            for id in merged {
                let label = if table == "users" { UserId::from_uuid(id).to_string() } else { "dep_".to_owned() };
                let told = format!(
                    "SELECT count(*) FROM events WHERE type = 'migration.value_replaced' AND payload LIKE '%{label}%'"
                );
                assert!(world.number(&told).await > 0, "{table}");
            }
        }
        for ((table, column), before) in content {
            let table = if *table == "agents" { "global_agents" } else { table };
            let after = texts(&world, &format!("SELECT id, {column} FROM {table}")).await;
            for (id, text) in before {
                // What had no text has an empty one where there must be one.
                let now = after[&id].clone().filter(|now| !(text.is_none() && now.is_empty()));
                assert_eq!(now, text, "{table}.{column}");
            }
        }
        assert_eq!(world.number("SELECT count(*) FROM organizations").await, 1);
        for table in entity::tables().iter().filter(|table| table.class == entity::table::TableClass::Tenant) {
            let elsewhere = format!(
                "SELECT count(*) FROM {} WHERE org_id <> (SELECT id FROM organizations WHERE slug = 'default')",
                table.name
            );
            assert_eq!(world.number(&elsewhere).await, 0);
        }
    }
}

#[tokio::test]
async fn every_agent_is_global_and_installed() {
    for world in World::both().await {
        old::populated(&world).await;
        convert(&world).await;
        let global = ids(&world, "SELECT id FROM global_agents").await;
        assert_eq!(global, ids(&world, "SELECT id FROM agents WHERE visibility = 'GLOBAL'").await);
        assert_eq!(world.number("SELECT count(*) FROM agents WHERE visibility <> 'GLOBAL'").await, 0);
        let placeholders = "SELECT count(*) FROM global_agents WHERE name IN ('(removed agent)', '(no agent)')";
        let placeholders = world.number(placeholders).await as usize;
        assert_eq!(global.len(), old::AGENTS + placeholders);
        for n in 0..3 {
            assert!(global.contains(&old::id("gone agent", n)));
        }
        let archived = "SELECT count(*) FROM global_agents WHERE name LIKE '(%' AND status <> 'ARCHIVED' AND name <> '(unnamed agent)'";
        assert_eq!(world.number(archived).await, 0);
        // Owners became history.
        let owners = "SELECT count(*) FROM events WHERE payload LIKE '%\"owner_id\"%'";
        assert!(world.number(owners).await > 0);
    }
}

#[tokio::test]
async fn people_are_members_without_a_password_and_one_address_is_one_account() {
    for world in World::both().await {
        old::populated(&world).await;
        convert(&world).await;
        let kept = ids(&world, "SELECT id FROM users WHERE email = 'ada@example.com'").await;
        assert_eq!(kept, BTreeSet::from([old::id("user", 1)]));
        assert_eq!(
            world.number("SELECT count(*) FROM users WHERE password_hash IS NOT NULL OR is_super_admin").await,
            0
        );
        let members = "SELECT count(*) FROM users u JOIN org_memberships m ON m.user_id = u.id
                       WHERE m.role = 'MEMBER' AND (u.status = 'ACTIVE') = (m.status = 'ACTIVE')";
        assert_eq!(world.number(members).await, world.number("SELECT count(*) FROM users").await);
        // Only the log knew her, and she is somebody now.
        assert_eq!(
            world
                .number("SELECT count(*) FROM users WHERE email = 'eve@elsewhere.example' AND status = 'ACTIVE'")
                .await,
            1
        );
        // Two without an address, and those that rows named but nobody had kept.
        let closed = "SELECT count(*) FROM users WHERE status = 'DEACTIVATED' AND name <> '(removed user)'";
        assert_eq!(world.number(closed).await, 2);
        let rewritten = ids(&world, "SELECT DISTINCT submitted_by FROM goals WHERE submitted_by IS NOT NULL").await;
        assert!(rewritten.contains(&old::id("user", 1)));
        assert!(!rewritten.contains(&old::id("user", 0)) && !rewritten.contains(&old::id("user", 2)));
    }
}

#[tokio::test]
async fn the_log_is_one_chain_in_order_of_time() {
    for world in World::both().await {
        old::populated(&world).await;
        convert(&world).await;
        let sql =
            "SELECT org_id, sequence, id, type, actor_user_id, subject_id, created_at, payload_salt, payload, hash
                   FROM events ORDER BY sequence";
        let (mut hash, mut last, mut salts) = (GENESIS.to_owned(), None, BTreeSet::new());
        let rows = world.rows(sql).await;
        assert!(rows.len() > old::EVENTS);
        for (n, row) in rows.iter().enumerate() {
            let (kind, salt): (String, String) =
                (row.try_get("", "type").unwrap(), row.try_get("", "payload_salt").unwrap());
            let subject: Option<String> = row.try_get("", "subject_id").unwrap();
            let payload: Option<String> = row.try_get("", "payload").unwrap();
            let fields = EventFields {
                org_id: OrgId::from_uuid(row.try_get("", "org_id").unwrap()),
                sequence: row.try_get("", "sequence").unwrap(),
                id: EventId::from_uuid(row.try_get("", "id").unwrap()),
                kind: &kind,
                actor_user_id: row.try_get::<Option<Uuid>>("", "actor_user_id").unwrap().map(UserId::from_uuid),
                actor_service_account_id: None,
                subject_id: subject.as_deref(),
                created_at: row.try_get("", "created_at").unwrap(),
                payload_salt: &salt,
                payload: payload.as_deref(),
            };
            assert_eq!(fields.sequence, n as i64 + 1);
            assert!(last <= Some(fields.created_at));
            last = Some(fields.created_at);
            hash = link(&hash, &fields);
            assert_eq!(row.try_get::<String>("", "hash").unwrap(), hash);
            assert!(salt.len() == 64 && salts.insert(salt));
        }
        let head = &world.rows("SELECT sequence, hash FROM event_heads").await[0];
        assert_eq!(head.try_get::<i64>("", "sequence").unwrap(), rows.len() as i64);
        assert_eq!(head.try_get::<String>("", "hash").unwrap(), hash);
        // Who cannot be found is told.
        assert!(world.number("SELECT count(*) FROM events WHERE payload LIKE '%worker-2%'").await > 0);
    }
}

#[tokio::test]
async fn the_first_admin_is_invited_once() {
    for world in World::both().await {
        old::populated(&world).await;
        convert(&world).await;
        let again = convert(&world).await;
        assert!(!again.changed);
        let rows = world.rows("SELECT email, role, status, first_admin, token_hash, invited_by FROM invitations").await;
        assert_eq!(rows.len(), 1);
        let text = |column| rows[0].try_get::<String>("", column).unwrap();
        assert_eq!(
            (text("email"), text("role"), text("status")),
            ("grace@example.com".into(), "ADMIN".into(), "PENDING".into())
        );
        assert!(rows[0].try_get::<bool>("", "first_admin").unwrap());
        let mails = world.rows("SELECT recipient, body FROM mail_outbox").await;
        assert_eq!(mails.len(), 1);
        assert_eq!(mails[0].try_get::<String>("", "recipient").unwrap(), "grace@example.com");
        let body: String = mails[0].try_get("", "body").unwrap();
        assert!(body.contains("https://palisade.example/"));
        let token = body.split_whitespace().find(|word| word.starts_with("pali_")).unwrap();
        let org = world.rows("SELECT id FROM organizations").await[0].try_get::<Uuid>("", "id").unwrap();
        let digits = OrgId::from_uuid(org).to_string().replace("org_", "");
        assert!(token.starts_with(&format!("pali_{digits}_")), "{token}");
        assert_eq!(token.len(), format!("pali_{digits}_").len() + 43, "as the server reads it");
        let hash = <sha2::Sha256 as sha2::Digest>::digest(token).iter().map(|b| format!("{b:02x}")).collect::<String>();
        assert_eq!(text("token_hash"), hash);
    }
}

/// Everything there is, as text, to see that nothing changed.
pub async fn everything(world: &World) -> Vec<String> {
    let tables = if world.is_postgres() {
        "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY 1"
    } else {
        "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1"
    };
    let mut all = vec![];
    for row in world.rows(tables).await {
        let table: String = row.try_get_by_index(0).unwrap();
        let count = world.number(&format!("SELECT count(*) FROM {table}")).await;
        all.push(format!("{table}: {count}"));
    }
    all
}

#[tokio::test]
async fn a_populated_database_is_refused_without_a_first_admin_and_left_as_it_was() {
    for world in World::both().await {
        old::populated(&world).await;
        let before = everything(&world).await;
        let error = run(&world.db, Command::Up, &Options::default()).await.unwrap_err();
        assert!(matches!(error, Error::Refused(Refusal::DefaultAdminNeeded)), "{error}");
        assert!(error.to_string().contains("--default-admin"));
        assert_eq!(everything(&world).await, before);
        let wrong = Options { default_admin: Some("nobody".to_owned()), ..Options::default() };
        let error = run(&world.db, Command::Up, &wrong).await.unwrap_err();
        assert!(matches!(error, Error::Refused(Refusal::NoAddress { .. })), "{error}");
        assert_eq!(everything(&world).await, before);
        convert(&world).await;
    }
}

#[tokio::test]
async fn a_conversion_that_breaks_off_has_changed_nothing_and_can_be_run_again() {
    for world in World::both().await {
        old::populated(&world).await;
        // In the way of one of the last steps: an unreadable time in the log, a table of the same name.
        let (plant, remove) = if world.is_postgres() {
            ("CREATE TABLE event_heads (x int)", "DROP TABLE event_heads")
        } else {
            let id = "x'00000000000000000000000000000001'";
            (
                &*format!("INSERT INTO events (id, created_at) VALUES ({id}, 'some day')"),
                &*format!("DELETE FROM events WHERE id = {id}"),
            )
        };
        world.sql(plant).await;
        let before = everything(&world).await;
        let error = run(&world.db, Command::Up, &options()).await.unwrap_err();
        assert!(matches!(error, Error::Database(_)), "{error}");
        assert_eq!(everything(&world).await, before);
        world.sql(remove).await;
        assert!(convert(&world).await.findings.is_empty());
    }
}

#[tokio::test]
async fn an_empty_database_needs_nobody_and_gets_no_organisation() {
    for world in World::both().await {
        let stands = run(&world.db, Command::Status, &Options::default()).await.unwrap();
        assert_eq!(stands.pending().count(), stands.migrations.len());
        assert!(everything(&world).await.is_empty());
        assert!(world.up().await.changed);
        assert_eq!(world.number("SELECT count(*) FROM organizations").await, 0);
        assert!(!world.up().await.changed);
        assert_eq!(run(&world.db, Command::Status, &Options::default()).await.unwrap().pending().count(), 0);
        let all = Command::Down(stands.migrations.len().try_into().unwrap());
        run(&world.db, all, &Options::default()).await.unwrap();
        assert_eq!(everything(&world).await, ["seaql_migrations: 0"]);
        assert!(world.up().await.changed);
    }
}

#[tokio::test]
async fn processes_that_start_together_migrate_once() {
    for world in World::both().await {
        old::populated(&world).await;
        let (one, other) = (options(), options());
        let (one, other) = tokio::join!(run(&world.db, Command::Up, &one), run(&world.db, Command::Up, &other));
        // One did it; the other waited and found it done.
        assert_ne!(one.unwrap().changed, other.unwrap().changed);
        assert_eq!(world.number("SELECT count(*) FROM invitations").await, 1);
    }
}

#[tokio::test]
async fn old_words_become_new_ones_and_unknown_ones_start_nothing() {
    for world in World::both().await {
        old::populated(&world).await;
        convert(&world).await;
        let word = async |table: &str, column: &str, kind: &str, n: usize| -> String {
            let id = old::id(kind, n);
            let id = if world.is_postgres() { format!("'{id}'::uuid") } else { format!("x'{}'", id.simple()) };
            let rows = world.rows(&format!("SELECT {column} FROM {table} WHERE id = {id}")).await;
            rows[0].try_get_by_index(0).unwrap()
        };
        for (n, status) in ["ACTIVE", "ACTIVE", "STOPPED", "ERROR", "STOPPED", "ARCHIVED"].into_iter().enumerate() {
            assert_eq!(word("global_agents", "status", "agent", n).await, status);
        }
        for (n, status) in ["PENDING", "RUNNING", "COMPLETED", "FAILED", "CANCELLED", "FAILED"].into_iter().enumerate()
        {
            assert_eq!(word("goals", "status", "goal", n).await, status);
        }
        let tasks = ["QUEUED", "RUNNING", "DEAD_LETTER", "COMPLETED", "DEAD_LETTER", "DEAD_LETTER"];
        for (n, status) in tasks.into_iter().enumerate() {
            assert_eq!(word("tasks", "status", "task", n).await, status);
        }
        for (n, kind) in ["PLAN", "RISKY_TASK", "RISKY_TASK", "PLAN"].into_iter().enumerate() {
            assert_eq!(word("approval_requests", "type", "approval", n).await, kind);
        }
        for (n, role) in ["USER", "ASSISTANT", "TOOL", "SYSTEM", "SYSTEM"].into_iter().enumerate() {
            assert_eq!(word("chat_messages", "role", "message", n).await, role);
        }
        let told = "SELECT count(*) FROM events WHERE type = 'migration.value_replaced' AND payload LIKE '%\"was\":\"ghost\"%'";
        assert_eq!(world.number(told).await, 1);
        for n in 0..3 {
            let list = word("workers", "capabilities", "worker", n).await;
            assert_eq!(list.replace(' ', ""), ["[\"code\",\"web\"]", "[\"code\",\"web\"]", "[]"][n]);
        }
    }
}

#[tokio::test]
async fn what_promises_json_is_json_and_names_are_folded() {
    for world in World::both().await {
        old::populated(&world).await;
        convert(&world).await;
        let json = [
            ("global_agents", "config"),
            ("goals", "plan"),
            ("tasks", "payload"),
            ("approval_requests", "payload"),
            ("chat_messages", "tool_calls"),
            ("events", "payload"),
            ("workers", "capabilities"),
        ];
        for (table, column) in json {
            for text in texts(&world, &format!("SELECT id, {column} FROM {table}")).await.into_values().flatten() {
                assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{table}.{column}: {text}");
            }
        }
        let folded = texts(&world, "SELECT id, goal_text_folded FROM goals").await;
        for (id, text) in texts(&world, "SELECT id, goal_text FROM goals").await {
            assert_eq!(folded[&id], text.map(|text| entity::fold(&text)));
        }
    }
}

/// SQLite holds whatever was written, and old rows were not all written by one program.
#[tokio::test]
async fn times_in_any_spelling_become_times_in_one() {
    let world = World::sqlite().await;
    old::empty(&world).await;
    let spellings = ["2024-05-06 07:08:09", "2024-05-06T09:08:09.123456789+02:00", "2024-05-06T07:08:09Z"];
    for (n, time) in spellings.into_iter().enumerate() {
        let sql = "INSERT INTO goals (id, goal_text, created_at) VALUES ($1, 'g', $2)";
        world.execute(sql, [old::id("goal", n).into(), time.into()]).await;
    }
    convert(&world).await;
    let times = texts(&world, "SELECT id, created_at FROM goals WHERE goal_text = 'g'").await;
    let times: BTreeSet<_> = times.into_values().flatten().collect();
    assert_eq!(times, ["2024-05-06T07:08:09+00:00", "2024-05-06T07:08:09.123456+00:00"].map(str::to_owned).into());
}

#[tokio::test]
async fn a_database_of_the_time_before_without_a_row_needs_nobody() {
    for world in World::both().await {
        old::empty(&world).await;
        assert!(world.up().await.changed);
        assert_eq!(world.number("SELECT count(*) FROM organizations").await, 0);
        assert_eq!(world.number("SELECT count(*) FROM invitations").await, 0);
    }
}
