//! What an organisation's model calls of a day came to: the sums of `llm_usage`, kept in the same transactions.
//!
//! One row for each day, model, agent and user. Whatever is answered about usage is summed from here; `llm_usage` is what
//! it is held against.

use sea_orm::entity::prelude::*;

use crate::{
    ids::{AgentId, OrgId, UserId},
    table::{Class, Classified, TableClass},
};

/// A row of `usage_days`. Its key has no nulls, so that both databases find the row to add to: an agent or user that is
/// not known is the id of all zeros.
#[derive(Clone, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "usage_days")]
pub struct Model {
    /// The organisation that the row belongs to.
    #[sea_orm(primary_key, auto_increment = false)]
    pub org_id: OrgId,
    /// The day in UTC, `2026-11-22`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub day: String,
    /// The model's name.
    #[sea_orm(primary_key, auto_increment = false)]
    pub model: String,
    /// The agent that called, or zeros.
    #[sea_orm(primary_key, auto_increment = false)]
    pub agent_id: AgentId,
    /// Whose usage it is, or zeros.
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: UserId,
    /// How many calls.
    pub requests: i64,
    /// Tokens read.
    pub tokens_in: i64,
    /// Tokens written.
    pub tokens_out: i64,
    /// Cost in billionths of a US dollar.
    pub cost_nanos: i64,
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
            OrgId | Day | Model | AgentId | UserId | Requests | TokensIn | TokensOut | CostNanos => Class::Metadata,
        }
    }
}
