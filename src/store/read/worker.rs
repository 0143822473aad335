//! Workers.

use std::collections::HashMap;

use entity::{
    confidential::JsonText,
    enums::{TaskStatus, WorkerStatus},
    ids::{OrgId, ServiceAccountId, WorkerId},
    task, worker,
};
use sea_orm::sea_query::{Expr, ExprTrait};

use super::task::TaskRow;
use crate::store::{
    List, OrgRow, Store,
    list::{
        page::{Page, PageRequest},
        row::{Columns, Row, row},
    },
    uuids,
    write::claim::{HELD, HOLDING},
};
use crate::{
    error::{Error, Result},
    policy::WorkerFacts,
};

row! {
    /// A worker, with the columns that were asked for.
    WorkerRow of worker {
        key #[doc = "The organisation."] org_id: OrgId = OrgId,
        key #[doc = "The worker."] id: WorkerId = Id,
        key #[doc = "Whose it is."] service_account_id: Option<ServiceAccountId> = ServiceAccountId,
        lazy #[doc = "Where it runs."] hostname: String = Hostname,
        lazy #[doc = "Whether it takes tasks."] status: WorkerStatus = Status,
        lazy #[doc = "Kinds of task that it takes."] capabilities: JsonText = Capabilities,
        lazy #[doc = "When it was last heard of."] last_heartbeat_at: chrono::DateTime<chrono::Utc> = LastHeartbeatAt,
        lazy #[doc = "When it was registered."] created_at: chrono::DateTime<chrono::Utc> = CreatedAt,
    }
}

impl OrgRow for WorkerRow {
    fn org_id(&self) -> Option<OrgId> {
        Some(self.org_id)
    }
}

/// Which workers.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct WorkerFilter {
    /// In one of these states.
    pub status: Option<Vec<WorkerStatus>>,
    /// Of this organisation.
    pub organization_id: Option<OrgId>,
}

fn workers(filter: &WorkerFilter, columns: Columns<worker::Entity>) -> List<WorkerRow> {
    let col = |column| Expr::col((worker::Entity, column));
    List::new(columns)
        .only(filter.organization_id.map(|org_id| col(worker::Column::OrgId).eq(org_id)))
        .only(filter.status.as_ref().map(|s| col(worker::Column::Status).is_in(s.iter().map(|state| state.as_str()))))
}

impl Store {
    /// Looks workers up by id.
    pub async fn worker_by_ids(&self, ids: &[WorkerId], columns: Columns<worker::Entity>) -> Result<Vec<WorkerRow>> {
        self.by_ids(&uuids(ids), columns).await
    }

    /// A page of workers.
    pub async fn worker_list(
        &self,
        filter: &WorkerFilter,
        columns: Columns<worker::Entity>,
        page: &PageRequest,
    ) -> Result<Page<WorkerRow>> {
        self.list(workers(filter, columns), page).await
    }

    /// How many workers the list has.
    pub async fn worker_count(&self, filter: &WorkerFilter) -> Result<i64> {
        self.list_count(workers(filter, WorkerRow::keys())).await
    }

    /// The facts that rules need of one worker, loaded under the viewer's scope; `NOT_FOUND` when it is absent.
    pub async fn worker_facts(&self, id: WorkerId) -> Result<WorkerFacts> {
        let row = self.worker_by_ids(&[id], WorkerRow::keys()).await?.pop().ok_or(Error::NotFound)?;
        Ok(WorkerFacts { org_id: row.org_id, id: row.id, service_account_id: row.service_account_id })
    }

    /// The tasks that a worker holds, which are few by rule, in order of creation.
    pub async fn tasks_held(&self, worker_id: WorkerId, columns: Columns<task::Entity>) -> Result<Vec<TaskRow>> {
        use task::{Column, Entity};
        let scope = self.scope()?;
        let columns = scope.project(columns);
        let mut select = scope.find::<Entity>(columns);
        select
            .and_where(Expr::col((Entity, Column::WorkerId)).eq(worker_id))
            .and_where(Expr::col((Entity, Column::Status)).is_in(HOLDING.map(TaskStatus::as_str)))
            .order_by((Entity, Column::Id), sea_orm::Order::Asc)
            .limit(HELD);
        self.rows(&select, columns).await
    }

    /// How many tasks each worker runs now.
    pub async fn worker_active_tasks(&self, workers: &[WorkerId]) -> Result<HashMap<WorkerId, i64>> {
        let status = Expr::col((task::Entity, task::Column::Status)).is_in(HOLDING.map(TaskStatus::as_str));
        self.child_counts(List::<TaskRow>::new(TaskRow::keys()).only(Some(status)), "worker_id", workers).await
    }
}
