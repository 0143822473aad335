//! Tasks, as they end: completed, failed, tried again, called off; and what follows for the rest of the plan.
//!
//! What may end a goal or wake other tasks holds the goal first: two tasks that complete at one instant would each find
//! the other unfinished, and nobody would wake what waits for both.

use chrono::{DateTime, TimeDelta, Utc};
use entity::{
    confidential::{Confidential, JsonText},
    enums::{GoalStatus, TaskStatus},
    ids::{GoalId, OrgId, TaskId},
    task, task_dependency,
};
use sea_orm::{
    ConnectionTrait, TryGetable,
    sea_query::{Alias, Expr, ExprTrait, JoinType, Query},
};
use serde_json::json;

use super::{
    approval,
    claim::{Claim, LOST, LockedTask, lock_running, lock_task},
    transition::{LockedGoal, audit_record, lock_goal, moved, task_transition},
};
use crate::{
    clock::Clock,
    error::{Error, Result},
    policy::permit::{DirectTask, Permit, RunTasks},
    status::{State, TaskRules},
    store::{Store, any_of, audit::record::Record, db::Tx, uuids},
};

/// How a task failed.
#[derive(Clone, Debug)]
pub struct Failure {
    /// What went wrong.
    pub error: Confidential<String>,
    /// Whether another try may help.
    pub retryable: bool,
}

impl Store {
    /// Ends a task that did its work, wakes what waited for it, and completes the goal when it was the last.
    pub async fn task_complete(
        &self,
        clock: &Clock,
        permit: &Permit<RunTasks>,
        goal_id: GoalId,
        claim: Claim,
        result: Confidential<JsonText>,
    ) -> Result<()> {
        use task::Column;
        let (org_id, worker_id) = permit.key();
        let tx = self.begin_write(Some(org_id)).await?;
        let now = clock.now();
        let mut goal = lock_goal(&tx, org_id, goal_id).await?;
        let held = lock_running(&tx, org_id, worker_id, claim, now).await?;
        goal.runs()?;
        let mut update = task_transition(org_id, &[TaskStatus::Completed], now)?;
        update
            .value(Column::Result, result)
            .value(Column::Error, Confidential::<String>::withheld())
            .and_where(Expr::col(Column::Id).eq(held.id));
        tx.execute(&update).await?;
        let mut records = vec![audit_record("task.completed", held.id, goal_id, held.status, TaskStatus::Completed)];
        for id in wake(&tx, org_id, held.id, now).await? {
            records.push(audit_record("task.queued", id, goal_id, TaskStatus::Pending, TaskStatus::Queued));
        }
        records.extend(settle(&tx, org_id, &mut goal, now).await?);
        self.finish(tx, clock, org_id, records).await
    }

    /// Ends a try that failed: the task waits for another one, or is given up.
    pub async fn task_fail(
        &self,
        clock: &Clock,
        permit: &Permit<RunTasks>,
        claim: Claim,
        failure: Failure,
        rules: &TaskRules,
    ) -> Result<()> {
        let (org_id, worker_id) = permit.key();
        let tx = self.begin_write(Some(org_id)).await?;
        let now = clock.now();
        let held = lock_running(&tx, org_id, worker_id, claim, now).await?;
        let records = fail(&tx, org_id, &held, failure, rules, now).await?;
        self.finish(tx, clock, org_id, records).await
    }

    /// Puts a task that was given up back into the queue, with all of its retries.
    pub async fn task_retry(&self, clock: &Clock, permit: &Permit<DirectTask>) -> Result<()> {
        use task::Column;
        let (org_id, goal_id, id) = permit.key();
        let tx = self.begin_write(Some(org_id)).await?;
        let now = clock.now();
        let goal = lock_goal(&tx, org_id, goal_id).await?;
        let held = lock_task(&tx, org_id, id).await?;
        if held.status != TaskStatus::DeadLetter {
            return Err(Error::Conflict("Only a task that was given up is retried."));
        }
        goal.runs()?;
        let mut update = task_transition(org_id, &[TaskStatus::Queued], now)?;
        update
            .value(Column::Retries, 0)
            .value(Column::RunAfter, Option::<DateTime<Utc>>::None)
            .value(Column::FinishedAt, Option::<DateTime<Utc>>::None)
            .and_where(Expr::col(Column::Id).eq(id));
        tx.execute(&update).await?;
        self.finish(tx, clock, org_id, [audit_record("task.retried", id, goal_id, held.status, TaskStatus::Queued)])
            .await
    }

    /// Calls a task off, with all that waits for it and can therefore never run.
    pub async fn task_cancel(&self, clock: &Clock, permit: &Permit<DirectTask>) -> Result<()> {
        let (org_id, goal_id, id) = permit.key();
        let tx = self.begin_write(Some(org_id)).await?;
        let now = clock.now();
        let mut goal = lock_goal(&tx, org_id, goal_id).await?;
        let held = lock_task(&tx, org_id, id).await?;
        if goal.status.is_final() || !held.status.may_become(TaskStatus::Cancelled) {
            return Err(Error::Conflict("The task is over."));
        }
        let mut ended = downstream(&tx, org_id, goal_id, id).await?;
        ended.push(id);
        let mut update = task_transition(org_id, &[TaskStatus::Cancelled], now)?;
        update.and_where(any_of(Expr::col(task::Column::Id), &uuids(&ended), self.database().backend()));
        let mut records = Vec::new();
        for ended in moved(&tx, &mut update).await? {
            records.push(Record::about("task.cancelled", ended).with(json!({ "goalId": goal_id.to_string() })));
        }
        // What waits for the task has not run, so that it asked for nothing.
        records.extend(approval::cancel_of_task(&tx, org_id, id, now).await?);
        records.extend(settle(&tx, org_id, &mut goal, now).await?);
        self.finish(tx, clock, org_id, records).await
    }
}

/// Ends a try. What asked for it holds the task.
async fn fail(
    tx: &Tx,
    org_id: OrgId,
    held: &LockedTask,
    failure: Failure,
    rules: &TaskRules,
    now: DateTime<Utc>,
) -> Result<Vec<Record>> {
    use task::Column;
    let again = failure.retryable && held.retries < held.max_retries;
    let next = if again { TaskStatus::Queued } else { TaskStatus::DeadLetter };
    let mut update = task_transition(org_id, &[TaskStatus::Failed, next], now)?;
    update.value(Column::Error, failure.error).and_where(Expr::col(Column::Id).eq(held.id));
    let pause: TimeDelta = rules.pause(held.retries);
    if again {
        update.value(Column::Retries, held.retries + 1).value(Column::RunAfter, now + pause);
    }
    tx.execute(&update).await?;
    let (id, goal_id) = (held.id, held.goal_id);
    let kind = if again { "task.requeued" } else { "task.dead_lettered" };
    Ok(vec![
        audit_record("task.failed", id, goal_id, held.status, TaskStatus::Failed),
        audit_record(kind, id, goal_id, TaskStatus::Failed, next),
    ])
}

/// Pauses a running task until somebody has decided about it: a step of the transaction that opens the request.
pub async fn pause(
    tx: &Tx,
    permit: &Permit<RunTasks>,
    claim: Claim,
    now: DateTime<Utc>,
) -> Result<(GoalId, Vec<Record>)> {
    let (org_id, worker_id) = permit.key();
    let held = lock_running(tx, org_id, worker_id, claim, now).await?;
    let mut update = task_transition(org_id, &[TaskStatus::AwaitingApproval], now)?;
    update.and_where(Expr::col(task::Column::Id).eq(held.id));
    tx.execute(&update).await?;
    let record = audit_record("task.paused", held.id, held.goal_id, held.status, TaskStatus::AwaitingApproval);
    Ok((held.goal_id, vec![record]))
}

/// Lets a paused task go on, with a new lease of the claim that its worker has. A step of the decision's transaction.
pub async fn granted(tx: &Tx, org_id: OrgId, id: TaskId, rules: &TaskRules, now: DateTime<Utc>) -> Result<Vec<Record>> {
    let held = lock_paused(tx, org_id, id).await?;
    let mut update = task_transition(org_id, &[TaskStatus::Running], now)?;
    update.value(task::Column::LeaseExpiresAt, now + rules.lease).and_where(Expr::col(task::Column::Id).eq(id));
    tx.execute(&update).await?;
    Ok(vec![audit_record("task.resumed", id, held.goal_id, held.status, TaskStatus::Running)])
}

/// Ends the try of a paused task whose step was rejected. Whoever said no is not asked again by another try; `retryTask`
/// is for people. A step of the decision's transaction.
pub async fn refused(tx: &Tx, org_id: OrgId, id: TaskId, rules: &TaskRules, now: DateTime<Utc>) -> Result<Vec<Record>> {
    let held = lock_paused(tx, org_id, id).await?;
    let error = Confidential::new("The step was rejected.".to_owned());
    fail(tx, org_id, &held, Failure { error, retryable: false }, rules, now).await
}

/// Ends the try of a paused task about whose step nobody decided in time, by the rules of any failure: another try asks
/// again. A step of the platform's own job.
pub async fn expired(tx: &Tx, org_id: OrgId, id: TaskId, rules: &TaskRules, now: DateTime<Utc>) -> Result<Vec<Record>> {
    let held = lock_paused(tx, org_id, id).await?;
    let error = Confidential::new("Nobody decided about the step in time.".to_owned());
    fail(tx, org_id, &held, Failure { error, retryable: true }, rules, now).await
}

async fn lock_paused(tx: &Tx, org_id: OrgId, id: TaskId) -> Result<LockedTask> {
    let held = lock_task(tx, org_id, id).await?;
    if held.status == TaskStatus::AwaitingApproval {
        Ok(held)
    } else {
        Err(Error::Conflict("The task does not wait for approval."))
    }
}

/// Queues the tasks that waited for this one and for no other any more.
async fn wake(tx: &Tx, org_id: OrgId, id: TaskId, now: DateTime<Utc>) -> Result<Vec<TaskId>> {
    use task::{Column, Entity};
    use task_dependency::{Column as Edge, Entity as Edges};
    let mut waiting = Query::select();
    waiting
        .column(Edge::TaskId)
        .from(Edges)
        .and_where(Expr::col(Edge::OrgId).eq(org_id))
        .and_where(Expr::col(Edge::DependsOnId).eq(id));
    let (edge, needed) = (|column: Edge| Expr::col((Alias::new("edge"), column)), Alias::new("needed"));
    let mut open = Query::select();
    open.expr(Expr::val(1))
        .from_as(Edges, Alias::new("edge"))
        .join_as(
            JoinType::InnerJoin,
            Entity,
            needed.clone(),
            Expr::col((needed.clone(), Column::OrgId))
                .equals((Alias::new("edge"), Edge::OrgId))
                .and(Expr::col((needed.clone(), Column::Id)).equals((Alias::new("edge"), Edge::DependsOnId))),
        )
        .and_where(edge(Edge::OrgId).eq(org_id))
        .and_where(edge(Edge::TaskId).equals((Entity, Column::Id)))
        .and_where(Expr::col((needed, Column::Status)).ne(TaskStatus::Completed.as_str()));
    let mut update = task_transition(org_id, &[TaskStatus::Queued], now)?;
    update
        .and_where(Expr::col(Column::Status).eq(TaskStatus::Pending.as_str()))
        .and_where(Expr::col(Column::Id).in_subquery(waiting))
        .and_where(Expr::exists(open).not());
    moved(tx, &mut update).await
}

/// The tasks that wait for this one, and for these, and so on.
async fn downstream(tx: &Tx, org_id: OrgId, goal_id: GoalId, id: TaskId) -> Result<Vec<TaskId>> {
    use task_dependency::{Column, Entity};
    let mut select = Query::select();
    select
        .columns([Column::TaskId, Column::DependsOnId])
        .from(Entity)
        .and_where(Expr::col(Column::OrgId).eq(org_id))
        .and_where(Expr::col(Column::GoalId).eq(goal_id));
    let mut waiting: std::collections::HashMap<TaskId, Vec<TaskId>> = std::collections::HashMap::new();
    for row in tx.query_all(&select).await? {
        let (task, needed) = (TaskId::try_get_by_index(&row, 0)?, TaskId::try_get_by_index(&row, 1)?);
        waiting.entry(needed).or_default().push(task);
    }
    let mut found = Vec::new();
    let mut next = vec![id];
    while let Some(id) = next.pop() {
        // Taken out, so that no task is visited twice.
        for task in waiting.remove(&id).unwrap_or_default() {
            found.push(task);
            next.push(task);
        }
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// Ends a goal that has nothing left to do.
async fn settle(tx: &Tx, org_id: OrgId, goal: &mut LockedGoal, now: DateTime<Utc>) -> Result<Option<Record>> {
    use task::{Column, Entity};
    let mut select = Query::select();
    select
        .distinct()
        .column(Column::Status)
        .from(Entity)
        .and_where(Expr::col(Column::OrgId).eq(org_id))
        .and_where(Expr::col(Column::GoalId).eq(goal.id));
    let rows = tx.query_all(&select).await?;
    let states = rows.iter().map(|row| TaskStatus::try_get_by_index(row, 0)).collect::<Result<Vec<_>, _>>()?;
    match outcome(&states) {
        Some(to) => goal.step(tx, org_id, to, now, LOST).await.map(Some),
        None => Ok(None),
    }
}

/// What becomes of a goal whose tasks stand in these states. A task that was given up leaves it open: `retryTask` may
/// still save it, and `cancelGoal` ends it.
fn outcome(states: &[TaskStatus]) -> Option<GoalStatus> {
    let open = |state: &TaskStatus| !state.is_final() || *state == TaskStatus::DeadLetter;
    if states.is_empty() || states.iter().any(open) {
        return None;
    }
    // What was called off was part of the plan.
    let all = states.iter().all(|state| *state == TaskStatus::Completed);
    Some(if all { GoalStatus::Completed } else { GoalStatus::Failed })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_ends_when_nothing_is_left_to_do_and_nothing_to_save() {
        use TaskStatus::{AwaitingApproval, Cancelled, Completed, DeadLetter, Pending, Running};
        assert_eq!(outcome(&[]), None);
        assert_eq!(outcome(&[Completed]), Some(GoalStatus::Completed));
        assert_eq!(outcome(&[Completed, Cancelled]), Some(GoalStatus::Failed));
        assert_eq!(outcome(&[Cancelled]), Some(GoalStatus::Failed));
        for open in [Pending, Running, AwaitingApproval, DeadLetter] {
            assert_eq!(outcome(&[Completed, open]), None, "{open:?}");
            assert_eq!(outcome(&[Cancelled, open]), None, "{open:?}");
        }
    }
}
