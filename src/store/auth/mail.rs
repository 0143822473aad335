//! The outbox. Mail is written in the transaction that causes it; a job of `Role::System` sends it and empties it.

use chrono::{DateTime, TimeDelta, Utc};
use entity::{
    confidential::Secret,
    enums::MailTemplate,
    ids::{MailId, MemberRequestId, UserId},
    mail_outbox,
};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, FromQueryResult, QueryFilter, QuerySelect,
    sea_query::{Expr, ExprTrait, LockBehavior, LockType, Query},
};

use crate::{error::Result, store::db::Tx};

/// A mail to be written.
#[derive(Clone)]
pub struct NewMail {
    /// Its id.
    pub id: MailId,
    /// The address, in its stored spelling.
    pub recipient: String,
    /// The subject line.
    pub subject: String,
    /// The text.
    pub body: String,
    /// What the two are made of when it is sent, if they are not written yet.
    pub template: Option<MailTemplate>,
    /// The request that it tells an admin of, and the admin.
    pub tells: Option<(MemberRequestId, UserId)>,
}

/// Writes a mail. On any role but the platform's jobs' own, too: who causes a mail cannot read it back.
pub async fn mail_create(tx: &Tx, mail: NewMail, now: DateTime<Utc>) -> Result<()> {
    let row = mail_outbox::ActiveModel {
        id: Set(mail.id),
        recipient: Set(mail.recipient),
        subject: Set(Secret::new(mail.subject)),
        body: Set(Secret::new(mail.body)),
        attempts: Set(0),
        created_at: Set(now),
        sent_at: Set(None),
        template: Set(mail.template),
        request_id: Set(mail.tells.map(|(request, _)| request)),
        recipient_id: Set(mail.tells.map(|(_, recipient)| recipient)),
        next_attempt_at: Set(None),
        failed_at: Set(None),
    };
    mail_outbox::Entity::insert(row).exec_without_returning(tx).await?;
    Ok(())
}

/// Takes one mail that is due, the one that waits longest, for one attempt: nobody else tries it before `until`. Two who
/// ask at one instant get different ones. On `Role::System`, like all that follows.
pub async fn mail_claim(tx: &Tx, now: DateTime<Utc>, until: DateTime<Utc>) -> Result<Option<mail_outbox::Model>> {
    use mail_outbox::{Column, Entity};
    let mut due = Query::select();
    due.column(Column::Id)
        .from(Entity)
        .and_where(Expr::col(Column::SentAt).is_null())
        .and_where(Expr::col(Column::FailedAt).is_null())
        .and_where(Expr::col(Column::NextAttemptAt).is_null().or(Expr::col(Column::NextAttemptAt).lte(now)))
        .order_by(Column::Attempts, sea_orm::Order::Asc)
        .order_by(Column::Id, sea_orm::Order::Asc)
        .limit(1);
    if tx.get_database_backend() == DbBackend::Postgres {
        due.lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
    }
    let mut claim = Query::update();
    claim
        .table(Entity)
        .value(Column::Attempts, Expr::col(Column::Attempts).add(1))
        .value(Column::NextAttemptAt, until)
        // Not IN: PostgreSQL could run that once for each row, and take more than one.
        .and_where(Expr::col(Column::Id).eq(Expr::SubQuery(None, Box::new(due.into()))))
        .returning(Query::returning().columns(ALL));
    let row = tx.query_one(&claim).await?;
    Ok(row.map(|row| mail_outbox::Model::from_query_result(&row, "")).transpose()?)
}

const ALL: [mail_outbox::Column; 12] = {
    use mail_outbox::Column::{
        Attempts, Body, CreatedAt, FailedAt, Id, NextAttemptAt, Recipient, RecipientId, RequestId, SentAt, Subject,
        Template,
    };
    [
        Id,
        Recipient,
        Subject,
        Body,
        Attempts,
        CreatedAt,
        SentAt,
        Template,
        RequestId,
        RecipientId,
        NextAttemptAt,
        FailedAt,
    ]
};

fn change(id: MailId) -> sea_orm::UpdateMany<mail_outbox::Entity> {
    mail_outbox::Entity::update_many().filter(mail_outbox::Column::Id.eq(id))
}

fn emptied(update: sea_orm::UpdateMany<mail_outbox::Entity>) -> sea_orm::UpdateMany<mail_outbox::Entity> {
    update.col_expr(mail_outbox::Column::Subject, Expr::value("")).col_expr(mail_outbox::Column::Body, Expr::value(""))
}

/// Writes the text of a mail that had none yet.
pub async fn mail_write(tx: &Tx, id: MailId, subject: String, body: String) -> Result<()> {
    change(id)
        .col_expr(mail_outbox::Column::Subject, Expr::value(subject))
        .col_expr(mail_outbox::Column::Body, Expr::value(body))
        .col_expr(mail_outbox::Column::Template, Expr::value(None::<MailTemplate>))
        .exec(tx)
        .await?;
    Ok(())
}

/// Notes that a mail was sent, and empties it: its links are its recipient's alone from then on.
pub async fn mail_sent(tx: &Tx, id: MailId, now: DateTime<Utc>) -> Result<()> {
    emptied(change(id)).col_expr(mail_outbox::Column::SentAt, Expr::value(now)).exec(tx).await?;
    Ok(())
}

/// Says when a mail is tried again.
pub async fn mail_retry(tx: &Tx, id: MailId, at: DateTime<Utc>) -> Result<()> {
    change(id).col_expr(mail_outbox::Column::NextAttemptAt, Expr::value(at)).exec(tx).await?;
    Ok(())
}

/// Gives a mail up, and empties it: nobody gets its links any more.
pub async fn mail_give_up(tx: &Tx, id: MailId, now: DateTime<Utc>) -> Result<()> {
    emptied(change(id)).col_expr(mail_outbox::Column::FailedAt, Expr::value(now)).exec(tx).await?;
    Ok(())
}

/// Removes a mail that is for nobody.
pub async fn mail_drop(tx: &Tx, id: MailId) -> Result<()> {
    mail_outbox::Entity::delete_many().filter(mail_outbox::Column::Id.eq(id)).exec(tx).await?;
    Ok(())
}

/// Removes mails that were sent or given up, and written before a moment. Those that told of a request stay.
pub async fn mail_sweep(tx: &Tx, before: DateTime<Utc>) -> Result<()> {
    use mail_outbox::Column::{CreatedAt, FailedAt, RequestId, SentAt};
    mail_outbox::Entity::delete_many()
        .filter(SentAt.is_not_null().or(FailedAt.is_not_null()))
        .filter(RequestId.is_null())
        .filter(CreatedAt.lt(before))
        .exec(tx)
        .await?;
    Ok(())
}

/// Whether every one of `admins` was sent a mail about the request, and longer ago than `wait`.
pub async fn mail_told(
    tx: &Tx,
    request: MemberRequestId,
    admins: &[UserId],
    now: DateTime<Utc>,
    wait: TimeDelta,
) -> Result<bool> {
    use mail_outbox::Column::{RecipientId, RequestId, SentAt};
    let told: Vec<Option<UserId>> = mail_outbox::Entity::find()
        .select_only()
        .column(RecipientId)
        .filter(RequestId.eq(request))
        .filter(SentAt.lte(now - wait))
        .into_tuple()
        .all(tx)
        .await?;
    Ok(admins.iter().all(|admin| told.contains(&Some(*admin))))
}
