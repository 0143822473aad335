//! Mail: what it says. [`outbox`] delivers it, into a [`folder`] or through an [`smtp`] server.
//!
//! A mail is written in the transaction that makes its link, so that neither exists without the other. There is no page
//! to open yet: the text carries the token and names the mutation that takes it.

pub mod folder;
mod message;
pub mod outbox;
pub mod smtp;

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use entity::{
    confidential::Secret,
    enums::{MailTemplate, OneTimeTokenPurpose, OrgRole},
    ids::{MemberRequestId, UserId},
    one_time_token,
};

pub use folder::{MailFolder, Received};
pub use outbox::{Outbox, OutboxSettings, Sender};

use crate::{
    auth::opaque,
    clock::Clock,
    error::Result,
    store::{
        auth::{
            mail::{self, NewMail},
            one_time,
        },
        db::Tx,
    },
};
use message::one_line;

/// How long a link to set a password works.
const PASSWORD_LINK: TimeDelta = TimeDelta::hours(24);

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

impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// Puts a mail into the outbox, in the transaction that causes it, on whatever role that has.
pub async fn enqueue(tx: &Tx, clock: &Clock, mail: Mail) -> Result<()> {
    put(tx, clock, mail, None, None).await
}

/// Puts a mail into the outbox that tells an admin of a request. When it was sent is what the request's wait is counted
/// from.
pub async fn enqueue_notice(tx: &Tx, clock: &Clock, mail: Mail, request: MemberRequestId, admin: UserId) -> Result<()> {
    put(tx, clock, mail, None, Some((request, admin))).await
}

/// Asks for a password link by an address alone. Whether it has an account is looked up when the mail is sent: here
/// nothing depends on it.
pub async fn enqueue_password_reset(tx: &Tx, clock: &Clock, recipient: String) -> Result<()> {
    let mail = Mail { recipient, subject: String::new(), body: String::new() };
    put(tx, clock, mail, Some(MailTemplate::PasswordReset), None).await
}

async fn put(
    tx: &Tx,
    clock: &Clock,
    mail: Mail,
    template: Option<MailTemplate>,
    tells: Option<(MemberRequestId, UserId)>,
) -> Result<()> {
    let Mail { recipient, subject, body } = mail;
    mail::mail_create(tx, NewMail { id: clock.id(), recipient, subject, body, template, tells }, clock.now()).await
}

/// Makes a link that sets the password of an account, and mails it to the account's owner and nobody else. On
/// `Role::Operator` or `Role::System`, as part of what causes it.
pub async fn password_link(tx: &Tx, clock: &Clock, public_url: &str, user: UserId, email: &str) -> Result<()> {
    let (subject, body) = password_link_text(tx, clock, public_url, user).await?;
    enqueue(tx, clock, Mail { recipient: email.to_owned(), subject, body }).await
}

/// Makes a link that sets the password of an account; answers the subject and the text of the mail that carries it.
async fn password_link_text(tx: &Tx, clock: &Clock, public_url: &str, user: UserId) -> Result<(String, String)> {
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
    let until = moment(row.expires_at);
    one_time::one_time_token_create(tx, row).await?;
    let body = format!(
        "A password can be set for your account at {public_url}.\n\n\
         Use the mutation completePasswordReset with this token:\n\n{}\n\n\
         It works once, until {until}. Whoever has it can sign in as you: give it to nobody.\n\
         If you expected nothing of the kind, ignore this mail.\n",
        fresh.text,
    );
    Ok(("Set your Palisade password".to_owned(), body))
}

fn moment(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M UTC").to_string()
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
        moment(expires_at),
    );
    Mail { recipient: recipient.to_owned(), subject: format!("Invitation to {}", one_line(organization)), body }
}

/// The mail that tells an admin of what a super-admin asks for.
pub fn request_mail(public_url: &str, organization: &str, recipient: String, member: &str, role: OrgRole) -> Mail {
    let organization = one_line(organization);
    let body = format!(
        "A super-admin of {public_url} asks to make {} {} of the organisation \"{organization}\".\n\n\
         Nothing changes until an admin of the organisation accepts it. Use the mutation confirmMember to accept or to \
         refuse it.\n\n\
         If the organisation has no admin who can sign in, any other member of it may do so 72 hours after this mail. If \
         you are an admin and cannot sign in, ask the platform's operators why, and warn the organisation's members.\n",
        one_line(member),
        match role {
            OrgRole::Admin => "an admin",
            OrgRole::Member => "a member",
        },
    );
    Mail { recipient, subject: format!("A request waits for the admins of {organization}"), body }
}

/// A change of address that is asked for.
#[derive(Clone, Copy, Debug)]
pub struct AddressChange<'a> {
    /// Where the platform is reached.
    pub public_url: &'a str,
    /// The address until now.
    pub old: &'a str,
    /// The address asked for.
    pub new: &'a str,
    /// Until when it can be confirmed.
    pub expires_at: DateTime<Utc>,
}

impl AddressChange<'_> {
    /// The mail to the address until now.
    pub fn to_old(&self, token: &str) -> Mail {
        let Self { public_url, old, new, expires_at } = *self;
        let body = format!(
            "Your account at {public_url} is asked to change its address from {old} to {new}.\n\n\
             If you want that, use the mutation confirmEmailChange with this token, signed in to the account:\n\n{token}\n\n\
             The address changes when the link sent to the new address is used, too. It works until {}.\n\n\
             If you do not want it, give this token to nobody and change your password: somebody was signed in as you.\n",
            moment(expires_at),
        );
        Mail { recipient: old.to_owned(), subject: "Your Palisade address is to change".to_owned(), body }
    }

    /// The mail to the address asked for.
    pub fn to_new(&self, token: &str) -> Mail {
        let Self { public_url, new, expires_at, .. } = *self;
        let body = format!(
            "This address is asked for by an account at {public_url}.\n\n\
             If the account is yours, use the mutation confirmEmailChange with this token, signed in to it:\n\n{token}\n\n\
             The address changes when the link sent to the old address is used, too. It works until {}.\n\n\
             If it is not, ignore this mail.\n",
            moment(expires_at),
        );
        Mail { recipient: new.to_owned(), subject: "Confirm your Palisade address".to_owned(), body }
    }

    /// The mail to the address asked for where it has an account. Whoever asked is told nothing.
    pub fn to_owner(&self) -> Mail {
        let Self { public_url, new, .. } = *self;
        let body = format!(
            "Somebody asked to make this address that of another account at {public_url}. It is the address of yours, so \
             nothing changes, and they were not told why.\n\n\
             If that was you, sign in with this address instead. If not, ignore this mail.\n"
        );
        Mail { recipient: new.to_owned(), subject: "Your Palisade address was asked for".to_owned(), body }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_does_not_print() {
        let mail = invitation_mail("https://p.example", "Acme", "ada@example.com", "pali_x", DateTime::UNIX_EPOCH);
        assert_eq!(format!("{mail:?}"), "[secret]");
        assert!(mail.body.contains("pali_x") && mail.body.contains("acceptInvitation"));
    }
}
