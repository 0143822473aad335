//! Mail to an SMTP server.
//!
//! The connection is encrypted, or goes to this machine: a link in a mail is worth an account. With STARTTLS a server
//! that does not offer it is sent nothing. What the server says is not logged: it often repeats the address.

use std::{fmt, time::Duration};

use entity::mail_outbox;
use lettre::{
    Address, AsyncSmtpTransport, AsyncTransport, Tokio1Executor,
    address::Envelope,
    transport::smtp::{
        self,
        authentication::Credentials,
        client::{Certificate, Tls, TlsParameters},
        extension::ClientId,
    },
};

use super::message::{self, Encoding, domain};

/// How the connection is secured.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Security {
    /// By STARTTLS, which the server must offer.
    StartTls,
    /// By TLS from the first byte.
    Tls,
    /// Not at all. For a server on this machine only.
    None,
}

/// Which server, and as whom.
#[derive(Clone)]
pub struct SmtpSettings {
    /// Its name, which its certificate must have.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is secured.
    pub security: Security,
    /// User and password, where it wants them.
    pub credentials: Option<(String, String)>,
    /// A certificate in PEM that is trusted beside the public ones.
    pub trusted: Option<Vec<u8>>,
    /// The longest that one mail may take.
    pub timeout: Duration,
}

impl fmt::Debug for SmtpSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmtpSettings").field("host", &self.host).field("port", &self.port).finish_non_exhaustive()
    }
}

/// An SMTP server.
#[derive(Clone)]
pub struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: String,
    timeout: Duration,
}

impl fmt::Debug for Smtp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Smtp")
    }
}

/// Why a mail was not sent, without a word of the server's.
#[derive(Debug)]
pub(super) struct Refusal {
    /// Whether it never will be.
    pub final_: bool,
    /// What happened.
    pub why: String,
}

impl Refusal {
    fn later(why: impl Into<String>) -> Self {
        Self { final_: false, why: why.into() }
    }
}

/// The server takes no mail for this address, or not from us to it: 550, 551, 553. Every other failure may be one of ours
/// or the server's, such as a wrong password (535), and is tried again.
const FINAL: [u16; 3] = [550, 551, 553];

impl From<smtp::Error> for Refusal {
    fn from(error: smtp::Error) -> Self {
        match error.status() {
            Some(code) => {
                let code = u16::from(code);
                Self { final_: FINAL.contains(&code), why: format!("the server answered {code}") }
            }
            None if error.is_timeout() => Self::later("the server took too long"),
            None if error.is_tls() => Self::later("the connection could not be encrypted"),
            None if error.is_client() => Self::later("the server does not offer what is needed"),
            None => Self::later("the server cannot be reached"),
        }
    }
}

impl Smtp {
    /// Sends through a server, from the address `from`. Connects when there is something to send.
    pub fn new(settings: SmtpSettings, from: impl Into<String>) -> Result<Self, String> {
        let from = from.into();
        let tls = || {
            let mut tls = TlsParameters::builder(settings.host.clone());
            if let Some(pem) = &settings.trusted {
                let certificate = Certificate::from_pem(pem).map_err(|_| "mail.smtp_ca_file is not a certificate")?;
                tls = tls.add_root_certificate(certificate);
            }
            tls.build().map_err(|_| "mail.smtp_host is not a name that a certificate can have")
        };
        let tls = match settings.security {
            Security::StartTls => Tls::Required(tls()?),
            Security::Tls => Tls::Wrapper(tls()?),
            Security::None => Tls::None,
        };
        let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(settings.host)
            .port(settings.port)
            .tls(tls)
            .hello_name(ClientId::Domain(domain(&from)))
            .timeout(Some(settings.timeout));
        if let Some((user, password)) = settings.credentials {
            transport = transport.credentials(Credentials::new(user, password));
        }
        Ok(Self { transport: transport.build(), from, timeout: settings.timeout })
    }

    /// Sends a mail. `Ok` means that the server has taken it; after an error it may have, too.
    pub(super) async fn send(&self, mail: &mail_outbox::Model) -> Result<(), Refusal> {
        let address = |text: &str| text.parse::<Address>();
        let from = address(&self.from).map_err(|_| Refusal::later("mail.from is no address"))?;
        let to = address(&mail.recipient)
            .map_err(|_| Refusal { final_: true, why: "the recipient's is no address".to_owned() })?;
        let envelope = Envelope::new(Some(from), vec![to]).map_err(|_| Refusal::later("no envelope"))?;
        let message = message::text(mail, &self.from, Encoding::Ascii);
        // The library's own limit is for connecting.
        match tokio::time::timeout(self.timeout, self.transport.send_raw(&envelope, message.as_bytes())).await {
            Ok(sent) => Ok(sent.map(drop)?),
            Err(_) => Err(Refusal::later("the server took too long")),
        }
    }
}
