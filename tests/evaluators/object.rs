//! What is asked about: every row of every table that has a rule.

use palisade::policy::Permission;

use super::sketch::{Fact, GLOBAL, World};

/// A row that somebody may see, by its table.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Object {
    Agent(usize),
    Installed(usize, usize),
    Global(usize),
    Document(usize),
    GlobalDocument(usize),
    Share(usize),
    Post(usize),
    Goal(usize),
    Task(usize),
    Edge(usize),
    Execution(usize),
    File(usize),
    Approval(usize),
    Decision(usize),
    Chat(usize),
    Message(usize),
    Usage(usize),
    Event(usize),
    Worker(usize),
    Key(usize),
    Invitation(usize),
    Budget(usize),
    Team(usize),
    Seat(usize),
    Member(usize),
    User(usize),
    Org(usize),
}

/// The rows that there are. Those without a number of their own are numbered by their place.
pub fn objects(world: &World) -> Vec<Object> {
    let mut all = vec![Object::Org(0), Object::Org(1)];
    all.extend(world.0.iter().enumerate().filter_map(|(place, fact)| {
        Some(match *fact {
            Fact::Suspended { .. } => return None,
            Fact::Person { n, .. } => Object::User(n),
            Fact::Member { .. } => Object::Member(place),
            Fact::Team { n, .. } => Object::Team(n),
            Fact::Seat { .. } => Object::Seat(place),
            Fact::Agent { n, .. } => Object::Agent(n),
            Fact::Global { n } => Object::Global(n),
            Fact::Installed { org, agent } => Object::Installed(org, agent),
            Fact::Share { .. } => Object::Share(place),
            Fact::Post { .. } => Object::Post(place),
            Fact::Document { n, agent } if agent >= GLOBAL => Object::GlobalDocument(n),
            Fact::Document { n, .. } => Object::Document(n),
            Fact::Goal { n, .. } => Object::Goal(n),
            Fact::Task { n, .. } => Object::Task(n),
            Fact::Edge { n, .. } => Object::Edge(n),
            Fact::Execution { n, .. } => Object::Execution(n),
            Fact::File { n, .. } => Object::File(n),
            Fact::Approval { n, .. } => Object::Approval(n),
            Fact::Decision { n, .. } => Object::Decision(n),
            Fact::Chat { n, .. } => Object::Chat(n),
            Fact::Message { n, .. } => Object::Message(n),
            Fact::Usage { .. } => Object::Usage(place),
            Fact::Key { n, .. } => Object::Key(n),
            Fact::Worker { n, .. } => Object::Worker(n),
            Fact::Invitation { n, .. } => Object::Invitation(n),
            Fact::Event { n, .. } => Object::Event(n),
            Fact::Budget { org } => Object::Budget(org),
        })
    }));
    all
}

/// What is asked about an object of each kind.
pub fn questions(object: Object) -> &'static [Permission] {
    match object {
        Object::Agent(_) => &[
            Permission::AgentRead,
            Permission::AgentUpdate,
            Permission::AgentAdminister,
            Permission::AgentGovern,
            Permission::GoalSubmit,
            Permission::ApprovalDecide,
        ],
        Object::Global(_) => &[
            Permission::AgentRead,
            Permission::AgentUpdate,
            Permission::AgentGovern,
            Permission::GoalSubmit,
            Permission::ApprovalDecide,
        ],
        Object::Goal(_) => &[Permission::GoalRead, Permission::GoalCancel, Permission::FileWrite],
        Object::Approval(_) => &[Permission::ApprovalRead, Permission::ApprovalDecide],
        Object::Chat(_) => &[Permission::ChatRead, Permission::ChatWrite, Permission::ChatClose],
        Object::Team(_) => &[Permission::MemberRead, Permission::TeamManage, Permission::TeamMemberManage],
        Object::User(_) => &[Permission::UserRename],
        Object::Org(_) => &[
            Permission::OrganizationRead,
            Permission::MemberManage,
            Permission::AuditRead,
            Permission::OrganizationConfigure,
            Permission::OrganizationManage,
        ],
        _ => &[],
    }
}
