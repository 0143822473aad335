//! What running a plan needs: leases, what workers recorded, and who decided what.

use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait, prelude::DbErr};

use crate::{
    change::Change,
    schema::{Draft, Kind, drop_tables},
};

/// Tables of this migration, children first.
const TABLES: &[&str] = &["approval_decisions", "executions"];

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0020_task_runs"
    }
}

/// Changes of tables that exist.
fn changes() -> [Change; 2] {
    [
        // `attempt` counts claims: whoever completes a task says which claim it holds, so that a worker that lost its
        // lease cannot finish another's run.
        Change::tenant("tasks")
            .with("attempt", Kind::Int, 0)
            .null("lease_expires_at", Kind::Time)
            .null("run_after", Kind::Time)
            .index(&["status", "priority", "id"])
            .index(&["status", "lease_expires_at"]),
        Change::tenant("approval_requests").index(&["status", "expires_at"]),
    ]
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        Draft::tenant("executions")
            .uuid("task_id")
            .uuid_null("worker_id")
            .int("attempt")
            .word("status", &["RUNNING", "SUCCEEDED", "FAILED"])
            .int_null("exit_code")
            .text_null("code")
            .text_null("code_output")
            .text_null("shell_output")
            .text_null("file_contents")
            .text_null("idempotency_key")
            .time("started_at")
            .time_null("ended_at")
            .unique(&["task_id", "idempotency_key"])
            .index(&["task_id", "id"])
            .index(&["worker_id", "id"])
            .refers("task_id", "tasks")
            .refers("worker_id", "workers")
            .create(manager)
            .await?;
        Draft::tenant("approval_decisions")
            .uuid("request_id")
            .uuid("decided_by")
            .word("decision", &["APPROVE", "REJECT"])
            .text_null("comment")
            .time("created_at")
            // One decision a person: two admins make the two-person rule, not one admin twice.
            .unique(&["request_id", "decided_by"])
            .index(&["decided_by"])
            .refers("request_id", "approval_requests")
            .member("decided_by")
            .create(manager)
            .await?;
        for change in changes() {
            change.apply(manager).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for change in changes() {
            change.revert(manager).await?;
        }
        drop_tables(manager, TABLES).await
    }
}
