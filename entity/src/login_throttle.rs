//! Failed sign-ins per account and per address, so that guessing is slowed down on every copy of the server alike.

use sea_orm::entity::prelude::*;

use crate::table::{Class, Classified, TableClass};

/// A row of `login_throttles`.
#[derive(Clone, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "login_throttles")]
pub struct Model {
    /// SHA-256 of the account's address or of the client's network address, hex.
    #[sea_orm(primary_key, auto_increment = false)]
    pub key: String,
    /// Failures in the present window.
    pub failures: i32,
    /// When the window began.
    pub window_started_at: DateTimeUtc,
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
            Key | Failures | WindowStartedAt => Class::Metadata,
        }
    }
}
