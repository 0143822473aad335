//! Workers, as they are registered and drained. What they do is in [`super::claim`] and [`super::task`].

use entity::{
    confidential::JsonText,
    enums::WorkerStatus,
    ids::{OrgId, ServiceAccountId, WorkerId},
    service_account, worker,
};
use sea_orm::{
    ActiveValue::Set,
    ConnectionTrait, EntityTrait, TryGetable,
    sea_query::{Expr, ExprTrait, LockType, Query},
};
use serde_json::json;

use crate::{
    clock::Clock,
    error::{Error, Result},
    policy::permit::{DrainWorker, Permit, RegisterWorker},
    status::State,
    store::{Store, audit::record::Record, db::Tx},
};

/// A worker that is to be registered.
#[derive(Clone, Debug)]
pub struct WorkerDraft {
    /// Where it runs.
    pub hostname: String,
    /// Kinds of task that it takes.
    pub capabilities: Vec<String>,
}

impl Store {
    /// Registers a worker for a service account, which alone will speak for it.
    pub async fn worker_register(
        &self,
        clock: &Clock,
        permit: &Permit<RegisterWorker>,
        draft: WorkerDraft,
    ) -> Result<WorkerId> {
        let (org_id, account) = permit.key();
        let tx = self.begin_write(Some(org_id)).await?;
        present_account(&tx, org_id, account).await?;
        let id: WorkerId = clock.id();
        let now = clock.now();
        let row = worker::ActiveModel {
            org_id: Set(org_id),
            id: Set(id),
            hostname: Set(draft.hostname),
            status: Set(WorkerStatus::Active),
            capabilities: Set(JsonText::new(json!(draft.capabilities).to_string())),
            last_heartbeat_at: Set(now),
            service_account_id: Set(Some(account)),
            created_at: Set(now),
        };
        worker::Entity::insert(row).exec_without_returning(&tx).await?;
        let audit_record = json!({ "serviceAccountId": account.to_string(), "capabilities": draft.capabilities });
        self.finish(tx, clock, org_id, [Record::about("worker.registered", id).with(audit_record)]).await?;
        Ok(id)
    }

    /// Gives a worker no more tasks. What it holds it finishes.
    pub async fn worker_drain(&self, clock: &Clock, permit: &Permit<DrainWorker>) -> Result<()> {
        use worker::{Column, Entity};
        let (org_id, id) = permit.key();
        let tx = self.begin_write(Some(org_id)).await?;
        let mut update = Query::update();
        update
            .table(Entity)
            .value(Column::Status, WorkerStatus::Draining.as_str())
            .and_where(Expr::col(Column::OrgId).eq(org_id))
            .and_where(Expr::col(Column::Id).eq(id))
            .and_where(
                Expr::col(Column::Status).is_in(WorkerStatus::before(WorkerStatus::Draining).map(WorkerStatus::as_str)),
            );
        if tx.execute(&update).await?.rows_affected() == 0 {
            return Err(Error::Conflict("Only an active worker is drained."));
        }
        self.finish(tx, clock, org_id, [Record::about("worker.drained", id)]).await
    }
}

/// Holds that the service account is there and was not revoked, until the transaction ends.
async fn present_account(tx: &Tx, org_id: OrgId, id: ServiceAccountId) -> Result<()> {
    use service_account::{Column, Entity};
    let mut select = Query::select();
    select
        .column(Column::Id)
        .from(Entity)
        .and_where(Expr::col(Column::OrgId).eq(org_id))
        .and_where(Expr::col(Column::Id).eq(id))
        .and_where(Expr::col(Column::RevokedAt).is_null())
        .lock(LockType::Share);
    let row = tx.query_one(&select).await?.ok_or(Error::NotFound)?;
    ServiceAccountId::try_get_by_index(&row, 0)?;
    Ok(())
}
