//! Where nobody is left who could confirm what a super-admin asks for, another member may, once every admin had 72 hours
//! from the mail that told them. Whatever a super-admin does, in whatever order, makes nobody a reader sooner.

use chrono::TimeDelta;
use entity::{
    enums::{MembershipStatus, OrgRole},
    ids::{OrgId, UserId},
};
use palisade::{
    error::Result,
    service::{
        member::{self, Confirmation, MemberKey, NewMember, Removal, RoleChange},
        move_user::{Move, move_user},
        organization, user,
    },
};

use crate::support::empty_world::{Caller, URL, World, on_both, refused};

const WAIT: TimeDelta = TimeDelta::hours(72);

/// An organisation with an admin and a member, and somebody outside.
struct Scene {
    org: OrgId,
    ada: UserId,
    admin: Caller,
    member: Caller,
    root: Caller,
    eve: UserId,
}

async fn scene(world: &World) -> Scene {
    let (org, ada, admin) = world.admin_of("acme", "ada@example.com").await;
    let mia = world.user("mia@example.com").await;
    world.join(org, mia, OrgRole::Member).await;
    let (_, root) = world.operator("root@example.com").await;
    let eve = world.user("eve@example.com").await;
    Scene { org, ada, admin, member: world.member_of(org, mia, OrgRole::Member), root, eve }
}

impl Scene {
    async fn ask(&self, role: OrgRole) {
        let new = NewMember { organization_id: self.org, user_id: self.eve, role };
        member::add(self.root.cx(), URL, new).await.unwrap();
    }

    async fn suspend(&self, id: UserId) {
        user::suspend(self.root.cx(), id).await.unwrap();
    }
}

async fn confirm(caller: &Caller, user_id: UserId) -> Result<MemberKey> {
    member::confirm(caller.cx(), URL, Confirmation { user_id, accept: true, role: None }).await
}

on_both! {
    async fn a_member_confirms_72_hours_after_the_admins_were_told_and_not_before(world) {
        let at = scene(&world).await;
        at.ask(OrgRole::Admin).await;
        at.suspend(at.ada).await;
        refused(confirm(&at.member, at.eve).await, "CONFLICT");
        // A mail that lies in the outbox tells nobody.
        world.pass(WAIT + WAIT);
        refused(confirm(&at.member, at.eve).await, "CONFLICT");
        assert_eq!(world.deliver().await, ["ada@example.com"]);
        world.pass(WAIT - TimeDelta::minutes(1));
        let before = world.snapshot().await;
        refused(confirm(&at.member, at.eve).await, "CONFLICT");
        let no = Confirmation { user_id: at.eve, accept: false, role: None };
        refused(member::confirm(at.member.cx(), URL, no).await, "CONFLICT");
        assert_eq!(world.snapshot().await, before);
        world.pass(TimeDelta::minutes(1));
        confirm(&at.member, at.eve).await.unwrap();
        assert_eq!(world.standing(at.org, at.eve).await, "ADMIN ACTIVE");
        assert_eq!(world.log(at.org).await, ["member.requested", "user.suspended", "member.confirmed"]);
    }

    async fn while_an_admin_may_sign_in_no_member_confirms_however_late(world) {
        let at = scene(&world).await;
        at.ask(OrgRole::Member).await;
        world.deliver().await;
        world.pass(WAIT + WAIT);
        // The same for a request and for anybody else.
        for id in [at.eve, at.ada, world.clock.id()] {
            refused(confirm(&at.member, id).await, "FORBIDDEN");
        }
        at.suspend(at.ada).await;
        user::reactivate(at.root.cx(), at.ada).await.unwrap();
        refused(confirm(&at.member, at.eve).await, "FORBIDDEN");
        assert_eq!(world.standing(at.org, at.eve).await, "MEMBER PENDING asks MEMBER");
        confirm(&at.admin, at.eve).await.unwrap();
    }

    async fn nobody_confirms_themselves_nor_does_anybody_who_is_no_active_member(world) {
        let at = scene(&world).await;
        let mia = at.member.viewer.user_id().unwrap();
        at.ask(OrgRole::Admin).await;
        let up = RoleChange { organization_id: Some(at.org), user_id: mia, role: OrgRole::Admin };
        member::update_role(at.root.cx(), URL, up).await.unwrap();
        at.suspend(at.ada).await;
        world.deliver().await;
        world.pass(WAIT);
        refused(confirm(&at.member, mia).await, "FORBIDDEN");
        refused(confirm(&at.root, at.eve).await, "FORBIDDEN");
        refused(confirm(&world.unaffiliated(at.eve), mia).await, "NOT_FOUND");
        let (_, _, stranger) = world.admin_of("globex", "gil@example.com").await;
        refused(confirm(&stranger, at.eve).await, "NOT_FOUND");
        assert_eq!(world.standing(at.org, mia).await, "MEMBER ACTIVE asks ADMIN");
        assert_eq!(world.standing(at.org, at.eve).await, "MEMBER PENDING asks ADMIN");
    }

    async fn a_request_that_is_changed_begins_its_wait_anew(world) {
        let at = scene(&world).await;
        at.ask(OrgRole::Member).await;
        world.deliver().await;
        world.pass(WAIT);
        at.suspend(at.ada).await;
        // Asked again for the same, it is the same request.
        let again = |role| RoleChange { organization_id: Some(at.org), user_id: at.eve, role };
        let before = world.snapshot().await;
        member::update_role(at.root.cx(), URL, again(OrgRole::Member)).await.unwrap();
        assert_eq!(world.snapshot().await, before);
        // For more, and for less again: both are new to the admins.
        member::update_role(at.root.cx(), URL, again(OrgRole::Admin)).await.unwrap();
        refused(confirm(&at.member, at.eve).await, "CONFLICT");
        member::update_role(at.root.cx(), URL, again(OrgRole::Member)).await.unwrap();
        refused(confirm(&at.member, at.eve).await, "CONFLICT");
        assert_eq!(world.deliver().await.len(), 2);
        refused(confirm(&at.member, at.eve).await, "CONFLICT");
        // Taken back and asked for anew, it is new, too.
        world.pass(WAIT - TimeDelta::minutes(5));
        let go = Removal { organization_id: Some(at.org), user_id: at.eve };
        member::remove(at.root.cx(), go).await.unwrap();
        at.ask(OrgRole::Member).await;
        world.pass(TimeDelta::minutes(10));
        refused(confirm(&at.member, at.eve).await, "CONFLICT");
        world.deliver().await;
        world.pass(WAIT);
        confirm(&at.member, at.eve).await.unwrap();
    }

    async fn every_admin_must_have_been_told_also_who_became_one_later(world) {
        let at = scene(&world).await;
        let bob = world.user("bob@example.com").await;
        world.join(at.org, bob, OrgRole::Member).await;
        at.ask(OrgRole::Admin).await;
        assert_eq!(world.deliver().await, ["ada@example.com"]);
        world.pass(WAIT);
        let up = RoleChange { organization_id: None, user_id: bob, role: OrgRole::Admin };
        member::update_role(at.admin.cx(), URL, up).await.unwrap();
        at.suspend(at.ada).await;
        at.suspend(bob).await;
        refused(confirm(&at.member, at.eve).await, "CONFLICT");
        assert_eq!(world.deliver().await, ["bob@example.com"]);
        refused(confirm(&at.member, at.eve).await, "CONFLICT");
        world.pass(WAIT);
        confirm(&at.member, at.eve).await.unwrap();
    }

    async fn an_admin_who_cannot_be_told_keeps_the_door_shut_and_one_who_closed_the_account_does_not(world) {
        let at = scene(&world).await;
        let bob = world.user("bob@example.com").await;
        world.join(at.org, bob, OrgRole::Admin).await;
        at.ask(OrgRole::Admin).await;
        world.rows("UPDATE mail_outbox SET failed_at = created_at WHERE recipient_id = $1", [bob.into()]).await;
        world.deliver().await;
        world.pass(WAIT);
        at.suspend(bob).await;
        at.suspend(at.ada).await;
        refused(confirm(&at.member, at.eve).await, "CONFLICT");
        world.set("users", bob, "status = 'DEACTIVATED'").await;
        confirm(&at.member, at.eve).await.unwrap();
    }

    async fn no_way_of_moving_in_is_sooner_than_another(world) {
        let at = scene(&world).await;
        let (other, _, _) = world.admin_of("globex", "gil@example.com").await;
        world.join(other, at.eve, OrgRole::Member).await;
        at.suspend(at.ada).await;
        // The only admin, locked out, is neither removed nor demoted nor moved nor closed.
        let go = Removal { organization_id: Some(at.org), user_id: at.ada };
        refused(member::remove(at.root.cx(), go).await, "CONFLICT");
        let down = RoleChange { organization_id: Some(at.org), user_id: at.ada, role: OrgRole::Member };
        refused(member::update_role(at.root.cx(), URL, down).await, "CONFLICT");
        let away = Move { user_id: at.ada, from: at.org, to: other, role: OrgRole::Member };
        refused(move_user(at.root.cx(), URL, away).await, "CONFLICT");
        refused(user::deactivate(at.root.cx(), at.ada).await, "CONFLICT");

        let here = Move { user_id: at.eve, from: other, to: at.org, role: OrgRole::Admin };
        move_user(at.root.cx(), URL, here).await.unwrap();
        refused(confirm(&at.member, at.eve).await, "CONFLICT");
        world.deliver().await;
        // Shutting the organisation, too, and opening it again does not shorten it.
        organization::suspend(at.root.cx(), at.org).await.unwrap();
        organization::reactivate(at.root.cx(), at.org).await.unwrap();
        world.pass(WAIT - TimeDelta::minutes(1));
        refused(confirm(&at.member, at.eve).await, "CONFLICT");
        assert_eq!(world.standing(at.org, at.eve).await, "MEMBER PENDING asks ADMIN");
    }

    async fn two_who_wait_do_not_let_each_other_in(world) {
        let at = scene(&world).await;
        let fay = world.user("fay@example.com").await;
        at.ask(OrgRole::Admin).await;
        let new = NewMember { organization_id: at.org, user_id: fay, role: OrgRole::Admin };
        member::add(at.root.cx(), URL, new).await.unwrap();
        at.suspend(at.ada).await;
        world.deliver().await;
        world.pass(WAIT);
        // Who waits has no viewer of the organisation; even one that was forged is told what the row says by the store.
        refused(confirm(&world.unaffiliated(at.eve), fay).await, "NOT_FOUND");
        refused(confirm(&world.unaffiliated(fay), at.eve).await, "NOT_FOUND");
        assert_eq!(world.standing(at.org, fay).await, "MEMBER PENDING asks ADMIN");
    }

    async fn what_was_asked_before_there_were_mails_to_count_from_is_asked_anew(world) {
        let at = scene(&world).await;
        world.membership(at.org, at.eve, OrgRole::Member, MembershipStatus::Pending).await;
        world.rows("UPDATE org_memberships SET pending_role = 'MEMBER' WHERE user_id = $1", [at.eve.into()]).await;
        at.suspend(at.ada).await;
        world.pass(WAIT);
        refused(confirm(&at.member, at.eve).await, "CONFLICT");
        let again = RoleChange { organization_id: Some(at.org), user_id: at.eve, role: OrgRole::Member };
        member::update_role(at.root.cx(), URL, again).await.unwrap();
        assert_eq!(world.deliver().await, ["ada@example.com"]);
        world.pass(WAIT);
        confirm(&at.member, at.eve).await.unwrap();
    }
}
