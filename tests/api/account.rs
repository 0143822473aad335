//! Accounts and members over HTTP: what is mailed opens what it should, and who is locked out is out with the next request.

use palisade::{
    error::Error,
    http::backend::Backend as _,
    service::mail::{MailFolder, Outbox, OutboxSettings, Received, Sender},
};
use serde_json::{Value, json};

use crate::support::world::{Caller, World, on_both};

/// Sends what waits; answers the mails of one address, the latest first.
async fn mails(world: &World, to: &str) -> Vec<Received> {
    let home = tempfile::tempdir().unwrap();
    let folder = MailFolder::new(home.path(), "palisade@example.com");
    let settings = OutboxSettings {
        public_url: "https://palisade.example".to_owned(),
        attempts: 3,
        timeout: std::time::Duration::from_secs(2),
    };
    world.rooms.deliver(&Outbox::new(Sender::Folder(folder.clone()), settings)).await.unwrap();
    let all = folder.latest(1000).await.unwrap();
    all.into_iter().filter(|mail| mail.recipient == to).collect()
}

fn token(mail: &Received, prefix: &str) -> String {
    mail.body.split_whitespace().find(|word| word.starts_with(prefix)).expect("a token").to_owned()
}

fn with<'w>(world: &'w World, session: &Value) -> Caller<'w> {
    Caller { world, token: Some(session["accessToken"].as_str().unwrap().to_owned()) }
}

fn id(world: &World, email: &str) -> String {
    world.plan.users.iter().find(|user| user.email == email).unwrap().id.to_string()
}

fn org(world: &World, slug: &str) -> String {
    world.plan.organizations.iter().find(|org| org.slug == slug).unwrap().id.to_string()
}

const RESET: &str = "mutation($email: String!) { requestPasswordReset(email: $email) }";
const CONFIRM: &str = "mutation($token: String!) { confirmEmailChange(token: $token) {
    accessToken viewer { user { email } } } }";
const MOVE: &str = "mutation($input: MoveUserInput!) { moveUser(input: $input) {
    user { id memberships { status organization { slug } } } } }";

on_both! {
    async fn a_forgotten_password_is_set_anew_by_mail_and_every_address_is_answered_alike(world) {
        let nobody = world.anonymous();
        let known = nobody.send(RESET, json!({ "email": "hugo@acme.example" })).await;
        let unknown = nobody.send(RESET, json!({ "email": "nobody@acme.example" })).await;
        assert_eq!((known.status, &known.text), (unknown.status, &unknown.text));
        assert_eq!(known.data()["requestPasswordReset"], true);
        assert!(mails(&world, "nobody@acme.example").await.is_empty());

        nobody.send(RESET, json!({ "email": "hugo@acme.example" })).await.data();
        let mail = mails(&world, "hugo@acme.example").await.swap_remove(0);
        let complete = "mutation($input: CompletePasswordResetInput!) { completePasswordReset(input: $input) {
            accessToken viewer { user { email } } } }";
        let input = json!({ "token": token(&mail, "palp_"), "newPassword": "another horse" });
        let session = nobody.send(complete, json!({ "input": input })).await.data()["completePasswordReset"].clone();
        assert_eq!(session["viewer"]["user"]["email"], "hugo@acme.example");
    }

    async fn what_is_too_much_is_told_with_the_time_to_wait(world) {
        let nobody = world.anonymous();
        for _ in 0..5 {
            nobody.send(RESET, json!({ "email": "nobody@acme.example" })).await.data();
        }
        let refused = nobody.send(RESET, json!({ "email": "nobody@acme.example" })).await;
        assert_eq!(refused.code(), Some("RATE_LIMITED"));
        let wait = refused.body["errors"][0]["extensions"]["retryAfter"].as_u64().unwrap();
        assert!((3500..=3600).contains(&wait), "{}", refused.text);
    }

    async fn an_address_changes_by_two_links_and_the_answer_tells_of_nobody(world) {
        let hugo = world.login(Some("Acme outsider")).await;
        let ask = "mutation($new: String!) { requestEmailChange(newEmail: $new) }";
        let taken = hugo.send(ask, json!({ "new": "ada@globex.example" })).await;
        let free = hugo.send(ask, json!({ "new": "hugo@new.example" })).await;
        assert_eq!((taken.status, &taken.text), (free.status, &free.text));
        assert_eq!(world.anonymous().send(ask, json!({ "new": "x@new.example" })).await.code(), Some("UNAUTHENTICATED"));

        let home = mails(&world, "hugo@acme.example").await;
        let old = token(&home[0], "pale_");
        let session = hugo.send(CONFIRM, json!({ "token": old })).await.data()["confirmEmailChange"].clone();
        assert_eq!(session["viewer"]["user"]["email"], "hugo@acme.example");
        // Each call of `mails` empties the outbox: the other mail went out with the first.
        hugo.send(ask, json!({ "new": "hugo@new.example" })).await.data();
        let (old, new) = {
            let home = tempfile::tempdir().unwrap();
            let folder = MailFolder::new(home.path(), "palisade@example.com");
            let settings = OutboxSettings {
                public_url: "https://palisade.example".to_owned(),
                attempts: 3,
                timeout: std::time::Duration::from_secs(2),
            };
            world.rooms.deliver(&Outbox::new(Sender::Folder(folder.clone()), settings)).await.unwrap();
            let all = folder.latest(10).await.unwrap();
            let of = |to: &str| token(all.iter().find(|mail| mail.recipient == to).unwrap(), "pale_");
            (of("hugo@acme.example"), of("hugo@new.example"))
        };
        hugo.send(CONFIRM, json!({ "token": new })).await.data();
        let session = hugo.send(CONFIRM, json!({ "token": old })).await.data()["confirmEmailChange"].clone();
        assert_eq!(session["viewer"]["user"]["email"], "hugo@new.example");
        let me = with(&world, &session).query("{ viewer { user { email } } }").await;
        assert_eq!(me.data()["viewer"]["user"]["email"], "hugo@new.example");
        assert_eq!(hugo.send(CONFIRM, json!({ "token": "pale_x" })).await.code(), Some("VALIDATION"));
    }

    async fn who_is_moved_is_out_with_the_next_request_and_waits_elsewhere(world) {
        let operator = world.operator().await;
        let hugo = world.login(Some("Acme outsider")).await;
        let input = json!({
            "userId": id(&world, "hugo@acme.example"), "role": "ADMIN",
            "fromOrganizationId": org(&world, "acme"), "toOrganizationId": org(&world, "globex"),
        });
        assert_eq!(world.acme_admin().await.send(MOVE, json!({ "input": input })).await.code(), Some("FORBIDDEN"));
        let moved = operator.send(MOVE, json!({ "input": input })).await.data()["moveUser"]["user"].clone();
        let mut places: Vec<String> = moved["memberships"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| format!("{} {}", row["organization"]["slug"], row["status"]))
            .collect();
        places.sort();
        assert_eq!(places, ["\"acme\" \"LEFT\"", "\"globex\" \"PENDING\""]);
        assert_eq!(hugo.query("{ viewer { isSuperAdmin } }").await.code(), Some("UNAUTHENTICATED"));
        assert_eq!(mails(&world, "ada@globex.example").await.len(), 1);

        let confirm = "mutation($input: ConfirmMemberInput!) { confirmMember(input: $input) { membership { status role } } }";
        let yes = json!({ "input": { "userId": id(&world, "hugo@acme.example"), "accept": true } });
        assert_eq!(world.acme_admin().await.send(confirm, yes.clone()).await.code(), Some("NOT_FOUND"));
        let confirmed = world.globex_admin().await.send(confirm, yes).await;
        assert_eq!(confirmed.data()["confirmMember"]["membership"], json!({ "status": "ACTIVE", "role": "ADMIN" }));
    }

    async fn who_is_suspended_or_whose_organisation_is_is_refused_the_next_request(world) {
        let operator = world.operator().await;
        let (hugo, dmitri) = (world.login(Some("Acme outsider")).await, world.login(Some("Acme member")).await);
        let look = "{ agents { totalCount } }";
        hugo.query(look).await.data();
        let suspend = "mutation($id: ID!) { suspendUser(id: $id) { user { status } } }";
        let done = operator.send(suspend, json!({ "id": id(&world, "hugo@acme.example") })).await;
        assert_eq!(done.data()["suspendUser"]["user"]["status"], "SUSPENDED");
        assert_eq!(hugo.query(look).await.code(), Some("UNAUTHENTICATED"));
        dmitri.query(look).await.data();

        let globex = world.globex_admin().await;
        for (field, code) in [("suspendOrganization", Some("UNAUTHENTICATED")), ("reactivateOrganization", None)] {
            let document = format!("mutation($id: ID!) {{ {field}(id: $id) {{ organization {{ status }} }} }}");
            operator.send(&document, json!({ "id": org(&world, "acme") })).await.data();
            assert_eq!(dmitri.query(look).await.code(), code, "{field}");
            globex.query(look).await.data();
        }
        let token = format!("Bearer {}", hugo.token.as_deref().unwrap());
        assert!(matches!(world.rooms.authenticate(&[&token]).await, Err(Error::Unauthenticated)));
    }
}
