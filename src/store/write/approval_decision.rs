//! Decisions about approval requests: taken one after the other, each with everything that it depends on held.
//!
//! Of any number of deciders at one instant each waits for the request's lock, and then finds what the one before made of
//! it: what follows from a decision follows once. Steps of longer use cases, like those of [`super::approval`].

use chrono::{DateTime, Utc};
use entity::{
    agent_admin, approval_decision, approval_request,
    confidential::Confidential,
    enums::{ApprovalStatus, ApprovalType, Decided, MembershipStatus, OrgRole, UserStatus},
    goal,
    ids::{AgentId, ApprovalDecisionId, ApprovalRequestId, GoalId, OrgId, TaskId, UserId},
    org_membership, organization, task, user,
};
use sea_orm::{
    ActiveValue::Set,
    ConnectionTrait, EntityTrait, TryGetable,
    sea_query::{Asterisk, Cond, Expr, ExprTrait, Func, LockType, Query, SelectStatement},
};

use crate::{
    error::{Error, Result},
    policy::permit::{DecideApproval, Permit},
    status::State,
    store::db::{Database, Role, Tx},
};

/// A request, and what waits for it. None of this ever changes.
#[derive(Clone, Copy, Debug)]
pub struct Subject {
    /// The organisation.
    pub org_id: OrgId,
    /// The request.
    pub id: ApprovalRequestId,
    /// The agent whose admins decide.
    pub agent_id: AgentId,
    /// The goal.
    pub goal_id: GoalId,
    /// The task, for a risky step.
    pub task_id: Option<TaskId>,
}

/// How a decider stands now, held until the transaction ends.
#[derive(Clone, Copy, Debug)]
pub struct LockedDecider {
    /// The role in the organisation.
    pub org_role: OrgRole,
    /// Whether the organisation has one admin and no other.
    pub one_admin: bool,
    /// Whether the decider was appointed to decide the agent's approvals.
    pub is_agent_admin: bool,
}

/// A request, held until the transaction ends.
#[derive(Clone, Copy, Debug)]
pub struct LockedRequest {
    /// What is to be approved.
    pub kind: ApprovalType,
    /// Where it stands.
    pub status: ApprovalStatus,
    /// When it expires undecided.
    pub expires_at: Option<DateTime<Utc>>,
}

/// Holds who decides: whoever takes the role or the post away waits, and then finds the decision made. Somebody who is no
/// member any more is answered as if nothing were there.
pub async fn decider_hold(tx: &Tx, subject: &Subject, by: UserId) -> Result<LockedDecider> {
    use org_membership::{Column, Entity};
    let mut members = Query::select();
    members
        .columns([Column::UserId, Column::Role])
        .from(Entity)
        .and_where(Expr::col(Column::OrgId).eq(subject.org_id))
        .and_where(Expr::col(Column::Status).eq(MembershipStatus::Active.as_str()))
        .cond_where(
            Cond::any().add(Expr::col(Column::UserId).eq(by)).add(Expr::col(Column::Role).eq(OrgRole::Admin.as_str())),
        )
        .order_by(Column::Id, sea_orm::Order::Asc)
        .lock(LockType::Share);
    let (mut own, mut admins) = (None, 0);
    for member in tx.query_all(&members).await? {
        let role = OrgRole::try_get_by_index(&member, 1)?;
        admins += i32::from(role == OrgRole::Admin);
        if UserId::try_get_by_index(&member, 0)? == by {
            own = Some(role);
        }
    }
    let mut post = Query::select();
    post.expr(Expr::val(1))
        .from(agent_admin::Entity)
        .and_where(Expr::col(agent_admin::Column::OrgId).eq(subject.org_id))
        .and_where(Expr::col(agent_admin::Column::AgentId).eq(subject.agent_id))
        .and_where(Expr::col(agent_admin::Column::UserId).eq(by))
        .lock(LockType::Share);
    Ok(LockedDecider {
        org_role: own.ok_or(Error::NotFound)?,
        one_admin: admins == 1,
        is_agent_admin: tx.query_one(&post).await?.is_some(),
    })
}

/// Holds a request with the goal and the task that wait for it, in the order in which whoever calls those off does.
pub async fn approval_lock(tx: &Tx, subject: &Subject) -> Result<LockedRequest> {
    use approval_request::{Column, Entity};
    let Subject { org_id, id, goal_id, task_id, .. } = *subject;
    goal_hold(tx, org_id, goal_id).await?;
    if let Some(task_id) = task_id {
        let task = lock(task::Entity, task::Column::OrgId, task::Column::Id, org_id, task_id);
        tx.query_one(&task).await?.ok_or(Error::NotFound)?;
    }
    let mut select = lock(Entity, Column::OrgId, Column::Id, org_id, id);
    select.columns([Column::Kind, Column::Status, Column::ExpiresAt]);
    let row = tx.query_one(&select).await?.ok_or(Error::NotFound)?;
    Ok(LockedRequest {
        kind: ApprovalType::try_get_by_index(&row, 1)?,
        status: ApprovalStatus::try_get_by_index(&row, 2)?,
        expires_at: Option::try_get_by_index(&row, 3)?,
    })
}

/// Holds a goal. Whoever opens a request for a task holds its goal before the task: the row of the request refers to both.
pub async fn goal_hold(tx: &Tx, org_id: OrgId, id: GoalId) -> Result<()> {
    let goal = lock(goal::Entity, goal::Column::OrgId, goal::Column::Id, org_id, id);
    tx.query_one(&goal).await?.map(drop).ok_or(Error::NotFound)
}

fn lock<E: EntityTrait>(
    table: E,
    org: E::Column,
    key: E::Column,
    org_id: OrgId,
    id: impl Into<sea_orm::Value>,
) -> SelectStatement {
    Query::select()
        .expr(Expr::val(1))
        .from(table)
        .and_where(Expr::col(org).eq(org_id))
        .and_where(Expr::col(key).eq(id.into()))
        .lock(LockType::Update)
        .to_owned()
}

/// What somebody has decided about the request already.
pub async fn decision_by(tx: &Tx, permit: &Permit<DecideApproval>, by: UserId) -> Result<Option<Decided>> {
    use approval_decision::{Column, Entity};
    let (org_id, id) = permit.key();
    let mut select = Query::select();
    select
        .column(Column::Decision)
        .from(Entity)
        .and_where(Expr::col(Column::OrgId).eq(org_id))
        .and_where(Expr::col(Column::RequestId).eq(id))
        .and_where(Expr::col(Column::DecidedBy).eq(by));
    let row = tx.query_one(&select).await?;
    Ok(row.map(|row| Decided::try_get_by_index(&row, 0)).transpose()?)
}

/// What somebody decides.
#[derive(Clone, Debug)]
pub struct NewDecision {
    /// Its id.
    pub id: ApprovalDecisionId,
    /// Who decides.
    pub by: UserId,
    /// What.
    pub decision: Decided,
    /// Why.
    pub comment: Confidential<String>,
    /// When.
    pub now: DateTime<Utc>,
}

/// Notes a decision.
pub async fn decision_add(tx: &Tx, permit: &Permit<DecideApproval>, new: NewDecision) -> Result<()> {
    let (org_id, id) = permit.key();
    let row = approval_decision::ActiveModel {
        org_id: Set(org_id),
        id: Set(new.id),
        request_id: Set(id),
        decided_by: Set(new.by),
        decision: Set(new.decision),
        comment: Set(new.comment),
        created_at: Set(new.now),
    };
    approval_decision::Entity::insert(row).exec_without_returning(tx).await?;
    Ok(())
}

/// How many approvals of the request count: those of people who could still give them. The two-person rule asks for two
/// who answer for the decision now; an approval of somebody who was dismissed or locked out since does not carry it.
pub async fn approvals(tx: &Tx, permit: &Permit<DecideApproval>) -> Result<i64> {
    use approval_decision::{Column, Entity};
    let (org_id, id) = permit.key();
    let col = |column| Expr::col((Entity, column));
    let member = |column| Expr::col((org_membership::Entity, column));
    let mut admins = Query::select();
    admins
        .column((agent_admin::Entity, agent_admin::Column::UserId))
        .from(agent_admin::Entity)
        .inner_join(
            approval_request::Entity,
            Cond::all()
                .add(
                    Expr::col((approval_request::Entity, approval_request::Column::OrgId))
                        .equals((agent_admin::Entity, agent_admin::Column::OrgId)),
                )
                .add(
                    Expr::col((approval_request::Entity, approval_request::Column::AgentId))
                        .equals((agent_admin::Entity, agent_admin::Column::AgentId)),
                ),
        )
        .and_where(Expr::col((agent_admin::Entity, agent_admin::Column::OrgId)).eq(org_id))
        .and_where(Expr::col((approval_request::Entity, approval_request::Column::Id)).eq(id));
    let mut count = Query::select();
    count
        .expr(Func::count(Expr::col(Asterisk)))
        .from(Entity)
        .inner_join(
            org_membership::Entity,
            Cond::all()
                .add(member(org_membership::Column::OrgId).equals((Entity, Column::OrgId)))
                .add(member(org_membership::Column::UserId).equals((Entity, Column::DecidedBy))),
        )
        .inner_join(user::Entity, Expr::col((user::Entity, user::Column::Id)).equals((Entity, Column::DecidedBy)))
        .and_where(col(Column::OrgId).eq(org_id))
        .and_where(col(Column::RequestId).eq(id))
        .and_where(col(Column::Decision).eq(Decided::Approve.as_str()))
        .and_where(member(org_membership::Column::Status).eq(MembershipStatus::Active.as_str()))
        .and_where(Expr::col((user::Entity, user::Column::Status)).eq(UserStatus::Active.as_str()))
        .cond_where(
            Cond::any()
                .add(member(org_membership::Column::Role).eq(OrgRole::Admin.as_str()))
                .add(col(Column::DecidedBy).in_subquery(admins)),
        );
    let row = tx.query_one(&count).await?.ok_or_else(|| Error::internal("a count without a row"))?;
    Ok(i64::try_get_by_index(&row, 0)?)
}

/// Settles a request for good: decided by `permit`'s holder.
pub async fn approval_settle(
    tx: &Tx,
    permit: &Permit<DecideApproval>,
    status: ApprovalStatus,
    now: DateTime<Utc>,
) -> Result<()> {
    let (org_id, id) = permit.key();
    settle(tx, org_id, id, status, now).await
}

/// Settles a request that nobody decided in time.
pub async fn approval_expire(tx: &Tx, due: &Subject, now: DateTime<Utc>) -> Result<()> {
    settle(tx, due.org_id, due.id, ApprovalStatus::Expired, now).await
}

async fn settle(
    tx: &Tx,
    org_id: OrgId,
    id: ApprovalRequestId,
    status: ApprovalStatus,
    now: DateTime<Utc>,
) -> Result<()> {
    use approval_request::{Column, Entity};
    let before = ApprovalStatus::before(status).map(ApprovalStatus::as_str);
    let mut update = Query::update();
    update
        .table(Entity)
        .value(Column::Status, status.as_str())
        .value(Column::DecidedAt, now)
        .and_where(Expr::col(Column::OrgId).eq(org_id))
        .and_where(Expr::col(Column::Id).eq(id))
        .and_where(Expr::col(Column::Status).is_in(before));
    if tx.execute(&update).await?.rows_affected() == 1 {
        Ok(())
    } else {
        Err(Error::internal("a request was settled while it was held"))
    }
}

/// Requests of all organisations whose time is over, at most `most`: only which ones, as operators see it. Settling each
/// enters its organisation.
pub async fn approvals_due(db: &Database, now: DateTime<Utc>, most: u64) -> Result<Vec<Subject>> {
    use approval_request::{Column, Entity};
    let tx = db.begin_read(Role::Operator, None).await?;
    let organizations = Query::select().column(organization::Column::Id).from(organization::Entity).take();
    let mut select = Query::select();
    select
        .columns([Column::OrgId, Column::Id, Column::AgentId, Column::GoalId, Column::TaskId])
        .from(Entity)
        // All of them, but by name: the index begins with the organisation.
        .and_where(Expr::col(Column::OrgId).in_subquery(organizations))
        .and_where(Expr::col(Column::Status).eq(ApprovalStatus::Pending.as_str()))
        .and_where(Expr::col(Column::ExpiresAt).lte(now))
        .limit(most);
    let mut due = Vec::new();
    for row in tx.query_all(&select).await? {
        due.push(Subject {
            org_id: OrgId::try_get_by_index(&row, 0)?,
            id: ApprovalRequestId::try_get_by_index(&row, 1)?,
            agent_id: AgentId::try_get_by_index(&row, 2)?,
            goal_id: GoalId::try_get_by_index(&row, 3)?,
            task_id: Option::try_get_by_index(&row, 4)?,
        });
    }
    Ok(due)
}
