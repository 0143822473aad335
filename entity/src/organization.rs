//! A tenant.

use sea_orm::entity::prelude::*;

use crate::{
    confidential::{Confidential, JsonText},
    enums::OrganizationStatus,
    ids::OrgId,
    table::{Class, Classified, TableClass},
};

/// A row of `organizations`.
#[derive(Clone, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "organizations")]
pub struct Model {
    /// Primary key; `org_id` of every tenant row.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: OrgId,
    /// Display name.
    pub name: String,
    /// `name` case-folded, for search.
    pub name_folded: String,
    /// Unique handle in URLs: lower-case letters, digits and hyphens.
    pub slug: String,
    /// Suspended and archived organisations serve nobody.
    pub status: OrganizationStatus,
    /// The organisation's own settings as JSON text.
    #[sea_orm(nullable)]
    pub config: Confidential<JsonText>,
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
    const TABLE: TableClass = TableClass::Platform;

    fn class(column: &Column) -> Class {
        use Column::*;
        match column {
            Id | Name | NameFolded | Slug | Status | CreatedAt | UpdatedAt => Class::Metadata,
            Config => Class::Confidential,
        }
    }
}
