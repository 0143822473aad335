//! The platform before tenancy: agents, and what they were asked.

use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait, prelude::DbErr};

use crate::schema::{Draft, drop_tables};

/// Tables of this migration, children first.
const TABLES: &[&str] = &["goals", "agents"];

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0002_agents_and_goals"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        Draft::platform("agents")
            .text_null("name")
            .text_null("description")
            .text_null("status")
            .text_null("system_prompt")
            .text_null("config")
            .bool_null("chat_capable")
            .bool_null("requires_approval")
            .uuid_null("owner_id")
            .time_null("created_at")
            .time_null("updated_at")
            .create(manager)
            .await?;
        Draft::platform("goals")
            .uuid_null("agent_id")
            .uuid_null("submitted_by")
            .text_null("status")
            .int_null("priority")
            .text_null("goal_text")
            .text_null("plan")
            .time_null("created_at")
            .time_null("updated_at")
            .time_null("completed_at")
            .index(&["agent_id"])
            .create(manager)
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, TABLES).await
    }
}
