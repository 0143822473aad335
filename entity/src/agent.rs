//! An organisation's agent, or the row that its first use of a global agent installed (`visibility` = GLOBAL, same id as in `global_agents`), which holds only the organisation's own settings.

use sea_orm::entity::prelude::*;

use crate::{
    confidential::{Confidential, JsonText},
    enums::{AgentStatus, AgentVisibility},
    ids::{AgentId, OrgId, TeamId, UserId},
    table::{Audience, Class, Classified, TableClass},
};

/// A row of `agents`.
#[derive(Clone, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "agents")]
pub struct Model {
    /// The organisation that the row belongs to.
    #[sea_orm(primary_key, auto_increment = false)]
    pub org_id: OrgId,
    /// Identifies the agent; equal to the global agent's id on an installed row.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: AgentId,
    /// Display name; empty on an installed row (the platform's name is shown).
    pub name: String,
    /// `name` case-folded, for search.
    pub name_folded: String,
    /// What the agent is for.
    pub description: String,
    /// Whether it takes goals.
    pub status: AgentStatus,
    /// Who may see and use it; GLOBAL exactly on installed rows.
    pub visibility: AgentVisibility,
    /// Whether one can chat with it.
    pub chat_capable: bool,
    /// The member who owns it; null for team agents, installed rows, and once the owner has left.
    pub owner_id: Option<UserId>,
    /// The owning team; set exactly when visibility is TEAM.
    pub team_id: Option<TeamId>,
    /// What the agent is told.
    #[sea_orm(nullable)]
    pub system_prompt: Confidential<String>,
    /// Its settings as JSON text.
    #[sea_orm(nullable)]
    pub config: Confidential<JsonText>,
    /// How many distinct deciders an approval takes; 2 is the two-person rule.
    pub required_approvals: i32,
    /// Whether a plan waits for approval before it runs.
    pub require_plan_approval: bool,
    /// When it was created.
    pub created_at: DateTimeUtc,
    /// When it last changed.
    pub updated_at: DateTimeUtc,
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
            OrgId | Id | Name | NameFolded | Description | Status | Visibility | ChatCapable | OwnerId | TeamId
            | RequiredApprovals | RequirePlanApproval | CreatedAt | UpdatedAt => Class::Metadata,
            SystemPrompt | Config => Class::Confidential,
        }
    }
}
