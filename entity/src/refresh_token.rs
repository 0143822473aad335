//! One link of a session's chain of refresh tokens.

use sea_orm::entity::prelude::*;

use crate::{
    confidential::Secret,
    ids::{RefreshTokenId, SessionId},
    table::{Class, Classified, TableClass},
};

/// A row of `refresh_tokens`.
#[derive(Clone, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "refresh_tokens")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: RefreshTokenId,
    /// The session: all its tokens are one family.
    pub session_id: SessionId,
    /// SHA-256 of the token, hex; unique.
    pub token_hash: Secret,
    /// After this it is refused.
    pub expires_at: DateTimeUtc,
    /// When it was used; a second use ends the session.
    pub spent_at: Option<DateTimeUtc>,
    /// When it was issued.
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
            Id | SessionId | ExpiresAt | SpentAt | CreatedAt => Class::Metadata,
            TokenHash => Class::Secret,
        }
    }
}
