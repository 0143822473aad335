//! Approval requests and what was decided about them.

use async_graphql::{Context, ID, InputObject, Object};
use entity::{confidential::JsonText, ids::ApprovalRequestId};

use super::{
    agent::{Agent, agent},
    goal::{Goal, goal},
    task::{Task, task},
    user::{User, user},
};
use crate::{
    error::{Error, Result},
    graphql::{
        batches::{AgentById, AgentRelationKey, Approvers, DecisionsOfApprovals, OneAdmin, OwnDecision, UserById},
        connection::{connection, gid, parse_optional_id},
        context::cx,
        directives::confidential,
        enums::{ApprovalStatus, ApprovalType, Decided, stored},
        lookahead,
        redaction::Redacted,
        scalars::DateTime,
    },
    policy::{ApprovalFacts, Permission, Resource, decide},
    store::{
        list::row::Row as _,
        read::{
            agent::AgentRow,
            approval::{ApprovalFilter, ApprovalRow, DecisionRow},
            user::UserRow,
        },
    },
};

/// A plan or a risky step that waits, or waited, for a decision.
pub struct ApprovalRequest(pub ApprovalRow);

impl ApprovalRequest {
    fn is_open(&self, now: chrono::DateTime<chrono::Utc>) -> bool {
        self.0.status == entity::enums::ApprovalStatus::Pending && self.0.expires_at.is_none_or(|at| at > now)
    }

    /// The policy's answer, about facts that come in batches.
    async fn is_decider(&self, ctx: &Context<'_>) -> Result<bool> {
        let (cx, row) = (cx(ctx), &self.0);
        let agent = cx.loaders.load(&cx.store, AgentById { columns: AgentRow::keys() }, row.agent_id).await?;
        let agent = agent.ok_or_else(|| Error::internal("a request without its agent"))?;
        let relation = cx.loaders.load(&cx.store, AgentRelationKey {}, row.agent_id).await?.unwrap_or_default();
        let facts = ApprovalFacts {
            org_id: row.org_id,
            id: row.id,
            requested_by: row.requested_by,
            required_approvals: row.required_approvals,
            one_admin: cx.loaders.load(&cx.store, OneAdmin {}, row.org_id).await?.unwrap_or(false),
            agent: agent.facts(relation),
        };
        Ok(decide(&cx.viewer, Permission::ApprovalDecide, Resource::Approval(&facts)).allowed())
    }
}

/// A plan or a risky step that waits, or waited, for a decision.
#[Object]
impl ApprovalRequest {
    /// Globally unique id.
    pub async fn id(&self) -> ID {
        gid(self.0.id)
    }

    /// What is to be approved.
    #[graphql(name = "type")]
    async fn kind(&self) -> Result<ApprovalType> {
        Ok((*self.0.kind.get()?).into())
    }

    /// Where it stands.
    async fn status(&self) -> ApprovalStatus {
        self.0.status.into()
    }

    /// The agent whose admins decide.
    async fn agent(&self, ctx: &Context<'_>) -> Result<Agent> {
        agent(ctx, self.0.agent_id).await
    }

    /// The goal.
    async fn goal(&self, ctx: &Context<'_>) -> Result<Goal> {
        goal(ctx, self.0.goal_id).await
    }

    /// The task, for a risky step; null for a plan.
    async fn task(&self, ctx: &Context<'_>) -> Result<Option<Task>> {
        match self.0.task_id {
            Some(id) => task(ctx, id).await.map(Some),
            None => Ok(None),
        }
    }

    /// The goal's submitter, who does not decide; null on history older than accounts.
    async fn requested_by(&self, ctx: &Context<'_>) -> Result<Option<User>> {
        user(ctx, self.0.requested_by).await
    }

    /// The plan, or the risky step.
    #[graphql(directive = confidential::apply())]
    async fn payload(&self) -> Redacted<'_, JsonText> {
        Redacted::new(&self.0.payload)
    }

    /// Why approval is asked; null where nobody says.
    #[graphql(directive = confidential::apply())]
    async fn reason(&self) -> Redacted<'_, String> {
        Redacted::new(&self.0.reason)
    }

    /// How many people must approve; 2 is the two-person rule. Settled when the request was opened.
    async fn required_approvals(&self) -> i32 {
        self.0.required_approvals
    }

    /// What was decided so far, in order. An approval counts as long as whoever gave it could still give it.
    async fn decisions(&self, ctx: &Context<'_>) -> Result<Vec<ApprovalDecision>> {
        let cx = cx(ctx);
        let batch = DecisionsOfApprovals { columns: lookahead::columns::<DecisionRow>(ctx) };
        let rows = cx.loaders.load(&cx.store, batch, self.0.id).await?.unwrap_or_default();
        Ok(rows.into_iter().map(ApprovalDecision).collect())
    }

    /// To whom it is routed now: the agent's admins; where they are too few for the approvals that it takes, the
    /// organisation's admins, too. An organisation's admin may decide also where not named here.
    async fn approvers(&self, ctx: &Context<'_>) -> Result<Vec<User>> {
        let cx = cx(ctx);
        let ids = cx.loaders.load(&cx.store, Approvers {}, self.0.routing()).await?.unwrap_or_default();
        let batch = UserById { columns: lookahead::columns::<UserRow>(ctx) };
        let loads = ids.into_iter().map(|id| cx.loaders.load(&cx.store, batch.clone(), id));
        let users = futures_util::future::try_join_all(loads).await?;
        Ok(users.into_iter().flatten().map(User).collect())
    }

    /// Whether the viewer may decide it now and has not yet.
    async fn viewer_can_decide(&self, ctx: &Context<'_>) -> Result<bool> {
        let cx = cx(ctx);
        if cx.viewer.tenant().is_none() || !self.is_open(cx.clock.now()) || !self.is_decider(ctx).await? {
            return Ok(false);
        }
        Ok(cx.loaders.load(&cx.store, OwnDecision {}, self.0.id).await?.is_none())
    }

    /// When it was asked.
    async fn created_at(&self) -> Result<DateTime> {
        Ok((*self.0.created_at.get()?).into())
    }

    /// When it expires undecided; null where it never does.
    async fn expires_at(&self) -> Option<DateTime> {
        self.0.expires_at.map(Into::into)
    }

    /// When it was decided, called off or expired; null while it waits.
    async fn decided_at(&self) -> Result<Option<DateTime>> {
        Ok(self.0.decided_at.get()?.map(Into::into))
    }
}

/// Looks one request up.
pub async fn approval(ctx: &Context<'_>, id: ApprovalRequestId) -> Result<Option<ApprovalRequest>> {
    let rows = cx(ctx).store.approval_by_ids(&[id], lookahead::columns::<ApprovalRow>(ctx)).await?;
    Ok(rows.into_iter().next().map(ApprovalRequest))
}

/// What one person decided about an approval request.
pub struct ApprovalDecision(DecisionRow);

/// What one person decided about an approval request.
#[Object]
impl ApprovalDecision {
    /// Who decided.
    async fn decided_by(&self, ctx: &Context<'_>) -> Result<Option<User>> {
        user(ctx, Some(self.0.decided_by)).await
    }

    /// What.
    async fn decision(&self) -> Decided {
        self.0.decision.into()
    }

    /// Why; null where nothing was said.
    #[graphql(directive = confidential::apply())]
    async fn comment(&self) -> Redacted<'_, String> {
        Redacted::new(&self.0.comment)
    }

    /// When.
    async fn created_at(&self) -> DateTime {
        self.0.created_at.into()
    }
}

connection!(ApprovalRequestConnection, ApprovalRequestEdge, ApprovalRequest, "approval request", "approval requests");

/// Narrows a list of approval requests.
#[derive(Debug, Default, InputObject)]
#[graphql(name = "ApprovalFilter")]
pub struct ApprovalFilterInput {
    /// Only requests in one of these states.
    pub status: Option<Vec<ApprovalStatus>>,
    /// Only requests of one of these types.
    #[graphql(name = "type")]
    pub kind: Option<Vec<ApprovalType>>,
    /// Only requests about this agent.
    pub agent_id: Option<ID>,
    /// Only requests about this goal.
    pub goal_id: Option<ID>,
    /// Only requests about this task.
    pub task_id: Option<ID>,
    /// Only requests of this organisation.
    pub organization_id: Option<ID>,
    /// Only requests that wait for the viewer's own decision. A super-admin decides none.
    #[graphql(default)]
    pub awaiting_me: bool,
}

impl ApprovalFilterInput {
    /// Checks the ids.
    pub fn parse(self) -> Result<ApprovalFilter> {
        Ok(ApprovalFilter {
            status: stored(self.status),
            kind: stored(self.kind),
            agent_id: parse_optional_id("filter.agentId", self.agent_id.as_ref())?,
            goal_id: parse_optional_id("filter.goalId", self.goal_id.as_ref())?,
            task_id: parse_optional_id("filter.taskId", self.task_id.as_ref())?,
            organization_id: parse_optional_id("filter.organizationId", self.organization_id.as_ref())?,
            awaiting_me: self.awaiting_me,
        })
    }
}

/// An approval request that was opened or decided.
pub struct ApprovalRequestPayload(pub ApprovalRequestId);

/// An approval request that was opened or decided.
#[Object]
impl ApprovalRequestPayload {
    /// The request.
    async fn approval_request(&self, ctx: &Context<'_>) -> Result<ApprovalRequest> {
        approval(ctx, self.0).await?.ok_or(Error::NotFound)
    }
}
