//! How much an organisation's files take: the sum that its quota is held against, locked by whoever changes a file.

use sea_orm::entity::prelude::*;

use crate::{
    confidential::Confidential,
    ids::OrgId,
    table::{Class, Classified, TableClass},
};

/// A row of `workspace_usage`.
#[derive(Clone, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "workspace_usage")]
pub struct Model {
    /// The organisation that the row belongs to.
    #[sea_orm(primary_key, auto_increment = false)]
    pub org_id: OrgId,
    /// How many files it has.
    pub files: i64,
    /// How many bytes they have: a sum of sizes, which are content.
    pub bytes: Confidential<i64>,
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
            OrgId | Files => Class::Metadata,
            Bytes => Class::Confidential,
        }
    }
}
