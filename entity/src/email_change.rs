//! A change of an account's address that waits for two links to be opened: one sent to the old address, one to the new.

use sea_orm::entity::prelude::*;

use crate::{
    confidential::Secret,
    ids::{EmailChangeId, UserId},
    table::{Class, Classified, TableClass},
};

/// A row of `email_changes`.
#[derive(Clone, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "email_changes")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: EmailChangeId,
    /// Whose address.
    pub user_id: UserId,
    /// The address that it was when the change was asked for.
    pub old_email: String,
    /// The address that it is to be, in its stored spelling.
    pub new_email: String,
    /// SHA-256 of the token sent to the old address, hex.
    pub old_token_hash: Secret,
    /// SHA-256 of the token sent to the new address, hex. Where that address is taken, nobody was sent it.
    pub new_token_hash: Secret,
    /// When the link sent to the old address was opened.
    pub old_opened_at: Option<DateTimeUtc>,
    /// When the link sent to the new address was opened.
    pub new_opened_at: Option<DateTimeUtc>,
    /// After this both are refused.
    pub expires_at: DateTimeUtc,
    /// When the address was changed, or the change made void by another.
    pub ended_at: Option<DateTimeUtc>,
    /// When it was asked for.
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
            Id | UserId | OldEmail | NewEmail | OldOpenedAt | NewOpenedAt | ExpiresAt | EndedAt | CreatedAt => {
                Class::Metadata
            }
            OldTokenHash | NewTokenHash => Class::Secret,
        }
    }
}
