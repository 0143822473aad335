//! What a super-admin gives is nothing until an admin of the organisation, never the person concerned, says yes.

use entity::enums::{MembershipStatus, OrgRole};
use palisade::service::member::{self, Confirmation, NewMember, Removal, RoleChange};

use crate::support::empty_world::{URL, World, on_both, refused};

fn yes(user_id: entity::ids::UserId) -> Confirmation {
    Confirmation { user_id, accept: true, role: None }
}

on_both! {
    async fn an_added_member_waits_and_every_admin_is_told(world) {
        let (org, _, admin) = world.admin_of("acme", "ada@example.com").await;
        let (_, root) = world.operator("root@example.com").await;
        let (bob, off, closed) =
            (world.user("bob@example.com").await, world.user("off@example.com").await, world.user("x@example.com").await);
        for (id, status) in [(off, "SUSPENDED"), (closed, "DEACTIVATED")] {
            world.join(org, id, OrgRole::Admin).await;
            world.set("users", id, &format!("status = '{status}'")).await;
        }
        let new = NewMember { organization_id: org, user_id: bob, role: OrgRole::Admin };
        let key = member::add(root.cx(), URL, new).await.unwrap();
        assert_eq!((key.org_id, key.user_id), (org, bob));
        assert_eq!(world.standing(org, bob).await, "MEMBER PENDING asks ADMIN");
        let mut mailed = world.mailed().await;
        mailed.sort();
        assert_eq!(mailed, ["ada@example.com", "off@example.com"]);
        assert_eq!(member::confirm(admin.cx(), URL, yes(bob)).await.unwrap(), key);
        assert_eq!(world.standing(org, bob).await, "ADMIN ACTIVE");
        assert_eq!(world.log(org).await, ["member.requested", "member.confirmed"]);
        assert_eq!(world.platform_log().await, ["member.requested"]);
        refused(member::confirm(admin.cx(), URL, yes(bob)).await, "CONFLICT");
    }

    async fn what_is_refused_leaves_everybody_what_they_were(world) {
        let (org, _, admin) = world.admin_of("acme", "ada@example.com").await;
        let (_, root) = world.operator("root@example.com").await;
        let (new, back, up) =
            (world.user("new@example.com").await, world.user("back@example.com").await, world.user("up@example.com").await);
        world.membership(org, back, OrgRole::Member, MembershipStatus::Left).await;
        world.join(org, up, OrgRole::Member).await;
        for user_id in [new, back] {
            let ask = NewMember { organization_id: org, user_id, role: OrgRole::Member };
            member::add(root.cx(), URL, ask).await.unwrap();
        }
        let ask = RoleChange { organization_id: Some(org), user_id: up, role: OrgRole::Admin };
        member::update_role(root.cx(), URL, ask).await.unwrap();
        assert_eq!(world.standing(org, back).await, "MEMBER LEFT asks MEMBER");
        for user_id in [new, back, up] {
            member::confirm(admin.cx(), URL, Confirmation { accept: false, ..yes(user_id) }).await.unwrap();
        }
        assert_eq!(world.standing(org, new).await, "MEMBER LEFT");
        assert_eq!(world.standing(org, back).await, "MEMBER LEFT");
        assert_eq!(world.standing(org, up).await, "MEMBER ACTIVE");
        assert_eq!(world.log(org).await[3..], ["member.refused"; 3]);
    }

    async fn who_left_returns_with_what_is_given_then_and_no_more(world) {
        let (org, _, admin) = world.admin_of("acme", "ada@example.com").await;
        let (_, root) = world.operator("root@example.com").await;
        let bob = world.user("bob@example.com").await;
        world.join(org, bob, OrgRole::Admin).await;
        member::remove(admin.cx(), Removal { organization_id: None, user_id: bob }).await.unwrap();
        let ask = NewMember { organization_id: org, user_id: bob, role: OrgRole::Member };
        member::add(root.cx(), URL, ask).await.unwrap();
        assert_eq!(world.standing(org, bob).await, "MEMBER LEFT asks MEMBER");
        member::confirm(admin.cx(), URL, yes(bob)).await.unwrap();
        assert_eq!(world.standing(org, bob).await, "MEMBER ACTIVE");
    }

    async fn nobody_confirms_themselves_and_no_super_admin_anybody(world) {
        let (org, ada, admin) = world.admin_of("acme", "ada@example.com").await;
        let (_, root) = world.operator("root@example.com").await;
        let bob = world.user("bob@example.com").await;
        let ask = NewMember { organization_id: org, user_id: bob, role: OrgRole::Admin };
        member::add(root.cx(), URL, ask).await.unwrap();
        world.rows("UPDATE org_memberships SET pending_role = 'ADMIN' WHERE user_id = $1", [ada.into()]).await;
        let before = world.snapshot().await;
        refused(member::confirm(admin.cx(), URL, yes(ada)).await, "FORBIDDEN");
        refused(member::confirm(root.cx(), URL, yes(bob)).await, "FORBIDDEN");
        assert_eq!(world.snapshot().await, before);
        let (_, _, stranger) = world.admin_of("globex", "eve@example.com").await;
        refused(member::confirm(stranger.cx(), URL, yes(bob)).await, "NOT_FOUND");
        assert_eq!(world.standing(org, bob).await, "MEMBER PENDING asks ADMIN");
    }

    async fn an_answer_is_about_the_role_that_it_names(world) {
        let (org, _, admin) = world.admin_of("acme", "ada@example.com").await;
        let (_, root) = world.operator("root@example.com").await;
        let bob = world.user("bob@example.com").await;
        let ask = NewMember { organization_id: org, user_id: bob, role: OrgRole::Member };
        member::add(root.cx(), URL, ask).await.unwrap();
        // The super-admin asks for more while the admin reads.
        let more = RoleChange { organization_id: Some(org), user_id: bob, role: OrgRole::Admin };
        member::update_role(root.cx(), URL, more).await.unwrap();
        assert_eq!(world.standing(org, bob).await, "MEMBER PENDING asks ADMIN");
        let read = Confirmation { role: Some(OrgRole::Member), ..yes(bob) };
        refused(member::confirm(admin.cx(), URL, read).await, "CONFLICT");
        // And for less, which the platform's own role writes, and which grants nothing either.
        member::update_role(root.cx(), URL, RoleChange { role: OrgRole::Member, ..more }).await.unwrap();
        assert_eq!(world.standing(org, bob).await, "MEMBER PENDING asks MEMBER");
        member::confirm(admin.cx(), URL, read).await.unwrap();
        assert_eq!(world.standing(org, bob).await, "MEMBER ACTIVE");
    }

    async fn an_admin_cannot_go_round_a_request_by_changing_its_role(world) {
        let (org, _, admin) = world.admin_of("acme", "ada@example.com").await;
        let bob = world.user("bob@example.com").await;
        world.membership(org, bob, OrgRole::Member, MembershipStatus::Pending).await;
        let change = RoleChange { organization_id: None, user_id: bob, role: OrgRole::Admin };
        refused(member::update_role(admin.cx(), URL, change).await, "CONFLICT");
        // A request that somebody made without a role, by signing in from outside, is for the role of the row.
        member::confirm(admin.cx(), URL, yes(bob)).await.unwrap();
        assert_eq!(world.standing(org, bob).await, "MEMBER ACTIVE");
    }

    async fn only_an_account_that_can_be_a_member_is_asked_for(world) {
        let (org, ada, admin) = world.admin_of("acme", "ada@example.com").await;
        let (other, root) = world.operator("root@example.com").await;
        let (bob, closed) = (world.user("bob@example.com").await, world.user("closed@example.com").await);
        world.set("users", closed, "status = 'DEACTIVATED'").await;
        let ask = |user_id| NewMember { organization_id: org, user_id, role: OrgRole::Member };
        let before = world.snapshot().await;
        refused(member::add(root.cx(), URL, ask(other)).await, "CONFLICT");
        refused(member::add(root.cx(), URL, ask(closed)).await, "CONFLICT");
        refused(member::add(root.cx(), URL, ask(ada)).await, "CONFLICT");
        refused(member::add(root.cx(), URL, ask(world.clock.id())).await, "NOT_FOUND");
        let nowhere = NewMember { organization_id: world.clock.id(), ..ask(bob) };
        refused(member::add(root.cx(), URL, nowhere).await, "NOT_FOUND");
        // By id, an organisation's admin could probe who exists.
        for user_id in [bob, other, world.clock.id()] {
            refused(member::add(admin.cx(), URL, ask(user_id)).await, "FORBIDDEN");
        }
        assert_eq!(world.snapshot().await, before);

        member::add(root.cx(), URL, ask(bob)).await.unwrap();
        refused(member::add(root.cx(), URL, ask(bob)).await, "CONFLICT");
        world.set("users", bob, "status = 'DEACTIVATED'").await;
        refused(member::confirm(admin.cx(), URL, yes(bob)).await, "CONFLICT");
        member::confirm(admin.cx(), URL, Confirmation { accept: false, ..yes(bob) }).await.unwrap();
    }

    async fn a_leaver_who_became_a_super_admin_does_not_return(world) {
        let (org, _, admin) = world.admin_of("acme", "ada@example.com").await;
        let bob = world.user("bob@example.com").await;
        world.membership(org, bob, OrgRole::Member, MembershipStatus::Left).await;
        world.rows("UPDATE org_memberships SET pending_role = 'MEMBER' WHERE user_id = $1", [bob.into()]).await;
        world.set("users", bob, "is_super_admin = true").await;
        // The schema refuses, whatever the use case overlooks.
        refused(member::confirm(admin.cx(), URL, yes(bob)).await, "CONFLICT");
        assert_eq!(world.standing(org, bob).await, "MEMBER LEFT asks MEMBER");
    }
}
