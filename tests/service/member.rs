//! What changes a member's role, and for whom at once.

use entity::enums::{MembershipStatus, OrgRole};
use palisade::service::member::{self, Confirmation, NewMember, Removal, RoleChange};

use crate::support::empty_world::{Caller, URL, World, code, on_both, refused};

on_both! {
    async fn an_admin_changes_a_role_at_once(world) {
        let (org, _, admin) = world.admin_of("acme", "ada@example.com").await;
        let bob = world.user("bob@example.com").await;
        world.join(org, bob, OrgRole::Member).await;
        for (role, is) in [(OrgRole::Admin, "ADMIN ACTIVE"), (OrgRole::Member, "MEMBER ACTIVE")] {
            let change = RoleChange { organization_id: None, user_id: bob, role };
            let key = member::update_role(admin.cx(), URL, change).await.unwrap();
            assert_eq!((key.org_id, key.user_id), (org, bob));
            assert_eq!(world.standing(org, bob).await, is);
            // Asked again, nothing happens.
            let before = world.snapshot().await;
            member::update_role(admin.cx(), URL, change).await.unwrap();
            assert_eq!(world.snapshot().await, before);
        }
        assert_eq!(world.log(org).await, ["member.role_changed", "member.role_changed"]);
        assert!(world.platform_log().await.is_empty() && world.mailed().await.is_empty());
    }

    async fn a_super_admins_promotion_waits_and_its_demotion_does_not(world) {
        let (org, ada, admin) = world.admin_of("acme", "ada@example.com").await;
        let (_, root) = world.operator("root@example.com").await;
        let bob = world.user("bob@example.com").await;
        world.join(org, bob, OrgRole::Member).await;
        let ask = |role| RoleChange { organization_id: Some(org), user_id: bob, role };

        member::update_role(root.cx(), URL, ask(OrgRole::Admin)).await.unwrap();
        assert_eq!(world.standing(org, bob).await, "MEMBER ACTIVE asks ADMIN");
        assert_eq!(world.mailed().await, ["ada@example.com"]);
        // Asked again, nobody is mailed again.
        member::update_role(root.cx(), URL, ask(OrgRole::Admin)).await.unwrap();
        assert_eq!(world.mailed().await.len(), 1);
        // Taken back.
        member::update_role(root.cx(), URL, ask(OrgRole::Member)).await.unwrap();
        assert_eq!(world.standing(org, bob).await, "MEMBER ACTIVE");

        member::update_role(root.cx(), URL, ask(OrgRole::Admin)).await.unwrap();
        let yes = Confirmation { user_id: bob, accept: true, role: None };
        member::confirm(admin.cx(), URL, yes).await.unwrap();
        assert_eq!(world.standing(org, bob).await, "ADMIN ACTIVE");
        member::update_role(root.cx(), URL, RoleChange { user_id: ada, ..ask(OrgRole::Member) }).await.unwrap();
        assert_eq!(world.standing(org, ada).await, "MEMBER ACTIVE");
        let told = ["member.requested", "member.role_changed", "member.requested"];
        assert_eq!(world.log(org).await, [&told[..], &["member.confirmed", "member.role_changed"]].concat());
        assert_eq!(world.platform_log().await, [&told[..], &["member.role_changed"]].concat());
    }

    async fn members_are_managed_by_admins_and_super_admins_alone(world) {
        let (org, ada, _) = world.admin_of("acme", "ada@example.com").await;
        let bob = world.user("bob@example.com").await;
        world.join(org, bob, OrgRole::Member).await;
        let before = world.snapshot().await;
        for (caller, answer) in [
            (world.member_of(org, bob, OrgRole::Member), "FORBIDDEN"),
            (world.unaffiliated(bob), "NOT_FOUND"),
            (world.nobody(), "UNAUTHENTICATED"),
        ] {
            // Neither another nor oneself.
            for user_id in [ada, bob, world.clock.id()] {
                let change = RoleChange { organization_id: None, user_id, role: OrgRole::Admin };
                refused(member::update_role(caller.cx(), URL, change).await, answer);
                refused(member::remove(caller.cx(), Removal { organization_id: None, user_id }).await, answer);
                let yes = Confirmation { user_id, accept: true, role: None };
                refused(member::confirm(caller.cx(), URL, yes).await, answer);
                let new = NewMember { organization_id: org, user_id, role: OrgRole::Member };
                refused(member::add(caller.cx(), URL, new).await, answer);
            }
        }
        assert_eq!(world.snapshot().await, before);
    }

    async fn another_organisations_people_and_nobody_are_the_same_to_an_admin(world) {
        let (org, _, admin) = world.admin_of("acme", "ada@example.com").await;
        let (other, eve, _) = world.admin_of("globex", "eve@example.com").await;
        let gone = world.user("gone@example.com").await;
        world.membership(org, gone, OrgRole::Member, MembershipStatus::Left).await;
        let before = world.snapshot().await;
        for (organization_id, user_id) in [
            (None, eve),
            (None, gone),
            (None, world.clock.id()),
            (Some(other), eve),
            (Some(world.clock.id()), eve),
        ] {
            let change = RoleChange { organization_id, user_id, role: OrgRole::Admin };
            refused(member::update_role(admin.cx(), URL, change).await, "NOT_FOUND");
            refused(member::remove(admin.cx(), Removal { organization_id, user_id }).await, "NOT_FOUND");
        }
        for user_id in [eve, gone, world.clock.id()] {
            let yes = Confirmation { user_id, accept: true, role: None };
            refused(member::confirm(admin.cx(), URL, yes).await, "NOT_FOUND");
        }
        assert_eq!(world.snapshot().await, before);
    }

    async fn a_super_admin_names_the_organisation(world) {
        let (_, ada, _) = world.admin_of("acme", "ada@example.com").await;
        let (_, root) = world.operator("root@example.com").await;
        let change = RoleChange { organization_id: None, user_id: ada, role: OrgRole::Admin };
        refused(member::update_role(root.cx(), URL, change).await, "VALIDATION");
        let go = Removal { organization_id: None, user_id: ada };
        refused(member::remove(root.cx(), go).await, "VALIDATION");
        let nowhere = Some(world.clock.id());
        let change = RoleChange { organization_id: nowhere, ..change };
        refused(member::update_role(root.cx(), URL, change).await, "NOT_FOUND");
        refused(member::remove(root.cx(), Removal { organization_id: nowhere, ..go }).await, "NOT_FOUND");
    }

    async fn the_last_admin_is_neither_demoted_nor_removed_by_anybody(world) {
        let (org, ada, admin) = world.admin_of("acme", "ada@example.com").await;
        let (_, root) = world.operator("root@example.com").await;
        // None of these makes a second admin.
        let (bob, cy, dan) =
            (world.user("bob@example.com").await, world.user("cy@example.com").await, world.user("dan@example.com").await);
        world.join(org, bob, OrgRole::Member).await;
        world.membership(org, cy, OrgRole::Admin, MembershipStatus::Pending).await;
        world.join(org, dan, OrgRole::Admin).await;
        world.set("users", dan, "status = 'SUSPENDED'").await;
        let (_, _, _) = world.admin_of("globex", "eve@example.com").await;
        let before = world.snapshot().await;
        for caller in [&admin, &root] {
            let change = RoleChange { organization_id: Some(org), user_id: ada, role: OrgRole::Member };
            refused(member::update_role(caller.cx(), URL, change).await, "CONFLICT");
            let go = Removal { organization_id: Some(org), user_id: ada };
            refused(member::remove(caller.cx(), go).await, "CONFLICT");
        }
        assert_eq!(world.snapshot().await, before);
        // With another one who may sign in, both go.
        world.set("users", dan, "status = 'ACTIVE'").await;
        let change = RoleChange { organization_id: None, user_id: ada, role: OrgRole::Member };
        member::update_role(admin.cx(), URL, change).await.unwrap();
        assert_eq!(world.standing(org, ada).await, "MEMBER ACTIVE");
    }

    async fn of_two_last_admins_who_go_at_one_instant_one_stays(world) {
        for round in 0..6 {
            let (org, ada, as_ada) = world.admin_of(&format!("acme{round}"), &format!("ada{round}@example.com")).await;
            let bob = world.user(&format!("bob{round}@example.com")).await;
            world.join(org, bob, OrgRole::Admin).await;
            let as_bob = world.member_of(org, bob, OrgRole::Admin);
            let out = |by: Caller, user_id| {
                tokio::spawn(async move {
                    if round % 2 == 0 {
                        let change = RoleChange { organization_id: None, user_id, role: OrgRole::Member };
                        code(&member::update_role(by.cx(), URL, change).await)
                    } else {
                        code(&member::remove(by.cx(), Removal { organization_id: None, user_id }).await)
                    }
                })
            };
            // Each puts out the other, or itself.
            let (first, second) = if round < 3 { (bob, ada) } else { (ada, bob) };
            let (one, two) = (out(as_ada, first), out(as_bob, second));
            let mut codes = [one.await.unwrap(), two.await.unwrap()];
            codes.sort_unstable();
            assert_eq!(codes, ["CONFLICT", "OK"]);
            let left = "SELECT 'admin' FROM org_memberships WHERE org_id = $1 AND role = 'ADMIN' AND status = 'ACTIVE'";
            assert_eq!(world.texts(left, [org.into()]).await.len(), 1);
        }
    }

    async fn a_closed_account_is_promoted_by_nobody(world) {
        let (org, _, admin) = world.admin_of("acme", "ada@example.com").await;
        let (_, root) = world.operator("root@example.com").await;
        let bob = world.user("bob@example.com").await;
        world.join(org, bob, OrgRole::Member).await;
        world.set("users", bob, "status = 'DEACTIVATED'").await;
        for caller in [&admin, &root] {
            let change = RoleChange { organization_id: Some(org), user_id: bob, role: OrgRole::Admin };
            refused(member::update_role(caller.cx(), URL, change).await, "CONFLICT");
        }
    }
}
