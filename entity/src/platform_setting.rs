//! Facts about this database itself, such as that `palisade demo` made it.

use sea_orm::entity::prelude::*;

use crate::table::{Class, Classified, TableClass};

/// A row of `platform_settings`.
#[derive(Clone, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "platform_settings")]
pub struct Model {
    /// Name of the fact.
    #[sea_orm(primary_key, auto_increment = false)]
    pub key: String,
    /// Its value.
    pub value: String,
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
            Key | Value => Class::Metadata,
        }
    }
}
