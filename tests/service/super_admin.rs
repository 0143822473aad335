//! Super-admins and members are disjoint; a super-admin does nothing of this to itself; one is always left.

use entity::enums::{MembershipStatus, OrgRole};
use palisade::service::user;

use crate::support::empty_world::{Caller, World, code, on_both, refused};

async fn is_super_admin(world: &World, id: entity::ids::UserId) -> bool {
    !world.texts("SELECT 'yes' FROM users WHERE id = $1 AND is_super_admin", [id.into()]).await.is_empty()
}

on_both! {
    async fn an_account_without_membership_is_made_one_and_unmade(world) {
        let (_, root) = world.operator("root@example.com").await;
        let ada = world.user("ada@example.com").await;
        for (make, told) in [(true, "super_admin.appointed"), (false, "super_admin.dismissed")] {
            let session = world.session(ada).await;
            user::set_super_admin(root.cx(), ada, make).await.unwrap();
            assert_eq!(is_super_admin(&world, ada).await, make);
            // What was signed in under the other rights is signed out.
            let revoked = "SELECT 'gone' FROM sessions WHERE id = $1 AND revoked_at IS NOT NULL";
            assert_eq!(world.texts(revoked, [session.into()]).await.len(), 1);
            assert_eq!(world.platform_log().await.last().unwrap(), told);
            // Asked again, nothing happens.
            let before = world.snapshot().await;
            user::set_super_admin(root.cx(), ada, make).await.unwrap();
            assert_eq!(world.snapshot().await, before);
        }
        refused(user::set_super_admin(root.cx(), world.clock.id(), true).await, "NOT_FOUND");
    }

    async fn whoever_belongs_to_an_organisation_or_is_asked_for_is_never_made_one(world) {
        let (_, root) = world.operator("root@example.com").await;
        let (org, admin, _) = world.admin_of("acme", "admin@example.com").await;
        let ids = [world.user("a@example.com").await, world.user("b@example.com").await, world.user("c@example.com").await];
        let [pending, asked, gone] = ids;
        world.membership(org, pending, OrgRole::Member, MembershipStatus::Pending).await;
        for id in [asked, gone] {
            world.membership(org, id, OrgRole::Member, MembershipStatus::Left).await;
        }
        world.rows("UPDATE org_memberships SET pending_role = 'MEMBER' WHERE user_id = $1", [asked.into()]).await;
        for id in [admin, pending, asked] {
            refused(user::set_super_admin(root.cx(), id, true).await, "CONFLICT");
            assert!(!is_super_admin(&world, id).await);
        }
        user::set_super_admin(root.cx(), gone, true).await.unwrap();
        let off = world.user("off@example.com").await;
        world.set("users", off, "status = 'SUSPENDED'").await;
        refused(user::set_super_admin(root.cx(), off, true).await, "CONFLICT");
    }

    async fn a_super_admin_does_nothing_of_it_to_itself(world) {
        let (me, root) = world.operator("root@example.com").await;
        world.operator("other@example.com").await;
        let before = world.snapshot().await;
        refused(user::set_super_admin(root.cx(), me, false).await, "FORBIDDEN");
        refused(user::set_super_admin(root.cx(), me, true).await, "FORBIDDEN");
        refused(user::suspend(root.cx(), me).await, "FORBIDDEN");
        refused(user::reactivate(root.cx(), me).await, "FORBIDDEN");
        refused(user::deactivate(root.cx(), me).await, "FORBIDDEN");
        assert_eq!(world.snapshot().await, before);
    }

    async fn of_two_who_put_each_other_out_at_one_instant_one_stays(world) {
        for (round, how) in ["dismiss", "suspend", "deactivate", "dismiss", "suspend", "deactivate"].iter().enumerate() {
            let (one, as_one) = world.operator(&format!("one{round}@example.com")).await;
            let (two, as_two) = world.operator(&format!("two{round}@example.com")).await;
            let out = |by: Caller, id| {
                tokio::spawn(async move {
                    code(&match *how {
                        "dismiss" => user::set_super_admin(by.cx(), id, false).await,
                        "suspend" => user::suspend(by.cx(), id).await,
                        _ => user::deactivate(by.cx(), id).await,
                    })
                })
            };
            let (first, second) = (out(as_one, two), out(as_two, one));
            let mut codes = [first.await.unwrap(), second.await.unwrap()];
            codes.sort_unstable();
            assert_eq!(codes, ["CONFLICT", "OK"], "{how}");
            for id in [one, two] {
                world.set("users", id, "is_super_admin = false").await;
            }
        }
    }
}
