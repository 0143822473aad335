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

async fn convert(world: &World) -> Outcome {
    run(&world.db, Command::Up, &options()).await.unwrap()
}

async fn ids(world: &World, sql: &str) -> BTreeSet<Uuid> {
    let rows = world.rows(sql).await;
    let found: BTreeSet<_> = rows.iter().map(|row| row.try_get_by_index::<Uuid>(0).unwrap()).collect();
    assert_eq!(found.len(), rows.len(), "twice the same id: {sql}");
    found
}

async fn texts(world: &World, sql: &str) -> BTreeMap<Uuid, Option<String>> {
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
        let token = body.split_once("https://palisade.example/accept-invitation#token=").unwrap().1;
        let token = token.split_whitespace().next().unwrap();
        let org = world.rows("SELECT id FROM organizations").await[0].try_get::<Uuid>("", "id").unwrap();
        let digits = OrgId::from_uuid(org).to_string().replace("org_", "");
        assert!(token.starts_with(&format!("inv_{digits}_")), "{token}");
        let hash = <sha2::Sha256 as sha2::Digest>::digest(token).iter().map(|b| format!("{b:02x}")).collect::<String>();
        assert_eq!(text("token_hash"), hash);
    }
}

/// Everything there is, as text, to see that nothing changed.
async fn everything(world: &World) -> Vec<String> {
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
async fn an_empty_database_needs_nobody_and_gets_no_organisation() {
    for world in World::both().await {
        assert_eq!(run(&world.db, Command::Status, &Options::default()).await.unwrap().pending().count(), 7);
        assert!(everything(&world).await.is_empty());
        assert!(world.up().await.changed);
        assert_eq!(world.number("SELECT count(*) FROM organizations").await, 0);
        assert!(!world.up().await.changed);
        assert_eq!(run(&world.db, Command::Status, &Options::default()).await.unwrap().pending().count(), 0);
        run(&world.db, Command::Down(7), &Options::default()).await.unwrap();
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
        one.unwrap();
        other.unwrap();
        assert_eq!(world.number("SELECT count(*) FROM invitations").await, 1);
    }
}

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
        run(&world.db, Command::Down(1), &Options::default()).await.unwrap();
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
            let error = run(&world.db, Command::Down(1), &Options::default()).await.unwrap_err();
            assert!(matches!(error, Error::Refused(Refusal::WouldLose { .. })), "{plant}: {error}");
            assert_eq!(everything(&world).await, before);
            world.sql(remove).await;
        }
        if world.is_postgres() {
            assert!(migration::walls::check(&world.db).await.unwrap().is_empty());
        }
        run(&world.db, Command::Down(1), &Options::default()).await.unwrap();
    }
}
