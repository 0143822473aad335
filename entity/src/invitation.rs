//! An offer of membership sent by mail; the token in the mail accepts it once.

use sea_orm::entity::prelude::*;

use crate::{
    confidential::Secret,
    enums::{InvitationStatus, OrgRole},
    ids::{InvitationId, OrgId, UserId},
    table::{Class, Classified, TableClass},
};

/// A row of `invitations`.
#[derive(Clone, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "invitations")]
pub struct Model {
    /// The organisation that the row belongs to.
    #[sea_orm(primary_key, auto_increment = false)]
    pub org_id: OrgId,
    /// Identifies the invitation inside its organisation.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: InvitationId,
    /// Where it was sent, lower-cased. Only the account of this address may accept it.
    pub email: String,
    /// The role on offer.
    pub role: OrgRole,
    /// Where it stands.
    pub status: InvitationStatus,
    /// Made for an organisation without any member: acceptance needs no confirmation.
    pub first_admin: bool,
    /// SHA-256 of the one-time token, hex.
    pub token_hash: Secret,
    /// Who invites; the invitation dies with their right to. Null for the command line.
    pub invited_by: Option<UserId>,
    /// After this it cannot be accepted.
    pub expires_at: DateTimeUtc,
    /// When it was sent.
    pub created_at: DateTimeUtc,
    /// When it was accepted.
    pub accepted_at: Option<DateTimeUtc>,
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
            OrgId | Id | Email | Role | Status | FirstAdmin | InvitedBy | ExpiresAt | CreatedAt | AcceptedAt => {
                Class::Metadata
            }
            TokenHash => Class::Secret,
        }
    }
}
