//! Guessing is slowed down per account and per address, for known and unknown accounts alike.

use std::net::IpAddr;

use chrono::TimeDelta;
use palisade::{
    error::{Error, Result},
    service::auth::sessions::{Login, SessionTokens},
};

use crate::support::auth_world::{PASSWORD, World, login, on_both, unauthenticated};

async fn from(world: &World, client: &str, email: &str, password: &str) -> Result<SessionTokens> {
    let client: IpAddr = client.parse().unwrap();
    world.identity.login(Login { client: Some(client), ..login(email, password) }).await
}

#[track_caller]
fn limited(result: Result<SessionTokens>) -> u64 {
    match result {
        Err(Error::RateLimited { retry_after }) => retry_after,
        other => panic!("{other:?}"),
    }
}

on_both! {
    async fn ten_failures_close_an_account_for_a_while_known_or_not(world) {
        world.user("ada@example.com").await;
        world.user("bob@example.com").await;
        for email in ["ada@example.com", "nobody@example.com"] {
            for _ in 0..10 {
                unauthenticated(world.identity.login(login(email, "wrong horse")).await);
            }
            // Even the right password, and however the address is typed.
            let wait = limited(world.identity.login(login(email, PASSWORD)).await);
            assert!((800..=900).contains(&wait), "{wait}");
            limited(world.identity.login(login(&email.to_uppercase(), PASSWORD)).await);
        }
        assert!(world.identity.login(login("bob@example.com", PASSWORD)).await.is_ok());
        world.pass(TimeDelta::minutes(15));
        assert!(world.identity.login(login("ada@example.com", PASSWORD)).await.is_ok());
    }

    async fn what_is_no_address_is_counted_too(world) {
        for _ in 0..10 {
            unauthenticated(world.identity.login(login("no address", "wrong horse")).await);
        }
        limited(world.identity.login(login("no address", "wrong horse")).await);
    }

    async fn success_forgets_an_accounts_failures(world) {
        world.user("ada@example.com").await;
        for _ in 0..3 {
            for _ in 0..9 {
                unauthenticated(world.identity.login(login("ada@example.com", "wrong horse")).await);
            }
            assert!(world.identity.login(login("ada@example.com", PASSWORD)).await.is_ok());
        }
    }

    async fn fifty_failures_close_an_address_for_a_while_and_no_other(world) {
        world.user("ada@example.com").await;
        // Successes do not count, and do not forgive.
        for n in 0..50 {
            if n % 10 == 0 {
                assert!(from(&world, "192.0.2.7", "ada@example.com", PASSWORD).await.is_ok());
            }
            unauthenticated(from(&world, "192.0.2.7", &format!("u{n}@example.com"), "wrong horse").await);
        }
        limited(from(&world, "192.0.2.7", "ada@example.com", PASSWORD).await);
        limited(from(&world, "::ffff:192.0.2.7", "ada@example.com", PASSWORD).await);
        assert!(from(&world, "192.0.2.8", "ada@example.com", PASSWORD).await.is_ok());
        assert!(from(&world, "2001:db8::1", "ada@example.com", PASSWORD).await.is_ok());
        assert!(world.identity.login(login("ada@example.com", PASSWORD)).await.is_ok());
    }

    async fn of_thirty_guesses_at_one_instant_ten_are_looked_at(world) {
        world.user("ada@example.com").await;
        let tasks: Vec<_> = (0..30)
            .map(|_| {
                let identity = world.identity.clone();
                tokio::spawn(async move { identity.login(login("ada@example.com", "wrong horse")).await })
            })
            .collect();
        let (mut looked_at, mut limited) = (0, 0);
        for task in tasks {
            match task.await.unwrap() {
                Err(Error::Unauthenticated) => looked_at += 1,
                Err(Error::RateLimited { .. }) => limited += 1,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!((looked_at, limited), (10, 20));
    }

    async fn counters_name_nobody_and_are_swept_away(world) {
        unauthenticated(from(&world, "192.0.2.7", "ada@example.com", "wrong horse").await);
        assert_eq!(world.number("SELECT count(*) FROM login_throttles WHERE length(key) = 64").await, 2);
        world.identity.sweep().await.unwrap();
        assert_eq!(world.number("SELECT count(*) FROM login_throttles").await, 2);
        world.pass(TimeDelta::hours(1));
        world.identity.sweep().await.unwrap();
        assert_eq!(world.number("SELECT count(*) FROM login_throttles").await, 0);
    }
}
