//! The job that delivers what waits in the outbox.
//!
//! Any number of processes may run it. A mail is claimed for one attempt, sent, and marked; whoever claims it is alone
//! with it until the claim runs out. **At least once**: a process that dies between sending and marking leaves a claim
//! that runs out, and the mail goes out again, under the same `Message-ID`. A mail that was marked is never sent again.
//!
//! What cannot be delivered is tried again after ever longer waits, and given up after so many attempts, or at once where
//! the server says that there is no such address. Then an error is logged, and its text is gone like that of a mail that
//! was sent.

use std::time::Duration;

use chrono::TimeDelta;
use entity::{confidential::Secret, enums::MailTemplate, mail_outbox};

use super::{
    folder::MailFolder,
    password_link_text,
    smtp::{Refusal, Smtp},
};
use crate::{
    clock::Clock,
    error::Result,
    store::{
        audit::record::{self, Record},
        auth::{account, mail},
        db::{Database, Role},
    },
};

/// Where mail goes.
#[derive(Clone, Debug)]
pub enum Sender {
    /// Into a folder.
    Folder(MailFolder),
    /// To an SMTP server.
    Smtp(Smtp),
}

/// How the outbox is worked off.
#[derive(Clone, Debug)]
pub struct OutboxSettings {
    /// Where clients reach the platform, for links.
    pub public_url: String,
    /// A mail is given up after so many attempts.
    pub attempts: i32,
    /// How long one attempt may take.
    pub timeout: Duration,
}

/// After the first failure; each later one doubles it.
const FIRST_WAIT: TimeDelta = TimeDelta::seconds(30);
const LONGEST_WAIT: TimeDelta = TimeDelta::hours(4);
/// Rows of mails that were sent or given up are kept so long.
const KEPT: TimeDelta = TimeDelta::days(30);
/// Mails in one round, so that a stop is noticed.
const ROUND: usize = 50;

/// The outbox, with where it leads.
#[derive(Clone, Debug)]
pub struct Outbox {
    sender: Sender,
    settings: OutboxSettings,
}

/// What became of an attempt.
enum Outcome {
    Sent,
    /// There was nothing to send, which its recipient alone may know.
    Dropped,
    Failed(Refusal),
}

impl Outbox {
    /// Delivers by `sender`.
    pub const fn new(sender: Sender, settings: OutboxSettings) -> Self {
        Self { sender, settings }
    }

    /// Delivers what is due; answers how many mails went out.
    pub async fn deliver(&self, db: &Database, clock: &Clock) -> Result<usize> {
        let mut sent = 0;
        for _ in 0..ROUND {
            let tx = db.begin_write(Role::System, None).await?;
            let now = clock.now();
            let Some(mail) = mail::mail_claim(&tx, now, now + self.claim()).await? else { break };
            tx.commit().await?;
            let outcome = self.attempt(db, clock, &mail).await?;
            sent += usize::from(matches!(outcome, Outcome::Sent));
            self.conclude(db, clock, &mail, outcome).await?;
        }
        Ok(sent)
    }

    /// Removes mails that were sent or given up long ago. For a job.
    pub async fn sweep(&self, db: &Database, clock: &Clock) -> Result<()> {
        let tx = db.begin_write(Role::System, None).await?;
        mail::mail_sweep(&tx, clock.now() - KEPT).await?;
        tx.commit().await
    }

    /// How long a claim holds: longer than an attempt can take.
    fn claim(&self) -> TimeDelta {
        TimeDelta::from_std(self.settings.timeout).unwrap_or(LONGEST_WAIT) * 2 + TimeDelta::minutes(1)
    }

    async fn attempt(&self, db: &Database, clock: &Clock, waiting: &mail_outbox::Model) -> Result<Outcome> {
        let written;
        let mail = match waiting.template {
            None => waiting,
            Some(MailTemplate::PasswordReset) => match self.password_reset(db, clock, waiting).await? {
                Some(mail) => {
                    written = mail;
                    &written
                }
                None => return Ok(Outcome::Dropped),
            },
        };
        Ok(match &self.sender {
            Sender::Folder(folder) => match folder.write(mail).await {
                Ok(()) => Outcome::Sent,
                Err(error) => Outcome::Failed(Refusal { final_: false, why: error.kind().to_string() }),
            },
            Sender::Smtp(smtp) => match smtp.send(mail).await {
                Ok(()) => Outcome::Sent,
                Err(refusal) => Outcome::Failed(refusal),
            },
        })
    }

    /// Makes the link that somebody asked for by an address alone, where the address has an account that may sign in. It
    /// is made here, and not where it is asked for, so that the answer cannot tell by its time whether there is one.
    async fn password_reset(
        &self,
        db: &Database,
        clock: &Clock,
        waiting: &mail_outbox::Model,
    ) -> Result<Option<mail_outbox::Model>> {
        let tx = db.begin_write(Role::System, None).await?;
        let Some(user) = account::account_active(&tx, &waiting.recipient).await? else { return Ok(None) };
        let (subject, body) = password_link_text(&tx, clock, &self.settings.public_url, user).await?;
        mail::mail_write(&tx, waiting.id, subject.clone(), body.clone()).await?;
        // Nobody is known to have asked: it may have been anybody.
        record::platform_record(&tx, clock, None, Record::about("user.password_link_sent", user)).await?;
        tx.commit().await?;
        let (subject, body) = (Secret::new(subject), Secret::new(body));
        Ok(Some(mail_outbox::Model { subject, body, template: None, ..waiting.clone() }))
    }

    async fn conclude(&self, db: &Database, clock: &Clock, mail: &mail_outbox::Model, outcome: Outcome) -> Result<()> {
        let (id, attempt) = (mail.id, mail.attempts);
        let tx = db.begin_write(Role::System, None).await?;
        let now = clock.now();
        match outcome {
            Outcome::Sent => mail::mail_sent(&tx, id, now).await?,
            Outcome::Dropped => mail::mail_drop(&tx, id).await?,
            Outcome::Failed(Refusal { final_, why }) if final_ || attempt >= self.settings.attempts => {
                tracing::error!(mail = %id, attempt, why, "a mail was given up");
                mail::mail_give_up(&tx, id, now).await?;
            }
            Outcome::Failed(Refusal { why, .. }) => {
                let wait = wait(attempt);
                tracing::warn!(mail = %id, attempt, why, seconds = wait.num_seconds(), "a mail is tried again later");
                mail::mail_retry(&tx, id, now + wait).await?;
            }
        }
        tx.commit().await
    }
}

/// How long a mail waits after so many attempts.
fn wait(attempts: i32) -> TimeDelta {
    let doublings = u32::try_from(attempts - 1).unwrap_or(0).min(16);
    (FIRST_WAIT * 2_i32.pow(doublings)).min(LONGEST_WAIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_and_end_at_four_hours() {
        let waits: Vec<i64> = [1, 2, 3, 9, 10, 11, 1000].into_iter().map(|n| wait(n).num_seconds()).collect();
        assert_eq!(waits, [30, 60, 120, 7680, 14400, 14400, 14400]);
    }
}
