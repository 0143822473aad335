//! A link sent by mail that works once.

use sea_orm::entity::prelude::*;

use crate::{
    confidential::Secret,
    enums::OneTimeTokenPurpose,
    ids::{OneTimeTokenId, UserId},
    table::{Class, Classified, TableClass},
};

/// A row of `one_time_tokens`.
#[derive(Clone, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "one_time_tokens")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: OneTimeTokenId,
    /// Whose account it is for.
    pub user_id: UserId,
    /// What it may be used for.
    pub purpose: OneTimeTokenPurpose,
    /// SHA-256 of the token, hex; unique.
    pub token_hash: Secret,
    /// After this it is refused.
    pub expires_at: DateTimeUtc,
    /// When it was used.
    pub used_at: Option<DateTimeUtc>,
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
            Id | UserId | Purpose | ExpiresAt | UsedAt | CreatedAt => Class::Metadata,
            TokenHash => Class::Secret,
        }
    }
}
