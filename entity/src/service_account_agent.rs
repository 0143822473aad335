//! An agent that a service account may see.

use sea_orm::entity::prelude::*;

use crate::{
    ids::{AgentId, OrgId, ServiceAccountAgentId, ServiceAccountId},
    table::{Class, Classified, TableClass},
};

/// A row of `service_account_agents`.
#[derive(Clone, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "service_account_agents")]
pub struct Model {
    /// The organisation that the row belongs to.
    #[sea_orm(primary_key, auto_increment = false)]
    pub org_id: OrgId,
    /// Identifies the row inside its organisation.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ServiceAccountAgentId,
    /// The account.
    pub service_account_id: ServiceAccountId,
    /// The agent.
    pub agent_id: AgentId,
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
            OrgId | Id | ServiceAccountId | AgentId => Class::Metadata,
        }
    }
}
