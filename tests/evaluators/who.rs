//! Who asks, by the facts alone.

use std::collections::{BTreeMap, BTreeSet};

use entity::enums::{
    MembershipStatus, OrgRole,
    ServiceScope::{self, ChatWrite, PlansWrite, Read, TasksRun, UsageWrite},
    TeamRole, UserStatus,
};

use super::sketch::{Fact, World};

/// Somebody who asks.
#[derive(Clone, Debug)]
pub enum Who {
    Member {
        person: usize,
        org: usize,
        role: OrgRole,
        teams: BTreeMap<usize, TeamRole>,
        scopes: Option<BTreeSet<ServiceScope>>,
    },
    Key {
        n: usize,
        org: usize,
        scopes: BTreeSet<ServiceScope>,
        sight: Option<BTreeSet<usize>>,
    },
    Operator {
        person: usize,
    },
    Outside {
        person: usize,
    },
}

pub const METADATA: &[ServiceScope] = &[Read, TasksRun, PlansWrite, ChatWrite];
pub const WORK: &[ServiceScope] = &[Read, TasksRun, PlansWrite];
pub const APPROVALS: &[ServiceScope] = &[PlansWrite, TasksRun];
pub const CHATS: &[ServiceScope] = &[ChatWrite];
pub const USAGE: &[ServiceScope] = &[UsageWrite];
pub const PEOPLE: &[ServiceScope] = &[Read];
pub const WORKERS: &[ServiceScope] = &[TasksRun];
pub const NO_KEY: &[ServiceScope] = &[];

/// Who a person is with a session in this organisation, or in none. Nobody where the account or the membership is not
/// active.
pub fn who(world: &World, person: usize, org: Option<usize>) -> Option<Who> {
    let (status, operator) = world.find(|fact| match fact {
        Fact::Person { n, status, operator } if *n == person => Some((*status, *operator)),
        _ => None,
    })?;
    if status != UserStatus::Active {
        return None;
    }
    let Some(org) = org else {
        return Some(if operator { Who::Operator { person } } else { Who::Outside { person } });
    };
    if operator || world.any(|fact| *fact == Fact::Suspended { org }) {
        return None;
    }
    let role = world.find(|fact| match fact {
        Fact::Member { org: at, person: who, role, status: MembershipStatus::Active }
            if *at == org && *who == person =>
        {
            Some(*role)
        }
        _ => None,
    })?;
    let seat = |fact: &Fact| match fact {
        Fact::Seat { team, person: who, role } if *who == person && world.team_org(*team) == Some(org) => {
            Some((*team, *role))
        }
        _ => None,
    };
    let teams = world.0.iter().filter_map(seat).collect();
    Some(Who::Member { person, org, role, teams, scopes: None })
}

/// Who a service account is: nobody where its maker is not an active admin any more.
pub fn key(world: &World, key: usize) -> Option<Who> {
    let (org, scopes, sight, maker) = world.find(|fact| match fact {
        Fact::Key { n, org, scopes, sight, maker } if *n == key => Some((*org, scopes.clone(), sight.clone(), *maker)),
        _ => None,
    })?;
    let made_by = who(world, maker, Some(org))?;
    matches!(made_by, Who::Member { role: OrgRole::Admin, .. }).then_some(Who::Key { n: key, org, scopes, sight })
}

impl Who {
    pub fn org(&self) -> Option<usize> {
        match self {
            Self::Member { org, .. } | Self::Key { org, .. } => Some(*org),
            Self::Operator { .. } | Self::Outside { .. } => None,
        }
    }

    pub fn is_admin(&self) -> bool {
        matches!(self, Self::Member { role: OrgRole::Admin, .. })
    }

    pub fn is_operator(&self) -> bool {
        matches!(self, Self::Operator { .. })
    }

    pub fn is(&self, who: usize) -> bool {
        matches!(self, Self::Member { person, .. } if *person == who)
    }

    /// Whether one of these scopes is held, by who is limited to scopes.
    pub fn holds(&self, wanted: &[ServiceScope]) -> bool {
        match self {
            Self::Member { scopes: Some(scopes), .. } | Self::Key { scopes, .. } => {
                wanted.iter().any(|scope| scopes.contains(scope))
            }
            _ => true,
        }
    }

    /// Whether ids can be looked up at all.
    pub fn looks_up(&self) -> bool {
        !matches!(self, Self::Outside { .. }) && self.holds(METADATA)
    }

    pub fn team_role(&self, team: Option<usize>) -> Option<TeamRole> {
        match self {
            Self::Member { teams, .. } => team.and_then(|team| teams.get(&team).copied()),
            _ => None,
        }
    }
}
