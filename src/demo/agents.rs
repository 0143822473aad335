//! Agents of all four visibilities, their documents, and who may do what with them.

use chrono::{DateTime, TimeDelta, Utc};
use entity::{
    agent, agent_admin, agent_collaborator, agent_document,
    confidential::Confidential,
    enums::{AgentStatus, AgentVisibility, CollaboratorPermission, WorkerStatus},
    fold::fold,
    global_agent, global_agent_document,
    ids::{AgentId, TeamId, UserId},
    worker,
};
use serde_json::json;

use super::{
    DemoPlatform,
    dice::{Dice, Words},
    people::{Cast, Team, Who},
    playbook::{self, Document, Playbook},
    scene::{self, ACME, HISTORY, Scene, sealed_json},
};

/// An agent that can be given work, and by whom.
#[derive(Debug)]
pub(super) struct Agent {
    pub(super) id: AgentId,
    pub(super) book: &'static Playbook,
    pub(super) required_approvals: i32,
    pub(super) require_plan_approval: bool,
    /// Whether it takes goals now.
    pub(super) takes_goals: bool,
    /// Who submits goals to it; whoever may see it.
    pub(super) users: Vec<UserId>,
    /// Who decides for it.
    pub(super) admins: Vec<UserId>,
}

/// Whom an agent of the organisation belongs to.
enum Belongs {
    Everybody,
    Team(Team),
    Owner(Option<Who>),
}

/// What the table below says of an agent.
struct Post {
    belongs: Belongs,
    approvals: (i32, bool),
    admins: &'static [Who],
    users: &'static [Who],
}

use Who::{Ada, Ben, Chiara, Dmitri, Esther, Farid, Grace, Hugo, Ines, Jonas, Mina};

const fn post(belongs: Belongs, approvals: (i32, bool), admins: &'static [Who], users: &'static [Who]) -> Post {
    Post { belongs, approvals, admins, users }
}

/// In the order of [`playbook::OWN`].
const POSTS: [Post; 9] = [
    post(Belongs::Team(Team::Finance), (1, true), &[Grace], &[Chiara, Dmitri, Dmitri, Ada]),
    post(Belongs::Everybody, (1, false), &[], &[Ben, Esther, Farid, Hugo, Mina]),
    post(Belongs::Team(Team::Platform), (1, false), &[Grace, Esther], &[Esther, Farid, Farid, Ben]),
    post(Belongs::Owner(Some(Ines)), (2, true), &[Grace, Esther], &[Ines, Ines, Jonas, Dmitri, Chiara]),
    post(Belongs::Everybody, (1, false), &[], &[Grace, Grace, Hugo, Jonas, Who::Kavya]),
    post(Belongs::Everybody, (1, false), &[], &[Hugo, Grace, Chiara, Ada]),
    post(Belongs::Team(Team::Revenue), (1, false), &[], &[Ines, Jonas, Jonas]),
    post(Belongs::Owner(Some(Farid)), (1, true), &[Grace], &[Farid, Esther]),
    post(Belongs::Owner(None), (1, false), &[], &[Who::Kavya, Ada]),
];

/// Collaborators of private agents: whose, who, what.
const COLLABORATORS: [(&str, Result<Who, Team>, CollaboratorPermission); 5] = [
    ("contract-reviewer", Ok(Jonas), CollaboratorPermission::Use),
    ("contract-reviewer", Err(Team::Finance), CollaboratorPermission::Edit),
    ("contract-reviewer", Ok(Esther), CollaboratorPermission::Use),
    ("pipeline-medic", Ok(Esther), CollaboratorPermission::Admin),
    ("pipeline-medic", Err(Team::Platform), CollaboratorPermission::Use),
];

/// The platform's agents and their documents.
pub(super) fn global(rows: &mut DemoPlatform, dice: &mut Dice, now: DateTime<Utc>, operator: UserId) -> Vec<AgentId> {
    let words = Words::default().with("org", "the organisation").with("slug", "organisation");
    let mut at = now - HISTORY + TimeDelta::minutes(30);
    let mut made = Vec::new();
    for book in playbook::GLOBAL {
        at += TimeDelta::minutes(4);
        let id = dice.id(at);
        rows.global_agents.push(global_agent::Model {
            id,
            name: book.name.to_owned(),
            name_folded: fold(book.name),
            description: book.description.to_owned(),
            status: AgentStatus::Active,
            chat_capable: book.chat_capable,
            system_prompt: Confidential::new(words.fill(book.prompt)),
            config: sealed_json(config(book)),
            required_approvals: 1,
            require_plan_approval: false,
            created_at: at,
            updated_at: at,
        });
        for (document, priority) in book.documents.iter().zip(1..) {
            rows.global_agent_documents.push(global_agent_document::Model {
                id: dice.id(at),
                agent_id: id,
                kind: document.kind,
                name: document.name.to_owned(),
                priority: 10 - priority,
                content: Confidential::from_option(document.content.map(|text| words.fill(text))),
                uri: Confidential::from_option(document.uri.map(|text| words.fill(text))),
                created_at: at,
                updated_at: at,
            });
        }
        scene::platform_event(rows, dice, at, operator, "global_agent.created", id);
        made.push(id);
    }
    made
}

/// The organisation's agents, those of the platform that it uses, and its workers.
pub(super) fn own(scene: &mut Scene<'_>, cast: &Cast, global: &[AgentId]) -> Vec<Agent> {
    workers(scene, cast);
    let mut staff = Vec::new();
    let mut at = scene.since + TimeDelta::hours(26);
    for (book, post) in playbook::OWN.iter().zip(&POSTS) {
        // Only Acme had an old help desk.
        if book.key == "legacy-importer" && scene.is != ACME {
            continue;
        }
        at += TimeDelta::minutes(11);
        staff.push(hire(scene, cast, book, post, at));
    }
    for (key, who, permission) in COLLABORATORS {
        at += TimeDelta::minutes(2);
        let Some(agent) = staff.iter().find(|agent| agent.book.key == key) else { continue };
        scene.rows.agent_collaborators.push(agent_collaborator::Model {
            org_id: scene.org_id,
            id: scene.dice.id(at),
            agent_id: agent.id,
            user_id: who.ok().map(|who| cast.user(who)),
            team_id: who.err().map(|team| cast.team(team)),
            permission,
            created_at: at,
        });
        let actor = if key == "contract-reviewer" { Ines } else { Farid };
        let payload = json!({"permission": permission.as_str()});
        scene.log(at, "agent.collaborator_set", Some(cast.user(actor)), agent.id, Some(payload));
    }
    for (book, id) in playbook::GLOBAL.iter().zip(global) {
        // Globex has never used the translator: no row of it is there.
        if book.key != "translator" || scene.is == ACME {
            at += TimeDelta::minutes(20);
            staff.push(install(scene, cast, book, *id, at));
        }
    }
    staff
}

fn hire(scene: &mut Scene<'_>, cast: &Cast, book: &'static Playbook, post: &Post, at: DateTime<Utc>) -> Agent {
    let id = scene.dice.id(at);
    let words = scene.words();
    let (owner, team) = match post.belongs {
        Belongs::Everybody => (Some(Grace), None),
        Belongs::Team(team) => (None, Some(team)),
        Belongs::Owner(owner) => (owner, None),
    };
    let visibility = match post.belongs {
        Belongs::Everybody => AgentVisibility::Public,
        Belongs::Team(_) => AgentVisibility::Team,
        Belongs::Owner(_) => AgentVisibility::Private,
    };
    let status = match (book.key, scene.is == ACME) {
        ("legacy-importer", _) => AgentStatus::Archived,
        ("pipeline-medic", true) => AgentStatus::Error,
        ("sales-forecaster", false) => AgentStatus::Stopped,
        _ => AgentStatus::Active,
    };
    let maker = cast.user(owner.or(post.admins.first().copied()).unwrap_or(Ada));
    scene.log(
        at,
        "agent.created",
        Some(maker),
        id,
        Some(json!({"name": book.name, "visibility": visibility.as_str()})),
    );
    let mut updated_at = at;
    if status == AgentStatus::Archived {
        updated_at = scene.now - TimeDelta::days(12);
        scene.log(updated_at, "agent.archived", Some(cast.user(Ada)), id, None);
    } else if status != AgentStatus::Active {
        updated_at = scene.now - TimeDelta::hours(2);
        scene.log(updated_at, "agent.updated", None, id, Some(json!({"status": status.as_str()})));
    }
    let row = agent::Model {
        system_prompt: Confidential::new(words.fill(book.prompt)),
        config: sealed_json(config(book)),
        owner_id: owner.map(|owner| cast.user(owner)),
        team_id: team.map(|team| cast.team(team)),
        status,
        updated_at,
        ..row(scene, book, id, visibility, post.approvals, at)
    };
    scene.rows.agents.push(row);
    for (document, priority) in book.documents.iter().zip(1..) {
        attach(scene, id, document, 10 - priority, at + TimeDelta::minutes(5));
    }
    let (required_approvals, require_plan_approval) = post.approvals;
    Agent {
        id,
        book,
        required_approvals,
        require_plan_approval,
        takes_goals: status == AgentStatus::Active,
        users: post.users.iter().map(|who| cast.user(*who)).collect(),
        admins: appoint(scene, cast, id, post.admins, at),
    }
}

/// The row by which an organisation's goals and chats refer to an agent of the platform: settings only.
fn install(scene: &mut Scene<'_>, cast: &Cast, book: &'static Playbook, id: AgentId, at: DateTime<Utc>) -> Agent {
    // Acme lets nobody translate a document unseen.
    let approvals = (1, book.key == "translator");
    scene.rows.agents.push(row(scene, book, id, AgentVisibility::Global, approvals, at));
    scene.log(at, "agent.installed", Some(cast.user(Hugo)), id, Some(json!({"name": book.name})));
    let admins = if book.key == "minutes-taker" { appoint(scene, cast, id, &[Grace], at) } else { Vec::new() };
    Agent {
        id,
        book,
        required_approvals: approvals.0,
        require_plan_approval: approvals.1,
        takes_goals: true,
        users: [Hugo, Dmitri, Jonas, Esther, Ada, Mina].map(|who| cast.user(who)).to_vec(),
        admins,
    }
}

fn row(
    scene: &Scene<'_>,
    book: &Playbook,
    id: AgentId,
    visibility: AgentVisibility,
    approvals: (i32, bool),
    at: DateTime<Utc>,
) -> agent::Model {
    agent::Model {
        org_id: scene.org_id,
        id,
        name: book.name.to_owned(),
        name_folded: fold(book.name),
        description: book.description.to_owned(),
        status: AgentStatus::Active,
        visibility,
        chat_capable: book.chat_capable,
        owner_id: None,
        team_id: None::<TeamId>,
        system_prompt: Confidential::withheld(),
        config: Confidential::withheld(),
        required_approvals: approvals.0,
        require_plan_approval: approvals.1,
        created_at: at,
        updated_at: at,
    }
}

fn appoint(scene: &mut Scene<'_>, cast: &Cast, agent: AgentId, admins: &[Who], at: DateTime<Utc>) -> Vec<UserId> {
    let mut appointed = Vec::new();
    for (who, minutes) in admins.iter().zip(2..) {
        let (at, user) = (at + TimeDelta::minutes(minutes), cast.user(*who));
        scene.rows.agent_admins.push(agent_admin::Model {
            org_id: scene.org_id,
            id: scene.dice.id(at),
            agent_id: agent,
            user_id: user,
            created_at: at,
        });
        scene.log(at, "agent.admin_added", Some(cast.user(Ada)), agent, None);
        appointed.push(user);
    }
    appointed
}

fn attach(scene: &mut Scene<'_>, agent: AgentId, document: &Document, priority: i32, at: DateTime<Utc>) {
    let words = scene.words();
    scene.rows.agent_documents.push(agent_document::Model {
        org_id: scene.org_id,
        id: scene.dice.id(at),
        agent_id: agent,
        goal_id: None,
        kind: document.kind,
        name: document.name.to_owned(),
        priority,
        content: Confidential::from_option(document.content.map(|text| words.fill(text))),
        uri: Confidential::from_option(document.uri.map(|text| words.fill(text))),
        created_at: at,
        updated_at: at,
    });
}

fn config(book: &Playbook) -> serde_json::Value {
    json!({
        "model": book.model,
        "temperature": book.temperature,
        "maxTokens": 8192,
        "tools": book.tools.iter().map(|tool| json!({"name": tool, "timeoutSeconds": 60})).collect::<Vec<_>>(),
        "retry": {"attempts": 3, "backoffSeconds": [5, 30, 120]},
    })
}

/// Workers, by the same names in both organisations.
fn workers(scene: &mut Scene<'_>, cast: &Cast) {
    let everything: Vec<&str> = [playbook::COMMON_KINDS, playbook::SANDBOX_KINDS].concat();
    let now = scene.now;
    for (hostname, status, kinds, heard) in [
        ("runner-01", WorkerStatus::Active, playbook::COMMON_KINDS, TimeDelta::seconds(4)),
        ("runner-02", WorkerStatus::Active, &everything, TimeDelta::seconds(11)),
        ("runner-03", WorkerStatus::Active, &everything, TimeDelta::seconds(7)),
        ("sandbox-01", WorkerStatus::Active, playbook::SANDBOX_KINDS, TimeDelta::seconds(2)),
        ("runner-04", WorkerStatus::Draining, playbook::COMMON_KINDS, TimeDelta::seconds(9)),
        ("sandbox-02", WorkerStatus::Offline, playbook::SANDBOX_KINDS, TimeDelta::hours(31)),
    ] {
        let at = scene.since + TimeDelta::hours(24) + scene.dice.seconds(60, 1_800);
        let id = scene.dice.id(at);
        scene.rows.workers.push(worker::Model {
            org_id: scene.org_id,
            id,
            hostname: hostname.to_owned(),
            status,
            capabilities: entity::confidential::JsonText::new(json!(kinds).to_string()),
            last_heartbeat_at: now - heard,
            service_account_id: None,
            created_at: at,
        });
        scene.log(at, "worker.registered", Some(cast.user(Ben)), id, Some(json!({"hostname": hostname})));
    }
}
