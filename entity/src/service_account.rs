//! A planner's or worker's key.

use sea_orm::entity::prelude::*;

use crate::{
    confidential::{JsonText, Secret},
    ids::{OrgId, ServiceAccountId, UserId},
    table::{Class, Classified, TableClass},
};

/// A row of `service_accounts`.
#[derive(Clone, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "service_accounts")]
pub struct Model {
    /// The organisation that the row belongs to.
    #[sea_orm(primary_key, auto_increment = false)]
    pub org_id: OrgId,
    /// Identifies the row inside its organisation.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ServiceAccountId,
    /// Its name, for people.
    pub name: String,
    /// What it may do: a JSON array of `ServiceScope` words.
    pub scopes: JsonText,
    /// Whether it sees every agent of its organisation; otherwise those of `service_account_agents`.
    pub all_agents: bool,
    /// Who made it: it lapses when they are no longer an active admin.
    pub created_by: UserId,
    /// SHA-256 of the whole key, hex.
    pub key_hash: Secret,
    /// The same of the key before the last rotation.
    pub previous_key_hash: Option<Secret>,
    /// Until when the previous key is accepted.
    pub previous_key_expires_at: Option<DateTimeUtc>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<DateTimeUtc>,
    /// When it was made.
    pub created_at: DateTimeUtc,
    /// When it was taken back.
    pub revoked_at: Option<DateTimeUtc>,
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
            OrgId | Id | Name | Scopes | AllAgents | CreatedBy | PreviousKeyExpiresAt | LastUsedAt | CreatedAt
            | RevokedAt => Class::Metadata,
            KeyHash | PreviousKeyHash => Class::Secret,
        }
    }
}
