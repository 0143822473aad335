//! The platform's own agents, for every user of every organisation.

use sea_orm::entity::prelude::*;

use crate::{
    confidential::{Confidential, JsonText},
    enums::AgentStatus,
    ids::AgentId,
    table::{Audience, Class, Classified, TableClass},
};

/// A row of `global_agents`.
#[derive(Clone, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "global_agents")]
pub struct Model {
    /// Primary key, shared with the rows that organisations install.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: AgentId,
    /// Display name.
    pub name: String,
    /// `name` case-folded, for search.
    pub name_folded: String,
    /// What the agent is for.
    pub description: String,
    /// Whether it takes goals anywhere.
    pub status: AgentStatus,
    /// Whether one can chat with it.
    pub chat_capable: bool,
    /// What the agent is told; write-only to the super-admins who author it.
    #[sea_orm(nullable)]
    pub system_prompt: Confidential<String>,
    /// Its settings as JSON text.
    #[sea_orm(nullable)]
    pub config: Confidential<JsonText>,
    /// The least number of approvals that every organisation's use takes.
    pub required_approvals: i32,
    /// Whether every organisation's plans wait for approval.
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
    const TABLE: TableClass = TableClass::Platform;
    const AUDIENCE: Audience = Audience::Work;

    fn class(column: &Column) -> Class {
        use Column::*;
        match column {
            Id | Name | NameFolded | Description | Status | ChatCapable | RequiredApprovals | RequirePlanApproval
            | CreatedAt | UpdatedAt => Class::Metadata,
            SystemPrompt | Config => Class::Confidential,
        }
    }
}
