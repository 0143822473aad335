//! Changes of e-mail addresses; when a super-admin's request was made and by which mails the admins were told of it; when
//! a mail is tried again, and when it was given up.

use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait, prelude::DbErr};
use sea_orm_migration::prelude::{Alias, ColumnDef, Expr, ExprTrait, Index, Table};

use crate::schema::{Draft, drop_tables};

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0024_email_changes"
    }
}

/// Columns of tables that exist. All may be null: a row from before has none of it.
fn added(postgres: bool) -> Vec<(&'static str, ColumnDef)> {
    let column = |name| ColumnDef::new(Alias::new(name));
    let mut template = column("template");
    template.text().null().check(Expr::col(Alias::new("template")).is_in(["PASSWORD_RESET"]));
    if postgres {
        template.extra("COLLATE \"C\"");
    }
    vec![
        ("org_memberships", column("request_id").uuid().null().take()),
        ("org_memberships", column("requested_at").timestamp_with_time_zone().null().take()),
        ("mail_outbox", template.take()),
        // What a mail tells of, and whom. They refer to nothing: a platform table never points at a tenant's.
        ("mail_outbox", column("request_id").uuid().null().take()),
        ("mail_outbox", column("recipient_id").uuid().null().take()),
        ("mail_outbox", column("next_attempt_at").timestamp_with_time_zone().null().take()),
        ("mail_outbox", column("failed_at").timestamp_with_time_zone().null().take()),
    ]
}

const BY_REQUEST: &str = "mail_outbox_request_id_recipient_id_idx";

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
        let postgres = manager.get_database_backend() == sea_orm::DbBackend::Postgres;
        for (table, mut column) in added(postgres) {
            manager.alter_table(Table::alter().table(Alias::new(table)).add_column(&mut column).take()).await?;
        }
        let index = Index::create()
            .name(BY_REQUEST)
            .table(Alias::new("mail_outbox"))
            .col(Alias::new("request_id"))
            .col(Alias::new("recipient_id"))
            .take();
        manager.create_index(index).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_index(Index::drop().name(BY_REQUEST).table(Alias::new("mail_outbox")).to_owned()).await?;
        let postgres = manager.get_database_backend() == sea_orm::DbBackend::Postgres;
        for (table, column) in added(postgres).into_iter().rev() {
            let name = Alias::new(column.get_column_name());
            manager.alter_table(Table::alter().table(Alias::new(table)).drop_column(name).take()).await?;
        }
        drop_tables(manager, &["email_changes"]).await
    }
}
