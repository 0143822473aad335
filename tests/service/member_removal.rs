//! Who leaves takes nothing along and leaves nothing open; the row stays, for history.

use entity::{
    agent, agent_admin, agent_collaborator,
    enums::{AgentStatus, AgentVisibility, CollaboratorPermission, MembershipStatus, OrgRole, TeamRole},
    ids::{AgentId, OrgId, TypedId, UserId},
    team, team_membership,
};
use palisade::service::{
    invitation::{self, NewInvitation},
    member::{self, Removal, RoleChange},
};
use sea_orm::{ActiveValue::Set, EntityTrait};

use crate::support::empty_world::{Caller, URL, World, on_both, refused};

/// A team, an agent, and posts on both for a member.
pub async fn furnish(world: &World, org: OrgId, user: UserId) -> AgentId {
    let (root, clock, now) = (&world.root, &world.clock, world.clock.now());
    let team_id = clock.id();
    let row = team::ActiveModel {
        org_id: Set(org),
        id: Set(team_id),
        name: Set("team".into()),
        name_folded: Set("team".into()),
        slug: Set(team_id.uuid().simple().to_string()),
        description: Set(String::new()),
        created_at: Set(now),
        updated_at: Set(now),
    };
    team::Entity::insert(row).exec_without_returning(root).await.unwrap();
    let row = team_membership::ActiveModel {
        org_id: Set(org),
        id: Set(clock.id()),
        team_id: Set(team_id),
        user_id: Set(user),
        role: Set(TeamRole::Admin),
        created_at: Set(now),
    };
    team_membership::Entity::insert(row).exec_without_returning(root).await.unwrap();
    let agent_id = clock.id();
    let row = agent::ActiveModel {
        org_id: Set(org),
        id: Set(agent_id),
        name: Set("agent".into()),
        name_folded: Set("agent".into()),
        description: Set(String::new()),
        status: Set(AgentStatus::Active),
        visibility: Set(AgentVisibility::Private),
        chat_capable: Set(true),
        owner_id: Set(Some(user)),
        required_approvals: Set(1),
        require_plan_approval: Set(false),
        created_at: Set(now),
        updated_at: Set(now),
        ..Default::default()
    };
    agent::Entity::insert(row).exec_without_returning(root).await.unwrap();
    let row = agent_collaborator::ActiveModel {
        org_id: Set(org),
        id: Set(clock.id()),
        agent_id: Set(agent_id),
        user_id: Set(Some(user)),
        team_id: Set(None),
        permission: Set(CollaboratorPermission::Use),
        created_at: Set(now),
    };
    agent_collaborator::Entity::insert(row).exec_without_returning(root).await.unwrap();
    let row = agent_admin::ActiveModel {
        org_id: Set(org),
        id: Set(clock.id()),
        agent_id: Set(agent_id),
        user_id: Set(user),
        created_at: Set(now),
    };
    agent_admin::Entity::insert(row).exec_without_returning(root).await.unwrap();
    agent_id
}

/// How many posts a user holds: in teams, as collaborator, as agent admin, as owner.
pub async fn posts(world: &World, org: OrgId, user: UserId) -> [usize; 4] {
    let mut counts = [0; 4];
    for (count, (table, column)) in counts.iter_mut().zip([
        ("team_memberships", "user_id"),
        ("agent_collaborators", "user_id"),
        ("agent_admins", "user_id"),
        ("agents", "owner_id"),
    ]) {
        let sql = format!("SELECT 'x' FROM {table} WHERE org_id = $1 AND {column} = $2");
        *count = world.texts(&sql, [org.into(), user.into()]).await.len();
    }
    counts
}

async fn invite_as(caller: &Caller, email: &str) {
    let offer = NewInvitation { organization_id: None, email: email.into(), role: OrgRole::Member };
    invitation::create(caller.cx(), URL, offer).await.unwrap();
}

on_both! {
    async fn a_leaver_leaves_teams_posts_and_agents_of_that_organisation_alone(world) {
        for by_super_admin in [false, true] {
            let slug = format!("acme-{by_super_admin}");
            let (org, _, admin) = world.admin_of(&slug, &format!("ada@{slug}.com")).await;
            let (other, _, _) = world.admin_of(&format!("{slug}-2"), &format!("eve@{slug}.com")).await;
            let (_, root) = world.operator(&format!("root@{slug}.com")).await;
            let (bob, cy) =
                (world.user(&format!("bob@{slug}.com")).await, world.user(&format!("cy@{slug}.com")).await);
            for (org, user) in [(org, bob), (org, cy), (other, bob)] {
                world.join(org, user, OrgRole::Admin).await;
                furnish(&world, org, user).await;
            }
            let as_bob = world.member_of(org, bob, OrgRole::Admin);
            invite_as(&as_bob, "friend@example.com").await;
            invite_as(&admin, "guest@example.com").await;

            let by = if by_super_admin { &root } else { &admin };
            let go = Removal { organization_id: Some(org), user_id: bob };
            assert_eq!(member::remove(by.cx(), go).await.unwrap(), org);

            assert_eq!(world.standing(org, bob).await, "MEMBER LEFT");
            assert_eq!(posts(&world, org, bob).await, [0; 4]);
            assert_eq!(posts(&world, org, cy).await, [1; 4]);
            assert_eq!(posts(&world, other, bob).await, [1; 4]);
            assert_eq!(world.standing(other, bob).await, "ADMIN ACTIVE");
            let open = "SELECT email FROM invitations WHERE org_id = $1 AND status = 'PENDING'";
            assert_eq!(world.texts(open, [org.into()]).await, ["guest@example.com"]);
            assert_eq!(world.log(org).await.last().unwrap(), "member.removed");
            assert!(world.log(other).await.is_empty());
            assert_eq!(world.platform_log().await, if by_super_admin { vec!["member.removed"] } else { vec![] });
            // Once.
            refused(member::remove(by.cx(), go).await, "NOT_FOUND");
        }
    }

    async fn a_request_that_waits_is_taken_back_the_same_way(world) {
        let (org, _, admin) = world.admin_of("acme", "ada@example.com").await;
        let (_, root) = world.operator("root@example.com").await;
        let (new, back) = (world.user("new@example.com").await, world.user("back@example.com").await);
        world.membership(org, new, OrgRole::Member, MembershipStatus::Pending).await;
        world.membership(org, back, OrgRole::Member, MembershipStatus::Left).await;
        world.rows("UPDATE org_memberships SET pending_role = 'ADMIN' WHERE user_id = $1", [back.into()]).await;
        member::remove(root.cx(), Removal { organization_id: Some(org), user_id: new }).await.unwrap();
        member::remove(admin.cx(), Removal { organization_id: None, user_id: back }).await.unwrap();
        assert_eq!(world.standing(org, new).await, "MEMBER LEFT");
        assert_eq!(world.standing(org, back).await, "MEMBER LEFT");
    }

    async fn a_demoted_admins_invitations_die_and_the_rest_stays(world) {
        let (org, _, admin) = world.admin_of("acme", "ada@example.com").await;
        let bob = world.user("bob@example.com").await;
        world.join(org, bob, OrgRole::Admin).await;
        furnish(&world, org, bob).await;
        invite_as(&world.member_of(org, bob, OrgRole::Admin), "friend@example.com").await;
        invite_as(&admin, "guest@example.com").await;
        for role in [OrgRole::Member, OrgRole::Admin] {
            let change = RoleChange { organization_id: None, user_id: bob, role };
            member::update_role(admin.cx(), URL, change).await.unwrap();
            // Promoted again, they stay dead.
            let open = "SELECT email FROM invitations WHERE status = 'PENDING'";
            assert_eq!(world.texts(open, []).await, ["guest@example.com"]);
        }
        assert_eq!(posts(&world, org, bob).await, [1; 4]);
    }
}
