//! Files of goals' workspaces.

use std::collections::HashMap;

use entity::{
    ids::{FileVersionId, GoalId, OrgId, TypedId, WorkspaceFileId},
    workspace_file,
};
use sea_orm::{
    ConnectionTrait, TryGetable,
    sea_query::{Expr, ExprTrait},
};

use crate::error::Result;
use crate::store::{
    List, OrgRow, Store,
    db::Role,
    list::{
        page::{Page, PageRequest},
        row::{Columns, row},
    },
    uuids,
};

row! {
    /// A file, with the columns that were asked for.
    WorkspaceFileRow of workspace_file {
        key #[doc = "The organisation."] org_id: OrgId = OrgId,
        key #[doc = "The file."] id: WorkspaceFileId = Id,
        key #[doc = "The goal."] goal_id: GoalId = GoalId,
        key #[doc = "Which bytes are its own."] version: FileVersionId = Version,
        lazy #[doc = "When it was first put."] created_at: chrono::DateTime<chrono::Utc> = CreatedAt,
        lazy #[doc = "When it was last replaced."] updated_at: chrono::DateTime<chrono::Utc> = UpdatedAt,
        sealed #[doc = "Where it stands."] path: String = Path,
        sealed #[doc = "How many bytes it has."] size_bytes: i64 = SizeBytes,
        sealed #[doc = "SHA-256 of them, hex."] sha256: String = Sha256,
    }
}

impl OrgRow for WorkspaceFileRow {
    fn org_id(&self) -> Option<OrgId> {
        Some(self.org_id)
    }
}

impl WorkspaceFileRow {
    /// The same columns with those that finding the file's bytes takes.
    pub fn with_place(columns: Columns<workspace_file::Entity>) -> Columns<workspace_file::Entity> {
        use workspace_file::Column;
        columns.with(Column::Path).with(Column::SizeBytes).with(Column::Sha256)
    }
}

impl Store {
    /// Looks files up by id.
    pub async fn file_by_ids(
        &self,
        ids: &[WorkspaceFileId],
        columns: Columns<workspace_file::Entity>,
    ) -> Result<Vec<WorkspaceFileRow>> {
        self.by_ids(&uuids(ids), columns).await
    }

    /// A page of files for each goal.
    pub async fn files_of_goals(
        &self,
        goals: &[(OrgId, GoalId)],
        columns: Columns<workspace_file::Entity>,
        page: &PageRequest,
    ) -> Result<Vec<Page<WorkspaceFileRow>>> {
        use workspace_file::{Column, Entity};
        let parents: Vec<_> = goals.iter().map(|(org_id, id)| (org_id.uuid(), id.uuid())).collect();
        self.children(&parents, List::new(columns), page, |parent| {
            vec![
                Expr::col((Entity, Column::OrgId)).eq(parent.org_id),
                Expr::col((Entity, Column::GoalId)).eq(parent.id),
            ]
        })
        .await
    }

    /// How many files each goal has.
    pub async fn file_counts_of_goals(&self, goals: &[GoalId]) -> Result<HashMap<GoalId, i64>> {
        use crate::store::list::row::Row as _;
        self.child_counts(List::<WorkspaceFileRow>::new(WorkspaceFileRow::keys()), "goal_id", goals).await
    }

    /// A file's version as it is now, whatever the operation's own transaction sees; none when it is gone or hidden.
    pub async fn file_version_now(&self, id: WorkspaceFileId) -> Result<Option<FileVersionId>> {
        use workspace_file::{Column, Entity};
        let scope = self.scope()?;
        let mut select = scope.rows::<Entity>();
        select.column((Entity, Column::Version)).and_where(Expr::col((Entity, Column::Id)).eq(id));
        let role = if scope.org_id().is_some() { Role::Tenant } else { Role::Operator };
        let tx = self.db.begin_read(role, scope.org_id()).await?;
        let row = tx.query_one(&select).await?;
        Ok(row.map(|row| FileVersionId::try_get_by_index(&row, 0)).transpose()?)
    }
}
