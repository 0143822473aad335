//! The old tables, and how tables of the same name make room for each other.

use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};
use sea_orm_migration::SchemaManager;

use crate::schema::drop_tables;

/// Tables of the time before tenancy, children first. Each has a successor of the same name.
pub(super) const TABLES: &[&str] = &[
    "events",
    "chat_messages",
    "chat_sessions",
    "approval_requests",
    "llm_usage",
    "task_dependencies",
    "tasks",
    "workers",
    "goals",
    "agents",
    "users",
];

/// What a table is called once it has stepped aside.
fn aside(table: &str) -> &'static str {
    match table {
        "events" => "old_events",
        "chat_messages" => "old_chat_messages",
        "chat_sessions" => "old_chat_sessions",
        "approval_requests" => "old_approval_requests",
        "llm_usage" => "old_llm_usage",
        "task_dependencies" => "old_task_dependencies",
        "tasks" => "old_tasks",
        "workers" => "old_workers",
        "goals" => "old_goals",
        "agents" => "old_agents",
        _ => "old_users",
    }
}

/// Whether any old table holds a row.
pub(super) async fn populated(manager: &SchemaManager<'_>) -> Result<bool, DbErr> {
    let any = TABLES.iter().map(|table| format!("EXISTS (SELECT 1 FROM {table})")).collect::<Vec<_>>().join(" OR ");
    let db = manager.get_connection();
    let sql = format!("SELECT CASE WHEN {any} THEN 1 ELSE 0 END");
    let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await?;
    row.map_or(Ok(false), |row| row.try_get_by_index::<i32>(0).map(|found| found == 1))
}

/// Renames tables, and what else has a name in the whole schema: on PostgreSQL a table's keys keep their names, on SQLite
/// its indexes do, and cannot be renamed.
pub(super) async fn set_aside(manager: &SchemaManager<'_>, tables: &[&str]) -> Result<(), DbErr> {
    let db = manager.get_connection();
    let backend = db.get_database_backend();
    for table in tables {
        let indexes = match backend {
            DbBackend::Sqlite => format!(
                "SELECT name, 'DROP INDEX \"' || name || '\"' AS sql FROM sqlite_master
                 WHERE type = 'index' AND tbl_name = '{table}' AND sql IS NOT NULL"
            ),
            _ => format!(
                "SELECT indexname::text AS name, format('ALTER INDEX %I RENAME TO %I', indexname, 'old_' || indexname)
                 AS sql FROM pg_indexes WHERE schemaname = 'public' AND tablename = '{table}'"
            ),
        };
        for row in db.query_all_raw(Statement::from_string(backend, indexes)).await? {
            db.execute_unprepared(&row.try_get::<String>("", "sql")?).await?;
        }
        db.execute_unprepared(&format!("ALTER TABLE {table} RENAME TO {}", aside(table))).await?;
    }
    Ok(())
}

/// Drops what stepped aside, children first.
pub(super) async fn discard(manager: &SchemaManager<'_>, tables: &[&str]) -> Result<(), DbErr> {
    let tables: Vec<_> = tables.iter().map(|table| aside(table)).collect();
    drop_tables(manager, &tables).await
}
