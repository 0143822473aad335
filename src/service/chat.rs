//! Chats: a person talks to an agent, whose service account answers.
//!
//! | | starts | says | closes |
//! |---|---|---|---|
//! | whose chat it is | with an agent in sight | as `USER`, while the agent is in sight | its own |
//! | an organisation's admin | the same | the same: nothing in others' chats | any |
//! | a service account | – | as `ASSISTANT`, `SYSTEM` or `TOOL`, with its agents | – |

use chrono::TimeDelta;
use entity::{
    confidential::{Confidential, JsonText},
    enums::ChatRole,
    ids::{AgentId, ChatMessageId, ChatSessionId},
};

use super::{Context, goal::IDEMPOTENCY_KEY, input};
use crate::{
    error::{Error, Result},
    policy::permit::{CloseChat, PostMessage, StartChat, permit},
    store::write::chat::{ChatDraft, MessageDraft},
};

/// Longest message, in bytes.
pub const MESSAGE: usize = 64 * 1024;
/// The longest silence that whoever starts a chat may name, in days.
const LONGEST_IDLE: i64 = 365;

/// A chat that somebody starts.
#[derive(Clone, Debug)]
pub struct StartChatInput {
    /// The agent.
    pub agent_id: AgentId,
    /// Its name.
    pub title: Option<String>,
    /// How long it stays open in which nobody says anything, in seconds.
    pub expires_in_seconds: Option<i32>,
}

/// Something that is said.
#[derive(Clone, Debug)]
pub struct PostMessageInput {
    /// The chat.
    pub session_id: ChatSessionId,
    /// Who speaks.
    pub role: ChatRole,
    /// What is said.
    pub content: String,
    /// What is asked of tools, as JSON text.
    pub tool_calls: Option<String>,
    /// What tools answered, as JSON text.
    pub tool_results: Option<String>,
    /// Tokens read.
    pub tokens_in: Option<i32>,
    /// Tokens written.
    pub tokens_out: Option<i32>,
    /// The poster's own name for it: however often the same is said with it, it is said once.
    pub idempotency_key: Option<String>,
}

/// Starts a chat with an agent with which people chat.
pub async fn start(cx: Context<'_>, new: StartChatInput) -> Result<ChatSessionId> {
    let title = new.title.map(|title| input::name("input.title", &title)).transpose()?;
    let idle = new.expires_in_seconds.map(|seconds| {
        let idle = TimeDelta::seconds(seconds.into());
        let allowed = (TimeDelta::seconds(1)..=TimeDelta::days(LONGEST_IDLE)).contains(&idle).then_some(idle);
        let words = || format!("must be between 1 second and {LONGEST_IDLE} days");
        allowed.ok_or_else(|| Error::validation("input.expiresInSeconds", words()))
    });
    let idle = idle.transpose()?.unwrap_or(cx.chats.expires_after);
    let permit = permit::<StartChat>(cx.viewer, &cx.store.agent_facts(new.agent_id).await?)?;
    cx.store.chat_start(cx.clock, &permit, ChatDraft { title: Confidential::from_option(title), idle }).await
}

/// Says something in a chat that goes on. With a key that was used in the chat for the same, the answer is the message of
/// then.
pub async fn post(cx: Context<'_>, new: PostMessageInput) -> Result<ChatMessageId> {
    let draft = checked(&new)?;
    let permit = permit::<PostMessage>(cx.viewer, &cx.store.chat_facts(new.session_id).await?)?;
    // A person never speaks for the agent, and nobody for a person.
    if (new.role == ChatRole::User) != cx.viewer.tenant().is_some() {
        return Err(Error::Forbidden("speaking as another"));
    }
    cx.store.chat_post(cx.clock, &permit, draft, cx.chats).await
}

fn checked(new: &PostMessageInput) -> Result<MessageDraft> {
    let content = input::content("input.content", new.content.clone(), MESSAGE)?;
    let json = |field, text: &Option<String>| {
        text.clone().map(|text| input::content(field, text, input::JSON).map(JsonText::new)).transpose()
    };
    let tool_calls = json("input.toolCalls", &new.tool_calls)?;
    let tool_results = json("input.toolResults", &new.tool_results)?;
    if tool_calls.is_some() && new.role != ChatRole::Assistant {
        return Err(Error::validation("input.toolCalls", "only the assistant calls tools"));
    }
    if tool_results.is_some() && new.role != ChatRole::Tool {
        return Err(Error::validation("input.toolResults", "only tools answer calls"));
    }
    if content.trim().is_empty() && tool_calls.is_none() && tool_results.is_none() {
        return Err(Error::validation("input.content", "must not be empty"));
    }
    let tokens = |field, tokens: Option<i32>| match tokens {
        Some(tokens) if tokens < 0 => Err(Error::validation(field, "must not be negative")),
        tokens => Ok(Confidential::from_option(tokens)),
    };
    let key = new.idempotency_key.clone();
    let key = key.map(|key| input::content("input.idempotencyKey", key, IDEMPOTENCY_KEY)).transpose()?;
    if key.as_ref().is_some_and(String::is_empty) {
        return Err(Error::validation("input.idempotencyKey", "must not be empty"));
    }
    Ok(MessageDraft {
        role: new.role,
        content: Confidential::new(content),
        tool_calls: Confidential::from_option(tool_calls),
        tool_results: Confidential::from_option(tool_results),
        tokens_in: tokens("input.tokensIn", new.tokens_in)?,
        tokens_out: tokens("input.tokensOut", new.tokens_out)?,
        idempotency_key: key,
    })
}

/// Closes a chat that goes on.
pub async fn close(cx: Context<'_>, id: ChatSessionId) -> Result<ChatSessionId> {
    let permit = permit::<CloseChat>(cx.viewer, &cx.store.chat_facts(id).await?)?;
    cx.store.chat_close(cx.clock, &permit).await?;
    Ok(id)
}
