//! What several writes check or do inside their transaction.

use entity::{
    enums::{AgentStatus, AgentVisibility, MembershipStatus},
    ids::{AgentId, OrgId, TeamId, UserId},
    org_membership, team,
};
use sea_orm::{
    ConnectionTrait, TryGetable,
    sea_query::{Expr, ExprTrait, LockType, Query},
};

use crate::{
    clock::Clock,
    error::{Error, Result},
    store::{
        Store,
        audit::record::{self, Record},
        db::Tx,
    },
};

impl Store {
    /// Ends a write inside `org_id`: the records as its last statements, for an operator in the platform's log too, then
    /// the commit.
    pub(in crate::store) async fn finish(
        &self,
        tx: Tx,
        clock: &Clock,
        org_id: OrgId,
        records: impl IntoIterator<Item = Record, IntoIter: Send> + Send,
    ) -> Result<()> {
        let records: Vec<_> = records.into_iter().collect();
        if self.viewer().is_super_admin() {
            for record in &records {
                record::platform_record(&tx, clock, self.viewer().user_id(), record.clone()).await?;
            }
        }
        record::record_all(&tx, clock, org_id, self.viewer().actor(), records).await?;
        tx.commit().await
    }

    /// Ends a write on the platform itself.
    pub(in crate::store) async fn finish_platform(&self, tx: Tx, clock: &Clock, record: Record) -> Result<()> {
        record::platform_record(&tx, clock, self.viewer().user_id(), record).await?;
        tx.commit().await
    }

    /// The organisation that a write on an agent belongs to: the agent's, or on a global one the viewer's own.
    pub(in crate::store) fn org_of(&self, agent: Option<OrgId>) -> Result<OrgId> {
        agent.or_else(|| self.viewer().org_id()).ok_or(Error::NotFound)
    }
}

/// Holds that `user_id` is an active member, until the transaction ends: whoever removes the member waits, and then finds
/// what this transaction granted. Everybody else answers like a user who is not there.
pub(in crate::store) async fn active_member(tx: &Tx, org_id: OrgId, user_id: UserId) -> Result<()> {
    use org_membership::{Column, Entity};
    let mut select = Query::select();
    select
        .expr(Expr::val(1))
        .from(Entity)
        .and_where(Expr::col(Column::OrgId).eq(org_id))
        .and_where(Expr::col(Column::UserId).eq(user_id))
        .and_where(Expr::col(Column::Status).eq(MembershipStatus::Active.as_str()))
        .lock(LockType::Share);
    tx.query_one(&select).await?.map(drop).ok_or(Error::NotFound)
}

/// Holds that the team is there, until the transaction ends.
pub(in crate::store) async fn present_team(tx: &Tx, org_id: OrgId, team_id: TeamId) -> Result<()> {
    use team::{Column, Entity};
    let mut select = Query::select();
    select
        .expr(Expr::val(1))
        .from(Entity)
        .and_where(Expr::col(Column::OrgId).eq(org_id))
        .and_where(Expr::col(Column::Id).eq(team_id))
        .lock(LockType::Share);
    tx.query_one(&select).await?.map(drop).ok_or(Error::NotFound)
}

/// An organisation's agent, or what it installed of a global one, as it is while the transaction holds it.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct LockedAgent {
    pub visibility: AgentVisibility,
    pub status: AgentStatus,
    pub chat_capable: bool,
    pub team_id: Option<TeamId>,
    pub owner_id: Option<UserId>,
    pub required_approvals: i32,
    pub require_plan_approval: bool,
}

impl LockedAgent {
    /// An archived agent stays as it is.
    pub(in crate::store) fn not_archived(&self) -> Result<()> {
        match self.status {
            AgentStatus::Archived => Err(ARCHIVED),
            AgentStatus::Active | AgentStatus::Stopped | AgentStatus::Error => Ok(()),
        }
    }
}

/// What is said of any change to an archived agent.
pub(in crate::store) const ARCHIVED: Error = Error::Conflict("The agent is archived.");

/// Locks an organisation's agent: for a change of it (`Update`), or so that it stays as it is (`Share`).
pub(in crate::store) async fn lock_agent(tx: &Tx, org_id: OrgId, id: AgentId, lock: LockType) -> Result<LockedAgent> {
    use entity::agent::{Column, Entity};
    let mut select = Query::select();
    select
        .columns([
            Column::Visibility,
            Column::Status,
            Column::TeamId,
            Column::OwnerId,
            Column::RequiredApprovals,
            Column::RequirePlanApproval,
            Column::ChatCapable,
        ])
        .from(Entity)
        .and_where(Expr::col(Column::OrgId).eq(org_id))
        .and_where(Expr::col(Column::Id).eq(id))
        .lock(lock);
    let row = tx.query_one(&select).await?.ok_or(Error::NotFound)?;
    Ok(LockedAgent {
        visibility: AgentVisibility::try_get_by_index(&row, 0)?,
        status: AgentStatus::try_get_by_index(&row, 1)?,
        team_id: Option::try_get_by_index(&row, 2)?,
        owner_id: Option::try_get_by_index(&row, 3)?,
        required_approvals: i32::try_get_by_index(&row, 4)?,
        require_plan_approval: bool::try_get_by_index(&row, 5)?,
        chat_capable: bool::try_get_by_index(&row, 6)?,
    })
}
