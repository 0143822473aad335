//! A user or a team that may use, edit or administer somebody's private agent.

use sea_orm::entity::prelude::*;

use crate::{
    enums::CollaboratorPermission,
    ids::{AgentCollaboratorId, AgentId, OrgId, TeamId, UserId},
    table::{Class, Classified, TableClass},
};

/// A row of `agent_collaborators`.
#[derive(Clone, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "agent_collaborators")]
pub struct Model {
    /// The organisation that the row belongs to.
    #[sea_orm(primary_key, auto_increment = false)]
    pub org_id: OrgId,
    /// Identifies the grant inside its organisation.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: AgentCollaboratorId,
    /// The agent.
    pub agent_id: AgentId,
    /// The user; exactly one of user and team is set.
    pub user_id: Option<UserId>,
    /// The team, whose present members hold the right.
    pub team_id: Option<TeamId>,
    /// What it allows.
    pub permission: CollaboratorPermission,
    /// When it was granted.
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
            OrgId | Id | AgentId | UserId | TeamId | Permission | CreatedAt => Class::Metadata,
        }
    }
}
