//! A subject is linked by the account's owner, signed in here, who shows a token of it.

use palisade::error::Error;

use super::{Front, Scene, World, on_both, unauthenticated, viewer};
use crate::support::auth_world::invalid;

on_both! {
    async fn the_owner_links_a_subject_once_and_lets_it_go(world) {
        let scene = Scene::new(&world).await;
        let front = Front::new(&world, &[scene.issuer.settings()]);
        let session = world.login("ada@example.com").await.access_token;
        let token = scene.token(&world, "ada at work");
        scene.refuses(&token).await;
        let link = format!(r#"mutation {{ linkIdentity(token: "{token}") {{ id issuer subject }} }}"#);
        let linked = front.data(&session, &link).await["linkIdentity"].clone();
        assert_eq!(linked["subject"], "ada at work");
        assert_eq!(front.data(&session, &link).await["linkIdentity"]["id"], linked["id"]);
        assert_eq!(scene.tenant(&token).await.account.user_id, scene.ada);
        let told = "SELECT count(*) FROM platform_events WHERE type = 'identity.linked'";
        assert_eq!(world.number(told).await, 1);

        let unlink = format!("mutation {{ unlinkIdentity(id: {}) {{ deletedId }} }}", linked["id"]);
        assert_eq!(front.data(&session, &unlink).await["unlinkIdentity"]["deletedId"], linked["id"]);
        scene.refuses(&token).await;
        assert_eq!(front.code(&session, &unlink).await, "NOT_FOUND");
        let told = "SELECT count(*) FROM platform_events WHERE type = 'identity.unlinked'";
        assert_eq!(world.number(told).await, 1);
    }

    async fn a_subject_is_one_accounts_and_a_link_its_owners(world) {
        let scene = Scene::new(&world).await;
        world.admin_of("globex", "gus@example.com").await;
        let gus = world.login("gus@example.com").await;
        let token = scene.token(&world, "ada");
        let taken = scene.identity.link_identity(&gus.viewer, &token).await;
        assert!(matches!(taken, Err(Error::Conflict(_))), "{taken:?}");
        let ada = world.login("ada@example.com").await;
        let id = scene.identity.identities(ada.viewer.account().unwrap()).await.unwrap()[0].id;
        assert!(matches!(scene.identity.unlink_identity(&gus.viewer, id).await, Err(Error::NotFound)));
        scene.tenant(&token).await;
    }

    async fn only_a_token_that_holds_links(world) {
        let scene = Scene::new(&world).await;
        let ada = world.login("ada@example.com").await;
        let key = crate::auth::external::Key::new("one");
        let forged = key.sign(&key.header(), &scene.claims(&world, "new"));
        for bad in ["", "x", "a.b.c", &forged, &ada.access_token] {
            invalid(scene.identity.link_identity(&ada.viewer, bad).await, "token");
        }
        assert_eq!(world.number("SELECT count(*) FROM user_identities").await, 1);
    }

    async fn two_accounts_that_link_one_subject_at_once_are_told_apart(world) {
        let scene = Scene::new(&world).await;
        world.admin_of("globex", "gus@example.com").await;
        let (ada, gus) = (world.login("ada@example.com").await, world.login("gus@example.com").await);
        let token = scene.token(&world, "new");
        let links = (0..10).map(|n| {
            let (identity, token) = (scene.identity.clone(), token.clone());
            let viewer = if n % 2 == 0 { ada.viewer.clone() } else { gus.viewer.clone() };
            tokio::spawn(async move { identity.link_identity(&viewer, &token).await.map(|row| row.user_id) })
        });
        let mut owners = std::collections::BTreeSet::new();
        for link in links.collect::<Vec<_>>() {
            match link.await.unwrap() {
                Ok(owner) => drop(owners.insert(owner)),
                Err(Error::Conflict(_)) => {}
                Err(other) => panic!("{other:?}"),
            }
        }
        assert_eq!(owners.len(), 1);
        assert_eq!(world.number("SELECT count(*) FROM user_identities WHERE subject = 'new'").await, 1);
    }

    async fn a_token_of_an_issuer_that_the_settings_do_not_name_is_nobodys(world) {
        let scene = Scene::new(&world).await;
        unauthenticated(viewer(&world.identity, &scene.token(&world, "ada")).await);
    }
}
