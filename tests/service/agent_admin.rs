//! Invariant: org admins alone appoint who decides an agent's approvals, among active members; on a global agent each
//! organisation appoints its own.

use palisade::service::agent_admin;

use super::agent;
use crate::support::{empty_world::on_both, two_organizations::*};

on_both! {
    async fn an_org_admin_appoints_and_dismisses(world) {
        let ada = world.tenant(&world.acme, world.acme.ada).await;
        let id = agent::private(&ada).await;
        let admin = world.tenant(&world.acme, world.acme.admin).await;
        agent_admin::add(admin.cx().await, id, world.acme.bob).await.unwrap();
        agent_admin::add(admin.cx().await, id, world.acme.bob).await.unwrap();
        assert_eq!(world.count("agent_admins WHERE agent_id = $1", [id.into()]).await, 1);
        agent_admin::remove(admin.cx().await, id, world.acme.bob).await.unwrap();
        not_found(agent_admin::remove(admin.cx().await, id, world.acme.bob).await);
        assert_eq!(world.events(world.acme.id, 1).await, ["agent.admin_added", "agent.admin_removed"]);
    }

    async fn nobody_else_does(world) {
        let lead = world.tenant(&world.acme, world.acme.lead).await;
        let id = agent::of_team(&lead, world.acme.team).await;
        let own = agent::private(&lead).await;
        let before = world.dump().await;
        for id in [id, own] {
            forbidden(agent_admin::add(lead.cx().await, id, world.acme.lead).await);
            forbidden(agent_admin::add(world.operator().cx().await, id, world.acme.lead).await);
            forbidden(agent_admin::remove(lead.cx().await, id, world.acme.lead).await);
        }
        assert_eq!(world.dump().await, before);
    }

    async fn only_an_active_member_is_appointed_and_nobody_else_can_be_told_apart(world) {
        let admin = world.tenant(&world.acme, world.acme.admin).await;
        let own = agent::private(&admin).await;
        let global = agent::global(&world).await;
        let before = world.dump().await;
        for id in [own, global] {
            let absent = told(agent_admin::add(admin.cx().await, id, world.absent()).await);
            assert!(absent.contains("NOT_FOUND"), "{absent}");
            for user in [world.globex.ada, world.operator, world.acme.leaver, world.acme.pending] {
                assert_eq!(told(agent_admin::add(admin.cx().await, id, user).await), absent);
                assert_eq!(told(agent_admin::remove(admin.cx().await, id, user).await), absent);
            }
        }
        assert_eq!(world.dump().await, before);
    }

    async fn a_global_agents_admins_are_each_organisations_own(world) {
        let id = agent::global(&world).await;
        for org in [&world.acme, &world.globex] {
            let admin = world.tenant(org, org.admin).await;
            agent_admin::add(admin.cx().await, id, org.bob).await.unwrap();
            assert_eq!(world.events(org.id, 0).await, ["agent.installed", "agent.admin_added"]);
        }
        let acme = world.tenant(&world.acme, world.acme.admin).await;
        not_found(agent_admin::remove(acme.cx().await, id, world.globex.bob).await);
        agent_admin::remove(acme.cx().await, id, world.acme.bob).await.unwrap();
        let left = "agent_admins WHERE org_id = $1 AND agent_id = $2";
        assert_eq!(world.count(left, [world.globex.id.into(), id.into()]).await, 1);
        forbidden(agent_admin::add(world.operator().cx().await, id, world.acme.bob).await);
        forbidden(agent_admin::add(world.tenant(&world.acme, world.acme.ada).await.cx().await, id, world.acme.ada).await);
    }
}
