//! Chats.

use async_graphql::{Context, ID, InputObject, Object};

use super::begin;
use crate::{
    error::Result,
    graphql::{
        connection::parse_id,
        directives::requires,
        enums::ChatRole,
        guard::Requires,
        scalars::Json,
        types::chat::{ChatMessagePayload, ChatSessionPayload},
    },
    policy::Permission,
    service::chat,
};

/// A chat that is to be started.
#[derive(InputObject)]
pub struct StartChatInput {
    /// The agent: one that is active, and with which one can chat.
    pub agent_id: ID,
    /// A name for it, at most 200 characters.
    #[graphql(secret)]
    pub title: Option<String>,
    /// How long it stays open in which nobody says anything: at most 365 days. Without it, as long as the server's
    /// settings say.
    pub expires_in_seconds: Option<i32>,
}

/// Something that is said in a chat.
#[derive(InputObject)]
pub struct PostChatMessageInput {
    /// The chat.
    pub session_id: ID,
    /// Who speaks: a person as `USER`, a service account as any other.
    pub role: ChatRole,
    /// What is said, at most 64 KiB. Empty only beside tool calls or results.
    #[graphql(secret)]
    pub content: String,
    /// What the assistant asks of tools: any JSON, at most 64 KiB.
    #[graphql(secret)]
    pub tool_calls: Option<Json>,
    /// What tools answered: any JSON, at most 64 KiB.
    #[graphql(secret)]
    pub tool_results: Option<Json>,
    /// Tokens that were read to say it.
    #[graphql(secret)]
    pub tokens_in: Option<i32>,
    /// Tokens that were written.
    #[graphql(secret)]
    pub tokens_out: Option<i32>,
    /// The poster's own name for this message in this chat: however often the same is said with it, it is said once.
    #[graphql(secret)]
    pub idempotency_key: Option<String>,
}

#[derive(Default)]
pub struct ChatMutation;

#[Object]
impl ChatMutation {
    /// Starts a chat with an agent.
    #[graphql(guard = "Requires(Permission::ChatStart)", directive = requires::apply(Permission::ChatStart.into()))]
    async fn start_chat(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The chat.")] input: StartChatInput,
    ) -> Result<ChatSessionPayload> {
        let new = chat::StartChatInput {
            agent_id: parse_id("input.agentId", &input.agent_id)?,
            title: input.title,
            expires_in_seconds: input.expires_in_seconds,
        };
        chat::start(begin(ctx).await, new).await.map(ChatSessionPayload)
    }

    /// Says something in a chat that goes on: a person in its own, a service account in those of its agents. Each message
    /// puts the chat's expiry off.
    #[graphql(guard = "Requires(Permission::ChatWrite)", directive = requires::apply(Permission::ChatWrite.into()))]
    async fn post_chat_message(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The message.")] input: PostChatMessageInput,
    ) -> Result<ChatMessagePayload> {
        let new = chat::PostMessageInput {
            session_id: parse_id("input.sessionId", &input.session_id)?,
            role: input.role.into(),
            content: input.content,
            tool_calls: input.tool_calls.map(|json| json.0.to_string()),
            tool_results: input.tool_results.map(|json| json.0.to_string()),
            tokens_in: input.tokens_in,
            tokens_out: input.tokens_out,
            idempotency_key: input.idempotency_key,
        };
        chat::post(begin(ctx).await, new).await.map(ChatMessagePayload)
    }

    /// Closes a chat for good. One that is over is a conflict.
    #[graphql(guard = "Requires(Permission::ChatClose)", directive = requires::apply(Permission::ChatClose.into()))]
    async fn close_chat(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The chat's id.")] id: ID,
    ) -> Result<ChatSessionPayload> {
        let id = parse_id("id", &id)?;
        chat::close(begin(ctx).await, id).await.map(ChatSessionPayload)
    }
}
