//! Goals: submitted to an agent, and called off.

use entity::{
    confidential::Confidential,
    ids::{AgentId, GoalId},
};

use super::{
    Context,
    document::{DocumentInput, Fields, priority},
    input,
};
use crate::{
    error::{Error, Result},
    policy::permit::{CancelGoal, SubmitGoal, permit},
    store::write::goal::GoalDraft,
};

/// Most documents that come with a goal.
pub const DOCUMENTS: usize = 20;
/// Longest key of a submission, in bytes.
pub const IDEMPOTENCY_KEY: usize = 200;

/// What somebody asks of an agent.
#[derive(Clone, Debug)]
pub struct SubmitGoalInput {
    /// The agent.
    pub agent_id: AgentId,
    /// What is asked.
    pub goal_text: String,
    /// Larger runs first.
    pub priority: i32,
    /// What comes with it.
    pub documents: Vec<DocumentInput>,
    /// The submitter's key: however often the same is submitted with it, there is one goal.
    pub idempotency_key: Option<String>,
}

const WITH_GOAL: Fields = Fields {
    name: "input.documents.name",
    content: "input.documents.content",
    uri: "input.documents.uri",
    priority: "input.documents.priority",
};

/// Submits a goal to an agent that takes goals. With a key that the viewer has used for the same goal text, agent and
/// priority, the answer is the goal of then.
pub async fn submit(cx: Context<'_>, new: SubmitGoalInput) -> Result<GoalId> {
    if new.goal_text.trim().is_empty() {
        return Err(Error::validation("input.goalText", "must not be empty"));
    }
    if new.documents.len() > DOCUMENTS {
        return Err(Error::validation("input.documents", format!("must be at most {DOCUMENTS}")));
    }
    let key =
        new.idempotency_key.map(|key| input::content("input.idempotencyKey", key, IDEMPOTENCY_KEY)).transpose()?;
    if key.as_ref().is_some_and(String::is_empty) {
        return Err(Error::validation("input.idempotencyKey", "must not be empty"));
    }
    let documents = new.documents.into_iter().map(|document| document.checked(WITH_GOAL));
    let draft = GoalDraft {
        goal_text: Confidential::new(input::content("input.goalText", new.goal_text, input::CONTENT)?),
        priority: priority("input.priority", new.priority)?,
        documents: documents.collect::<Result<_>>()?,
        idempotency_key: key,
    };
    let facts = cx.store.agent_facts(new.agent_id).await?;
    let permit = permit::<SubmitGoal>(cx.viewer, &facts)?;
    cx.store.goal_submit(cx.clock, &permit, draft).await
}

/// Calls a goal off, with its tasks that are not over and its approval requests that wait.
pub async fn cancel(cx: Context<'_>, id: GoalId) -> Result<GoalId> {
    let permit = permit::<CancelGoal>(cx.viewer, &cx.store.goal_facts(id).await?)?;
    cx.store.goal_cancel(cx.clock, &permit).await?;
    Ok(id)
}
