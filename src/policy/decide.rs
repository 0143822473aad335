//! The decision: a pure function over the table.

use std::collections::BTreeSet;

use entity::enums::{AgentVisibility, CollaboratorPermission, ServiceScope, TeamRole};

use super::{
    facts::{AccountFacts, AgentFacts, ApprovalFacts, Resource},
    table::{Grant, Permission, Rule, ServiceGrant, SignInRequired, rule},
    visibility::{can_see_agent, sees, sees_approval},
};
use crate::{
    error::Error,
    viewer::{Account, AgentAccess, ServiceViewer, TenantViewer, Viewer},
};

/// What a viewer is answered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// It may.
    Allow,
    /// For this viewer the object does not exist.
    Hide,
    /// It may see the object but not do this.
    Forbid,
    /// It must sign in first.
    SignIn,
}

/// An outcome, with the cell of the table that decided.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Decision {
    /// What is answered.
    pub outcome: Outcome,
    /// The column of the table that granted it, or why none did.
    pub by: &'static str,
    /// The row of the table.
    pub permission: Permission,
}

impl Decision {
    /// Whether the viewer may.
    pub fn allowed(&self) -> bool {
        self.outcome == Outcome::Allow
    }

    /// Turns everything but `Allow` into the error that a client reads.
    pub fn require(&self) -> Result<(), Error> {
        match self.outcome {
            Outcome::Allow => Ok(()),
            Outcome::Hide => Err(Error::NotFound),
            Outcome::Forbid => Err(Error::Forbidden(rule(self.permission).permission.as_str())),
            Outcome::SignIn => Err(Error::Unauthenticated),
        }
    }
}

/// Decides whether `viewer` may do `permission` to `resource`, which must have been loaded under the viewer's own scope.
pub fn decide(viewer: &Viewer, permission: Permission, resource: Resource<'_>) -> Decision {
    let rule = rule(permission);
    let (outcome, by) = match viewer {
        Viewer::Anonymous if rule.sign_in == SignInRequired::None => (Outcome::Allow, "anyone"),
        Viewer::Anonymous => (Outcome::SignIn, "anonymous"),
        Viewer::Unaffiliated(account) => match rule.sign_in {
            SignInRequired::None => (Outcome::Allow, "anyone"),
            SignInRequired::Account if grants_person(rule, account, resource) => (Outcome::Allow, "account"),
            _ => (Outcome::Hide, "no_organization"),
        },
        Viewer::SuperAdmin(_) => match rule.super_admin {
            Grant::Yes | Grant::Metadata if super_admin_reaches(permission, resource) => {
                (Outcome::Allow, "super_admin")
            }
            _ => (Outcome::Forbid, "super_admin"),
        },
        Viewer::Tenant(tenant) => decide_tenant(tenant, rule, resource),
        Viewer::ServiceAccount(key) if !reaches(key, resource) => (Outcome::Hide, "not_found"),
        Viewer::ServiceAccount(key) if service_account_holds(key, rule) => (Outcome::Allow, "service_account"),
        Viewer::ServiceAccount(_) => (Outcome::Forbid, "no_scope"),
    };
    Decision { outcome, by, permission }
}

/// Whether the scopes of the viewer's token leave the row: a token that names scopes does no more than a key with them.
fn within_scopes(account: &Account, rule: &Rule) -> bool {
    account.scopes().is_none_or(|scopes| rule.sign_in == SignInRequired::None || scopes_hold(scopes, rule))
}

/// Whether a member may read rows that `permission` governs at all, as far as the scopes of its token go.
pub fn member_reads(viewer: &TenantViewer, permission: Permission) -> bool {
    within_scopes(&viewer.account, rule(permission))
}

/// Whether it is the viewer's own account, and the viewer its owner. An external issuer speaks inside organisations: an
/// account as such, with what it is elsewhere, is not an issuer's to change.
fn owns(account: &Account, facts: &AccountFacts) -> bool {
    facts.user_id == account.user_id && account.session_id().is_some()
}

/// Rows about one's own account hold without any organisation, but for oneself only.
fn grants_person(rule: &Rule, account: &Account, resource: Resource<'_>) -> bool {
    if !within_scopes(account, rule) {
        return false;
    }
    match (rule.org_member, resource) {
        (Grant::Personal, Resource::Account(facts)) => owns(account, facts),
        (Grant::Personal, _) | (Grant::No, _) => false,
        _ => true,
    }
}

/// A row about global agents says nothing of an organisation's own.
fn super_admin_reaches(permission: Permission, resource: Resource<'_>) -> bool {
    match (permission, resource) {
        (Permission::AgentManageGlobal, Resource::Agent(agent)) => agent.is_global(),
        (Permission::AgentManageGlobal, Resource::NewAgent(agent)) => agent.org_id.is_none(),
        _ => true,
    }
}

fn decide_tenant(viewer: &TenantViewer, rule: &Rule, resource: Resource<'_>) -> (Outcome, &'static str) {
    if !visible(viewer, resource) {
        return (Outcome::Hide, "not_found");
    }
    if !within_scopes(&viewer.account, rule) {
        return (Outcome::Forbid, "scopes");
    }
    // A global agent is the platform's: an organisation uses it and governs its own approvals, and changes nothing of it.
    let changes_agent = matches!(rule.permission, Permission::AgentUpdate | Permission::AgentAdminister);
    if changes_agent && agent_of(resource).is_some_and(AgentFacts::is_global) {
        return (Outcome::Forbid, "global_agent");
    }
    // Nobody answers what is asked for themselves.
    if let Resource::MembershipRequest(request) = resource
        && request.concerns == viewer.account.user_id
    {
        return (Outcome::Forbid, "oneself");
    }
    // Which agents a row creates is said by their visibility: no row reaches another's.
    if let Resource::NewAgent(agent) = resource
        && !creates(rule.permission, agent.visibility)
    {
        return (Outcome::Forbid, "other_visibility");
    }
    for (column, grant) in columns(viewer, rule, resource) {
        if holds(viewer, grant, resource) {
            return match resource {
                Resource::Approval(approval) if rule.permission == Permission::ApprovalDecide => {
                    decides(viewer, approval, column)
                }
                _ => (Outcome::Allow, column),
            };
        }
    }
    (Outcome::Forbid, "no_role")
}

/// Nobody decides their own request, whatever their role. The one exception is an organisation's only admin where one
/// approval is needed: otherwise an organisation of one could approve nothing. The two-person rule has none.
fn decides(viewer: &TenantViewer, approval: &ApprovalFacts, column: &'static str) -> (Outcome, &'static str) {
    if approval.requested_by != Some(viewer.account.user_id) {
        return (Outcome::Allow, column);
    }
    if viewer.is_org_admin() && approval.one_admin && approval.required_approvals <= 1 {
        return (Outcome::Allow, "only_admin");
    }
    (Outcome::Forbid, "own_request")
}

/// Whether the row is the one for creating agents of this visibility.
const fn creates(permission: Permission, visibility: AgentVisibility) -> bool {
    match permission {
        Permission::AgentCreate => matches!(visibility, AgentVisibility::Private | AgentVisibility::Public),
        Permission::AgentCreateTeam => matches!(visibility, AgentVisibility::Team),
        Permission::AgentManageGlobal => matches!(visibility, AgentVisibility::Global),
        _ => true,
    }
}

/// Whether a key has a scope that the row asks for.
fn service_account_holds(key: &ServiceViewer, rule: &Rule) -> bool {
    scopes_hold(&key.scopes, rule)
}

fn scopes_hold(held: &BTreeSet<ServiceScope>, rule: &Rule) -> bool {
    match rule.service_account {
        ServiceGrant::No => false,
        ServiceGrant::Any => true,
        ServiceGrant::Scope(scopes) => scopes.iter().any(|scope| held.contains(scope)),
    }
}

/// Whether a key may read rows that `permission` governs, as far as its agents go. `store::scope` selects none of a table
/// whose row of this table the key does not hold, whatever the path that leads there.
pub fn service_account_reads(key: &ServiceViewer, permission: Permission) -> bool {
    service_account_holds(key, rule(permission))
}

/// The columns that the viewer stands in, in relation to the object.
pub(super) fn columns(
    viewer: &TenantViewer,
    rule: &Rule,
    resource: Resource<'_>,
) -> impl Iterator<Item = (&'static str, Grant)> {
    let (team_admin, team_member) = match team_of(resource) {
        Some(team) => (viewer.teams.get(&team) == Some(&TeamRole::Admin), viewer.teams.contains_key(&team)),
        None => (false, false),
    };
    let agent_admin = agent_of(resource).is_some_and(|agent| agent.is_agent_admin);
    [
        ("org_admin", viewer.is_org_admin(), rule.org_admin),
        ("org_member", true, rule.org_member),
        ("team_admin", team_admin, rule.team_admin),
        ("team_member", team_member, rule.team_member),
        ("agent_admin", agent_admin, rule.agent_admin),
    ]
    .into_iter()
    .filter(|(_, stands, _)| *stands)
    .map(|(column, _, grant)| (column, grant))
}

pub(super) fn holds(viewer: &TenantViewer, grant: Grant, resource: Resource<'_>) -> bool {
    match grant {
        // `Metadata` is a super-admin's cell; in a tenant's column it would be a mistake of the table, so it grants nothing.
        Grant::No | Grant::Metadata => false,
        Grant::Yes => true,
        Grant::Own => team_of(resource).is_some() || agent_of(resource).is_some_and(|agent| agent.is_agent_admin),
        Grant::ByVisibility => match resource {
            // Nobody speaks in another's chat, whatever their role.
            Resource::Chat(chat) => {
                chat.user_id == Some(viewer.account.user_id)
                    && chat.agent.as_ref().is_some_and(|agent| sees(viewer, agent))
            }
            _ => agent_of(resource).is_none_or(|agent| sees(viewer, agent)),
        },
        Grant::Share(least) => agent_of(resource).is_some_and(|agent| shares(viewer, agent, least)),
        Grant::OwnWork => match resource {
            Resource::Goal(goal) => {
                goal.submitted_by == Some(viewer.account.user_id)
                    || shares(viewer, &goal.agent, CollaboratorPermission::Edit)
            }
            // What one's own goal asked is one's own; who may change the agent has no part in its approvals.
            Resource::Approval(approval) => approval.requested_by == Some(viewer.account.user_id),
            _ => false,
        },
        Grant::NoActiveAdmin => matches!(resource, Resource::MembershipRequest(request) if request.no_active_admin),
        Grant::Personal => match resource {
            Resource::Account(account) => owns(&viewer.account, account),
            Resource::Chat(chat) => chat.user_id == Some(viewer.account.user_id),
            _ => false,
        },
    }
}

fn shares(viewer: &TenantViewer, agent: &AgentFacts, least: CollaboratorPermission) -> bool {
    agent.owner_id == Some(viewer.account.user_id) || agent.share.is_some_and(|share| share >= least)
}

pub(super) fn team_of(resource: Resource<'_>) -> Option<entity::ids::TeamId> {
    match resource {
        Resource::Team(team) => Some(team.key.id),
        Resource::Agent(agent) => agent.team_id,
        Resource::NewAgent(agent) => agent.team_id,
        Resource::Goal(goal) => goal.agent.team_id,
        Resource::Approval(approval) => approval.agent.team_id,
        Resource::Chat(chat) => chat.agent.as_ref().and_then(|agent| agent.team_id),
        Resource::Platform
        | Resource::Account(_)
        | Resource::Organization(_)
        | Resource::Worker(_)
        | Resource::MembershipRequest(_) => None,
    }
}

pub(super) fn agent_of<'a>(resource: Resource<'a>) -> Option<&'a AgentFacts> {
    match resource {
        Resource::Agent(agent) => Some(agent),
        Resource::Goal(goal) => Some(&goal.agent),
        Resource::Approval(approval) => Some(&approval.agent),
        Resource::Chat(chat) => chat.agent.as_ref(),
        _ => None,
    }
}

/// Whether the object exists for the viewer at all.
fn visible(viewer: &TenantViewer, resource: Resource<'_>) -> bool {
    match resource {
        Resource::Platform | Resource::Account(_) => true,
        Resource::Organization(org) => org.org_id == viewer.org_id,
        Resource::MembershipRequest(request) => request.org_id == viewer.org_id,
        Resource::Team(team) => team.key.org_id == viewer.org_id,
        Resource::Agent(agent) => sees(viewer, agent),
        Resource::NewAgent(agent) => agent.org_id.is_none_or(|org_id| org_id == viewer.org_id),
        Resource::Goal(goal) => goal.org_id == viewer.org_id && sees(viewer, &goal.agent),
        Resource::Approval(approval) => sees_approval(viewer, approval),
        // One's own chats stay, also where their agent went out of sight.
        Resource::Chat(chat) => {
            chat.org_id == viewer.org_id && (viewer.is_org_admin() || chat.user_id == Some(viewer.account.user_id))
        }
        Resource::Worker(worker) => worker.org_id == viewer.org_id,
    }
}

/// Whether the object exists for a service account: its organisation's, and of agents those that it was made for.
fn reaches(key: &ServiceViewer, resource: Resource<'_>) -> bool {
    match resource {
        Resource::Platform | Resource::Account(_) => true,
        Resource::Organization(org) => org.org_id == key.org_id,
        Resource::MembershipRequest(request) => request.org_id == key.org_id,
        Resource::Team(team) => team.key.org_id == key.org_id,
        Resource::Agent(agent) => can_see_agent(key, agent),
        Resource::NewAgent(agent) => agent.org_id.is_none_or(|org_id| org_id == key.org_id),
        Resource::Goal(goal) => goal.org_id == key.org_id && can_see_agent(key, &goal.agent),
        Resource::Approval(approval) => approval.org_id == key.org_id && can_see_agent(key, &approval.agent),
        Resource::Chat(chat) => {
            chat.org_id == key.org_id && chat.agent.as_ref().is_some_and(|agent| can_see_agent(key, agent))
        }
        // Another key's worker is not there: whoever could speak for it could finish its tasks.
        Resource::Worker(worker) => worker.org_id == key.org_id && worker.service_account_id == Some(key.id),
    }
}

/// Whether the viewer may start an operation that this row (or one it opens) governs: the operation guard's question,
/// asked before anything is loaded, so that it depends on nothing but the viewer.
pub fn can_start_operation(viewer: &Viewer, permission: Permission) -> Result<(), Error> {
    let rows = std::iter::once(permission).chain(rule(permission).opens.iter().copied());
    let mut refusal = Error::Forbidden(permission.as_str());
    for row in rows {
        match start(viewer, rule(row)) {
            Outcome::Allow => return Ok(()),
            Outcome::SignIn => refusal = Error::Unauthenticated,
            Outcome::Hide | Outcome::Forbid => {}
        }
    }
    Err(refusal)
}

fn start(viewer: &Viewer, rule: &Rule) -> Outcome {
    let allowed = match viewer {
        Viewer::Anonymous if rule.sign_in != SignInRequired::None => return Outcome::SignIn,
        Viewer::Anonymous => true,
        Viewer::Unaffiliated(account) => rule.sign_in != SignInRequired::Membership && within_scopes(account, rule),
        Viewer::SuperAdmin(_) => rule.super_admin != Grant::No,
        Viewer::Tenant(tenant) if !within_scopes(&tenant.account, rule) => false,
        Viewer::Tenant(tenant) => {
            rule.org_member != Grant::No
                || tenant.is_org_admin() && rule.org_admin != Grant::No
                || !tenant.teams.is_empty() && rule.team_member != Grant::No
                || tenant.teams.values().any(|role| *role == TeamRole::Admin) && rule.team_admin != Grant::No
                // Who is an agent's admin is known only once the agent is loaded.
                || rule.agent_admin != Grant::No
        }
        Viewer::ServiceAccount(key) => service_account_holds(key, rule),
    };
    if allowed { Outcome::Allow } else { Outcome::Forbid }
}

/// Whether the viewer holds the row for the whole of its organisation (or platform), whatever the object.
pub fn holds_everywhere(viewer: &Viewer, permission: Permission) -> bool {
    let rule = rule(permission);
    match viewer {
        Viewer::Anonymous => rule.sign_in == SignInRequired::None,
        Viewer::Unaffiliated(account) => {
            rule.sign_in != SignInRequired::Membership && rule.org_member == Grant::Yes && within_scopes(account, rule)
        }
        Viewer::SuperAdmin(_) => matches!(rule.super_admin, Grant::Yes | Grant::Metadata),
        Viewer::Tenant(tenant) => {
            within_scopes(&tenant.account, rule)
                && (rule.org_member == Grant::Yes || tenant.is_org_admin() && rule.org_admin == Grant::Yes)
        }
        // One made for some agents holds throughout only what is not about agents.
        Viewer::ServiceAccount(key) => {
            service_account_holds(key, rule) && (key.agents == AgentAccess::All || rule.org_member == Grant::Yes)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use entity::{
        enums::OrgRole,
        ids::{OrgId, SessionId, TypedId, UserId},
    };
    use uuid::Uuid;

    use super::*;
    use crate::{policy::facts::NewAgent, viewer::Account};

    fn viewer(org_role: OrgRole) -> (OrgId, Viewer) {
        let org_id = OrgId::from_uuid(Uuid::from_u128(1));
        let account =
            Account::signed_in(UserId::from_uuid(Uuid::from_u128(2)), SessionId::from_uuid(Uuid::from_u128(3)));
        (org_id, Viewer::Tenant(TenantViewer { account, org_id, org_role, teams: BTreeMap::new() }))
    }

    #[test]
    fn a_row_creates_agents_of_its_own_visibility_only() {
        let (org_id, admin) = viewer(OrgRole::Admin);
        for visibility in [AgentVisibility::Team, AgentVisibility::Global] {
            let new = NewAgent { org_id: Some(org_id), visibility, team_id: None };
            let decision = decide(&admin, Permission::AgentCreate, Resource::NewAgent(&new));
            assert_eq!(decision.outcome, Outcome::Forbid, "{visibility:?}");
        }
        let new = NewAgent { org_id: Some(org_id), visibility: AgentVisibility::Private, team_id: None };
        assert!(decide(&admin, Permission::AgentCreate, Resource::NewAgent(&new)).allowed());
    }

    #[test]
    fn a_global_agent_is_changed_by_no_role_of_an_organisation() {
        let (_, admin) = viewer(OrgRole::Admin);
        let agent = AgentFacts {
            key: crate::policy::AgentKey { org_id: None, id: entity::ids::AgentId::from_uuid(Uuid::from_u128(9)) },
            visibility: AgentVisibility::Global,
            owner_id: None,
            team_id: None,
            share: Some(CollaboratorPermission::Admin),
            is_agent_admin: true,
        };
        for permission in [Permission::AgentUpdate, Permission::AgentAdminister, Permission::AgentManageGlobal] {
            assert_eq!(decide(&admin, permission, Resource::Agent(&agent)).outcome, Outcome::Forbid);
        }
        assert!(decide(&admin, Permission::AgentGovern, Resource::Agent(&agent)).allowed());
    }

    #[test]
    fn an_anonymous_viewer_is_told_to_sign_in_before_anything_else() {
        for permission in Permission::ALL {
            let outcome = decide(&Viewer::Anonymous, *permission, Resource::Platform).outcome;
            let open = rule(*permission).sign_in == SignInRequired::None;
            assert_eq!(outcome, if open { Outcome::Allow } else { Outcome::SignIn }, "{}", permission.as_str());
        }
    }
}
