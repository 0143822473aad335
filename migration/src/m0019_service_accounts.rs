//! Keys for planners and workers, and whose each worker is.

use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait, prelude::DbErr};

use crate::{
    change::Change,
    schema::{Draft, Kind, drop_tables},
};

/// Tables of this migration, children first.
const TABLES: &[&str] = &["service_account_agents", "service_accounts"];

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0019_service_accounts"
    }
}

/// Changes of tables that refer to them.
fn changes() -> [Change; 2] {
    [
        Change::tenant("workers")
            .null("service_account_id", Kind::Uuid)
            .refers("service_account_id", "service_accounts")
            .index(&["service_account_id", "id"]),
        Change::tenant("events")
            .null("actor_service_account_id", Kind::Uuid)
            .refers("actor_service_account_id", "service_accounts")
            .index(&["actor_service_account_id"]),
    ]
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        Draft::tenant("service_accounts")
            .text("name")
            .text("scopes")
            .bool("all_agents")
            .uuid("created_by")
            .text("key_hash")
            // The key before the last rotation lives on for a while.
            .text_null("previous_key_hash")
            .time_null("previous_key_expires_at")
            .time_null("last_used_at")
            .time("created_at")
            .time_null("revoked_at")
            .unique(&["key_hash"])
            .index(&["created_by"])
            .member("created_by")
            .create(manager)
            .await?;
        Draft::tenant("service_account_agents")
            .uuid("service_account_id")
            .uuid("agent_id")
            .unique(&["service_account_id", "agent_id"])
            .index(&["agent_id"])
            .refers("service_account_id", "service_accounts")
            .refers("agent_id", "agents")
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
