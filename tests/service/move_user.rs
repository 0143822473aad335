//! Who is moved has left the one organisation with all that hung on it, and is nothing in the other until it says so.

use entity::{
    enums::{MembershipStatus, OrgRole},
    ids::{OrgId, UserId},
};
use palisade::service::{
    member::{self, Confirmation, RoleChange},
    move_user::{Move, move_user},
};

use super::member_removal::{furnish, posts};
use crate::support::empty_world::{URL, World, code, on_both, refused};

fn going(user_id: UserId, from: OrgId, to: OrgId) -> Move {
    Move { user_id, from, to, role: OrgRole::Admin }
}

on_both! {
    async fn a_move_leaves_the_one_asks_the_other_and_tells_both(world) {
        let (acme, _, _) = world.admin_of("acme", "ada@example.com").await;
        let (globex, _, there) = world.admin_of("globex", "gil@example.com").await;
        let (_, root) = world.operator("root@example.com").await;
        let bob = world.user("bob@example.com").await;
        world.join(acme, bob, OrgRole::Admin).await;
        furnish(&world, acme, bob).await;

        assert_eq!(move_user(root.cx(), URL, going(bob, acme, globex)).await.unwrap(), bob);
        assert_eq!(world.standing(acme, bob).await, "MEMBER LEFT");
        assert_eq!(posts(&world, acme, bob).await, [0; 4]);
        assert_eq!(world.standing(globex, bob).await, "MEMBER PENDING asks ADMIN");
        assert_eq!(world.log(acme).await, ["member.removed"]);
        assert_eq!(world.log(globex).await, ["member.requested"]);
        assert_eq!(world.platform_log().await, ["user.moved"]);
        // The other organisation's admins are told, and not whence.
        assert_eq!(world.mailed().await, ["gil@example.com"]);
        let told = world.texts("SELECT coalesce(payload, '') FROM events WHERE org_id = $1", [globex.into()]).await;
        let mail = world.text("SELECT body FROM mail_outbox", []).await;
        assert!(!told.concat().contains(&acme.to_string()) && !mail.contains("acme"), "{told:?} {mail}");

        member::confirm(there.cx(), URL, Confirmation { user_id: bob, accept: true, role: None }).await.unwrap();
        assert_eq!(world.standing(globex, bob).await, "ADMIN ACTIVE");
        // And back, in the other direction of ids, where they were before.
        let down = RoleChange { organization_id: None, user_id: bob, role: OrgRole::Member };
        member::update_role(there.cx(), URL, down).await.unwrap();
        move_user(root.cx(), URL, going(bob, globex, acme)).await.unwrap();
        assert_eq!(world.standing(globex, bob).await, "MEMBER LEFT");
        assert_eq!(world.standing(acme, bob).await, "MEMBER LEFT asks ADMIN");
    }

    async fn what_cannot_be_done_in_the_one_is_not_done_in_the_other(world) {
        let (acme, ada, _) = world.admin_of("acme", "ada@example.com").await;
        let (globex, _, _) = world.admin_of("globex", "gil@example.com").await;
        let closed = world.org("closed").await;
        world.set("organizations", closed, "status = 'ARCHIVED'").await;
        let (_, root) = world.operator("root@example.com").await;
        let (bob, both, waits, off) = (
            world.user("bob@example.com").await,
            world.user("both@example.com").await,
            world.user("waits@example.com").await,
            world.user("off@example.com").await,
        );
        for id in [both, waits, off] {
            world.join(acme, id, OrgRole::Member).await;
        }
        world.join(globex, both, OrgRole::Member).await;
        world.membership(globex, waits, OrgRole::Member, MembershipStatus::Pending).await;
        world.set("users", off, "status = 'DEACTIVATED'").await;
        let before = world.snapshot().await;
        for (wanted, answer) in [
            // The last admin.
            (going(ada, acme, globex), "CONFLICT"),
            // No member there; nobody at all.
            (going(bob, acme, globex), "NOT_FOUND"),
            (going(world.clock.id(), acme, globex), "NOT_FOUND"),
            (going(both, acme, world.clock.id()), "NOT_FOUND"),
            (going(both, world.clock.id(), globex), "NOT_FOUND"),
            // In the other already, or asked for.
            (going(both, acme, globex), "CONFLICT"),
            (going(waits, acme, globex), "CONFLICT"),
            (going(off, acme, globex), "CONFLICT"),
            (going(both, acme, closed), "CONFLICT"),
            (going(both, acme, acme), "VALIDATION"),
        ] {
            refused(move_user(root.cx(), URL, wanted).await, answer);
            assert_eq!(world.snapshot().await, before, "{wanted:?}");
        }
    }

    async fn members_are_moved_by_super_admins_alone(world) {
        let (acme, _, admin) = world.admin_of("acme", "ada@example.com").await;
        let (globex, _, other) = world.admin_of("globex", "gil@example.com").await;
        let bob = world.user("bob@example.com").await;
        world.join(acme, bob, OrgRole::Member).await;
        let before = world.snapshot().await;
        for (caller, answer) in [
            (admin, "FORBIDDEN"),
            (other, "FORBIDDEN"),
            (world.member_of(acme, bob, OrgRole::Member), "FORBIDDEN"),
            (world.unaffiliated(bob), "NOT_FOUND"),
            (world.nobody(), "UNAUTHENTICATED"),
        ] {
            for id in [bob, world.clock.id()] {
                refused(move_user(caller.cx(), URL, going(id, acme, globex)).await, answer);
            }
        }
        assert_eq!(world.snapshot().await, before);
    }

    async fn of_two_last_admins_moved_at_one_instant_in_opposite_directions_nothing_is_lost(world) {
        let (_, root) = world.operator("root@example.com").await;
        for round in 0..5 {
            let (one, ada, _) = world.admin_of(&format!("one{round}"), &format!("ada{round}@example.com")).await;
            let (two, gil, _) = world.admin_of(&format!("two{round}"), &format!("gil{round}@example.com")).await;
            let bob = world.user(&format!("bob{round}@example.com")).await;
            world.join(one, bob, OrgRole::Admin).await;
            let go = |wanted| {
                let root = root.clone();
                tokio::spawn(async move { code(&move_user(root.cx(), URL, wanted).await) })
            };
            // Two of the first organisation's admins, and the only one of the second.
            let all = [go(going(ada, one, two)), go(going(bob, one, two)), go(going(gil, two, one))];
            let mut codes = Vec::new();
            for task in all {
                codes.push(task.await.unwrap());
            }
            codes.sort_unstable();
            assert_eq!(codes, ["CONFLICT", "CONFLICT", "OK"]);
            let left = "SELECT role FROM org_memberships WHERE org_id = $1 AND role = 'ADMIN' AND status = 'ACTIVE'";
            for org in [one, two] {
                assert_eq!(world.texts(left, [org.into()]).await.len(), 1);
            }
        }
    }
}
