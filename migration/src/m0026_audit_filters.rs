//! Indexes for the filters of the audit log, which only grows.

use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait, prelude::DbErr};

use crate::change::Change;

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0026_audit_filters"
    }
}

fn change() -> Change {
    Change::tenant("events").index(&["type", "id"]).index(&["actor_user_id", "id"]).index(&["subject_id", "id"])
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        change().apply(manager).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        change().revert(manager).await
    }
}
