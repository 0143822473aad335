//! What workers reported of their runs.

use std::collections::HashMap;

use entity::{
    confidential::JsonText,
    enums::ExecutionStatus,
    execution,
    ids::{ExecutionId, OrgId, TaskId, TypedId, WorkerId},
};
use sea_orm::sea_query::{Expr, ExprTrait};

use crate::error::Result;
use crate::store::{
    List, OrgRow, Store,
    list::{
        page::{Page, PageRequest},
        row::{Columns, Row, row},
    },
    uuids,
};

row! {
    /// A run of a task, with the columns that were asked for.
    ExecutionRow of execution {
        key #[doc = "The organisation."] org_id: OrgId = OrgId,
        key #[doc = "The run."] id: ExecutionId = Id,
        key #[doc = "The task."] task_id: TaskId = TaskId,
        key #[doc = "Who ran it."] worker_id: Option<WorkerId> = WorkerId,
        lazy #[doc = "Under which claim of the task."] attempt: i32 = Attempt,
        lazy #[doc = "How it went."] status: ExecutionStatus = Status,
        lazy #[doc = "What the process answered."] exit_code: Option<i32> = ExitCode,
        lazy #[doc = "When it began."] started_at: chrono::DateTime<chrono::Utc> = StartedAt,
        lazy #[doc = "When it ended."] ended_at: Option<chrono::DateTime<chrono::Utc>> = EndedAt,
        sealed #[doc = "What was run."] code: String = Code,
        sealed #[doc = "What it printed."] code_output: String = CodeOutput,
        sealed #[doc = "What the shell printed."] shell_output: String = ShellOutput,
        sealed #[doc = "Files that it made."] file_contents: JsonText = FileContents,
    }
}

impl OrgRow for ExecutionRow {
    fn org_id(&self) -> Option<OrgId> {
        Some(self.org_id)
    }
}

impl Store {
    /// Looks runs up by id.
    pub async fn execution_by_ids(
        &self,
        ids: &[ExecutionId],
        columns: Columns<execution::Entity>,
    ) -> Result<Vec<ExecutionRow>> {
        self.by_ids(&uuids(ids), columns).await
    }

    /// A page of runs for each task, in the order in which they were recorded.
    pub async fn executions_of_tasks(
        &self,
        tasks: &[(OrgId, TaskId)],
        columns: Columns<execution::Entity>,
        page: &PageRequest,
    ) -> Result<Vec<Page<ExecutionRow>>> {
        let parents: Vec<_> = tasks.iter().map(|(org_id, id)| (org_id.uuid(), id.uuid())).collect();
        self.children(&parents, List::new(columns), page, |parent| {
            vec![
                Expr::col((execution::Entity, execution::Column::OrgId)).eq(parent.org_id),
                Expr::col((execution::Entity, execution::Column::TaskId)).eq(parent.id),
            ]
        })
        .await
    }

    /// How many runs each task had.
    pub async fn execution_counts_of_tasks(&self, tasks: &[TaskId]) -> Result<HashMap<TaskId, i64>> {
        self.child_counts(List::<ExecutionRow>::new(ExecutionRow::keys()), "task_id", tasks).await
    }
}
