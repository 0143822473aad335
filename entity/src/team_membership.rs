//! A member's place in a team; needs a membership of the organisation (composite foreign key).

use sea_orm::entity::prelude::*;

use crate::{
    enums::TeamRole,
    ids::{OrgId, TeamId, TeamMembershipId, UserId},
    table::{Class, Classified, TableClass},
};

/// A row of `team_memberships`.
#[derive(Clone, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "team_memberships")]
pub struct Model {
    /// The organisation that the row belongs to.
    #[sea_orm(primary_key, auto_increment = false)]
    pub org_id: OrgId,
    /// Identifies the team membership inside its organisation.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: TeamMembershipId,
    /// The team.
    pub team_id: TeamId,
    /// The member.
    pub user_id: UserId,
    /// Team admins manage the team's members and its agents.
    pub role: TeamRole,
    /// When the member joined the team.
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
            OrgId | Id | TeamId | UserId | Role | CreatedAt => Class::Metadata,
        }
    }
}
