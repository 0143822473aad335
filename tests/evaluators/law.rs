//! The test's own reading of the law: what somebody sees and may, from the facts alone.
//!
//! It is written from the domain's tables and not from the code that it judges: it shares no clause with either reading of
//! `policy::visibility`, so that a clause which is missing from both is found, too.

use entity::enums::{AgentVisibility, CollaboratorPermission, MembershipStatus, OrgRole, TeamRole};
use palisade::policy::{Outcome, Permission};

use super::{
    object::Object,
    sketch::{Fact, Sharer, World},
    who::{APPROVALS, CHATS, METADATA, NO_KEY, PEOPLE, USAGE, WORK, WORKERS, Who},
};

/// How somebody stands to an agent.
#[derive(Clone, Copy, Debug)]
pub struct Stands {
    pub visibility: AgentVisibility,
    pub owner: Option<usize>,
    pub team: Option<usize>,
    pub share: Option<CollaboratorPermission>,
    pub decides: bool,
}

pub struct Law<'w> {
    pub world: &'w World,
}

impl Law<'_> {
    pub fn stands(&self, who: &Who, agent: usize) -> Stands {
        let (visibility, owner, team) = self
            .world
            .find(|fact| match fact {
                Fact::Agent { n, visibility, owner, team, .. } if *n == agent => Some((*visibility, *owner, *team)),
                _ => None,
            })
            .unwrap_or((AgentVisibility::Global, None, None));
        let share = |fact: &Fact| match fact {
            Fact::Share { agent: shared, with, permission } if *shared == agent => {
                let mine = match with {
                    Sharer::Person(person) => who.is(*person),
                    Sharer::Team(team) => who.team_role(Some(*team)).is_some(),
                };
                mine.then_some(*permission)
            }
            _ => None,
        };
        let decides = self.world.any(|fact| {
            matches!(fact, Fact::Post { org, agent: of, person } if *of == agent && who.org() == Some(*org) && who.is(*person))
        });
        Stands { visibility, owner, team, share: self.world.0.iter().filter_map(share).max(), decides }
    }

    /// "Agent visibility": who sees and uses an agent of the organisation `of` (none: of the platform).
    fn sees_agent(&self, who: &Who, of: Option<usize>, agent: usize) -> bool {
        match who {
            Who::Operator { .. } => true,
            Who::Outside { .. } => false,
            Who::Key { org, sight, .. } => {
                of.is_none_or(|of| of == *org) && sight.as_ref().is_none_or(|sight| sight.contains(&agent))
            }
            Who::Member { .. } if of.is_some() && of != who.org() => false,
            Who::Member { .. } => {
                let at = self.stands(who, agent);
                let by_kind = match at.visibility {
                    AgentVisibility::Global | AgentVisibility::Public => true,
                    AgentVisibility::Team => who.team_role(at.team).is_some(),
                    AgentVisibility::Private => at.owner.is_some_and(|owner| who.is(owner)) || at.share.is_some(),
                };
                // An owner or a collaborator of what became public sees it as everybody does.
                who.is_admin() || by_kind || at.decides
            }
        }
    }

    fn home(&self, agent: usize) -> Option<usize> {
        self.world.agent_org(agent)
    }

    fn inside(&self, who: &Who, org: usize) -> bool {
        who.is_operator() || who.org() == Some(org)
    }

    /// What hangs off an agent is the organisation's alone, and seen as the agent is.
    fn hangs(&self, who: &Who, org: usize, agent: usize) -> bool {
        self.inside(who, org) && self.sees_agent(who, self.home(agent), agent)
    }

    fn of_goal(&self, who: &Who, goal: usize) -> bool {
        let (org, agent, _) = self.world.goal(goal).unwrap();
        self.hangs(who, org, agent)
    }

    fn reads_approval(&self, who: &Who, approval: usize) -> bool {
        let (goal, by, _) = self.world.approval(approval).unwrap();
        let (org, agent, _) = self.world.goal(goal).unwrap();
        let at = self.stands(who, agent);
        let mine = !matches!(who, Who::Member { .. })
            || who.is_admin()
            || by.is_some_and(|by| who.is(by))
            || who.team_role(at.team) == Some(TeamRole::Admin)
            || at.decides;
        self.hangs(who, org, agent) && mine
    }

    fn reads_chat(&self, who: &Who, chat: usize) -> bool {
        let (org, agent, by) = self.world.chat(chat).unwrap();
        match who {
            Who::Member { .. } => self.inside(who, org) && (who.is_admin() || by.is_some_and(|by| who.is(by))),
            _ => self.hangs(who, org, agent),
        }
    }

    /// Whether the row exists for who asks.
    pub fn sees(&self, who: &Who, object: Object) -> bool {
        if matches!(who, Who::Outside { .. }) {
            return false;
        }
        let fact = |place: usize| &self.world.0[place];
        match object {
            Object::Agent(n) => who.holds(METADATA) && self.sees_agent(who, self.home(n), n),
            Object::Installed(org, n) => who.holds(METADATA) && self.hangs(who, org, n),
            Object::Global(n) => who.holds(METADATA) && self.sees_agent(who, None, n),
            Object::Document(n) | Object::GlobalDocument(n) => {
                let agent = self.world.find(|fact| match fact {
                    Fact::Document { n: document, agent } if *document == n => Some(*agent),
                    _ => None,
                });
                let agent = agent.unwrap();
                who.holds(METADATA) && self.sees_agent(who, self.home(agent), agent)
            }
            Object::Share(place) => {
                let Fact::Share { agent, .. } = *fact(place) else { panic!("a share") };
                who.holds(PEOPLE) && self.sees_agent(who, self.home(agent), agent)
            }
            Object::Post(place) => {
                let Fact::Post { org, agent, .. } = *fact(place) else { panic!("a post") };
                who.holds(PEOPLE) && self.hangs(who, org, agent)
            }
            Object::Goal(n) => who.holds(WORK) && self.of_goal(who, n),
            Object::Task(n) => who.holds(WORK) && self.of_goal(who, self.world.task_goal(n).unwrap()),
            Object::Edge(n) | Object::Execution(n) => {
                let task = self.world.find(|fact| match (object, fact) {
                    (Object::Edge(_), Fact::Edge { n: edge, task, .. }) if *edge == n => Some(*task),
                    (Object::Execution(_), Fact::Execution { n: run, task }) if *run == n => Some(*task),
                    _ => None,
                });
                who.holds(WORK) && self.of_goal(who, self.world.task_goal(task.unwrap()).unwrap())
            }
            Object::File(n) => {
                let goal = self.world.find(|fact| match fact {
                    Fact::File { n: file, goal } if *file == n => Some(*goal),
                    _ => None,
                });
                who.holds(WORK) && self.of_goal(who, goal.unwrap())
            }
            Object::Approval(n) => who.holds(APPROVALS) && self.reads_approval(who, n),
            Object::Decision(n) => {
                let approval = self.world.find(|fact| match fact {
                    Fact::Decision { n: decision, approval, .. } if *decision == n => Some(*approval),
                    _ => None,
                });
                who.holds(APPROVALS) && self.reads_approval(who, approval.unwrap())
            }
            Object::Chat(n) => who.holds(CHATS) && self.reads_chat(who, n),
            Object::Message(n) => {
                let chat = self.world.find(|fact| match fact {
                    Fact::Message { n: message, chat } if *message == n => Some(*chat),
                    _ => None,
                });
                !who.is_operator() && who.holds(CHATS) && self.reads_chat(who, chat.unwrap())
            }
            Object::Usage(place) => {
                let Fact::Usage { org, agent, person } = *fact(place) else { panic!("usage") };
                who.holds(USAGE)
                    && match who {
                        Who::Member { .. } => self.inside(who, org) && (who.is_admin() || who.is(person)),
                        _ => self.hangs(who, org, agent),
                    }
            }
            Object::Event(org) | Object::Invitation(org) | Object::Budget(org) => {
                who.holds(NO_KEY) && self.inside(who, org) && (who.is_operator() || who.is_admin())
            }
            Object::Worker(n) => {
                let org = self.world.find(|fact| match fact {
                    Fact::Worker { n: worker, org, .. } if *worker == n => Some(*org),
                    _ => None,
                });
                who.holds(WORKERS) && self.inside(who, org.unwrap())
            }
            Object::Key(n) => {
                let org = self.world.find(|fact| match fact {
                    Fact::Key { n: key, org, .. } if *key == n => Some(*org),
                    _ => None,
                });
                let itself = matches!(who, Who::Key { n: me, .. } if *me == n);
                itself || self.inside(who, org.unwrap()) && (who.is_operator() || who.is_admin())
            }
            Object::Team(n) => who.holds(PEOPLE) && self.inside(who, self.world.team_org(n).unwrap()),
            Object::Seat(place) => {
                let Fact::Seat { team, .. } = *fact(place) else { panic!("a seat") };
                who.holds(PEOPLE) && self.inside(who, self.world.team_org(team).unwrap())
            }
            Object::Member(place) => {
                let Fact::Member { org, .. } = *fact(place) else { panic!("a membership") };
                who.holds(PEOPLE) && self.inside(who, org)
            }
            Object::User(n) => who.holds(PEOPLE) && who.org().is_none_or(|org| self.world.is_known(org, n)),
            Object::Org(org) => self.inside(who, org),
        }
    }

    /// What is answered to who asks whether it may.
    pub fn may(&self, who: &Who, permission: Permission, object: Object) -> Outcome {
        if !self.sees(who, object) {
            return Outcome::Hide;
        }
        let allowed = match who {
            Who::Operator { .. } => operator(permission),
            Who::Key { .. } => by_key(who, permission),
            Who::Member { scopes: Some(_), .. } if !by_key(who, permission) => false,
            _ => self.member_may(who, permission, object),
        };
        if allowed { Outcome::Allow } else { Outcome::Forbid }
    }

    fn member_may(&self, who: &Who, permission: Permission, object: Object) -> bool {
        let agent = match object {
            Object::Agent(n) | Object::Global(n) => Some(n),
            Object::Goal(n) => Some(self.world.goal(n).unwrap().1),
            Object::Approval(n) => Some(self.world.goal(self.world.approval(n).unwrap().0).unwrap().1),
            Object::Chat(n) => Some(self.world.chat(n).unwrap().1),
            _ => None,
        };
        let at = agent.map(|agent| self.stands(who, agent));
        let leads = |team: Option<usize>| who.team_role(team) == Some(TeamRole::Admin);
        let changes = |least: CollaboratorPermission| {
            at.is_some_and(|at| {
                at.owner.is_some_and(|owner| who.is(owner))
                    || at.share.is_some_and(|share| share >= least)
                    || leads(at.team)
            })
        };
        let is_global = at.is_some_and(|at| at.visibility == AgentVisibility::Global);
        let decides = at.is_some_and(|at| at.decides);
        match (permission, object) {
            (Permission::AgentUpdate, _) => !is_global && (who.is_admin() || changes(CollaboratorPermission::Edit)),
            (Permission::AgentAdminister, _) => {
                !is_global && (who.is_admin() || changes(CollaboratorPermission::Admin))
            }
            (Permission::AgentManageGlobal, _) => false,
            (Permission::GoalCancel | Permission::FileWrite, Object::Goal(n)) => {
                let by = self.world.goal(n).unwrap().2;
                who.is_admin() || by.is_some_and(|by| who.is(by)) || changes(CollaboratorPermission::Edit)
            }
            (Permission::ApprovalDecide, Object::Approval(n)) => {
                let (_, by, required) = self.world.approval(n).unwrap();
                let alone = who.is_admin() && required == 1 && self.admins(who.org().unwrap()) == 1;
                (who.is_admin() || decides) && (!by.is_some_and(|by| who.is(by)) || alone)
            }
            (Permission::ApprovalDecide, _) => who.is_admin() || decides,
            (Permission::ChatWrite, Object::Chat(n)) => {
                let (_, agent, by) = self.world.chat(n).unwrap();
                by.is_some_and(|by| who.is(by)) && self.sees_agent(who, self.home(agent), agent)
            }
            (Permission::TeamMemberManage, Object::Team(n)) => who.is_admin() || leads(Some(n)),
            (Permission::UserRename, Object::User(n)) => who.is(n),
            (
                Permission::AgentGovern
                | Permission::TeamManage
                | Permission::MemberManage
                | Permission::AuditRead
                | Permission::OrganizationConfigure,
                _,
            ) => who.is_admin(),
            (Permission::OrganizationManage, _) => false,
            // Reading, using and closing what one sees.
            _ => true,
        }
    }

    /// Admins of an organisation, whatever became of their accounts.
    pub fn admins(&self, at: usize) -> usize {
        let admin = |fact: &&Fact| matches!(fact, Fact::Member { org, role: OrgRole::Admin, status: MembershipStatus::Active, .. } if *org == at);
        self.world.0.iter().filter(admin).count()
    }
}

fn operator(permission: Permission) -> bool {
    matches!(
        permission,
        Permission::AgentRead
            | Permission::GoalRead
            | Permission::ApprovalRead
            | Permission::ChatRead
            | Permission::MemberRead
            | Permission::OrganizationRead
            | Permission::TeamManage
            | Permission::MemberManage
            | Permission::AuditRead
            | Permission::OrganizationManage
            | Permission::UserRename
    )
}

fn by_key(who: &Who, permission: Permission) -> bool {
    match permission {
        Permission::OrganizationRead => true,
        Permission::AgentRead => who.holds(METADATA),
        Permission::GoalRead => who.holds(WORK),
        Permission::ApprovalRead => who.holds(APPROVALS),
        Permission::ChatRead | Permission::ChatWrite => who.holds(CHATS),
        Permission::MemberRead => who.holds(PEOPLE),
        Permission::FileWrite => who.holds(WORKERS),
        _ => false,
    }
}
