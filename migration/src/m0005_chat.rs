//! The platform before tenancy: conversations.

use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait, prelude::DbErr};

use crate::schema::{Draft, drop_tables};

/// Tables of this migration, children first.
const TABLES: &[&str] = &["chat_messages", "chat_sessions"];

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0005_chat"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        Draft::platform("chat_sessions")
            .uuid_null("agent_id")
            .uuid_null("user_id")
            .text_null("title")
            .text_null("status")
            .time_null("created_at")
            .time_null("updated_at")
            .create(manager)
            .await?;
        Draft::platform("chat_messages")
            .uuid_null("session_id")
            .text_null("role")
            .text_null("content")
            .text_null("tool_calls")
            .text_null("tool_results")
            .int_null("tokens_in")
            .int_null("tokens_out")
            .time_null("created_at")
            .index(&["session_id"])
            .create(manager)
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, TABLES).await
    }
}
