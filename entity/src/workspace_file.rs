//! A file of a goal's workspace: what it is called, how large it is and what its bytes must add up to. The bytes themselves
//! are kept by the workspace's backend, under the version that this row names.

use sea_orm::entity::prelude::*;

use crate::{
    confidential::Confidential,
    ids::{AgentId, FileVersionId, GoalId, OrgId, WorkspaceFileId},
    table::{Audience, Class, Classified, TableClass},
};

/// A row of `workspace_files`.
#[derive(Clone, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "workspace_files")]
pub struct Model {
    /// The organisation that the row belongs to.
    #[sea_orm(primary_key, auto_increment = false)]
    pub org_id: OrgId,
    /// Identifies the file inside its organisation.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: WorkspaceFileId,
    /// The goal whose file it is.
    pub goal_id: GoalId,
    /// The goal's agent: who sees the agent sees the file.
    pub agent_id: AgentId,
    /// Where it stands below the goal's folder.
    pub path: Confidential<String>,
    /// How many bytes it has.
    pub size_bytes: Confidential<i64>,
    /// SHA-256 of its bytes, hex.
    pub sha256: Confidential<String>,
    /// Which bytes are its own: another one with every replacement.
    pub version: FileVersionId,
    /// When it was first put.
    pub created_at: DateTimeUtc,
    /// When it was last replaced.
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
            OrgId | Id | GoalId | AgentId | Version | CreatedAt | UpdatedAt => Class::Metadata,
            Path | SizeBytes | Sha256 => Class::Confidential,
        }
    }
}
