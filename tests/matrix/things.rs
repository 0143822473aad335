//! Every object of the world that can be looked up, the row that governs reading it, and its content.

use entity::{
    enums::ServiceScope::{ChatWrite, PlansWrite, TasksRun},
    ids::{
        AgentDocumentId, AgentId, ApprovalRequestId, ChatMessageId, ChatSessionId, EventId, ExecutionId, GoalId,
        ServiceAccountId, TaskId, TeamId, UserId, WorkerId, WorkspaceFileId,
    },
};
use palisade::policy::Permission as P;

use super::{
    cast::{ACTORS, AGENTS, Actor, CHATS, CLAIMS, EXTRAS, GOALS, Is, Org, RUNNERS, TEAMS, claim_submitter, gid, named},
    reading::{Object, Verdict, one},
    rows::{of, org},
};

/// Whose the content is to read.
#[derive(Clone, Copy, Debug)]
pub enum Content {
    None,
    /// A field that keys read that work, or plan.
    Work(&'static str),
    /// A field that keys read that chat.
    Chat(&'static str),
    /// A field that admins read, and no key.
    Admins(&'static str),
}

#[derive(Clone, Debug)]
pub struct Thing {
    pub kind: &'static str,
    pub name: String,
    pub id: String,
    pub row: P,
    pub object: Object,
    pub content: Content,
}

impl Thing {
    /// Whether the actor is shown it.
    pub fn seen(&self, actor: &Actor) -> bool {
        match (self.kind, actor.is) {
            // What was said is nothing for a super-admin.
            ("ChatMessage", Is::Operator) => false,
            // A service account sees itself.
            ("ServiceAccount", Is::Key { .. }) => self.name == actor.name,
            ("User", Is::Member { org, .. } | Is::Key { org, .. }) => {
                belongs(&self.name, org) && one(actor, self.row, Object::Whole) == Verdict::Allow
            }
            _ => one(actor, self.row, self.object) == Verdict::Allow,
        }
    }

    /// The confidential field that stands for its content.
    pub const fn field(&self) -> Option<&'static str> {
        match self.content {
            Content::None => None,
            Content::Work(field) | Content::Chat(field) | Content::Admins(field) => Some(field),
        }
    }

    /// Whether the actor, who is shown it, reads its content.
    pub fn opens(&self, actor: &Actor) -> bool {
        match (actor.is, self.content) {
            // An organisation's settings are its admins'.
            (Is::Member { admin, .. }, Content::Admins(_)) => admin,
            (Is::Member { .. }, _) => true,
            (Is::Key { scopes, .. }, Content::Work(_)) => scopes.contains(&TasksRun) || scopes.contains(&PlansWrite),
            (Is::Key { scopes, .. }, Content::Chat(_)) => scopes.contains(&ChatWrite),
            _ => false,
        }
    }
}

/// Whether somebody has, or had, or asked for, a place in the organisation.
fn belongs(name: &str, org: Org) -> bool {
    if let Some((_, place, _)) = EXTRAS.iter().find(|(extra, ..)| *extra == name) {
        return *place == Some(org);
    }
    match (named(name).is, name) {
        (Is::Gone, "cleo") => org == Org::Gamma,
        (Is::Gone, _) => org == Org::Alpha,
        (_, "bo") => org != Org::Gamma,
        _ => named(name).org() == Some(org),
    }
}

fn thing(kind: &'static str, name: impl Into<String>, id: String, row: P, object: Object, content: Content) -> Thing {
    Thing { kind, name: name.into(), id, row, object, content }
}

pub fn things() -> Vec<Thing> {
    let mut all = Vec::new();
    for whose in Org::ALL {
        let (slug, on) = (whose.slug(), Object::Org(whose));
        all.push(thing(
            "Organization",
            slug,
            org(whose).to_string(),
            P::OrganizationRead,
            on,
            Content::Admins("config"),
        ));
        all.push(thing("Event", slug, gid::<EventId>(&format!("event {slug}")), P::AuditRead, on, Content::None));
    }
    let people = ACTORS.iter().filter(|actor| !matches!(actor.is, Is::Nobody | Is::Key { .. })).map(|actor| actor.name);
    for name in people.chain(EXTRAS.iter().map(|(name, ..)| *name)) {
        all.push(thing("User", name, gid::<UserId>(name), P::MemberRead, Object::Account(name), Content::None));
    }
    for (name, _) in TEAMS {
        all.push(thing("Team", *name, gid::<TeamId>(name), P::MemberRead, Object::Team(name), Content::None));
    }
    for agent in AGENTS {
        let (name, on) = (agent.name, Object::Agent(agent.name));
        all.push(thing("Agent", name, gid::<AgentId>(name), P::AgentRead, on, Content::Work("systemPrompt")));
        let document = gid::<AgentDocumentId>(&format!("document {name}"));
        all.push(thing("AgentDocument", name, document, P::AgentRead, on, Content::Work("content")));
    }
    for (agent, whose, by) in GOALS.iter().copied() {
        all.extend(work(agent, whose, by));
    }
    for (key, agent) in CLAIMS {
        let on = Object::Goal(agent, named(key).org().unwrap(), claim_submitter(agent));
        for state in ["claimed", "running"] {
            let name = of(state, agent, key);
            all.push(thing("Task", name.clone(), gid::<TaskId>(&name), P::GoalRead, on, Content::Work("payload")));
        }
    }
    for (agent, whose, user) in CHATS.iter().copied() {
        let on = Object::Chat(agent, whose, user);
        let (chat, message) = (of("chat", agent, user), of("message", agent, user));
        all.push(thing(
            "ChatSession",
            chat.clone(),
            gid::<ChatSessionId>(&chat),
            P::ChatRead,
            on,
            Content::Chat("title"),
        ));
        all.push(thing(
            "ChatMessage",
            message.clone(),
            gid::<ChatMessageId>(&message),
            P::ChatRead,
            on,
            Content::Chat("content"),
        ));
    }
    for actor in ACTORS.iter().filter(|actor| matches!(actor.is, Is::Key { .. })) {
        let on = Object::Org(actor.org().unwrap());
        let id = gid::<ServiceAccountId>(actor.name);
        all.push(thing("ServiceAccount", actor.name, id, P::OperationsRead, on, Content::None));
    }
    for key in RUNNERS {
        let on = Object::Org(named(key).org().unwrap());
        all.push(thing("Worker", *key, gid::<WorkerId>(&format!("worker {key}")), P::WorkerRead, on, Content::None));
    }
    all
}

fn work(agent: &'static str, whose: Org, by: &'static str) -> Vec<Thing> {
    let on = Object::Goal(agent, whose, by);
    let mut all = Vec::new();
    for state in ["waits", "runs", "asks"] {
        let name = of(state, agent, by);
        all.push(thing("Goal", name.clone(), gid::<GoalId>(&name), P::GoalRead, on, Content::Work("goalText")));
    }
    for state in ["dead", "queued"] {
        let name = of(state, agent, by);
        all.push(thing("Task", name.clone(), gid::<TaskId>(&name), P::GoalRead, on, Content::Work("payload")));
    }
    let name = |kind| of(kind, agent, by);
    let execution = gid::<ExecutionId>(&name("execution"));
    all.push(thing("Execution", name("execution"), execution, P::GoalRead, on, Content::Work("code")));
    all.push(thing(
        "WorkspaceFile",
        name("file"),
        gid::<WorkspaceFileId>(&name("file")),
        P::GoalRead,
        on,
        Content::Work("sha256"),
    ));
    let request = gid::<ApprovalRequestId>(&name("request"));
    let asked = Object::Approval(agent, whose, by);
    all.push(thing("ApprovalRequest", name("request"), request, P::ApprovalRead, asked, Content::Work("reason")));
    all
}
