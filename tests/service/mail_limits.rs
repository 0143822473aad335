//! Mail to others is bounded, per organisation and per address, and nobody learns by a bound what others do.

use chrono::TimeDelta;
use entity::enums::OrgRole;
use palisade::{
    error::{Error, Result},
    service::{
        invitation::{self, InvitationKey, NewInvitation},
        user,
    },
};

use crate::support::empty_world::{Caller, URL, World, on_both, refused};

async fn invite(caller: &Caller, email: &str) -> Result<InvitationKey> {
    let offer = NewInvitation { organization_id: None, email: email.to_owned(), role: OrgRole::Member };
    invitation::create(caller.cx(), URL, offer).await
}

on_both! {
    async fn an_address_is_invited_five_times_an_hour_by_one_organisation_whatever_others_do(world) {
        let (acme, _, admin) = world.admin_of("acme", "ada@example.com").await;
        let (_, _, other) = world.admin_of("globex", "gil@example.com").await;
        for email in ["gil@example.com", "nobody@example.com"] {
            for _ in 0..5 {
                invite(&admin, email).await.unwrap();
            }
            let before = world.snapshot().await;
            let again = invite(&admin, &email.to_uppercase()).await;
            assert!(matches!(again, Err(Error::RateLimited { retry_after }) if retry_after <= 3600), "{again:?}");
            assert_eq!(world.snapshot().await, before);
            invite(&other, email).await.unwrap();
        }
        invite(&admin, "somebody@example.com").await.unwrap();
        world.pass(TimeDelta::hours(1));
        invite(&admin, "nobody@example.com").await.unwrap();
        assert_eq!(world.log(acme).await.len(), 12);
    }

    async fn an_organisation_invites_a_hundred_an_hour_and_who_may_not_invite_uses_up_nothing(world) {
        let (org, _, admin) = world.admin_of("acme", "ada@example.com").await;
        let bob = world.user("bob@example.com").await;
        world.join(org, bob, OrgRole::Member).await;
        let member = world.member_of(org, bob, OrgRole::Member);
        for n in 0..100 {
            refused(invite(&member, &format!("u{n}@example.com")).await, "FORBIDDEN");
            refused(invite(&admin, "no address").await, "VALIDATION");
        }
        for n in 0..100 {
            invite(&admin, &format!("u{n}@example.com")).await.unwrap();
        }
        refused(invite(&admin, "u100@example.com").await, "RATE_LIMITED");
    }

    async fn a_super_admin_sends_an_account_five_links_an_hour(world) {
        let (_, root) = world.operator("root@example.com").await;
        let (ada, bob) = (world.user("ada@example.com").await, world.user("bob@example.com").await);
        for _ in 0..5 {
            user::reset_password(root.cx(), URL, ada).await.unwrap();
        }
        refused(user::reset_password(root.cx(), URL, ada).await, "RATE_LIMITED");
        user::reset_password(root.cx(), URL, bob).await.unwrap();
        // What strangers ask for by the address is counted apart.
        for _ in 0..5 {
            world.identity().request_password_reset("bob@example.com", None).await.unwrap();
        }
        user::reset_password(root.cx(), URL, bob).await.unwrap();
        assert_eq!(world.mailed().await.len(), 12);
    }
}
