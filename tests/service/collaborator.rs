//! Invariant: an agent is shared by whoever administers it, with active members and teams of its own organisation, and a
//! team's agent with nobody.

use entity::{
    enums::CollaboratorPermission::{self, Admin, Edit, Use},
    ids::{AgentId, TeamId, UserId},
};
use palisade::{
    error::Result,
    service::collaborator::{self, CollaboratorInput},
};

use super::agent;
use crate::support::{empty_world::on_both, two_organizations::*};

const fn with_user(agent_id: AgentId, user: UserId) -> CollaboratorInput {
    CollaboratorInput { agent_id, user_id: Some(user), team_id: None }
}

const fn with_team(agent_id: AgentId, team: TeamId) -> CollaboratorInput {
    CollaboratorInput { agent_id, user_id: None, team_id: Some(team) }
}

pub async fn share(who: &As, id: AgentId, user: UserId, permission: CollaboratorPermission) -> Result<AgentId> {
    collaborator::set(who.cx().await, with_user(id, user), permission).await
}

pub async fn unshare(who: &As, id: AgentId, user: UserId) -> Result<AgentId> {
    collaborator::remove(who.cx().await, with_user(id, user)).await
}

pub async fn share_with_team(who: &As, id: AgentId, team: TeamId) -> Result<AgentId> {
    collaborator::set(who.cx().await, with_team(id, team), Edit).await
}

on_both! {
    async fn an_owner_shares_with_people_and_teams_and_takes_it_back(world) {
        let ada = world.tenant(&world.acme, world.acme.ada).await;
        let id = agent::private(&ada).await;
        share(&ada, id, world.acme.bob, Use).await.unwrap();
        share(&ada, id, world.acme.bob, Edit).await.unwrap();
        assert_eq!(world.count("agent_collaborators WHERE agent_id = $1", [id.into()]).await, 1, "changed, not doubled");
        share_with_team(&ada, id, world.acme.team).await.unwrap();
        let mate = world.tenant(&world.acme, world.acme.mate).await;
        agent::rename(&mate, id).await.unwrap();

        collaborator::remove(ada.cx().await, with_team(id, world.acme.team)).await.unwrap();
        unshare(&ada, id, world.acme.bob).await.unwrap();
        let mate = world.tenant(&world.acme, world.acme.mate).await;
        not_found(agent::rename(&mate, id).await);
        not_found(agent::rename(&world.tenant(&world.acme, world.acme.bob).await, id).await);
        let told = world.events(world.acme.id, 1).await;
        let (set, removed) = ("agent.collaborator_set", "agent.collaborator_removed");
        assert_eq!(told, [set, set, set, "agent.updated", removed, removed]);
    }

    async fn a_team_collaborators_rights_are_its_present_members(world) {
        let ada = world.tenant(&world.acme, world.acme.ada).await;
        let id = agent::private(&ada).await;
        share_with_team(&ada, id, world.acme.team).await.unwrap();
        let admin = world.tenant(&world.acme, world.acme.admin).await;
        palisade::service::team::remove_member(admin.cx().await, world.acme.team, world.acme.mate).await.unwrap();
        not_found(agent::rename(&world.tenant(&world.acme, world.acme.mate).await, id).await);
    }

    async fn sharing_takes_the_right_to_administer_the_agent(world) {
        let ada = world.tenant(&world.acme, world.acme.ada).await;
        let id = agent::private(&ada).await;
        for weaker in [Use, Edit] {
            share(&ada, id, world.acme.bob, weaker).await.unwrap();
            let before = world.dump().await;
            let bob = world.tenant(&world.acme, world.acme.bob).await;
            forbidden(share(&bob, id, world.acme.mate, Use).await);
            forbidden(share(&bob, id, world.acme.bob, Admin).await);
            forbidden(unshare(&bob, id, world.acme.bob).await);
            assert_eq!(world.dump().await, before);
        }
        share(&ada, id, world.acme.bob, Admin).await.unwrap();
        let bob = world.tenant(&world.acme, world.acme.bob).await;
        share(&bob, id, world.acme.mate, Admin).await.unwrap();
        share(&world.tenant(&world.acme, world.acme.admin).await, id, world.acme.lead, Use).await.unwrap();
        forbidden(share(&world.operator(), id, world.acme.lead, Admin).await);
    }

    async fn nobody_outside_is_shared_with_and_nobody_can_be_told_apart(world) {
        let ada = world.tenant(&world.acme, world.acme.ada).await;
        let id = agent::private(&ada).await;
        let before = world.dump().await;
        let absent = told(share(&ada, id, world.absent(), Use).await);
        assert!(absent.contains("NOT_FOUND"), "{absent}");
        for user in [world.globex.ada, world.operator, world.acme.leaver, world.acme.pending] {
            assert_eq!(told(share(&ada, id, user, Use).await), absent);
        }
        assert_eq!(told(share_with_team(&ada, id, world.globex.team).await), absent);
        assert_eq!(told(share_with_team(&ada, id, world.absent()).await), absent);
        for user in [world.globex.ada, world.acme.bob, world.absent()] {
            assert_eq!(told(unshare(&ada, id, user).await), absent);
        }
        assert_eq!(world.dump().await, before);
    }

    async fn a_teams_agent_and_a_global_one_are_shared_with_nobody(world) {
        let admin = world.tenant(&world.acme, world.acme.admin).await;
        let of_team = agent::of_team(&admin, world.acme.team).await;
        let global = agent::global(&world).await;
        let before = world.dump().await;
        invalid(share(&admin, of_team, world.acme.ada, Use).await, "input.agentId");
        forbidden(share(&admin, global, world.acme.ada, Use).await);
        forbidden(share(&world.operator(), global, world.acme.ada, Use).await);
        assert_eq!(world.dump().await, before);
    }

    async fn a_public_agent_is_shared_with_whoever_is_to_change_it(world) {
        let ada = world.tenant(&world.acme, world.acme.ada).await;
        let id = agent::public(&ada).await;
        let bob = world.tenant(&world.acme, world.acme.bob).await;
        forbidden(agent::rename(&bob, id).await);
        share(&ada, id, world.acme.bob, Edit).await.unwrap();
        agent::rename(&bob, id).await.unwrap();
    }

    async fn a_collaborator_is_a_user_or_a_team(world) {
        let ada = world.tenant(&world.acme, world.acme.ada).await;
        let id = agent::private(&ada).await;
        let neither = CollaboratorInput { agent_id: id, user_id: None, team_id: None };
        let both = CollaboratorInput { team_id: Some(world.acme.team), ..with_user(id, world.acme.bob) };
        for wrong in [neither, both] {
            invalid(collaborator::set(ada.cx().await, wrong, Use).await, "input.userId");
            invalid(collaborator::remove(ada.cx().await, wrong).await, "input.userId");
        }
    }
}
