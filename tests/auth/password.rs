//! Sign-in tells nothing but yes or no, and whatever changes a password ends what the old one began.

use chrono::TimeDelta;
use entity::ids::UserId;
use palisade::{
    error::Error,
    service::mail,
    store::{auth::account::account_sign_in, db::Role},
    viewer::Viewer,
};

use crate::support::auth_world::{PASSWORD, URL, World, hash, invalid, login, on_both, unauthenticated};

const NEW: &str = "battery staple";

/// Has a link mailed, as an operator's transaction would, and reads it out of the outbox.
async fn link(world: &World, user: UserId, email: &str) -> String {
    let tx = world.db.begin_write(Role::Operator, None).await.unwrap();
    mail::password_link(&tx, &world.clock, URL, user, email).await.unwrap();
    tx.commit().await.unwrap();
    let body = world.text("SELECT body FROM mail_outbox ORDER BY id DESC LIMIT 1").await;
    body.lines().find(|line| line.starts_with("palp_")).unwrap().to_owned()
}

on_both! {
    async fn a_wrong_password_an_unknown_address_and_a_closed_account_answer_alike(world) {
        let (ada, bob) = (world.user("ada@example.com").await, world.user("bob@example.com").await);
        world.set("users", ada, "status = 'SUSPENDED'").await;
        world.set("users", bob, "status = 'DEACTIVATED'").await;
        world.user("cleo@example.com").await;
        world.account("dan@example.com", false, None).await;
        for (email, password) in [
            ("ada@example.com", PASSWORD),
            ("bob@example.com", PASSWORD),
            ("cleo@example.com", "wrong horse"),
            ("cleo@example.com", ""),
            ("dan@example.com", PASSWORD),
            ("dan@example.com", ""),
            ("nobody@example.com", PASSWORD),
            ("no address", PASSWORD),
            ("", ""),
            ("' OR 1=1 --", "x"),
        ] {
            unauthenticated(world.identity.login(login(email, password)).await);
        }
        assert_eq!(world.number("SELECT count(*) FROM sessions").await, 0);
    }

    // Counted and not timed: a hash is all of the time that could tell, and a clock on a busy machine tells anything.
    async fn every_refused_sign_in_costs_one_hash_whoever_it_is(world) {
        world.user("ada@example.com").await;
        let bob = world.user("bob@example.com").await;
        world.set("users", bob, "status = 'SUSPENDED'").await;
        world.account("dan@example.com", false, None).await;
        for email in ["ada@example.com", "bob@example.com", "dan@example.com", "nobody@example.com", "no address"] {
            let before = world.identity.hashes();
            unauthenticated(world.identity.login(login(email, "wrong horse")).await);
            assert_eq!(world.identity.hashes(), before + 1, "{email}");
        }
        for _ in 0..9 {
            unauthenticated(world.identity.login(login("nobody@example.com", "wrong horse")).await);
        }
        let before = world.identity.hashes();
        assert!(matches!(
            world.identity.login(login("nobody@example.com", "wrong horse")).await,
            Err(Error::RateLimited { .. })
        ));
        assert_eq!(world.identity.hashes(), before);
    }

    async fn changing_the_password_ends_every_other_session_and_goes_on_with_this_one(world) {
        let (acme, ada) = world.admin_of("acme", "ada@example.com").await;
        let (other, this) = (world.login("ada@example.com").await, world.login("ada@example.com").await);
        let pending = link(&world, ada, "ada@example.com").await;
        let viewer = world.viewer(&this.access_token).await.unwrap();
        let after = world.identity.change_password(&viewer, PASSWORD.into(), NEW.into(), None).await.unwrap();

        world.refuses(&other.access_token).await;
        unauthenticated(world.identity.refresh(&other.refresh_token).await);
        assert_eq!(world.viewer(&after.access_token).await.unwrap().org_id(), Some(acme));
        unauthenticated(world.identity.login(login("ada@example.com", PASSWORD)).await);
        assert!(world.identity.login(login("ada@example.com", NEW)).await.is_ok());
        // A link mailed before would undo the change.
        invalid(world.identity.complete_password_reset(&pending, "third password".into()).await, "input.token");
        assert!(world.identity.refresh(&after.refresh_token).await.is_ok());
    }

    async fn a_password_changes_for_its_owner_alone_and_by_the_rules(world) {
        world.user("ada@example.com").await;
        let tokens = world.login("ada@example.com").await;
        let change = async |current: &str, new: &str| {
            world.identity.change_password(&tokens.viewer, current.into(), new.into(), None).await
        };
        invalid(change("wrong horse", NEW).await, "input.currentPassword");
        for bad in ["short", "password123", "ada@example.com", "with\u{7}bell"] {
            invalid(change(PASSWORD, bad).await, "input.newPassword");
        }
        unauthenticated(world.identity.change_password(&Viewer::Anonymous, PASSWORD.into(), NEW.into(), None).await);
        assert!(world.identity.login(login("ada@example.com", PASSWORD)).await.is_ok());
        // A signed-in screen that was left alone is no faster door for guessing.
        for _ in 0..10 {
            let _ = change("wrong horse", NEW).await;
        }
        assert!(matches!(change(PASSWORD, NEW).await, Err(Error::RateLimited { .. })));
    }

    async fn a_session_that_was_ended_changes_no_password(world) {
        world.user("ada@example.com").await;
        let tokens = world.login("ada@example.com").await;
        world.identity.logout(&tokens.viewer).await.unwrap();
        unauthenticated(world.identity.change_password(&tokens.viewer, PASSWORD.into(), NEW.into(), None).await);
        assert!(world.identity.login(login("ada@example.com", PASSWORD)).await.is_ok());
    }

    async fn a_sign_in_that_raced_with_a_change_of_password_does_not_survive_it(world) {
        let ada = world.user("ada@example.com").await;
        let verified = hash().await;
        let tokens = world.login("ada@example.com").await;
        world.identity.change_password(&tokens.viewer, PASSWORD.into(), NEW.into(), None).await.unwrap();
        let tx = world.db.begin_write(Role::Identity, None).await.unwrap();
        assert!(!account_sign_in(&tx, ada, &verified, world.clock.now()).await.unwrap());
    }

    async fn a_mailed_link_sets_a_password_once_and_ends_every_session(world) {
        let (acme, ada) = world.admin_of("acme", "ada@example.com").await;
        let before = world.login("ada@example.com").await;
        let (token, second) = (link(&world, ada, "ada@example.com").await, link(&world, ada, "ada@example.com").await);
        assert_eq!(world.text("SELECT recipient FROM mail_outbox").await, "ada@example.com");
        invalid(world.identity.complete_password_reset(&token, "short".into()).await, "input.newPassword");
        let after = world.identity.complete_password_reset(&token, NEW.into()).await.unwrap();

        assert_eq!(world.viewer(&after.access_token).await.unwrap().org_id(), Some(acme));
        world.refuses(&before.access_token).await;
        unauthenticated(world.identity.refresh(&before.refresh_token).await);
        unauthenticated(world.identity.login(login("ada@example.com", PASSWORD)).await);
        assert!(world.identity.login(login("ada@example.com", NEW)).await.is_ok());
        for used in [&token, &second] {
            invalid(world.identity.complete_password_reset(used, "third password".into()).await, "input.token");
        }
    }

    async fn a_link_gives_a_new_account_its_first_password_and_opens_a_locked_door(world) {
        let dan = world.account("dan@example.com", false, None).await;
        for _ in 0..11 {
            let _ = world.identity.login(login("dan@example.com", "wrong horse")).await;
        }
        let token = link(&world, dan, "dan@example.com").await;
        world.identity.complete_password_reset(&token, NEW.into()).await.unwrap();
        assert!(world.identity.login(login("dan@example.com", NEW)).await.is_ok());
    }

    async fn a_link_that_is_late_made_up_or_for_a_closed_account_does_not_work(world) {
        let ada = world.user("ada@example.com").await;
        let token = link(&world, ada, "ada@example.com").await;
        for bad in ["", "palp_AAAA", &token[..token.len() - 1]] {
            invalid(world.identity.complete_password_reset(bad, NEW.into()).await, "input.token");
        }
        world.set("users", ada, "status = 'SUSPENDED'").await;
        invalid(world.identity.complete_password_reset(&token, NEW.into()).await, "input.token");
        world.set("users", ada, "status = 'ACTIVE'").await;
        world.pass(TimeDelta::hours(24));
        invalid(world.identity.complete_password_reset(&token, NEW.into()).await, "input.token");
        assert!(world.identity.login(login("ada@example.com", PASSWORD)).await.is_ok());
    }

    async fn of_ten_who_use_a_link_at_once_one_sets_the_password(world) {
        let ada = world.user("ada@example.com").await;
        let token = link(&world, ada, "ada@example.com").await;
        let tasks: Vec<_> = (0..10)
            .map(|n| {
                let (identity, token) = (world.identity.clone(), token.clone());
                tokio::spawn(async move {
                    identity.complete_password_reset(&token, format!("{NEW} {n}").as_str().into()).await.is_ok()
                })
            })
            .collect();
        let mut won = 0;
        for task in tasks {
            won += usize::from(task.await.unwrap());
        }
        assert_eq!(won, 1);
        assert_eq!(world.number("SELECT count(*) FROM sessions WHERE revoked_at IS NULL").await, 1);
    }
}
