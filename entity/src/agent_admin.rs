//! Who decides approvals for an agent.

use sea_orm::entity::prelude::*;

use crate::{
    ids::{AgentAdminId, AgentId, OrgId, UserId},
    table::{Class, Classified, TableClass},
};

/// A row of `agent_admins`.
#[derive(Clone, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "agent_admins")]
pub struct Model {
    /// The organisation that the row belongs to.
    #[sea_orm(primary_key, auto_increment = false)]
    pub org_id: OrgId,
    /// Identifies the appointment inside its organisation.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: AgentAdminId,
    /// The agent.
    pub agent_id: AgentId,
    /// The agent admin.
    pub user_id: UserId,
    /// When they were appointed.
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
            OrgId | Id | AgentId | UserId | CreatedAt => Class::Metadata,
        }
    }
}
