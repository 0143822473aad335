//! Mail with one-time links: what it says, and the job that delivers it into a folder.
//!
//! A mail is written in the transaction that makes its link, so that neither exists without the other. There is no page
//! to open yet: the text carries the token and names the mutation that takes it.
//!
//! The folder is for development, and for a relay that watches it: one `.eml` file a mail, named by its id, readable by
//! the server's user alone, written aside and renamed, so that a reader never finds half of one. Delivering twice writes
//! the same file twice.

use std::{
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::{DateTime, TimeDelta, Utc};
use entity::{
    confidential::Secret,
    enums::OneTimeTokenPurpose,
    ids::{MailId, UserId},
    mail_outbox, one_time_token,
};
use tokio::{
    fs::{self, OpenOptions},
    io::AsyncWriteExt,
};

use crate::{
    clock::Clock,
    error::Result,
    identity::opaque,
    store::{
        db::{Database, Role, Tx},
        identity::{mail, one_time},
    },
};

/// How long a link to set a password works.
const PASSWORD_LINK: TimeDelta = TimeDelta::hours(24);
/// A mail is given up after so many attempts.
const ATTEMPTS: i32 = 20;
/// Mails in one round.
const BATCH: u64 = 50;

/// A mail to be written.
#[derive(Clone)]
pub struct Mail {
    /// The address, in its stored spelling.
    pub recipient: String,
    /// The subject line.
    pub subject: String,
    /// The text.
    pub body: String,
}

impl std::fmt::Debug for Mail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[secret]")
    }
}

/// Puts a mail into the outbox, in the transaction that causes it, on whatever role that has.
pub async fn enqueue(tx: &Tx, clock: &Clock, mail: Mail) -> Result<()> {
    mail::mail_create(tx, clock.id(), mail.recipient, mail.subject, mail.body, clock.now()).await
}

/// Makes a link that sets the password of an account, and mails it to the account's owner and nobody else. On
/// `Role::Operator` or `Role::System`, as part of what causes it.
pub async fn password_link(tx: &Tx, clock: &Clock, public_url: &str, user: UserId, email: &str) -> Result<()> {
    let fresh = opaque::password_link_token();
    let now = clock.now();
    let row = one_time_token::Model {
        id: clock.id(),
        user_id: user,
        purpose: OneTimeTokenPurpose::SetPassword,
        token_hash: Secret::new(fresh.hash),
        expires_at: now + PASSWORD_LINK,
        used_at: None,
        created_at: now,
    };
    let expires_at = row.expires_at;
    one_time::one_time_token_create(tx, row).await?;
    let body = format!(
        "A password can be set for your account at {public_url}.\n\n\
         Use the mutation completePasswordReset with this token:\n\n{}\n\n\
         It works once, until {}. Whoever has it can sign in as you: give it to nobody.\n\
         If you expected nothing of the kind, ignore this mail.\n",
        fresh.text,
        expires_at.format("%Y-%m-%d %H:%M UTC"),
    );
    enqueue(tx, clock, Mail { recipient: email.to_owned(), subject: "Set your Palisade password".to_owned(), body })
        .await
}

/// The mail that carries an invitation's token.
pub fn invitation_mail(
    public_url: &str,
    organization: &str,
    recipient: &str,
    token: &str,
    expires_at: DateTime<Utc>,
) -> Mail {
    let body = format!(
        "You are invited to the organisation \"{}\" at {public_url}.\n\n\
         Use the mutation acceptInvitation with this token, signed in if you have an account:\n\n{token}\n\n\
         It works once, until {}. Give it to nobody.\n",
        one_line(organization),
        expires_at.format("%Y-%m-%d %H:%M UTC"),
    );
    Mail { recipient: recipient.to_owned(), subject: format!("Invitation to {}", one_line(organization)), body }
}

/// The mail that tells an admin of what a super-admin asks for.
pub fn request_mail(
    public_url: &str,
    organization: &str,
    recipient: String,
    member: &str,
    role: entity::enums::OrgRole,
) -> Mail {
    let organization = one_line(organization);
    let body = format!(
        "A super-admin of {public_url} asks to make {} {} of the organisation \"{organization}\".\n\n\
         Nothing changes until an admin of the organisation accepts it. Use the mutation confirmMember to accept or to \
         refuse it.\n",
        one_line(member),
        match role {
            entity::enums::OrgRole::Admin => "an admin",
            entity::enums::OrgRole::Member => "a member",
        },
    );
    Mail { recipient, subject: format!("A request waits for the admins of {organization}"), body }
}

/// Where mail goes.
#[derive(Clone, Debug)]
pub struct MailFolder {
    folder: PathBuf,
    from: String,
}

impl MailFolder {
    /// Delivers into `folder`, from the address `from`.
    pub fn new(folder: impl Into<PathBuf>, from: impl Into<String>) -> Self {
        Self { folder: folder.into(), from: from.into() }
    }

    /// Delivers what waits in the outbox; answers how many mails went out. Any number of processes may run it.
    pub async fn deliver(&self, db: &Database, clock: &Clock) -> Result<usize> {
        let tx = db.begin_read(Role::System, None).await?;
        let waiting = mail::mail_list(&tx, ATTEMPTS, BATCH).await?;
        drop(tx);
        let mut sent = 0;
        for mail in waiting {
            let tx = db.begin_write(Role::System, None).await?;
            let mine = mail::mail_claim(&tx, &mail).await?;
            tx.commit().await?;
            if !mine {
                continue;
            }
            if let Err(error) = self.write(&mail).await {
                tracing::error!(mail = %mail.id, %error, attempt = mail.attempts + 1, "a mail was not delivered");
                continue;
            }
            let tx = db.begin_write(Role::System, None).await?;
            mail::mail_sent(&tx, mail.id, clock.now()).await?;
            tx.commit().await?;
            sent += 1;
        }
        Ok(sent)
    }

    async fn write(&self, mail: &mail_outbox::Model) -> io::Result<()> {
        private_folder(&self.folder).await?;
        let aside = self.folder.join(format!(".{}.part", mail.id));
        if let Err(error) = fs::remove_file(&aside).await
            && error.kind() != ErrorKind::NotFound
        {
            return Err(error);
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        options.mode(0o600);
        let mut file = options.open(&aside).await?;
        file.write_all(self.eml(mail).as_bytes()).await?;
        file.sync_all().await?;
        fs::rename(&aside, self.folder.join(file_name(mail.id))).await
    }

    fn eml(&self, mail: &mail_outbox::Model) -> String {
        let body: String = mail.body.expose().lines().map(|line| format!("{line}\r\n")).collect();
        format!(
            "From: {}\r\nTo: {}\r\nSubject: {}\r\nDate: {}\r\nMessage-ID: <{}@palisade>\r\n\
             MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{body}",
            one_line(&self.from),
            one_line(&mail.recipient),
            header_text(mail.subject.expose()),
            mail.created_at.to_rfc2822(),
            mail.id,
        )
    }
}

fn file_name(id: MailId) -> String {
    format!("{id}.eml")
}

async fn private_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    builder.mode(0o700);
    builder.create(folder).await
}

/// Text that cannot begin another header.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// A header's text: as it is where it is ASCII, else as encoded words of at most 75 characters (RFC 2047).
fn header_text(text: &str) -> String {
    let text = one_line(text);
    if text.is_ascii() {
        return text;
    }
    let mut words = Vec::new();
    let mut word = String::new();
    for c in text.chars() {
        if word.len() + c.len_utf8() > 45 {
            words.push(std::mem::take(&mut word));
        }
        word.push(c);
    }
    words.push(word);
    let encode = |word: &String| format!("=?utf-8?B?{}?=", STANDARD.encode(word));
    words.iter().map(encode).collect::<Vec<_>>().join("\r\n ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_cannot_begin_another_header() {
        assert_eq!(
            header_text("Invitation to Acme\r\nBcc: eve@example.com"),
            "Invitation to Acme  Bcc: eve@example.com"
        );
        assert_eq!(one_line("a\nb\u{85}c"), "a b c");
    }

    #[test]
    fn a_subject_beyond_ascii_is_encoded_in_words_that_are_short_enough() {
        let text = header_text(&"Einladung zu Müller & Söhne ".repeat(5));
        assert!(text.is_ascii());
        for word in text.split("\r\n ") {
            assert!(word.len() <= 75 && word.starts_with("=?utf-8?B?") && word.ends_with("?="), "{word}");
        }
    }

    #[test]
    fn a_mail_does_not_print() {
        let mail = invitation_mail("https://p.example", "Acme", "ada@example.com", "pali_x", DateTime::UNIX_EPOCH);
        assert_eq!(format!("{mail:?}"), "[secret]");
        assert!(mail.body.contains("pali_x") && mail.body.contains("acceptInvitation"));
    }
}
