//! A step of a goal's plan.

use sea_orm::entity::prelude::*;

use crate::{
    confidential::{Confidential, JsonText},
    enums::TaskStatus,
    ids::{AgentId, GoalId, OrgId, TaskId, WorkerId},
    table::{Audience, Class, Classified, TableClass},
};

/// A row of `tasks`.
#[derive(Clone, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "tasks")]
pub struct Model {
    /// The organisation that the row belongs to.
    #[sea_orm(primary_key, auto_increment = false)]
    pub org_id: OrgId,
    /// Identifies the task inside its organisation.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: TaskId,
    /// The goal.
    pub goal_id: GoalId,
    /// The goal's agent, repeated so that visibility needs no join.
    pub agent_id: AgentId,
    /// What kind of work it is; workers match it with their capabilities.
    #[sea_orm(column_name = "type")]
    pub kind: String,
    /// Where it stands.
    pub status: TaskStatus,
    /// Larger runs first.
    pub priority: i32,
    /// How often it was tried again.
    pub retries: i32,
    /// How often it may be.
    pub max_retries: i32,
    /// The input as JSON text.
    #[sea_orm(nullable)]
    pub payload: Confidential<JsonText>,
    /// The output as JSON text.
    #[sea_orm(nullable)]
    pub result: Confidential<JsonText>,
    /// Why it failed.
    #[sea_orm(nullable)]
    pub error: Confidential<String>,
    /// Who runs or ran it.
    pub worker_id: Option<WorkerId>,
    /// When it was planned.
    pub created_at: DateTimeUtc,
    /// When it last changed.
    pub updated_at: DateTimeUtc,
    /// How often it was claimed: names the claim that a worker holds.
    pub attempt: i32,
    /// Until when the claim holds without a heartbeat.
    pub lease_expires_at: Option<DateTimeUtc>,
    /// Not before this time: the pause before another try.
    pub run_after: Option<DateTimeUtc>,
    /// When it first ran.
    pub started_at: Option<DateTimeUtc>,
    /// When it reached a final state.
    pub finished_at: Option<DateTimeUtc>,
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
            OrgId | Id | GoalId | AgentId | Kind | Status | Priority | Retries | MaxRetries | WorkerId | Attempt
            | LeaseExpiresAt | RunAfter | CreatedAt | UpdatedAt | StartedAt | FinishedAt => Class::Metadata,
            Payload | Result | Error => Class::Confidential,
        }
    }
}
