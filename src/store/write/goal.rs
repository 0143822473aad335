//! Goals, as they are submitted and called off.

use entity::{
    confidential::Confidential,
    enums::{AgentStatus, GoalStatus, TaskStatus},
    goal,
    ids::{AgentId, GoalId, OrgId, UserId},
    task,
};
use sea_orm::{
    ActiveValue::Set,
    ConnectionTrait, EntityTrait, QueryTrait, TryGetable,
    sea_query::{Expr, ExprTrait, LockType, OnConflict, Query},
};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{
    approval::cancel_of_goal,
    budget::budget_require,
    check::lock_agent,
    document::{DocumentDraft, insert_document},
    global_agent::{install, platform_agent},
    transition::{lock_goal, moved, task_transition},
};
use crate::{
    clock::Clock,
    error::{Error, Result},
    policy::permit::{CancelGoal, Permit, SubmitGoal},
    store::{Store, audit::record::Record, db::Tx, fold},
};

/// A goal that is to be submitted.
#[derive(Clone, Debug)]
pub struct GoalDraft {
    /// What is asked.
    pub goal_text: Confidential<String>,
    /// Larger runs first.
    pub priority: i32,
    /// What comes with it.
    pub documents: Vec<DocumentDraft>,
    /// The submitter's key: the same key submits once.
    pub idempotency_key: Option<String>,
}

impl Store {
    /// Submits a goal, or finds the one that the same user submitted with the same key.
    pub async fn goal_submit(&self, clock: &Clock, permit: &Permit<SubmitGoal>, draft: GoalDraft) -> Result<GoalId> {
        let agent_id = permit.key().id;
        let org_id = self.org_of(permit.key().org_id)?;
        let submitted_by = self.viewer.user_id().ok_or(Error::Unauthenticated)?;
        let tx = self.begin_write(Some(org_id)).await?;
        let key = draft.idempotency_key.as_deref().map(digest);
        let earlier = Earlier { org_id, submitted_by, agent_id, draft: &draft };
        // Asked before the agent's state: a retry finds its goal, also when the agent was stopped meanwhile.
        if let Some(key) = &key
            && let Some(id) = earlier.find(&tx, key).await?
        {
            return Ok(id);
        }
        budget_require(&tx, org_id, clock.now()).await?;
        let installed = take(&tx, clock, org_id, agent_id, permit.key().org_id.is_none()).await?;

        let id: GoalId = clock.id();
        let now = clock.now();
        let row = goal::ActiveModel {
            org_id: Set(org_id),
            id: Set(id),
            agent_id: Set(agent_id),
            submitted_by: Set(Some(submitted_by)),
            status: Set(GoalStatus::Pending),
            priority: Set(draft.priority),
            goal_text_folded: Set(draft.goal_text.map(|text| fold(text))),
            goal_text: Set(draft.goal_text.clone()),
            plan: Set(Confidential::withheld()),
            idempotency_key: Set(key.clone()),
            created_at: Set(now),
            updated_at: Set(now),
            completed_at: Set(None),
        };
        let mut insert = goal::Entity::insert(row).into_query();
        let unique = [goal::Column::OrgId, goal::Column::SubmittedBy, goal::Column::IdempotencyKey];
        insert.on_conflict(OnConflict::columns(unique).do_nothing().to_owned());
        if tx.execute(&insert).await?.rows_affected() == 0 {
            // Somebody submitted the same at the same moment, and has committed: this statement waited for them.
            let key = key.ok_or_else(|| Error::internal("only a key can be taken"))?;
            return earlier.find(&tx, &key).await?.ok_or_else(|| Error::internal("a key is taken by no goal"));
        }
        let documents = draft.documents.len();
        for document in draft.documents {
            insert_document(&tx, clock, org_id, agent_id, Some(id), document).await?;
        }
        let audit_payload =
            json!({ "agentId": agent_id.to_string(), "priority": draft.priority, "documents": documents });
        let records = installed.into_iter().chain([Record::about("goal.submitted", id).with(audit_payload)]);
        self.finish(tx, clock, org_id, records.collect::<Vec<_>>()).await?;
        Ok(id)
    }

    /// Calls a goal off, with its tasks that still run and its requests that still wait.
    pub async fn goal_cancel(&self, clock: &Clock, permit: &Permit<CancelGoal>) -> Result<()> {
        let (org_id, id) = permit.key();
        let tx = self.begin_write(Some(org_id)).await?;
        let mut goal = lock_goal(&tx, org_id, id).await?;
        let now = clock.now();
        const OVER: Error = Error::Conflict("The goal is over.");
        let mut records = vec![goal.step(&tx, org_id, GoalStatus::Cancelled, now, OVER).await?];
        let audit_payload = json!({ "goalId": id.to_string() });
        let mut update = task_transition(org_id, &[TaskStatus::Cancelled], now)?;
        update.and_where(Expr::col(task::Column::GoalId).eq(id));
        for task_id in moved(&tx, &mut update).await? {
            records.push(Record::about("task.cancelled", task_id).with(audit_payload.clone()));
        }
        records.extend(cancel_of_goal(&tx, org_id, id, now).await?);
        self.finish(tx, clock, org_id, records).await
    }
}

/// Holds an agent that takes goals until the transaction ends, installing a global one on first use.
async fn take(tx: &Tx, clock: &Clock, org_id: OrgId, id: AgentId, is_global: bool) -> Result<Option<Record>> {
    let mut active = true;
    let mut installed = None;
    if is_global {
        let platform = platform_agent(tx, id).await?;
        active = platform.status == AgentStatus::Active;
        installed = install(tx, clock, org_id, id, platform).await?;
    }
    // Whoever stops or archives the agent waits for this goal, or is seen here.
    let held = lock_agent(tx, org_id, id, LockType::Share).await?;
    if !active || held.status != AgentStatus::Active {
        return Err(Error::Conflict("The agent takes no goals."));
    }
    Ok(installed)
}

/// A submission that may have been made before.
struct Earlier<'a> {
    org_id: OrgId,
    submitted_by: UserId,
    agent_id: AgentId,
    draft: &'a GoalDraft,
}

impl Earlier<'_> {
    /// The goal with this key: the same one again, or a conflict when something else was asked with it. The text is
    /// compared in the database, which is where it may be read. Documents are not compared.
    async fn find(&self, tx: &Tx, key: &str) -> Result<Option<GoalId>> {
        use goal::{Column, Entity};
        let same = Expr::col(Column::AgentId)
            .eq(self.agent_id)
            .and(Expr::col(Column::Priority).eq(self.draft.priority))
            .and(Expr::col(Column::GoalText).eq(self.draft.goal_text.clone()));
        let mut select = Query::select();
        select
            .column(Column::Id)
            .expr(same)
            .from(Entity)
            .and_where(Expr::col(Column::OrgId).eq(self.org_id))
            .and_where(Expr::col(Column::SubmittedBy).eq(self.submitted_by))
            .and_where(Expr::col(Column::IdempotencyKey).eq(key));
        let Some(row) = tx.query_one(&select).await? else { return Ok(None) };
        if bool::try_get_by_index(&row, 1)? {
            Ok(Some(GoalId::try_get_by_index(&row, 0)?))
        } else {
            Err(Error::Conflict("Something else was submitted with this idempotency key."))
        }
    }
}

/// A key is stored as its digest: what a client puts into one may be content.
pub(in crate::store) fn digest(key: &str) -> String {
    Sha256::digest(key.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
