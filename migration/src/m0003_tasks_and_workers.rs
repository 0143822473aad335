//! The platform before tenancy: the steps of goals, and who runs them.

use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait, prelude::DbErr};

use crate::schema::{Draft, drop_tables};

/// Tables of this migration, children first.
const TABLES: &[&str] = &["task_dependencies", "tasks", "workers"];

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0003_tasks_and_workers"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        Draft::platform("workers")
            .text_null("hostname")
            .text_null("status")
            .text_null("capabilities")
            .time_null("last_heartbeat_at")
            .time_null("created_at")
            .create(manager)
            .await?;
        Draft::platform("tasks")
            .uuid_null("goal_id")
            .uuid_null("worker_id")
            .text_null("type")
            .text_null("status")
            .int_null("priority")
            .int_null("retries")
            .int_null("max_retries")
            .text_null("payload")
            .text_null("result")
            .text_null("error")
            .time_null("created_at")
            .time_null("updated_at")
            .time_null("started_at")
            .time_null("finished_at")
            .index(&["goal_id"])
            .index(&["status"])
            .create(manager)
            .await?;
        Draft::platform("task_dependencies")
            .uuid("task_id")
            .uuid("depends_on_id")
            .index(&["task_id"])
            .refers_global("task_id", "tasks")
            .refers_global("depends_on_id", "tasks")
            .create(manager)
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, TABLES).await
    }
}
