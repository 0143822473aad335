//! Chats, and what was said in them.
//!
//! An operator reads chats and no message: its role may not select from their table, so nothing is asked for it here.

use std::collections::HashMap;

use entity::{
    chat_message, chat_session,
    confidential::JsonText,
    enums::{ChatRole, ChatSessionStatus},
    ids::{AgentId, ChatMessageId, ChatSessionId, OrgId, TypedId, UserId},
};
use sea_orm::sea_query::{Expr, ExprTrait};

use crate::store::{
    List, OrgRow, Store,
    list::{
        page::{Page, PageRequest, Sort, SortKind},
        row::{Columns, Row, row},
    },
    scope::Scope,
    uuids,
};
use crate::{
    error::{Error, Result},
    policy::ChatFacts,
};

row! {
    /// A chat, with the columns that were asked for.
    ChatSessionRow of chat_session {
        key #[doc = "The organisation."] org_id: OrgId = OrgId,
        key #[doc = "The chat."] id: ChatSessionId = Id,
        key #[doc = "The agent."] agent_id: AgentId = AgentId,
        key #[doc = "Whose it is."] user_id: Option<UserId> = UserId,
        key #[doc = "Whether it goes on."] status: ChatSessionStatus = Status,
        lazy #[doc = "How many messages were posted."] message_count: i32 = MessageCount,
        lazy #[doc = "When it began."] created_at: chrono::DateTime<chrono::Utc> = CreatedAt,
        lazy #[doc = "When it last changed."] updated_at: chrono::DateTime<chrono::Utc> = UpdatedAt,
        lazy #[doc = "When it expires unless somebody says something."] expires_at: Option<chrono::DateTime<chrono::Utc>> = ExpiresAt,
        sealed #[doc = "Its name."] title: String = Title,
    }
}

impl OrgRow for ChatSessionRow {
    fn org_id(&self) -> Option<OrgId> {
        Some(self.org_id)
    }
}

row! {
    /// A message, with the columns that were asked for.
    ChatMessageRow of chat_message {
        key #[doc = "The organisation."] org_id: OrgId = OrgId,
        key #[doc = "The message."] id: ChatMessageId = Id,
        key #[doc = "The chat."] session_id: ChatSessionId = SessionId,
        lazy #[doc = "Who speaks."] role: ChatRole = Role,
        lazy #[doc = "When it was said."] created_at: chrono::DateTime<chrono::Utc> = CreatedAt,
        sealed #[doc = "What was said."] content: String = Content,
        sealed #[doc = "What is asked of tools."] tool_calls: JsonText = ToolCalls,
        sealed #[doc = "What tools answered."] tool_results: JsonText = ToolResults,
        sealed #[doc = "Tokens read."] tokens_in: i32 = TokensIn,
        sealed #[doc = "Tokens written."] tokens_out: i32 = TokensOut,
    }
}

impl OrgRow for ChatMessageRow {
    fn org_id(&self) -> Option<OrgId> {
        Some(self.org_id)
    }
}

/// Which chats.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct ChatFilter {
    /// In one of these states.
    pub status: Option<Vec<ChatSessionStatus>>,
    /// With this agent.
    pub agent_id: Option<AgentId>,
    /// Of this user.
    pub user_id: Option<UserId>,
    /// Of this organisation.
    pub organization_id: Option<OrgId>,
}

impl ChatFilter {
    fn list(&self, columns: Columns<chat_session::Entity>) -> List<ChatSessionRow> {
        use chat_session::{Column, Entity};
        let col = |column| Expr::col((Entity, column));
        List::new(columns)
            .only(self.organization_id.map(|org_id| col(Column::OrgId).eq(org_id)))
            .only(self.status.as_ref().map(|s| col(Column::Status).is_in(s.iter().map(|state| state.as_str()))))
            .only(self.agent_id.map(|id| col(Column::AgentId).eq(id)))
            .only(self.user_id.map(|id| col(Column::UserId).eq(id)))
            // The latest first, which are what is looked for.
            .sorted(Sort { kind: SortKind::Id, descending: true }, None)
    }
}

impl Store {
    /// Looks chats up by id.
    pub async fn chat_by_ids(
        &self,
        ids: &[ChatSessionId],
        columns: Columns<chat_session::Entity>,
    ) -> Result<Vec<ChatSessionRow>> {
        self.by_ids(&uuids(ids), columns).await
    }

    /// A page of chats, the latest first.
    pub async fn chat_list(
        &self,
        filter: &ChatFilter,
        columns: Columns<chat_session::Entity>,
        page: &PageRequest,
    ) -> Result<Page<ChatSessionRow>> {
        self.list(filter.list(columns), page).await
    }

    /// How many chats the list has.
    pub async fn chat_count(&self, filter: &ChatFilter) -> Result<i64> {
        self.list_count(filter.list(ChatSessionRow::keys())).await
    }

    /// The facts that rules need of one chat, loaded under the viewer's scope; `NOT_FOUND` when it is absent or hidden.
    pub async fn chat_facts(&self, id: ChatSessionId) -> Result<ChatFacts> {
        let row = self.chat_by_ids(&[id], ChatSessionRow::keys()).await?.pop().ok_or(Error::NotFound)?;
        let agent = match self.agent_facts(row.agent_id).await {
            Ok(agent) => Some(agent),
            Err(Error::NotFound) => None,
            Err(error) => return Err(error),
        };
        Ok(ChatFacts { org_id: row.org_id, id: row.id, user_id: row.user_id, agent })
    }
}

/// What was said.
impl Store {
    fn reads_messages(&self) -> Result<bool> {
        Ok(!matches!(self.scope()?, Scope::Operator))
    }

    /// Looks messages up by id.
    pub async fn chat_message_by_ids(
        &self,
        ids: &[ChatMessageId],
        columns: Columns<chat_message::Entity>,
    ) -> Result<Vec<ChatMessageRow>> {
        if !self.reads_messages()? {
            return Ok(Vec::new());
        }
        self.by_ids(&uuids(ids), columns).await
    }

    /// A page of messages for each chat, in the order in which they were said.
    pub async fn messages_of_chats(
        &self,
        chats: &[(OrgId, ChatSessionId)],
        columns: Columns<chat_message::Entity>,
        page: &PageRequest,
    ) -> Result<Vec<Page<ChatMessageRow>>> {
        use chat_message::{Column, Entity};
        if !self.reads_messages()? {
            return Ok(chats.iter().map(|_| Page::empty()).collect());
        }
        let col = |column| Expr::col((Entity, column));
        let parents: Vec<_> = chats.iter().map(|(org_id, id)| (org_id.uuid(), id.uuid())).collect();
        let sort = Sort { kind: SortKind::BigInt, descending: false };
        let list = List::new(columns).sorted(sort, Some(col(Column::Position)));
        self.children(&parents, list, page, |parent| {
            vec![col(Column::OrgId).eq(parent.org_id), col(Column::SessionId).eq(parent.id)]
        })
        .await
    }

    /// How many messages of each chat are kept.
    pub async fn message_counts_of_chats(&self, chats: &[ChatSessionId]) -> Result<HashMap<ChatSessionId, i64>> {
        if !self.reads_messages()? {
            return Ok(HashMap::new());
        }
        self.child_counts(List::<ChatMessageRow>::new(ChatMessageRow::keys()), "session_id", chats).await
    }
}
