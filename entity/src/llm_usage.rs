//! What one model call cost.

use sea_orm::entity::prelude::*;

use crate::{
    ids::{AgentId, ChatSessionId, GoalId, LlmUsageId, OrgId, ServiceAccountId, TaskId, UserId},
    table::{Class, Classified, TableClass},
};

/// A row of `llm_usage`.
#[derive(Clone, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "llm_usage")]
pub struct Model {
    /// The organisation that the row belongs to.
    #[sea_orm(primary_key, auto_increment = false)]
    pub org_id: OrgId,
    /// Identifies the call inside its organisation.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: LlmUsageId,
    /// The agent that called.
    pub agent_id: Option<AgentId>,
    /// The goal it worked for.
    pub goal_id: Option<GoalId>,
    /// The task of that goal.
    pub task_id: Option<TaskId>,
    /// The chat that it answered in.
    pub session_id: Option<ChatSessionId>,
    /// Whose usage it is: the goal's submitter or the chat's user.
    pub user_id: Option<UserId>,
    /// Who reported it; none on history.
    pub service_account_id: Option<ServiceAccountId>,
    /// The model's name.
    pub model: String,
    /// The reporter's own id: the same id is counted once.
    pub request_id: String,
    /// Tokens read.
    pub tokens_in: i64,
    /// Tokens written.
    pub tokens_out: i64,
    /// Cost in billionths of a US dollar.
    pub cost_nanos: i64,
    /// When it was spent.
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
            OrgId | Id | AgentId | GoalId | TaskId | SessionId | UserId | ServiceAccountId | Model | RequestId
            | TokensIn | TokensOut | CostNanos | CreatedAt => Class::Metadata,
        }
    }
}
