//! The world's rows, made from the cast.

mod work;

use chrono::{DateTime, TimeDelta, Utc};
use entity::{
    agent, agent_admin, agent_collaborator, agent_document,
    confidential::{Confidential, JsonText, Secret},
    enums::{
        AgentStatus, DocumentType, InvitationStatus, MembershipStatus, OrgRole, OrganizationStatus, UserStatus,
        WorkerStatus,
    },
    global_agent, global_agent_document,
    ids::{OrgId, UserId},
    invitation, org_membership, organization, service_account, service_account_agent, team, team_membership, user,
    worker, workspace_usage,
};
use palisade::{
    auth::{opaque, service_key},
    demo::{DemoKey, DemoLogin, DemoPlatform},
};

use super::cast::{ACTORS, AGENTS, CHATS, EXTRAS, GOALS, Holder, Is, Org, PLACES, RUNNERS, TEAMS, id, named};

/// Characters of the random part of a token.
const SECRET: usize = 43;

/// What a file holds.
pub const BYTES: &[u8] = b"report";

/// What the platform's clock shows.
pub fn now() -> DateTime<Utc> {
    "2026-11-22T09:00:00Z".parse().unwrap()
}

/// When everything was made.
fn before() -> DateTime<Utc> {
    now() - TimeDelta::hours(1)
}

pub fn org(org: Org) -> OrgId {
    id(org.slug())
}

/// The name of a goal, a task or whatever else hangs off a pair of [`GOALS`].
pub fn of(kind: &str, agent: &str, by: &str) -> String {
    format!("{kind} {agent} {by}")
}

/// The service account that a worker belongs to, and the org.
pub fn key_org(key: &str) -> Org {
    named(key).org().unwrap()
}

pub fn email(name: &str) -> String {
    format!("{name}@matrix.example")
}

/// The token of the invitation that nobody has an account for.
pub fn invitation_token() -> String {
    let token = opaque::invitation_token(org(Org::Alpha)).text;
    // The random part is what makes it a secret; here it is to be the same in every world.
    let head = token.len() - SECRET;
    format!("{}{}", &token[..head], "x".repeat(SECRET))
}

fn text<T>(value: T) -> Confidential<T> {
    Confidential::new(value)
}

fn json(text: &str) -> Confidential<JsonText> {
    Confidential::new(JsonText::new(text.to_owned()))
}

pub fn plan(password: &Secret) -> DemoPlatform {
    let mut rows = DemoPlatform::default();
    people(&mut rows, password);
    agents(&mut rows);
    keys(&mut rows);
    for (agent, org, by) in GOALS {
        work::goals(&mut rows, agent, *org, by);
    }
    for (agent, whose, user) in CHATS {
        work::chat(&mut rows, agent, *whose, user);
    }
    for whose in [Org::Alpha, Org::Beta, Org::Gamma] {
        let of_org = rows.workspace_files.iter().filter(|row| row.org_id == org(whose)).count();
        let files = i64::try_from(of_org).unwrap();
        rows.workspace_usage.push(workspace_usage::Model {
            org_id: org(whose),
            files,
            bytes: text(files * BYTES.len() as i64),
        });
        work::log(&mut rows, whose);
    }
    rows
}

fn people(rows: &mut DemoPlatform, password: &Secret) {
    let at = before();
    for whose in Org::ALL {
        let slug = whose.slug().to_owned();
        let (name, name_folded, config) = (slug.clone(), slug.clone(), json(r#"{"region":"eu"}"#));
        rows.organizations.push(organization::Model {
            id: org(whose),
            name,
            name_folded,
            slug,
            status: OrganizationStatus::Active,
            config,
            created_at: at,
            updated_at: at,
        });
    }
    let gone = |name: &str| if name == "cleo" { Org::Gamma } else { Org::Alpha };
    let actors = ACTORS.iter().filter_map(|actor| {
        Some(match actor.is {
            Is::Nobody | Is::Key { .. } => return None,
            Is::Gone => (actor.name, Some(gone(actor.name)), actor.name == "cleo"),
            Is::Unaffiliated | Is::Operator => (actor.name, None, false),
            Is::Member { org, admin } => (actor.name, Some(org), admin),
        })
    });
    let everybody: Vec<_> = actors.chain(EXTRAS.iter().copied()).collect();
    for (name, place, admin) in everybody {
        rows.users.push(user::Model {
            id: id(name),
            email: email(name),
            name: name.to_owned(),
            name_folded: name.to_owned(),
            status: UserStatus::Active,
            is_super_admin: ["petra", "pax"].contains(&name),
            password_hash: Some(password.clone()),
            last_login_at: None,
            created_at: at,
            updated_at: at,
        });
        rows.logins.push(DemoLogin { role: "", email: email(name), password: "", organization: None, note: "" });
        let second = (name == "bo").then_some((Org::Alpha, false));
        for (place, admin) in place.map(|place| (place, admin)).into_iter().chain(second) {
            // Signs in where it was last: Bo to the other organisation.
            let last = if name == "bo" && place == Org::Alpha { at } else { now() };
            rows.org_memberships.push(org_membership::Model {
                org_id: org(place),
                id: id(&format!("{name} of {}", place.slug())),
                user_id: id(name),
                role: if admin { OrgRole::Admin } else { OrgRole::Member },
                status: MembershipStatus::Active,
                pending_role: None,
                requested_by: None,
                request_id: None,
                requested_at: None,
                last_used_at: Some(last),
                created_at: at,
                updated_at: at,
            });
        }
    }
    for (name, whose) in TEAMS {
        let text = (*name).to_owned();
        rows.teams.push(team::Model {
            org_id: org(*whose),
            id: id(name),
            name: text.clone(),
            name_folded: text.clone(),
            slug: text,
            description: String::new(),
            created_at: at,
            updated_at: at,
        });
    }
    for (team, user, role) in PLACES {
        let whose = super::reading::org_of_team(team);
        rows.team_memberships.push(team_membership::Model {
            org_id: org(whose),
            id: id(&format!("{user} in {team}")),
            team_id: id(team),
            user_id: id(user),
            role: *role,
            created_at: at,
        });
    }
    for (whose, inviter) in [(Org::Alpha, "abe"), (Org::Beta, "fay")] {
        rows.invitations.push(invitation::Model {
            org_id: org(whose),
            id: id(&format!("invitation {}", whose.slug())),
            email: format!("new@{}.example", whose.slug()),
            role: OrgRole::Member,
            status: InvitationStatus::Pending,
            first_admin: false,
            token_hash: Secret::new(if whose == Org::Alpha {
                opaque::hash(&invitation_token())
            } else {
                "none".to_owned()
            }),
            invited_by: Some(id(inviter)),
            expires_at: now() + TimeDelta::days(7),
            created_at: at,
            accepted_at: None,
        });
    }
}

fn agents(rows: &mut DemoPlatform) {
    let at = before();
    for of in AGENTS {
        let name = of.name.to_owned();
        if of.org.is_none() {
            rows.global_agents.push(global_agent::Model {
                id: id(of.name),
                name: name.clone(),
                name_folded: name.clone(),
                description: String::new(),
                status: AgentStatus::Active,
                chat_capable: true,
                system_prompt: text("prompt".to_owned()),
                config: json("{}"),
                required_approvals: 1,
                require_plan_approval: false,
                created_at: at,
                updated_at: at,
            });
            rows.global_agent_documents.push(global_agent_document::Model {
                id: id(&format!("document {name}")),
                agent_id: id(of.name),
                kind: DocumentType::Rule,
                name: "rule".to_owned(),
                priority: 0,
                content: text("rule".to_owned()),
                uri: Confidential::withheld(),
                created_at: at,
                updated_at: at,
            });
        }
        let whose = of.org.unwrap_or(Org::Alpha);
        rows.agents.push(agent::Model {
            org_id: org(whose),
            id: id(of.name),
            name: name.clone(),
            name_folded: name.clone(),
            description: String::new(),
            status: AgentStatus::Active,
            visibility: of.visibility,
            chat_capable: of.org.is_some(),
            owner_id: of.owner.map(id::<UserId>),
            team_id: of.team.map(id),
            system_prompt: if of.org.is_some() { text("prompt".to_owned()) } else { Confidential::withheld() },
            config: if of.org.is_some() { json("{}") } else { Confidential::withheld() },
            required_approvals: 1,
            require_plan_approval: false,
            created_at: at,
            updated_at: at,
        });
        if of.org.is_some() {
            rows.agent_documents.push(agent_document::Model {
                org_id: org(whose),
                id: id(&format!("document {name}")),
                agent_id: id(of.name),
                goal_id: None,
                kind: DocumentType::Rule,
                name: "rule".to_owned(),
                priority: 0,
                content: text("rule".to_owned()),
                uri: Confidential::withheld(),
                created_at: at,
                updated_at: at,
            });
        }
        for (holder, permission) in of.shares {
            let (user_id, team_id, who) = match holder {
                Holder::User(name) => (Some(id(name)), None, name),
                Holder::Team(team) => (None, Some(id(team)), team),
            };
            rows.agent_collaborators.push(agent_collaborator::Model {
                org_id: org(whose),
                id: id(&format!("{who} on {name}")),
                agent_id: id(of.name),
                user_id,
                team_id,
                permission: *permission,
                created_at: at,
            });
        }
        for admin in of.admins {
            rows.agent_admins.push(agent_admin::Model {
                org_id: org(whose),
                id: id(&format!("{admin} for {name}")),
                agent_id: id(of.name),
                user_id: id(admin),
                created_at: at,
            });
        }
    }
}

fn keys(rows: &mut DemoPlatform) {
    let at = before();
    for actor in ACTORS {
        let Is::Key { org: whose, scopes, only } = actor.is else { continue };
        let key = service_key::text(org(whose), id(actor.name), &"x".repeat(SECRET));
        let words: Vec<&str> = scopes.iter().map(|scope| scope.as_str()).collect();
        rows.service_accounts.push(service_account::Model {
            org_id: org(whose),
            id: id(actor.name),
            name: actor.name.to_owned(),
            scopes: JsonText::new(serde_json::json!(words).to_string()),
            all_agents: only.is_none(),
            created_by: id(if whose == Org::Alpha { "abe" } else { "bo" }),
            key_hash: Secret::new(opaque::hash(&key)),
            previous_key_hash: None,
            previous_key_expires_at: None,
            last_used_at: Some(now()),
            created_at: at,
            revoked_at: None,
        });
        if let Some(agent) = only {
            rows.service_account_agents.push(service_account_agent::Model {
                org_id: org(whose),
                id: id(&format!("{} sees {agent}", actor.name)),
                service_account_id: id(actor.name),
                agent_id: id(agent),
            });
        }
        rows.keys.push(DemoKey { role: actor.name.to_owned(), key, note: "" });
    }
    for key in RUNNERS {
        rows.workers.push(worker::Model {
            org_id: org(key_org(key)),
            id: id(&format!("worker {key}")),
            hostname: (*key).to_owned(),
            status: WorkerStatus::Active,
            capabilities: JsonText::new(r#"["code"]"#.to_owned()),
            last_heartbeat_at: before(),
            service_account_id: Some(id(key)),
            created_at: at,
        });
    }
}
