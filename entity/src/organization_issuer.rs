//! An external issuer that an organisation's admin lets speak for its members.

use sea_orm::entity::prelude::*;

use crate::{
    ids::{OrgId, OrganizationIssuerId, UserId},
    table::{Class, Classified, TableClass},
};

/// A row of `organization_issuers`.
#[derive(Clone, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "organization_issuers")]
pub struct Model {
    /// The organisation that the row belongs to.
    #[sea_orm(primary_key, auto_increment = false)]
    pub org_id: OrgId,
    /// Identifies the row inside its organisation.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: OrganizationIssuerId,
    /// `iss` of the external issuer, exactly as in its tokens.
    pub issuer: String,
    /// The admin who enabled it.
    pub enabled_by: UserId,
    /// When it was enabled.
    pub created_at: DateTimeUtc,
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
            OrgId | Id | Issuer | EnabledBy | CreatedAt => Class::Metadata,
        }
    }
}
