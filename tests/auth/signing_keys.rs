//! Any number of processes share one signing key, learn of a new one, and forget an old one in time.

use chrono::TimeDelta;
use entity::ids::EventId;
use palisade::{clock::Clock, error::Error};

use crate::support::auth_world::{World, on_both, unauthenticated};

on_both! {
    async fn processes_that_start_together_make_one_key(world) {
        world.user("ada@example.com").await;
        let starts: Vec<_> = (0..8)
            .map(|_| {
                let identity = world.another();
                tokio::spawn(async move { identity.start().await })
            })
            .collect();
        for start in starts {
            start.await.unwrap().unwrap();
        }
        assert_eq!(world.number("SELECT count(*) FROM signing_keys").await, 1);
        let token = world.login("ada@example.com").await.access_token;
        assert!(world.another().authenticate_token(&token).await.is_ok());
    }

    async fn the_published_keys_are_the_ones_that_sign(world) {
        let set = world.identity.keys().jwks().await.unwrap();
        let key = &set["keys"][0];
        assert_eq!(set["keys"].as_array().unwrap().len(), 1);
        assert_eq!((key["kty"].as_str(), key["crv"].as_str()), (Some("OKP"), Some("Ed25519")));
        assert_eq!(key["x"].as_str().unwrap(), world.text("SELECT public_key FROM signing_keys").await);
        assert!(key["kid"].as_str().unwrap().starts_with("key_"));
        assert!(key.get("d").is_none());
        world.identity.keys().rotate().await.unwrap();
        assert_eq!(world.identity.keys().jwks().await.unwrap()["keys"].as_array().unwrap().len(), 2);
    }

    async fn a_new_key_signs_and_the_old_ones_tokens_last_as_long_as_they_would_have(world) {
        world.user("ada@example.com").await;
        let other = world.another();
        let old = world.login("ada@example.com").await.access_token;
        assert!(other.authenticate_token(&old).await.is_ok());
        world.pass(TimeDelta::seconds(5));
        world.identity.keys().rotate().await.unwrap();
        let new = world.login("ada@example.com").await.access_token;
        assert_ne!(new.split('.').next(), old.split('.').next());
        // The other process has not heard of the new key until a token names it.
        for token in [&old, &new] {
            assert!(other.authenticate_token(token).await.is_ok());
            assert!(world.viewer(token).await.is_ok());
        }
        world.pass(TimeDelta::minutes(18));
        assert_eq!(other.keys().jwks().await.unwrap()["keys"].as_array().unwrap().len(), 1);
    }

    async fn a_remembered_token_is_refused_once_its_key_is_gone(world) {
        world.user("ada@example.com").await;
        let token = world.login("ada@example.com").await.access_token;
        assert!(world.viewer(&token).await.is_ok());
        // A key that leaked is deleted; a process goes on with what it read for a minute at most.
        world.sql("DELETE FROM signing_keys").await;
        world.pass(TimeDelta::seconds(61));
        world.refuses(&token).await;
    }

    async fn a_key_retired_long_ago_verifies_nothing(world) {
        world.user("ada@example.com").await;
        let token = world.login("ada@example.com").await.access_token;
        world.sql("UPDATE signing_keys SET retired_at = '2026-11-01T00:00:00+00:00'").await;
        unauthenticated(world.another().authenticate_token(&token).await);
    }

    async fn unknown_keys_are_looked_for_once_a_second(world) {
        world.user("ada@example.com").await;
        let old = world.login("ada@example.com").await.access_token;
        let clock = Clock::fixed(world.clock.now(), TimeDelta::seconds(1));
        let other = world.with_clock(&clock);
        assert!(other.authenticate_token(&old).await.is_ok());
        world.identity.keys().rotate().await.unwrap();
        let new = world.login("ada@example.com").await.access_token;
        // It has just looked, and its clock stands still.
        unauthenticated(other.authenticate_token(&new).await);
        clock.id::<EventId>();
        assert!(other.authenticate_token(&new).await.is_ok());
    }

    async fn a_key_sealed_with_another_secret_verifies_nothing(world) {
        world.user("ada@example.com").await;
        let token = world.login("ada@example.com").await.access_token;
        let planted = world.with_secret([9; 32]).keys().rotate().await.unwrap();
        world.pass(TimeDelta::seconds(2));
        unauthenticated(world.another().authenticate_token(&forge(&token, &planted.to_string())).await);
        assert!(world.another().authenticate_token(&token).await.is_ok());
    }

    async fn another_secret_opens_no_key_and_makes_none(world) {
        world.identity.start().await.unwrap();
        let stranger = world.with_secret([9; 32]);
        assert!(matches!(stranger.start().await, Err(Error::Internal(_))));
        assert_eq!(world.number("SELECT count(*) FROM signing_keys").await, 1);
    }

    async fn a_key_is_rotated_when_it_is_old(world) {
        world.identity.start().await.unwrap();
        let keys = world.identity.keys();
        assert!(!keys.rotate_if_older(TimeDelta::hours(1)).await.unwrap());
        world.pass(TimeDelta::hours(1));
        assert!(keys.rotate_if_older(TimeDelta::hours(1)).await.unwrap());
        assert!(!keys.rotate_if_older(TimeDelta::hours(1)).await.unwrap());
        assert_eq!(world.number("SELECT count(*) FROM signing_keys WHERE retired_at IS NULL").await, 1);
    }
}

/// SQLite has one writer at a time; PostgreSQL needs the lock, or two processes both find no key and both make one.
#[tokio::test]
async fn a_process_makes_no_key_while_another_may_be_making_one() {
    use palisade::store::auth::Lock;
    use sea_orm::{ConnectionTrait, TransactionTrait};

    let world = World::postgres().await;
    let other = world.root.begin().await.unwrap();
    other.execute_unprepared(&format!("SELECT pg_advisory_xact_lock({})", Lock::SigningKeys as i64)).await.unwrap();
    let identity = world.identity.clone();
    let start = tokio::spawn(async move { identity.start().await });
    let waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted";
    for _ in 0..200 {
        if world.number(waiting).await > 0 || start.is_finished() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert!(!start.is_finished());
    assert_eq!(world.number("SELECT count(*) FROM signing_keys").await, 0);
    other.rollback().await.unwrap();
    start.await.unwrap().unwrap();
    assert_eq!(world.number("SELECT count(*) FROM signing_keys").await, 1);
}

/// The token under the name of another key.
fn forge(token: &str, kid: &str) -> String {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as B64};
    let (_, rest) = token.split_once('.').unwrap();
    let header = format!(r#"{{"alg":"EdDSA","typ":"at+jwt","kid":"{kid}"}}"#);
    format!("{}.{rest}", B64.encode(header))
}
