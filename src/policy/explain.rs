//! A decision with its reasons, for a person who asks why: which columns of the table the viewer stands in, what each
//! column's cell is, and which facts were looked at. Names and ids, never content.

use entity::ids::TeamId;

use super::{
    decide::{Decision, Outcome, agent_of, columns, decide, holds, team_of},
    facts::{AgentFacts, Resource},
    markdown,
    table::{Grant, Permission, Rule, SignInRequired, rule},
};
use crate::viewer::{AgentAccess, TenantViewer, Viewer};

/// A column of the table that the viewer stands in.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reading {
    /// The column.
    pub column: &'static str,
    /// Its cell, as the published matrix shows it.
    pub cell: String,
    /// Whether the cell grants this to this viewer.
    pub grants: bool,
}

/// A fact that was looked at.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fact {
    /// What it is about.
    pub name: &'static str,
    /// What it is.
    pub value: String,
}

/// A decision and what led to it.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// What is answered.
    pub decision: Decision,
    /// The columns that the viewer stands in; none where the object does not exist for it.
    pub readings: Vec<Reading>,
    /// What was looked at; nothing where the object does not exist for it.
    pub facts: Vec<Fact>,
}

impl Explanation {
    /// The explanation for an object that is absent, hidden or another organisation's: the same for all three.
    pub const fn not_found(permission: Permission) -> Self {
        let decision = Decision { outcome: Outcome::Hide, by: "not_found", permission };
        Self { decision, readings: Vec::new(), facts: Vec::new() }
    }

    /// Whether what is allowed is to see metadata, and to change nothing.
    pub fn metadata_only(&self) -> bool {
        let row = rule(self.decision.permission);
        self.decision.allowed() && self.decision.by == "super_admin" && row.super_admin == Grant::Metadata
    }

    /// Why it was decided so, in a sentence.
    pub const fn why(&self) -> &'static str {
        why(self.decision)
    }
}

const fn why(decision: Decision) -> &'static str {
    let by = decision.by.as_bytes();
    match (decision.outcome, by) {
        (Outcome::Hide, b"no_organization") => "The account works in no organisation, where this does not exist.",
        (Outcome::Hide, _) => "Absent, hidden or another organisation's: the answer is the same for all three.",
        (Outcome::SignIn, _) => "Nobody is signed in.",
        (Outcome::Allow, b"anyone") => "Anybody may, signed in or not.",
        (Outcome::Allow, b"account") => "Whoever is signed in may, for themselves.",
        (Outcome::Allow, b"only_admin") => {
            "Their own request; allowed, since the organisation has no other admin and one approval is enough."
        }
        (Outcome::Allow, _) => "The cell of this column grants it.",
        (Outcome::Forbid, b"super_admin") => "The cell of super-admins does not grant it.",
        (Outcome::Forbid, b"no_scope") => "The key has none of the scopes that the row asks for.",
        (Outcome::Forbid, b"scopes") => "The token names scopes, and none of them is one that the row asks for.",
        (Outcome::Forbid, b"global_agent") => {
            "A global agent is the platform's: no role of an organisation changes it."
        }
        (Outcome::Forbid, b"oneself") => "Nobody answers what is asked for themselves.",
        (Outcome::Forbid, b"other_visibility") => "Another row governs agents of this visibility.",
        (Outcome::Forbid, b"own_request") => "A column grants it, but nobody decides their own request.",
        (Outcome::Forbid, _) => "No column that the viewer stands in grants it.",
    }
}

/// Decides as [`decide`] does, and says why.
pub fn explain(viewer: &Viewer, permission: Permission, resource: Resource<'_>) -> Explanation {
    let decision = decide(viewer, permission, resource);
    if decision.outcome == Outcome::Hide {
        return Explanation { decision, ..Explanation::not_found(permission) };
    }
    let rule = rule(permission);
    let readings = readings(viewer, rule, resource, decision);
    Explanation { decision, readings, facts: facts(viewer, resource) }
}

fn readings(viewer: &Viewer, rule: &Rule, resource: Resource<'_>, decision: Decision) -> Vec<Reading> {
    let one = |column, cell| vec![Reading { column, cell, grants: decision.allowed() }];
    match viewer {
        Viewer::Anonymous => Vec::new(),
        Viewer::Unaffiliated(_) => {
            let door = match rule.sign_in {
                SignInRequired::None => "anybody",
                SignInRequired::Account => "whoever is signed in",
                SignInRequired::Membership => "whoever has a role",
            };
            one("account", door.to_owned())
        }
        Viewer::SuperAdmin(_) => one("super_admin", markdown::cell(rule.super_admin).to_owned()),
        Viewer::ServiceAccount(_) => one("service_account", markdown::service_cell(rule.service_account)),
        Viewer::Tenant(tenant) => columns(tenant, rule, resource)
            .map(|(column, grant)| {
                let grants = holds(tenant, grant, resource);
                Reading { column, cell: markdown::cell(grant).to_owned(), grants }
            })
            .collect(),
    }
}

fn facts(viewer: &Viewer, resource: Resource<'_>) -> Vec<Fact> {
    let mut facts = Vec::new();
    about_viewer(viewer, &mut facts);
    let mut say = |name, value: String| facts.push(Fact { name, value });
    let me = viewer.user_id();
    let mine = |user: Option<_>| word(user.is_some() && user == me);
    match resource {
        Resource::Platform => say("asked about", "the platform".to_owned()),
        Resource::Account(account) => say("own account", mine(Some(account.user_id))),
        Resource::Organization(org) => say("own organisation", word(viewer.org_id() == Some(org.org_id))),
        Resource::MembershipRequest(request) => say("concerns the viewer", mine(Some(request.concerns))),
        Resource::Goal(goal) => say("submitted by the viewer", mine(goal.submitted_by)),
        Resource::Approval(approval) => {
            say("requested by the viewer", mine(approval.requested_by));
            say("approvals needed", approval.required_approvals.to_string());
            say("the organisation has one admin only", word(approval.one_admin));
        }
        Resource::Chat(chat) => {
            say("the viewer's chat", mine(chat.user_id));
            say("the agent is in sight", word(chat.agent.is_some()));
        }
        Resource::NewAgent(agent) => say("visibility", agent.visibility.as_str().to_owned()),
        Resource::Team(_) | Resource::Agent(_) | Resource::Worker(_) => {}
    }
    if let Some(agent) = agent_of(resource) {
        about_agent(viewer, agent, &mut facts);
    }
    if let (Some(tenant), Some(team)) = (viewer.tenant(), team_of(resource)) {
        facts.push(Fact { name: "role in its team", value: team_role(tenant, team) });
    }
    facts
}

fn about_viewer(viewer: &Viewer, facts: &mut Vec<Fact>) {
    let mut say = |name, value: String| facts.push(Fact { name, value });
    let kind = match viewer {
        Viewer::Anonymous => "nobody",
        Viewer::Unaffiliated(_) => "an account in no organisation",
        Viewer::Tenant(_) => "a member",
        Viewer::ServiceAccount(_) => "a service account",
        Viewer::SuperAdmin(_) => "a super-admin",
    };
    say("viewer", kind.to_owned());
    if let Some(org_id) = viewer.org_id() {
        say("organisation", org_id.to_string());
    }
    match viewer {
        Viewer::Tenant(tenant) => {
            say("organisation role", tenant.org_role.as_str().to_owned());
            let teams = tenant.teams.iter().map(|(team, role)| format!("{team} {}", role.as_str()));
            say("teams", list(teams));
        }
        Viewer::ServiceAccount(key) => {
            say("scopes", list(key.scopes.iter().map(|scope| markdown::scope(*scope).to_owned())));
            say(
                "agents",
                match &key.agents {
                    AgentAccess::All => "all".to_owned(),
                    AgentAccess::Named(agents) => list(agents.iter().map(ToString::to_string)),
                },
            );
        }
        Viewer::Anonymous | Viewer::Unaffiliated(_) | Viewer::SuperAdmin(_) => {}
    }
}

fn about_agent(viewer: &Viewer, agent: &AgentFacts, facts: &mut Vec<Fact>) {
    let mut say = |name, value: String| facts.push(Fact { name, value });
    say("agent", agent.key.id.to_string());
    say("visibility", agent.visibility.as_str().to_owned());
    if viewer.tenant().is_some() {
        say("owner", word(agent.owner_id.is_some() && agent.owner_id == viewer.user_id()));
        say("collaborator", agent.share.map_or_else(|| "no".to_owned(), |share| share.as_str().to_owned()));
        say("agent admin", word(agent.is_agent_admin));
    }
}

fn team_role(tenant: &TenantViewer, team: TeamId) -> String {
    tenant.teams.get(&team).map_or_else(|| "none".to_owned(), |role| role.as_str().to_owned())
}

fn list(words: impl Iterator<Item = String>) -> String {
    let words: Vec<String> = words.collect();
    if words.is_empty() { "none".to_owned() } else { words.join(", ") }
}

fn word(yes: bool) -> String {
    if yes { "yes" } else { "no" }.to_owned()
}
