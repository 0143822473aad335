//! Accounts are a super-admin's to make, lock and close, their names their owners', their passwords nobody else's.

use entity::enums::{MembershipStatus, OrgRole};
use palisade::service::user::{self, NewUser};

use crate::support::empty_world::{URL, World, code, on_both, refused};

fn ada() -> NewUser {
    NewUser { email: " Ada@Example.com ".into(), name: "Ada L".into() }
}

on_both! {
    async fn a_new_account_gets_a_link_and_can_do_nothing_before(world) {
        let (_, root) = world.operator("root@example.com").await;
        let id = user::create(root.cx(), URL, ada()).await.unwrap();
        let row = "SELECT email || '|' || name || '|' || name_folded || '|' || status || '|' || \
                   coalesce(password_hash, 'none') FROM users WHERE id = $1";
        assert_eq!(world.text(row, [id.into()]).await, "ada@example.com|Ada L|ada l|ACTIVE|none");
        assert_eq!(world.mailed().await, ["ada@example.com"]);
        let token = world.mailed_token("palp_").await;
        let stored = world.text("SELECT token_hash FROM one_time_tokens WHERE user_id = $1", [id.into()]).await;
        assert_eq!(stored, palisade::auth::opaque::hash(&token));
        assert_eq!(world.platform_log().await, ["user.created"]);
    }

    async fn a_taken_address_is_a_conflict_and_mails_nobody(world) {
        let (_, root) = world.operator("root@example.com").await;
        user::create(root.cx(), URL, ada()).await.unwrap();
        let before = world.snapshot().await;
        refused(user::create(root.cx(), URL, ada()).await, "CONFLICT");
        refused(user::create(root.cx(), URL, NewUser { email: "x".into(), ..ada() }).await, "VALIDATION");
        refused(user::create(root.cx(), URL, NewUser { name: " ".into(), email: "x@y.z".into() }).await, "VALIDATION");
        assert_eq!(world.snapshot().await, before);
    }

    async fn accounts_are_managed_by_super_admins_alone(world) {
        let (org, _, admin) = world.admin_of("acme", "admin@example.com").await;
        let bob = world.user("bob@example.com").await;
        world.join(org, bob, OrgRole::Member).await;
        let before = world.snapshot().await;
        for (caller, answer) in [
            (admin, "FORBIDDEN"),
            (world.member_of(org, bob, OrgRole::Member), "FORBIDDEN"),
            (world.unaffiliated(bob), "NOT_FOUND"),
            (world.nobody(), "UNAUTHENTICATED"),
        ] {
            let cx = || caller.cx();
            refused(user::create(cx(), URL, ada()).await, answer);
            // The same for one who exists and one who does not.
            for id in [bob, world.clock.id()] {
                refused(user::suspend(cx(), id).await, answer);
                refused(user::reactivate(cx(), id).await, answer);
                refused(user::deactivate(cx(), id).await, answer);
                refused(user::reset_password(cx(), URL, id).await, answer);
                refused(user::set_super_admin(cx(), id, true).await, answer);
            }
        }
        assert_eq!(world.snapshot().await, before);
    }

    async fn everybody_changes_their_own_name_and_a_super_admin_anybodys(world) {
        let (org, _, admin) = world.admin_of("acme", "admin@example.com").await;
        let (ada, bob) = (world.user("ada@example.com").await, world.user("bob@example.com").await);
        world.join(org, ada, OrgRole::Member).await;
        let name = async |id| world.text("SELECT name || '|' || name_folded FROM users WHERE id = $1", [id]).await;

        let member = world.member_of(org, ada, OrgRole::Member);
        user::rename(member.cx(), ada, "Ádá").await.unwrap();
        assert_eq!(name(ada.into()).await, "Ádá|ádá");
        assert_eq!(world.log(org).await, ["user.renamed"]);
        user::rename(world.unaffiliated(bob).cx(), bob, "Bob").await.unwrap();
        assert_eq!(name(bob.into()).await, "Bob|bob");

        let before = world.snapshot().await;
        for id in [ada, bob, world.clock.id()] {
            refused(user::rename(admin.cx(), id, "x").await, "FORBIDDEN");
        }
        refused(user::rename(world.unaffiliated(bob).cx(), ada, "x").await, "NOT_FOUND");
        refused(user::rename(world.nobody().cx(), ada, "x").await, "UNAUTHENTICATED");
        refused(user::rename(member.cx(), ada, "a\nb").await, "VALIDATION");
        assert_eq!(world.snapshot().await, before);

        let (_, root) = world.operator("root@example.com").await;
        user::rename(root.cx(), ada, "Ada").await.unwrap();
        assert_eq!(name(ada.into()).await, "Ada|ada");
        assert_eq!(world.log(org).await, ["user.renamed", "user.renamed"]);
        refused(user::rename(root.cx(), world.clock.id(), "x").await, "NOT_FOUND");
    }

    async fn states_change_only_along_the_arrows_and_closed_is_final(world) {
        let (_, root) = world.operator("root@example.com").await;
        for (from, suspend, reactivate, deactivate) in [
            ("ACTIVE", "OK", "CONFLICT", "OK"),
            ("SUSPENDED", "CONFLICT", "OK", "OK"),
            ("DEACTIVATED", "CONFLICT", "CONFLICT", "CONFLICT"),
        ] {
            for (act, expected, to) in [
                ("suspend", suspend, "SUSPENDED"),
                ("reactivate", reactivate, "ACTIVE"),
                ("deactivate", deactivate, "DEACTIVATED"),
            ] {
                let id = world.user(&format!("{act}-{from}@example.com")).await;
                world.set("users", id, &format!("status = '{from}'")).await;
                let done = match act {
                    "suspend" => user::suspend(root.cx(), id).await,
                    "reactivate" => user::reactivate(root.cx(), id).await,
                    _ => user::deactivate(root.cx(), id).await,
                };
                assert_eq!(code(&done), expected, "{act} {from}");
                let status = world.text("SELECT status FROM users WHERE id = $1", [id.into()]).await;
                assert_eq!(status, if expected == "OK" { to } else { from });
            }
        }
        refused(user::suspend(root.cx(), world.clock.id()).await, "NOT_FOUND");
    }

    async fn who_is_locked_out_loses_every_session_and_every_organisation_is_told(world) {
        let (acme, ada, _) = world.admin_of("acme", "ada@example.com").await;
        let (globex, bob, _) = world.admin_of("globex", "bob@example.com").await;
        world.join(globex, ada, OrgRole::Member).await;
        let (left, _, _) = world.admin_of("left", "eve@example.com").await;
        world.membership(left, ada, OrgRole::Member, MembershipStatus::Left).await;
        let (one, two, others) = (world.session(ada).await, world.session(ada).await, world.session(bob).await);
        let (_, root) = world.operator("root@example.com").await;
        // Also the only admin of an organisation.
        user::suspend(root.cx(), ada).await.unwrap();
        let open = "SELECT 'open' FROM sessions WHERE id = $1 AND revoked_at IS NULL";
        assert!(world.texts(open, [one.into()]).await.is_empty());
        assert!(world.texts(open, [two.into()]).await.is_empty());
        assert_eq!(world.texts(open, [others.into()]).await.len(), 1);
        for org in [acme, globex] {
            assert_eq!(world.log(org).await, ["user.suspended"]);
        }
        assert!(world.log(left).await.is_empty());
        user::reactivate(root.cx(), ada).await.unwrap();
        assert_eq!(world.log(acme).await, ["user.suspended", "user.reactivated"]);
        assert!(world.texts(open, [one.into()]).await.is_empty());
    }

    async fn the_last_admin_of_an_organisation_is_not_closed(world) {
        let (_, root) = world.operator("root@example.com").await;
        let (acme, ada, _) = world.admin_of("acme", "ada@example.com").await;
        // The other organisation of the two has another admin.
        let (globex, bob, _) = world.admin_of("globex", "bob@example.com").await;
        world.join(globex, ada, OrgRole::Admin).await;
        let before = world.snapshot().await;
        refused(user::deactivate(root.cx(), ada).await, "CONFLICT");
        assert_eq!(world.snapshot().await, before);
        // A plain member is no admin, and one who is locked out is none to rely on.
        let cy = world.user("cy@example.com").await;
        world.join(acme, cy, OrgRole::Member).await;
        refused(user::deactivate(root.cx(), ada).await, "CONFLICT");
        let dan = world.user("dan@example.com").await;
        world.join(acme, dan, OrgRole::Admin).await;
        world.set("users", dan, "status = 'SUSPENDED'").await;
        refused(user::deactivate(root.cx(), ada).await, "CONFLICT");
        world.set("users", dan, "status = 'ACTIVE'").await;
        user::deactivate(root.cx(), ada).await.unwrap();
        assert_eq!(world.log(acme).await, ["user.deactivated"]);
        assert_eq!(world.log(globex).await, ["user.deactivated"]);
        refused(user::deactivate(root.cx(), bob).await, "CONFLICT");
    }

    async fn of_two_last_admins_closed_at_one_instant_one_stays(world) {
        let (_, root) = world.operator("root@example.com").await;
        for round in 0..5 {
            let (org, ada, _) = world.admin_of(&format!("acme{round}"), &format!("ada{round}@example.com")).await;
            let bob = world.user(&format!("bob{round}@example.com")).await;
            world.join(org, bob, OrgRole::Admin).await;
            let close = |id| {
                let root = root.clone();
                tokio::spawn(async move { code(&user::deactivate(root.cx(), id).await) })
            };
            let (one, two) = (close(ada), close(bob));
            let mut codes = [one.await.unwrap(), two.await.unwrap()];
            codes.sort_unstable();
            assert_eq!(codes, ["CONFLICT", "OK"]);
        }
    }

    async fn a_password_link_goes_to_the_owner_and_to_nobody_else(world) {
        let (_, root) = world.operator("root@example.com").await;
        let (org, ada, _) = world.admin_of("acme", "ada@example.com").await;
        user::reset_password(root.cx(), URL, ada).await.unwrap();
        assert_eq!(world.mailed().await, ["ada@example.com"]);
        assert_eq!(world.log(org).await, ["user.password_link_sent"]);
        assert_eq!(world.platform_log().await, ["user.password_link_sent"]);
        refused(user::reset_password(root.cx(), URL, world.clock.id()).await, "NOT_FOUND");
        world.set("users", ada, "status = 'DEACTIVATED'").await;
        refused(user::reset_password(root.cx(), URL, ada).await, "CONFLICT");
        assert_eq!(world.mailed().await.len(), 1);
    }
}
