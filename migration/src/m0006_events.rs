//! The platform before tenancy: a log that anybody could edit. Its actors are words: an address, an id, `system`.

use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait, prelude::DbErr};

use crate::schema::{Draft, drop_tables};

/// Tables of this migration, children first.
const TABLES: &[&str] = &["events"];

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0006_events"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        Draft::platform("events")
            .text_null("type")
            .text_null("actor")
            .text_null("subject")
            .text_null("payload")
            .time_null("created_at")
            .index(&["created_at"])
            .create(manager)
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, TABLES).await
    }
}
