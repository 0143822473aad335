//! The last link of an organisation's log. Locked last in every write: the one counter.

use sea_orm::entity::prelude::*;

use crate::{
    ids::OrgId,
    table::{Class, Classified, TableClass},
};

/// A row of `event_heads`.
#[derive(Clone, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "event_heads")]
pub struct Model {
    /// The organisation that the row belongs to.
    #[sea_orm(primary_key, auto_increment = false)]
    pub org_id: OrgId,
    /// Sequence of the last event.
    pub sequence: i64,
    /// Hash of the last event.
    pub hash: String,
}

/// Relations are written as composite foreign keys in the migrations; queries over them are `store`'s.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Classified for Entity {
    const TABLE: TableClass = TableClass::Tenant;

    fn class(column: &Column) -> Class {
        use Column::*;
        match column {
            OrgId | Sequence | Hash => Class::Metadata,
        }
    }
}
