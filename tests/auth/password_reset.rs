//! Who asks for a password link by an address learns nothing of it, whatever the address, and only its owner gets a link.

use std::{net::IpAddr, sync::Arc};

use palisade::{
    error::Error,
    service::mail::{MailFolder, Received, Sender},
};

use crate::{
    service::mail::outbox,
    support::auth_world::{World, invalid, login, on_both, unauthenticated},
};

async fn mailed(world: &World) -> Vec<Received> {
    let home = tempfile::tempdir().unwrap();
    let folder = MailFolder::new(home.path(), "palisade@example.com");
    outbox(Sender::Folder(folder.clone())).deliver(&world.db, &world.clock).await.unwrap();
    folder.latest(100).await.unwrap()
}

fn token(mail: &Received) -> &str {
    mail.body.split_whitespace().find(|word| word.starts_with("palp_")).expect("a token")
}

on_both! {
    async fn the_owner_of_an_address_gets_a_link_and_nobody_else_gets_anything(world) {
        world.user("ada@example.com").await;
        world.account("new@example.com", false, None).await;
        let suspended = world.user("suspended@example.com").await;
        world.set("users", suspended, "status = 'SUSPENDED'").await;
        for email in [" Ada@Example.com", "new@example.com", "suspended@example.com", "nobody@example.com"] {
            world.identity.request_password_reset(email, None).await.unwrap();
        }
        let mails = mailed(&world).await;
        let mut to: Vec<_> = mails.iter().map(|mail| mail.recipient.as_str()).collect();
        to.sort_unstable();
        assert_eq!(to, ["ada@example.com", "new@example.com"]);
        assert_eq!(world.number("SELECT count(*) FROM one_time_tokens").await, 2);
        assert_eq!(world.number("SELECT count(*) FROM mail_outbox WHERE body <> ''").await, 0);
        let told = "SELECT count(*) FROM platform_events WHERE type = 'user.password_link_sent'";
        assert_eq!(world.number(told).await, 2);

        let link = mails.iter().find(|mail| mail.recipient == "ada@example.com").map(token).unwrap();
        world.identity.complete_password_reset(link, "another horse".into()).await.unwrap();
        assert!(world.identity.login(login("ada@example.com", "another horse")).await.is_ok());
        invalid(world.identity.complete_password_reset(link, "third horse!".into()).await, "input.token");
    }

    async fn the_same_is_written_and_answered_for_every_address(world) {
        let ada = world.user("ada@example.com").await;
        let statements = async |email: &str| {
            let before = rows(&world).await;
            world.identity.request_password_reset(email, None).await.unwrap();
            let after = rows(&world).await;
            (after.0 - before.0, after.1 - before.1, after.2 - before.2)
        };
        assert_eq!(statements("ada@example.com").await, (1, 0, 1));
        assert_eq!(statements("nobody@example.com").await, (1, 0, 1));
        world.set("users", ada, "status = 'DEACTIVATED'").await;
        assert_eq!(statements("ada@example.com").await, (1, 0, 0));
        invalid(world.identity.request_password_reset("no address", None).await, "email");
    }

    async fn too_many_for_an_address_or_from_one_are_refused_known_or_not(world) {
        world.user("ada@example.com").await;
        for email in ["ada@example.com", "nobody@example.com"] {
            for _ in 0..5 {
                world.identity.request_password_reset(email, None).await.unwrap();
            }
            let refused = world.identity.request_password_reset(&email.to_uppercase(), None).await;
            assert!(matches!(refused, Err(Error::RateLimited { retry_after }) if (3500..=3600).contains(&retry_after)));
        }
        // And the refusal wrote no mail.
        assert_eq!(world.number("SELECT count(*) FROM mail_outbox").await, 10);
        let client: IpAddr = "192.0.2.7".parse().unwrap();
        for n in 0..20 {
            world.identity.request_password_reset(&format!("u{n}@example.com"), Some(client)).await.unwrap();
        }
        let refused = world.identity.request_password_reset("u20@example.com", Some(client)).await;
        assert!(matches!(refused, Err(Error::RateLimited { .. })));
        world.pass(chrono::TimeDelta::hours(1));
        world.identity.request_password_reset("ada@example.com", Some(client)).await.unwrap();
    }

    async fn of_many_at_one_instant_no_more_than_the_limit_get_through(world) {
        let identity = Arc::new(world.another());
        let tasks: Vec<_> = (0..20)
            .map(|_| {
                let identity = Arc::clone(&identity);
                tokio::spawn(async move { identity.request_password_reset("ada@example.com", None).await.is_ok() })
            })
            .collect();
        let mut through = 0;
        for task in tasks {
            through += usize::from(task.await.unwrap());
        }
        assert_eq!(through, 5);
    }

    async fn a_link_of_an_account_that_is_locked_out_meanwhile_does_not_work(world) {
        let ada = world.user("ada@example.com").await;
        world.identity.request_password_reset("ada@example.com", None).await.unwrap();
        let mails = mailed(&world).await;
        world.set("users", ada, "status = 'SUSPENDED'").await;
        invalid(world.identity.complete_password_reset(token(&mails[0]), "another horse".into()).await, "input.token");
        unauthenticated(world.identity.login(login("ada@example.com", "another horse")).await);
    }
}

/// Rows of the outbox, links, and counters.
async fn rows(world: &World) -> (i64, i64, i64) {
    (
        world.number("SELECT count(*) FROM mail_outbox").await,
        world.number("SELECT count(*) FROM one_time_tokens").await,
        world.number("SELECT count(*) FROM login_throttles").await,
    )
}
