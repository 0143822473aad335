//! What operators did to the platform itself.

use sea_orm::entity::prelude::*;

use crate::{
    ids::{PlatformEventId, UserId},
    table::{Class, Classified, TableClass},
};

/// A row of `platform_events`.
#[derive(Clone, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "platform_events")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: PlatformEventId,
    /// What happened, `noun.verb`.
    #[sea_orm(column_name = "type")]
    pub kind: String,
    /// Who did it; null for the command line.
    pub actor_user_id: Option<UserId>,
    /// What it happened to: an id as GraphQL prints it.
    pub subject_id: Option<String>,
    /// When it happened.
    pub created_at: DateTimeUtc,
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
            Id | Kind | ActorUserId | SubjectId | CreatedAt => Class::Metadata,
        }
    }
}
