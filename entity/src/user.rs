//! An account. It holds no organisation: memberships do.

use sea_orm::entity::prelude::*;

use crate::{
    confidential::Secret,
    enums::UserStatus,
    ids::UserId,
    table::{Class, Classified, TableClass},
};

/// A row of `users`.
#[derive(Clone, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "users")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: UserId,
    /// Sign-in address, trimmed and lower-cased; unique on the platform. Only links sent to it prove who owns the account.
    pub email: String,
    /// Display name.
    pub name: String,
    /// `name` case-folded in Rust, so that search answers alike on both databases.
    pub name_folded: String,
    /// Whether the account may sign in.
    pub status: UserStatus,
    /// A platform operator: holds no membership and is content-blind, always.
    pub is_super_admin: bool,
    /// PHC string of argon2id; null until the owner has set a password.
    pub password_hash: Option<Secret>,
    /// Last successful sign-in; its owner's and super-admins' only.
    pub last_login_at: Option<DateTimeUtc>,
    /// When the row was made (UTC, microseconds).
    pub created_at: DateTimeUtc,
    /// When the row last changed.
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
            Id | Email | Name | NameFolded | Status | IsSuperAdmin | LastLoginAt | CreatedAt | UpdatedAt => {
                Class::Metadata
            }
            PasswordHash => Class::Secret,
        }
    }
}
