//! An invitation is its address's alone, works once, and is worth what its inviter may give at that moment.

use chrono::TimeDelta;
use entity::enums::{MembershipStatus, OrgRole};
use palisade::{
    error::{Error, Result},
    service::auth::{invitations::AcceptInvitation, sessions::SessionTokens},
    viewer::Viewer,
};

use crate::support::auth_world::{PASSWORD, World, invalid, login, on_both, unauthenticated};

fn input(token: &str) -> AcceptInvitation {
    AcceptInvitation { token: token.to_owned(), name: Some("Bob".to_owned()), password: Some(PASSWORD.into()) }
}

async fn accept(world: &World, viewer: &Viewer, token: &str) -> Result<SessionTokens> {
    world.identity.accept_invitation(viewer, input(token)).await
}

async fn anonymous(world: &World, token: &str) -> Result<SessionTokens> {
    accept(world, &Viewer::Anonymous, token).await
}

on_both! {
    async fn a_new_address_gets_an_account_a_membership_and_a_session_once(world) {
        let (acme, ada) = world.admin_of("acme", "ada@example.com").await;
        let token = world.invite(acme, "bob@example.com", OrgRole::Member, Some(ada), false).await;
        let tokens = anonymous(&world, &token).await.unwrap();
        let Viewer::Tenant(bob) = world.viewer(&tokens.access_token).await.unwrap() else { panic!() };
        assert_eq!((bob.org_id, bob.org_role), (acme, OrgRole::Member));
        assert_eq!(world.login("bob@example.com").await.viewer.org_id(), Some(acme));
        assert_eq!(world.number("SELECT count(*) FROM users WHERE is_super_admin").await, 0);
        let told = "SELECT count(*) FROM events WHERE type = 'invitation.accepted' AND actor_user_id IS NOT NULL";
        assert_eq!(world.number(told).await, 1);
        invalid(accept(&world, &tokens.viewer, &token).await, "input.token");
        unauthenticated(world.identity.login(login("bob@example.com", "wrong horse")).await);
    }

    async fn a_new_account_needs_a_name_and_a_password_by_the_rules(world) {
        let (acme, ada) = world.admin_of("acme", "ada@example.com").await;
        let token = world.invite(acme, "bob@example.com", OrgRole::Member, Some(ada), false).await;
        let ask = async |name: Option<&str>, password: Option<&str>| {
            let input = AcceptInvitation {
                token: token.clone(),
                name: name.map(str::to_owned),
                password: password.map(Into::into),
            };
            world.identity.accept_invitation(&Viewer::Anonymous, input).await
        };
        for name in [None, Some(""), Some("  "), Some("a\nb"), Some("x".repeat(201).as_str())] {
            invalid(ask(name, Some(PASSWORD)).await, "input.name");
        }
        for password in [None, Some("short"), Some("bob@example.com"), Some("password123")] {
            invalid(ask(Some("Bob"), password).await, "input.password");
        }
        assert_eq!(world.number("SELECT count(*) FROM users").await, 1);
        assert!(ask(Some("Bob"), Some(PASSWORD)).await.is_ok());
    }

    async fn an_address_with_an_account_needs_that_account_signed_in(world) {
        let (acme, ada) = world.admin_of("acme", "ada@example.com").await;
        let (globex, _) = world.admin_of("globex", "bob@example.com").await;
        let token = world.invite(acme, "bob@example.com", OrgRole::Admin, Some(ada), false).await;
        let before = world.login("bob@example.com").await;
        unauthenticated(anonymous(&world, &token).await);
        invalid(accept(&world, &world.login("ada@example.com").await.viewer, &token).await, "input.token");
        assert_eq!(before.viewer.org_id(), Some(globex));
        let after = accept(&world, &before.viewer, &token).await.unwrap();
        let Viewer::Tenant(bob) = world.viewer(&after.access_token).await.unwrap() else { panic!() };
        assert_eq!((bob.org_id, bob.org_role), (acme, OrgRole::Admin));
        // The session moved: tokens of the other organisation have stopped.
        world.refuses(&before.access_token).await;
        // And an invitation for a new address is not for somebody who is signed in as another.
        let token = world.invite(acme, "cleo@example.com", OrgRole::Member, Some(ada), false).await;
        invalid(accept(&world, &after.viewer, &token).await, "input.token");
    }

    async fn a_link_that_is_late_revoked_foreign_or_made_up_does_not_work(world) {
        let (acme, ada) = world.admin_of("acme", "ada@example.com").await;
        let globex = world.org("globex").await;
        let invite = async || world.invite(acme, "bob@example.com", OrgRole::Member, Some(ada), false).await;
        let token = invite().await;
        let digits = |org: entity::ids::OrgId| org.to_string()[4..].to_owned();
        let foreign = token.replace(&digits(acme), &digits(globex));
        for bad in ["", "pali_", &token[..token.len() - 1], &foreign] {
            invalid(anonymous(&world, bad).await, "input.token");
        }
        world.sql("UPDATE invitations SET status = 'REVOKED'").await;
        invalid(anonymous(&world, &token).await, "input.token");
        let token = invite().await;
        world.set("organizations", acme, "status = 'SUSPENDED'").await;
        invalid(anonymous(&world, &token).await, "input.token");
        world.set("organizations", acme, "status = 'ACTIVE'").await;
        world.pass(TimeDelta::days(7));
        invalid(anonymous(&world, &token).await, "input.token");
        assert_eq!(world.number("SELECT count(*) FROM users").await, 1);
        assert!(anonymous(&world, &invite().await).await.is_ok());
    }

    async fn an_invitation_dies_with_its_inviters_right(world) {
        let (acme, _) = world.admin_of("acme", "ada@example.com").await;
        for (n, (lost, column)) in [
            ("org_memberships", "role = 'MEMBER'"),
            ("org_memberships", "status = 'LEFT'"),
            ("org_memberships", "status = 'PENDING'"),
            ("users", "status = 'SUSPENDED'"),
            ("users", "status = 'DEACTIVATED'"),
        ]
        .into_iter()
        .enumerate()
        {
            let by = world.user(&format!("by{n}@example.com")).await;
            world.member(acme, by, OrgRole::Admin).await;
            let token = world.invite(acme, "bob@example.com", OrgRole::Member, Some(by), false).await;
            let key = if lost == "users" { "id" } else { "user_id" };
            world.set_where(lost, key, by, column).await;
            invalid(anonymous(&world, &token).await, "input.token");
        }
        let (_, outsider) = world.admin_of("globex", "eve@example.com").await;
        let token = world.invite(acme, "bob@example.com", OrgRole::Admin, Some(outsider), false).await;
        invalid(anonymous(&world, &token).await, "input.token");
        assert_eq!(world.number("SELECT count(*) FROM users WHERE email = 'bob@example.com'").await, 0);
    }

    async fn a_super_admins_invitation_waits_for_the_organisations_confirmation(world) {
        let (acme, _) = world.admin_of("acme", "ada@example.com").await;
        let ops = world.operator("ops@example.com").await;
        for first_admin in [false, true] {
            let email = format!("{first_admin}@example.com");
            let token = world.invite(acme, &email, OrgRole::Admin, Some(ops), first_admin).await;
            let tokens = anonymous(&world, &token).await.unwrap();
            assert!(matches!(world.viewer(&tokens.access_token).await, Ok(Viewer::Unaffiliated(_))));
            let row = world.membership_of(acme, tokens.viewer.user_id().unwrap()).await.unwrap();
            assert_eq!((row.status, row.role), (MembershipStatus::Pending, OrgRole::Member));
            assert_eq!((row.pending_role, row.requested_by), (Some(OrgRole::Admin), Some(ops)));
            assert!(matches!(world.login(&email).await.viewer, Viewer::Unaffiliated(_)));
        }
        // Which its admins are told each time, under the request's name.
        let told = "SELECT count(*) FROM mail_outbox m JOIN org_memberships o ON o.request_id = m.request_id \
                    WHERE m.recipient = 'ada@example.com' AND o.requested_at IS NOT NULL";
        assert_eq!(world.number(told).await, 2);
    }

    async fn the_first_admin_of_an_organisation_that_never_had_a_member_needs_no_confirmation(world) {
        let ops = world.operator("ops@example.com").await;
        let acme = world.org("acme").await;
        let (one, two) = (
            world.invite(acme, "one@example.com", OrgRole::Admin, Some(ops), true).await,
            world.invite(acme, "two@example.com", OrgRole::Admin, Some(ops), true).await,
        );
        // At one instant: one of them is first.
        let (one, two) = tokio::join!(anonymous(&world, &one), anonymous(&world, &two));
        let inside = |tokens: Result<SessionTokens>| tokens.unwrap().viewer.org_id() == Some(acme);
        assert!(inside(one) ^ inside(two));

        // A vacancy is no beginning.
        let globex = world.org("globex").await;
        let gone = world.user("gone@example.com").await;
        world.membership(globex, gone, OrgRole::Member, MembershipStatus::Left).await;
        let late = world.invite(globex, "late@example.com", OrgRole::Admin, Some(ops), true).await;
        assert!(matches!(anonymous(&world, &late).await.unwrap().viewer, Viewer::Unaffiliated(_)));
        // And a member is no admin.
        let initech = world.org("initech").await;
        let member = world.invite(initech, "member@example.com", OrgRole::Member, Some(ops), true).await;
        assert!(matches!(anonymous(&world, &member).await.unwrap().viewer, Viewer::Unaffiliated(_)));
    }

    async fn the_command_lines_first_admin_comes_before_any_admin_though_there_are_members(world) {
        let old = world.org("default").await;
        let user = world.account("old@example.com", false, None).await;
        world.member(old, user, OrgRole::Member).await;
        let first = world.invite(old, "first@example.com", OrgRole::Admin, None, true).await;
        let second = world.invite(old, "second@example.com", OrgRole::Admin, None, true).await;
        assert_eq!(anonymous(&world, &first).await.unwrap().viewer.org_id(), Some(old));
        assert!(matches!(anonymous(&world, &second).await.unwrap().viewer, Viewer::Unaffiliated(_)));
    }

    async fn a_super_admin_joins_no_organisation(world) {
        let (acme, ada) = world.admin_of("acme", "ada@example.com").await;
        world.operator("ops@example.com").await;
        let token = world.invite(acme, "ops@example.com", OrgRole::Member, Some(ada), false).await;
        let ops = world.login("ops@example.com").await;
        assert!(matches!(accept(&world, &ops.viewer, &token).await, Err(Error::Forbidden(_))));
        assert!(matches!(world.viewer(&ops.access_token).await, Ok(Viewer::SuperAdmin(_))));
        assert_eq!(world.number("SELECT count(*) FROM org_memberships").await, 1);
    }

    async fn a_leaver_comes_back_and_a_member_is_one_already(world) {
        let (acme, ada) = world.admin_of("acme", "ada@example.com").await;
        let bob = world.user("bob@example.com").await;
        world.membership(acme, bob, OrgRole::Admin, MembershipStatus::Left).await;
        let token = world.invite(acme, "bob@example.com", OrgRole::Member, Some(ada), false).await;
        let viewer = world.login("bob@example.com").await.viewer;
        let viewer = accept(&world, &viewer, &token).await.unwrap().viewer;
        assert_eq!(viewer.tenant().unwrap().org_role, OrgRole::Member);
        assert_eq!(world.number("SELECT count(*) FROM org_memberships").await, 2);
        let token = world.invite(acme, "bob@example.com", OrgRole::Admin, Some(ada), false).await;
        assert!(matches!(accept(&world, &viewer, &token).await, Err(Error::Conflict(_))));
        assert_eq!(world.membership_of(acme, bob).await.unwrap().role, OrgRole::Member);
    }

    async fn of_ten_who_accept_at_once_one_gets_the_account(world) {
        let (acme, ada) = world.admin_of("acme", "ada@example.com").await;
        let token = world.invite(acme, "bob@example.com", OrgRole::Member, Some(ada), false).await;
        let tasks: Vec<_> = (0..10)
            .map(|_| {
                let (identity, token) = (world.identity.clone(), token.clone());
                tokio::spawn(async move { identity.accept_invitation(&Viewer::Anonymous, input(&token)).await.is_ok() })
            })
            .collect();
        let mut won = 0;
        for task in tasks {
            won += usize::from(task.await.unwrap());
        }
        assert_eq!(won, 1);
        assert_eq!(world.number("SELECT count(*) FROM users").await, 2);
    }
}
