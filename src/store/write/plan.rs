//! Plans: proposed for a goal, approved or rejected, and turned into tasks.
//!
//! A plan is stored whole, as the goal's `plan`: what the planner says of it and the tasks it is made of. Where it waits
//! for approval there are no tasks yet, and what is approved is what is stored. However many tasks it has, it takes the
//! same few statements.

use std::{collections::HashMap, fmt};

use chrono::{DateTime, Utc};
use entity::{
    confidential::{Confidential, JsonText},
    enums::{ApprovalType, GoalStatus, TaskStatus},
    goal,
    ids::{GoalId, OrgId, TaskId},
    task, task_dependency,
};
use sea_orm::{
    ActiveValue::Set,
    ConnectionTrait, EntityTrait, TryGetable,
    sea_query::{Expr, ExprTrait, Query},
};
use serde::{Deserialize, Serialize};
use serde_json::{json, value::RawValue};

use super::{
    approval::{self, NewRequest},
    transition::{LockedGoal, lock_goal},
};
use crate::{
    clock::Clock,
    error::{Error, Result},
    policy::permit::{Permit, ProposePlan},
    status::{ApprovalWaits, State},
    store::{Store, audit::record::Record, db::Tx},
};

/// A plan, checked: keys are unique, every dependency names a task of the plan, and there is no cycle.
#[derive(Deserialize, Serialize)]
pub struct PlanDraft {
    /// What the planner says of it.
    pub plan: Option<Box<RawValue>>,
    /// What it is made of.
    pub tasks: Vec<TaskDraft>,
}

/// A task of a plan.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskDraft {
    /// Its name inside the plan.
    pub key: String,
    /// What kind of work it is.
    #[serde(rename = "type")]
    pub kind: String,
    /// The input.
    pub payload: Option<Box<RawValue>>,
    /// Larger runs first.
    pub priority: i32,
    /// How often it may be tried again.
    pub max_retries: i32,
    /// Keys of the tasks that it waits for.
    pub depends_on: Vec<String>,
}

/// Content: printed by nobody.
impl fmt::Debug for PlanDraft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[confidential]")
    }
}

/// Content: printed by nobody.
impl fmt::Debug for TaskDraft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[confidential]")
    }
}

/// The steps that a task takes when it is made: what waits for nothing takes all of them.
const MADE: [TaskStatus; 3] = [TaskStatus::Created, TaskStatus::Pending, TaskStatus::Queued];
/// Rows that one statement inserts: SQLite takes 32,766 values.
const BATCH: usize = 1_500;

const PLANNED: Error = Error::Conflict("The goal is planned already, or over.");

impl Store {
    /// Takes a goal for planning, so that no other planner plans it too.
    pub async fn plan_start(&self, clock: &Clock, permit: &Permit<ProposePlan>) -> Result<()> {
        let (org_id, id) = permit.key();
        let tx = self.begin_write(Some(org_id)).await?;
        let mut goal = lock_goal(&tx, org_id, id).await?;
        let record = goal.step(&tx, org_id, GoalStatus::Planning, clock.now(), PLANNED).await?;
        self.finish(tx, clock, org_id, [record]).await
    }

    /// Plans a goal: makes its tasks, or, where its agent asks for approval, a request.
    pub async fn plan_propose(
        &self,
        clock: &Clock,
        permit: &Permit<ProposePlan>,
        plan: PlanDraft,
        waits: &ApprovalWaits,
    ) -> Result<()> {
        let (org_id, id) = permit.key();
        let document = serde_json::to_string(&plan).map_err(|error| Error::internal(error.to_string()))?;
        let tx = self.begin_write(Some(org_id)).await?;
        // Agents are locked before goals; which agent a goal has never changes.
        let rules = approval::rules(&tx, org_id, agent_of(&tx, org_id, id).await?).await?;
        let mut goal = lock_goal(&tx, org_id, id).await?;
        let now = clock.now();
        let mut records = Vec::new();
        if goal.status == GoalStatus::Pending {
            records.push(goal.step(&tx, org_id, GoalStatus::Planning, now, PLANNED).await?);
        }
        if goal.status != GoalStatus::Planning {
            return Err(PLANNED);
        }
        keep(&tx, org_id, id, &document).await?;
        records.push(Record::about("plan.proposed", id).with(json!({ "tasks": plan.tasks.len() })));
        if rules.require_plan_approval {
            records.push(goal.step(&tx, org_id, GoalStatus::AwaitingApproval, now, PLANNED).await?);
            let request = NewRequest {
                org_id,
                kind: ApprovalType::Plan,
                agent_id: goal.agent_id,
                goal_id: id,
                task_id: None,
                requested_by: goal.submitted_by,
                payload: Confidential::new(JsonText::new(document)),
                reason: Confidential::withheld(),
                required_approvals: rules.required_approvals,
                expires_at: ApprovalWaits::deadline(now, waits.plan),
            };
            records.push(approval::open(&tx, clock, request).await?.1);
        } else {
            records.push(goal.step(&tx, org_id, GoalStatus::Running, now, PLANNED).await?);
            records.extend(make(&tx, clock, org_id, &goal, plan.tasks).await?);
        }
        self.finish(tx, clock, org_id, records).await
    }
}

/// Makes the tasks of a plan that was approved. A step of the decision's transaction.
pub async fn approved(tx: &Tx, clock: &Clock, org_id: OrgId, id: GoalId) -> Result<Vec<Record>> {
    let mut goal = lock_goal(tx, org_id, id).await?;
    let mut records = vec![decided(&mut goal, tx, org_id, GoalStatus::Running, clock.now()).await?];
    let plan = kept(tx, org_id, id).await?;
    records.extend(make(tx, clock, org_id, &goal, plan.tasks).await?);
    Ok(records)
}

/// Ends a goal whose plan was rejected. A step of the decision's transaction.
pub async fn rejected(tx: &Tx, clock: &Clock, org_id: OrgId, id: GoalId) -> Result<Vec<Record>> {
    let mut goal = lock_goal(tx, org_id, id).await?;
    Ok(vec![decided(&mut goal, tx, org_id, GoalStatus::Rejected, clock.now()).await?])
}

/// Ends a goal about whose plan nobody decided in time. It failed: nobody rejected it. A step of the platform's own job.
pub async fn expired(tx: &Tx, clock: &Clock, org_id: OrgId, id: GoalId) -> Result<Vec<Record>> {
    let mut goal = lock_goal(tx, org_id, id).await?;
    Ok(vec![decided(&mut goal, tx, org_id, GoalStatus::Failed, clock.now()).await?])
}

/// Moves a goal whose plan waited for a decision, and no other: a goal that is being planned may become running, too.
async fn decided(goal: &mut LockedGoal, tx: &Tx, org_id: OrgId, to: GoalStatus, now: DateTime<Utc>) -> Result<Record> {
    const WAITS: Error = Error::Conflict("The goal's plan does not wait for approval.");
    if goal.status != GoalStatus::AwaitingApproval {
        return Err(WAITS);
    }
    goal.step(tx, org_id, to, now, WAITS).await
}

async fn agent_of(tx: &Tx, org_id: OrgId, id: GoalId) -> Result<entity::ids::AgentId> {
    use goal::{Column, Entity};
    let mut select = Query::select();
    select
        .column(Column::AgentId)
        .from(Entity)
        .and_where(Expr::col(Column::OrgId).eq(org_id))
        .and_where(Expr::col(Column::Id).eq(id));
    let row = tx.query_one(&select).await?.ok_or(Error::NotFound)?;
    Ok(entity::ids::AgentId::try_get_by_index(&row, 0)?)
}

async fn keep(tx: &Tx, org_id: OrgId, id: GoalId, document: &str) -> Result<()> {
    use goal::{Column, Entity};
    let mut update = Query::update();
    update
        .table(Entity)
        .value(Column::Plan, document)
        .and_where(Expr::col(Column::OrgId).eq(org_id))
        .and_where(Expr::col(Column::Id).eq(id));
    tx.execute(&update).await?;
    Ok(())
}

/// Reads the plan that was proposed, for the database's eyes only: it becomes tasks, and is shown to nobody.
async fn kept(tx: &Tx, org_id: OrgId, id: GoalId) -> Result<PlanDraft> {
    use goal::{Column, Entity};
    let mut select = Query::select();
    select
        .column(Column::Plan)
        .from(Entity)
        .and_where(Expr::col(Column::OrgId).eq(org_id))
        .and_where(Expr::col(Column::Id).eq(id));
    let row = tx.query_one(&select).await?.ok_or(Error::NotFound)?;
    let document = Option::<JsonText>::try_get_by_index(&row, 0)?;
    // What the parser says of a document that does not fit may repeat it.
    document
        .and_then(|document| serde_json::from_str(document.as_str()).ok())
        .ok_or(Error::Conflict("The plan cannot be turned into tasks; propose it again."))
}

/// Makes a goal's tasks, each in the state that its dependencies allow.
async fn make(tx: &Tx, clock: &Clock, org_id: OrgId, goal: &LockedGoal, drafts: Vec<TaskDraft>) -> Result<Vec<Record>> {
    let [created, pending, queued] = MADE;
    if !MADE.windows(2).all(|pair| pair[0].may_become(pair[1])) {
        return Err(Error::internal("an illegal step of a task"));
    }
    let now = clock.now();
    let ids: Vec<TaskId> = drafts.iter().map(|_| clock.id()).collect();
    let by_key: HashMap<&str, TaskId> =
        drafts.iter().map(|draft| draft.key.as_str()).zip(ids.iter().copied()).collect();
    let mut edges = Vec::new();
    for (draft, task_id) in drafts.iter().zip(&ids) {
        for key in &draft.depends_on {
            let depends_on_id = by_key.get(key.as_str()).ok_or_else(|| Error::internal("an edge to no task"))?;
            edges.push(task_dependency::ActiveModel {
                org_id: Set(org_id),
                id: Set(clock.id()),
                goal_id: Set(goal.id),
                task_id: Set(*task_id),
                depends_on_id: Set(*depends_on_id),
            });
        }
    }
    let about = json!({ "goalId": goal.id.to_string() });
    let mut records = Vec::new();
    let mut ready = Vec::new();
    let mut rows = Vec::new();
    for (draft, id) in drafts.into_iter().zip(&ids) {
        let waits = !draft.depends_on.is_empty();
        let audit_payload =
            json!({ "goalId": about["goalId"], "type": draft.kind, "steps": [created.as_str(), pending.as_str()] });
        records.push(Record::about("task.created", *id).with(audit_payload));
        if !waits {
            ready.push(super::transition::audit_record("task.queued", *id, goal.id, pending, queued));
        }
        rows.push(task::ActiveModel {
            org_id: Set(org_id),
            id: Set(*id),
            goal_id: Set(goal.id),
            agent_id: Set(goal.agent_id),
            kind: Set(draft.kind),
            status: Set(if waits { pending } else { queued }),
            priority: Set(draft.priority),
            retries: Set(0),
            max_retries: Set(draft.max_retries),
            payload: Set(Confidential::from_option(draft.payload.map(|json| JsonText::new(json.get().to_owned())))),
            result: Set(Confidential::withheld()),
            error: Set(Confidential::withheld()),
            worker_id: Set(None),
            created_at: Set(now),
            updated_at: Set(now),
            attempt: Set(0),
            lease_expires_at: Set(None),
            run_after: Set(None),
            started_at: Set(None),
            finished_at: Set(None),
        });
    }
    while !rows.is_empty() {
        let rest = rows.split_off(Ord::min(BATCH, rows.len()));
        task::Entity::insert_many(std::mem::replace(&mut rows, rest)).exec_without_returning(tx).await?;
    }
    while !edges.is_empty() {
        let rest = edges.split_off(Ord::min(BATCH, edges.len()));
        task_dependency::Entity::insert_many(std::mem::replace(&mut edges, rest)).exec_without_returning(tx).await?;
    }
    records.extend(ready);
    Ok(records)
}
