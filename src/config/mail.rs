//! Outgoing mail, and how much of it and of guessing is let through.

use std::{path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

use super::{Sensitive, span};

/// Outgoing mail.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mail {
    /// The sender's address.
    pub from: String,
    /// The folder that mail is written to; empty for `mail` in the data folder.
    pub folder: PathBuf,
    /// The SMTP server; empty for the folder.
    pub smtp_host: String,
    /// Its port; 0 for the usual one.
    pub smtp_port: u16,
    /// How the connection is secured.
    pub smtp_security: SmtpSecurity,
    /// The user to sign in as; empty for none.
    pub smtp_user: String,
    /// The user's password.
    pub smtp_password: Sensitive,
    /// A file with a certificate that is trusted beside the public ones.
    pub smtp_ca_file: PathBuf,
    /// How long sending one mail may take.
    #[serde(with = "span")]
    pub timeout: Duration,
    /// A mail is given up after so many attempts.
    pub attempts: i32,
}

/// How the connection to the SMTP server is secured.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SmtpSecurity {
    /// By STARTTLS.
    #[default]
    StartTls,
    /// By TLS from the first byte.
    Tls,
    /// Not at all.
    None,
}

/// How much guessing, and how much mail to others, is let through.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Throttle {
    /// Failed sign-ins per account in a window.
    pub logins_per_account: i32,
    /// Failed sign-ins per client address in a window.
    pub logins_per_address: i32,
    /// That window.
    #[serde(with = "span")]
    pub login_window: Duration,
    /// Invitations per organisation in a mail window.
    pub invitations_per_organization: i32,
    /// Invitations of one organisation to one address.
    pub invitations_per_recipient: i32,
    /// Password links per account.
    pub password_links_per_account: i32,
    /// Requests for password links per client address.
    pub password_links_per_address: i32,
    /// Requests for another address per account.
    pub email_changes_per_account: i32,
    /// The mail window.
    #[serde(with = "span")]
    pub mail_window: Duration,
}

impl Default for Mail {
    fn default() -> Self {
        Self {
            from: "palisade@localhost".to_owned(),
            folder: PathBuf::new(),
            smtp_host: String::new(),
            smtp_port: 0,
            smtp_security: SmtpSecurity::default(),
            smtp_user: String::new(),
            smtp_password: Sensitive::default(),
            smtp_ca_file: PathBuf::new(),
            timeout: Duration::from_secs(30),
            attempts: 15,
        }
    }
}

impl Default for Throttle {
    fn default() -> Self {
        Self {
            logins_per_account: 10,
            logins_per_address: 50,
            login_window: Duration::from_secs(15 * 60),
            invitations_per_organization: 100,
            invitations_per_recipient: 5,
            password_links_per_account: 5,
            password_links_per_address: 20,
            email_changes_per_account: 5,
            mail_window: Duration::from_secs(3600),
        }
    }
}
