//! What an organisation may spend, and of what it was told.

use sea_orm::entity::prelude::*;

use crate::{
    ids::OrgId,
    table::{Class, Classified, TableClass},
};

/// A row of `budgets`. Every organisation that reported usage has one, with limits or without: whoever adds to the usage
/// or changes a limit locks it.
#[derive(Clone, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "budgets")]
pub struct Model {
    /// The organisation that the row belongs to.
    #[sea_orm(primary_key, auto_increment = false)]
    pub org_id: OrgId,
    /// Billionths of a US dollar that a month in UTC may cost; none without a limit.
    pub monthly_cost_nanos: Option<i64>,
    /// Tokens, read and written, that a day in UTC may take; none without a limit.
    pub daily_tokens: Option<i64>,
    /// The last month in which four fifths of the cost were reached, `2026-11`.
    pub cost_warned: Option<String>,
    /// The last month in which the cost was used up.
    pub cost_exhausted: Option<String>,
    /// The last day on which four fifths of the tokens were reached, `2026-11-22`.
    pub tokens_warned: Option<String>,
    /// The last day on which the tokens were used up.
    pub tokens_exhausted: Option<String>,
    /// When the row was made.
    pub created_at: DateTimeUtc,
    /// When a limit last changed.
    pub updated_at: DateTimeUtc,
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
            OrgId | MonthlyCostNanos | DailyTokens | CostWarned | CostExhausted | TokensWarned | TokensExhausted
            | CreatedAt | UpdatedAt => Class::Metadata,
        }
    }
}
