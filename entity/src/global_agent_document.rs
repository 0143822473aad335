//! A document of a global agent.

use sea_orm::entity::prelude::*;

use crate::{
    confidential::Confidential,
    enums::DocumentType,
    ids::{AgentDocumentId, AgentId},
    table::{Audience, Class, Classified, TableClass},
};

/// A row of `global_agent_documents`.
#[derive(Clone, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "global_agent_documents")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: AgentDocumentId,
    /// The global agent.
    pub agent_id: AgentId,
    /// What kind of document it is.
    #[sea_orm(column_name = "type")]
    pub kind: DocumentType,
    /// Display name.
    pub name: String,
    /// Larger comes first in the agent's context.
    pub priority: i32,
    /// The text.
    #[sea_orm(nullable)]
    pub content: Confidential<String>,
    /// Where the text is to be found, when it is not here.
    #[sea_orm(nullable)]
    pub uri: Confidential<String>,
    /// When it was attached.
    pub created_at: DateTimeUtc,
    /// When it last changed.
    pub updated_at: DateTimeUtc,
}

/// Relations are written as composite foreign keys in the migrations; queries over them are `store`'s.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Classified for Entity {
    const TABLE: TableClass = TableClass::Platform;
    const AUDIENCE: Audience = Audience::Work;

    fn class(column: &Column) -> Class {
        use Column::*;
        match column {
            Id | AgentId | Kind | Name | Priority | CreatedAt | UpdatedAt => Class::Metadata,
            Content | Uri => Class::Confidential,
        }
    }
}
