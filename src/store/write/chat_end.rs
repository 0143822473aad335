//! Chats in which nobody says anything any more, and messages that were kept long enough.
//!
//! Jobs of the platform's own, which may run in any number of processes: a chat expires from the state in which it was
//! found, so that it does once, and messages are deleted by their ids, where the second finds nothing.

use chrono::{DateTime, TimeDelta, Utc};
use entity::{
    chat_message, chat_session,
    enums::ChatSessionStatus,
    ids::{ChatMessageId, ChatSessionId, OrgId},
    organization,
};
use sea_orm::{
    ConnectionTrait, Order, TryGetable,
    sea_query::{Expr, ExprTrait, LockBehavior, LockType, Query, SelectStatement},
};

use super::chat::end;
use crate::{
    clock::Clock,
    error::{Error, Result},
    status::State,
    store::{
        any_of,
        audit::record::{self, Record},
        db::{Database, Role, Tx},
        uuids,
    },
    viewer::Actor,
};

/// How many chats one round of [`chats_expire`] ends.
const ROUND: u64 = 200;
/// How many messages one transaction deletes.
const AT_ONCE: u64 = 500;

/// Ends chats whose time is over, in every organisation. Answers how many.
pub async fn chats_expire(db: &Database, clock: &Clock) -> Result<usize> {
    let mut ended = 0;
    for (org_id, id) in due(db, clock.now()).await? {
        let tx = db.begin_write(Role::System, Some(org_id)).await?;
        if end(&tx, org_id, id, ChatSessionStatus::Expired, clock.now()).await? {
            record::record(&tx, clock, org_id, Actor::Platform, Record::about("chat.expired", id)).await?;
            tx.commit().await?;
            ended += 1;
        }
    }
    Ok(ended)
}

/// Only which ones, as operators see it. Ending each enters its organisation.
async fn due(db: &Database, now: DateTime<Utc>) -> Result<Vec<(OrgId, ChatSessionId)>> {
    use chat_session::{Column, Entity};
    let tx = db.begin_read(Role::Operator, None).await?;
    let organizations = Query::select().column(organization::Column::Id).from(organization::Entity).take();
    let mut select = Query::select();
    select
        .columns([Column::OrgId, Column::Id])
        .from(Entity)
        // All of them, but by name: the index begins with the organisation.
        .and_where(Expr::col(Column::OrgId).in_subquery(organizations))
        .and_where(Expr::col(Column::Status).eq(ChatSessionStatus::Open.as_str()))
        .and_where(Expr::col(Column::ExpiresAt).lte(now))
        .limit(ROUND);
    let rows = tx.query_all(&select).await?;
    let ids = rows.iter().map(|row| Ok((OrgId::try_get_by_index(row, 0)?, ChatSessionId::try_get_by_index(row, 1)?)));
    ids.collect()
}

/// Deletes the messages of chats that ended longer ago than `retention`, in every organisation; none without it. The
/// chats stay. Answers how many messages.
pub async fn chats_forget(db: &Database, clock: &Clock, retention: Option<TimeDelta>) -> Result<u64> {
    let Some(before) = retention.and_then(|retention| clock.now().checked_sub_signed(retention)) else {
        return Ok(0);
    };
    let mut deleted = 0;
    for org_id in organizations_with_due_work(db, before).await? {
        loop {
            let tx = db.begin_write(Role::System, Some(org_id)).await?;
            let found = forget(&tx, org_id, before).await?;
            tx.commit().await?;
            deleted += found;
            if found < AT_ONCE {
                break;
            }
        }
    }
    Ok(deleted)
}

/// Organisations that keep such messages. Looked for without a write: on SQLite there is one writer.
async fn organizations_with_due_work(db: &Database, before: DateTime<Utc>) -> Result<Vec<OrgId>> {
    let tx = db.begin_read(Role::System, None).await?;
    let mut all = Query::select();
    all.column(organization::Column::Id).from(organization::Entity).order_by(organization::Column::Id, Order::Asc);
    let rows = tx.query_all(&all).await?;
    let all = rows.iter().map(|row| OrgId::try_get_by_index(row, 0)).collect::<Result<Vec<_>, _>>()?;
    let mut organizations_with_due_work = Vec::new();
    for org_id in all {
        tx.enter(org_id).await?;
        let mut any = Query::select();
        any.expr(Expr::exists(old(org_id, before)));
        let row = tx.query_one(&any).await?.ok_or_else(|| Error::internal("no answer"))?;
        if bool::try_get_by_index(&row, 0)? {
            organizations_with_due_work.push(org_id);
        }
    }
    Ok(organizations_with_due_work)
}

/// Messages of chats that ended before.
fn old(org_id: OrgId, before: DateTime<Utc>) -> SelectStatement {
    use chat_session::{Column as Session, Entity as Sessions};
    let over = ChatSessionStatus::FINAL.iter().map(|status| status.as_str());
    let mut ended = Query::select();
    ended
        .column((Sessions, Session::Id))
        .from(Sessions)
        .and_where(Expr::col((Sessions, Session::OrgId)).eq(org_id))
        .and_where(Expr::col((Sessions, Session::Status)).is_in(over))
        // A chat that has ended changes no more.
        .and_where(Expr::col((Sessions, Session::UpdatedAt)).lte(before));
    use chat_message::{Column, Entity};
    Query::select()
        .column((Entity, Column::Id))
        .from(Entity)
        .and_where(Expr::col((Entity, Column::OrgId)).eq(org_id))
        .and_where(Expr::col((Entity, Column::SessionId)).in_subquery(ended))
        .take()
}

async fn forget(tx: &Tx, org_id: OrgId, before: DateTime<Utc>) -> Result<u64> {
    use chat_message::{Column, Entity};
    let mut found = old(org_id, before);
    found.limit(AT_ONCE).lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
    let rows = tx.query_all(&found).await?;
    let ids = rows.iter().map(|row| ChatMessageId::try_get_by_index(row, 0)).collect::<Result<Vec<_>, _>>()?;
    if ids.is_empty() {
        return Ok(0);
    }
    let mut delete = Query::delete();
    delete.from_table(Entity).and_where(Expr::col(Column::OrgId).eq(org_id)).and_where(any_of(
        Expr::col(Column::Id),
        &uuids(&ids),
        tx.get_database_backend(),
    ));
    Ok(tx.execute(&delete).await?.rows_affected())
}
