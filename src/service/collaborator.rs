//! With whom an agent is shared.
//!
//! Private agents are what sharing is for. A public agent may be shared too: everybody uses it, a collaborator may be
//! given the right to change or to administer it. A team's agent is its team's and shared with nobody.
//!
//! Nobody grants what they do not hold: `AGENT_ADMINISTER` is for whoever holds everything that can be granted, an
//! owner, a collaborator with `ADMIN`, or an org admin. A test holds the table to that.

use entity::{
    enums::CollaboratorPermission,
    ids::{AgentId, TeamId, UserId},
};

use super::Context;
use crate::{
    error::{Error, Result},
    policy::permit::{AdministerAgent, permit},
    store::write::collaborator::Collaborator,
};

/// A collaborator of an agent: exactly one of user and team.
#[derive(Clone, Copy, Debug)]
pub struct CollaboratorInput {
    /// The agent.
    pub agent_id: AgentId,
    /// The user.
    pub user_id: Option<UserId>,
    /// The team.
    pub team_id: Option<TeamId>,
}

impl CollaboratorInput {
    fn who(self) -> Result<Collaborator> {
        match (self.user_id, self.team_id) {
            (Some(id), None) => Ok(Collaborator::User(id)),
            (None, Some(id)) => Ok(Collaborator::Team(id)),
            _ => Err(Error::validation("input.userId", "name a user or a team, and not both")),
        }
    }
}

/// Shares an agent, or changes what a collaborator may do. Whoever is no active member and no team of the organisation
/// is not found.
pub async fn set(cx: Context<'_>, input: CollaboratorInput, permission: CollaboratorPermission) -> Result<AgentId> {
    let who = input.who()?;
    let facts = cx.store.agent_facts(input.agent_id).await?;
    let permit = permit::<AdministerAgent>(cx.viewer, &facts)?;
    cx.store.collaborator_set(cx.clock, &permit, who, permission).await?;
    Ok(input.agent_id)
}

/// Ends a collaboration.
pub async fn remove(cx: Context<'_>, input: CollaboratorInput) -> Result<AgentId> {
    let who = input.who()?;
    let facts = cx.store.agent_facts(input.agent_id).await?;
    let permit = permit::<AdministerAgent>(cx.viewer, &facts)?;
    cx.store.collaborator_remove(cx.clock, &permit, who).await?;
    Ok(input.agent_id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Permission, rule, table::Grant};

    #[test]
    fn whoever_may_share_an_agent_holds_the_most_that_can_be_granted() {
        let rule = rule(Permission::AgentAdminister);
        let strongest = CollaboratorPermission::ALL.iter().max().copied().unwrap();
        assert_eq!(rule.org_member, Grant::Share(strongest));
        assert_eq!(rule.team_member, Grant::No);
        assert_eq!(rule.agent_admin, Grant::No);
    }
}
