//! Which external issuers an organisation's admins let speak for its members. The issuers themselves are settings.

use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait, prelude::DbErr};

use crate::schema::{Draft, drop_tables};

/// Tables of this migration, children first.
const TABLES: &[&str] = &["organization_issuers"];

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0025_external_issuers"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        Draft::tenant("organization_issuers")
            .text("issuer")
            .uuid("enabled_by")
            .time("created_at")
            .unique(&["issuer"])
            .index(&["enabled_by"])
            .member("enabled_by")
            .create(manager)
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, TABLES).await
    }
}
