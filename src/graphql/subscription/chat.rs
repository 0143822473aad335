//! `chatMessageAdded`.

use async_graphql::Context;
use entity::ids::{ChatMessageId, ChatSessionId, EventId, TypedId};

use crate::{
    error::{Error, Result},
    graphql::{
        context::{RequestCtx, cx},
        lookahead,
        subscription::run::{About, Feed, Opening},
        types::chat::ChatMessage,
    },
    store::{
        audit::follow::LogEntry,
        list::row::Row as _,
        read::chat::{ChatMessageRow, ChatSessionRow},
    },
};

pub struct MessageFeed {
    pub session: ChatSessionId,
}

impl MessageFeed {
    async fn seen(&self, cx: &RequestCtx) -> Result<ChatSessionRow> {
        // A chat is its row to a super-admin, who reads no message now or later.
        if cx.viewer.is_super_admin() {
            return Err(Error::Forbidden("reading messages"));
        }
        cx.store.chat_by_ids(&[self.session], ChatSessionRow::keys()).await?.pop().ok_or(Error::NotFound)
    }
}

#[async_trait::async_trait]
impl Feed for MessageFeed {
    type Item = ChatMessage;

    async fn open(&self, cx: &RequestCtx) -> Result<Opening> {
        let org = self.seen(cx).await?.org_id;
        Ok(Opening { org, after: None, about: About::Family(ChatMessageId::PREFIX) })
    }

    async fn pick(&self, cx: &RequestCtx, batch: &[LogEntry]) -> Result<Vec<EventId>> {
        self.seen(cx).await?;
        let ids: Vec<ChatMessageId> = batch.iter().filter_map(LogEntry::subject).collect();
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut rows = cx.store.chat_message_by_ids(&ids, ChatMessageRow::keys()).await?;
        rows.retain(|row| row.session_id == self.session);
        let picked =
            |entry: &&LogEntry| entry.subject().is_some_and(|id: ChatMessageId| rows.iter().any(|row| row.id == id));
        Ok(batch.iter().filter(picked).map(|entry| entry.id).collect())
    }

    async fn answer(&self, ctx: &Context<'_>, entry: &LogEntry) -> Result<Option<ChatMessage>> {
        let Some(id) = entry.subject::<ChatMessageId>() else { return Ok(None) };
        let rows = cx(ctx).store.chat_message_by_ids(&[id], lookahead::columns::<ChatMessageRow>(ctx)).await?;
        Ok(rows.into_iter().find(|row| row.session_id == self.session).map(ChatMessage))
    }
}
