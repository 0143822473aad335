//! An external subject, the pair (`issuer`, `subject`), linked to an account by its owner.

use sea_orm::entity::prelude::*;

use crate::{
    ids::{UserId, UserIdentityId},
    table::{Class, Classified, TableClass},
};

/// A row of `user_identities`.
#[derive(Clone, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "user_identities")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: UserIdentityId,
    /// The account that linked it.
    pub user_id: UserId,
    /// `iss` of the external issuer, exactly as in its tokens.
    pub issuer: String,
    /// `sub` at that issuer.
    pub subject: String,
    /// When it was linked.
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
            Id | UserId | Issuer | Subject | CreatedAt => Class::Metadata,
        }
    }
}
