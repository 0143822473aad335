//! Steps of goals and tasks through their states.
//!
//! The one place that writes `status` of either. A step is made of states that `lifecycle` allows after each other, and
//! finds only rows that stand where its first state is reached from: an illegal move changes no row, and is a conflict to
//! whoever asked for it.
//!
//! ```ignore
//! let mut update = task_transition(org_id, &[TaskStatus::Failed, TaskStatus::Queued], now)?;
//! update.and_where(Expr::col(task::Column::Id).eq(id));
//! ```

use chrono::{DateTime, Utc};
use entity::{
    enums::{GoalStatus, TaskStatus},
    goal,
    ids::{AgentId, GoalId, OrgId, TaskId, UserId},
    task,
};
use sea_orm::{
    ConnectionTrait, TryGetable,
    sea_query::{Expr, ExprTrait, LockType, Query, UpdateStatement},
};
use serde_json::json;

use crate::{
    error::{Error, Result},
    status::State,
    store::{audit::record::Record, db::Tx},
};

/// A goal, as it is while the transaction holds it: its tasks change state only under this lock, or one by one under
/// their own.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct LockedGoal {
    pub id: GoalId,
    pub agent_id: AgentId,
    pub submitted_by: Option<UserId>,
    pub status: GoalStatus,
}

/// Locks a goal.
pub(in crate::store) async fn lock_goal(tx: &Tx, org_id: OrgId, id: GoalId) -> Result<LockedGoal> {
    use goal::{Column, Entity};
    let mut select = Query::select();
    select
        .columns([Column::AgentId, Column::SubmittedBy, Column::Status])
        .from(Entity)
        .and_where(Expr::col(Column::OrgId).eq(org_id))
        .and_where(Expr::col(Column::Id).eq(id))
        .lock(LockType::Update);
    let row = tx.query_one(&select).await?.ok_or(Error::NotFound)?;
    Ok(LockedGoal {
        id,
        agent_id: AgentId::try_get_by_index(&row, 0)?,
        submitted_by: Option::try_get_by_index(&row, 1)?,
        status: GoalStatus::try_get_by_index(&row, 2)?,
    })
}

impl LockedGoal {
    /// Its tasks run now.
    pub(in crate::store) fn runs(&self) -> Result<()> {
        if self.status == GoalStatus::Running { Ok(()) } else { Err(NOT_RUNNING) }
    }

    /// Moves the goal, and gives the record of it. What is not legal is the conflict `otherwise`.
    pub(in crate::store) async fn step(
        &mut self,
        tx: &Tx,
        org_id: OrgId,
        to: GoalStatus,
        now: DateTime<Utc>,
        otherwise: Error,
    ) -> Result<Record> {
        use goal::{Column, Entity};
        let from = self.status;
        if !from.may_become(to) {
            return Err(otherwise);
        }
        let mut update = Query::update();
        update
            .table(Entity)
            .value(Column::Status, to.as_str())
            .value(Column::UpdatedAt, now)
            .and_where(Expr::col(Column::OrgId).eq(org_id))
            .and_where(Expr::col(Column::Id).eq(self.id));
        if to.is_final() {
            update.value(Column::CompletedAt, now);
        }
        tx.execute(&update).await?;
        self.status = to;
        let kind = match to {
            GoalStatus::Pending => "goal.submitted",
            GoalStatus::Planning => "goal.planning_started",
            GoalStatus::AwaitingApproval => "goal.approval_awaited",
            GoalStatus::Running => "goal.started",
            GoalStatus::Completed => "goal.completed",
            GoalStatus::Failed => "goal.failed",
            GoalStatus::Rejected => "goal.rejected",
            GoalStatus::Cancelled => "goal.cancelled",
        };
        Ok(Record::about(kind, self.id).with(json!({ "from": from.as_str(), "to": to.as_str() })))
    }
}

/// What is said when a goal's tasks cannot move.
const NOT_RUNNING: Error = Error::Conflict("The goal is not running.");

/// A statement that moves tasks along `path`, for the caller to say which.
pub(in crate::store) fn task_transition(
    org_id: OrgId,
    path: &[TaskStatus],
    now: DateTime<Utc>,
) -> Result<UpdateStatement> {
    use task::{Column, Entity};
    let illegal = || Error::internal("an illegal step of a task");
    let (first, last) = (path.first().copied().ok_or_else(illegal)?, path.last().copied().ok_or_else(illegal)?);
    if !path.windows(2).all(|pair| pair[0].may_become(pair[1])) {
        return Err(illegal());
    }
    let mut update = Query::update();
    update
        .table(Entity)
        .value(Column::Status, last.as_str())
        .value(Column::UpdatedAt, now)
        .and_where(Expr::col(Column::OrgId).eq(org_id))
        .and_where(Expr::col(Column::Status).is_in(TaskStatus::before(first).map(TaskStatus::as_str)));
    if !matches!(last, TaskStatus::Scheduled | TaskStatus::Running) {
        // Nobody runs it any more.
        update.value(Column::LeaseExpiresAt, Option::<DateTime<Utc>>::None);
    }
    if last.is_final() {
        update.value(Column::FinishedAt, now);
    }
    Ok(update)
}

/// Runs a step and gives the tasks that it moved, in the order of their ids: neither database promises one.
pub(in crate::store) async fn moved(tx: &Tx, update: &mut UpdateStatement) -> Result<Vec<TaskId>> {
    update.returning(Query::returning().column(task::Column::Id));
    let rows = tx.query_all(&*update).await?;
    let mut ids = rows.iter().map(|row| TaskId::try_get_by_index(row, 0)).collect::<Result<Vec<_>, _>>()?;
    ids.sort_unstable();
    Ok(ids)
}

/// The record of one task's step.
pub(in crate::store) fn audit_record(
    kind: &'static str,
    id: TaskId,
    goal_id: GoalId,
    from: TaskStatus,
    to: TaskStatus,
) -> Record {
    let payload = json!({ "goalId": goal_id.to_string(), "from": from.as_str(), "to": to.as_str() });
    Record::about(kind, id).with(payload)
}

#[cfg(test)]
mod tests {
    use entity::ids::TypedId;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_path_of_illegal_steps_makes_no_statement() {
        let org_id = OrgId::from_uuid(Uuid::from_u128(1));
        for from in TaskStatus::ALL {
            for to in TaskStatus::ALL {
                let made = task_transition(org_id, &[*from, *to], DateTime::UNIX_EPOCH).is_ok();
                assert_eq!(made, from.may_become(*to), "{from:?} to {to:?}");
            }
        }
        assert!(task_transition(org_id, &[], DateTime::UNIX_EPOCH).is_err());
    }
}
