//! Leases that ran out: workers that were not heard of are given up, and their tasks go back to the queue.
//!
//! A job of the platform's own, which may run in any number of processes: it enters one organisation at a time, passes
//! over what another process holds at the same moment, and moves a task only from the state and lease in which it found
//! it, so that a lease is lost once.

use chrono::{DateTime, Utc};
use entity::{
    confidential::Confidential,
    enums::{TaskStatus, WorkerStatus},
    ids::{GoalId, OrgId, TaskId, WorkerId},
    organization, task, worker,
};
use sea_orm::{
    ConnectionTrait, Order, TryGetable,
    sea_query::{Cond, Condition, Expr, ExprTrait, LockBehavior, LockType, Query, SelectStatement},
};
use serde_json::json;

use super::transition::{audit_record, moved, task_transition};
use crate::{
    clock::Clock,
    error::{Error, Result},
    status::{State, TaskRules},
    store::{
        any_of,
        audit::record::{self, Record},
        db::{Database, Role, Tx},
        uuids,
    },
    viewer::Actor,
};

/// Most rows of a kind that one transaction takes; the rest is the next one's.
const AT_ONCE: u64 = 500;

/// Gives up workers and leases that ran out, in every organisation. Answers how many of either there were.
pub async fn expire_leases(db: &Database, clock: &Clock, rules: &TaskRules) -> Result<usize> {
    let mut lapsed = 0;
    for org_id in organizations_with_due_work(db, clock.now(), rules).await? {
        loop {
            let found = lapse_in(db, clock, rules, org_id).await?;
            lapsed += found;
            if found < AT_ONCE as usize {
                break;
            }
        }
    }
    Ok(lapsed)
}

/// Organisations where something ran out. Looked for without a write: on SQLite there is one writer.
async fn organizations_with_due_work(db: &Database, now: DateTime<Utc>, rules: &TaskRules) -> Result<Vec<OrgId>> {
    let tx = db.begin_read(Role::System, None).await?;
    let mut all = Query::select();
    all.column(organization::Column::Id).from(organization::Entity).order_by(organization::Column::Id, Order::Asc);
    let rows = tx.query_all(&all).await?;
    let all = rows.iter().map(|row| OrgId::try_get_by_index(row, 0)).collect::<Result<Vec<_>, _>>()?;
    let mut organizations_with_due_work = Vec::new();
    for org_id in all {
        tx.enter(org_id).await?;
        let mut any = Query::select();
        any.expr(
            Expr::exists(Query::select().expr(Expr::val(1)).from(task::Entity).cond_where(overdue(org_id, now)).take())
                .or(Expr::exists(
                    Query::select()
                        .expr(Expr::val(1))
                        .from(worker::Entity)
                        .cond_where(silent(org_id, now, rules))
                        .take(),
                )),
        );
        let row = tx.query_one(&any).await?.ok_or_else(|| Error::internal("no answer"))?;
        if bool::try_get_by_index(&row, 0)? {
            organizations_with_due_work.push(org_id);
        }
    }
    Ok(organizations_with_due_work)
}

/// Workers that were not heard of for the length of a lease.
fn silent(org_id: OrgId, now: DateTime<Utc>, rules: &TaskRules) -> Condition {
    use worker::Column;
    Cond::all()
        .add(Expr::col(Column::OrgId).eq(org_id))
        .add(Expr::col(Column::Status).is_in(WorkerStatus::before(WorkerStatus::Offline).map(WorkerStatus::as_str)))
        .add(Expr::col(Column::LastHeartbeatAt).lte(now - rules.lease))
}

/// Tasks whose lease ran out. A worker's last sign of life is never later than the leases it was given with it.
fn overdue(org_id: OrgId, now: DateTime<Utc>) -> Condition {
    use task::Column;
    Cond::all()
        .add(Expr::col(Column::OrgId).eq(org_id))
        .add(Expr::col(Column::Status).is_in([TaskStatus::Scheduled, TaskStatus::Running].map(TaskStatus::as_str)))
        .add(Expr::col(Column::LeaseExpiresAt).lte(now))
}

async fn lapse_in(db: &Database, clock: &Clock, rules: &TaskRules, org_id: OrgId) -> Result<usize> {
    let tx = db.begin_write(Role::System, Some(org_id)).await?;
    let now = clock.now();
    let mut records = Vec::new();
    let workers = give_up(&tx, org_id, now, rules).await?;
    records.extend(workers.iter().map(|id| Record::about("worker.lost", *id)));
    let tasks = lost(&tx, org_id, now).await?;
    let found = workers.len().max(tasks.len());
    records.extend(back(&tx, org_id, tasks, now).await?);
    record::record_all(&tx, clock, org_id, Actor::Platform, records).await?;
    tx.commit().await?;
    Ok(found)
}

/// Passes over what others hold.
fn free(select: &mut SelectStatement) -> &mut SelectStatement {
    select.limit(AT_ONCE).lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
}

async fn give_up(tx: &Tx, org_id: OrgId, now: DateTime<Utc>, rules: &TaskRules) -> Result<Vec<WorkerId>> {
    use worker::{Column, Entity};
    let mut found = Query::select();
    found.column(Column::Id).from(Entity).cond_where(silent(org_id, now, rules)).order_by(Column::Id, Order::Asc);
    let rows = tx.query_all(free(&mut found)).await?;
    let ids = rows.iter().map(|row| WorkerId::try_get_by_index(row, 0)).collect::<Result<Vec<_>, _>>()?;
    if !ids.is_empty() {
        let mut update = Query::update();
        update
            .table(Entity)
            .value(Column::Status, WorkerStatus::Offline.as_str())
            .and_where(Expr::col(Column::OrgId).eq(org_id))
            .and_where(any_of(Expr::col(Column::Id), &uuids(&ids), tx.get_database_backend()));
        tx.execute(&update).await?;
    }
    Ok(ids)
}

/// A task whose lease ran out, locked.
struct Lost {
    id: TaskId,
    goal_id: GoalId,
    status: TaskStatus,
    spent: bool,
}

async fn lost(tx: &Tx, org_id: OrgId, now: DateTime<Utc>) -> Result<Vec<Lost>> {
    use task::{Column, Entity};
    let mut found = Query::select();
    found
        .columns([Column::Id, Column::GoalId, Column::Status, Column::Retries, Column::MaxRetries])
        .from(Entity)
        .cond_where(overdue(org_id, now))
        .order_by(Column::Id, Order::Asc);
    let mut lost = Vec::new();
    for row in tx.query_all(free(&mut found)).await? {
        let status = TaskStatus::try_get_by_index(&row, 2)?;
        let tries: (i32, i32) = (i32::try_get_by_index(&row, 3)?, i32::try_get_by_index(&row, 4)?);
        lost.push(Lost {
            id: TaskId::try_get_by_index(&row, 0)?,
            goal_id: GoalId::try_get_by_index(&row, 1)?,
            status,
            spent: tries.0 >= tries.1,
        });
    }
    Ok(lost)
}

/// Moves lost tasks on: to the queue, which counts as a retry. One that ran and has no retries left is given up. One that
/// never began did not cause its worker's end, and waits for another whatever is left.
async fn back(tx: &Tx, org_id: OrgId, tasks: Vec<Lost>, now: DateTime<Utc>) -> Result<Vec<Record>> {
    use task::Column;
    let (spent, rest): (Vec<_>, Vec<_>) = tasks.into_iter().partition(|task| task.spent);
    let (spent, unbegun): (Vec<_>, Vec<_>) = spent.into_iter().partition(|task| task.status == TaskStatus::Running);
    let of = |tasks: &[Lost]| {
        let ids: Vec<TaskId> = tasks.iter().map(|task| task.id).collect();
        any_of(Expr::col(Column::Id), &uuids(&ids), tx.get_database_backend())
    };
    let mut records = Vec::new();
    for (tasks, counts) in [(rest, true), (unbegun, false)] {
        if tasks.is_empty() {
            continue;
        }
        let mut update = task_transition(org_id, &[TaskStatus::Queued], now)?;
        if counts {
            update.value(Column::Retries, Expr::col(Column::Retries).add(1));
        }
        moved(tx, update.and_where(of(&tasks))).await?;
        records.extend(
            tasks
                .iter()
                .map(|task| audit_record("task.lease_lost", task.id, task.goal_id, task.status, TaskStatus::Queued)),
        );
    }
    if !spent.is_empty() {
        let mut update = task_transition(org_id, &[TaskStatus::Failed, TaskStatus::DeadLetter], now)?;
        update.value(Column::Error, Confidential::new("The worker was lost.".to_owned()));
        moved(tx, update.and_where(of(&spent))).await?;
        for task in spent {
            let failed = json!({
                "goalId": task.goal_id.to_string(), "reason": "lease_lost",
                "from": task.status.as_str(), "to": TaskStatus::Failed.as_str(),
            });
            records.push(Record::about("task.failed", task.id).with(failed));
            let (from, to) = (TaskStatus::Failed, TaskStatus::DeadLetter);
            records.push(audit_record("task.dead_lettered", task.id, task.goal_id, from, to));
        }
    }
    Ok(records)
}
