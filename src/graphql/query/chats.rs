//! Chats.

use async_graphql::{Context, ID, Object};

use crate::{
    error::Result,
    graphql::{
        connection::{ListName, PageArgs, parse_id, seal},
        context::cx,
        directives::requires,
        guard::Requires,
        lookahead,
        types::chat::{ChatSession, ChatSessionConnection, ChatSessionFilterInput, chat_session},
    },
    policy::Permission,
    store::read::chat::ChatSessionRow,
};

#[derive(Default)]
pub struct ChatQuery;

#[Object]
impl ChatQuery {
    /// A chat; null when it does not exist for the viewer.
    #[graphql(guard = "Requires(Permission::ChatRead)", directive = requires::apply(Permission::ChatRead.into()))]
    async fn chat_session(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Its id.")] id: ID,
    ) -> Result<Option<ChatSession>> {
        chat_session(ctx, parse_id("id", &id)?).await
    }

    /// Chats that the viewer may read, the latest first: its own, an organisation's admin all of the organisation's, a
    /// service account those of its agents.
    #[graphql(guard = "Requires(Permission::ChatRead)", directive = requires::apply(Permission::ChatRead.into()))]
    async fn chat_sessions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the beginning, at most 100; 20 without it.")] first: Option<i32>,
        #[graphql(desc = "Only chats after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Only chats before this cursor.")] before: Option<String>,
        #[graphql(desc = "Narrows the list.")] filter: Option<ChatSessionFilterInput>,
    ) -> Result<ChatSessionConnection> {
        let cx = cx(ctx);
        let filter = filter.unwrap_or_default().parse()?;
        let list = ListName::new(cx, "chats", &filter);
        let page = PageArgs { first, after, last, before }.request(cx, &list)?;
        let page = cx.store.chat_list(&filter, lookahead::node_columns::<ChatSessionRow>(ctx), &page).await?;
        let total = match lookahead::selects(ctx, "totalCount") {
            true => Some(cx.store.chat_count(&filter).await?),
            false => None,
        };
        Ok(ChatSessionConnection::new(seal(cx, &list, page, ChatSession)?, total))
    }
}
