//! A made-up world of two organisations as a list of facts, which is what a disagreement is printed as and shrunk by.

use std::collections::BTreeSet;

use entity::enums::{
    AgentVisibility, CollaboratorPermission, MembershipStatus, OrgRole, ServiceScope, TeamRole, UserStatus,
};

/// Numbers from here on are global agents'.
pub const GLOBAL: usize = 100;

/// To whom an agent is shared.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Sharer {
    Person(usize),
    Team(usize),
}

/// One row, or a few that hang together. People, teams, agents and so on are numbers; organisations are 0 and 1.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact {
    Suspended { org: usize },
    Person { n: usize, status: UserStatus, operator: bool },
    Member { org: usize, person: usize, role: OrgRole, status: MembershipStatus },
    Team { n: usize, org: usize },
    Seat { team: usize, person: usize, role: TeamRole },
    Agent { n: usize, org: usize, visibility: AgentVisibility, owner: Option<usize>, team: Option<usize> },
    Global { n: usize },
    Installed { org: usize, agent: usize },
    Share { agent: usize, with: Sharer, permission: CollaboratorPermission },
    Post { org: usize, agent: usize, person: usize },
    Document { n: usize, agent: usize },
    Goal { n: usize, org: usize, agent: usize, by: Option<usize> },
    Task { n: usize, goal: usize },
    Edge { n: usize, task: usize, on: usize },
    Execution { n: usize, task: usize },
    File { n: usize, goal: usize },
    Approval { n: usize, goal: usize, by: Option<usize>, required: i32 },
    Decision { n: usize, approval: usize, by: usize },
    Chat { n: usize, org: usize, agent: usize, by: Option<usize> },
    Message { n: usize, chat: usize },
    Usage { org: usize, agent: usize, person: usize },
    Key { n: usize, org: usize, scopes: BTreeSet<ServiceScope>, sight: Option<BTreeSet<usize>>, maker: usize },
    Worker { n: usize, org: usize, key: Option<usize> },
    Invitation { n: usize, org: usize },
    Event { n: usize, org: usize },
    Budget { org: usize },
}

/// Seeded chance (SplitMix64).
#[derive(Debug)]
pub struct Dice(pub u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = self.0;
        let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }

    pub fn percent(&mut self, chance: usize) -> bool {
        self.below(100) < chance
    }

    pub fn pick<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())].clone()
    }

    fn person(&mut self) -> usize {
        self.below(PEOPLE)
    }

    fn maybe_person(&mut self) -> Option<usize> {
        self.percent(85).then(|| self.person())
    }
}

const PEOPLE: usize = 7;
const TEAMS: usize = 4;
const AGENTS: usize = 8;
const SCOPES: [ServiceScope; 5] = [
    ServiceScope::Read,
    ServiceScope::TasksRun,
    ServiceScope::PlansWrite,
    ServiceScope::UsageWrite,
    ServiceScope::ChatWrite,
];

/// One scope, a few, or none.
pub fn scopes(dice: &mut Dice) -> BTreeSet<ServiceScope> {
    let many = dice.pick(&[1, 1, 1, 2, 3, 0]);
    (0..many).map(|_| dice.pick(&SCOPES)).collect()
}

/// A world by chance; what refers to nothing in it is left out by [`sound`].
pub fn generate(dice: &mut Dice) -> Vec<Fact> {
    let mut facts = Vec::new();
    people(dice, &mut facts);
    agents(dice, &mut facts);
    work(dice, &mut facts);
    operations(dice, &mut facts);
    sound(&facts)
}

fn people(dice: &mut Dice, facts: &mut Vec<Fact>) {
    if dice.percent(6) {
        facts.push(Fact::Suspended { org: 1 });
    }
    for n in 0..PEOPLE {
        let status = dice.pick(&[UserStatus::Active; 11]);
        let status = if dice.percent(8) { UserStatus::Suspended } else { status };
        // The last is the operator.
        facts.push(Fact::Person {
            n,
            status: if n == PEOPLE - 1 { UserStatus::Active } else { status },
            operator: n == PEOPLE - 1,
        });
        for org in 0..2 {
            let chance = if org == 0 { 85 } else { 40 };
            if dice.percent(chance) {
                let role = if dice.percent(25) { OrgRole::Admin } else { OrgRole::Member };
                let active = MembershipStatus::Active;
                let status = dice.pick(&[
                    active,
                    active,
                    active,
                    active,
                    active,
                    MembershipStatus::Pending,
                    MembershipStatus::Left,
                ]);
                facts.push(Fact::Member { org, person: n, role, status });
            }
        }
    }
    for n in 0..TEAMS {
        facts.push(Fact::Team { n, org: usize::from(n == TEAMS - 1) });
        for person in 0..PEOPLE {
            if dice.percent(35) {
                let role = if dice.percent(35) { TeamRole::Admin } else { TeamRole::Member };
                facts.push(Fact::Seat { team: n, person, role });
            }
        }
    }
}

fn agents(dice: &mut Dice, facts: &mut Vec<Fact>) {
    for n in GLOBAL..GLOBAL + 2 {
        facts.push(Fact::Global { n });
        for org in 0..2 {
            if dice.percent(80) {
                facts.push(Fact::Installed { org, agent: n });
            }
        }
    }
    for n in 0..AGENTS {
        let org = usize::from(n >= AGENTS - 2);
        let (private, public, team) = (AgentVisibility::Private, AgentVisibility::Public, AgentVisibility::Team);
        let visibility = dice.pick(&[private, private, private, public, team, team]);
        let at_team = visibility == AgentVisibility::Team;
        let owner = if at_team { None } else { dice.maybe_person() };
        let team = at_team.then(|| dice.below(TEAMS));
        facts.push(Fact::Agent { n, org, visibility, owner, team });
        for _ in 0..dice.below(3) {
            let with = if dice.percent(50) { Sharer::Person(dice.person()) } else { Sharer::Team(dice.below(TEAMS)) };
            let (usage, edit, admin) =
                (CollaboratorPermission::Use, CollaboratorPermission::Edit, CollaboratorPermission::Admin);
            facts.push(Fact::Share { agent: n, with, permission: dice.pick(&[usage, edit, admin]) });
        }
    }
    for n in 0..4 {
        facts.push(Fact::Post { org: usize::from(n == 3), agent: some_agent(dice), person: dice.person() });
        // Who decides for a global agent is each organisation's own matter.
        facts.push(Fact::Post { org: dice.below(2), agent: GLOBAL + dice.below(2), person: dice.person() });
        facts.push(Fact::Document { n, agent: some_agent(dice) });
    }
}

fn some_agent(dice: &mut Dice) -> usize {
    if dice.percent(25) { GLOBAL + dice.below(2) } else { dice.below(AGENTS) }
}

fn org(dice: &mut Dice, agent: usize) -> usize {
    if agent >= GLOBAL { dice.below(2) } else { usize::from(agent >= AGENTS - 2) }
}

fn work(dice: &mut Dice, facts: &mut Vec<Fact>) {
    for n in 0..6 {
        let agent = if n == 5 { GLOBAL + dice.below(2) } else { some_agent(dice) };
        facts.push(Fact::Goal { n, org: org(dice, agent), agent, by: dice.maybe_person() });
    }
    for n in 0..5 {
        facts.push(Fact::Task { n, goal: dice.below(6) });
        facts.push(Fact::File { n, goal: dice.below(6) });
        facts.push(Fact::Approval {
            n,
            goal: dice.below(6),
            by: dice.maybe_person(),
            required: 1 + i32::from(dice.percent(30)),
        });
    }
    for n in 0..3 {
        facts.push(Fact::Edge { n, task: dice.below(5), on: dice.below(5) });
        facts.push(Fact::Execution { n, task: dice.below(5) });
        facts.push(Fact::Decision { n, approval: dice.below(5), by: dice.person() });
        facts.push(Fact::Usage { org: 0, agent: dice.below(AGENTS), person: dice.person() });
        facts.push(Fact::Usage { org: 1, agent: some_agent(dice), person: dice.person() });
    }
    for n in 0..4 {
        let agent = some_agent(dice);
        facts.push(Fact::Chat { n, org: org(dice, agent), agent, by: dice.maybe_person() });
        facts.push(Fact::Message { n, chat: dice.below(4) });
    }
}

fn operations(dice: &mut Dice, facts: &mut Vec<Fact>) {
    for n in 0..4 {
        let org = usize::from(n >= 2);
        // Keys whose maker is no admin are worth nothing, and a few such are enough.
        let admins: Vec<usize> = facts.iter().filter_map(|fact| admin_of(fact, org)).collect();
        let maker = if admins.is_empty() || dice.percent(20) { dice.person() } else { dice.pick(&admins) };
        let sight = dice.percent(55).then(|| (0..dice.below(4)).map(|_| some_agent(dice)).collect());
        facts.push(Fact::Key { n, org, scopes: scopes(dice), sight, maker });
    }
    for n in 0..3 {
        facts.push(Fact::Worker { n, org: usize::from(n == 2), key: dice.percent(70).then_some(n) });
    }
    for org in 0..2 {
        facts.push(Fact::Invitation { n: org, org });
        facts.push(Fact::Event { n: org, org });
        facts.push(Fact::Budget { org });
    }
}

fn admin_of(fact: &Fact, at: usize) -> Option<usize> {
    match fact {
        Fact::Member { org, person, role: OrgRole::Admin, status: MembershipStatus::Active } if *org == at => {
            Some(*person)
        }
        _ => None,
    }
}

/// The facts that can be stored together: whatever refers to what is not there, or is there twice, is left out. Facts
/// come after what they refer to.
pub fn sound(facts: &[Fact]) -> Vec<Fact> {
    let mut kept = World(Vec::new());
    for fact in facts {
        if !kept.0.contains(fact) && kept.takes(fact) {
            let mut fact = fact.clone();
            if let Fact::Key { org, sight: Some(sight), .. } = &mut fact {
                sight.retain(|agent| kept.agent_row(*org, *agent));
            }
            kept.0.push(fact);
        }
    }
    kept.0
}

/// What is stored, to look things up in.
#[derive(Clone, Debug)]
pub struct World(pub Vec<Fact>);

impl World {
    pub fn any(&self, found: impl FnMut(&Fact) -> bool) -> bool {
        self.0.iter().any(found)
    }

    pub fn find<T>(&self, found: impl FnMut(&Fact) -> Option<T>) -> Option<T> {
        self.0.iter().find_map(found)
    }

    /// Whether the person has a row in the organisation's memberships, whatever it is worth.
    pub fn is_known(&self, at: usize, who: usize) -> bool {
        self.any(|fact| matches!(fact, Fact::Member { org, person, .. } if *org == at && *person == who))
    }

    pub fn team_org(&self, team: usize) -> Option<usize> {
        self.find(|fact| if let Fact::Team { n, org } = fact { (*n == team).then_some(*org) } else { None })
    }

    pub fn agent_org(&self, agent: usize) -> Option<usize> {
        self.find(|fact| if let Fact::Agent { n, org, .. } = fact { (*n == agent).then_some(*org) } else { None })
    }

    /// Whether the organisation has a row of the agent, its own or an installed one.
    pub fn agent_row(&self, at: usize, which: usize) -> bool {
        self.agent_org(which) == Some(at)
            || self.any(|fact| matches!(fact, Fact::Installed { org, agent } if *org == at && *agent == which))
    }

    pub fn goal(&self, goal: usize) -> Option<(usize, usize, Option<usize>)> {
        self.find(|fact| {
            if let Fact::Goal { n, org, agent, by } = fact { (*n == goal).then_some((*org, *agent, *by)) } else { None }
        })
    }

    pub fn task_goal(&self, task: usize) -> Option<usize> {
        self.find(|fact| if let Fact::Task { n, goal } = fact { (*n == task).then_some(*goal) } else { None })
    }

    pub fn approval(&self, approval: usize) -> Option<(usize, Option<usize>, i32)> {
        self.find(|fact| match fact {
            Fact::Approval { n, goal, by, required } if *n == approval => Some((*goal, *by, *required)),
            _ => None,
        })
    }

    pub fn chat(&self, chat: usize) -> Option<(usize, usize, Option<usize>)> {
        self.find(|fact| {
            if let Fact::Chat { n, org, agent, by } = fact { (*n == chat).then_some((*org, *agent, *by)) } else { None }
        })
    }

    fn known_or_none(&self, org: usize, person: Option<usize>) -> bool {
        person.is_none_or(|person| self.is_known(org, person))
    }

    fn takes(&self, fact: &Fact) -> bool {
        match *fact {
            Fact::Suspended { .. } | Fact::Person { .. } | Fact::Team { .. } | Fact::Global { .. } => true,
            Fact::Invitation { .. } | Fact::Event { .. } | Fact::Budget { .. } => true,
            Fact::Member { org, person, status, .. } => {
                let who = self.find(|fact| {
                    if let Fact::Person { n, operator, .. } = fact { (*n == person).then_some(*operator) } else { None }
                });
                !self.is_known(org, person) && who.is_some_and(|operator| !operator || status == MembershipStatus::Left)
            }
            Fact::Seat { team, person, .. } => self.team_org(team).is_some_and(|org| self.is_known(org, person)),
            Fact::Agent { org, owner, team, .. } => {
                self.known_or_none(org, owner) && team.is_none_or(|team| self.team_org(team) == Some(org))
            }
            Fact::Installed { agent, .. } => self.any(|fact| *fact == Fact::Global { n: agent }),
            Fact::Share { agent, with, .. } => {
                let is_team = self.any(|fact| matches!(fact, Fact::Agent { n, team: Some(_), .. } if *n == agent));
                let there =
                    self.any(|fact| matches!(fact, Fact::Share { agent: a, with: w, .. } if *a == agent && *w == with));
                let Some(org) = self.agent_org(agent) else { return false };
                !is_team
                    && !there
                    && match with {
                        Sharer::Person(person) => self.is_known(org, person),
                        Sharer::Team(team) => self.team_org(team) == Some(org),
                    }
            }
            Fact::Post { org, agent, person } => self.agent_row(org, agent) && self.is_known(org, person),
            Fact::Document { agent, .. } => {
                self.agent_org(agent).is_some() || self.any(|fact| *fact == Fact::Global { n: agent })
            }
            Fact::Goal { org, agent, by, .. } | Fact::Chat { org, agent, by, .. } => {
                self.agent_row(org, agent) && self.known_or_none(org, by)
            }
            Fact::Task { goal, .. } | Fact::File { goal, .. } => self.goal(goal).is_some(),
            Fact::Approval { goal, by, .. } => self.goal(goal).is_some_and(|(org, ..)| self.known_or_none(org, by)),
            Fact::Edge { task, on, .. } => {
                let there =
                    self.any(|fact| matches!(fact, Fact::Edge { task: t, on: o, .. } if *t == task && *o == on));
                task != on && !there && self.task_goal(task).is_some() && self.task_goal(task) == self.task_goal(on)
            }
            Fact::Execution { task, .. } => self.task_goal(task).is_some(),
            Fact::Decision { approval, by, .. } => {
                let there = self.any(
                    |fact| matches!(fact, Fact::Decision { approval: a, by: b, .. } if *a == approval && *b == by),
                );
                let org = self.approval(approval).and_then(|(goal, ..)| self.goal(goal)).map(|(org, ..)| org);
                !there && org.is_some_and(|org| self.is_known(org, by))
            }
            Fact::Message { chat, .. } => self.chat(chat).is_some(),
            Fact::Usage { org, agent, person } => self.agent_row(org, agent) && self.is_known(org, person),
            Fact::Key { org, maker, .. } => self.is_known(org, maker),
            Fact::Worker { org, key, .. } => key.is_none_or(|key| {
                self.any(|fact| matches!(fact, Fact::Key { n, org: at, .. } if *n == key && *at == org))
            }),
        }
    }
}
