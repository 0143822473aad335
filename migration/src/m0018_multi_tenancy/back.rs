//! From the new tables back to the old: one organisation's data loses its organisation. Declines where there is anything
//! that the old schema has no place for.

use entity::ids::{
    AgentId, ApprovalRequestId, ChatMessageId, ChatSessionId, GoalId, LlmUsageId, TaskId, TypedId, UserId, WorkerId,
};
use sea_orm::{ConnectionTrait as _, DbBackend, DbErr, Statement, Value};
use sea_orm_migration::{MigrationTrait as _, SchemaManager};
use uuid::Uuid;

use super::{Refusal, old};
use crate::{
    m0001_accounts, m0002_agents_and_goals, m0003_tasks_and_workers, m0004_usage_and_approvals, m0005_chat,
    m0006_events, schema::drop_tables,
};

/// What there must be nothing of, and how to find it.
const OBSTACLES: &[(&str, &str)] = &[
    ("there are organisations besides `default`", "SELECT 1 FROM organizations WHERE slug <> 'default'"),
    ("the organisation has settings", "SELECT 1 FROM organizations WHERE config IS NOT NULL"),
    ("there are teams", "SELECT 1 FROM teams"),
    ("there are agents that are not global", "SELECT 1 FROM agents WHERE visibility <> 'GLOBAL'"),
    (
        "there are approval rules or stopped agents of the organisation",
        "SELECT 1 FROM agents WHERE status <> 'ACTIVE' OR required_approvals <> 1 UNION ALL
         SELECT 1 FROM global_agents WHERE required_approvals <> 1",
    ),
    ("agents have collaborators", "SELECT 1 FROM agent_collaborators"),
    ("agents have admins", "SELECT 1 FROM agent_admins"),
    ("agents have documents", "SELECT 1 FROM agent_documents UNION ALL SELECT 1 FROM global_agent_documents"),
    ("accounts have passwords", "SELECT 1 FROM users WHERE password_hash IS NOT NULL"),
    ("there are super-admins", "SELECT 1 FROM users WHERE is_super_admin"),
    ("accounts are suspended", "SELECT 1 FROM users WHERE status = 'SUSPENDED'"),
    ("accounts have external identities", "SELECT 1 FROM user_identities"),
    (
        "there are admins, pending members or members who have left",
        "SELECT 1 FROM org_memberships m JOIN users u ON u.id = m.user_id WHERE m.role <> 'MEMBER'
         OR m.pending_role IS NOT NULL OR m.status = 'PENDING'
         OR (m.status = 'LEFT' AND u.email NOT LIKE '%@users.invalid')",
    ),
    ("there are invitations", "SELECT 1 FROM invitations WHERE NOT first_admin OR status <> 'PENDING'"),
    ("the platform has a log", "SELECT 1 FROM platform_events"),
];

/// All tables of the new schema, children first; those with a predecessor have stepped aside.
const DROPPED: &[&str] = &[
    "old_events",
    "event_heads",
    "old_chat_messages",
    "old_chat_sessions",
    "old_llm_usage",
    "old_approval_requests",
    "old_task_dependencies",
    "old_tasks",
    "agent_documents",
    "old_goals",
    "old_workers",
    "agent_admins",
    "agent_collaborators",
    "old_agents",
    "team_memberships",
    "teams",
    "invitations",
    "org_memberships",
    "global_agent_documents",
    "global_agents",
    "refresh_tokens",
    "sessions",
    "one_time_tokens",
    "user_identities",
    "signing_keys",
    "mail_outbox",
    "platform_events",
    "login_throttles",
    "platform_settings",
    "organizations",
    "old_users",
];

/// The conversion's placeholders, which rows of the old schema do without.
const NO_AGENT: &str = "(SELECT id FROM global_agents WHERE name = '(no agent)' AND status = 'ARCHIVED')";
const NO_GOAL: &str =
    "(SELECT id FROM old_goals WHERE goal_text = '(no goal)' AND status = 'CANCELLED' AND submitted_by IS NULL)";

/// The first thing that going back would lose.
pub(super) async fn obstacle(manager: &SchemaManager<'_>) -> Result<Option<Refusal>, DbErr> {
    let db = manager.get_connection();
    for (what, sql) in OBSTACLES {
        let sql = Statement::from_string(db.get_database_backend(), format!("SELECT 1 FROM ({sql}) AS found LIMIT 1"));
        if db.query_one_raw(sql).await?.is_some() {
            return Ok(Some(Refusal::WouldLose { what: (*what).to_owned() }));
        }
    }
    Ok(None)
}

/// Makes the old tables, fills them and drops the new ones.
pub(super) async fn run(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    old::set_aside(manager, old::TABLES).await?;
    m0001_accounts::Migration.up(manager).await?;
    m0002_agents_and_goals::Migration.up(manager).await?;
    m0003_tasks_and_workers::Migration.up(manager).await?;
    m0004_usage_and_approvals::Migration.up(manager).await?;
    m0005_chat::Migration.up(manager).await?;
    m0006_events::Migration.up(manager).await?;
    let db = manager.get_connection();
    for sql in copies() {
        db.execute_unprepared(&sql).await?;
    }
    restore(manager).await?;
    drop_tables(manager, DROPPED).await?;
    if db.get_database_backend() == DbBackend::Postgres {
        db.execute_unprepared("DROP FUNCTION IF EXISTS palisade_org()").await?;
    }
    Ok(())
}

/// One statement for each old table.
fn copies() -> Vec<String> {
    vec![
        "INSERT INTO users (id, email, name, created_at, last_login_at)
         SELECT id, CASE WHEN email LIKE '%@users.invalid' THEN NULL ELSE email END, name, created_at, last_login_at
         FROM old_users WHERE NOT (name = '(removed user)' AND email LIKE '%@users.invalid')"
            .to_owned(),
        "INSERT INTO agents (id, name, description, status, system_prompt, config, chat_capable, requires_approval,
                             created_at, updated_at)
         SELECT id, name, description, lower(status), system_prompt, config, chat_capable, require_plan_approval,
                created_at, updated_at
         FROM global_agents WHERE NOT (name IN ('(removed agent)', '(no agent)') AND status = 'ARCHIVED')"
            .to_owned(),
        format!(
            "INSERT INTO goals (id, agent_id, submitted_by, status, priority, goal_text, plan, created_at, updated_at,
                                completed_at)
             SELECT id, CASE WHEN agent_id IN {NO_AGENT} THEN NULL ELSE agent_id END, submitted_by, lower(status),
                    priority, goal_text, plan, created_at, updated_at, completed_at
             FROM old_goals WHERE NOT (goal_text IN ('(removed goal)', '(no goal)') AND status = 'CANCELLED'
                                       AND submitted_by IS NULL)"
        ),
        "INSERT INTO workers (id, hostname, status, capabilities, last_heartbeat_at, created_at)
         SELECT id, hostname, lower(status), capabilities, last_heartbeat_at, created_at
         FROM old_workers WHERE NOT (hostname = '(removed worker)' AND status = 'OFFLINE')"
            .to_owned(),
        format!(
            "INSERT INTO tasks (id, goal_id, worker_id, type, status, priority, retries, max_retries, payload, result,
                                error, created_at, updated_at, started_at, finished_at)
             SELECT id, CASE WHEN goal_id IN {NO_GOAL} THEN NULL ELSE goal_id END, worker_id, type, lower(status),
                    priority, retries, max_retries, payload, result, error, created_at, updated_at, started_at,
                    finished_at
             FROM old_tasks WHERE NOT (type = '(removed task)' AND status = 'CANCELLED')"
        ),
        "INSERT INTO task_dependencies (id, task_id, depends_on_id)
         SELECT id, task_id, depends_on_id FROM old_task_dependencies"
            .to_owned(),
        "INSERT INTO llm_usage (id, agent_id, goal_id, user_id, model, request_id, tokens_in, tokens_out, cost_micros,
                                created_at)
         SELECT id, agent_id, goal_id, user_id, model, request_id, tokens_in, tokens_out, cost_nanos / 1000, created_at
         FROM old_llm_usage"
            .to_owned(),
        format!(
            "INSERT INTO approval_requests (id, type, status, goal_id, task_id, requested_by, payload, reason,
                                            created_at, expires_at, decided_at)
             SELECT id, lower(type), lower(status), CASE WHEN goal_id IN {NO_GOAL} THEN NULL ELSE goal_id END, task_id,
                    requested_by, payload, reason, created_at, expires_at, decided_at
             FROM old_approval_requests"
        ),
        // The conversion's placeholders of chats have nothing of their own, and its time.
        format!(
            "INSERT INTO chat_sessions (id, agent_id, user_id, title, status, created_at, updated_at)
             SELECT id, CASE WHEN agent_id IN {NO_AGENT} THEN NULL ELSE agent_id END, user_id, title, lower(status),
                    created_at, updated_at
             FROM old_chat_sessions WHERE NOT (agent_id IN {NO_AGENT} AND user_id IS NULL AND title IS NULL
               AND status = 'CLOSED' AND created_at = (SELECT created_at FROM organizations WHERE slug = 'default'))"
        ),
        "INSERT INTO chat_messages (id, session_id, role, content, tool_calls, tool_results, tokens_in, tokens_out,
                                    created_at)
         SELECT id, session_id, lower(role), content, tool_calls, tool_results, tokens_in, tokens_out, created_at
         FROM old_chat_messages"
            .to_owned(),
        "INSERT INTO events (id, type, actor, subject, payload, created_at)
         SELECT e.id, e.type, u.email, e.subject_id, e.payload, e.created_at
         FROM old_events e LEFT JOIN old_users u ON u.id = e.actor_user_id
         WHERE e.type <> 'organization.converted'"
            .to_owned(),
    ]
}

/// What an id of a table is written like, and whether the column holds an account's id; nothing for what is not put back.
fn place(table: &str, column: &str, id: &str) -> Option<(Uuid, bool)> {
    fn parse<T: TypedId>(id: &str) -> Option<Uuid> {
        id.parse::<T>().ok().map(T::uuid)
    }
    let plain = |id: Option<Uuid>| id.map(|id| (id, false));
    match (table, column) {
        ("agents", "owner_id") => parse::<AgentId>(id).map(|id| (id, true)),
        ("agents", "status") => plain(parse::<AgentId>(id)),
        ("goals", "status") => plain(parse::<GoalId>(id)),
        ("tasks", "status") => plain(parse::<TaskId>(id)),
        ("workers", "status") => plain(parse::<WorkerId>(id)),
        ("approval_requests", "status" | "type") => plain(parse::<ApprovalRequestId>(id)),
        ("chat_sessions", "status") => plain(parse::<ChatSessionId>(id)),
        ("chat_messages", "role") => plain(parse::<ChatMessageId>(id)),
        ("llm_usage", "request_id") => plain(parse::<LlmUsageId>(id)),
        _ => None,
    }
}

#[derive(serde::Deserialize)]
struct Replaced {
    table: String,
    column: String,
    was: String,
    ids: Vec<String>,
}

/// Puts back the values that the conversion replaced and told the log; what cannot be put back stays in the log.
async fn restore(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let db = manager.get_connection();
    let backend = db.get_database_backend();
    let sql = "SELECT id, payload FROM events WHERE type = 'migration.value_replaced'";
    for row in db.query_all_raw(Statement::from_string(backend, sql)).await? {
        let payload = row.try_get::<Option<String>>("", "payload")?.unwrap_or_default();
        let Ok(replaced) = serde_json::from_str::<Replaced>(&payload) else { continue };
        let Replaced { table, column, was, ids } = replaced;
        let mut whole = true;
        for id in &ids {
            let Some((id, account)) = place(&table, &column, id) else {
                whole = false;
                break;
            };
            let value = match was.parse::<UserId>() {
                Ok(user) if account => Value::from(user.uuid()),
                _ => Value::from(was.clone()),
            };
            let sql = format!("UPDATE {table} SET {column} = $1 WHERE id = $2");
            db.execute_raw(Statement::from_sql_and_values(backend, sql, [value, Value::from(id)])).await?;
        }
        if whole {
            let id: Uuid = row.try_get("", "id")?;
            let sql = "DELETE FROM events WHERE id = $1";
            db.execute_raw(Statement::from_sql_and_values(backend, sql, [Value::from(id)])).await?;
        }
    }
    Ok(())
}
