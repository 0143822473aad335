//! Invariant: documents are attached and removed by whoever may change the agent, a global agent's by super-admins alone;
//! a document for one goal belongs to a goal on that very agent.

use entity::{
    enums::{CollaboratorPermission, DocumentType},
    ids::{AgentDocumentId, AgentId, GoalId},
};
use palisade::{
    error::Result,
    service::document::{self, DocumentInput},
};

use super::{agent, collaborator, goal};
use crate::support::{empty_world::on_both, two_organizations::*};

pub fn text() -> DocumentInput {
    DocumentInput {
        kind: DocumentType::Rule,
        name: "Rules".to_owned(),
        content: Some("be kind".to_owned()),
        uri: None,
        priority: 3,
    }
}

pub async fn attach(who: &As, agent: AgentId, goal: Option<GoalId>) -> Result<AgentDocumentId> {
    document::attach(who.cx().await, agent, goal, text()).await
}

on_both! {
    async fn whoever_may_change_an_agent_attaches_and_removes_its_documents(world) {
        let ada = world.tenant(&world.acme, world.acme.ada).await;
        let id = agent::private(&ada).await;
        let doc = attach(&ada, id, None).await.unwrap();
        let bob = world.tenant(&world.acme, world.acme.bob).await;
        let hidden = told(document::remove(bob.cx().await, doc).await);
        assert_eq!(hidden, told(document::remove(bob.cx().await, world.absent()).await));
        let foreign = world.tenant(&world.globex, world.globex.admin).await;
        assert_eq!(told(document::remove(foreign.cx().await, doc).await), hidden);
        collaborator::share(&ada, id, world.acme.bob, CollaboratorPermission::Use).await.unwrap();
        forbidden(attach(&bob, id, None).await);
        forbidden(document::remove(bob.cx().await, doc).await);
        forbidden(document::remove(world.operator().cx().await, doc).await);
        forbidden(attach(&world.operator(), id, None).await);
        collaborator::share(&ada, id, world.acme.bob, CollaboratorPermission::Edit).await.unwrap();
        attach(&bob, id, None).await.unwrap();
        document::remove(bob.cx().await, doc).await.unwrap();
        assert_eq!(world.count("agent_documents WHERE id = $1", [doc.into()]).await, 0);
        let told = world.events(world.acme.id, 0).await;
        assert_eq!(told.iter().filter(|kind| *kind == "agent.document_attached").count(), 2);
        assert_eq!(told.last().unwrap(), "agent.document_removed");
    }

    async fn a_goals_document_belongs_to_a_goal_on_that_agent(world) {
        let ada = world.tenant(&world.acme, world.acme.ada).await;
        let (one, other) = (agent::private(&ada).await, agent::private(&ada).await);
        let on_one = goal::submit(&ada, one).await.unwrap();
        let globex = world.tenant(&world.globex, world.globex.ada).await;
        let foreign = goal::submit(&globex, agent::private(&globex).await).await.unwrap();
        attach(&ada, one, Some(on_one)).await.unwrap();
        let before = world.dump().await;
        let absent = told(attach(&ada, other, Some(world.absent())).await);
        assert!(absent.contains("NOT_FOUND"), "{absent}");
        assert_eq!(told(attach(&ada, other, Some(on_one)).await), absent);
        assert_eq!(told(attach(&ada, other, Some(foreign)).await), absent);
        assert_eq!(world.dump().await, before);
    }

    async fn an_archived_agent_takes_no_documents(world) {
        let ada = world.tenant(&world.acme, world.acme.ada).await;
        let id = agent::private(&ada).await;
        palisade::service::agent::archive(ada.cx().await, id).await.unwrap();
        conflict(attach(&ada, id, None).await);
    }

    async fn a_global_agents_documents_are_super_admins(world) {
        let id = agent::global(&world).await;
        let operator = world.operator();
        let doc = attach(&operator, id, None).await.unwrap();
        let seen = "global_agent_documents WHERE agent_id = $1 AND content = 'be kind'";
        assert_eq!(world.count(seen, [id.into()]).await, 1);
        let admin = world.tenant(&world.acme, world.acme.admin).await;
        let on_it = goal::submit(&admin, id).await.unwrap();
        let before = world.dump().await;
        forbidden(attach(&admin, id, None).await);
        forbidden(document::remove(admin.cx().await, doc).await);
        invalid(attach(&operator, id, Some(on_it)).await, "input.goalId");
        assert_eq!(world.dump().await, before);
        document::remove(operator.cx().await, doc).await.unwrap();
        not_found(document::remove(operator.cx().await, doc).await);
        assert_eq!(world.count("global_agent_documents WHERE agent_id = $1", [id.into()]).await, 0);
    }
}
