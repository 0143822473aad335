//! The platform before tenancy: what models cost, and what waited for a person.

use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait, prelude::DbErr};

use crate::schema::{Draft, drop_tables};

/// Tables of this migration, children first.
const TABLES: &[&str] = &["approval_requests", "llm_usage"];

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0004_usage_and_approvals"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        Draft::platform("llm_usage")
            .uuid_null("agent_id")
            .uuid_null("goal_id")
            .uuid_null("user_id")
            .text_null("model")
            .text_null("request_id")
            .bigint_null("tokens_in")
            .bigint_null("tokens_out")
            .bigint_null("cost_micros")
            .time_null("created_at")
            .create(manager)
            .await?;
        Draft::platform("approval_requests")
            .text_null("type")
            .text_null("status")
            .uuid_null("goal_id")
            .uuid_null("task_id")
            .uuid_null("requested_by")
            .text_null("payload")
            .text_null("reason")
            .time_null("created_at")
            .time_null("expires_at")
            .time_null("decided_at")
            .index(&["goal_id"])
            .create(manager)
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, TABLES).await
    }
}
