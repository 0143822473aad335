//! Signing in, invitations, links and names tell nothing about who else is there: a known and an unknown address, a taken
//! and a free name are answered to the byte alike, after as many statements, and mail goes to nobody but its address.

use sea_orm::{ConnectionTrait as _, Statement};
use serde_json::{Value, json};

use super::everywhere::{Seen, ask};
use crate::support::world::{Caller, World, on_both};

/// Ids and tokens are each answer's own.
fn without_ids(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('_') {
        let (before, after) = rest.split_at(at + 1);
        out.push_str(before);
        let long = after.bytes().take_while(u8::is_ascii_alphanumeric).count();
        let is_id = long == 26 && before.len() > 1 && before.as_bytes()[at - 1].is_ascii_lowercase();
        if is_id {
            out.push_str("ID");
        }
        rest = if is_id { &after[long..] } else { after };
    }
    out.push_str(rest);
    out
}

async fn one(caller: &Caller<'_>, query: &str, variables: &Value, word: &str) -> Seen {
    let seen = ask(caller, &json!({ "query": query, "variables": variables }), word).await;
    Seen { body: without_ids(&seen.body), ..seen }
}

/// Asks with each of the words in the place of `WORD`: all answers are one.
async fn alike(caller: &Caller<'_>, query: &str, variables: Value, words: &[&str]) -> Seen {
    let mut first: Option<Seen> = None;
    for word in words {
        let filled: Value = serde_json::from_str(&variables.to_string().replace("WORD", word)).unwrap();
        let seen = one(caller, query, &filled, word).await;
        // What was sent is as long as it is.
        let long = |seen: &Seen| seen.headers.iter().filter(|(name, _)| name != "content-length").cloned().collect();
        let seen = Seen { headers: long(&seen), ..seen };
        match &first {
            None => first = Some(seen),
            Some(first) => assert_eq!(first, &seen, "{query}: {word} and {} are told apart", words[0]),
        }
    }
    first.unwrap()
}

async fn texts(world: &World, sql: &str) -> Vec<String> {
    let rows = world.root.query_all_raw(Statement::from_string(world.root.get_database_backend(), sql)).await.unwrap();
    rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
}

/// An account that is suspended.
fn suspended(world: &World) -> &str {
    let is = |user: &&entity::user::Model| user.status == entity::enums::UserStatus::Suspended;
    &world.plan.users.iter().find(is).expect("somebody who is suspended").email
}

/// The first sign-in of all makes the key that signs.
async fn warm(nobody: &Caller<'_>) {
    let input = json!({ "input": { "email": "first@nobody.example", "password": "not the password" } });
    assert_eq!(one(nobody, LOGIN, &input, "-").await.verdict(), "UNAUTHENTICATED");
}

const LOGIN: &str = "mutation($input: LoginInput!) { login(input: $input) { viewer { isSuperAdmin } } }";
const RESET: &str = "mutation($email: String!) { requestPasswordReset(email: $email) }";
const INVITE: &str = "mutation($input: InviteMemberInput!) { inviteMember(input: $input) {
    invitation { id email role status invitedBy { name } } } }";

on_both! {
    async fn a_wrong_password_and_an_unknown_a_suspended_and_a_passwordless_address_are_one_answer(world) {
        let nobody = world.anonymous();
        warm(&nobody).await;
        let words = ["nobody@acme.example", "ada@acme.example", suspended(&world), "ada@globex.example", "operator@palisade.example"];
        let input = json!({ "input": { "email": "WORD", "password": "not the password" } });
        let seen = alike(&nobody, LOGIN, input, &words).await;
        assert_eq!(seen.verdict(), "UNAUTHENTICATED");
        // Whose organisation is named makes no difference either, wherever the account belongs.
        for slug in ["acme", "globex"] {
            let org = world.plan.organizations.iter().find(|org| org.slug == slug).unwrap().id.to_string();
            let input = json!({ "input": { "email": "WORD", "password": "not the password", "organizationId": org } });
            assert_eq!(alike(&nobody, LOGIN, input, &words[..2]).await.verdict(), "UNAUTHENTICATED");
        }
        assert!(seen.headers.iter().all(|(name, _)| name != "set-cookie"));
    }

    async fn known_and_unknown_addresses_are_slowed_down_at_the_same_attempt(world) {
        let nobody = world.anonymous();
        warm(&nobody).await;
        let mut series = Vec::new();
        for word in ["ada@acme.example", "nobody@acme.example"] {
            let mut answers = Vec::new();
            for _ in 0..13 {
                let input = json!({ "input": { "email": word, "password": "not the password" } });
                answers.push(one(&nobody, LOGIN, &input, word).await);
            }
            series.push(answers);
        }
        assert_eq!(series[0].iter().filter(|seen| seen.verdict() == "RATE_LIMITED").count(), 3);
        for (known, unknown) in series[0].iter().zip(&series[1]) {
            assert_eq!(known, unknown);
        }
        let mut asked = Vec::new();
        for word in ["ada@acme.example", "nobody@acme.example"] {
            let mut answers = Vec::new();
            for _ in 0..7 {
                answers.push(one(&nobody, RESET, &json!({ "email": word }), word).await);
            }
            asked.push(answers);
        }
        assert_eq!(asked[0], asked[1]);
        assert_eq!(asked[0].last().unwrap().verdict(), "RATE_LIMITED");
    }

    async fn a_password_link_is_asked_for_alike_and_mailed_to_the_accounts_owner_alone(world) {
        let words = ["nobody@acme.example", "ada@acme.example", suspended(&world)];
        let seen = alike(&world.anonymous(), RESET, json!({ "email": "WORD" }), &words).await;
        assert_eq!(seen.verdict(), "answered");
        // One row each, and nothing in it but the address.
        let rows = texts(&world, "SELECT recipient || '|' || subject || '|' || body FROM mail_outbox ORDER BY id").await;
        assert_eq!(rows, words.map(|word| format!("{word}||")));
        let folder = tempfile::tempdir().unwrap();
        let sender = palisade::service::mail::Sender::Folder(palisade::service::mail::MailFolder::new(folder.path(), "palisade@palisade.example"));
        let settings = palisade::service::mail::OutboxSettings { public_url: "https://palisade.example".to_owned(), attempts: 3, timeout: std::time::Duration::from_secs(5) };
        world.rooms.deliver(&palisade::service::mail::Outbox::new(sender, settings)).await.unwrap();
        let mails: Vec<String> = std::fs::read_dir(folder.path()).unwrap().map(|mail| std::fs::read_to_string(mail.unwrap().path()).unwrap()).collect();
        assert_eq!(mails.len(), 1, "{mails:?}");
        assert!(mails[0].contains("To: ada@acme.example"));
    }

    async fn an_invitation_is_sent_alike_to_who_has_an_account_and_who_has_none(world) {
        let admin = world.acme_admin().await;
        let input = json!({ "input": { "email": "WORD", "role": "MEMBER" } });
        let words = ["nobody@globex.example", "ada@globex.example", suspended(&world), "farid@globex.example"];
        let others: Vec<&str> = words.into_iter().filter(|word| !word.ends_with("acme.example")).collect();
        let seen = alike(&admin, INVITE, input, &others).await;
        assert_eq!(seen.verdict(), "answered");
        let rows = texts(&world, "SELECT recipient || '|' || subject || '|' || body FROM mail_outbox ORDER BY id").await;
        assert_eq!(rows.len(), others.len());
        let mut told = Vec::new();
        for (row, word) in rows.iter().zip(&others) {
            assert!(row.starts_with(&format!("{word}|")));
            // The link's token and the hour are each mail's own.
            let words = row.replace(word, "WORD");
            let words = words.split_whitespace().filter(|word| !word.starts_with("http") && !word.starts_with("pali_") && !word.contains(':')).collect::<Vec<_>>().join(" ");
            told.push(words);
        }
        assert!(told.iter().all(|words| words == &told[0]), "{told:?}");
    }

    async fn a_change_of_address_is_asked_for_alike_whether_the_other_is_taken_or_free(world) {
        let query = "mutation($email: String!) { requestEmailChange(newEmail: $email) }";
        let admin = world.acme_admin().await;
        // Once before: what is asked for later also ends what was asked for earlier.
        one(&admin, query, &json!({ "email": "first@acme.example" }), "-").await;
        let words = ["nobody@acme.example", "ada@globex.example", "operator@palisade.example"];
        let seen = alike(&admin, query, json!({ "email": "WORD" }), &words).await;
        assert_eq!(seen.verdict(), "answered");
        let rows = texts(&world, "SELECT recipient FROM mail_outbox ORDER BY id").await;
        let mut rows: Vec<&str> = rows.iter().map(String::as_str).skip(2).collect();
        rows.sort_unstable();
        let mut wanted = vec!["ada@acme.example"; 3];
        wanted.extend(words);
        wanted.sort_unstable();
        assert_eq!(rows, wanted);
    }

    async fn links_that_were_never_sent_are_one_answer_whatever_they_name(world) {
        let nobody = world.anonymous();
        let org = |slug: &str| world.plan.organizations.iter().find(|org| org.slug == slug).unwrap().id;
        // A token names its organisation: one that exists is told like one that does not.
        let token = |org: entity::ids::OrgId| palisade::auth::opaque::invitation_token(org).text;
        let (acme, globex) = (token(org("acme")), token(org("globex")));
        let never = token(entity::ids::TypedId::from_uuid(uuid::Uuid::now_v7()));
        let query = "mutation($input: AcceptInvitationInput!) { acceptInvitation(input: $input) { expiresAt } }";
        let input = json!({ "input": { "token": "WORD", "name": "Somebody", "password": "a long enough password" } });
        let seen = alike(&nobody, query, input.clone(), &[&never, &acme, &globex]).await;
        assert_ne!(seen.verdict(), "answered");
        let member = world.login(Some("Acme outsider")).await;
        alike(&member, query, json!({ "input": { "token": "WORD" } }), &[&never, &acme, &globex]).await;
        let query = "mutation($input: CompletePasswordResetInput!) { completePasswordReset(input: $input) { expiresAt } }";
        let input = json!({ "input": { "token": "WORD", "newPassword": "a long enough password" } });
        alike(&nobody, query, input, &["palp_nothing", "palp_something"]).await;
    }

    async fn names_keys_and_handles_of_another_organisation_are_free(world) {
        let (acme, globex) = (world.acme_admin().await, world.globex_admin().await);
        let team = "mutation($input: CreateTeamInput!) { createTeam(input: $input) { team { id slug name } } }";
        let team_input = json!({ "input": { "name": "Something", "slug": "WORD" } });
        let taken = json!({ "input": { "name": "Something", "slug": "taken-there" } });
        assert_eq!(one(&acme, team, &taken, "-").await.verdict(), "answered");
        assert_eq!(alike(&globex, team, team_input, &["taken-there", "free-entirely"]).await.verdict(), "answered");
        // Where it is one's own, it is told.
        assert_eq!(one(&acme, team, &taken, "-").await.verdict(), "CONFLICT");

        let agent = |slug: &str| {
            let org = world.plan.organizations.iter().find(|org| org.slug == slug).unwrap().id;
            let fits = |row: &&entity::agent::Model| row.org_id == org && row.visibility == entity::enums::AgentVisibility::Public && row.status == entity::enums::AgentStatus::Active;
            world.plan.agents.iter().find(fits).unwrap().id.to_string()
        };
        let submit = "mutation($input: SubmitGoalInput!) { submitGoal(input: $input) { goal { id goalText } } }";
        let goal = |slug: &str, key: &str| json!({ "input": { "agentId": agent(slug), "goalText": "Do it.", "idempotencyKey": key } });
        assert_eq!(one(&acme, submit, &goal("acme", "used-there"), "-").await.verdict(), "answered");
        assert_eq!(alike(&globex, submit, goal("globex", "WORD"), &["used-there", "used-nowhere"]).await.verdict(), "answered");

        let usage = "mutation($input: [UsageInput!]!) { recordUsage(input: $input) { __typename } }";
        let call = |slug: &str, id: &str, tokens: &str| json!({ "input": [{ "agentId": agent(slug), "requestId": id, "model": "m", "tokensIn": tokens, "tokensOut": "1", "costUsd": "0.1" }] });
        let (here, there) = (world.login(Some("Acme worker")).await, world.login(Some("Globex worker")).await);
        // The first use of a key is noted, beside the request.
        there.query("{ viewer { isSuperAdmin } }").await;
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        assert_eq!(one(&here, usage, &call("acme", "used-there", "5"), "-").await.verdict(), "answered");
        // Other figures under the same id are a conflict at home, and nothing abroad.
        assert_eq!(one(&here, usage, &call("acme", "used-there", "6"), "-").await.verdict(), "CONFLICT");
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        assert_eq!(alike(&there, usage, call("globex", "WORD", "6"), &["used-there", "used-nowhere"]).await.verdict(), "answered");
    }
}
