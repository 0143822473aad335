//! Chats, as they are started, continued and closed.
//!
//! A chat is locked after its agent. Its count is the next message's place: whoever posts holds the chat, so that places
//! have no gaps and no doubles however many processes post at one instant.

use chrono::{DateTime, TimeDelta, Utc};
use entity::{
    chat_message, chat_session,
    confidential::{Confidential, JsonText},
    enums::{AgentStatus, AgentVisibility, ChatRole, ChatSessionStatus},
    ids::{AgentId, ChatMessageId, ChatSessionId, OrgId},
};
use sea_orm::{
    ActiveValue::Set,
    ConnectionTrait, EntityTrait, TryGetable,
    sea_query::{Expr, ExprTrait, Func, LockType, Query},
};
use serde_json::json;

use super::{
    budget::budget_require,
    check::lock_agent,
    global_agent::{install, platform_agent},
    goal::digest,
};
use crate::{
    clock::Clock,
    error::{Error, Result},
    policy::permit::{CloseChat, Permit, PostMessage, StartChat},
    status::{ChatRules, State},
    store::{Store, audit::record::Record, db::Tx},
};

/// A chat that is to be started.
#[derive(Clone, Debug)]
pub struct ChatDraft {
    /// Its name.
    pub title: Confidential<String>,
    /// How long it stays open in which nobody says anything.
    pub idle: TimeDelta,
}

/// A message that is to be posted.
#[derive(Clone, Debug)]
pub struct MessageDraft {
    /// Who speaks.
    pub role: ChatRole,
    /// What is said.
    pub content: Confidential<String>,
    /// What is asked of tools.
    pub tool_calls: Confidential<JsonText>,
    /// What tools answered.
    pub tool_results: Confidential<JsonText>,
    /// Tokens read.
    pub tokens_in: Confidential<i32>,
    /// Tokens written.
    pub tokens_out: Confidential<i32>,
    /// The poster's own name for it: the same name posts once.
    pub idempotency_key: Option<String>,
}

const NOT_TAKEN: Error = Error::Conflict("The agent takes no chats.");
const OVER: Error = Error::Conflict("The chat is over.");

impl Store {
    /// Starts a chat of the viewer's.
    pub async fn chat_start(
        &self,
        clock: &Clock,
        permit: &Permit<StartChat>,
        draft: ChatDraft,
    ) -> Result<ChatSessionId> {
        let agent_id = permit.key().id;
        let org_id = self.org_of(permit.key().org_id)?;
        let user_id = self.viewer.user_id().ok_or(Error::Unauthenticated)?;
        let tx = self.begin_write(Some(org_id)).await?;
        budget_require(&tx, org_id, clock.now()).await?;
        let mut records = Vec::new();
        if permit.key().org_id.is_none() {
            let platform = platform_agent(&tx, agent_id).await?;
            records.extend(install(&tx, clock, org_id, agent_id, platform).await?);
        }
        lock_capable(&tx, org_id, agent_id).await?;
        let (id, now) = (clock.id(), clock.now());
        let row = chat_session::ActiveModel {
            org_id: Set(org_id),
            id: Set(id),
            agent_id: Set(agent_id),
            user_id: Set(Some(user_id)),
            status: Set(ChatSessionStatus::Open),
            title: Set(draft.title),
            message_count: Set(0),
            created_at: Set(now),
            updated_at: Set(now),
            expires_at: Set(now.checked_add_signed(draft.idle)),
        };
        chat_session::Entity::insert(row).exec_without_returning(&tx).await?;
        records.push(Record::about("chat.started", id).with(json!({ "agentId": agent_id.to_string() })));
        self.finish(tx, clock, org_id, records).await?;
        Ok(id)
    }

    /// Posts a message, or finds the one that was posted in the chat with the same key.
    pub async fn chat_post(
        &self,
        clock: &Clock,
        permit: &Permit<PostMessage>,
        draft: MessageDraft,
        rules: &ChatRules,
    ) -> Result<ChatMessageId> {
        let (org_id, session_id) = permit.key();
        let tx = self.begin_write(Some(org_id)).await?;
        let key = draft.idempotency_key.as_deref().map(digest);
        // Asked before the states: a retry finds its message, also when the chat was closed meanwhile.
        if let Some(id) = earlier(&tx, org_id, session_id, key.as_deref(), &draft).await? {
            return Ok(id);
        }
        // What a person says begins work; what a service account answers ends work that was begun.
        if draft.role == ChatRole::User {
            budget_require(&tx, org_id, clock.now()).await?;
            let agent_id = agent_of(&tx, org_id, session_id).await?;
            lock_capable(&tx, org_id, agent_id).await?;
        }
        let held = hold(&tx, org_id, session_id).await?;
        // Somebody may have posted the same meanwhile; now nobody does.
        if let Some(id) = earlier(&tx, org_id, session_id, key.as_deref(), &draft).await? {
            return Ok(id);
        }
        let now = clock.now();
        if held.status != ChatSessionStatus::Open || held.expires_at.is_some_and(|expires_at| expires_at <= now) {
            return Err(OVER);
        }
        let place = held.message_count.checked_add(1).ok_or(Error::Conflict("The chat is full."))?;
        let (id, role) = (clock.id(), draft.role);
        let row = chat_message::ActiveModel {
            org_id: Set(org_id),
            id: Set(id),
            session_id: Set(session_id),
            position: Set(i64::from(place)),
            role: Set(role),
            content: Set(draft.content),
            tool_calls: Set(draft.tool_calls),
            tool_results: Set(draft.tool_results),
            tokens_in: Set(draft.tokens_in),
            tokens_out: Set(draft.tokens_out),
            idempotency_key: Set(key),
            created_at: Set(now),
        };
        chat_message::Entity::insert(row).exec_without_returning(&tx).await?;
        let mut update = Query::update();
        update
            .table(chat_session::Entity)
            .value(chat_session::Column::MessageCount, place)
            .value(chat_session::Column::UpdatedAt, now)
            .value(chat_session::Column::ExpiresAt, now.checked_add_signed(held.idle(rules)))
            .and_where(Expr::col(chat_session::Column::OrgId).eq(org_id))
            .and_where(Expr::col(chat_session::Column::Id).eq(session_id));
        tx.execute(&update).await?;
        let audit_payload = json!({ "sessionId": session_id.to_string(), "role": role.as_str() });
        self.finish(tx, clock, org_id, [Record::about("chat.message_added", id).with(audit_payload)]).await?;
        Ok(id)
    }

    /// Closes a chat.
    pub async fn chat_close(&self, clock: &Clock, permit: &Permit<CloseChat>) -> Result<()> {
        let (org_id, id) = permit.key();
        let tx = self.begin_write(Some(org_id)).await?;
        let now = clock.now();
        if !end(&tx, org_id, id, ChatSessionStatus::Closed, now).await? {
            return Err(OVER);
        }
        self.finish(tx, clock, org_id, [Record::about("chat.closed", id)]).await
    }
}

/// Ends a chat that goes on; says whether it did.
pub(in crate::store) async fn end(
    tx: &Tx,
    org_id: OrgId,
    id: ChatSessionId,
    status: ChatSessionStatus,
    now: DateTime<Utc>,
) -> Result<bool> {
    use chat_session::{Column, Entity};
    let before = ChatSessionStatus::before(status).map(ChatSessionStatus::as_str);
    let mut update = Query::update();
    update
        .table(Entity)
        .value(Column::Status, status.as_str())
        .value(Column::UpdatedAt, now)
        .and_where(Expr::col(Column::OrgId).eq(org_id))
        .and_where(Expr::col(Column::Id).eq(id))
        .and_where(Expr::col(Column::Status).is_in(before));
    if status == ChatSessionStatus::Expired {
        // Somebody may have said something since it was found.
        update.and_where(Expr::col(Column::ExpiresAt).lte(now));
    }
    Ok(tx.execute(&update).await?.rows_affected() == 1)
}

/// A chat, held until the transaction ends.
struct Held {
    status: ChatSessionStatus,
    message_count: i32,
    updated_at: DateTime<Utc>,
    expires_at: Option<DateTime<Utc>>,
}

impl Held {
    /// How long it stays open in which nobody says anything: as long as after its beginning and after each message.
    fn idle(&self, rules: &ChatRules) -> TimeDelta {
        let idle = self.expires_at.map(|expires_at| expires_at - self.updated_at);
        idle.filter(|idle| *idle > TimeDelta::zero()).unwrap_or(rules.expires_after)
    }
}

async fn hold(tx: &Tx, org_id: OrgId, id: ChatSessionId) -> Result<Held> {
    use chat_session::{Column, Entity};
    let mut select = Query::select();
    select
        .columns([Column::Status, Column::MessageCount, Column::UpdatedAt, Column::ExpiresAt])
        .from(Entity)
        .and_where(Expr::col(Column::OrgId).eq(org_id))
        .and_where(Expr::col(Column::Id).eq(id))
        .lock(LockType::Update);
    let row = tx.query_one(&select).await?.ok_or(Error::NotFound)?;
    Ok(Held {
        status: ChatSessionStatus::try_get_by_index(&row, 0)?,
        message_count: i32::try_get_by_index(&row, 1)?,
        updated_at: TryGetable::try_get_by_index(&row, 2)?,
        expires_at: Option::try_get_by_index(&row, 3)?,
    })
}

/// A chat's agent, which never changes.
async fn agent_of(tx: &Tx, org_id: OrgId, id: ChatSessionId) -> Result<AgentId> {
    use chat_session::{Column, Entity};
    let mut select = Query::select();
    select
        .column(Column::AgentId)
        .from(Entity)
        .and_where(Expr::col(Column::OrgId).eq(org_id))
        .and_where(Expr::col(Column::Id).eq(id));
    let row = tx.query_one(&select).await?.ok_or(Error::NotFound)?;
    Ok(AgentId::try_get_by_index(&row, 0)?)
}

/// Holds an agent with which people chat until the transaction ends: whoever stops it waits, or is seen here.
async fn lock_capable(tx: &Tx, org_id: OrgId, id: AgentId) -> Result<()> {
    let held = lock_agent(tx, org_id, id, LockType::Share).await?;
    let (mut active, mut capable) = (held.status == AgentStatus::Active, held.chat_capable);
    if held.visibility == AgentVisibility::Global {
        let platform = platform_agent(tx, id).await?;
        active &= platform.status == AgentStatus::Active;
        capable = platform.chat_capable;
    }
    if active && capable { Ok(()) } else { Err(NOT_TAKEN) }
}

/// The message with this key: the same one again, or a conflict when something else was said with it. Content is compared
/// in the database, which is where it may be read. Tokens are not compared.
async fn earlier(
    tx: &Tx,
    org_id: OrgId,
    session_id: ChatSessionId,
    key: Option<&str>,
    draft: &MessageDraft,
) -> Result<Option<ChatMessageId>> {
    use chat_message::{Column, Entity};
    let Some(key) = key else { return Ok(None) };
    let text = |column: Column, value: Expr| {
        let or_none = |expr: Expr| Expr::from(Func::coalesce([expr, Expr::val("")]));
        or_none(Expr::col(column)).eq(or_none(value))
    };
    let same = Expr::col(Column::Role)
        .eq(draft.role.as_str())
        .and(text(Column::Content, Expr::val(draft.content.clone())))
        .and(text(Column::ToolCalls, Expr::val(draft.tool_calls.clone())))
        .and(text(Column::ToolResults, Expr::val(draft.tool_results.clone())));
    let mut select = Query::select();
    select
        .column(Column::Id)
        .expr(same)
        .from(Entity)
        .and_where(Expr::col(Column::OrgId).eq(org_id))
        .and_where(Expr::col(Column::SessionId).eq(session_id))
        .and_where(Expr::col(Column::IdempotencyKey).eq(key));
    let Some(row) = tx.query_one(&select).await? else { return Ok(None) };
    if bool::try_get_by_index(&row, 1)? {
        Ok(Some(ChatMessageId::try_get_by_index(&row, 0)?))
    } else {
        Err(Error::Conflict("Something else was said with this idempotency key."))
    }
}
