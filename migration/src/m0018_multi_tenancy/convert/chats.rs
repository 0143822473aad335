//! Conversations and what was said in them.

use std::collections::HashMap;

use entity::ids::{ChatMessageId, ChatSessionId, TypedId as _};
use sea_orm::{ConnectionTrait as _, DbErr};
use uuid::Uuid;

use super::{
    Conversion,
    pages::{Batch, Old as _, Pages, row},
    words::{self, CHAT_ROLE, CHAT_STATUS},
};

/// Where references to sessions are.
pub(super) const REFERENCES: &[(&str, &str)] = &[("chat_messages", "session_id")];

impl Conversion<'_> {
    pub(super) async fn chats(&mut self) -> Result<(), DbErr> {
        self.sessions().await?;
        self.messages().await
    }

    async fn sessions(&mut self) -> Result<(), DbErr> {
        let counts = self.message_counts().await?;
        let count = |id: Option<Uuid>| counts.get(&id).copied().unwrap_or(0);
        let mut sessions = Batch::new(
            "chat_sessions",
            &["org_id", "id", "agent_id", "user_id", "status", "title", "message_count", "created_at", "updated_at"],
        );
        let mut pages = Pages::new("SELECT l.* FROM old_chat_sessions l");
        loop {
            let rows = pages.next(self.db).await?;
            if rows.is_empty() {
                break;
            }
            for row in rows {
                let id = row.id()?;
                let label = ChatSessionId::from_uuid(id);
                let (created, updated) = (row.time("created_at")?, row.time("updated_at")?);
                let new = row![
                    self.org,
                    id,
                    row.reference("agent_id")?.unwrap_or(self.no_agent),
                    self.user(row.reference("user_id")?),
                    self.word(CHAT_STATUS, "chat_sessions", "status", label, row.text("status")?),
                    row.text("title")?,
                    count(Some(id)),
                    created.or(updated).unwrap_or(self.now),
                    updated.or(created).unwrap_or(self.now),
                ];
                sessions.push(self.db, new).await?;
            }
        }
        // Nobody's: only the organisation's admins see them.
        let mut lost: Vec<_> =
            self.missing("chat_sessions", REFERENCES).await?.into_iter().map(|id| (id, Some(id))).collect();
        if counts.contains_key(&None) {
            lost.push((self.no_chat, None));
        }
        for (id, counted) in lost {
            let (user, title) = (None::<Uuid>, None::<String>);
            let messages = count(counted);
            let new = row![self.org, id, self.no_agent, user, "CLOSED", title, messages, self.now, self.now];
            sessions.push(self.db, new).await?;
        }
        sessions.flush(self.db).await
    }

    async fn message_counts(&self) -> Result<HashMap<Option<Uuid>, i32>, DbErr> {
        let sql = "SELECT session_id, count(*) AS messages FROM old_chat_messages GROUP BY session_id";
        let rows = self.db.query_all_raw(self.statement(sql)).await?;
        let count = |row: &sea_orm::QueryResult| {
            let messages = row.try_get::<i64>("", "messages")?;
            Ok((row.reference("session_id")?, i32::try_from(messages).unwrap_or(i32::MAX)))
        };
        rows.iter().map(count).collect()
    }

    async fn messages(&mut self) -> Result<(), DbErr> {
        let mut messages = Batch::new(
            "chat_messages",
            &[
                "org_id",
                "id",
                "session_id",
                "role",
                "content",
                "tool_calls",
                "tool_results",
                "tokens_in",
                "tokens_out",
                "created_at",
            ],
        );
        let mut pages = Pages::new("SELECT l.* FROM old_chat_messages l");
        loop {
            let rows = pages.next(self.db).await?;
            if rows.is_empty() {
                break;
            }
            for row in rows {
                let id = row.id()?;
                let new = row![
                    self.org,
                    id,
                    row.reference("session_id")?.unwrap_or(self.no_chat),
                    self.word(CHAT_ROLE, "chat_messages", "role", ChatMessageId::from_uuid(id), row.text("role")?),
                    row.text("content")?.unwrap_or_default(),
                    words::json(row.text("tool_calls")?),
                    words::json(row.text("tool_results")?),
                    row.int("tokens_in")?,
                    row.int("tokens_out")?,
                    row.time("created_at")?.unwrap_or(self.now),
                ];
                messages.push(self.db, new).await?;
            }
        }
        messages.flush(self.db).await
    }
}
