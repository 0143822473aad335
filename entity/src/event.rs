//! The organisation's audit log, in order, never changed.

use sea_orm::entity::prelude::*;

use crate::{
    confidential::{Confidential, JsonText},
    ids::{EventId, OrgId, ServiceAccountId, UserId},
    table::{Class, Classified, TableClass},
};

/// A row of `events`.
#[derive(Clone, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "events")]
pub struct Model {
    /// The organisation that the row belongs to.
    #[sea_orm(primary_key, auto_increment = false)]
    pub org_id: OrgId,
    /// Identifies the event inside its organisation.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: EventId,
    /// Position in this organisation's log, from 1 without gaps.
    pub sequence: i64,
    /// What happened, `noun.verb`.
    #[sea_orm(column_name = "type")]
    pub kind: String,
    /// Who did it; null for the platform's own jobs.
    pub actor_user_id: Option<UserId>,
    /// The service account that did it.
    pub actor_service_account_id: Option<ServiceAccountId>,
    /// What it happened to: an id as GraphQL prints it.
    pub subject_id: Option<String>,
    /// Details as JSON text.
    #[sea_orm(nullable)]
    pub payload: Confidential<JsonText>,
    /// Random salt of the payload's digest in the chain, hex: without it the digest would be a fingerprint of content.
    pub payload_salt: Confidential<String>,
    /// SHA-256 chain over the previous hash, this row's metadata and the salted digest of its payload, hex.
    pub hash: String,
    /// When it happened.
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
            OrgId | Id | Sequence | Kind | ActorUserId | ActorServiceAccountId | SubjectId | Hash | CreatedAt => {
                Class::Metadata
            }
            Payload | PayloadSalt => Class::Confidential,
        }
    }
}
