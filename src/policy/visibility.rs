//! Which agents and approval requests a member may see: one list each, read here for a loaded object and in
//! `store::scope` for SQL.

use entity::enums::{AgentVisibility, OrgRole, TeamRole};

use super::facts::{AgentFacts, ApprovalFacts};
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

/// A reason for which a member reads an approval request about an agent that it sees. `store::scope` matches on it, too.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ApprovalClause {
    /// Org admins have all of their organisation's data.
    OrgAdmin,
    /// Whoever submitted the goal.
    Requester,
    /// A team's admins read what its agents ask.
    TeamAdmin,
    /// Whoever decides.
    AgentAdmin,
}

/// The rule: a request about an agent that the viewer sees is visible when any clause holds. It is the row `ApprovalRead`
/// of the table, clause for cell, which a test holds.
pub const APPROVAL: &[ApprovalClause] =
    &[ApprovalClause::OrgAdmin, ApprovalClause::Requester, ApprovalClause::TeamAdmin, ApprovalClause::AgentAdmin];

impl ApprovalClause {
    /// Whether the clause holds for a request of the viewer's organisation.
    pub fn holds(self, viewer: &TenantViewer, approval: &ApprovalFacts) -> bool {
        match self {
            Self::OrgAdmin => viewer.org_role == OrgRole::Admin,
            Self::Requester => approval.requested_by == Some(viewer.account.user_id),
            Self::TeamAdmin => {
                approval.agent.visibility == AgentVisibility::Team
                    && approval.agent.team_id.is_some_and(|team| viewer.teams.get(&team) == Some(&TeamRole::Admin))
            }
            Self::AgentAdmin => approval.agent.is_agent_admin,
        }
    }
}

/// Whether the viewer reads the request.
pub fn sees_approval(viewer: &TenantViewer, approval: &ApprovalFacts) -> bool {
    approval.org_id == viewer.org_id
        && sees(viewer, &approval.agent)
        && APPROVAL.iter().any(|clause| clause.holds(viewer, approval))
}

/// Whether a service account sees the agent: one that it was made for. `store::scope` has the same in SQL.
pub fn can_see_agent(key: &ServiceViewer, agent: &AgentFacts) -> bool {
    let same_org = agent.key.org_id.map_or(agent.is_global(), |org_id| org_id == key.org_id);
    same_org && key.agents.holds(agent.key.id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::table::{Grant, Permission, rule};

    #[test]
    fn who_reads_an_approval_request_is_what_its_row_of_the_table_says() {
        let rule = rule(Permission::ApprovalRead);
        let cells = [
            (rule.org_admin, Grant::Yes, Some(ApprovalClause::OrgAdmin)),
            (rule.org_member, Grant::OwnWork, Some(ApprovalClause::Requester)),
            (rule.team_admin, Grant::Own, Some(ApprovalClause::TeamAdmin)),
            (rule.team_member, Grant::No, None),
            (rule.agent_admin, Grant::Own, Some(ApprovalClause::AgentAdmin)),
        ];
        for (cell, grant, _) in cells {
            assert_eq!(cell, grant);
        }
        let clauses: Vec<_> = cells.into_iter().filter_map(|(_, _, clause)| clause).collect();
        assert_eq!(clauses, APPROVAL);
    }
}
