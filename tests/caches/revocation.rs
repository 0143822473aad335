//! Verified tokens are remembered, and what they are worth is not: the next request after a change is answered by it, also
//! where another process of the platform made it.

use serde_json::{Value, json};

use crate::support::{
    server::Node,
    world::{Caller, World, on_both},
};

/// A token that this process has seen and remembers.
async fn warm<'w>(world: &'w World, role: &str) -> Caller<'w> {
    let caller = world.login(Some(role)).await;
    for _ in 0..3 {
        assert_eq!(caller.query("{ viewer { orgRole } }").await.code(), None, "{role}");
    }
    caller
}

async fn refused(caller: &Caller<'_>) -> bool {
    let reply = caller.query("{ viewer { orgRole } }").await;
    reply.code() == Some("UNAUTHENTICATED") && reply.status == 401
}

fn user(world: &World, email: &str) -> String {
    world.plan.users.iter().find(|user| user.email == email).unwrap().id.to_string()
}

fn by_id(mutation: &str) -> String {
    format!("mutation($id: ID!) {{ {mutation}(id: $id) {{ __typename }} }}")
}

on_both! {
    async fn what_another_process_revokes_is_refused_by_this_one_at_the_next_request(world) {
        let elsewhere = Node::start(&world).await;
        let (operator, admin) = (elsewhere.login("Operator").await, elsewhere.acme_admin().await);
        let suspended = warm(&world, "Acme member").await;
        operator.does(&by_id("suspendUser"), json!({ "id": user(&world, "dmitri@acme.example") })).await;
        assert!(refused(&suspended).await);
        // Coming back does not bring the old session back.
        operator.does(&by_id("reactivateUser"), json!({ "id": user(&world, "dmitri@acme.example") })).await;
        assert!(refused(&suspended).await);

        let removed = warm(&world, "Acme outsider").await;
        let remove = "mutation($input: RemoveMemberInput!) { removeMember(input: $input) { __typename } }";
        admin.does(remove, json!({ "input": { "userId": user(&world, "hugo@acme.example") } })).await;
        let reply = removed.query("{ goals(first: 1) { totalCount } }").await;
        assert!(reply.code().is_some() && !reply.text.contains("totalCount\":"), "{}", reply.text);

        for (role, change) in [("Acme worker", "rotateServiceAccountKey(id: $id, overlapHours: 0)"), ("Acme planner", "revokeServiceAccount(id: $id)")] {
            let key = world.login(Some(role)).await;
            for _ in 0..3 {
                assert_eq!(key.query("{ viewer { serviceAccount { name } } }").await.code(), None);
            }
            let token = key.token.clone().unwrap();
            let account = world.plan.service_accounts.iter().find(|row| token.contains(row.id.to_string().split('_').nth(1).unwrap())).unwrap();
            admin.does(&format!("mutation($id: ID!) {{ {change} {{ __typename }} }}"), json!({ "id": account.id.to_string() })).await;
            assert_eq!(key.query("{ viewer { serviceAccount { name } } }").await.code(), Some("UNAUTHENTICATED"), "{role}");
        }

        let globex = warm(&world, "Globex admin").await;
        let org = world.plan.organizations.iter().find(|org| org.slug == "globex").unwrap().id;
        operator.does(&by_id("suspendOrganization"), json!({ "id": org.to_string() })).await;
        let reply = globex.query("{ goals(first: 1) { totalCount } }").await;
        assert!(reply.code().is_some() && !reply.text.contains("totalCount\":"), "{}", reply.text);
    }

    async fn what_another_process_takes_away_is_gone_at_the_next_request_and_the_rest_stays(world) {
        let elsewhere = Node::start(&world).await;
        let admin = elsewhere.acme_admin().await;
        let chiara = warm(&world, "Acme team admin").await;
        let acme = world.acme();
        let finance = world.plan.teams.iter().find(|team| team.org_id == acme && team.slug == "finance").unwrap().id;
        let agent = world.plan.agents.iter().find(|row| row.team_id == Some(finance)).unwrap().id.to_string();
        let look = "query($id: ID!) { agent(id: $id) { name systemPrompt viewerCanUpdate } viewer { orgRole teams { role } } }";
        let before = chiara.send(look, json!({ "id": agent })).await.data().clone();
        assert_eq!((&before["agent"]["viewerCanUpdate"], &before["viewer"]["teams"][0]["role"]), (&json!(true), &json!("ADMIN")));
        let role = "mutation($input: TeamMemberInput!) { updateTeamMemberRole(input: $input) { __typename } }";
        let place = json!({ "input": { "teamId": finance.to_string(), "userId": user(&world, "chiara@acme.example"), "role": "MEMBER" } });
        admin.does(role, place).await;
        let after = chiara.send(look, json!({ "id": agent })).await.data().clone();
        assert_eq!(after["viewer"]["teams"][0]["role"], "MEMBER");
        let leave = "mutation($t: ID!, $u: ID!) { removeTeamMember(teamId: $t, userId: $u) { __typename } }";
        admin.does(leave, json!({ "t": finance.to_string(), "u": user(&world, "chiara@acme.example") })).await;
        let gone = chiara.send(look, json!({ "id": agent })).await.data().clone();
        assert_eq!((&gone["agent"], &gone["viewer"]["teams"]), (&Value::Null, &json!([])));
        assert_eq!(gone["viewer"]["orgRole"], "MEMBER");

        // An admin that is no admin any more, by a token that says it is one.
        let ben = world.plan.users.iter().find(|user| user.email == "ben@acme.example").unwrap();
        let tokens = world.rooms.identity().demo_session(&ben.email).await.unwrap();
        let ben_now = Caller { world: &world, token: Some(tokens.access_token) };
        let log = "{ auditEvents(first: 1) { nodes { id } } }";
        assert_eq!(ben_now.query(log).await.code(), None);
        let demote = "mutation($input: UpdateMemberRoleInput!) { updateMemberRole(input: $input) { __typename } }";
        admin.does(demote, json!({ "input": { "userId": ben.id.to_string(), "role": "MEMBER" } })).await;
        assert_eq!(ben_now.query(log).await.code(), Some("FORBIDDEN"));
        assert_eq!(ben_now.query("{ viewer { orgRole } }").await.data()["viewer"]["orgRole"], "MEMBER");
    }

    async fn signing_out_switching_and_another_password_end_tokens_that_are_remembered(world) {
        let admin = warm(&world, "Acme admin").await;
        let same = admin.clone();
        assert_eq!(admin.query("mutation { logout }").await.code(), None);
        assert!(refused(&same).await);

        let login = "mutation($input: LoginInput!) { login(input: $input) { accessToken } }";
        let tokens = json!({ "input": { "email": "ada@acme.example", "password": palisade::demo::PASSWORD } });
        let mut sessions = Vec::new();
        for _ in 0..2 {
            let session = world.anonymous().send(login, tokens.clone()).await.data()["login"]["accessToken"].as_str().unwrap().to_owned();
            let caller = Caller { world: &world, token: Some(session) };
            assert!(!refused(&caller).await && !refused(&caller).await);
            sessions.push(caller);
        }
        let change = "mutation($input: ChangePasswordInput!) { changePassword(input: $input) { accessToken } }";
        let words = json!({ "input": { "currentPassword": palisade::demo::PASSWORD, "newPassword": "another long password" } });
        assert_eq!(sessions[0].send(change, words).await.code(), None);
        assert!(refused(&sessions[1]).await);

        let both = warm(&world, "Member of both").await;
        let here = both.query("{ viewer { organization { id } memberships { organization { id } } } }").await.data()["viewer"].clone();
        let there = here["memberships"].as_array().unwrap().iter().map(|one| one["organization"]["id"].clone()).find(|id| id != &here["organization"]["id"]).unwrap();
        let switch = "mutation($id: ID!) { switchOrganization(organizationId: $id) { accessToken } }";
        let session = both.send(switch, json!({ "id": there })).await.data()["switchOrganization"]["accessToken"].as_str().unwrap().to_owned();
        let new = Caller { world: &world, token: Some(session) };
        assert_eq!(new.query("{ viewer { organization { id } } }").await.data()["viewer"]["organization"]["id"], there);
        // The token for the organisation before is worth nothing, in either.
        assert!(refused(&both).await);
    }
}
