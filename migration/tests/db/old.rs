//! A database of the time before tenancy, with thousands of rows and what years of use leave behind: nulls, references to
//! rows that are gone, one address in three spellings, words that no enum has, text in many scripts.
#![expect(clippy::manual_is_multiple_of, reason = "which row gets what reads best as arithmetic")]

use chrono::{DateTime, Duration, Utc};
use migration::Migrator;
use sea_orm::{
    ConnectionTrait as _, Value,
    sea_query::{Alias, Query, SimpleExpr},
};
use sea_orm_migration::MigratorTraitSelf as _;
use uuid::Uuid;

use crate::support::World;

macro_rules! row {
    ($($value:expr),* $(,)?) => { vec![$(Value::from($value)),*] };
}

/// An id that is the same in every run, and in no order.
pub fn id(kind: &str, n: usize) -> Uuid {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut word = |seed: u64| {
        for byte in kind.bytes().chain((n as u64 ^ seed).to_be_bytes()) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        hash
    };
    Uuid::from_u64_pair(word(1), word(2))
}

pub fn time(n: usize) -> DateTime<Utc> {
    let start: DateTime<Utc> = "2025-01-01T00:00:00Z".parse().unwrap();
    // Nanoseconds, which PostgreSQL rounds and the platform cuts.
    start + Duration::seconds(n as i64) + Duration::microseconds((n % 7 * 123_456) as i64)
}

async fn insert(world: &World, table: &'static str, columns: &[&'static str], rows: Vec<Vec<Value>>) {
    for rows in rows.chunks(400) {
        let mut insert = Query::insert();
        insert.into_table(Alias::new(table)).columns(columns.iter().map(|name| Alias::new(*name)));
        for row in rows {
            insert.values_panic(row.iter().cloned().map(SimpleExpr::from));
        }
        world.db.execute(&insert).await.unwrap();
    }
}

pub const AGENTS: usize = 40;
pub const GOALS: usize = 700;
pub const TASKS: usize = 1500;
pub const MESSAGES: usize = 700;
pub const EVENTS: usize = 1300;

/// Names of the old tables.
pub const TABLES: [&str; 11] = [
    "users",
    "agents",
    "goals",
    "workers",
    "tasks",
    "task_dependencies",
    "llm_usage",
    "approval_requests",
    "chat_sessions",
    "chat_messages",
    "events",
];

/// The old schema without a row.
pub async fn empty(world: &World) {
    Migrator::default().up(&world.db, Some(6)).await.unwrap();
}

/// The old schema, long in use.
pub async fn populated(world: &World) {
    empty(world).await;
    people(world).await;
    work(world).await;
    talk(world).await;
}

async fn people(world: &World) {
    let mut rows = vec![
        row![id("user", 0), "Ada@Example.com", "Ada", time(5)],
        row![id("user", 1), "ada@example.com ", "Ada Lovelace", time(1)],
        row![id("user", 2), "ADA@EXAMPLE.COM", None::<String>, None::<DateTime<Utc>>],
        row![id("user", 3), None::<String>, "Nobody", time(3)],
        row![id("user", 4), "not an address", "Odd", time(4)],
        row![id("user", 5), "zoë@пример.example", "Zoë Ωmega ☃", time(2)],
        row![id("user", 6), "bob@example.com", "", time(6)],
    ];
    rows.extend((7..60).map(|n| row![id("user", n), format!("user{n}@example.com"), "Same Name", time(n)]));
    insert(world, "users", &["id", "email", "name", "created_at"], rows).await;

    let agent = |n: usize| {
        let status = ["active", "ACTIVE", "paused", "Error", "wobbly", "archived"][n % 6];
        let owner = match n % 4 {
            0 => None,
            3 => Some(id("gone user", n % 8)),
            _ => Some(id("user", n % 3)),
        };
        let config = [Some("{\"model\": \"m\"}"), None, Some("not json"), Some("[1, 2]")][n % 4];
        row![
            id("agent", n),
            (n % 9 != 8).then(|| format!("Agent {}", n % 5)),
            (n % 3 == 0).then_some("Räumt auf — 掃除"),
            status,
            (n % 7 != 6).then(|| format!("You are agent {n}. \"Quote\" 'quote' 🦀")),
            config,
            (n % 2 == 0).then_some(n % 4 == 0),
            owner,
            (n % 10 != 9).then(|| time(n)),
        ]
    };
    let columns =
        ["id", "name", "description", "status", "system_prompt", "config", "chat_capable", "owner_id", "created_at"];
    insert(world, "agents", &columns, (0..AGENTS).map(agent).collect()).await;
}

async fn work(world: &World) {
    let goal = |n: usize| {
        let agent = match n % 11 {
            9 => None,
            10 => Some(id("gone agent", n % 3)),
            _ => Some(id("agent", n % AGENTS)),
        };
        let status = [Some("pending"), Some("in progress"), Some("done"), None, Some("cancelled"), Some("???")][n % 6];
        row![
            id("goal", n),
            agent,
            (n % 5 != 0).then(|| id(if n % 13 == 0 { "gone user" } else { "user" }, n % 20)),
            status,
            (n % 4 != 0).then_some(n as i32 - 100),
            (n % 17 != 0).then(|| format!("Ziel ÄÖÜ İstanbul {n}")),
            (n % 3 == 0).then(|| if n % 2 == 0 { "{\"steps\":[]}".to_owned() } else { format!("plan {n}") }),
            (n % 19 != 0).then(|| time(n)),
        ]
    };
    let columns = ["id", "agent_id", "submitted_by", "status", "priority", "goal_text", "plan", "created_at"];
    insert(world, "goals", &columns, (0..GOALS).map(goal).collect()).await;

    let worker = |n: usize| {
        let capabilities = [Some("[\"code\",\"web\"]"), Some("code, web ,"), None][n % 3];
        row![id("worker", n), (n > 0).then(|| format!("host-{}", n % 3)), "Busy", capabilities]
    };
    insert(world, "workers", &["id", "hostname", "status", "capabilities"], (0..12).map(worker).collect()).await;

    let task = |n: usize| {
        let goal = match n % 23 {
            21 => None,
            22 => Some(id("gone goal", n % 5)),
            _ => Some(id("goal", n % GOALS)),
        };
        let worker = match n % 6 {
            4 => None,
            5 => Some(id("gone worker", n % 4)),
            _ => Some(id("worker", n % 12)),
        };
        let status = ["queued", "running", "failed", "COMPLETED", "dead-letter", "lost in space"][n % 6];
        row![
            id("task", n),
            goal,
            worker,
            (n % 8 != 0).then_some("code"),
            status,
            (n % 2 == 0).then(|| format!("{{\"n\":{n}}}")),
            (n % 3 == 0).then(|| format!("error {n}")),
            (n % 12 != 0).then(|| time(n)),
        ]
    };
    let columns = ["id", "goal_id", "worker_id", "type", "status", "payload", "error", "created_at"];
    insert(world, "tasks", &columns, (0..TASKS).map(task).collect()).await;

    let edge = |n: usize| row![id("edge", n), id("task", n % 800), id("task", (n % 800 + 1) % TASKS)];
    insert(world, "task_dependencies", &["id", "task_id", "depends_on_id"], (0..810).map(edge).collect()).await;

    let usage = |n: usize| {
        row![
            id("usage", n),
            (n % 3 != 0).then(|| id(if n % 50 == 1 { "gone agent" } else { "agent" }, n % 5)),
            (n % 4 != 0).then(|| id(if n % 60 == 1 { "other gone goal" } else { "goal" }, n)),
            (n % 5 != 0).then(|| id(if n % 70 == 1 { "other gone user" } else { "user" }, n % 3)),
            (n % 6 != 0).then_some("model-x"),
            (n % 9 != 0).then(|| format!("req-{}", n % 600)),
            (n % 2 == 0).then_some(n as i64),
            (n % 7 != 0).then_some(n as i64 * 3),
            time(n),
        ]
    };
    let columns =
        ["id", "agent_id", "goal_id", "user_id", "model", "request_id", "tokens_in", "cost_micros", "created_at"];
    insert(world, "llm_usage", &columns, (0..700).map(usage).collect()).await;

    let approval = |n: usize| {
        let goal = match n % 8 {
            6 => None,
            7 => Some(id("third gone goal", n % 3)),
            _ => Some(id("goal", n)),
        };
        row![
            id("approval", n),
            [Some("plan"), Some("tool"), None, Some("whim")][n % 4],
            [Some("pending"), Some("Approved"), Some("denied"), Some("shrug")][n % 4],
            goal,
            (n % 2 == 0).then(|| id(if n % 10 == 0 { "gone task" } else { "task" }, n)),
            (n % 3 == 0).then(|| id("user", n % 9)),
            (n % 5 == 0).then_some("rm -rf /"),
            time(n),
        ]
    };
    let columns = ["id", "type", "status", "goal_id", "task_id", "requested_by", "payload", "created_at"];
    insert(world, "approval_requests", &columns, (0..300).map(approval).collect()).await;
}

async fn talk(world: &World) {
    let session = |n: usize| {
        row![
            id("chat", n),
            (n % 5 != 0).then(|| id(if n % 7 == 0 { "other gone agent" } else { "agent" }, n % AGENTS)),
            (n % 4 != 0).then(|| id("user", n % 30)),
            (n % 3 != 0).then(|| format!("Über {n}")),
            [Some("active"), Some("closed"), None][n % 3],
            time(n),
        ]
    };
    let columns = ["id", "agent_id", "user_id", "title", "status", "created_at"];
    insert(world, "chat_sessions", &columns, (0..100).map(session).collect()).await;

    let message = |n: usize| {
        let session = match n % 40 {
            38 => None,
            39 => Some(id("gone chat", n % 3)),
            _ => Some(id("chat", n % 100)),
        };
        row![
            id("message", n),
            session,
            [Some("user"), Some("AI"), Some("tool"), Some("ghost"), None][n % 5],
            (n % 11 != 0).then(|| format!("Grüße {n} 👋")),
            (n % 6 == 0).then_some("[{\"call\":1}]"),
            (n % 2 == 0).then_some(n as i32),
            time(n),
        ]
    };
    let columns = ["id", "session_id", "role", "content", "tool_calls", "tokens_in", "created_at"];
    insert(world, "chat_messages", &columns, (0..MESSAGES).map(message).collect()).await;

    let event = |n: usize| {
        let actor = match n % 7 {
            0 => None,
            1 => Some("system".to_owned()),
            2 => Some(" BOB@example.com".to_owned()),
            3 => Some("Eve@Elsewhere.example".to_owned()),
            4 => Some(id("user", n % 5).to_string()),
            5 => Some(format!("worker-{}", n % 3)),
            _ => Some(id("unknown", n % 2).to_string()),
        };
        row![
            id("event", n),
            (n % 31 != 0).then_some(["goal.created", "task.failed", "chat_message", "odd"][n % 4]),
            actor,
            (n % 3 != 0).then(|| id("goal", n).to_string()),
            (n % 2 == 0).then(|| if n % 8 == 0 { "free text".to_owned() } else { format!("{{\"n\":{n}}}") }),
            // Backwards, in pairs of the same time, now and then unknown.
            (n % 97 != 0).then(|| time((EVENTS - n) / 2)),
        ]
    };
    let columns = ["id", "type", "actor", "subject", "payload", "created_at"];
    insert(world, "events", &columns, (0..EVENTS).map(event).collect()).await;
}
