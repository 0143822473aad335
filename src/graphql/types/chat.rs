//! Chats, and what was said in them.

use async_graphql::{Context, ID, InputObject, Object};
use entity::{
    chat_message,
    confidential::JsonText,
    ids::{ChatMessageId, ChatSessionId},
};

use super::{
    agent::Agent,
    user::{User, user},
};
use crate::{
    error::{Error, Result},
    graphql::{
        batches::{AgentById, ChatById, MessageCountOfChats, MessagesOfChats},
        connection::{ListName, PageArgs, connection, gid, parse_optional_id, seal},
        context::cx,
        directives::confidential,
        enums::{ChatRole, ChatSessionStatus, stored},
        lookahead,
        redaction::Redacted,
        scalars::DateTime,
    },
    store::{
        list::{
            page::Page,
            row::{Columns, Row as _},
        },
        read::{
            agent::AgentRow,
            chat::{ChatFilter, ChatMessageRow, ChatSessionRow},
        },
    },
};

/// A conversation of one user with one agent.
pub struct ChatSession(pub ChatSessionRow);

/// A conversation of one user with one agent.
#[Object]
impl ChatSession {
    /// Globally unique id.
    pub async fn id(&self) -> ID {
        gid(self.0.id)
    }

    /// The agent; null where it is out of the viewer's sight, which takes no chat away from whom it belongs to.
    async fn agent(&self, ctx: &Context<'_>) -> Result<Option<Agent>> {
        let cx = cx(ctx);
        let batch = AgentById { columns: lookahead::columns::<AgentRow>(ctx) };
        Ok(cx.loaders.load(&cx.store, batch, self.0.agent_id).await?.map(Agent))
    }

    /// Whose it is; null on history older than accounts.
    async fn user(&self, ctx: &Context<'_>) -> Result<Option<User>> {
        user(ctx, self.0.user_id).await
    }

    /// Whether it goes on.
    async fn status(&self) -> ChatSessionStatus {
        self.0.status.into()
    }

    /// Its name; null where nobody gave it one.
    #[graphql(directive = confidential::apply())]
    async fn title(&self) -> Redacted<'_, String> {
        Redacted::new(&self.0.title)
    }

    /// How many messages were posted in it, those included that are kept no more.
    async fn message_count(&self) -> Result<i32> {
        Ok(*self.0.message_count.get()?)
    }

    /// What was said, in order; messages that were kept long enough are gone. For a super-admin a chat is its row and
    /// `messageCount`: this list is empty.
    async fn messages(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the beginning, at most 100; 20 without it.")] first: Option<i32>,
        #[graphql(desc = "Only messages after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Only messages before this cursor.")] before: Option<String>,
    ) -> Result<ChatMessageConnection> {
        let (cx, id) = (cx(ctx), self.0.id);
        let list = ListName::new(cx, "messages of", &id);
        let page = PageArgs { first, after, last, before }.request(cx, &list)?;
        let batch = MessagesOfChats { columns: lookahead::node_columns::<ChatMessageRow>(ctx), page };
        let page = cx.loaders.load(&cx.store, batch, (self.0.org_id, id)).await?.unwrap_or(Page::empty());
        let total = match lookahead::selects(ctx, "totalCount") {
            true => Some(cx.loaders.load(&cx.store, MessageCountOfChats {}, id).await?.unwrap_or(0)),
            false => None,
        };
        Ok(ChatMessageConnection::new(seal(cx, &list, page, ChatMessage)?, total))
    }

    /// When it began.
    async fn created_at(&self) -> Result<DateTime> {
        Ok((*self.0.created_at.get()?).into())
    }

    /// When something was last said, or it ended.
    async fn updated_at(&self) -> Result<DateTime> {
        Ok((*self.0.updated_at.get()?).into())
    }

    /// When it expires unless somebody says something; null where nothing was said since before chats expired.
    async fn expires_at(&self) -> Result<Option<DateTime>> {
        Ok(self.0.expires_at.get()?.map(Into::into))
    }
}

/// Looks one chat up.
pub async fn chat_session(ctx: &Context<'_>, id: ChatSessionId) -> Result<Option<ChatSession>> {
    let cx = cx(ctx);
    let batch = ChatById { columns: lookahead::columns::<ChatSessionRow>(ctx) };
    Ok(cx.loaders.load(&cx.store, batch, id).await?.map(ChatSession))
}

/// One message of a chat.
pub struct ChatMessage(pub ChatMessageRow);

/// One message of a chat.
#[Object]
impl ChatMessage {
    /// Globally unique id.
    pub async fn id(&self) -> ID {
        gid(self.0.id)
    }

    /// Who speaks.
    async fn role(&self) -> Result<ChatRole> {
        Ok((*self.0.role.get()?).into())
    }

    /// What was said.
    #[graphql(directive = confidential::apply())]
    async fn content(&self) -> Redacted<'_, String> {
        Redacted::new(&self.0.content)
    }

    /// What the assistant asked of tools; null where it asked nothing.
    #[graphql(directive = confidential::apply())]
    async fn tool_calls(&self) -> Redacted<'_, JsonText> {
        Redacted::new(&self.0.tool_calls)
    }

    /// What tools answered; null where it is no answer.
    #[graphql(directive = confidential::apply())]
    async fn tool_results(&self) -> Redacted<'_, JsonText> {
        Redacted::new(&self.0.tool_results)
    }

    /// Tokens that were read to say it; null where nobody counted.
    #[graphql(directive = confidential::apply())]
    async fn tokens_in(&self) -> Redacted<'_, i32> {
        Redacted::new(&self.0.tokens_in)
    }

    /// Tokens that were written; null where nobody counted.
    #[graphql(directive = confidential::apply())]
    async fn tokens_out(&self) -> Redacted<'_, i32> {
        Redacted::new(&self.0.tokens_out)
    }

    /// When it was said.
    async fn created_at(&self) -> Result<DateTime> {
        Ok((*self.0.created_at.get()?).into())
    }
}

connection!(ChatSessionConnection, ChatSessionEdge, ChatSession, "chat", "chats");
connection!(ChatMessageConnection, ChatMessageEdge, ChatMessage, "message", "messages");

/// Narrows a list of chats.
#[derive(Debug, Default, InputObject)]
#[graphql(name = "ChatSessionFilter")]
pub struct ChatSessionFilterInput {
    /// Only chats in one of these states.
    pub status: Option<Vec<ChatSessionStatus>>,
    /// Only chats with this agent.
    pub agent_id: Option<ID>,
    /// Only chats of this user.
    pub user_id: Option<ID>,
    /// Only chats of this organisation.
    pub organization_id: Option<ID>,
}

impl ChatSessionFilterInput {
    /// Checks the ids.
    pub fn parse(self) -> Result<ChatFilter> {
        Ok(ChatFilter {
            status: stored(self.status),
            agent_id: parse_optional_id("filter.agentId", self.agent_id.as_ref())?,
            user_id: parse_optional_id("filter.userId", self.user_id.as_ref())?,
            organization_id: parse_optional_id("filter.organizationId", self.organization_id.as_ref())?,
        })
    }
}

/// A chat that was started or closed.
pub struct ChatSessionPayload(pub ChatSessionId);

/// A chat that was started or closed.
#[Object]
impl ChatSessionPayload {
    /// The chat.
    async fn chat_session(&self, ctx: &Context<'_>) -> Result<ChatSession> {
        let rows = cx(ctx).store.chat_by_ids(&[self.0], lookahead::columns::<ChatSessionRow>(ctx)).await?;
        rows.into_iter().next().map(ChatSession).ok_or(Error::NotFound)
    }
}

/// A message that was posted.
pub struct ChatMessagePayload(pub ChatMessageId);

impl ChatMessagePayload {
    async fn row(&self, ctx: &Context<'_>, columns: Columns<chat_message::Entity>) -> Result<ChatMessageRow> {
        cx(ctx).store.chat_message_by_ids(&[self.0], columns).await?.pop().ok_or(Error::NotFound)
    }
}

/// A message that was posted.
#[Object]
impl ChatMessagePayload {
    /// The message.
    async fn chat_message(&self, ctx: &Context<'_>) -> Result<ChatMessage> {
        self.row(ctx, lookahead::columns::<ChatMessageRow>(ctx)).await.map(ChatMessage)
    }

    /// The chat that it was posted in.
    async fn chat_session(&self, ctx: &Context<'_>) -> Result<ChatSession> {
        let id = self.row(ctx, ChatMessageRow::keys()).await?.session_id;
        let rows = cx(ctx).store.chat_by_ids(&[id], lookahead::columns::<ChatSessionRow>(ctx)).await?;
        rows.into_iter().next().map(ChatSession).ok_or(Error::NotFound)
    }
}
