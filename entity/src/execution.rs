//! One thing that a worker ran for a task.

use sea_orm::entity::prelude::*;

use crate::{
    confidential::{Confidential, JsonText},
    enums::ExecutionStatus,
    ids::{ExecutionId, OrgId, TaskId, WorkerId},
    table::{Audience, Class, Classified, TableClass},
};

/// A row of `executions`.
#[derive(Clone, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "executions")]
pub struct Model {
    /// The organisation that the row belongs to.
    #[sea_orm(primary_key, auto_increment = false)]
    pub org_id: OrgId,
    /// Identifies the row inside its organisation.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ExecutionId,
    /// The task.
    pub task_id: TaskId,
    /// Who ran it.
    pub worker_id: Option<WorkerId>,
    /// The claim of the task under which it ran.
    pub attempt: i32,
    /// How it went.
    pub status: ExecutionStatus,
    /// What the process answered, where there was one.
    pub exit_code: Option<i32>,
    /// What was run.
    #[sea_orm(nullable)]
    pub code: Confidential<String>,
    /// What it printed.
    #[sea_orm(nullable)]
    pub code_output: Confidential<String>,
    /// What the shell printed.
    #[sea_orm(nullable)]
    pub shell_output: Confidential<String>,
    /// Files that it made, by path, as JSON text.
    #[sea_orm(nullable)]
    pub file_contents: Confidential<JsonText>,
    /// The reporter's own name for it: the same name is recorded once.
    pub idempotency_key: Option<String>,
    /// When it began.
    pub started_at: DateTimeUtc,
    /// When it ended.
    pub ended_at: Option<DateTimeUtc>,
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
            OrgId | Id | TaskId | WorkerId | Attempt | Status | ExitCode | IdempotencyKey | StartedAt | EndedAt => {
                Class::Metadata
            }
            Code | CodeOutput | ShellOutput | FileContents => Class::Confidential,
        }
    }
}
