//! What mutations of teams, agents and goals answer: the object that changed, read again under the viewer's scope once the
//! change has committed.

use async_graphql::{Context, Object};
use entity::ids::{AgentDocumentId, AgentId, GoalId, TeamId, UserId};

use super::{
    agent::Agent,
    document::AgentDocument,
    goal::Goal,
    team::{Team, TeamMembership, team},
};
use crate::{
    error::{Error, Result},
    graphql::{context::cx, lookahead},
    store::read::{agent::AgentRow, document::DocumentRow, goal::GoalRow, team::TeamMembershipRow},
};

/// A team that was created or changed.
pub struct TeamPayload(pub TeamId);

/// A team that was created or changed.
#[Object]
impl TeamPayload {
    /// The team.
    async fn team(&self, ctx: &Context<'_>) -> Result<Team> {
        team(ctx, Some(self.0)).await?.ok_or(Error::NotFound)
    }
}

/// A member's place in a team, new or changed.
pub struct TeamMembershipPayload {
    /// The team.
    pub team_id: TeamId,
    /// The member.
    pub user_id: UserId,
}

/// A member's place in a team, new or changed.
#[Object]
impl TeamMembershipPayload {
    /// The membership of the team.
    async fn membership(&self, ctx: &Context<'_>) -> Result<TeamMembership> {
        let columns = lookahead::columns::<TeamMembershipRow>(ctx);
        let rows = cx(ctx).store.team_memberships_of(&[self.user_id], columns).await?;
        let row = rows.into_iter().find(|row| row.team_id == self.team_id);
        row.map(TeamMembership::new).ok_or(Error::NotFound)
    }
}

/// An agent that was created or changed.
pub struct AgentPayload(pub AgentId);

/// An agent that was created or changed.
#[Object]
impl AgentPayload {
    /// The agent; null when the change took it out of the viewer's sight.
    async fn agent(&self, ctx: &Context<'_>) -> Result<Option<Agent>> {
        let rows = cx(ctx).store.agent_by_ids(&[self.0], lookahead::columns::<AgentRow>(ctx)).await?;
        Ok(rows.into_iter().next().map(Agent))
    }
}

/// A document that was attached.
pub struct AgentDocumentPayload(pub AgentDocumentId);

/// A document that was attached.
#[Object]
impl AgentDocumentPayload {
    /// The document.
    async fn document(&self, ctx: &Context<'_>) -> Result<AgentDocument> {
        let rows = cx(ctx).store.document_by_ids(&[self.0], lookahead::columns::<DocumentRow>(ctx)).await?;
        rows.into_iter().next().map(AgentDocument).ok_or(Error::NotFound)
    }
}

/// A goal that was submitted or called off.
pub struct GoalPayload(pub GoalId);

/// A goal that was submitted or called off.
#[Object]
impl GoalPayload {
    /// The goal.
    async fn goal(&self, ctx: &Context<'_>) -> Result<Goal> {
        let rows = cx(ctx).store.goal_by_ids(&[self.0], lookahead::columns::<GoalRow>(ctx)).await?;
        rows.into_iter().next().map(Goal).ok_or(Error::NotFound)
    }
}
