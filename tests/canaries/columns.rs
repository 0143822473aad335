//! A marker in every confidential and secret column of every table, by the classes that the entities have.

use std::{collections::BTreeSet, fmt::Write as _};

use entity::{
    enums::AgentVisibility,
    ids::TypedId,
    table::{Class, Table, TableClass},
};
use sea_orm::{ConnectionTrait as _, Statement};

use super::marker::{Marks, NUMBER};
use crate::support::world::World;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Holds {
    Text,
    Json,
    Number,
}

/// Whose a table's rows are, for an outsider of Acme: someone in no team, who may use public and global agents alone.
enum AgentAccess {
    /// Those that hang off an agent, by this column.
    Agent(&'static str),
    /// Those of a task.
    Task,
    /// The outsider's own, by this condition.
    Own(&'static str),
    /// None.
    None,
}

/// A column of these classes, with its number in markers.
pub struct Column {
    pub number: usize,
    pub table: &'static str,
    pub name: &'static str,
    pub class: Class,
    /// No field of the schema has it, by itself or at all.
    pub shown: bool,
    holds: Holds,
}

impl Column {
    pub fn path(&self) -> String {
        format!("{}.{}", self.table, self.name)
    }

    pub const fn is_number(&self) -> bool {
        matches!(self.holds, Holds::Number)
    }
}

/// What a column holds. A column that is new is added here, or every test of this module fails.
fn holds(table: &str, column: &str) -> Holds {
    match (table, column) {
        ("organizations" | "agents" | "global_agents", "config")
        | ("goals", "plan")
        | ("tasks", "payload" | "result")
        | ("executions", "file_contents")
        | ("approval_requests" | "events", "payload")
        | ("chat_messages", "tool_calls" | "tool_results") => Holds::Json,
        ("chat_messages", "tokens_in" | "tokens_out")
        | ("workspace_files", "size_bytes")
        | ("workspace_usage", "bytes") => Holds::Number,
        ("users", "password_hash")
        | ("invitations" | "refresh_tokens" | "one_time_tokens", "token_hash")
        | ("agents" | "global_agents", "system_prompt")
        | ("global_agent_documents" | "agent_documents", "content" | "uri")
        | ("goals", "goal_text" | "goal_text_folded")
        | ("tasks", "error")
        | ("service_accounts", "key_hash" | "previous_key_hash")
        | ("executions", "code" | "code_output" | "shell_output")
        | ("workspace_files", "path" | "sha256")
        | ("approval_requests", "reason")
        | ("approval_decisions", "comment")
        | ("chat_sessions", "title")
        | ("chat_messages", "content")
        | ("events", "payload_salt")
        | ("email_changes", "old_token_hash" | "new_token_hash")
        | ("signing_keys", "sealed_private_key")
        | ("mail_outbox", "subject" | "body") => Holds::Text,
        other => panic!("{other:?} is a column that not everybody may read: say how it is marked, and see it shown"),
    }
}

/// Columns behind no field of their own: the folded text is searched, the salt is in no answer, and of what an
/// organisation's files take only a refusal tells.
const NOT_SHOWN: [&str; 3] = ["goals.goal_text_folded", "events.payload_salt", "workspace_usage.bytes"];

pub fn columns() -> Vec<Column> {
    let mut columns = Vec::new();
    for table in entity::tables() {
        for (name, class) in &table.columns {
            if *class == Class::Metadata {
                continue;
            }
            let shown =
                *class == Class::Confidential && !NOT_SHOWN.contains(&format!("{}.{name}", table.name).as_str());
            let holds = holds(table.name, name);
            columns.push(Column { number: columns.len() + 10, table: table.name, name, class: *class, shown, holds });
        }
    }
    columns
}

fn sight(table: &str) -> AgentAccess {
    match table {
        "agents" => AgentAccess::Agent("id"),
        "agent_documents" | "goals" | "tasks" | "workspace_files" => AgentAccess::Agent("agent_id"),
        "executions" => AgentAccess::Task,
        "approval_requests" => AgentAccess::Own("requested_by = OUTSIDER"),
        "approval_decisions" => {
            AgentAccess::Own("request_id IN (SELECT id FROM approval_requests WHERE requested_by = OUTSIDER)")
        }
        "chat_sessions" => AgentAccess::Own("user_id = OUTSIDER"),
        "chat_messages" => AgentAccess::Own("session_id IN (SELECT id FROM chat_sessions WHERE user_id = OUTSIDER)"),
        // The organisation's settings and its log are its admins'.
        "organizations" | "events" | "workspace_usage" => AgentAccess::None,
        other => panic!("{other} holds content: say which rows somebody in no team may see"),
    }
}

/// An id as SQL has it.
fn quote(world: &World, id: impl TypedId) -> String {
    let id = id.uuid();
    if world.kind == "sqlite" { format!("x'{}'", id.simple()) } else { format!("'{id}'") }
}

/// The letter in a marker, as SQL: `a` Acme's, for an outsider too; `t` Acme's, hidden from one; `g` Globex's; `p` the
/// platform's; `s` nobody's.
fn whose(world: &World, table: &Table) -> String {
    if table.class == TableClass::Platform && table.name != "organizations" {
        return "'p'".to_owned();
    }
    let outsider = world.plan.users.iter().find(|user| user.email == "hugo@acme.example").unwrap().id;
    let acme = world.acme();
    let plan = &world.plan;
    let is_seen = |agent: &&entity::agent::Model| {
        agent.org_id == acme
            && (matches!(agent.visibility, AgentVisibility::Public | AgentVisibility::Global)
                || agent.owner_id == Some(outsider)
                || plan.agent_collaborators.iter().any(|row| row.agent_id == agent.id && row.user_id == Some(outsider))
                || plan
                    .agent_admins
                    .iter()
                    .any(|row| (row.org_id, row.agent_id, row.user_id) == (acme, agent.id, outsider)))
    };
    let seen: BTreeSet<String> = plan.agents.iter().filter(is_seen).map(|agent| quote(world, agent.id)).collect();
    let seen = seen.into_iter().collect::<Vec<_>>().join(", ");
    let seen = match sight(table.name) {
        AgentAccess::Agent(column) => format!("{column} IN ({seen})"),
        AgentAccess::Task => format!("task_id IN (SELECT id FROM tasks WHERE agent_id IN ({seen}))"),
        AgentAccess::Own(condition) => condition.replace("OUTSIDER", &quote(world, outsider)),
        AgentAccess::None => "1 = 0".to_owned(),
    };
    let org = if table.name == "organizations" { "id" } else { "org_id" };
    format!("CASE WHEN t.{org} <> {} THEN 'g' WHEN {seen} THEN 'a' ELSE 't' END", quote(world, acme))
}

async fn run(world: &World, sql: &str) {
    world.root.execute_unprepared(sql).await.unwrap_or_else(|error| panic!("{error}: {sql}"));
}

/// Rows in tables that hold secrets and that nobody has written to yet.
async fn fill(world: &World) {
    let user = quote(world, world.plan.users[0].id);
    let id = |n: u128| quote(world, entity::ids::UserId::from_uuid(uuid::Uuid::from_u128(n)));
    let now = "'2026-11-22 09:00:00+00:00'";
    for sql in [
        format!(
            "INSERT INTO one_time_tokens (id, user_id, purpose, token_hash, expires_at, created_at) VALUES ({}, {user}, 'SET_PASSWORD', 'x', {now}, {now})",
            id(1)
        ),
        format!(
            "INSERT INTO email_changes (id, user_id, old_email, new_email, old_token_hash, new_token_hash, expires_at, created_at) VALUES ({}, {user}, 'a@b.example', 'b@b.example', 'x', 'y', {now}, {now})",
            id(2)
        ),
        format!(
            "INSERT INTO mail_outbox (id, recipient, subject, body, attempts, created_at, sent_at, next_attempt_at) VALUES ({}, 'ada@acme.example', 'x', 'y', 1, {now}, {now}, {now})",
            id(3)
        ),
        format!(
            "INSERT INTO signing_keys (id, public_key, sealed_private_key, created_at, retired_at) VALUES ({}, 'x', 'y', '2020-01-01 00:00:00+00:00', '2020-01-02 00:00:00+00:00')",
            id(4)
        ),
    ] {
        run(world, &sql).await;
    }
}

/// Which rows are marked. What signs the callers of these tests in stays as it is.
fn rows(world: &World, column: &Column) -> String {
    let globex = world.plan.organizations.iter().find(|org| org.slug == "globex").unwrap().id;
    match (column.table, column.name) {
        ("service_accounts", "key_hash") => format!(" AND org_id = {}", quote(world, globex)),
        ("signing_keys", _) => " AND public_key = 'x'".to_owned(),
        ("agents", "system_prompt" | "config") => " AND visibility <> 'GLOBAL'".to_owned(),
        _ => String::new(),
    }
}

/// Marks them all. Callers have signed in before: what their keys and sessions are found by is overwritten.
pub async fn mark(world: &World, marks: &Marks) {
    fill(world).await;
    for table in entity::tables() {
        for column in columns().iter().filter(|column| column.table == table.name) {
            let whose = if column.class == Class::Secret { "'s'".to_owned() } else { whose(world, &table) };
            let number = "CAST(100000 + r.n AS TEXT)";
            let marker = format!("'{}' || ({whose}) || '{:02}' || {number}", marks.word, column.number);
            let value = match column.holds {
                Holds::Text if column.name == "goal_text_folded" => format!("lower({marker})"),
                Holds::Text => marker,
                Holds::Json => format!("'{{\"canary\":\"' || {marker} || '\"}}'"),
                Holds::Number => format!("{NUMBER}{:02}00 + (r.n % 100)", column.number),
            };
            let (key, order) =
                if table.columns.iter().any(|(name, _)| *name == "id") { ("id", "id") } else { ("org_id", "org_id") };
            let mut sql = String::new();
            let _ = write!(
                sql,
                "UPDATE {0} AS t SET {1} = {value} FROM (SELECT {key} AS k, row_number() OVER (ORDER BY {order}) AS n FROM {0}) AS r WHERE r.k = t.{key}{2}",
                table.name,
                column.name,
                rows(world, column),
            );
            run(world, &sql).await;
            assert!(stored(world, marks, column).await > 0, "{} holds no marker: prove something", column.path());
        }
    }
}

/// How many rows hold the column's marker.
async fn stored(world: &World, marks: &Marks, column: &Column) -> i64 {
    let marker = match column.holds {
        Holds::Number => format!("{NUMBER}{:02}%", column.number),
        _ => format!("%{}_{:02}%", marks.word.to_lowercase(), column.number),
    };
    let sql =
        format!("SELECT count(*) FROM {} WHERE lower(CAST({} AS TEXT)) LIKE '{marker}'", column.table, column.name);
    let statement = Statement::from_string(world.root.get_database_backend(), sql);
    world.root.query_one_raw(statement).await.unwrap().unwrap().try_get_by_index(0).unwrap()
}
