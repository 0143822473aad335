//! `golden/role_matrix.txt`: for every mutation, what each role is answered when it tries it on Acme's objects; and that
//! whatever is refused has changed nothing.

use std::fmt::Write as _;

use entity::enums::{
    AgentVisibility, CollaboratorPermission, GoalStatus, InvitationStatus, MembershipStatus, OrgRole, WorkerStatus,
};
use serde_json::{Value, json};

use super::fields::selections;
use crate::support::{
    golden,
    world::{CALLERS, Reply, World, on_both},
};

/// Of the caller itself, whoever it is: covered by the tests of sign-in.
const OWN: &[&str] = &[
    "login",
    "refreshSession",
    "logout",
    "switchOrganization",
    "changePassword",
    "completePasswordReset",
    "requestPasswordReset",
    "requestEmailChange",
    "confirmEmailChange",
    "acceptInvitation",
    "linkIdentity",
    "unlinkIdentity",
];

/// A mutation, how it is tried, and its arguments.
pub type Case = (&'static str, &'static str, Value);

#[expect(clippy::too_many_lines, reason = "a table")]
pub fn cases(world: &World) -> Vec<Case> {
    let plan = &world.plan;
    let org = |slug: &str| plan.organizations.iter().find(|org| org.slug == slug).unwrap().id;
    let acme = org("acme");
    let user = |email: &str| plan.users.iter().find(|user| user.email == email).unwrap().id;
    let text = |id: &dyn std::fmt::Display| id.to_string();
    let (dmitri, hugo, farid) = (user("dmitri@acme.example"), user("hugo@acme.example"), user("farid@acme.example"));
    let finance = plan.teams.iter().find(|team| team.org_id == acme && team.slug == "finance").unwrap().id;
    let agent = |visibility| {
        plan.agents
            .iter()
            .find(|agent| {
                agent.org_id == acme
                    && agent.visibility == visibility
                    && agent.status == entity::enums::AgentStatus::Active
                    && (visibility != AgentVisibility::Team || agent.team_id == Some(finance))
            })
            .unwrap()
    };
    let (public, team) = (agent(AgentVisibility::Public), agent(AgentVisibility::Team));
    let private = agent(AgentVisibility::Private);
    let global = plan.global_agents.first().unwrap();
    let shared = plan
        .agent_collaborators
        .iter()
        .find(|row| row.org_id == acme && row.agent_id == private.id && row.user_id.is_some())
        .expect("a collaborator of the private agent");
    let document = plan.agent_documents.iter().find(|row| row.org_id == acme && row.agent_id == team.id).unwrap();
    let open = |row: &&entity::goal::Model| {
        row.org_id == acme && matches!(row.status, GoalStatus::Pending | GoalStatus::Planning | GoalStatus::Running)
    };
    let goal = plan.goals.iter().filter(open).find(|row| row.agent_id == team.id).expect("an open goal of the team's");
    let task = |status: &entity::enums::TaskStatus| {
        let fits = |row: &&entity::task::Model| row.agent_id == team.id && row.status == *status;
        plan.tasks.iter().find(fits).unwrap_or_else(|| plan.tasks.iter().find(|row| row.agent_id == team.id).unwrap())
    };
    let worker = plan.workers.iter().find(|row| row.org_id == acme && row.status == WorkerStatus::Active).unwrap();
    let by_member = |row: &&entity::approval_request::Model| {
        let admin =
            |of: &&entity::org_membership::Model| Some(of.user_id) == row.requested_by && of.role == OrgRole::Admin;
        !plan.org_memberships.iter().any(|of| admin(&of))
    };
    let waits = |row: &&entity::approval_request::Model| {
        row.org_id == acme
            && row.status == entity::enums::ApprovalStatus::Pending
            && plan.agent_admins.iter().any(|post| post.agent_id == row.agent_id)
    };
    let asked = plan.approval_requests.iter().filter(by_member).find(waits);
    let waiting = asked.expect("a member's request that somebody is appointed to decide");
    let running = task(&entity::enums::TaskStatus::Running);
    let claim = json!({ "taskId": text(&running.id), "workerId": text(&worker.id), "attempt": 1 });
    let claimed = |name: &str, value: &str| {
        let mut input = claim.clone();
        input[name] = json!(value);
        input
    };
    let chat = plan
        .chat_sessions
        .iter()
        .find(|row| row.org_id == acme && row.status == entity::enums::ChatSessionStatus::Open)
        .expect("an open chat");
    let chatty = plan
        .agents
        .iter()
        .find(|row| row.org_id == acme && row.visibility == AgentVisibility::Public && row.chat_capable)
        .expect("an agent to chat with");
    let file = plan.workspace_files.iter().find(|row| row.org_id == acme).unwrap();
    let invitation =
        plan.invitations.iter().find(|row| row.org_id == acme && row.status == InvitationStatus::Pending).unwrap();
    let pending = plan
        .org_memberships
        .iter()
        .find(|row| row.org_id == acme && (row.status == MembershipStatus::Pending || row.pending_role.is_some()))
        .unwrap();
    let in_team = plan.team_memberships.iter().find(|row| row.team_id == finance && row.user_id == dmitri).unwrap();
    let account = plan.service_accounts.iter().find(|row| row.org_id == acme).unwrap();
    let lonely = plan
        .users
        .iter()
        .find(|user| !user.is_super_admin && !plan.org_memberships.iter().any(|row| row.user_id == user.id));
    let stranger = user("farid@globex.example");
    let other_member = |id: &entity::ids::UserId| text(id);
    let by = |permission: CollaboratorPermission| permission.as_str();
    let create_agent = |visibility: &str| json!({ "name": "New", "visibility": visibility, "systemPrompt": "Be new." });
    let id = |id: &dyn std::fmt::Display| json!({ "id": text(id) });
    let input = |input: Value| json!({ "input": input });
    vec![
        ("createOrganization", "", input(json!({ "name": "Initech", "slug": "initech" }))),
        ("updateOrganization", "its name", input(json!({ "id": text(&acme), "name": "Acme Corporation" }))),
        ("updateOrganization", "its config", input(json!({ "id": text(&acme), "config": { "region": "eu" } }))),
        ("suspendOrganization", "", id(&acme)),
        ("reactivateOrganization", "an active one", id(&acme)),
        ("archiveOrganization", "", id(&acme)),
        ("createUser", "", input(json!({ "email": "new@new.example", "name": "New" }))),
        ("updateUser", "another's name", input(json!({ "id": text(&farid), "name": "F." }))),
        ("suspendUser", "", id(&farid)),
        ("reactivateUser", "an active one", id(&farid)),
        ("deactivateUser", "", id(&farid)),
        ("resetPassword", "", json!({ "userId": text(&farid) })),
        (
            "moveUser",
            "to Globex",
            input(
                json!({ "userId": text(&farid), "fromOrganizationId": text(&acme), "toOrganizationId": text(&org("globex")), "role": "ADMIN" }),
            ),
        ),
        (
            "setSuperAdmin",
            "a member",
            json!({ "userId": other_member(&lonely.map_or(farid, |user| user.id)), "isSuperAdmin": true }),
        ),
        (
            "inviteMember",
            "",
            input(json!({ "organizationId": text(&acme), "email": "new@new.example", "role": "MEMBER" })),
        ),
        ("revokeInvitation", "", id(&invitation.id)),
        ("addMember", "", input(json!({ "organizationId": text(&acme), "userId": text(&stranger), "role": "MEMBER" }))),
        (
            "updateMemberRole",
            "",
            input(json!({ "organizationId": text(&acme), "userId": text(&farid), "role": "ADMIN" })),
        ),
        ("removeMember", "", input(json!({ "organizationId": text(&acme), "userId": text(&farid) }))),
        (
            "confirmMember",
            "",
            input(
                json!({ "userId": text(&pending.user_id), "role": pending.pending_role.unwrap_or(pending.role).as_str(), "accept": true }),
            ),
        ),
        ("createServiceAccount", "for all agents", input(json!({ "name": "New", "scopes": ["TASKS_RUN"] }))),
        (
            "createServiceAccount",
            "for Finance's agent",
            input(json!({ "name": "New", "scopes": ["READ"], "agentIds": [text(&team.id)] })),
        ),
        ("rotateServiceAccountKey", "", id(&account.id)),
        ("revokeServiceAccount", "", id(&account.id)),
        ("enableIssuer", "", json!({ "issuer": "https://okta.example" })),
        ("disableIssuer", "that is not in", json!({ "issuer": "https://okta.example" })),
        ("createTeam", "", input(json!({ "organizationId": text(&acme), "name": "New", "slug": "new" }))),
        ("updateTeam", "", input(json!({ "id": text(&finance), "name": "Money" }))),
        ("deleteTeam", "that owns agents", id(&finance)),
        ("addTeamMember", "", input(json!({ "teamId": text(&finance), "userId": text(&hugo), "role": "MEMBER" }))),
        (
            "updateTeamMemberRole",
            "",
            input(json!({ "teamId": text(&finance), "userId": text(&in_team.user_id), "role": "ADMIN" })),
        ),
        ("removeTeamMember", "", json!({ "teamId": text(&finance), "userId": text(&in_team.user_id) })),
        ("createAgent", "private", input(create_agent("PRIVATE"))),
        ("createAgent", "public", input(create_agent("PUBLIC"))),
        (
            "createAgent",
            "for Finance",
            input({
                let mut new = create_agent("TEAM");
                new["teamId"] = json!(text(&finance));
                new
            }),
        ),
        ("createAgent", "global", input(create_agent("GLOBAL"))),
        ("updateAgent", "public: prompt", input(json!({ "id": text(&public.id), "systemPrompt": "Be kind." }))),
        ("updateAgent", "Finance's: prompt", input(json!({ "id": text(&team.id), "systemPrompt": "Be kind." }))),
        ("updateAgent", "private: prompt", input(json!({ "id": text(&private.id), "systemPrompt": "Be kind." }))),
        ("updateAgent", "global: prompt", input(json!({ "id": text(&global.id), "systemPrompt": "Be kind." }))),
        ("updateAgent", "global: approvals", input(json!({ "id": text(&global.id), "requiredApprovals": 3 }))),
        ("setAgentVisibility", "Finance's to public", input(json!({ "id": text(&team.id), "visibility": "PUBLIC" }))),
        (
            "setAgentVisibility",
            "private to Finance",
            input(json!({ "id": text(&private.id), "visibility": "TEAM", "teamId": text(&finance) })),
        ),
        ("archiveAgent", "Finance's", id(&team.id)),
        ("archiveAgent", "private", id(&private.id)),
        ("archiveAgent", "global", id(&global.id)),
        (
            "setCollaborator",
            "private",
            input(
                json!({ "agentId": text(&private.id), "userId": text(&farid), "permission": by(CollaboratorPermission::Use) }),
            ),
        ),
        (
            "removeCollaborator",
            "private",
            input(json!({ "agentId": text(&private.id), "userId": shared.user_id.map(|id| id.to_string()) })),
        ),
        ("addAgentAdmin", "Finance's", json!({ "agentId": text(&team.id), "userId": text(&hugo) })),
        ("addAgentAdmin", "global", json!({ "agentId": text(&global.id), "userId": text(&hugo) })),
        (
            "removeAgentAdmin",
            "Finance's, of nobody's post",
            json!({ "agentId": text(&team.id), "userId": text(&hugo) }),
        ),
        (
            "attachDocument",
            "Finance's",
            input(json!({ "agentId": text(&team.id), "type": "RULE", "name": "Rule", "content": "Never." })),
        ),
        ("removeDocument", "Finance's", id(&document.id)),
        ("submitGoal", "public", input(json!({ "agentId": text(&public.id), "goalText": "Do it." }))),
        ("submitGoal", "Finance's", input(json!({ "agentId": text(&team.id), "goalText": "Do it." }))),
        ("submitGoal", "global", input(json!({ "agentId": text(&global.id), "goalText": "Do it." }))),
        ("cancelGoal", "on Finance's", id(&goal.id)),
        (
            "recordUsage",
            "of a person",
            input(json!([{
                "requestId": "one", "model": "gpt-4o", "tokensIn": 1, "tokensOut": 1, "costUsd": "0.1", "agentId": text(&public.id),
            }])),
        ),
        ("setBudget", "", input(json!({ "organizationId": text(&acme), "monthlyCostUsd": "1000" }))),
        ("retryTask", "on Finance's", id(&task(&entity::enums::TaskStatus::Completed).id)),
        ("cancelTask", "on Finance's", id(&task(&entity::enums::TaskStatus::Queued).id)),
        ("startPlanning", "on Finance's", json!({ "goalId": text(&goal.id) })),
        (
            "proposePlan",
            "on Finance's",
            input(json!({ "goalId": text(&goal.id), "tasks": [{ "key": "a", "type": "code" }] })),
        ),
        ("registerWorker", "for no account", input(json!({ "hostname": "box", "capabilities": ["code"] }))),
        ("heartbeat", "", json!({ "workerId": text(&worker.id) })),
        ("drainWorker", "", id(&worker.id)),
        ("claimTasks", "", input(json!({ "workerId": text(&worker.id) }))),
        ("startTask", "", input(claim.clone())),
        ("completeTask", "", input(claim.clone())),
        ("failTask", "", input(claimed("error", "It broke."))),
        ("recordExecution", "", input(claimed("status", "SUCCEEDED"))),
        ("startChat", "with a public agent", input(json!({ "agentId": text(&chatty.id) }))),
        ("startChat", "with Finance's", input(json!({ "agentId": text(&team.id) }))),
        (
            "postChatMessage",
            "as the person",
            input(json!({ "sessionId": text(&chat.id), "role": "USER", "content": "Hello" })),
        ),
        (
            "postChatMessage",
            "as the agent",
            input(json!({ "sessionId": text(&chat.id), "role": "ASSISTANT", "content": "Hello" })),
        ),
        ("closeChat", "that is open", id(&chat.id)),
        (
            "putWorkspaceFile",
            "on Finance's",
            input(json!({ "goalId": text(&goal.id), "path": "notes/today.md", "contents": "Done." })),
        ),
        ("deleteWorkspaceFile", "of a goal", id(&file.id)),
        ("requestApproval", "", {
            let mut asked = claim.clone();
            asked["payload"] = json!({ "tool": "rm" });
            input(asked)
        }),
        ("decideApproval", "yes", input(json!({ "id": text(&waiting.id), "decision": "APPROVE" }))),
        ("decideApproval", "no", input(json!({ "id": text(&waiting.id), "decision": "REJECT" }))),
    ]
}

pub fn document(name: &str, variables: &Value) -> String {
    let input = |name: &str| format!("{}{}Input", name[..1].to_uppercase(), &name[1..]);
    let kind = |argument: &str| match argument {
        "input" if name == "recordUsage" => "[UsageInput!]!".to_owned(),
        "input" if name.contains("TeamMember") => "TeamMemberInput!".to_owned(),
        "input" => format!("{}!", input(name)),
        "isSuperAdmin" => "Boolean!".to_owned(),
        "issuer" => "String!".to_owned(),
        _ => "ID!".to_owned(),
    };
    let names: Vec<&String> = variables.as_object().unwrap().keys().collect();
    let declared: Vec<String> = names.iter().map(|name| format!("${name}: {}", kind(name))).collect();
    let passed: Vec<String> = names.iter().map(|name| format!("{name}: ${name}")).collect();
    format!("mutation({}) {{ {name}({}) {{ __typename }} }}", declared.join(", "), passed.join(", "))
}

/// `Y` done, `x` forbidden, `0` not found, `c` conflict, `v` wrong input, `!` must sign in.
fn mark(reply: &Reply) -> char {
    match reply.code() {
        None => 'Y',
        Some("FORBIDDEN") => 'x',
        Some("NOT_FOUND") => '0',
        Some("CONFLICT") => 'c',
        Some("VALIDATION") => 'v',
        Some("UNAUTHENTICATED") => '!',
        Some(_) => panic!("{}", reply.text),
    }
}

on_both! {
    async fn every_mutation_is_answered_as_the_matrix_says_and_a_refusal_changes_nothing(first) {
        let mut world = first;
        let mut page = String::from(
            "Every mutation, tried by each role on Acme's objects. Y done, x forbidden, 0 not found, c conflict, v wrong\n\
             input, ! must sign in. Whatever is not Y was shown to have changed nothing.\n\n",
        );
        let _ = write!(page, "{:44}", "");
        for (name, _) in CALLERS {
            let _ = write!(page, " {name:>16}");
        }
        page.push('\n');
        // Every world is made from one template: they begin alike.
        let before = world.dump().await;
        for (at, (name, how, _)) in cases(&world).into_iter().enumerate() {
            let _ = write!(page, "{:44}", format!("{name} {how}").trim_end());
            let tries = async |world: &World, role| {
                let (name, _, variables) = cases(world).swap_remove(at);
                mark(&world.login(role).await.send(&document(name, &variables), variables).await)
            };
            let mut refused = Vec::new();
            for (_, role) in CALLERS {
                let told = tries(&world, role).await;
                let _ = write!(page, " {told:>16}");
                if told == 'Y' {
                    world = world.fresh().await;
                } else {
                    refused.push((role, told));
                }
            }
            // Once more by all who were refused, in a world where nobody was allowed: so one look at every table is enough.
            for (role, told) in &refused {
                assert_eq!(tries(&world, *role).await, *told, "{name} {how} by {role:?}");
            }
            assert!(before == world.dump().await, "{name} {how}: refused to {refused:?}, and something changed");
            page.push('\n');
        }
        golden::check("role_matrix.txt", &page);
    }

    async fn every_mutation_of_the_schema_is_tried(world) {
        let tried = cases(&world);
        for (name, _) in &selections(&world).await["Mutation"] {
            let covered = OWN.contains(&name.as_str()) || tried.iter().any(|(tried, _, _)| tried == name);
            assert!(covered, "add {name} to the cases of the role matrix");
        }
    }
}
