//! The token says who asks; the rows say what they may do now. Nothing waits for a token to expire.

use entity::enums::{OrgRole, TeamRole};
use palisade::viewer::Viewer;

use crate::support::auth_world::{World, on_both, unauthenticated};

on_both! {
    async fn no_header_is_nobody_and_anything_else_is_somebody_or_refused(world) {
        world.admin_of("acme", "ada@example.com").await;
        let token = world.login("ada@example.com").await.access_token;
        let bearer = format!("Bearer {token}");
        let good = bearer.as_bytes();
        assert!(matches!(world.identity.authenticate([]).await, Ok(Viewer::Anonymous)));
        assert!(matches!(world.identity.authenticate([good]).await, Ok(Viewer::Tenant(_))));
        let basic = format!("Basic {token}");
        let long = format!("Bearer {}", "a".repeat(9000));
        for bad in [
            vec![good, good],
            vec![good, b""],
            vec![b"".as_slice()],
            vec![b"Bearer"],
            vec![b"Bearer x"],
            vec![b"Bearer null"],
            vec![b"Bearer \xff"],
            vec![basic.as_bytes()],
            vec![token.as_bytes()],
            vec![long.as_bytes()],
        ] {
            unauthenticated(world.identity.authenticate(bad).await);
        }
    }

    async fn losing_the_membership_the_organisation_or_the_account_ends_access_on_the_next_request(world) {
        for (table, lost, found) in [
            ("users", "status = 'SUSPENDED'", "status = 'ACTIVE'"),
            ("users", "status = 'DEACTIVATED'", "status = 'ACTIVE'"),
            ("organizations", "status = 'SUSPENDED'", "status = 'ACTIVE'"),
            ("organizations", "status = 'ARCHIVED'", "status = 'ACTIVE'"),
            ("org_memberships", "status = 'LEFT'", "status = 'ACTIVE'"),
            ("org_memberships", "status = 'PENDING'", "status = 'ACTIVE'"),
        ] {
            if world.number("SELECT count(*) FROM users").await == 0 {
                world.admin_of("acme", "ada@example.com").await;
            }
            let token = world.login("ada@example.com").await.access_token;
            assert!(world.viewer(&token).await.is_ok());
            world.sql(format!("UPDATE {table} SET {lost}")).await;
            world.refuses(&token).await;
            world.sql(format!("UPDATE {table} SET {found}")).await;
            assert!(world.viewer(&token).await.is_ok());
        }
    }

    async fn a_demoted_admin_is_a_member_at_once_and_a_promoted_member_needs_a_new_token(world) {
        let (acme, ada) = world.admin_of("acme", "ada@example.com").await;
        let bob = world.user("bob@example.com").await;
        world.member(acme, bob, OrgRole::Member).await;
        let role = async |token: &str| world.viewer(token).await.unwrap().tenant().unwrap().org_role;
        let (a, b) = (world.login("ada@example.com").await, world.login("bob@example.com").await);
        world.sql("UPDATE org_memberships SET role = CASE role WHEN 'ADMIN' THEN 'MEMBER' ELSE 'ADMIN' END").await;
        assert_eq!(role(&a.access_token).await, OrgRole::Member);
        assert_eq!(role(&b.access_token).await, OrgRole::Member);
        let b = world.identity.refresh(&b.refresh_token).await.unwrap();
        assert_eq!(role(&b.access_token).await, OrgRole::Admin);
        assert_ne!(ada, bob);
    }

    async fn a_team_that_was_left_is_lost_at_once_and_one_that_was_joined_needs_a_new_token(world) {
        let (acme, ada) = world.admin_of("acme", "ada@example.com").await;
        world.team(acme, "old", &[(ada, TeamRole::Admin)]).await;
        let tokens = world.login("ada@example.com").await;
        world.sql("DELETE FROM team_memberships").await;
        let new = world.team(acme, "new", &[(ada, TeamRole::Member)]).await;
        let teams = async |token: &str| world.viewer(token).await.unwrap().tenant().unwrap().teams.clone();
        assert!(teams(&tokens.access_token).await.is_empty());
        let tokens = world.identity.refresh(&tokens.refresh_token).await.unwrap();
        assert_eq!(teams(&tokens.access_token).await, [(new, TeamRole::Member)].into());
    }

    async fn who_lost_the_organisation_goes_on_outside_it_and_who_lost_the_account_does_not(world) {
        let (acme, _) = world.admin_of("acme", "ada@example.com").await;
        let tokens = world.login("ada@example.com").await;
        world.sql("UPDATE org_memberships SET status = 'LEFT'").await;
        let tokens = world.identity.refresh(&tokens.refresh_token).await.unwrap();
        assert!(matches!(world.viewer(&tokens.access_token).await, Ok(Viewer::Unaffiliated(_))));
        // What comes back later does not come back by itself.
        world.sql("UPDATE org_memberships SET status = 'ACTIVE'").await;
        assert!(matches!(world.viewer(&tokens.access_token).await, Ok(Viewer::Unaffiliated(_))));
        let tokens = world.identity.switch_organization(&tokens.viewer, acme).await.unwrap();

        world.sql("UPDATE users SET status = 'SUSPENDED'").await;
        unauthenticated(world.identity.refresh(&tokens.refresh_token).await);
    }

    async fn an_operator_that_is_none_any_more_and_a_user_made_one_are_nobody_until_they_sign_in(world) {
        let ops = world.operator("ops@example.com").await;
        let ada = world.user("ada@example.com").await;
        let (o, a) = (world.login("ops@example.com").await, world.login("ada@example.com").await);
        world.set("users", ops, "is_super_admin = false").await;
        world.set("users", ada, "is_super_admin = true").await;
        world.refuses(&o.access_token).await;
        world.refuses(&a.access_token).await;
        let a = world.identity.refresh(&a.refresh_token).await.unwrap();
        assert!(matches!(world.viewer(&a.access_token).await, Ok(Viewer::SuperAdmin(_))));
    }

    async fn a_viewer_lists_the_organisations_it_may_switch_to(world) {
        let (acme, ada) = world.admin_of("acme", "ada@example.com").await;
        let (globex, gone) = (world.org("globex").await, world.org("gone").await);
        world.member(globex, ada, OrgRole::Member).await;
        world.member(gone, ada, OrgRole::Member).await;
        world.set("organizations", gone, "status = 'ARCHIVED'").await;
        world.admin_of("other", "bob@example.com").await;
        let tokens = world.login("ada@example.com").await;
        let tokens = world.identity.switch_organization(&tokens.viewer, globex).await.unwrap();
        let mine = world.identity.memberships(tokens.viewer.account().unwrap()).await.unwrap();
        assert_eq!(mine.iter().map(|row| row.org_id).collect::<Vec<_>>(), [globex, acme]);
    }
}
