//! A process of the organisation that runs tasks.

use sea_orm::entity::prelude::*;

use crate::{
    confidential::JsonText,
    enums::WorkerStatus,
    ids::{OrgId, ServiceAccountId, WorkerId},
    table::{Class, Classified, TableClass},
};

/// A row of `workers`.
#[derive(Clone, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "workers")]
pub struct Model {
    /// The organisation that the row belongs to.
    #[sea_orm(primary_key, auto_increment = false)]
    pub org_id: OrgId,
    /// Identifies the worker inside its organisation.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: WorkerId,
    /// Where it runs.
    pub hostname: String,
    /// Whether it takes tasks.
    pub status: WorkerStatus,
    /// Kinds of task that it takes, a JSON array of strings.
    pub capabilities: JsonText,
    /// When it was last heard of.
    pub last_heartbeat_at: DateTimeUtc,
    /// The service account that registered it and alone speaks for it; none for workers from before there were any.
    pub service_account_id: Option<ServiceAccountId>,
    /// When it was registered.
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
            OrgId | Id | Hostname | Status | Capabilities | LastHeartbeatAt | ServiceAccountId | CreatedAt => {
                Class::Metadata
            }
        }
    }
}
