//! An issuer's keys change without a restart, live on for a bounded time while it is away, and are asked for at a bounded
//! rate, whatever tokens say.

use std::time::{Duration, Instant};

use palisade::config::ExternalIssuer;
use serde_json::json;

use super::{FakeIssuer, Key, Mood, Scene, World, on_both, pass, trusting, unauthenticated, unavailable, viewer, with};

/// Refreshed every ten minutes, good for an hour.
fn hourly(settings: &mut ExternalIssuer) {
    settings.max_stale = Duration::from_secs(3600);
}

on_both! {
    async fn a_new_key_is_taken_and_one_that_is_gone_refused_without_a_restart(world) {
        let scene = Scene::new(&world).await;
        let old = scene.token(&world, "ada");
        scene.tenant(&old).await;
        let before = scene.issuer.key.lock().unwrap().clone();
        let after = scene.issuer.rotate("two");
        scene.issuer.publish(&[&before, &after]);
        pass(&world, 11);
        scene.tenant(&scene.token(&world, "ada")).await;
        scene.tenant(&old).await;
        // Taken back: with the next reading, also where the token was taken before.
        scene.issuer.publish(&[&after]);
        pass(&world, 1201);
        scene.refuses(&old).await;
        scene.tenant(&scene.token(&world, "ada")).await;
        // A name given to another key proves nothing for what the first one signed.
        let token = scene.token(&world, "ada");
        scene.tenant(&token).await;
        scene.issuer.rotate("two");
        pass(&world, 1201);
        scene.refuses(&token).await;
        // All are taken back.
        scene.issuer.publish(&[]);
        pass(&world, 1201);
        scene.refuses(&scene.token(&world, "ada")).await;
    }

    async fn while_it_is_away_its_keys_live_on_and_not_for_ever(world) {
        let scene = Scene::with(&world, hourly).await;
        scene.tenant(&scene.token(&world, "ada")).await;
        scene.issuer.stop().await;
        for _ in 0..2 {
            pass(&world, 1700);
            scene.tenant(&scene.token(&world, "ada")).await;
        }
        // An unknown key is refused meanwhile, and is no trouble of ours.
        let stranger = Key::new("stranger");
        scene.refuses(&stranger.sign(&stranger.header(), &scene.claims(&world, "ada"))).await;
        pass(&world, 300);
        let token = scene.token(&world, "ada");
        // Nobody can say what it is worth: not the answer for a token that is worth nothing.
        unavailable(scene.viewer(&token).await);
        let ours = world.login("ada@example.com").await.access_token;
        assert!(scene.viewer(&ours).await.is_ok());
        scene.issuer.restart().await;
        pass(&world, 11);
        scene.tenant(&token).await;
    }

    async fn a_flood_of_unknown_keys_asks_the_issuer_once_in_a_while(world) {
        let scene = Scene::new(&world).await;
        scene.tenant(&scene.token(&world, "ada")).await;
        // A discovery, and the keys.
        assert_eq!(scene.issuer.asked(), 2);
        for round in 1..=3 {
            pass(&world, 11);
            let flood = (0..200).map(|n| {
                let stranger = Key::new(&format!("stranger {n}"));
                let (identity, claims) = (scene.identity.clone(), scene.claims(&world, "ada"));
                tokio::spawn(async move { viewer(&identity, &stranger.sign(&stranger.header(), &claims)).await })
            });
            for answer in flood.collect::<Vec<_>>() {
                unauthenticated(answer.await.unwrap());
            }
            assert_eq!(scene.issuer.asked(), 2 + 2 * round);
        }
        // What the header rules out by itself asks nobody.
        pass(&world, 11);
        let key = scene.issuer.key.lock().unwrap().clone();
        scene.refuses(&key.sign(&with(key.header(), "alg", json!("HS256")), &scene.claims(&world, "ada"))).await;
        let elsewhere = with(scene.claims(&world, "ada"), "iss", json!("https://evil.example"));
        scene.refuses(&key.sign(&key.header(), &elsewhere)).await;
        assert_eq!(scene.issuer.asked(), 8);
    }

    async fn many_who_come_at_once_wait_for_one_reading(world) {
        let scene = Scene::new(&world).await;
        let token = scene.token(&world, "ada");
        let all: Vec<_> = (0..50).map(|_| {
            let (identity, token) = (scene.identity.clone(), token.clone());
            tokio::spawn(async move { viewer(&identity, &token).await })
        }).collect();
        for one in all {
            assert!(one.await.unwrap().is_ok());
        }
        assert_eq!(scene.issuer.asked(), 2);
    }

    async fn what_an_issuer_says_wrongly_changes_nothing_of_what_it_said_before(world) {
        let scene = Scene::new(&world).await;
        let other = FakeIssuer::start().await;
        let moods = [
            Mood::Status(500),
            Mood::Status(404),
            Mood::Redirect(format!("{}/keys", other.url)),
            Mood::Text("<html>".to_owned()),
            Mood::Text("[]".to_owned()),
            Mood::Text(r#"{"keys":1}"#.to_owned()),
            Mood::Endless,
            Mood::Another,
            Mood::Elsewhere("http://10.0.0.1/keys".to_owned()),
            Mood::Elsewhere("file:///etc/passwd".to_owned()),
        ];
        // To one who knows nothing yet it is as good as away.
        for mood in &moods {
            scene.issuer.mood(mood.clone());
            unavailable(scene.viewer(&scene.token(&world, "ada")).await);
            pass(&world, 11);
        }
        assert_eq!(other.asked(), 0);
        scene.issuer.mood(Mood::Honest);
        scene.tenant(&scene.token(&world, "ada")).await;
        for mood in &moods {
            scene.issuer.mood(mood.clone());
            pass(&world, 1201);
            scene.tenant(&scene.token(&world, "ada")).await;
        }
        assert_eq!(other.asked(), 0);
    }

    async fn keys_come_from_an_address_or_a_file_as_well(world) {
        let scene = Scene::new(&world).await;
        let mut settings = scene.issuer.settings();
        settings.jwks_url = format!("{}/keys", scene.issuer.url);
        let by_address = trusting(&world, &[settings.clone()]);
        let token = scene.token(&world, "ada");
        assert!(viewer(&by_address, &token).await.is_ok());
        assert_eq!(scene.issuer.asked(), 1);

        let folder = tempfile::tempdir().unwrap();
        settings.jwks_url.clear();
        settings.jwks_file = folder.path().join("keys.json");
        let by_file = trusting(&world, &[settings.clone()]);
        unavailable(viewer(&by_file, &token).await);
        let key = scene.issuer.key.lock().unwrap().clone();
        std::fs::write(&settings.jwks_file, json!({ "keys": [key.public] }).to_string()).unwrap();
        pass(&world, 11);
        assert!(viewer(&by_file, &token).await.is_ok());
        let new = Key::new("new");
        std::fs::write(&settings.jwks_file, json!({ "keys": [new.public] }).to_string()).unwrap();
        pass(&world, 11);
        let token = new.sign(&new.header(), &scene.claims(&world, "ada"));
        assert!(viewer(&by_file, &token).await.is_ok());
        assert_eq!(scene.issuer.asked(), 1);
    }

    async fn a_job_keeps_them_fresh_so_that_requests_need_not(world) {
        let scene = Scene::new(&world).await;
        scene.identity.refresh_issuers().await;
        assert_eq!(scene.issuer.asked(), 2);
        scene.tenant(&scene.token(&world, "ada")).await;
        scene.identity.refresh_issuers().await;
        assert_eq!(scene.issuer.asked(), 2);
        pass(&world, 601);
        scene.identity.refresh_issuers().await;
        scene.tenant(&scene.token(&world, "ada")).await;
        assert_eq!(scene.issuer.asked(), 4);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_slow_issuer_keeps_one_request_and_nobody_else() {
    let world = World::sqlite().await;
    let scene = Scene::with(&world, hourly).await;
    scene.tenant(&scene.token(&world, "ada")).await;
    scene.issuer.mood(Mood::Slow);
    pass(&world, 1201);
    let token = scene.token(&world, "ada");
    let (identity, first) = (scene.identity.clone(), token.clone());
    let first = tokio::spawn(async move { viewer(&identity, &first).await });
    tokio::time::sleep(Duration::from_millis(300)).await;
    let began = Instant::now();
    scene.tenant(&token).await;
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    // The one who asked goes on with the keys that there are.
    assert!(first.await.unwrap().is_ok());
}
