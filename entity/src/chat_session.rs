//! A conversation of one user with one agent.

use sea_orm::entity::prelude::*;

use crate::{
    confidential::Confidential,
    enums::ChatSessionStatus,
    ids::{AgentId, ChatSessionId, OrgId, UserId},
    table::{Audience, Class, Classified, TableClass},
};

/// A row of `chat_sessions`.
#[derive(Clone, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "chat_sessions")]
pub struct Model {
    /// The organisation that the row belongs to.
    #[sea_orm(primary_key, auto_increment = false)]
    pub org_id: OrgId,
    /// Identifies the session inside its organisation.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ChatSessionId,
    /// The agent.
    pub agent_id: AgentId,
    /// Whose conversation it is.
    pub user_id: Option<UserId>,
    /// Whether it goes on.
    pub status: ChatSessionStatus,
    /// A name made from what was said.
    #[sea_orm(nullable)]
    pub title: Confidential<String>,
    /// How many messages it holds.
    pub message_count: i32,
    /// When it began.
    pub created_at: DateTimeUtc,
    /// When it last changed.
    pub updated_at: DateTimeUtc,
    /// When it is closed by itself.
    pub expires_at: Option<DateTimeUtc>,
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
            OrgId | Id | AgentId | UserId | Status | MessageCount | CreatedAt | UpdatedAt | ExpiresAt => {
                Class::Metadata
            }
            Title => Class::Confidential,
        }
    }
}
