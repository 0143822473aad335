//! The platform before tenancy: who works on it. One company's people, so nobody minded an address written twice.

use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait, prelude::DbErr};

use crate::schema::{Draft, drop_tables};

/// Tables of this migration, children first.
const TABLES: &[&str] = &["users"];

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0001_accounts"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        Draft::platform("users")
            .text_null("email")
            .text_null("name")
            .time_null("created_at")
            .time_null("last_login_at")
            .create(manager)
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, TABLES).await
    }
}
