//! Just-in-time accounts: off unless set, once under concurrency, never by a matching address, and worth nothing before an
//! admin of the organisation confirms.

use entity::enums::{MembershipStatus, OrgRole};
use palisade::viewer::Viewer;
use serde_json::{Value, json};

use super::{Front, Scene, World, is, on_both, viewer, with, without};

async fn scene(world: &World) -> Scene {
    Scene::with(world, |settings| settings.just_in_time = true).await
}

/// Claims of somebody whom nobody knows.
fn newcomer(scene: &Scene, world: &World, subject: &str) -> Value {
    let claims = with(scene.claims(world, subject), "email", json!(format!("{subject}@Example.com")));
    with(with(claims, "email_verified", json!(true)), "name", json!("Nina New"))
}

async fn people(world: &World) -> [i64; 3] {
    let count = async |table: &str| world.number(&format!("SELECT count(*) FROM {table}")).await;
    [count("users").await, count("user_identities").await, count("org_memberships").await]
}

on_both! {
    async fn it_is_off_unless_the_settings_say_otherwise(world) {
        let scene = Scene::new(&world).await;
        let before = people(&world).await;
        scene.refuses(&scene.issuer.sign(&newcomer(&scene, &world, "nina"))).await;
        assert_eq!(people(&world).await, before);
    }

    async fn a_newcomer_gets_an_account_that_waits_to_be_confirmed(world) {
        let scene = scene(&world).await;
        let front = Front::new(&world, &[scene.issuer.settings()]);
        let claims = with(newcomer(&scene, &world, "nina"), "org_role", json!("admin"));
        let token = scene.issuer.sign(&claims);
        let before = people(&world).await;
        assert!(matches!(scene.viewer(&token).await, Ok(Viewer::Unaffiliated(_))));
        assert_eq!(people(&world).await, before.map(|count| count + 1));
        assert_eq!(world.text("SELECT name FROM users WHERE email = 'nina@example.com'").await, "Nina New");
        // Again: nothing new, and still nothing granted.
        let Ok(Viewer::Unaffiliated(account)) = scene.viewer(&token).await else { panic!() };
        assert_eq!(people(&world).await, before.map(|count| count + 1));
        let membership = world.membership_of(scene.acme, account.user_id).await.unwrap();
        assert_eq!((membership.role, membership.status), (OrgRole::Member, MembershipStatus::Pending));
        assert_eq!(membership.pending_role, Some(OrgRole::Member));
        for (table, kind) in [
            ("platform_events", "user.created"), ("platform_events", "identity.linked"), ("events", "member.requested"),
        ] {
            assert_eq!(world.number(&format!("SELECT count(*) FROM {table} WHERE type = '{kind}'")).await, 1, "{kind}");
        }
        let admin = world.login("ada@example.com").await.access_token;
        let confirm = format!(
            r#"mutation {{ confirmMember(input: {{userId: "{}", accept: true}}) {{ membership {{ status }} }} }}"#,
            account.user_id
        );
        front.data(&admin, &confirm).await;
        // What the token claims gives nothing: a member.
        assert_eq!(scene.tenant(&token).await.org_role, OrgRole::Member);
    }

    async fn who_comes_many_times_at_once_is_made_once(world) {
        let scene = scene(&world).await;
        let before = people(&world).await;
        let token = scene.issuer.sign(&newcomer(&scene, &world, "nina"));
        let all: Vec<_> = (0..8).map(|_| {
            let (identity, token) = (scene.identity.clone(), token.clone());
            tokio::spawn(async move { viewer(&identity, &token).await })
        }).collect();
        for one in all {
            assert!(matches!(one.await.unwrap(), Ok(Viewer::Unaffiliated(_))));
        }
        assert_eq!(people(&world).await, before.map(|count| count + 1));
        assert_eq!(world.number("SELECT count(*) FROM events").await, 1);
    }

    async fn a_matching_address_neither_links_nor_makes_an_account(world) {
        let scene = scene(&world).await;
        world.user("bob@example.com").await;
        let before = people(&world).await;
        for email in ["bob@example.com", "BOB@EXAMPLE.COM", "ada@example.com"] {
            let claims = with(newcomer(&scene, &world, "eve"), "email", json!(email));
            scene.refuses(&scene.issuer.sign(&claims)).await;
        }
        assert_eq!(people(&world).await, before);
    }

    async fn what_an_issuer_has_not_proved_or_does_not_say_makes_no_account(world) {
        let scene = scene(&world).await;
        let globex = world.org("globex").await;
        let before = people(&world).await;
        let claims = newcomer(&scene, &world, "nina");
        for claims in [
            with(claims.clone(), "email_verified", json!(false)),
            with(claims.clone(), "email_verified", json!("true")),
            without(claims.clone(), "email_verified"),
            without(claims.clone(), "email"),
            with(claims.clone(), "email", json!("no address")),
            with(claims.clone(), "email", json!(["nina@example.com"])),
            // Nowhere, or where the issuer was not let in.
            without(claims.clone(), "org_id"),
            with(claims.clone(), "org_id", json!(globex.to_string())),
            with(claims.clone(), "org_id", json!("globex")),
            with(claims.clone(), "org_id", json!("nowhere")),
            with(claims.clone(), "is_super_admin", json!(true)),
        ] {
            scene.refuses(&scene.issuer.sign(&claims)).await;
        }
        world.set("organizations", scene.acme, "status = 'SUSPENDED'").await;
        scene.refuses(&scene.issuer.sign(&claims)).await;
        assert_eq!(people(&world).await, before);
    }

    async fn an_account_that_is_known_asks_for_another_organisation_and_a_leaver_for_none(world) {
        let scene = scene(&world).await;
        let (globex, gus) = world.admin_of("globex", "gus@example.com").await;
        crate::auth::external::enable(&world, globex, gus, &scene.issuer.url).await;
        let token = scene.issuer.sign(&with(scene.claims(&world, "ada"), "org_id", json!("globex")));
        assert!(matches!(scene.viewer(&token).await, Ok(Viewer::Unaffiliated(_))));
        assert_eq!(world.membership_of(globex, scene.ada).await.unwrap().status, MembershipStatus::Pending);

        let left = is(&world, "org_id", scene.acme);
        world.sql(format!("UPDATE org_memberships SET status = 'LEFT' WHERE {left}")).await;
        let before = people(&world).await;
        scene.refuses(&scene.token(&world, "ada")).await;
        assert_eq!(people(&world).await, before);
        assert_eq!(world.membership_of(scene.acme, scene.ada).await.unwrap().status, MembershipStatus::Left);
    }

    async fn an_account_that_was_suspended_asks_for_nothing(world) {
        let scene = scene(&world).await;
        let (globex, gus) = world.admin_of("globex", "gus@example.com").await;
        crate::auth::external::enable(&world, globex, gus, &scene.issuer.url).await;
        world.set("users", scene.ada, "status = 'SUSPENDED'").await;
        scene.refuses(&scene.issuer.sign(&with(scene.claims(&world, "ada"), "org_id", json!("globex")))).await;
        assert!(world.membership_of(globex, scene.ada).await.is_none());
    }
}
