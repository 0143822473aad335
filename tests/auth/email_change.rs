//! An address changes when the links sent to the old and to the new one were both opened by its account, and then only.

use chrono::TimeDelta;
use entity::{enums::OrgRole, ids::UserId};
use palisade::{
    error::{Error, Result},
    service::auth::sessions::SessionTokens,
    viewer::Viewer,
};

use crate::support::auth_world::{PASSWORD, URL, World, invalid, login, on_both, unauthenticated};

/// Recipients and texts of the mails that wait, in order.
async fn mails(world: &World) -> Vec<(String, String)> {
    use sea_orm::EntityTrait as _;
    let mut rows = entity::mail_outbox::Entity::find().all(&world.root).await.unwrap();
    rows.sort_by_key(|row| row.id);
    rows.into_iter().map(|row| (row.recipient, row.body.expose().to_owned())).collect()
}

fn token(body: &str) -> Option<String> {
    body.split_whitespace().find(|word| word.starts_with("pale_")).map(str::to_owned)
}

/// The tokens sent to the old and to the new address by the last request.
async fn ask(world: &World, viewer: &Viewer, new: &str) -> (String, String) {
    let before = mails(world).await.len();
    world.identity.request_email_change(viewer, new).await.unwrap();
    let sent = mails(world).await.split_off(before);
    assert_eq!(sent.len(), 2);
    (token(&sent[0].1).unwrap(), token(&sent[1].1).unwrap())
}

async fn confirm(world: &World, viewer: &Viewer, token: &str) -> Result<SessionTokens> {
    world.identity.confirm_email_change(viewer, token).await
}

async fn address(world: &World, user: UserId) -> String {
    use sea_orm::EntityTrait as _;
    entity::user::Entity::find_by_id(user).one(&world.root).await.unwrap().unwrap().email
}

on_both! {
    async fn both_links_change_it_in_either_order_and_one_does_not(world) {
        for (n, old_first) in [(0, true), (1, false)] {
            let (old, new) = (format!("ada{n}@old.example"), format!("ada{n}@new.example"));
            let (org, ada) = world.admin_of(&format!("acme{n}"), &old).await;
            let other = world.login(&old).await;
            let here = world.login(&old).await;
            let (to_old, to_new) = ask(&world, &here.viewer, &format!(" {} ", new.to_uppercase())).await;
            let (first, second) = if old_first { (&to_old, &to_new) } else { (&to_new, &to_old) };

            let once = confirm(&world, &here.viewer, first).await.unwrap();
            assert_eq!(address(&world, ada).await, old);
            // Again, it is one link still.
            let once = confirm(&world, &once.viewer, first).await.unwrap();
            assert_eq!(address(&world, ada).await, old);
            assert!(world.viewer(&other.access_token).await.is_ok());

            let done = confirm(&world, &once.viewer, second).await.unwrap();
            assert_eq!(address(&world, ada).await, new);
            assert_eq!(done.viewer.org_id(), Some(org));
            assert!(world.viewer(&done.access_token).await.is_ok());
            world.refuses(&other.access_token).await;
            unauthenticated(world.identity.login(login(&old, PASSWORD)).await);
            assert_eq!(world.login(&new).await.viewer.user_id(), Some(ada));
            for link in [&to_old, &to_new] {
                invalid(confirm(&world, &done.viewer, link).await, "token");
            }
        }
        let told = "SELECT count(*) FROM events WHERE type = 'user.email_changed' AND actor_user_id IS NOT NULL";
        assert_eq!(world.number(told).await, 2);
        let told = "SELECT count(*) FROM platform_events WHERE type LIKE 'user.email_change%'";
        assert_eq!(world.number(told).await, 4);
    }

    async fn every_organisation_of_the_account_is_told_and_no_other(world) {
        let (acme, ada) = world.admin_of("acme", "ada@example.com").await;
        let globex = world.org("globex").await;
        world.member(globex, ada, OrgRole::Member).await;
        let left = world.org("left").await;
        world.membership(left, ada, OrgRole::Member, entity::enums::MembershipStatus::Left).await;
        let viewer = world.login("ada@example.com").await.viewer;
        let (to_old, to_new) = ask(&world, &viewer, "ada@new.example").await;
        confirm(&world, &viewer, &to_old).await.unwrap();
        confirm(&world, &viewer, &to_new).await.unwrap();
        use sea_orm::EntityTrait as _;
        let mut told: Vec<_> = entity::event::Entity::find().all(&world.root).await.unwrap();
        told.sort_by_key(|event| event.org_id);
        let mut expected = [acme, globex];
        expected.sort_unstable();
        assert_eq!(told.iter().map(|event| event.org_id).collect::<Vec<_>>(), expected);
    }

    async fn a_taken_address_answers_the_same_and_its_owner_alone_is_told(world) {
        let (ada, bob) = (world.user("ada@example.com").await, world.user("bob@example.com").await);
        let viewer = world.login("ada@example.com").await.viewer;
        let rows = async || {
            (world.number("SELECT count(*) FROM email_changes").await, mails(&world).await.len())
        };
        let before = rows().await;
        world.identity.request_email_change(&viewer, "free@example.com").await.unwrap();
        let free = rows().await;
        world.identity.request_email_change(&viewer, "bob@example.com").await.unwrap();
        let taken = rows().await;
        assert_eq!((free.0 - before.0, free.1 - before.1), (taken.0 - free.0, taken.1 - free.1));
        let sent = mails(&world).await;
        assert_eq!(sent[2].0, "ada@example.com");
        // What the asker's own mailbox says is no different either.
        let neutral = |(_, body): &(String, String), new: &str| {
            body.replace(&token(body).unwrap(), "T").replace(new, "N").split(" UTC").next().unwrap()[..200].to_owned()
        };
        assert_eq!(neutral(&sent[0], "free@example.com"), neutral(&sent[2], "bob@example.com"));
        assert_eq!(sent[3].0, "bob@example.com");
        assert_eq!(token(&sent[3].1), None);
        assert!(!sent[3].1.contains("ada@example.com"), "{}", sent[3].1);
        confirm(&world, &viewer, &token(&sent[2].1).unwrap()).await.unwrap();
        assert_eq!((address(&world, ada).await, address(&world, bob).await), ("ada@example.com".into(), "bob@example.com".into()));
    }

    async fn an_address_that_is_taken_meanwhile_stays_its_owners(world) {
        let ada = world.user("ada@example.com").await;
        let viewer = world.login("ada@example.com").await.viewer;
        let (to_old, to_new) = ask(&world, &viewer, "shared@example.com").await;
        world.user("shared@example.com").await;
        let tokens = confirm(&world, &viewer, &to_old).await.unwrap();
        invalid(confirm(&world, &tokens.viewer, &to_new).await, "token");
        assert_eq!(address(&world, ada).await, "ada@example.com");
    }

    async fn the_links_are_the_accounts_alone_and_end(world) {
        let ada = world.user("ada@example.com").await;
        world.user("eve@example.com").await;
        world.operator("root@example.com").await;
        let viewer = world.login("ada@example.com").await.viewer;
        let (to_old, to_new) = ask(&world, &viewer, "ada@new.example").await;
        for email in ["eve@example.com", "root@example.com"] {
            let stranger = world.login(email).await.viewer;
            for link in [&to_old, &to_new] {
                invalid(confirm(&world, &stranger, link).await, "token");
            }
        }
        unauthenticated(confirm(&world, &Viewer::Anonymous, &to_old).await);
        unauthenticated(world.identity.request_email_change(&Viewer::Anonymous, "x@example.com").await);
        for bad in ["", "pale_", &to_old[..to_old.len() - 1]] {
            invalid(confirm(&world, &viewer, bad).await, "token");
        }
        invalid(world.identity.request_email_change(&viewer, "no address").await, "newEmail");
        invalid(world.identity.request_email_change(&viewer, "Ada@Example.com").await, "newEmail");
        confirm(&world, &viewer, &to_old).await.unwrap();
        world.pass(TimeDelta::hours(24));
        invalid(confirm(&world, &viewer, &to_new).await, "token");
        assert_eq!(address(&world, ada).await, "ada@example.com");
    }

    async fn a_later_request_or_another_password_makes_earlier_links_void(world) {
        let ada = world.user("ada@example.com").await;
        let viewer = world.login("ada@example.com").await.viewer;
        let (first_old, first_new) = ask(&world, &viewer, "one@example.com").await;
        confirm(&world, &viewer, &first_old).await.unwrap();
        let (to_old, to_new) = ask(&world, &viewer, "two@example.com").await;
        invalid(confirm(&world, &viewer, &first_new).await, "token");
        // An old link of one request and a new one of another do not add up.
        confirm(&world, &viewer, &to_new).await.unwrap();
        assert_eq!(address(&world, ada).await, "ada@example.com");
        let changed = world.identity.change_password(&viewer, PASSWORD.into(), "another horse".into(), None).await;
        invalid(confirm(&world, &changed.unwrap().viewer, &to_old).await, "token");
        assert_eq!(address(&world, ada).await, "ada@example.com");
    }

    async fn a_password_link_in_the_old_mailbox_does_not_open_the_account(world) {
        use palisade::store::db::Role;
        let ada = world.user("ada@example.com").await;
        let tx = world.db.begin_write(Role::System, None).await.unwrap();
        palisade::service::mail::password_link(&tx, &world.clock, URL, ada, "ada@example.com").await.unwrap();
        tx.commit().await.unwrap();
        let body = mails(&world).await[0].1.clone();
        let link = body.split_whitespace().find(|word| word.starts_with("palp_")).unwrap();
        let viewer = world.login("ada@example.com").await.viewer;
        let (to_old, to_new) = ask(&world, &viewer, "ada@new.example").await;
        confirm(&world, &viewer, &to_old).await.unwrap();
        confirm(&world, &viewer, &to_new).await.unwrap();
        invalid(world.identity.complete_password_reset(link, "another horse".into()).await, "input.token");
    }

    async fn five_an_hour_are_let_through(world) {
        world.user("ada@example.com").await;
        let viewer = world.login("ada@example.com").await.viewer;
        for n in 0..5 {
            world.identity.request_email_change(&viewer, &format!("n{n}@example.com")).await.unwrap();
        }
        let refused = world.identity.request_email_change(&viewer, "n5@example.com").await;
        assert!(matches!(refused, Err(Error::RateLimited { .. })), "{refused:?}");
        assert_eq!(mails(&world).await.len(), 10);
    }

    async fn a_super_admin_changes_its_own_the_same_way(world) {
        let root = world.operator("root@example.com").await;
        let viewer = world.login("root@example.com").await.viewer;
        let (to_old, to_new) = ask(&world, &viewer, "root@new.example").await;
        confirm(&world, &viewer, &to_new).await.unwrap();
        let done = confirm(&world, &viewer, &to_old).await.unwrap();
        assert!(done.viewer.is_super_admin());
        assert_eq!(address(&world, root).await, "root@new.example");
    }

    async fn both_links_opened_at_one_instant_change_it_once(world) {
        let ada = world.user("ada@example.com").await;
        let viewer = world.login("ada@example.com").await.viewer;
        let (to_old, to_new) = ask(&world, &viewer, "ada@new.example").await;
        let open = |link: String| {
            let (identity, viewer) = (world.identity.clone(), viewer.clone());
            tokio::spawn(async move { identity.confirm_email_change(&viewer, &link).await.is_ok() })
        };
        let (one, two) = (open(to_old), open(to_new));
        assert!(one.await.unwrap() && two.await.unwrap());
        assert_eq!(address(&world, ada).await, "ada@new.example");
        let told = "SELECT count(*) FROM platform_events WHERE type = 'user.email_changed'";
        assert_eq!(world.number(told).await, 1);
    }
}
