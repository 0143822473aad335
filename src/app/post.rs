//! Where mail goes, by the settings, and who may look at it.

use super::Failure;
use crate::{
    auth::email,
    config::{Config, SmtpSecurity},
    http::dev_mailbox::is_loopback,
    service::mail::{
        MailFolder, Sender,
        smtp::{Security, Smtp, SmtpSettings},
    },
};

/// What delivers mail. Settings that would send links in the clear are refused.
pub(super) fn sender(config: &Config) -> Result<Sender, Failure> {
    let mail = &config.mail;
    let from = email::normalise(&mail.from).ok_or_else(|| Failure::new("mail.from is no address"))?;
    if mail.smtp_host.is_empty() {
        return Ok(Sender::Folder(MailFolder::new(config.mail_folder(), from)));
    }
    let (security, usual) = match mail.smtp_security {
        SmtpSecurity::StartTls => (Security::StartTls, 587),
        SmtpSecurity::Tls => (Security::Tls, 465),
        SmtpSecurity::None => (Security::None, 25),
    };
    if security == Security::None && !is_loopback(&mail.smtp_host) {
        return Err(Failure::new("mail.smtp_security is none, which is for a server on this machine only"));
    }
    let trusted = if mail.smtp_ca_file.as_os_str().is_empty() {
        None
    } else {
        let read = std::fs::read(&mail.smtp_ca_file);
        Some(read.map_err(|error| Failure::new(format!("cannot read mail.smtp_ca_file: {error}")))?)
    };
    let user = Some(&mail.smtp_user).filter(|user| !user.is_empty());
    let settings = SmtpSettings {
        host: mail.smtp_host.clone(),
        port: if mail.smtp_port == 0 { usual } else { mail.smtp_port },
        security,
        credentials: user.map(|user| (user.clone(), mail.smtp_password.expose().to_owned())),
        trusted,
        timeout: mail.timeout,
    };
    Smtp::new(settings, from).map(Sender::Smtp).map_err(Failure::new)
}

/// The folder that `/dev/mailbox` shows. In the demo, and where nothing says that anybody else can reach the server: a
/// proxy on this machine would make strangers look like its user, but then the public URL says so, as mails need it to.
pub(super) fn mailbox(config: &Config, sender: &Sender, listening: &str, demo: bool) -> Option<MailFolder> {
    let Sender::Folder(folder) = sender else { return None };
    let public_url = config.public_url(listening);
    let authority = public_url.split_once("://").map_or("", |(_, rest)| rest.split('/').next().unwrap_or_default());
    let mine = is_loopback(listening) && is_loopback(authority) && config.http.trusted_proxies == 0;
    (demo || mine).then(|| folder.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(pairs: &[(&str, &str)]) -> Config {
        let pairs = pairs.iter().map(|(name, value)| (format!("PALISADE_{name}"), (*value).to_owned()));
        Config::load(None, pairs).unwrap()
    }

    #[test]
    fn links_are_sent_in_the_clear_to_this_machine_only() {
        for (host, security, ok) in [
            ("mail.example.com", "none", false),
            ("127.0.0.1", "none", true),
            ("mail.example.com", "starttls", true),
            ("mail.example.com", "tls", true),
        ] {
            let sender = sender(&config(&[("MAIL__SMTP_HOST", host), ("MAIL__SMTP_SECURITY", security)]));
            assert_eq!(sender.is_ok(), ok, "{host} {security}");
        }
        assert!(sender(&config(&[("MAIL__FROM", "nobody")])).is_err());
        assert!(sender(&config(&[("MAIL__SMTP_HOST", "m.example"), ("MAIL__SMTP_CA_FILE", "/nowhere")])).is_err());
    }

    #[test]
    fn the_mailbox_is_shown_on_this_machine_and_in_the_demo_only() {
        let shown = |pairs: &[(&str, &str)], listening: &str, demo| {
            let config = config(pairs);
            mailbox(&config, &sender(&config).unwrap(), listening, demo).is_some()
        };
        assert!(shown(&[], "127.0.0.1:8080", false));
        assert!(shown(&[("HTTP__PUBLIC_URL", "http://localhost:3000/")], "127.0.0.1:8080", false));
        assert!(shown(&[], "0.0.0.0:8080", true));
        assert!(!shown(&[], "0.0.0.0:8080", false));
        assert!(!shown(&[("HTTP__PUBLIC_URL", "https://palisade.example")], "127.0.0.1:8080", false));
        assert!(!shown(&[("HTTP__TRUSTED_PROXIES", "1")], "127.0.0.1:8080", false));
        assert!(!shown(&[("MAIL__SMTP_HOST", "m.example")], "127.0.0.1:8080", false));
    }
}
