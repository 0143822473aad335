//! Usage by day, budgets, and the orders in which goals and tasks are listed.

use sea_orm::{ConnectionTrait as _, DbBackend, Statement};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait, prelude::DbErr};

use crate::{
    change::Change,
    schema::{Draft, Kind, drop_tables},
};

/// Tables of this migration, children first.
const TABLES: &[&str] = &["budgets", "usage_days"];

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0021_usage_rollups"
    }
}

/// Changes of tables that exist.
fn changes() -> [Change; 5] {
    [
        Change::tenant("llm_usage")
            .null("task_id", Kind::Uuid)
            .null("session_id", Kind::Uuid)
            .null("service_account_id", Kind::Uuid)
            .refers("task_id", "tasks")
            .refers("session_id", "chat_sessions")
            .refers("service_account_id", "service_accounts")
            .index(&["task_id"])
            .index(&["session_id"])
            .index(&["service_account_id"]),
        // Lists of goals and tasks by last change and by priority, inside an organisation and, for operators, across all.
        Change::tenant("goals").index(&["updated_at", "id"]).index(&["priority", "id"]),
        Change::tenant("tasks").index(&["updated_at", "id"]).index(&["priority", "id"]),
        // The first serves an operator's list of a global agent's goals, which are all organisations'.
        Change::platform("goals").index(&["agent_id", "id"]).index(&["updated_at", "id"]).index(&["priority", "id"]),
        Change::platform("tasks").index(&["updated_at", "id"]).index(&["priority", "id"]),
    ]
}

/// Adds what is there up into days. Agents and users that are not known are zeros, as in the key.
fn fill(backend: DbBackend) -> Statement {
    let (day, zeros) = match backend {
        DbBackend::Sqlite => ("substr(created_at, 1, 10)", "x'00000000000000000000000000000000'"),
        _ => (
            "to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD')",
            "CAST('00000000-0000-0000-0000-000000000000' AS uuid)",
        ),
    };
    let columns = "org_id, day, model, agent_id, user_id, requests, tokens_in, tokens_out, cost_nanos";
    let sql = format!(
        "INSERT INTO usage_days ({columns})
         SELECT org_id, {day}, model, coalesce(agent_id, {zeros}), coalesce(user_id, {zeros}),
                count(*), sum(tokens_in), sum(tokens_out), sum(cost_nanos)
         FROM llm_usage
         GROUP BY 1, 2, 3, 4, 5"
    );
    Statement::from_string(backend, sql)
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // Agent and user are part of the key, where a foreign key would have no room for "not known". The rows that are
        // added up here have the references.
        Draft::tenant_keyed("usage_days")
            .text("day")
            .text("model")
            .uuid("agent_id")
            .uuid("user_id")
            .bigint("requests")
            .bigint("tokens_in")
            .bigint("tokens_out")
            .bigint("cost_nanos")
            .key(&["org_id", "day", "model", "agent_id", "user_id"])
            .index(&["user_id", "day"])
            .index(&["agent_id", "day"])
            .index_across(&["day"])
            .create(manager)
            .await?;
        Draft::tenant_keyed("budgets")
            .bigint_null("monthly_cost_nanos")
            .bigint_null("daily_tokens")
            .text_null("cost_warned")
            .text_null("cost_exhausted")
            .text_null("tokens_warned")
            .text_null("tokens_exhausted")
            .times()
            .key(&["org_id"])
            .check("limits", "monthly_cost_nanos >= 0 AND daily_tokens >= 0")
            .create(manager)
            .await?;
        for change in changes() {
            change.apply(manager).await?;
        }
        manager.get_connection().execute_raw(fill(manager.get_database_backend())).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let changes = changes();
        for change in changes.iter().rev() {
            change.revert(manager).await?;
        }
        drop_tables(manager, TABLES).await
    }
}
