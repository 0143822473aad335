//! Every mutation on every object that it can be about: what is sent, and which rows of the table it needs.

use entity::{
    enums::AgentVisibility::{Global, Private, Public, Team},
    ids::{
        AgentDocumentId, AgentId, ApprovalRequestId, ChatSessionId, GoalId, InvitationId, ServiceAccountId, TaskId,
        TeamId, UserId, UserIdentityId, WorkerId, WorkspaceFileId,
    },
};
use palisade::policy::Permission as P;
use serde_json::{Value, json};

use super::{
    cast::{AGENTS, Actor, CHATS, CLAIMS, GOALS, Is, Org, RUNNERS, agent, claim_submitter, gid},
    reading::{Object, Verdict},
    rows::{email, invitation_token, of, org},
    stage::{PASSWORD, RESET, someone},
};

type Needs = Vec<(P, Object)>;

pub struct Case {
    pub field: &'static str,
    /// On what, as the golden says it.
    pub on: String,
    pub input: Box<dyn Fn(&Actor) -> Value>,
    /// Rows that the call needs, in the order in which they are asked.
    pub needs: Box<dyn Fn(&Actor) -> Needs>,
    /// What the rows do not say: state, and what else the input names.
    pub twist: fn(&Actor, Verdict) -> Verdict,
}

impl Case {
    fn but(self, twist: fn(&Actor, Verdict) -> Verdict) -> Self {
        Self { twist, ..self }
    }
}

fn case(
    field: &'static str,
    on: impl Into<String>,
    needs: impl Fn(&Actor) -> Needs + 'static,
    input: impl Fn(&Actor) -> Value + 'static,
) -> Case {
    Case { field, on: on.into(), input: Box::new(input), needs: Box::new(needs), twist: |_, verdict| verdict }
}

/// With one row and one object, and what is sent the same for everybody.
fn plain(field: &'static str, on: impl Into<String>, row: P, object: Object, input: Value) -> Case {
    case(field, on, move |_| vec![(row, object)], move |_| input.clone())
}

fn input(value: Value) -> Value {
    json!({ "input": value })
}

/// The row that changes an agent: its own, or the platform's for who manages global ones.
fn changing(row: P, of: &'static str) -> impl Fn(&Actor) -> Needs {
    move |actor| {
        let platforms = actor.is == Is::Operator && agent(of).org.is_none();
        vec![(if platforms { P::AgentManageGlobal } else { row }, Object::Agent(of))]
    }
}

const CONFLICT: Verdict = Verdict::State("CONFLICT");
const INVALID: Verdict = Verdict::State("VALIDATION");

fn instead(verdict: Verdict, of: Verdict) -> Verdict {
    if verdict == Verdict::Allow { of } else { verdict }
}

/// What is allowed to a person with a session, and to no key: a key has none.
fn with_session(actor: &Actor, verdict: Verdict) -> Verdict {
    if matches!(actor.is, Is::Key { .. }) { instead(verdict, Verdict::Forbid) } else { verdict }
}

pub fn cases() -> Vec<Case> {
    let mut all = Vec::new();
    all.extend(own());
    all.extend(platform());
    all.extend(organization());
    all.extend(teams());
    all.extend(agents());
    all.extend(goals());
    all.extend(keys());
    all.extend(runs());
    all.extend(chats());
    all
}

fn own() -> Vec<Case> {
    let open = |field, value| plain(field, "", P::SignIn, Object::Whole, value);
    let account =
        |field, on: &'static str, value| plain(field, on, P::AccountManageOwn, Object::Whole, value).but(with_session);
    let to = |whose: Org| json!({ "organizationId": org(whose).to_string() });
    vec![
        open("login", input(json!({ "email": email("max"), "password": PASSWORD }))),
        // What is in `refreshSession` is put there by who runs the cases: it is made anew in each world.
        open("refreshSession", input(json!({ "refreshToken": "" }))),
        open("requestPasswordReset", json!({ "email": email("max") })),
        open(
            "completePasswordReset",
            input(json!({ "token": RESET, "newPassword": "another password of the matrix" })),
        ),
        // Of an address without an account: whoever is signed in has another.
        open("acceptInvitation", input(json!({ "token": invitation_token(), "name": "New", "password": PASSWORD })))
            .but(|actor, verdict| if actor.is_person() { instead(verdict, INVALID) } else { verdict }),
        account("logout", "", json!({})),
        account(
            "changePassword",
            "",
            input(json!({ "currentPassword": PASSWORD, "newPassword": "another password of the matrix" })),
        ),
        account("requestEmailChange", "", json!({ "newEmail": "elsewhere@matrix.example" })),
        // Their tokens are a mail's and an issuer's: that they work is for the tests of sign-in to show.
        account("confirmEmailChange", "with no link", json!({ "token": "x" }))
            .but(|actor, verdict| instead(with_session(actor, verdict), INVALID)),
        account("linkIdentity", "with no token", json!({ "token": "x" })).but(|actor, verdict| match actor.is {
            Is::Operator => Verdict::Forbid,
            _ => instead(with_session(actor, verdict), INVALID),
        }),
        account("unlinkIdentity", "max's", json!({ "id": gid::<UserIdentityId>("link of max") })).but(
            |actor, verdict| {
                if actor.name == "max" { verdict } else { instead(with_session(actor, verdict), Verdict::Hide) }
            },
        ),
        account("switchOrganization", "to alpha", to(Org::Alpha)).but(|actor, verdict| {
            let belongs = actor.org() == Some(Org::Alpha) || actor.name == "bo";
            if belongs { with_session(actor, verdict) } else { instead(with_session(actor, verdict), Verdict::Hide) }
        }),
        account("switchOrganization", "to beta", to(Org::Beta)).but(|actor, verdict| {
            if actor.org() == Some(Org::Beta) {
                with_session(actor, verdict)
            } else {
                instead(with_session(actor, verdict), Verdict::Hide)
            }
        }),
    ]
}

fn platform() -> Vec<Case> {
    let id = |whose: Org| json!({ "id": org(whose).to_string() });
    let user = |name: &str| json!({ "id": gid::<UserId>(name) });
    let manage = |field, on: Org| plain(field, on.slug(), P::OrganizationManage, Object::Org(on), id(on));
    let account = |field, name| plain(field, name, P::UserManage, Object::Account(name), user(name));
    let mut all = vec![
        plain(
            "createOrganization",
            "",
            P::OrganizationManage,
            Object::Whole,
            input(json!({ "name": "New", "slug": "new" })),
        ),
        manage("suspendOrganization", Org::Alpha),
        manage("suspendOrganization", Org::Beta),
        manage("reactivateOrganization", Org::Gamma),
        manage("archiveOrganization", Org::Alpha),
        manage("archiveOrganization", Org::Gamma),
        plain(
            "createUser",
            "",
            P::UserManage,
            Object::Whole,
            input(json!({ "email": "made@matrix.example", "name": "Made" })),
        ),
        account("suspendUser", "zed"),
        account("suspendUser", "uma"),
        account("reactivateUser", "sid"),
        account("deactivateUser", "zed"),
        plain("resetPassword", "zed", P::UserManage, Object::Account("zed"), json!({ "userId": gid::<UserId>("zed") })),
        plain(
            "moveUser",
            "zed to beta",
            P::UserManage,
            Object::Account("zed"),
            input(
                json!({ "userId": gid::<UserId>("zed"), "fromOrganizationId": org(Org::Alpha).to_string(), "toOrganizationId": org(Org::Beta).to_string(), "role": "ADMIN" }),
            ),
        ),
        plain(
            "setSuperAdmin",
            "uma",
            P::SuperAdminAppoint,
            Object::Account("uma"),
            json!({ "userId": gid::<UserId>("uma"), "isSuperAdmin": true }),
        ), // Uma herself holds no such row; nobody does but super-admins.
    ];
    for name in ["max", "fox", "uma"] {
        all.push(plain(
            "updateUser",
            name,
            P::UserRename,
            Object::Account(name),
            input(json!({ "id": gid::<UserId>(name), "name": "Renamed" })),
        ));
    }
    all
}

fn organization() -> Vec<Case> {
    let mut all = Vec::new();
    for whose in [Org::Alpha, Org::Beta] {
        let (slug, named) = (whose.slug(), org(whose).to_string());
        let with = |more: Value| {
            let mut value = json!({ "organizationId": named });
            value.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            input(value)
        };
        let there = gid::<UserId>(if whose == Org::Alpha { "zed" } else { "fox" });
        let on = Object::Org(whose);
        all.extend([
            plain(
                "updateOrganization",
                format!("{slug}: name"),
                P::OrganizationManage,
                on,
                input(json!({ "id": named, "name": "New" })),
            ),
            plain(
                "updateOrganization",
                format!("{slug}: config"),
                P::OrganizationConfigure,
                on,
                input(json!({ "id": named, "config": { "region": "us" } })),
            ),
            plain(
                "inviteMember",
                slug,
                P::MemberManage,
                on,
                with(json!({ "email": "more@matrix.example", "role": "MEMBER" })),
            ),
            plain(
                "addMember",
                slug,
                P::MemberAdd,
                on,
                with(json!({ "userId": gid::<UserId>("uma"), "role": "MEMBER" })),
            ),
            plain("updateMemberRole", slug, P::MemberManage, on, with(json!({ "userId": there, "role": "ADMIN" }))),
            plain("removeMember", slug, P::MemberManage, on, with(json!({ "userId": there }))),
            plain("createTeam", slug, P::TeamManage, on, with(json!({ "name": "New", "slug": "new" }))),
            plain("setBudget", slug, P::OperationsManage, on, with(json!({ "monthlyCostUsd": "1000" })))
                // The cell shows metadata, which permits no write.
                .but(|actor, verdict| if actor.is == Is::Operator { Verdict::Forbid } else { verdict }),
            plain(
                "revokeInvitation",
                slug,
                P::MemberManage,
                on,
                json!({ "id": gid::<InvitationId>(&format!("invitation {slug}")) }),
            ),
        ]);
    }
    let own = |field, value| plain(field, "the own organisation", P::IssuerManage, Object::Whole, value);
    all.extend([
        own("enableIssuer", json!({ "issuer": "https://another.example" })),
        // Where it is not let in, nothing happens.
        own("disableIssuer", json!({ "issuer": "https://issuer.example" })),
        plain(
            "confirmMember",
            "pia",
            P::MemberConfirm,
            Object::Request(Org::Alpha),
            input(json!({ "userId": gid::<UserId>("pia"), "accept": true })),
        )
        // The request is the own organisation's, of whoever asks; there, somebody else's is not.
        .but(|actor, verdict| match actor.is {
            Is::Member { admin: false, .. } => Verdict::Forbid,
            _ => verdict,
        }),
    ]);
    all
}

fn teams() -> Vec<Case> {
    let mut all = Vec::new();
    // A team, who is in it, and who is not and could be.
    for (team, inside, outside) in [("red", "tom", "zed"), ("blue", "otto", "zed"), ("foreign", "fox", "bo")] {
        let id = gid::<TeamId>(team);
        let whom = |name: &str, role: Option<&str>| match role {
            Some(role) => input(json!({ "teamId": id, "userId": gid::<UserId>(name), "role": role })),
            None => json!({ "teamId": id, "userId": gid::<UserId>(name) }),
        };
        let role = if inside == "tom" { "ADMIN" } else { "MEMBER" };
        let on = Object::Team(team);
        let deleted = plain("deleteTeam", team, P::TeamManage, on, json!({ "id": id }));
        all.extend([
            plain("updateTeam", team, P::TeamManage, on, input(json!({ "id": id, "name": "New" }))),
            // Red owns an agent.
            if team == "red" { deleted.but(|_, verdict| instead(verdict, CONFLICT)) } else { deleted },
            plain("addTeamMember", team, P::TeamMemberManage, on, whom(outside, Some("MEMBER"))),
            plain("updateTeamMemberRole", team, P::TeamMemberManage, on, whom(inside, Some(role))),
            plain("removeTeamMember", team, P::TeamMemberManage, on, whom(inside, None)),
        ]);
    }
    all
}

fn agents() -> Vec<Case> {
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
            changed(super::cast::named("ada"), json!({ "visibility": visibility })),
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
    all.push(case(
        "recordUsage",
        name,
        move |_| vec![(P::UsageRecord, Object::Whole), (P::UsageRecord, on)],
        move |_| input(json!([{ "requestId": "one", "model": "model", "tokensIn": 1, "tokensOut": 1, "costUsd": "0.1", "agentId": id }])),
    ));
    all
}

fn goals() -> Vec<Case> {
    let mut all = Vec::new();
    for (agent, org, by) in GOALS.iter().copied() {
        let on = format!("{agent}, {by}'s");
        let goal = Object::Goal(agent, org, by);
        let waits = gid::<GoalId>(&of("waits", agent, by));
        let task = |name| json!({ "id": gid::<TaskId>(&of(name, agent, by)) });
        let request = gid::<ApprovalRequestId>(&of("request", agent, by));
        let decide = |decision| input(json!({ "id": request, "decision": decision }));
        all.extend([
            plain("cancelGoal", on.clone(), P::GoalCancel, goal, json!({ "id": waits })),
            plain("retryTask", on.clone(), P::GoalCancel, goal, task("dead")),
            plain("cancelTask", on.clone(), P::GoalCancel, goal, task("queued")),
            plain("startPlanning", on.clone(), P::PlanPropose, goal, json!({ "goalId": waits })),
            plain(
                "proposePlan",
                on.clone(),
                P::PlanPropose,
                goal,
                input(json!({ "goalId": waits, "tasks": [{ "key": "a", "type": "code" }] })),
            ),
            plain(
                "putWorkspaceFile",
                on.clone(),
                P::FileWrite,
                goal,
                input(json!({ "goalId": waits, "path": "notes.md", "contents": "Done." })),
            ),
            plain(
                "deleteWorkspaceFile",
                on.clone(),
                P::FileWrite,
                goal,
                json!({ "id": gid::<WorkspaceFileId>(&of("file", agent, by)) }),
            ),
            plain(
                "decideApproval",
                format!("{on}: yes"),
                P::ApprovalDecide,
                Object::Approval(agent, org, by),
                decide("APPROVE"),
            ),
            plain(
                "decideApproval",
                format!("{on}: no"),
                P::ApprovalDecide,
                Object::Approval(agent, org, by),
                decide("REJECT"),
            ),
        ]);
    }
    all
}

fn keys() -> Vec<Case> {
    let mut all = vec![
        plain(
            "createServiceAccount",
            "for all agents",
            P::ServiceAccountManage,
            Object::Whole,
            input(json!({ "name": "New", "scopes": ["TASKS_RUN"] })),
        ),
        case(
            "createServiceAccount",
            "for the private agent",
            |_| vec![(P::ServiceAccountManage, Object::Whole), (P::ServiceAccountManage, Object::Agent("private"))],
            |_| input(json!({ "name": "New", "scopes": ["READ"], "agentIds": [gid::<AgentId>("private")] })),
        ),
    ];
    for name in ["k-read", "k-foreign"] {
        let (id, on) = (json!({ "id": gid::<ServiceAccountId>(name) }), Object::Key(name));
        all.push(plain("rotateServiceAccountKey", name, P::ServiceAccountManage, on, id.clone()));
        all.push(plain("revokeServiceAccount", name, P::ServiceAccountManage, on, id));
    }
    all
}

fn runs() -> Vec<Case> {
    let mut all = Vec::new();
    for name in RUNNERS.iter().copied() {
        let (worker, on) = (gid::<WorkerId>(&format!("worker {name}")), Object::Worker(name));
        all.extend([
            plain("registerWorker", format!("for {name}"), P::WorkerRegister, Object::Key(name), input(json!({ "hostname": "box", "capabilities": ["code"], "serviceAccountId": gid::<ServiceAccountId>(name) }))),
            plain("drainWorker", name, P::WorkerRegister, on, json!({ "id": worker })),
            plain("heartbeat", name, P::TaskRun, on, json!({ "workerId": worker })),
            plain("claimTasks", name, P::TaskRun, on, input(json!({ "workerId": worker, "limit": 5 }))),
        ]);
    }
    for (key, agent) in CLAIMS.iter().copied() {
        let org = super::cast::named(key).org().unwrap();
        let goal = Object::Goal(agent, org, claim_submitter(agent));
        let worker = gid::<WorkerId>(&format!("worker {key}"));
        let on = format!("{agent}, held by {key}");
        let claim = move |state: &str, more: Value| {
            let mut value =
                json!({ "taskId": gid::<TaskId>(&of(state, agent, key)), "workerId": worker, "attempt": 1 });
            value.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            input(value)
        };
        let needs = move |_: &Actor| vec![(P::TaskRun, Object::Worker(key)), (P::TaskRun, goal)];
        for (field, value) in [
            ("startTask", claim("claimed", json!({}))),
            ("completeTask", claim("running", json!({ "result": { "a": 1 } }))),
            ("failTask", claim("running", json!({ "error": "It broke." }))),
            ("recordExecution", claim("running", json!({ "status": "SUCCEEDED" }))),
            ("requestApproval", claim("running", json!({ "payload": { "tool": "rm" } }))),
        ] {
            all.push(case(field, on.clone(), needs, move |_| value.clone()));
        }
    }
    all
}

fn chats() -> Vec<Case> {
    let mut all = Vec::new();
    for (agent, org, whose) in CHATS.iter().copied() {
        let on = format!("{agent}, {whose}'s");
        let chat = Object::Chat(agent, org, whose);
        let id = gid::<ChatSessionId>(&of("chat", agent, whose));
        let say = |role| input(json!({ "sessionId": id, "role": role, "content": "Hello" }));
        all.extend([
            // A person never speaks for the agent, and a key never for a person.
            plain("postChatMessage", format!("{on}: as the person"), P::ChatWrite, chat, say("USER")).but(
                |actor, verdict| {
                    if matches!(actor.is, Is::Key { .. }) { instead(verdict, Verdict::Forbid) } else { verdict }
                },
            ),
            plain("postChatMessage", format!("{on}: as the agent"), P::ChatWrite, chat, say("ASSISTANT")).but(
                |actor, verdict| {
                    if matches!(actor.is, Is::Key { .. }) { verdict } else { instead(verdict, Verdict::Forbid) }
                },
            ),
            plain("closeChat", on, P::ChatClose, chat, json!({ "id": id })),
        ]);
    }
    all
}
