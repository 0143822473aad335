//! One message of a conversation.

use sea_orm::entity::prelude::*;

use crate::{
    confidential::{Confidential, JsonText},
    enums::ChatRole,
    ids::{ChatMessageId, ChatSessionId, OrgId},
    table::{Audience, Class, Classified, TableClass},
};

/// A row of `chat_messages`.
#[derive(Clone, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "chat_messages")]
pub struct Model {
    /// The organisation that the row belongs to.
    #[sea_orm(primary_key, auto_increment = false)]
    pub org_id: OrgId,
    /// Identifies the message inside its organisation.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ChatMessageId,
    /// The conversation.
    pub session_id: ChatSessionId,
    /// Its place in the conversation: 1 for the first message, without gaps.
    pub position: i64,
    /// Who speaks.
    pub role: ChatRole,
    /// What was said.
    pub content: Confidential<String>,
    /// Tool calls as JSON text.
    #[sea_orm(nullable)]
    pub tool_calls: Confidential<JsonText>,
    /// Tool results as JSON text.
    #[sea_orm(nullable)]
    pub tool_results: Confidential<JsonText>,
    /// Tokens read; a length of content, so confidential.
    #[sea_orm(nullable)]
    pub tokens_in: Confidential<i32>,
    /// Tokens written; a length of content, so confidential.
    #[sea_orm(nullable)]
    pub tokens_out: Confidential<i32>,
    /// Digest of the poster's own name for it: a message is posted once for each.
    pub idempotency_key: Option<String>,
    /// When it was said.
    pub created_at: DateTimeUtc,
}

/// Relations are written as composite foreign keys in the migrations; queries over them are `store`'s.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Classified for Entity {
    const TABLE: TableClass = TableClass::Tenant;
    const AUDIENCE: Audience = Audience::Chat;

    fn class(column: &Column) -> Class {
        use Column::*;
        match column {
            OrgId | Id | SessionId | Position | Role | IdempotencyKey | CreatedAt => Class::Metadata,
            Content | ToolCalls | ToolResults | TokensIn | TokensOut => Class::Confidential,
        }
    }
}
