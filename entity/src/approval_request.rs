//! A plan or a risky step that waits for a decision.

use sea_orm::entity::prelude::*;

use crate::{
    confidential::{Confidential, JsonText},
    enums::{ApprovalStatus, ApprovalType},
    ids::{AgentId, ApprovalRequestId, GoalId, OrgId, TaskId, UserId},
    table::{Audience, Class, Classified, TableClass},
};

/// A row of `approval_requests`.
#[derive(Clone, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "approval_requests")]
pub struct Model {
    /// The organisation that the row belongs to.
    #[sea_orm(primary_key, auto_increment = false)]
    pub org_id: OrgId,
    /// Identifies the request inside its organisation.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ApprovalRequestId,
    /// What is to be approved.
    #[sea_orm(column_name = "type")]
    pub kind: ApprovalType,
    /// Where it stands.
    pub status: ApprovalStatus,
    /// The agent whose admins decide.
    pub agent_id: AgentId,
    /// The goal.
    pub goal_id: GoalId,
    /// The task, for a risky step.
    pub task_id: Option<TaskId>,
    /// The goal's submitter, who never decides.
    pub requested_by: Option<UserId>,
    /// The plan or the tool call as JSON text.
    #[sea_orm(nullable)]
    pub payload: Confidential<JsonText>,
    /// Why approval is asked.
    #[sea_orm(nullable)]
    pub reason: Confidential<String>,
    /// How many distinct deciders it takes.
    pub required_approvals: i32,
    /// When it was asked.
    pub created_at: DateTimeUtc,
    /// When it expires undecided.
    pub expires_at: Option<DateTimeUtc>,
    /// When it was decided.
    pub decided_at: Option<DateTimeUtc>,
}

/// Relations are written as composite foreign keys in the migrations; queries over them are `store`'s.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Classified for Entity {
    const TABLE: TableClass = TableClass::Tenant;
    const AUDIENCE: Audience = Audience::Work;

    fn class(column: &Column) -> Class {
        use Column::*;
        match column {
            OrgId | Id | Kind | Status | AgentId | GoalId | TaskId | RequestedBy | RequiredApprovals | CreatedAt
            | ExpiresAt | DecidedAt => Class::Metadata,
            Payload | Reason => Class::Confidential,
        }
    }
}
