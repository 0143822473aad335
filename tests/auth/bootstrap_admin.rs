//! The command line makes the first super-admin, and hands out tokens for a demo alone.

use palisade::{error::Error, service::auth::bootstrap_admin::NewSuperAdmin, viewer::Viewer};

use crate::support::auth_world::{PASSWORD, World, invalid, login, on_both};

fn input(email: &str, another: bool) -> NewSuperAdmin {
    NewSuperAdmin { email: email.to_owned(), name: "Ops".to_owned(), password: PASSWORD.into(), another }
}

on_both! {
    async fn the_first_super_admin_is_made_once_and_signs_in(world) {
        world.identity.super_admin_create(input("Ops@Example.com", false)).await.unwrap();
        assert!(matches!(world.login("ops@example.com").await.viewer, Viewer::SuperAdmin(_)));
        let second = world.identity.super_admin_create(input("two@example.com", false)).await;
        assert!(matches!(second, Err(Error::Conflict(_))), "{second:?}");
        world.identity.super_admin_create(input("two@example.com", true)).await.unwrap();
        assert_eq!(world.number("SELECT count(*) FROM platform_events").await, 2);
    }

    async fn an_account_that_exists_is_not_taken_over(world) {
        world.admin_of("acme", "ada@example.com").await;
        let taken = world.identity.super_admin_create(input("ada@example.com", true)).await;
        assert!(matches!(taken, Err(Error::Conflict(_))));
        world.identity.super_admin_create(input("ops@example.com", true)).await.unwrap();
        let again = NewSuperAdmin { password: "another password".into(), ..input("ops@example.com", true) };
        assert!(matches!(world.identity.super_admin_create(again).await, Err(Error::Conflict(_))));
        assert!(world.identity.login(login("ops@example.com", PASSWORD)).await.is_ok());
    }

    async fn what_a_crash_left_half_done_is_finished(world) {
        world.account("ops@example.com", true, None).await;
        world.identity.super_admin_create(input("ops@example.com", false)).await.unwrap();
        assert!(world.identity.login(login("ops@example.com", PASSWORD)).await.is_ok());
    }

    async fn a_bad_address_name_or_password_makes_nobody(world) {
        invalid(world.identity.super_admin_create(input("ops", false)).await, "email");
        let unnamed = NewSuperAdmin { name: " ".to_owned(), ..input("ops@example.com", false) };
        invalid(world.identity.super_admin_create(unnamed).await, "name");
        let weak = NewSuperAdmin { password: "password123".into(), ..input("ops@example.com", false) };
        invalid(world.identity.super_admin_create(weak).await, "password");
        assert_eq!(world.number("SELECT count(*) FROM users").await, 0);
    }

    async fn a_token_without_a_password_is_given_for_a_demo_alone(world) {
        let (acme, _) = world.admin_of("acme", "ada@example.com").await;
        assert!(matches!(world.identity.demo_session("ada@example.com").await, Err(Error::Forbidden(_))));
        world.sql("INSERT INTO platform_settings (key, value) VALUES ('demo', 'true')").await;
        let tokens = world.identity.demo_session("ada@example.com").await.unwrap();
        assert_eq!(world.viewer(&tokens.access_token).await.unwrap().org_id(), Some(acme));
        assert!(matches!(world.identity.demo_session("nobody@example.com").await, Err(Error::NotFound)));
    }
}
