//! Mail that waits to be sent, written in the transaction that causes it.

use sea_orm::entity::prelude::*;

use crate::{
    confidential::Secret,
    enums::MailTemplate,
    ids::{MailId, MemberRequestId, UserId},
    table::{Class, Classified, TableClass},
};

/// A row of `mail_outbox`.
#[derive(Clone, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "mail_outbox")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: MailId,
    /// Address.
    pub recipient: String,
    /// Subject line.
    pub subject: Secret,
    /// Text; holds one-time links.
    pub body: Secret,
    /// How often sending was tried.
    pub attempts: i32,
    /// When it was written.
    pub created_at: DateTimeUtc,
    /// When it was sent.
    pub sent_at: Option<DateTimeUtc>,
    /// What the text is made of when it is sent; null where it is written already.
    pub template: Option<MailTemplate>,
    /// The request that it tells an admin of.
    pub request_id: Option<MemberRequestId>,
    /// The account that it was addressed to, whatever address that has later.
    pub recipient_id: Option<UserId>,
    /// Not to be tried before; null for at once.
    pub next_attempt_at: Option<DateTimeUtc>,
    /// When it was given up.
    pub failed_at: Option<DateTimeUtc>,
}

/// Relations are written as composite foreign keys in the migrations; queries over them are `store`'s.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Classified for Entity {
    const TABLE: TableClass = TableClass::Platform;

    fn class(column: &Column) -> Class {
        use Column::*;
        match column {
            Id | Recipient | Attempts | CreatedAt | SentAt | Template | RequestId | RecipientId | NextAttemptAt
            | FailedAt => Class::Metadata,
            Subject | Body => Class::Secret,
        }
    }
}
