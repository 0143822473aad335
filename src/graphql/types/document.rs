//! Documents of agents.

use async_graphql::{Context, ID, InputObject, Object};

use super::{
    agent::{Agent, agent},
    goal::{Goal, goal},
};
use crate::{
    error::Result,
    graphql::{
        connection::{connection, gid},
        directives::confidential,
        enums::{DocumentType, stored},
        redaction::Redacted,
        scalars::DateTime,
    },
    store::read::document::DocumentRow,
};

/// A document attached to an agent, or to one goal on it.
pub struct AgentDocument(pub DocumentRow);

/// A document attached to an agent, or to one goal on it.
#[Object]
impl AgentDocument {
    /// Globally unique id.
    pub async fn id(&self) -> ID {
        gid(self.0.id)
    }

    /// The agent.
    async fn agent(&self, ctx: &Context<'_>) -> Result<Agent> {
        agent(ctx, self.0.agent_id).await
    }

    /// The goal that it came with, if any.
    async fn goal(&self, ctx: &Context<'_>) -> Result<Option<Goal>> {
        match self.0.goal_id {
            Some(id) => goal(ctx, id).await.map(Some),
            None => Ok(None),
        }
    }

    /// What kind of document it is.
    #[graphql(name = "type")]
    async fn kind(&self) -> Result<DocumentType> {
        Ok((*self.0.kind.get()?).into())
    }

    /// Display name.
    async fn name(&self) -> Result<&str> {
        Ok(self.0.name.get()?)
    }

    /// Larger comes first in the agent's context.
    async fn priority(&self) -> Result<i32> {
        Ok(*self.0.priority.get()?)
    }

    /// The text; null where the document is kept elsewhere.
    #[graphql(directive = confidential::apply())]
    async fn content(&self) -> Redacted<'_, String> {
        Redacted::new(&self.0.content)
    }

    /// Where the text is; null where the document holds it.
    #[graphql(directive = confidential::apply())]
    async fn uri(&self) -> Redacted<'_, String> {
        Redacted::new(&self.0.uri)
    }

    /// When it was attached.
    async fn created_at(&self) -> Result<DateTime> {
        Ok((*self.0.created_at.get()?).into())
    }

    /// When it last changed.
    async fn updated_at(&self) -> Result<DateTime> {
        Ok((*self.0.updated_at.get()?).into())
    }
}

connection!(AgentDocumentConnection, AgentDocumentEdge, AgentDocument, "document", "documents");

/// Narrows a list of documents.
#[derive(Debug, Default, InputObject)]
#[graphql(name = "DocumentFilter")]
pub struct DocumentFilterInput {
    /// Only documents of one of these kinds.
    #[graphql(name = "type")]
    pub kind: Option<Vec<DocumentType>>,
}

impl DocumentFilterInput {
    /// The stored kinds.
    pub fn parse(self) -> Option<Vec<entity::enums::DocumentType>> {
        stored(self.kind)
    }
}
