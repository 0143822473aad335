//! Changes of e-mail addresses; when a super-admin's request was made and by which mails the admins were told of it; when
//! a mail is tried again, and when it was given up.

use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait, prelude::DbErr};

use crate::{
    change::Change,
    schema::{Draft, Kind, drop_tables},
};

/// Tables of this migration.
const TABLES: &[&str] = &["email_changes"];

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0024_email_changes"
    }
}

/// Changes of tables that exist.
fn changes() -> [Change; 2] {
    [
        Change::tenant("org_memberships").null("request_id", Kind::Uuid).null("requested_at", Kind::Time),
        // `request_id` and `recipient_id` refer to nothing: a platform table never points at a tenant's.
        Change::platform("mail_outbox")
            .null("template", Kind::Text)
            .null("request_id", Kind::Uuid)
            .null("recipient_id", Kind::Uuid)
            .null("next_attempt_at", Kind::Time)
            .null("failed_at", Kind::Time)
            .index(&["request_id", "recipient_id"]),
    ]
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        Draft::platform("email_changes")
            .uuid("user_id")
            .text("old_email")
            .text("new_email")
            .text("old_token_hash")
            .text("new_token_hash")
            .time_null("old_opened_at")
            .time_null("new_opened_at")
            .time("expires_at")
            .time_null("ended_at")
            .time("created_at")
            .unique(&["old_token_hash"])
            .unique(&["new_token_hash"])
            .index(&["user_id"])
            .refers_global("user_id", "users")
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
