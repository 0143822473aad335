//! Approval requests, as they are opened and called off with what they were asked for.
//!
//! Steps of longer use cases: each takes the transaction and gives the records of what it did. A request is locked after
//! its goal and its task, whoever locks it.

use chrono::{DateTime, Utc};
use entity::{
    approval_request::{self, Column, Entity},
    confidential::{Confidential, JsonText},
    enums::{AgentVisibility, ApprovalStatus, ApprovalType},
    ids::{AgentId, ApprovalRequestId, GoalId, OrgId, TaskId, UserId},
};
use sea_orm::{
    ActiveValue::Set,
    ConnectionTrait, EntityTrait, TryGetable,
    sea_query::{Expr, ExprTrait, LockType, Query},
};
use serde_json::json;

use super::{check::lock_agent, global_agent::platform_agent};
use crate::{
    clock::Clock,
    error::Result,
    status::State,
    store::{audit::record::Record, db::Tx},
};

/// A request that is to be opened.
#[derive(Clone, Debug)]
pub struct NewRequest {
    /// The organisation.
    pub org_id: OrgId,
    /// What is to be approved.
    pub kind: ApprovalType,
    /// The agent whose admins decide.
    pub agent_id: AgentId,
    /// The goal.
    pub goal_id: GoalId,
    /// The task, for a risky step.
    pub task_id: Option<TaskId>,
    /// The goal's submitter, who never decides.
    pub requested_by: Option<UserId>,
    /// The plan or the risky step, as JSON.
    pub payload: Confidential<JsonText>,
    /// Why approval is asked.
    pub reason: Confidential<String>,
    /// How many distinct deciders it takes: what [`rules`] says when it is opened.
    pub required_approvals: i32,
    /// When it expires undecided.
    pub expires_at: Option<DateTime<Utc>>,
}

/// What an agent's organisation asks of its approvals.
#[derive(Clone, Copy, Debug)]
pub struct ApprovalRules {
    /// How many distinct deciders an approval takes.
    pub required_approvals: i32,
    /// Whether a plan waits for approval.
    pub require_plan_approval: bool,
}

/// The rules of an agent that is in use, held until the transaction ends: of what the organisation and, for a global
/// agent, the platform ask, the stricter.
pub async fn rules(tx: &Tx, org_id: OrgId, agent_id: AgentId) -> Result<ApprovalRules> {
    let held = lock_agent(tx, org_id, agent_id, LockType::Share).await?;
    let mut rules = ApprovalRules {
        required_approvals: held.required_approvals,
        require_plan_approval: held.require_plan_approval,
    };
    if held.visibility == AgentVisibility::Global {
        let platform = platform_agent(tx, agent_id).await?;
        rules.required_approvals = Ord::max(rules.required_approvals, platform.required_approvals);
        rules.require_plan_approval |= platform.require_plan_approval;
    }
    Ok(rules)
}

/// Opens a request. Whoever asks has locked the goal, or the task, that waits for it.
pub async fn open(tx: &Tx, clock: &Clock, new: NewRequest) -> Result<(ApprovalRequestId, Record)> {
    let id: ApprovalRequestId = clock.id();
    let audit_payload = json!({
        "type": new.kind.as_str(),
        "agentId": new.agent_id.to_string(),
        "goalId": new.goal_id.to_string(),
        "taskId": new.task_id.map(|id| id.to_string()),
        "requiredApprovals": new.required_approvals,
        "expiresAt": new.expires_at,
    });
    let row = approval_request::ActiveModel {
        org_id: Set(new.org_id),
        id: Set(id),
        kind: Set(new.kind),
        status: Set(ApprovalStatus::Pending),
        agent_id: Set(new.agent_id),
        goal_id: Set(new.goal_id),
        task_id: Set(new.task_id),
        requested_by: Set(new.requested_by),
        payload: Set(new.payload),
        reason: Set(new.reason),
        required_approvals: Set(new.required_approvals),
        created_at: Set(clock.now()),
        expires_at: Set(new.expires_at),
        decided_at: Set(None),
    };
    Entity::insert(row).exec_without_returning(tx).await?;
    Ok((id, Record::about("approval.requested", id).with(audit_payload)))
}

/// Calls off what waits for a decision about a goal, its plan and its tasks alike. The goal's lock is held.
pub async fn cancel_of_goal(tx: &Tx, org_id: OrgId, goal_id: GoalId, now: DateTime<Utc>) -> Result<Vec<Record>> {
    cancel(tx, org_id, Expr::col(Column::GoalId).eq(goal_id), now).await
}

/// Calls off what waits for a decision about a task. The task's lock is held.
pub async fn cancel_of_task(tx: &Tx, org_id: OrgId, task_id: TaskId, now: DateTime<Utc>) -> Result<Vec<Record>> {
    cancel(tx, org_id, Expr::col(Column::TaskId).eq(task_id), now).await
}

async fn cancel(tx: &Tx, org_id: OrgId, of: Expr, now: DateTime<Utc>) -> Result<Vec<Record>> {
    let pending = ApprovalStatus::before(ApprovalStatus::Cancelled).map(ApprovalStatus::as_str);
    let mut update = Query::update();
    update
        .table(Entity)
        .value(Column::Status, ApprovalStatus::Cancelled.as_str())
        .value(Column::DecidedAt, now)
        .and_where(Expr::col(Column::OrgId).eq(org_id))
        .and_where(of)
        .and_where(Expr::col(Column::Status).is_in(pending))
        .returning(Query::returning().columns([Column::Id, Column::GoalId]));
    let mut ended = Vec::new();
    for row in tx.query_all(&update).await? {
        ended.push((ApprovalRequestId::try_get_by_index(&row, 0)?, GoalId::try_get_by_index(&row, 1)?));
    }
    // Neither database promises an order of what an update returns.
    ended.sort_unstable();
    let audit_payload = |goal_id: GoalId| json!({ "goalId": goal_id.to_string() });
    Ok(ended.into_iter().map(|(id, goal)| Record::about("approval.cancelled", id).with(audit_payload(goal))).collect())
}
