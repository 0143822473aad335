//! The outbox. Mail is written in the transaction that causes it; a job of `Role::System` sends it and empties it.

use chrono::{DateTime, Utc};
use entity::{confidential::Secret, ids::MailId, mail_outbox};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, sea_query::Expr};

use crate::{error::Result, store::db::Tx};

/// Writes a mail. On any role but the platform's jobs' own, too: who causes a mail cannot read it back.
pub async fn mail_create(
    tx: &Tx,
    id: MailId,
    recipient: String,
    subject: String,
    body: String,
    now: DateTime<Utc>,
) -> Result<()> {
    let row = mail_outbox::ActiveModel {
        id: Set(id),
        recipient: Set(recipient),
        subject: Set(Secret::new(subject)),
        body: Set(Secret::new(body)),
        attempts: Set(0),
        created_at: Set(now),
        sent_at: Set(None),
    };
    mail_outbox::Entity::insert(row).exec_without_returning(tx).await?;
    Ok(())
}

/// Mail that waits, oldest first. On `Role::System`.
pub async fn mail_list(tx: &Tx, most_attempts: i32, limit: u64) -> Result<Vec<mail_outbox::Model>> {
    Ok(mail_outbox::Entity::find()
        .filter(mail_outbox::Column::SentAt.is_null())
        .filter(mail_outbox::Column::Attempts.lt(most_attempts))
        .order_by_asc(mail_outbox::Column::Attempts)
        .order_by_asc(mail_outbox::Column::Id)
        .limit(limit)
        .all(tx)
        .await?)
}

/// Takes a mail for one attempt; `false` when somebody else has taken it. On `Role::System`.
pub async fn mail_claim(tx: &Tx, mail: &mail_outbox::Model) -> Result<bool> {
    let done = mail_outbox::Entity::update_many()
        .col_expr(mail_outbox::Column::Attempts, Expr::value(mail.attempts + 1))
        .filter(mail_outbox::Column::Id.eq(mail.id))
        .filter(mail_outbox::Column::Attempts.eq(mail.attempts))
        .filter(mail_outbox::Column::SentAt.is_null())
        .exec(tx)
        .await?;
    Ok(done.rows_affected == 1)
}

/// Notes that a mail was sent, and empties it: its links are its recipient's alone from then on. On `Role::System`.
pub async fn mail_sent(tx: &Tx, id: MailId, now: DateTime<Utc>) -> Result<()> {
    mail_outbox::Entity::update_many()
        .col_expr(mail_outbox::Column::SentAt, Expr::value(now))
        .col_expr(mail_outbox::Column::Subject, Expr::value(""))
        .col_expr(mail_outbox::Column::Body, Expr::value(""))
        .filter(mail_outbox::Column::Id.eq(id))
        .exec(tx)
        .await?;
    Ok(())
}
