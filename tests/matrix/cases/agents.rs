//! Mutations about agents, and what is done with them.

use entity::{
    enums::AgentVisibility::{Global, Private, Public, Team},
    ids::{AgentDocumentId, AgentId, TeamId, UserId},
};
use palisade::policy::Permission as P;
use serde_json::{Value, json};

use super::{CONFLICT, Case, INVALID, case, changing, input, instead, plain};
use crate::matrix::{
    cast::{AGENTS, Actor, Is, Org, agent, gid, named},
    reading::{Object, Verdict},
    stage::someone,
};

pub fn cases() -> Vec<Case> {
    let new = |visibility: &str, team: Option<&str>| {
        input(
            json!({ "name": "New", "visibility": visibility, "systemPrompt": "Be new.", "teamId": team.map(gid::<TeamId>) }),
        )
    };
    let create = |on: &'static str, row, object, value| plain("createAgent", on, row, object, value);
    let mut all = vec![
        create("private", P::AgentCreate, Object::New(Private, None), new("PRIVATE", None)),
        create("public", P::AgentCreate, Object::New(Public, None), new("PUBLIC", None)),
        create("for red", P::AgentCreateTeam, Object::New(Team, Some("red")), new("TEAM", Some("red"))),
        create(
            "for the foreign team",
            P::AgentCreateTeam,
            Object::New(Team, Some("foreign")),
            new("TEAM", Some("foreign")),
        ),
        create("global", P::AgentManageGlobal, Object::New(Global, None), new("GLOBAL", None)),
    ];
    for agent in AGENTS {
        all.extend(on_agent(agent.name));
    }
    // What it takes to make it a team's is asked besides.
    all.push(case(
        "setAgentVisibility",
        "private to red",
        |_| vec![(P::AgentAdminister, Object::Agent("private")), (P::AgentCreateTeam, Object::New(Team, Some("red")))],
        |_| input(json!({ "id": gid::<AgentId>("private"), "visibility": "TEAM", "teamId": gid::<TeamId>("red") })),
    ));
    all
}

fn on_agent(name: &'static str) -> Vec<Case> {
    let (id, on) = (gid::<AgentId>(name), Object::Agent(name));
    let of = agent(name);
    let mut all = Vec::new();
    let changed = {
        let id = id.clone();
        move |actor: &Actor, more: Value| {
            let _ = actor;
            let mut value = json!({ "id": id });
            value.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            input(value)
        }
    };
    let prompt = {
        let changed = changed.clone();
        move |actor: &Actor| changed(actor, json!({ "systemPrompt": "Be kind." }))
    };
    // Of a global agent an organisation changes its own approvals alone: with the prompt it is refused, whoever asks.
    let update = case("updateAgent", format!("{name}: prompt"), changing(P::AgentUpdate, name), prompt);
    all.push(update);
    let approvals = move |actor: &Actor| {
        let row = match (actor.is, of.org) {
            (Is::Operator, None) => P::AgentManageGlobal,
            (_, None) => P::AgentGovern,
            _ => P::AgentUpdate,
        };
        vec![(row, on)]
    };
    all.push(case("updateAgent", format!("{name}: more approvals"), approvals, {
        let changed = changed.clone();
        move |actor| changed(actor, json!({ "requiredApprovals": 3 }))
    }));
    let visibility = if of.visibility == Public { "PRIVATE" } else { "PUBLIC" };
    all.push(
        plain(
            "setAgentVisibility",
            name,
            P::AgentAdminister,
            on,
            changed(named("ada"), json!({ "visibility": visibility })),
        )
        .but(match of.org {
            // A global agent stays global.
            None => |actor, verdict| if actor.is == Is::Operator { CONFLICT } else { verdict },
            Some(_) => |_, verdict| verdict,
        }),
    );
    all.push(case("archiveAgent", name, changing(P::AgentAdminister, name), {
        let id = id.clone();
        move |_| json!({ "id": id })
    }));
    let share = move |actor: &Actor, permission: Option<&str>| {
        let whom = if permission.is_some() { someone(actor) } else { gid::<UserId>("una") };
        let mut value = json!({ "agentId": gid::<AgentId>(name), "userId": whom });
        if let Some(permission) = permission {
            value["permission"] = json!(permission);
        }
        input(value)
    };
    let shared =
        case("setCollaborator", name, move |_| vec![(P::AgentAdminister, on)], move |actor| share(actor, Some("EDIT")));
    // A team's agent has no collaborators.
    all.push(if of.team.is_some() { shared.but(|_, verdict| instead(verdict, INVALID)) } else { shared });
    let unshared =
        case("removeCollaborator", name, move |_| vec![(P::AgentAdminister, on)], move |actor| share(actor, None));
    all.push(if of.shares.is_empty() { unshared.but(|_, verdict| instead(verdict, Verdict::Hide)) } else { unshared });
    all.push(case(
        "addAgentAdmin",
        name,
        move |_| vec![(P::AgentGovern, on)],
        move |actor| json!({ "agentId": gid::<AgentId>(name), "userId": someone(actor) }),
    ));
    let first = of.admins[0];
    let removed = case(
        "removeAgentAdmin",
        name,
        move |_| vec![(P::AgentGovern, on)],
        move |_| json!({ "agentId": gid::<AgentId>(name), "userId": gid::<UserId>(first) }),
    );
    all.push(match of.org {
        // Gia's post is her organisation's.
        None => removed.but(
            |actor, verdict| if actor.org() == Some(Org::Beta) { instead(verdict, Verdict::Hide) } else { verdict },
        ),
        Some(_) => removed,
    });
    all.push(case("attachDocument", name, changing(P::AgentUpdate, name), {
        let id = id.clone();
        move |_| input(json!({ "agentId": id, "type": "RULE", "name": "Rule", "content": "Never." }))
    }));
    all.push(case(
        "removeDocument",
        name,
        changing(P::AgentUpdate, name),
        move |_| json!({ "id": gid::<AgentDocumentId>(&format!("document {name}")) }),
    ));
    all.push(plain("submitGoal", name, P::GoalSubmit, on, input(json!({ "agentId": id, "goalText": "Do it." }))));
    let chat = plain("startChat", name, P::ChatStart, on, input(json!({ "agentId": id })));
    all.push(chat);
    // Usage of an agent that is not in the key's sight is of nothing that is there.
    let used = case(
        "recordUsage",
        name,
        move |_| vec![(P::UsageRecord, Object::Whole), (P::UsageRecord, on)],
        move |_| {
            input(json!([{
                "requestId": "one", "model": "model", "tokensIn": 1, "tokensOut": 1, "costUsd": "0.1", "agentId": id,
            }]))
        },
    );
    all.push(match of.org {
        // The other organisation has not used the global agent yet: there is nothing of it to report.
        None => used.but(|actor, verdict| match actor.org() {
            Some(Org::Beta) => instead(verdict, Verdict::Hide),
            _ => verdict,
        }),
        Some(_) => used,
    });
    all
}
