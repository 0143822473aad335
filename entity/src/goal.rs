//! What somebody asked an agent to achieve.

use sea_orm::entity::prelude::*;

use crate::{
    confidential::{Confidential, JsonText},
    enums::GoalStatus,
    ids::{AgentId, GoalId, OrgId, UserId},
    table::{Audience, Class, Classified, TableClass},
};

/// A row of `goals`.
#[derive(Clone, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "goals")]
pub struct Model {
    /// The organisation that the row belongs to.
    #[sea_orm(primary_key, auto_increment = false)]
    pub org_id: OrgId,
    /// Identifies the goal inside its organisation.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: GoalId,
    /// The agent it was given to, or the installed row of a global one.
    pub agent_id: AgentId,
    /// Who asked; null on history older than accounts.
    pub submitted_by: Option<UserId>,
    /// Where it stands.
    pub status: GoalStatus,
    /// Larger runs first.
    pub priority: i32,
    /// What was asked.
    pub goal_text: Confidential<String>,
    /// `goal_text` case-folded, for search by viewers who may read it.
    pub goal_text_folded: Confidential<String>,
    /// The planner's plan as JSON text.
    #[sea_orm(nullable)]
    pub plan: Confidential<JsonText>,
    /// SHA-256 of the submitter's key, hex: the same key submits once. A hash, since a client may put content into a key.
    pub idempotency_key: Option<String>,
    /// When it was submitted.
    pub created_at: DateTimeUtc,
    /// When it last changed.
    pub updated_at: DateTimeUtc,
    /// When it reached a final state.
    pub completed_at: Option<DateTimeUtc>,
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
            OrgId | Id | AgentId | SubmittedBy | Status | Priority | IdempotencyKey | CreatedAt | UpdatedAt
            | CompletedAt => Class::Metadata,
            GoalText | GoalTextFolded | Plan => Class::Confidential,
        }
    }
}
