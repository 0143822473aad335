//! A signed-in device: what `sid` in a token names.

use sea_orm::entity::prelude::*;

use crate::{
    ids::{OrgId, SessionId, UserId},
    table::{Class, Classified, TableClass},
};

/// A row of `sessions`.
#[derive(Clone, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "sessions")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: SessionId,
    /// Who signed in.
    pub user_id: UserId,
    /// The organisation that the session works in; null where the user has none.
    pub org_id: Option<OrgId>,
    /// When it began.
    pub created_at: DateTimeUtc,
    /// Last refresh.
    pub last_used_at: DateTimeUtc,
    /// When it ends whatever happens.
    pub expires_at: DateTimeUtc,
    /// When it was ended: its access tokens are refused from then on.
    pub revoked_at: Option<DateTimeUtc>,
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
            Id | UserId | OrgId | CreatedAt | LastUsedAt | ExpiresAt | RevokedAt => Class::Metadata,
        }
    }
}
