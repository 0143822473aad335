//! Approval requests: asked for by workers, decided by people, ended by time.
//!
//! | | asks | is decided |
//! |---|---|---|
//! | a plan | when it is proposed (`plan_propose`) | approved, its tasks are made; rejected, the goal is; expired, the goal fails |
//! | a risky step | the worker that runs the task | approved, the task runs on; rejected or expired, this try of it fails |
//!
//! It takes `required_approvals` different people, as many as the agent asked for when the request was opened, and one to
//! reject. Whoever decides is asked again under the locks that the decision takes, and what follows from the decision is
//! in its transaction: it follows once, however many decide at one instant.

use chrono::TimeDelta;
use entity::{
    confidential::{Confidential, JsonText},
    enums::{ApprovalStatus, ApprovalType, Decided, OrgRole},
    ids::ApprovalRequestId,
};
use serde_json::json;

use super::{
    Context, input,
    task_run::{ClaimInput, speak},
};
use crate::{
    clock::Clock,
    error::{Error, Result},
    policy::{
        AgentFacts, ApprovalFacts,
        permit::{DecideApproval, Permit, permit},
    },
    status::{ApprovalWaits, TaskRules},
    store::{
        audit::record::{self, Record},
        db::{Database, Role, Tx},
        list::row::Row as _,
        read::{approval::ApprovalRow, goal::GoalRow},
        write::{
            approval::{NewRequest, open, rules},
            approval_decision::{
                LockedDecider, NewDecision, Subject, approval_expire, approval_lock, approval_settle, approvals,
                approvals_due, decider_hold, decision_add, decision_by, goal_hold,
            },
            plan, task,
        },
    },
    viewer::{Actor, TenantViewer, Viewer},
};

/// Longest comment, in bytes.
pub const COMMENT: usize = 8 * 1024;
/// The longest wait that a worker may name, in days.
const LONGEST_WAIT: i64 = 30;
/// How many requests one round of [`expire_due`] ends.
const ROUND: u64 = 200;

/// What somebody decides.
#[derive(Clone, Debug)]
pub struct DecideApprovalInput {
    /// The request.
    pub id: ApprovalRequestId,
    /// What.
    pub decision: Decided,
    /// Why.
    pub comment: Option<String>,
}

/// Approves or rejects. The same decision again changes nothing; another one of the same person is a conflict, and so is
/// any about a request that is not pending.
pub async fn decide(cx: Context<'_>, new: DecideApprovalInput) -> Result<ApprovalRequestId> {
    let comment = new.comment.map(|text| input::content("input.comment", text, COMMENT)).transpose()?;
    let (row, facts) = cx.store.approval_facts(new.id).await?;
    // Whoever may not is told before anything is locked.
    permit::<DecideApproval>(cx.viewer, &facts)?;
    let tenant = cx.viewer.tenant().ok_or(Error::NotFound)?;
    let by = tenant.account.user_id;

    let subject = subject(&row);
    let tx = cx.store.begin_write(Some(row.org_id)).await?;
    let permit = permit_now(tenant, facts, decider_hold(&tx, &subject, by).await?)?;
    let held = approval_lock(&tx, &subject).await?;
    let now = cx.clock.now();
    let earlier = decision_by(&tx, &permit, by).await?;
    if earlier.is_some_and(|earlier| earlier != new.decision) {
        return Err(Error::Conflict("You have decided otherwise about this request."));
    }
    if held.status != ApprovalStatus::Pending {
        return if earlier.is_some() { Ok(row.id) } else { Err(Error::Conflict("The request is settled.")) };
    }
    if held.expires_at.is_some_and(|expires_at| expires_at <= now) {
        return Err(Error::Conflict("The request has expired."));
    }
    if earlier.is_none() {
        let (id, comment) = (cx.clock.id(), Confidential::from_option(comment));
        decision_add(&tx, &permit, NewDecision { id, by, decision: new.decision, comment, now }).await?;
    }
    let given = approvals(&tx, &permit).await?;
    let status = match new.decision {
        Decided::Reject => ApprovalStatus::Rejected,
        Decided::Approve if given >= i64::from(row.required_approvals) => ApprovalStatus::Approved,
        Decided::Approve => ApprovalStatus::Pending,
    };
    if status == ApprovalStatus::Pending && earlier.is_some() {
        return Ok(row.id);
    }
    let audit_payload = json!({
        "decision": new.decision.as_str(),
        "status": status.as_str(),
        "approvals": given,
        "requiredApprovals": row.required_approvals,
        "goalId": row.goal_id.to_string(),
        "taskId": row.task_id.map(|id| id.to_string()),
    });
    let mut records = vec![Record::about("approval.decided", row.id).with(audit_payload)];
    if status != ApprovalStatus::Pending {
        approval_settle(&tx, &permit, status, now).await?;
        records.extend(apply(&tx, cx.clock, cx.tasks, &subject, held.kind, status).await?);
    }
    cx.finish_all(tx, row.org_id, records).await?;
    Ok(row.id)
}

/// Decides again, about how things stand under the locks. A token that claims less than the rows grant still does.
fn permit_now(tenant: &TenantViewer, facts: ApprovalFacts, held: LockedDecider) -> Result<Permit<DecideApproval>> {
    let org_role = if held.org_role == OrgRole::Admin { tenant.org_role } else { held.org_role };
    let viewer = Viewer::Tenant(TenantViewer { org_role, ..tenant.clone() });
    let agent = AgentFacts { is_agent_admin: held.is_agent_admin, ..facts.agent };
    permit(&viewer, &ApprovalFacts { one_admin: held.one_admin, agent, ..facts })
}

/// A risky step that a worker is about to take.
#[derive(Clone, Debug)]
pub struct RequestApprovalInput {
    /// The task, the worker, and which claim of the task it holds.
    pub claim: ClaimInput,
    /// The step, as JSON text.
    pub payload: String,
    /// Why approval is asked.
    pub reason: Option<String>,
    /// How long it waits, in seconds.
    pub expires_in_seconds: Option<i32>,
}

/// Pauses a running task until somebody has decided about its next step. The worker keeps its claim, without a lease.
pub async fn request(cx: Context<'_>, new: RequestApprovalInput) -> Result<ApprovalRequestId> {
    let payload = JsonText::new(input::json_object("input.payload", new.payload)?);
    let reason = new.reason.map(|text| input::content("input.reason", text, COMMENT)).transpose()?;
    let wait = new.expires_in_seconds.map(|seconds| {
        let wait = TimeDelta::seconds(seconds.into());
        let most = TimeDelta::days(LONGEST_WAIT);
        let allowed = (TimeDelta::seconds(1)..=most).contains(&wait).then_some(wait);
        let words = || format!("must be between 1 second and {LONGEST_WAIT} days");
        allowed.ok_or_else(|| Error::validation("input.expiresInSeconds", words()))
    });
    let wait = wait.transpose()?.unwrap_or(cx.waits.risky_task);
    let (permit, claim, goal_id) = speak(cx, new.claim).await?;
    let goal = cx.store.goal_by_ids(&[goal_id], GoalRow::keys()).await?.pop().ok_or(Error::NotFound)?;

    let tx = cx.store.begin_write(Some(goal.org_id)).await?;
    let rules = rules(&tx, goal.org_id, goal.agent_id).await?;
    goal_hold(&tx, goal.org_id, goal.id).await?;
    let now = cx.clock.now();
    let (_, mut records) = task::pause(&tx, &permit, claim, now).await?;
    let request = NewRequest {
        org_id: goal.org_id,
        kind: ApprovalType::RiskyTask,
        agent_id: goal.agent_id,
        goal_id: goal.id,
        task_id: Some(claim.task_id),
        requested_by: goal.submitted_by,
        payload: Confidential::new(payload),
        reason: Confidential::from_option(reason),
        required_approvals: rules.required_approvals,
        expires_at: ApprovalWaits::deadline(now, wait),
    };
    let (id, record) = open(&tx, cx.clock, request).await?;
    records.push(record);
    cx.finish_all(tx, goal.org_id, records).await?;
    Ok(id)
}

/// Ends requests that nobody decided in time, in every organisation, with what waited for them. Answers how many. Any
/// number of processes may do so at one time: of those that find the same request one ends it.
pub async fn expire_due(db: &Database, clock: &Clock, rules: &TaskRules) -> Result<usize> {
    let mut ended = 0;
    for due in approvals_due(db, clock.now(), ROUND).await? {
        match expire(db, clock, rules, &due).await {
            Ok(done) => ended += usize::from(done),
            // One that cannot be ended must not keep the others waiting.
            Err(error) => tracing::warn!(code = error.code(), request = %due.id, "an approval request was not ended"),
        }
    }
    Ok(ended)
}

async fn expire(db: &Database, clock: &Clock, rules: &TaskRules, due: &Subject) -> Result<bool> {
    let tx = db.begin_write(Role::System, Some(due.org_id)).await?;
    let held = approval_lock(&tx, due).await?;
    let now = clock.now();
    // Decided, called off or ended since it was found.
    if held.status != ApprovalStatus::Pending || held.expires_at.is_none_or(|expires_at| expires_at > now) {
        return Ok(false);
    }
    approval_expire(&tx, due, now).await?;
    let audit_payload = json!({ "goalId": due.goal_id.to_string(), "taskId": due.task_id.map(|id| id.to_string()) });
    let mut records = vec![Record::about("approval.expired", due.id).with(audit_payload)];
    records.extend(apply(&tx, clock, rules, due, held.kind, ApprovalStatus::Expired).await?);
    record::record_all(&tx, clock, due.org_id, Actor::Platform, records).await?;
    tx.commit().await?;
    Ok(true)
}

/// What follows from a decision, or from none.
async fn apply(
    tx: &Tx,
    clock: &Clock,
    rules: &TaskRules,
    of: &Subject,
    kind: ApprovalType,
    status: ApprovalStatus,
) -> Result<Vec<Record>> {
    let (org_id, goal_id) = (of.org_id, of.goal_id);
    let Some(task_id) = of.task_id.filter(|_| kind == ApprovalType::RiskyTask) else {
        return match status {
            ApprovalStatus::Approved => plan::approved(tx, clock, org_id, goal_id).await,
            ApprovalStatus::Expired => plan::expired(tx, clock, org_id, goal_id).await,
            _ => plan::rejected(tx, clock, org_id, goal_id).await,
        };
    };
    match status {
        ApprovalStatus::Approved => task::granted(tx, org_id, task_id, rules, clock.now()).await,
        ApprovalStatus::Expired => task::expired(tx, org_id, task_id, rules, clock.now()).await,
        _ => task::refused(tx, org_id, task_id, rules, clock.now()).await,
    }
}

const fn subject(row: &ApprovalRow) -> Subject {
    Subject { org_id: row.org_id, id: row.id, agent_id: row.agent_id, goal_id: row.goal_id, task_id: row.task_id }
}
