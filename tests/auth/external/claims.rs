//! Claims take away and never give; rows end what they end at once; and an issuer speaks for nobody's organisation but
//! those that let it in, never for an operator, and never for the account as such.

use entity::enums::{OrgRole, TeamRole};
use palisade::{auth::password::Password, service::auth::invitations::AcceptInvitation, viewer::Viewer};
use serde_json::json;

use super::{
    FakeIssuer, Front, Scene, World, enable, forbidden, is, link, member, on_both, trusting, unauthenticated, viewer,
    with, without,
};

on_both! {
    async fn a_claim_takes_away_and_never_gives(world) {
        let scene = Scene::new(&world).await;
        let bob = member(&world, scene.acme, "bob@example.com", OrgRole::Member).await;
        link(&world, bob, &scene.issuer.url, "bob").await;
        let (red, blue) =
            (world.team(scene.acme, "red", &[(scene.ada, TeamRole::Admin)]).await, world.team(scene.acme, "blue", &[(scene.ada, TeamRole::Member)]).await);
        let ada = scene.claims(&world, "ada");
        let role = async |claims| scene.tenant(&scene.issuer.sign(&claims)).await.org_role;
        assert_eq!(role(ada.clone()).await, OrgRole::Admin);
        for (claim, expected) in [
            (json!("admin"), OrgRole::Admin),
            (json!(["user", "admin"]), OrgRole::Admin),
            (json!("member"), OrgRole::Member),
            (json!("owner"), OrgRole::Member),
            (json!([]), OrgRole::Member),
        ] {
            assert_eq!(role(with(ada.clone(), "org_role", claim)).await, expected);
        }
        assert_eq!(role(with(scene.claims(&world, "bob"), "org_role", json!("admin"))).await, OrgRole::Member);

        let teams = async |claims| scene.tenant(&scene.issuer.sign(&claims)).await.teams;
        assert_eq!(teams(ada.clone()).await.len(), 2);
        let claim = json!([blue.to_string(), "not a team"]);
        assert_eq!(teams(with(ada.clone(), "team_ids", claim)).await, [(blue, TeamRole::Member)].into());
        assert!(teams(with(ada, "team_ids", json!([]))).await.is_empty());
        let claim = json!([red.to_string()]);
        assert!(teams(with(scene.claims(&world, "bob"), "team_ids", claim)).await.is_empty());
    }

    async fn claims_are_read_where_the_settings_say(world) {
        let scene = Scene::with(&world, |settings| {
            settings.claims.organization = "tenant".to_owned();
            settings.claims.role = "groups".to_owned();
            settings.claims.admin_roles = vec!["Palisade Admins".to_owned()];
            settings.claims.super_admin = "root".to_owned();
        }).await;
        let claims = without(scene.claims(&world, "ada"), "org_id");
        let claims = with(claims, "tenant", json!("acme"));
        let role = async |groups| scene.tenant(&scene.issuer.sign(&with(claims.clone(), "groups", groups))).await.org_role;
        assert_eq!(role(json!(["Palisade Admins"])).await, OrgRole::Admin);
        assert_eq!(role(json!(["admin"])).await, OrgRole::Member);
        scene.refuses(&scene.issuer.sign(&with(claims.clone(), "tenant", json!("globex")))).await;
        scene.refuses(&scene.issuer.sign(&with(claims, "root", json!(true)))).await;
    }

    async fn scopes_leave_what_a_key_with_them_could_do(world) {
        let scene = Scene::new(&world).await;
        let front = Front::new(&world, &[scene.issuer.settings()]);
        let token = |scopes| scene.issuer.sign(&with(scene.claims(&world, "ada"), "scopes", scopes));
        let (read, create) = ("{ agents { nodes { id } } }", r#"mutation { createTeam(input: {name: "A", slug: "a"}) { team { id } } }"#);
        let nested = async |token: String| {
            let query = "{ viewer { organization { members { nodes { role } } } } }";
            front.ask(&token, query).await["data"]["viewer"]["organization"]["members"]["nodes"]
                .as_array()
                .map_or(0, Vec::len)
        };
        for scopes in [json!(["read"]), json!("openid read"), json!(["read", "tasks:run"])] {
            front.data(&token(scopes.clone()), read).await;
            assert_eq!(nested(token(scopes.clone())).await, 1);
            assert_eq!(front.code(&token(scopes), create).await, "FORBIDDEN");
        }
        for scopes in [json!([]), json!("openid profile"), json!("usage:write"), json!(["READ"])] {
            assert_eq!(front.code(&token(scopes.clone()), read).await, "FORBIDDEN");
            assert_eq!(nested(token(scopes.clone())).await, 0);
            assert_eq!(front.code(&token(scopes), create).await, "FORBIDDEN");
        }
        front.data(&scene.token(&world, "ada"), create).await;
    }

    async fn an_issuer_makes_no_operator_and_speaks_for_none(world) {
        let scene = Scene::new(&world).await;
        let ops = world.operator("ops@example.com").await;
        link(&world, ops, &scene.issuer.url, "ops").await;
        let claims = |subject| scene.claims(&world, subject);
        for claims in [
            // Claimed, not stored: blind as one, and without the powers of one, it is nobody.
            with(claims("ada"), "is_super_admin", json!(true)),
            without(with(claims("ada"), "is_super_admin", json!(true)), "org_id"),
            // Stored, and claimed or not.
            claims("ops"),
            without(claims("ops"), "org_id"),
            without(with(claims("ops"), "is_super_admin", json!(true)), "org_id"),
        ] {
            scene.refuses(&scene.issuer.sign(&claims)).await;
        }
        scene.tenant(&scene.issuer.sign(&with(claims("ada"), "is_super_admin", json!(false)))).await;
        let session = world.login("ops@example.com").await;
        let token = scene.token(&world, "new");
        forbidden(scene.identity.link_identity(&session.viewer, &token).await);
    }

    async fn an_organisation_that_did_not_let_the_issuer_in_is_not_reached(world) {
        let scene = Scene::new(&world).await;
        let (globex, _) = world.admin_of("globex", "gus@example.com").await;
        world.member(globex, scene.ada, OrgRole::Admin).await;
        for named in [globex.to_string(), "globex".to_owned()] {
            scene.refuses(&scene.issuer.sign(&with(scene.claims(&world, "ada"), "org_id", json!(named)))).await;
        }
        let token = scene.issuer.sign(&with(scene.claims(&world, "ada"), "org_id", json!("globex")));
        enable(&world, globex, scene.ada, &scene.issuer.url).await;
        assert_eq!(scene.tenant(&token).await.org_id, globex);
        world.sql(format!("DELETE FROM organization_issuers WHERE {}", is(&world, "org_id", globex))).await;
        scene.refuses(&token).await;
    }

    async fn without_an_organisation_named_the_only_open_one_is_meant(world) {
        let scene = Scene::new(&world).await;
        let token = scene.issuer.sign(&without(scene.claims(&world, "ada"), "org_id"));
        assert_eq!(scene.tenant(&token).await.org_id, scene.acme);
        // Membership elsewhere says nothing, as long as that organisation does not let the issuer in.
        let globex = world.org("globex").await;
        world.member(globex, scene.ada, OrgRole::Member).await;
        assert_eq!(scene.tenant(&token).await.org_id, scene.acme);
        enable(&world, globex, scene.ada, &scene.issuer.url).await;
        assert!(matches!(scene.viewer(&token).await, Ok(Viewer::Unaffiliated(_))));
        world.set("organizations", globex, "status = 'SUSPENDED'").await;
        assert_eq!(scene.tenant(&token).await.org_id, scene.acme);
        world.sql("DELETE FROM organization_issuers").await;
        assert!(matches!(scene.viewer(&token).await, Ok(Viewer::Unaffiliated(_))));
    }

    async fn whatever_ends_a_place_ends_it_on_the_next_request(world) {
        let scene = Scene::new(&world).await;
        let token = scene.token(&world, "ada");
        for (table, lost, found) in [
            ("users", "status = 'SUSPENDED'", "status = 'ACTIVE'"),
            ("users", "status = 'DEACTIVATED'", "status = 'ACTIVE'"),
            ("organizations", "status = 'SUSPENDED'", "status = 'ACTIVE'"),
            ("organizations", "status = 'ARCHIVED'", "status = 'ACTIVE'"),
            ("org_memberships", "status = 'LEFT'", "status = 'ACTIVE'"),
            ("organization_issuers", "issuer = 'https://other.example'", &format!("issuer = '{}'", scene.issuer.url)),
            ("user_identities", "subject = 'bob'", "subject = 'ada'"),
        ] {
            scene.tenant(&token).await;
            world.sql(format!("UPDATE {table} SET {lost}")).await;
            scene.refuses(&token).await;
            world.sql(format!("UPDATE {table} SET {found}")).await;
        }
        world.sql("UPDATE org_memberships SET role = 'MEMBER'").await;
        assert_eq!(scene.tenant(&token).await.org_role, OrgRole::Member);
        world.sql("UPDATE org_memberships SET status = 'PENDING'").await;
        assert!(matches!(scene.viewer(&token).await, Ok(Viewer::Unaffiliated(_))));
    }

    async fn one_subject_of_two_issuers_is_two_people(world) {
        let (one, two) = (FakeIssuer::start().await, FakeIssuer::start().await);
        let identity = trusting(&world, &[one.settings(), two.settings()]);
        let (acme, ada) = world.admin_of("acme", "ada@example.com").await;
        let bob = member(&world, acme, "bob@example.com", OrgRole::Member).await;
        for (issuer, user) in [(&one, ada), (&two, bob)] {
            enable(&world, acme, ada, &issuer.url).await;
            link(&world, user, &issuer.url, "7").await;
        }
        let claims = |issuer: &FakeIssuer| issuer.claims("7", world.clock.now().timestamp());
        for (issuer, user) in [(&one, ada), (&two, bob)] {
            let token = issuer.sign(&claims(issuer));
            assert_eq!(viewer(&identity, &token).await.unwrap().user_id(), Some(user));
        }
        // Neither signs for the other, whatever name its key has.
        unauthenticated(viewer(&identity, &one.sign(&claims(&two))).await);
        unauthenticated(viewer(&identity, &two.sign(&claims(&one))).await);
    }

    async fn an_external_token_is_never_switched_into_one_of_ours_nor_changes_the_account(world) {
        let scene = Scene::new(&world).await;
        let viewer = scene.viewer(&scene.token(&world, "ada")).await.unwrap();
        let identity = &scene.identity;
        forbidden(identity.switch_organization(&viewer, scene.acme).await);
        forbidden(identity.logout(&viewer).await);
        let password = |text: &str| Password::new(text.to_owned());
        forbidden(identity.change_password(&viewer, password("correct horse"), password("another horse"), None).await);
        let invitation = world.invite(scene.acme, "ada@example.com", OrgRole::Member, Some(scene.ada), false).await;
        let accept = AcceptInvitation { token: invitation, name: None, password: None };
        forbidden(identity.accept_invitation(&viewer, accept).await);
        forbidden(identity.link_identity(&viewer, &scene.token(&world, "new")).await);
        forbidden(identity.unlink_identity(&viewer, world.clock.id()).await);

        let front = Front::new(&world, &[scene.issuer.settings()]);
        let token = scene.token(&world, "ada");
        for mutation in [
            format!(r#"updateUser(input: {{id: "{}", name: "Eve"}}) {{ user {{ id }} }}"#, scene.ada),
            r#"enableIssuer(issuer: "https://evil.example") { organization { id } }"#.to_owned(),
            format!(r#"disableIssuer(issuer: "{}") {{ organization {{ id }} }}"#, scene.issuer.url),
        ] {
            assert_eq!(front.code(&token, &format!("mutation {{ {mutation} }}")).await, "FORBIDDEN");
        }
        assert_eq!(world.number("SELECT count(*) FROM sessions").await, 0);
        assert_eq!(world.number("SELECT count(*) FROM users WHERE name = 'Eve'").await, 0);
        assert_eq!(world.number("SELECT count(*) FROM organization_issuers").await, 1);
    }

    async fn an_external_token_learns_nothing_of_the_accounts_other_organisations_and_issuers(world) {
        let scene = Scene::new(&world).await;
        let globex = world.org("globex").await;
        world.member(globex, scene.ada, OrgRole::Member).await;
        link(&world, scene.ada, "https://other.example", "secret").await;
        let front = Front::new(&world, &[scene.issuer.settings()]);
        let query = "{ viewer { memberships { organization { slug } } identities { issuer subject } } }";
        let own = json!({ "issuer": scene.issuer.url, "subject": "ada" });
        let acme = json!({ "organization": { "slug": "acme" } });
        let expected = json!({ "viewer": { "memberships": [acme], "identities": [own] } });
        assert_eq!(front.data(&scene.token(&world, "ada"), query).await, expected);
        let session = world.login("ada@example.com").await;
        let all = front.data(&session.access_token, query).await;
        assert_eq!(all["viewer"]["memberships"].as_array().unwrap().len(), 2);
        assert_eq!(all["viewer"]["identities"].as_array().unwrap().len(), 2);
    }
}
