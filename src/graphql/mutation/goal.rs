//! Documents of agents, and goals.

use async_graphql::{Context, ID, InputObject, Object};

use super::begin;
use crate::{
    error::Result,
    graphql::{
        connection::{gid, parse_id, parse_optional_id},
        enums::DocumentType,
        guard::{Requires, requires},
        types::{
            organization::DeletePayload,
            work_payload::{AgentDocumentPayload, GoalPayload},
        },
    },
    policy::Permission,
    service::{document, goal as cases},
};

/// A document to be attached to an agent: exactly one of `content` and `uri`.
#[derive(InputObject)]
pub struct AttachDocumentInput {
    /// The agent.
    pub agent_id: ID,
    /// A goal on that agent, which alone the document is for.
    pub goal_id: Option<ID>,
    /// What kind of document it is.
    #[graphql(name = "type")]
    pub kind: DocumentType,
    /// Display name.
    pub name: String,
    /// The text, at most 256 KiB.
    #[graphql(secret)]
    pub content: Option<String>,
    /// Where the text is: an `https`, `http` or `s3` address.
    #[graphql(secret)]
    pub uri: Option<String>,
    /// Larger comes first in the agent's context: -1000 to 1000.
    #[graphql(default)]
    pub priority: i32,
}

/// A document that comes with a goal: exactly one of `content` and `uri`.
#[derive(InputObject)]
pub struct GoalDocumentInput {
    /// What kind of document it is.
    #[graphql(name = "type")]
    pub kind: DocumentType,
    /// Display name.
    pub name: String,
    /// The text, at most 256 KiB.
    #[graphql(secret)]
    pub content: Option<String>,
    /// Where the text is: an `https`, `http` or `s3` address.
    #[graphql(secret)]
    pub uri: Option<String>,
    /// Larger comes first in the agent's context: -1000 to 1000.
    #[graphql(default)]
    pub priority: i32,
}

/// What is asked of an agent.
#[derive(InputObject)]
pub struct SubmitGoalInput {
    /// The agent.
    pub agent_id: ID,
    /// What is asked.
    #[graphql(secret)]
    pub goal_text: String,
    /// Larger runs first: -1000 to 1000.
    #[graphql(default)]
    pub priority: i32,
    /// What comes with it: at most 20.
    #[graphql(default)]
    pub documents: Vec<GoalDocumentInput>,
    /// The viewer's own name for this submission: however often the same goal is submitted with it, there is one.
    #[graphql(secret)]
    pub idempotency_key: Option<String>,
}

#[derive(Default)]
pub struct GoalMutation;

#[Object]
impl GoalMutation {
    /// Attaches a document to an agent, or to one goal on it.
    #[graphql(guard = "Requires(Permission::AgentUpdate)", directive = requires::apply(Permission::AgentUpdate.into()))]
    async fn attach_document(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The document.")] input: AttachDocumentInput,
    ) -> Result<AgentDocumentPayload> {
        let agent_id = parse_id("input.agentId", &input.agent_id)?;
        let goal_id = parse_optional_id("input.goalId", input.goal_id.as_ref())?;
        let new = document::DocumentInput {
            kind: input.kind.into(),
            name: input.name,
            content: input.content,
            uri: input.uri,
            priority: input.priority,
        };
        document::attach(begin(ctx).await, agent_id, goal_id, new).await.map(AgentDocumentPayload)
    }

    /// Removes a document.
    #[graphql(guard = "Requires(Permission::AgentUpdate)", directive = requires::apply(Permission::AgentUpdate.into()))]
    async fn remove_document(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The document's id.")] id: ID,
    ) -> Result<DeletePayload> {
        let id = parse_id("id", &id)?;
        let removed = document::remove(begin(ctx).await, id).await?;
        Ok(DeletePayload { deleted_id: gid(removed) })
    }

    /// Submits a goal to an agent that takes goals.
    #[graphql(guard = "Requires(Permission::GoalSubmit)", directive = requires::apply(Permission::GoalSubmit.into()))]
    async fn submit_goal(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is asked.")] input: SubmitGoalInput,
    ) -> Result<GoalPayload> {
        let documents = input.documents.into_iter().map(|new| document::DocumentInput {
            kind: new.kind.into(),
            name: new.name,
            content: new.content,
            uri: new.uri,
            priority: new.priority,
        });
        let new = cases::SubmitGoalInput {
            agent_id: parse_id("input.agentId", &input.agent_id)?,
            goal_text: input.goal_text,
            priority: input.priority,
            documents: documents.collect(),
            idempotency_key: input.idempotency_key,
        };
        cases::submit(begin(ctx).await, new).await.map(GoalPayload)
    }

    /// Calls a goal off, with its tasks that are not over and its approval requests that wait. A goal that is over is a
    /// conflict.
    #[graphql(guard = "Requires(Permission::GoalCancel)", directive = requires::apply(Permission::GoalCancel.into()))]
    async fn cancel_goal(&self, ctx: &Context<'_>, #[graphql(desc = "The goal's id.")] id: ID) -> Result<GoalPayload> {
        let id = parse_id("id", &id)?;
        cases::cancel(begin(ctx).await, id).await.map(GoalPayload)
    }
}
