//! Invitations go by mail, tell nothing of who exists, and are an organisation's admins' to see and to take back.

use entity::enums::{MembershipStatus, OrgRole};
use palisade::{
    auth::opaque,
    service::invitation::{self, NewInvitation},
    store::{
        list::{page::PageRequest, row::Row},
        read::invitation::{InvitationFilter, InvitationRow},
    },
};

use crate::support::empty_world::{Caller, URL, World, on_both, refused};

fn to(email: &str) -> NewInvitation {
    NewInvitation { organization_id: None, email: email.into(), role: OrgRole::Member }
}

on_both! {
    async fn a_known_and_an_unknown_address_are_treated_alike(world) {
        let (org, _, admin) = world.admin_of("acme", "ada@example.com").await;
        let (_, bob, _) = world.admin_of("globex", "bob@example.com").await;
        world.set("users", bob, "status = 'SUSPENDED'").await;
        world.operator("root@example.com").await;
        let shape = async |email: &str| {
            let before = admin.store().statements();
            invitation::create(admin.cx(), URL, to(email)).await.unwrap();
            let work = admin.store().statements() - before;
            let row = "SELECT role || status || CASE WHEN first_admin THEN 'f' ELSE '' END FROM invitations \
                       WHERE org_id = $1 AND email = $2";
            let row = world.text(row, [org.into(), email.into()]).await;
            ((row, work), world.mailed().await.len())
        };
        let (row, mails) = shape("nobody@example.com").await;
        assert_eq!((row.0.as_str(), mails), ("MEMBERPENDING", 1));
        for (at, email) in ["bob@example.com", "root@example.com", "ada@example.com"].iter().enumerate() {
            assert_eq!(shape(email).await, (row.clone(), mails + 1 + at));
        }
    }

    async fn the_token_is_in_the_mail_alone_and_names_its_organisation(world) {
        let (org, _, admin) = world.admin_of("acme", "ada@example.com").await;
        let key = invitation::create(admin.cx(), URL, to(" Bob@Example.com")).await.unwrap();
        assert_eq!(world.mailed().await, ["bob@example.com"]);
        let token = world.mailed_token("pali_").await;
        assert_eq!(opaque::invitation_org(&token), Some(org));
        let hash = world.text("SELECT token_hash FROM invitations WHERE id = $1", [key.id.into()]).await;
        assert_eq!(hash, opaque::hash(&token));
        let told = world.texts("SELECT coalesce(payload, '') FROM events", []).await.concat();
        assert!(!told.contains(&token) && !told.contains(&hash), "{told}");
        refused(invitation::create(admin.cx(), URL, to("bob")).await, "VALIDATION");
    }

    async fn a_second_invitation_of_the_same_inviter_replaces_the_first(world) {
        let (org, _, admin) = world.admin_of("acme", "ada@example.com").await;
        let eve = world.user("eve@example.com").await;
        world.join(org, eve, OrgRole::Admin).await;
        let other = world.member_of(org, eve, OrgRole::Admin);
        let first = invitation::create(admin.cx(), URL, to("bob@example.com")).await.unwrap();
        let others = invitation::create(other.cx(), URL, to("bob@example.com")).await.unwrap();
        let second = invitation::create(admin.cx(), URL, to("BOB@example.com")).await.unwrap();
        let status = async |id: entity::ids::InvitationId| {
            world.text("SELECT status FROM invitations WHERE id = $1", [id.into()]).await
        };
        assert_eq!(status(first.id).await, "REVOKED");
        assert_eq!(status(others.id).await, "PENDING");
        assert_eq!(status(second.id).await, "PENDING");
    }

    async fn only_admins_and_super_admins_invite(world) {
        let (org, _, admin) = world.admin_of("acme", "ada@example.com").await;
        let (other, _, _) = world.admin_of("globex", "eve@example.com").await;
        let bob = world.user("bob@example.com").await;
        world.join(org, bob, OrgRole::Member).await;
        let before = world.snapshot().await;
        for (caller, answer) in [
            (world.member_of(org, bob, OrgRole::Member), "FORBIDDEN"),
            (world.unaffiliated(bob), "NOT_FOUND"),
            (world.nobody(), "UNAUTHENTICATED"),
        ] {
            refused(invitation::create(caller.cx(), URL, to("x@example.com")).await, answer);
        }
        for organization_id in [Some(other), Some(world.clock.id())] {
            let offer = NewInvitation { organization_id, ..to("x@example.com") };
            refused(invitation::create(admin.cx(), URL, offer).await, "NOT_FOUND");
        }
        let (_, root) = world.operator("root@example.com").await;
        refused(invitation::create(root.cx(), URL, to("x@example.com")).await, "VALIDATION");
        let nowhere = NewInvitation { organization_id: Some(world.clock.id()), ..to("x@example.com") };
        refused(invitation::create(root.cx(), URL, nowhere).await, "NOT_FOUND");
        assert_eq!(world.snapshot().await.len(), before.len() + 1);
    }

    async fn a_super_admins_invitation_makes_a_first_admin_only_where_nothing_ever_was(world) {
        let (_, root) = world.operator("root@example.com").await;
        let first_admin = async |org, role| {
            let offer = NewInvitation { organization_id: Some(org), role, ..to("x@example.com") };
            let key = invitation::create(root.cx(), URL, offer).await.unwrap();
            let yes = "SELECT 'yes' FROM invitations WHERE id = $1 AND first_admin";
            !world.texts(yes, [key.id.into()]).await.is_empty()
        };
        let new = || palisade::service::organization::NewOrganization {
            name: "x".into(),
            slug: world.clock.id::<entity::ids::OrgId>().to_string().replace('_', "-"),
            first_admin_email: None,
        };
        let made = palisade::service::organization::create(root.cx(), URL, new()).await.unwrap().id;
        assert!(!first_admin(made, OrgRole::Member).await);
        assert!(first_admin(made, OrgRole::Admin).await);
        // Somebody was there once: a vacancy is no beginning.
        let gone = world.user("gone@example.com").await;
        world.membership(made, gone, OrgRole::Member, MembershipStatus::Left).await;
        assert!(!first_admin(made, OrgRole::Admin).await);
        // Converted from the time before: it holds content, though nobody ever was its member.
        let converted = world.org("default").await;
        assert!(!first_admin(converted, OrgRole::Admin).await);
        // And no admin's own invitation is one.
        let (org, _, admin) = world.admin_of("acme", "ada@example.com").await;
        let offer = NewInvitation { role: OrgRole::Admin, ..to("y@example.com") };
        invitation::create(admin.cx(), URL, offer).await.unwrap();
        let firsts = "SELECT email FROM invitations WHERE org_id = $1 AND first_admin";
        assert!(world.texts(firsts, [org.into()]).await.is_empty());
    }

    async fn an_invitation_is_taken_back_once_and_by_its_organisation(world) {
        let (org, _, admin) = world.admin_of("acme", "ada@example.com").await;
        let (_, _, stranger) = world.admin_of("globex", "eve@example.com").await;
        let (_, root) = world.operator("root@example.com").await;
        let bob = world.user("bob@example.com").await;
        world.join(org, bob, OrgRole::Member).await;
        let key = invitation::create(admin.cx(), URL, to("x@example.com")).await.unwrap();
        let before = world.snapshot().await;
        refused(invitation::revoke(stranger.cx(), key.id).await, "NOT_FOUND");
        refused(invitation::revoke(admin.cx(), world.clock.id()).await, "NOT_FOUND");
        refused(invitation::revoke(world.nobody().cx(), key.id).await, "UNAUTHENTICATED");
        let member = world.member_of(org, bob, OrgRole::Member);
        for id in [key.id, world.clock.id()] {
            refused(invitation::revoke(member.cx(), id).await, "FORBIDDEN");
        }
        assert_eq!(world.snapshot().await, before);
        assert_eq!(invitation::revoke(admin.cx(), key.id).await.unwrap(), key);
        refused(invitation::revoke(admin.cx(), key.id).await, "CONFLICT");
        let other = invitation::create(admin.cx(), URL, to("y@example.com")).await.unwrap();
        invitation::revoke(root.cx(), other.id).await.unwrap();
        assert_eq!(world.log(org).await.last().unwrap(), "invitation.revoked");
        assert_eq!(world.platform_log().await, ["invitation.revoked"]);
    }

    async fn admins_see_their_own_and_super_admins_every_organisations_and_members_none(world) {
        let (org, _, admin) = world.admin_of("acme", "ada@example.com").await;
        let (other, _, stranger) = world.admin_of("globex", "eve@example.com").await;
        let (_, root) = world.operator("root@example.com").await;
        let bob = world.user("bob@example.com").await;
        world.join(org, bob, OrgRole::Member).await;
        invitation::create(admin.cx(), URL, to("x@example.com")).await.unwrap();
        invitation::create(stranger.cx(), URL, to("y@example.com")).await.unwrap();
        let seen = async |caller: Caller| {
            let page = PageRequest::default();
            let (filter, columns) = (InvitationFilter::default(), InvitationRow::columns(["email"]));
            let store = caller.store();
            let pages = store.invitations_of_organizations(&[org, other], &filter, columns, &page).await.unwrap();
            let emails = pages.iter().flat_map(|page| &page.edges).map(|edge| edge.node.email.get().unwrap().clone());
            emails.collect::<Vec<_>>()
        };
        assert_eq!(seen(admin).await, ["x@example.com"]);
        assert_eq!(seen(root).await, ["x@example.com", "y@example.com"]);
        assert!(seen(world.member_of(org, bob, OrgRole::Member)).await.is_empty());
    }
}
