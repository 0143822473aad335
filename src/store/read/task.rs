//! Tasks and the graph between them.

use std::collections::HashMap;

use entity::{
    confidential::JsonText,
    enums::TaskStatus,
    ids::{AgentId, GoalId, OrgId, TaskDependencyId, TaskId, TypedId, WorkerId},
    task, task_dependency,
};
use sea_orm::sea_query::{Expr, ExprTrait};

use crate::store::{
    List, OrgRow, Store, any_of,
    list::{
        page::{Page, PageRequest, Sort},
        row::{Columns, Row, row},
    },
    uuids,
};
use crate::{
    error::{Error, Result},
    policy::TaskFacts,
};

row! {
    /// A task, with the columns that were asked for.
    TaskRow of task {
        key #[doc = "The organisation."] org_id: OrgId = OrgId,
        key #[doc = "The task."] id: TaskId = Id,
        key #[doc = "Its goal."] goal_id: GoalId = GoalId,
        key #[doc = "The goal's agent."] agent_id: AgentId = AgentId,
        key #[doc = "Who runs or ran it."] worker_id: Option<WorkerId> = WorkerId,
        lazy #[doc = "What kind of work it is."] kind: String = Kind,
        lazy #[doc = "Where it stands."] status: TaskStatus = Status,
        lazy #[doc = "Larger runs first."] priority: i32 = Priority,
        lazy #[doc = "How often it was tried again."] retries: i32 = Retries,
        lazy #[doc = "How often it may be."] max_retries: i32 = MaxRetries,
        lazy #[doc = "How often it was claimed."] attempt: i32 = Attempt,
        lazy #[doc = "Until when the claim holds."] lease_expires_at: Option<chrono::DateTime<chrono::Utc>> = LeaseExpiresAt,
        lazy #[doc = "Not before this time."] run_after: Option<chrono::DateTime<chrono::Utc>> = RunAfter,
        lazy #[doc = "When it was planned."] created_at: chrono::DateTime<chrono::Utc> = CreatedAt,
        lazy #[doc = "When it last changed."] updated_at: chrono::DateTime<chrono::Utc> = UpdatedAt,
        lazy #[doc = "When it first ran."] started_at: Option<chrono::DateTime<chrono::Utc>> = StartedAt,
        lazy #[doc = "When it reached a final state."] finished_at: Option<chrono::DateTime<chrono::Utc>> = FinishedAt,
        sealed #[doc = "The input."] payload: JsonText = Payload,
        sealed #[doc = "The output."] result: JsonText = Result,
        sealed #[doc = "Why it failed."] error: String = Error,
    }
}

impl OrgRow for TaskRow {
    fn org_id(&self) -> Option<OrgId> {
        Some(self.org_id)
    }
}

row! {
    /// An edge of a goal's graph.
    DependencyRow of task_dependency {
        key #[doc = "The organisation."] org_id: OrgId = OrgId,
        key #[doc = "The edge."] id: TaskDependencyId = Id,
        key #[doc = "The goal of both tasks."] goal_id: GoalId = GoalId,
        key #[doc = "The task that waits."] task_id: TaskId = TaskId,
        key #[doc = "The task that it waits for."] depends_on_id: TaskId = DependsOnId,
    }
}

impl OrgRow for DependencyRow {
    fn org_id(&self) -> Option<OrgId> {
        Some(self.org_id)
    }
}

/// Which tasks.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct TaskFilter {
    /// In one of these states.
    pub status: Option<Vec<TaskStatus>>,
    /// Of one of these kinds.
    pub kind: Option<Vec<String>>,
    /// Of this goal.
    pub goal_id: Option<GoalId>,
    /// Of goals given to this agent.
    pub agent_id: Option<AgentId>,
    /// Run by this worker.
    pub worker_id: Option<WorkerId>,
    /// Of this organisation.
    pub organization_id: Option<OrgId>,
}

/// By what tasks can be ordered.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum TaskSort {
    /// Order of creation.
    Created,
    /// Last change.
    Updated,
    /// Priority.
    Priority,
}

/// The end of an edge that is asked from.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Direction {
    /// What the task waits for.
    DependsOn,
    /// What waits for the task.
    Dependents,
}

/// A list of tasks: which, in what order.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct TaskQuery {
    /// Which tasks.
    pub filter: TaskFilter,
    /// By what they are ordered.
    pub sort: TaskSort,
    /// Largest first.
    pub descending: bool,
}

impl TaskQuery {
    fn list(&self, columns: Columns<task::Entity>) -> List<TaskRow> {
        use task::Column;
        let col = |column| Expr::col((task::Entity, column));
        let filter = &self.filter;
        let (kind, by) = crate::store::metadata_sort(
            match self.sort {
                TaskSort::Created => None,
                TaskSort::Updated => Some(col(Column::UpdatedAt)),
                TaskSort::Priority => Some(col(Column::Priority)),
            },
            self.sort == TaskSort::Updated,
        );
        List::new(columns)
            .only(filter.organization_id.map(|org_id| col(Column::OrgId).eq(org_id)))
            .only(filter.status.as_ref().map(|s| col(Column::Status).is_in(s.iter().map(|state| state.as_str()))))
            .only(filter.kind.as_ref().map(|kinds| col(Column::Kind).is_in(kinds.iter().cloned())))
            .only(filter.goal_id.map(|id| col(Column::GoalId).eq(id)))
            .only(filter.agent_id.map(|id| col(Column::AgentId).eq(id)))
            .only(filter.worker_id.map(|id| col(Column::WorkerId).eq(id)))
            .sorted(Sort { kind, descending: self.descending }, by)
    }
}

impl Store {
    /// Looks tasks up by id.
    pub async fn task_by_ids(&self, ids: &[TaskId], columns: Columns<task::Entity>) -> Result<Vec<TaskRow>> {
        self.by_ids(&uuids(ids), columns).await
    }

    /// The facts that rules need of one task, loaded under the viewer's scope; `NOT_FOUND` when it is absent or hidden.
    pub async fn task_facts(&self, id: TaskId) -> Result<TaskFacts> {
        let row = self.task_by_ids(&[id], TaskRow::keys()).await?.pop().ok_or(Error::NotFound)?;
        Ok(TaskFacts { id: row.id, goal: self.goal_facts(row.goal_id).await? })
    }

    /// A page of tasks.
    pub async fn task_list(
        &self,
        query: &TaskQuery,
        columns: Columns<task::Entity>,
        page: &PageRequest,
    ) -> Result<Page<TaskRow>> {
        self.list(query.list(columns), page).await
    }

    /// How many tasks the list has.
    pub async fn task_count(&self, query: &TaskQuery) -> Result<i64> {
        self.list_count(query.list(TaskRow::keys())).await
    }

    /// A page of tasks for each goal.
    pub async fn tasks_of_goals(
        &self,
        goals: &[(OrgId, GoalId)],
        query: &TaskQuery,
        columns: Columns<task::Entity>,
        page: &PageRequest,
    ) -> Result<Vec<Page<TaskRow>>> {
        let parents: Vec<_> = goals.iter().map(|(org_id, id)| (org_id.uuid(), id.uuid())).collect();
        self.children(&parents, query.list(columns), page, |parent| {
            vec![
                Expr::col((task::Entity, task::Column::OrgId)).eq(parent.org_id),
                Expr::col((task::Entity, task::Column::GoalId)).eq(parent.id),
            ]
        })
        .await
    }

    /// How many tasks of the list each goal has.
    pub async fn task_counts_of_goals(&self, goals: &[GoalId], query: &TaskQuery) -> Result<HashMap<GoalId, i64>> {
        self.child_counts(query.list(TaskRow::keys()), "goal_id", goals).await
    }

    /// Tasks per goal and state.
    pub async fn task_states_of_goals(&self, goals: &[GoalId]) -> Result<Vec<(GoalId, TaskStatus, i64)>> {
        let counted = self.count_states::<task::Entity, GoalId>("goal_id", goals).await?;
        Ok(crate::store::states(counted, TaskStatus::ALL, TaskStatus::as_str))
    }

    /// The edges of each goal's graph.
    pub async fn dependencies_of_goals(&self, goals: &[GoalId]) -> Result<Vec<DependencyRow>> {
        self.dependencies(task_dependency::Column::GoalId, &uuids(goals)).await
    }

    /// The edges at each task, in one direction.
    pub async fn dependencies_of_tasks(&self, tasks: &[TaskId], direction: Direction) -> Result<Vec<DependencyRow>> {
        let column = match direction {
            Direction::DependsOn => task_dependency::Column::TaskId,
            Direction::Dependents => task_dependency::Column::DependsOnId,
        };
        self.dependencies(column, &uuids(tasks)).await
    }

    async fn dependencies(&self, column: task_dependency::Column, ids: &[uuid::Uuid]) -> Result<Vec<DependencyRow>> {
        use task_dependency::{Column, Entity};
        let columns = DependencyRow::keys();
        let mut select = self.scope()?.find::<Entity>(columns);
        select
            .and_where(any_of(Expr::col((Entity, column)), ids, self.db.backend()))
            .order_by((Entity, Column::Id), sea_orm::Order::Asc);
        self.rows(&select, columns).await
    }
}
