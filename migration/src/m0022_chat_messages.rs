//! The order of messages inside a chat, messages that are posted once, and chats by when they expire.

use sea_orm::ConnectionTrait as _;
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait, prelude::DbErr};

use crate::{change::Change, schema::Kind};

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0022_chat_messages"
    }
}

/// What rows have to be given first.
fn columns() -> Change {
    Change::tenant("chat_messages").with("position", Kind::BigInt, 0).null("idempotency_key", Kind::Text)
}

/// What holds once the old rows have their places.
fn indexes() -> [Change; 2] {
    [
        Change::tenant("chat_messages").unique(&["session_id", "position"]).unique(&["session_id", "idempotency_key"]),
        Change::tenant("chat_sessions").index(&["status", "expires_at"]),
    ]
}

/// Old messages take the places in which they were said.
const PLACES: &str = "UPDATE chat_messages SET position = placed.place
     FROM (SELECT org_id, id, row_number() OVER (PARTITION BY org_id, session_id ORDER BY created_at, id) AS place
           FROM chat_messages) AS placed
     WHERE placed.org_id = chat_messages.org_id AND placed.id = chat_messages.id";

/// The next message's place follows from its session's count: no count may be behind the messages.
const COUNTS: &str = "UPDATE chat_sessions SET message_count = counted.messages
     FROM (SELECT org_id, session_id, count(*) AS messages FROM chat_messages GROUP BY org_id, session_id) AS counted
     WHERE counted.org_id = chat_sessions.org_id AND counted.session_id = chat_sessions.id
       AND chat_sessions.message_count < counted.messages";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        columns().apply(manager).await?;
        for sql in [PLACES, COUNTS] {
            manager.get_connection().execute_unprepared(sql).await?;
        }
        for change in indexes() {
            change.apply(manager).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for change in indexes().iter().rev() {
            change.revert(manager).await?;
        }
        columns().revert(manager).await
    }
}
