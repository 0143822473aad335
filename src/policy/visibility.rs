//! Which agents a member may see: one list, read here for a loaded agent and in `store::scope` for SQL.

use entity::enums::{AgentVisibility, OrgRole};

use super::facts::AgentFacts;
use crate::viewer::{ServiceViewer, TenantViewer};

/// A reason for which a member sees an agent. `store::scope` matches on it without a wildcard, so that a new reason
/// does not compile until it has its SQL.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Clause {
    /// Org admins have all of their organisation's data.
    OrgAdmin,
    /// Global agents are everybody's.
    Global,
    /// Public agents are every member's.
    Public,
    /// A team's agents are its members'.
    TeamMember,
    /// A private agent is its owner's.
    Owner,
    /// A collaborator, by name or as a present member of a team.
    Collaborator,
    /// An agent's admins see the agent they decide for, whatever its visibility.
    AgentAdmin,
}

/// The rule: an agent is visible when any clause holds.
pub const AGENT: &[Clause] = &[
    Clause::OrgAdmin,
    Clause::Global,
    Clause::Public,
    Clause::TeamMember,
    Clause::Owner,
    Clause::Collaborator,
    Clause::AgentAdmin,
];

impl Clause {
    /// Whether the clause holds for an agent of the viewer's organisation (or a global one).
    pub fn holds(self, viewer: &TenantViewer, agent: &AgentFacts) -> bool {
        match self {
            Self::OrgAdmin => viewer.org_role == OrgRole::Admin,
            Self::Global => agent.visibility == AgentVisibility::Global,
            Self::Public => agent.visibility == AgentVisibility::Public,
            Self::TeamMember => {
                agent.visibility == AgentVisibility::Team
                    && agent.team_id.is_some_and(|team| viewer.teams.contains_key(&team))
            }
            Self::Owner => agent.owner_id == Some(viewer.account.user_id),
            Self::Collaborator => agent.share.is_some(),
            Self::AgentAdmin => agent.is_agent_admin,
        }
    }
}

/// Whether the viewer may see and use the agent.
pub fn sees(viewer: &TenantViewer, agent: &AgentFacts) -> bool {
    let same_org = match agent.key.org_id {
        Some(org_id) => org_id == viewer.org_id,
        None => agent.is_global(),
    };
    same_org && AGENT.iter().any(|clause| clause.holds(viewer, agent))
}

/// Whether a service account sees the agent: one that it was made for. `store::scope` has the same in SQL.
pub fn in_sight(key: &ServiceViewer, agent: &AgentFacts) -> bool {
    let same_org = agent.key.org_id.map_or(agent.is_global(), |org_id| org_id == key.org_id);
    same_org && key.agents.holds(agent.key.id)
}
