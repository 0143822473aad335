//! A group inside an organisation; may own agents and collaborate on others.

use sea_orm::entity::prelude::*;

use crate::{
    ids::{OrgId, TeamId},
    table::{Class, Classified, TableClass},
};

/// A row of `teams`.
#[derive(Clone, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "teams")]
pub struct Model {
    /// The organisation that the row belongs to.
    #[sea_orm(primary_key, auto_increment = false)]
    pub org_id: OrgId,
    /// Identifies the team inside its organisation.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: TeamId,
    /// Display name.
    pub name: String,
    /// `name` case-folded, for search.
    pub name_folded: String,
    /// Handle, unique in the organisation.
    pub slug: String,
    /// What the team is for.
    pub description: String,
    /// When it was created.
    pub created_at: DateTimeUtc,
    /// When it last changed.
    pub updated_at: DateTimeUtc,
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
            OrgId | Id | Name | NameFolded | Slug | Description | CreatedAt | UpdatedAt => Class::Metadata,
        }
    }
}
