//! An edge of a goal's graph: `task_id` waits for `depends_on_id`.

use sea_orm::entity::prelude::*;

use crate::{
    ids::{GoalId, OrgId, TaskDependencyId, TaskId},
    table::{Class, Classified, TableClass},
};

/// A row of `task_dependencies`.
#[derive(Clone, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "task_dependencies")]
pub struct Model {
    /// The organisation that the row belongs to.
    #[sea_orm(primary_key, auto_increment = false)]
    pub org_id: OrgId,
    /// Identifies the edge inside its organisation.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: TaskDependencyId,
    /// The goal of both tasks.
    pub goal_id: GoalId,
    /// The task that waits.
    pub task_id: TaskId,
    /// The task that it waits for.
    pub depends_on_id: TaskId,
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
            OrgId | Id | GoalId | TaskId | DependsOnId => Class::Metadata,
        }
    }
}
