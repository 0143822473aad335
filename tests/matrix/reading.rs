//! A second reading of the permission table: what a cell means for somebody whose relations are known by construction.
//! It asks neither the database nor `policy::decide`.

use entity::enums::{AgentVisibility, CollaboratorPermission, ServiceScope, TeamRole};
use palisade::policy::{
    Permission, Rule, rule,
    table::{Grant, ServiceGrant, SignInRequired},
};

use super::cast::{Actor, Agent, Holder, Is, Org, PLACES, agent, place};

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Verdict {
    Allow,
    Forbid,
    Hide,
    SignIn,
    /// Turned away at the door, whatever is asked.
    Gone,
    /// Allowed, and refused by the state of things or for what was said: where a case says so.
    State(&'static str),
}

/// What is asked about.
#[derive(Clone, Copy, Debug)]
pub enum Object {
    /// The platform, or the asker's own organisation as a whole.
    Whole,
    Org(Org),
    Account(&'static str),
    Team(&'static str),
    Agent(&'static str),
    /// An agent to be made.
    New(AgentVisibility, Option<&'static str>),
    Goal(&'static str, Org, &'static str),
    Approval(&'static str, Org, &'static str),
    Chat(&'static str, Org, &'static str),
    /// A worker, by the key that registered it.
    Worker(&'static str),
    Key(&'static str),
    /// A request for membership of that organisation.
    Request(Org),
}

/// Whether the actor may start an operation of this row at all.
fn starts(actor: &Actor, row: &Rule) -> Option<Verdict> {
    let allowed = match actor.is {
        Is::Gone => return Some(Verdict::Gone),
        Is::Nobody if row.sign_in == SignInRequired::None => true,
        Is::Nobody => return Some(Verdict::SignIn),
        Is::Unaffiliated => row.sign_in != SignInRequired::Membership,
        Is::Operator => row.super_admin != Grant::No,
        Is::Key { scopes, .. } => scoped(scopes, row),
        Is::Member { admin, .. } => {
            let places: Vec<TeamRole> =
                PLACES.iter().filter(|(_, who, _)| *who == actor.name).map(|(.., role)| *role).collect();
            row.org_member != Grant::No
                || (admin && row.org_admin != Grant::No)
                || (!places.is_empty() && row.team_member != Grant::No)
                || (places.contains(&TeamRole::Admin) && row.team_admin != Grant::No)
                // Whose admin somebody is, is not known before the agent is.
                || row.agent_admin != Grant::No
        }
    };
    (!allowed).then_some(Verdict::Forbid)
}

fn scoped(held: &[ServiceScope], row: &Rule) -> bool {
    match row.service_account {
        ServiceGrant::No => false,
        ServiceGrant::Any => true,
        ServiceGrant::Scope(wanted) => wanted.iter().any(|scope| held.contains(scope)),
    }
}

/// What an operation governed by `field`'s row is answered, that needs each of `needs` in turn.
pub fn verdict(actor: &Actor, field: Permission, needs: &[(Permission, Object)]) -> Verdict {
    let rows = std::iter::once(field).chain(rule(field).opens.iter().copied());
    let refusals: Vec<Verdict> = rows.map_while(|row| starts(actor, rule(row))).collect();
    if refusals.len() > rule(field).opens.len() {
        return refusals[0];
    }
    needs
        .iter()
        .map(|(row, object)| one(actor, *row, *object))
        .find(|verdict| *verdict != Verdict::Allow)
        .unwrap_or(Verdict::Allow)
}

/// What the row says of one object.
pub fn one(actor: &Actor, row: Permission, object: Object) -> Verdict {
    let cells = rule(row);
    match actor.is {
        Is::Gone => Verdict::Gone,
        Is::Nobody if cells.sign_in == SignInRequired::None => Verdict::Allow,
        Is::Nobody => Verdict::SignIn,
        _ if !exists(actor, object) => Verdict::Hide,
        _ if grants(actor, cells, object) => Verdict::Allow,
        // Whoever works in no organisation is told of nothing in one.
        Is::Unaffiliated => Verdict::Hide,
        _ => Verdict::Forbid,
    }
}

fn can_see_agent(only: Option<&str>, org: Org, of: &Agent) -> bool {
    of.org.is_none_or(|owner| owner == org) && only.is_none_or(|only| only == of.name)
}

/// Who may see and use an agent: the table of visibilities.
pub fn sees(actor: &Actor, of: &Agent) -> bool {
    match actor.is {
        Is::Operator => true,
        Is::Key { org, only, .. } => can_see_agent(only, org, of),
        Is::Member { org, admin } => {
            if of.org.is_some_and(|owner| owner != org) {
                return false;
            }
            let by_visibility = match of.visibility {
                AgentVisibility::Global | AgentVisibility::Public => true,
                AgentVisibility::Team => of.team.is_some_and(|team| place(team, actor.name).is_some()),
                AgentVisibility::Private => of.owner == Some(actor.name) || share(actor, of).is_some(),
            };
            by_visibility || admin || agent_admin(actor, of)
        }
        Is::Nobody | Is::Gone | Is::Unaffiliated => false,
    }
}

fn share(actor: &Actor, of: &Agent) -> Option<CollaboratorPermission> {
    let reaches = |holder: &Holder| match holder {
        Holder::User(name) => *name == actor.name,
        Holder::Team(team) => place(team, actor.name).is_some(),
    };
    of.shares.iter().filter(|(holder, _)| reaches(holder)).map(|(_, permission)| *permission).max()
}

/// An agent's admins are appointed in one organisation, a global agent's too.
fn agent_admin(actor: &Actor, of: &Agent) -> bool {
    of.admins.contains(&actor.name)
}

/// Whether the object is there for the actor.
pub fn exists(actor: &Actor, object: Object) -> bool {
    let name = actor.name;
    let mine = |org: Org| actor.org() == Some(org);
    if actor.is == Is::Operator {
        return true;
    }
    if actor.is == Is::Unaffiliated {
        return matches!(object, Object::Whole | Object::Account(_));
    }
    let Is::Member { admin, .. } = actor.is else {
        let Is::Key { org, only, .. } = actor.is else { return false };
        let of_agent = |of: &str| can_see_agent(only, org, agent(of));
        return match object {
            Object::Whole | Object::Account(_) => true,
            Object::Org(of) | Object::Request(of) => of == org,
            Object::Team(team) => org_of_team(team) == org,
            Object::Agent(of) => of_agent(of),
            Object::New(_, team) => team.is_none_or(|team| org_of_team(team) == org),
            Object::Goal(of, whose, _) | Object::Approval(of, whose, _) | Object::Chat(of, whose, _) => {
                whose == org && of_agent(of)
            }
            // Another key's worker, and another key, are not there.
            Object::Worker(key) | Object::Key(key) => key == name,
        };
    };
    match object {
        Object::Whole | Object::Account(_) => true,
        Object::Org(org) | Object::Request(org) => mine(org),
        Object::Team(team) => mine(org_of_team(team)),
        Object::Agent(of) => sees(actor, agent(of)),
        Object::New(_, team) => team.is_none_or(|team| mine(org_of_team(team))),
        Object::Goal(of, org, _) => mine(org) && sees(actor, agent(of)),
        Object::Approval(of, org, by) => {
            let of = agent(of);
            let leads = of.team.is_some_and(|team| place(team, name) == Some(TeamRole::Admin));
            mine(org) && sees(actor, of) && (admin || by == name || leads || agent_admin(actor, of))
        }
        Object::Chat(_, org, whose) => mine(org) && (admin || whose == name),
        Object::Worker(key) | Object::Key(key) => super::cast::named(key).org().is_some_and(mine),
    }
}

pub fn org_of_team(team: &str) -> Org {
    super::cast::TEAMS.iter().find(|(name, _)| *name == team).map(|(_, org)| *org).unwrap()
}

/// Whether a cell of a column that the actor stands in grants it.
fn grants(actor: &Actor, row: &Rule, object: Object) -> bool {
    let about = match object {
        Object::Agent(of) | Object::Goal(of, ..) | Object::Approval(of, ..) | Object::Chat(of, ..) => Some(agent(of)),
        _ => None,
    };
    match actor.is {
        Is::Nobody | Is::Gone => false,
        Is::Unaffiliated => match (row.sign_in, row.org_member) {
            (SignInRequired::None, _) => true,
            (SignInRequired::Account, Grant::Personal) => matches!(object, Object::Account(who) if who == actor.name),
            (SignInRequired::Account, cell) => cell != Grant::No,
            (SignInRequired::Membership, _) => false,
        },
        Is::Operator => match row.permission {
            // The platform's agents, and no organisation's.
            Permission::AgentManageGlobal => {
                about.is_none_or(|of| of.org.is_none())
                    && !matches!(object, Object::New(visibility, _) if visibility != AgentVisibility::Global)
            }
            _ => matches!(row.super_admin, Grant::Yes | Grant::Metadata),
        },
        Is::Key { scopes, .. } => scoped(scopes, row),
        Is::Member { admin, .. } => {
            let changes = [Permission::AgentUpdate, Permission::AgentAdminister].contains(&row.permission);
            if changes && about.is_some_and(|of| of.visibility == AgentVisibility::Global) {
                return false;
            }
            if row.permission == Permission::ApprovalDecide
                && matches!(object, Object::Approval(_, _, by) if by == actor.name)
            {
                return false;
            }
            let team = match object {
                Object::Team(team) | Object::New(_, Some(team)) => Some(team),
                _ => about.and_then(|of| of.team),
            };
            let place = team.and_then(|team| place(team, actor.name));
            let appointed = about.is_some_and(|of| agent_admin(actor, of));
            (admin && cell(actor, row.org_admin, object, about))
                || cell(actor, row.org_member, object, about)
                || (place == Some(TeamRole::Admin) && cell(actor, row.team_admin, object, about))
                || (place.is_some() && cell(actor, row.team_member, object, about))
                || (appointed && cell(actor, row.agent_admin, object, about))
        }
    }
}

/// One cell, for a member who stands in its column.
fn cell(actor: &Actor, cell: Grant, object: Object, about: Option<&Agent>) -> bool {
    let holds = |least| {
        about.is_some_and(|of| of.owner == Some(actor.name) || share(actor, of).is_some_and(|held| held >= least))
    };
    match cell {
        Grant::No | Grant::Metadata | Grant::NoActiveAdmin => false,
        // The team, or the agent, that the column is for: whoever stands in it stands in relation to it.
        Grant::Yes | Grant::Own => true,
        Grant::ByVisibility => match object {
            Object::Chat(_, _, whose) => whose == actor.name && about.is_some_and(|of| sees(actor, of)),
            _ => about.is_none_or(|of| sees(actor, of)),
        },
        Grant::Share(least) => holds(least),
        Grant::OwnWork => match object {
            Object::Goal(_, _, by) => by == actor.name || holds(CollaboratorPermission::Edit),
            Object::Approval(_, _, by) => by == actor.name,
            _ => false,
        },
        Grant::Personal => match object {
            Object::Account(who) | Object::Chat(_, _, who) => who == actor.name,
            _ => false,
        },
    }
}
