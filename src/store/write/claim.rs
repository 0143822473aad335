//! Tasks, as workers take them: claimed, begun, kept.
//!
//! A claim is a worker, an attempt and a lease. Whoever speaks of a task names worker and attempt; when the lease has run
//! out, or another attempt has begun, the claim is lost, whether or not the job that looks for lost leases has come by.

use chrono::{DateTime, Utc};
use entity::{
    agent,
    confidential::JsonText,
    enums::{AgentStatus, AgentVisibility, GoalStatus, TaskStatus, WorkerStatus},
    global_agent, goal,
    ids::{GoalId, OrgId, TaskId, WorkerId},
    task, worker,
};
use sea_orm::{
    ConnectionTrait, Order, TryGetable,
    sea_query::{Cond, Condition, Expr, ExprTrait, Func, LockBehavior, LockType, Query, SelectStatement},
};
use serde_json::json;

use super::{
    budget::budget_require,
    transition::{audit_record, task_transition},
};
use crate::{
    clock::Clock,
    error::{Error, Result},
    policy::permit::{Permit, RunTasks},
    status::TaskRules,
    store::{Store, any_of, audit::record::Record, db::Tx, uuids},
};

/// Most tasks that a worker holds at a time, those that wait for approval included.
pub const HELD: u64 = 100;

/// The states in which a worker holds a task.
pub const HOLDING: [TaskStatus; 3] = [TaskStatus::Scheduled, TaskStatus::Running, TaskStatus::AwaitingApproval];

/// What is said to a worker that lost its claim.
pub(in crate::store) const LOST: Error = Error::Conflict("The worker does not hold this task, or not any more.");

/// Which tasks a worker wants.
#[derive(Clone, Debug)]
pub struct ClaimDraft {
    /// At most so many.
    pub limit: u64,
    /// Only these kinds, of those that the worker takes; all of them when absent.
    pub kinds: Option<Vec<String>>,
    /// Whether they begin to run at once.
    pub start: bool,
}

/// Names a worker's claim of a task.
#[derive(Clone, Copy, Debug)]
pub struct Claim {
    /// The task.
    pub task_id: TaskId,
    /// Which claim of it.
    pub attempt: i32,
}

/// A claimed task, as it is while the transaction holds it.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct LockedTask {
    pub id: TaskId,
    pub goal_id: GoalId,
    pub status: TaskStatus,
    pub retries: i32,
    pub max_retries: i32,
}

impl Store {
    /// Claims tasks for a worker, the most urgent first, of equal ones the oldest. No two workers get the same.
    pub async fn task_claim(
        &self,
        clock: &Clock,
        permit: &Permit<RunTasks>,
        draft: ClaimDraft,
        rules: &TaskRules,
    ) -> Result<Vec<TaskId>> {
        use task::{Column, Entity};
        let (org_id, worker_id) = permit.key();
        let tx = self.begin_write(Some(org_id)).await?;
        let now = clock.now();
        let (worker, mut records) = beat(&tx, org_id, worker_id, now).await?;
        let kinds: Vec<String> = match draft.kinds {
            Some(wanted) => worker.takes.into_iter().filter(|kind| wanted.contains(kind)).collect(),
            None => worker.takes,
        };
        let room = Ord::min(HELD.saturating_sub(holds(&tx, org_id, worker_id).await?), draft.limit);
        if worker.status != WorkerStatus::Active || kinds.is_empty() || room == 0 {
            self.finish(tx, clock, org_id, records).await?;
            return Ok(Vec::new());
        }
        if let Err(error) = budget_require(&tx, org_id, now).await {
            // The worker has been heard of all the same.
            self.finish(tx, clock, org_id, records).await?;
            return Err(error);
        }

        let mut select = self.scope()?.rows::<Entity>();
        select
            .columns([(Entity, Column::Id), (Entity, Column::GoalId), (Entity, Column::Attempt)])
            .cond_where(claimable(org_id, kinds, now))
            .order_by((Entity, Column::Priority), Order::Desc)
            .order_by((Entity, Column::Id), Order::Asc)
            .limit(room)
            // What another worker is claiming at this moment is passed over, not waited for.
            .lock_with_tables_behavior(LockType::Update, [Entity], LockBehavior::SkipLocked);
        let mut claimed = Vec::new();
        for row in tx.query_all(&select).await? {
            let attempt: i32 = i32::try_get_by_index(&row, 2)?;
            claimed.push((TaskId::try_get_by_index(&row, 0)?, GoalId::try_get_by_index(&row, 1)?, attempt + 1));
        }
        let ids: Vec<TaskId> = claimed.iter().map(|(id, ..)| *id).collect();
        if !ids.is_empty() {
            let path = [TaskStatus::Scheduled, TaskStatus::Running];
            let mut update = task_transition(org_id, if draft.start { &path } else { &path[..1] }, now)?;
            update
                .value(Column::WorkerId, worker_id)
                .value(Column::Attempt, Expr::col(Column::Attempt).add(1))
                .value(Column::LeaseExpiresAt, now + rules.lease)
                .value(Column::RunAfter, Option::<DateTime<Utc>>::None)
                .and_where(any_of(Expr::col(Column::Id), &uuids(&ids), self.database().backend()));
            if draft.start {
                update.value(Column::StartedAt, first_start(now));
            }
            if tx.execute(&update).await?.rows_affected() != claimed.len() as u64 {
                return Err(Error::internal("a task left the queue under its lock"));
            }
        }
        for (id, goal_id, attempt) in claimed {
            let payload = json!({
                "goalId": goal_id.to_string(), "workerId": worker_id.to_string(), "attempt": attempt,
                "from": TaskStatus::Queued.as_str(), "to": TaskStatus::Scheduled.as_str(),
            });
            records.push(Record::about("task.claimed", id).with(payload));
            if draft.start {
                records.push(audit_record("task.started", id, goal_id, TaskStatus::Scheduled, TaskStatus::Running));
            }
        }
        self.finish(tx, clock, org_id, records).await?;
        Ok(ids)
    }

    /// Begins to run a task that was claimed without being started.
    pub async fn task_start(&self, clock: &Clock, permit: &Permit<RunTasks>, claim: Claim) -> Result<()> {
        let (org_id, worker_id) = permit.key();
        let tx = self.begin_write(Some(org_id)).await?;
        let now = clock.now();
        let held = lock_claim(&tx, org_id, worker_id, claim, now).await?;
        if held.status != TaskStatus::Scheduled {
            return Err(Error::Conflict("The task runs already."));
        }
        let mut update = task_transition(org_id, &[TaskStatus::Running], now)?;
        update.value(task::Column::StartedAt, first_start(now)).and_where(Expr::col(task::Column::Id).eq(held.id));
        tx.execute(&update).await?;
        let record = audit_record("task.started", held.id, held.goal_id, held.status, TaskStatus::Running);
        self.finish(tx, clock, org_id, [record]).await
    }

    /// Hears of a worker: it is alive, and what it holds stays its.
    pub async fn worker_beat(&self, clock: &Clock, permit: &Permit<RunTasks>, rules: &TaskRules) -> Result<()> {
        use task::{Column, Entity};
        let (org_id, worker_id) = permit.key();
        let tx = self.begin_write(Some(org_id)).await?;
        let now = clock.now();
        let (_, records) = beat(&tx, org_id, worker_id, now).await?;
        let mut held = Query::select();
        held.column(Column::Id)
            .from(Entity)
            .cond_where(leased(org_id, worker_id, now))
            // A task that somebody ends at this moment is no longer for keeping.
            .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
        let mut update = Query::update();
        update
            .table(Entity)
            .value(Column::LeaseExpiresAt, now + rules.lease)
            .and_where(Expr::col(Column::OrgId).eq(org_id))
            .and_where(Expr::col(Column::Id).in_subquery(held));
        tx.execute(&update).await?;
        self.finish(tx, clock, org_id, records).await
    }
}

/// A worker, as it is while the transaction holds it.
struct LockedWorker {
    status: WorkerStatus,
    takes: Vec<String>,
}

/// Locks the worker and notes that it was heard of: one that was given up is back.
async fn beat(tx: &Tx, org_id: OrgId, id: WorkerId, now: DateTime<Utc>) -> Result<(LockedWorker, Vec<Record>)> {
    use worker::{Column, Entity};
    let mut select = Query::select();
    select
        .columns([Column::Status, Column::Capabilities])
        .from(Entity)
        .and_where(Expr::col(Column::OrgId).eq(org_id))
        .and_where(Expr::col(Column::Id).eq(id))
        .lock(LockType::Update);
    let row = tx.query_one(&select).await?.ok_or(Error::NotFound)?;
    let before = WorkerStatus::try_get_by_index(&row, 0)?;
    let takes = JsonText::try_get_by_index(&row, 1)?;
    let takes = serde_json::from_str(takes.as_str()).map_err(|error| Error::internal(error.to_string()))?;
    let back = before == WorkerStatus::Offline;
    let status = if back { WorkerStatus::Active } else { before };
    let mut update = Query::update();
    update
        .table(Entity)
        .value(Column::Status, status.as_str())
        .value(Column::LastHeartbeatAt, now)
        .and_where(Expr::col(Column::OrgId).eq(org_id))
        .and_where(Expr::col(Column::Id).eq(id));
    tx.execute(&update).await?;
    let records = back.then(|| Record::about("worker.returned", id)).into_iter().collect();
    Ok((LockedWorker { status, takes }, records))
}

/// How many tasks a worker holds.
async fn holds(tx: &Tx, org_id: OrgId, worker_id: WorkerId) -> Result<u64> {
    use task::{Column, Entity};
    let mut select = Query::select();
    select
        .expr(Func::count(Expr::col(Column::Id)))
        .from(Entity)
        .and_where(Expr::col(Column::OrgId).eq(org_id))
        .and_where(Expr::col(Column::WorkerId).eq(worker_id))
        .and_where(Expr::col(Column::Status).is_in(HOLDING.map(TaskStatus::as_str)));
    let row = tx.query_one(&select).await?.ok_or_else(|| Error::internal("count gave no row"))?;
    Ok(i64::try_get_by_index(&row, 0)?.unsigned_abs())
}

/// Tasks of these kinds that wait in the queue and may run now: their goals run, and nobody stopped their agents.
fn claimable(org_id: OrgId, kinds: Vec<String>, now: DateTime<Utc>) -> Condition {
    use task::{Column, Entity};
    let col = |column| Expr::col((Entity, column));
    let mut goals = Query::select();
    goals
        .column(goal::Column::Id)
        .from(goal::Entity)
        .and_where(Expr::col(goal::Column::OrgId).eq(org_id))
        .and_where(Expr::col(goal::Column::Status).eq(GoalStatus::Running.as_str()));
    Cond::all()
        .add(col(Column::Status).eq(TaskStatus::Queued.as_str()))
        .add(col(Column::Kind).is_in(kinds))
        .add(Cond::any().add(col(Column::RunAfter).is_null()).add(col(Column::RunAfter).lte(now)))
        .add(col(Column::GoalId).in_subquery(goals))
        .add(col(Column::AgentId).in_subquery(working(org_id)))
}

/// Agents that work: of a global one, both the platform's row and the organisation's say so.
fn working(org_id: OrgId) -> SelectStatement {
    let active = AgentStatus::Active.as_str();
    let mut platform = Query::select();
    platform
        .column(global_agent::Column::Id)
        .from(global_agent::Entity)
        .and_where(Expr::col(global_agent::Column::Status).eq(active));
    let mut agents = Query::select();
    agents
        .column((agent::Entity, agent::Column::Id))
        .from(agent::Entity)
        .and_where(Expr::col((agent::Entity, agent::Column::OrgId)).eq(org_id))
        .and_where(Expr::col((agent::Entity, agent::Column::Status)).eq(active))
        .cond_where(
            Cond::any()
                .add(Expr::col((agent::Entity, agent::Column::Visibility)).ne(AgentVisibility::Global.as_str()))
                .add(Expr::col((agent::Entity, agent::Column::Id)).in_subquery(platform)),
        );
    agents
}

/// Tasks that the worker holds by a lease.
fn leased(org_id: OrgId, worker_id: WorkerId, now: DateTime<Utc>) -> Condition {
    use task::Column;
    let leased = [TaskStatus::Scheduled, TaskStatus::Running].map(TaskStatus::as_str);
    Cond::all()
        .add(Expr::col(Column::OrgId).eq(org_id))
        .add(Expr::col(Column::WorkerId).eq(worker_id))
        .add(Expr::col(Column::Status).is_in(leased))
        .add(Expr::col(Column::LeaseExpiresAt).gt(now))
}

/// The time of the first start, whatever starts follow.
fn first_start(now: DateTime<Utc>) -> Expr {
    Func::coalesce([Expr::col(task::Column::StartedAt), Expr::val(now)]).into()
}

/// Locks a task that the worker holds by this claim; any other is a conflict.
pub(in crate::store) async fn lock_claim(
    tx: &Tx,
    org_id: OrgId,
    worker_id: WorkerId,
    claim: Claim,
    now: DateTime<Utc>,
) -> Result<LockedTask> {
    use task::Column;
    let condition = leased(org_id, worker_id, now)
        .add(Expr::col(Column::Id).eq(claim.task_id))
        .add(Expr::col(Column::Attempt).eq(claim.attempt));
    hold(tx, condition).await?.ok_or(LOST)
}

/// Locks a task that the worker runs by this claim; one that it did not begin is a conflict, too.
pub(in crate::store) async fn lock_running(
    tx: &Tx,
    org_id: OrgId,
    worker_id: WorkerId,
    claim: Claim,
    now: DateTime<Utc>,
) -> Result<LockedTask> {
    let held = lock_claim(tx, org_id, worker_id, claim, now).await?;
    if held.status == TaskStatus::Running { Ok(held) } else { Err(Error::Conflict("The task was not started.")) }
}

/// Locks a task, however it stands.
pub(in crate::store) async fn lock_task(tx: &Tx, org_id: OrgId, id: TaskId) -> Result<LockedTask> {
    let condition = Cond::all().add(Expr::col(task::Column::OrgId).eq(org_id)).add(Expr::col(task::Column::Id).eq(id));
    hold(tx, condition).await?.ok_or(Error::NotFound)
}

async fn hold(tx: &Tx, condition: Condition) -> Result<Option<LockedTask>> {
    use task::{Column, Entity};
    let mut select = Query::select();
    select
        .columns([Column::Id, Column::GoalId, Column::Status, Column::Retries, Column::MaxRetries])
        .from(Entity)
        .cond_where(condition)
        .lock(LockType::Update);
    let Some(row) = tx.query_one(&select).await? else { return Ok(None) };
    Ok(Some(LockedTask {
        id: TaskId::try_get_by_index(&row, 0)?,
        goal_id: GoalId::try_get_by_index(&row, 1)?,
        status: TaskStatus::try_get_by_index(&row, 2)?,
        retries: i32::try_get_by_index(&row, 3)?,
        max_retries: i32::try_get_by_index(&row, 4)?,
    }))
}
