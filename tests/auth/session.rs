//! A refresh token works once, its second use ends the session, and whatever ends a session ends it at once.

use chrono::TimeDelta;
use entity::enums::{OrgRole, TeamRole};
use palisade::{error::Error, service::auth::sessions::Login, viewer::Viewer};

use crate::support::auth_world::{PASSWORD, World, login, on_both, unauthenticated};

on_both! {
    async fn a_member_signs_in_to_its_organisation_with_its_roles(world) {
        let (acme, ada) = world.admin_of("acme", "ada@example.com").await;
        let team = world.team(acme, "core", &[(ada, TeamRole::Admin)]).await;
        let tokens = world.login("ada@example.com").await;
        assert_eq!(tokens.expires_at.timestamp_subsec_nanos(), 0);
        let Viewer::Tenant(viewer) = world.viewer(&tokens.access_token).await.unwrap() else { panic!() };
        assert_eq!((viewer.account.user_id, viewer.org_id, viewer.org_role), (ada, acme, OrgRole::Admin));
        assert_eq!(viewer.teams, [(team, TeamRole::Admin)].into());
        assert_eq!(world.number("SELECT count(*) FROM users WHERE last_login_at IS NOT NULL").await, 1);
    }

    async fn who_is_in_no_organisation_signs_in_outside_all_and_an_operator_as_one(world) {
        world.user("ada@example.com").await;
        world.operator("ops@example.com").await;
        let ada = world.login("ada@example.com").await;
        assert!(matches!(world.viewer(&ada.access_token).await, Ok(Viewer::Unaffiliated(_))));
        let ops = world.login("ops@example.com").await;
        assert!(matches!(world.viewer(&ops.access_token).await, Ok(Viewer::SuperAdmin(_))));
    }

    async fn a_named_organisation_is_taken_and_one_that_is_not_the_viewers_does_not_exist(world) {
        let (acme, ada) = world.admin_of("acme", "ada@example.com").await;
        let (globex, _) = world.admin_of("globex", "bob@example.com").await;
        let (gone, late) = (world.org("gone").await, world.org("late").await);
        world.member(gone, ada, OrgRole::Admin).await;
        world.set("organizations", gone, "status = 'SUSPENDED'").await;
        world.membership(late, ada, OrgRole::Member, entity::enums::MembershipStatus::Pending).await;
        let ask = |org| Login { organization_id: Some(org), ..login("ada@example.com", PASSWORD) };
        assert_eq!(world.identity.login(ask(acme)).await.unwrap().viewer.org_id(), Some(acme));
        for other in [globex, gone, late, world.clock.id()] {
            assert!(matches!(world.identity.login(ask(other)).await, Err(Error::NotFound)));
        }
        let ops = world.operator("ops@example.com").await;
        let ask = Login { organization_id: Some(acme), ..login("ops@example.com", PASSWORD) };
        assert!(matches!(world.identity.login(ask).await, Err(Error::NotFound)), "{ops}");
    }

    async fn an_address_is_the_same_in_any_case(world) {
        world.user("ada@example.com").await;
        assert!(world.identity.login(login("  Ada@Example.COM ", PASSWORD)).await.is_ok());
    }

    async fn a_refresh_gives_new_tokens_that_work(world) {
        let (acme, _) = world.admin_of("acme", "ada@example.com").await;
        let first = world.login("ada@example.com").await;
        assert!(first.refresh_token.starts_with("palr_"));
        let second = world.identity.refresh(&first.refresh_token).await.unwrap();
        assert_ne!(first.refresh_token, second.refresh_token);
        assert_eq!(world.viewer(&second.access_token).await.unwrap().org_id(), Some(acme));
        assert!(world.identity.refresh(&second.refresh_token).await.is_ok());
    }

    async fn using_a_refresh_token_twice_ends_the_session(world) {
        world.admin_of("acme", "ada@example.com").await;
        let other = world.login("ada@example.com").await;
        let first = world.login("ada@example.com").await;
        let second = world.identity.refresh(&first.refresh_token).await.unwrap();
        unauthenticated(world.identity.refresh(&first.refresh_token).await);
        unauthenticated(world.identity.refresh(&second.refresh_token).await);
        world.refuses(&first.access_token).await;
        world.refuses(&second.access_token).await;
        // The user's other device goes on.
        assert!(world.identity.refresh(&other.refresh_token).await.is_ok());
    }

    async fn of_fifty_refreshes_at_once_one_wins_and_the_session_ends(world) {
        world.admin_of("acme", "ada@example.com").await;
        let tokens = world.login("ada@example.com").await;
        let tasks: Vec<_> = (0..50)
            .map(|_| {
                let (identity, token) = (world.identity.clone(), tokens.refresh_token.clone());
                tokio::spawn(async move { identity.refresh(&token).await })
            })
            .collect();
        let mut won = vec![];
        for task in tasks {
            match task.await.unwrap() {
                Ok(tokens) => won.push(tokens),
                Err(Error::Unauthenticated) => {}
                Err(other) => panic!("{other:?}"),
            }
        }
        assert_eq!(won.len(), 1);
        unauthenticated(world.identity.refresh(&won[0].refresh_token).await);
        world.refuses(&won[0].access_token).await;
        assert_eq!(world.number("SELECT count(*) FROM refresh_tokens").await, 2);
    }

    async fn what_is_no_refresh_token_is_refused(world) {
        world.admin_of("acme", "ada@example.com").await;
        let tokens = world.login("ada@example.com").await;
        for bad in ["", "palr_", "palr_AAAA", tokens.access_token.as_str(), &tokens.refresh_token[..40]] {
            unauthenticated(world.identity.refresh(bad).await);
        }
        world.refuses(&tokens.refresh_token).await;
    }

    async fn a_refresh_token_that_lay_too_long_and_a_session_that_lasted_too_long_are_over(world) {
        world.admin_of("acme", "ada@example.com").await;
        let tokens = world.login("ada@example.com").await;
        let past = "'2026-11-01T00:00:00+00:00'";
        world.sql(format!("UPDATE refresh_tokens SET expires_at = {past}")).await;
        unauthenticated(world.identity.refresh(&tokens.refresh_token).await);

        let tokens = world.login("ada@example.com").await;
        world.sql(format!("UPDATE sessions SET expires_at = {past}")).await;
        unauthenticated(world.identity.refresh(&tokens.refresh_token).await);
        world.refuses(&tokens.access_token).await;
    }

    async fn an_access_token_lives_fifteen_minutes(world) {
        world.admin_of("acme", "ada@example.com").await;
        let tokens = world.login("ada@example.com").await;
        world.pass(TimeDelta::minutes(14));
        assert!(world.viewer(&tokens.access_token).await.is_ok());
        world.pass(TimeDelta::minutes(1));
        // Remembered by this process, and read afresh by another.
        world.refuses(&tokens.access_token).await;
        unauthenticated(world.another().authenticate_token(&tokens.access_token).await);
    }

    async fn signing_out_ends_the_session_at_once(world) {
        world.admin_of("acme", "ada@example.com").await;
        let tokens = world.login("ada@example.com").await;
        let viewer = world.viewer(&tokens.access_token).await.unwrap();
        world.identity.logout(&viewer).await.unwrap();
        world.refuses(&tokens.access_token).await;
        unauthenticated(world.identity.refresh(&tokens.refresh_token).await);
        unauthenticated(world.identity.logout(&Viewer::Anonymous).await);
    }

    async fn switching_moves_the_session_and_its_older_tokens_stop(world) {
        let (acme, ada) = world.admin_of("acme", "ada@example.com").await;
        let globex = world.org("globex").await;
        world.member(globex, ada, OrgRole::Member).await;
        let ask = Login { organization_id: Some(acme), ..login("ada@example.com", PASSWORD) };
        let before = world.identity.login(ask).await.unwrap();
        let viewer = world.viewer(&before.access_token).await.unwrap();
        let after = world.identity.switch_organization(&viewer, globex).await.unwrap();

        world.refuses(&before.access_token).await;
        let Viewer::Tenant(there) = world.viewer(&after.access_token).await.unwrap() else { panic!() };
        assert_eq!((there.org_id, there.org_role), (globex, OrgRole::Member));
        assert_eq!(viewer.account().unwrap().session_id(), there.account.session_id());
        // The next sign-in comes back to where the last one worked.
        assert_eq!(world.login("ada@example.com").await.viewer.org_id(), Some(globex));
        // The refresh token from before is spent: using it ends the session.
        unauthenticated(world.identity.refresh(&before.refresh_token).await);
        world.refuses(&after.access_token).await;
    }

    async fn nobody_switches_to_where_they_are_no_active_member(world) {
        let (_, ada) = world.admin_of("acme", "ada@example.com").await;
        let (globex, _) = world.admin_of("globex", "bob@example.com").await;
        let gone = world.org("gone").await;
        world.membership(gone, ada, OrgRole::Admin, entity::enums::MembershipStatus::Left).await;
        world.operator("ops@example.com").await;
        for email in ["ada@example.com", "ops@example.com"] {
            let tokens = world.login(email).await;
            for org in [globex, gone, world.clock.id()] {
                let switched = world.identity.switch_organization(&tokens.viewer, org).await;
                assert!(matches!(switched, Err(Error::NotFound)));
            }
            // And nothing was spent.
            assert!(world.viewer(&tokens.access_token).await.is_ok());
            assert!(world.identity.refresh(&tokens.refresh_token).await.is_ok());
        }
        unauthenticated(world.identity.switch_organization(&Viewer::Anonymous, globex).await);
    }

    async fn what_is_stored_opens_nothing(world) {
        world.admin_of("acme", "ada@example.com").await;
        let tokens = world.login("ada@example.com").await;
        let stored = world.text("SELECT token_hash FROM refresh_tokens").await;
        assert!(stored.len() == 64 && stored.bytes().all(|b| b.is_ascii_hexdigit()));
        unauthenticated(world.identity.refresh(&stored).await);
        assert!(world.text("SELECT password_hash FROM users").await.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(!format!("{tokens:?}").contains("palr_"));
    }

    async fn what_is_over_is_swept_away(world) {
        world.admin_of("acme", "ada@example.com").await;
        let old = world.login("ada@example.com").await;
        world.identity.logout(&old.viewer).await.unwrap();
        let kept = world.login("ada@example.com").await;
        world.pass(TimeDelta::days(8));
        world.identity.sweep().await.unwrap();
        assert_eq!(world.number("SELECT count(*) FROM sessions").await, 1);
        assert!(world.identity.refresh(&kept.refresh_token).await.is_ok());
    }
}
