//! A mail as it goes over the wire or into a file: headers that no text can break out of, one plain text.

use base64::{Engine, engine::general_purpose::STANDARD};
use entity::mail_outbox;

use super::folder::Received;

/// Most characters of a line of base64 (RFC 2045).
const LINE: usize = 76;

/// How a text beyond ASCII is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Encoding {
    /// As it is: for files that people read.
    EightBit,
    /// As base64: for servers that may not carry anything else.
    Ascii,
}

/// The whole message. Its id is the row's, so that a mail that was sent twice can be told as one.
pub(super) fn text(mail: &mail_outbox::Model, from: &str, encoding: Encoding) -> String {
    let body: String = mail.body.expose().lines().map(|line| format!("{line}\r\n")).collect();
    let (how, body) = match encoding {
        Encoding::Ascii if !body.is_ascii() => ("base64", wrapped(&STANDARD.encode(body))),
        Encoding::Ascii => ("7bit", body),
        Encoding::EightBit => ("8bit", body),
    };
    format!(
        "From: {}\r\nTo: {}\r\nSubject: {}\r\nDate: {}\r\nMessage-ID: <{}@{}>\r\nAuto-Submitted: auto-generated\r\n\
         MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: {how}\r\n\r\n{body}",
        one_line(from),
        one_line(&mail.recipient),
        header_text(mail.subject.expose()),
        mail.created_at.to_rfc2822(),
        mail.id,
        domain(from),
    )
}

/// What [`text`] wrote as a file; `None` for what it cannot have written.
pub(super) fn read(message: &str) -> Option<Received> {
    let (head, body) = message.split_once("\r\n\r\n")?;
    // A header goes on in the next line where that begins with a space.
    let head = head.replace("\r\n ", " ");
    let header = |name: &str| {
        let prefix = format!("{name}: ");
        head.split("\r\n").find_map(|line| line.strip_prefix(&prefix)).unwrap_or_default().to_owned()
    };
    Some(Received {
        recipient: header("To"),
        subject: plain_text(&header("Subject")),
        date: header("Date"),
        body: body.replace("\r\n", "\n"),
    })
}

/// The part of an address that names its server.
pub(super) fn domain(address: &str) -> String {
    one_line(address.rsplit('@').next().unwrap_or_default())
}

/// Text that cannot begin another header.
pub(super) fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn wrapped(base64: &str) -> String {
    let mut text = String::with_capacity(base64.len() + base64.len() / LINE * 2 + 2);
    for (at, c) in base64.chars().enumerate() {
        if at > 0 && at % LINE == 0 {
            text.push_str("\r\n");
        }
        text.push(c);
    }
    text + "\r\n"
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

/// The way back. What is no encoded word stays.
fn plain_text(header: &str) -> String {
    let decode = |word: &str| {
        let word = word.strip_prefix("=?utf-8?B?")?.strip_suffix("?=")?;
        String::from_utf8(STANDARD.decode(word).ok()?).ok()
    };
    header.split(' ').map(decode).collect::<Option<Vec<_>>>().map_or_else(|| header.to_owned(), |words| words.concat())
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use entity::{confidential::Secret, ids::TypedId};

    use super::*;

    fn mail(subject: &str, body: &str) -> mail_outbox::Model {
        mail_outbox::Model {
            id: entity::ids::MailId::from_uuid(uuid::Uuid::from_u128(1)),
            recipient: "ada@example.com".to_owned(),
            subject: Secret::new(subject.to_owned()),
            body: Secret::new(body.to_owned()),
            attempts: 0,
            created_at: DateTime::UNIX_EPOCH,
            sent_at: None,
            template: None,
            request_id: None,
            recipient_id: None,
            next_attempt_at: None,
            failed_at: None,
        }
    }

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
        let subject = "Einladung zu Müller & Söhne ".repeat(5);
        let text = header_text(&subject);
        assert!(text.is_ascii());
        for word in text.split("\r\n ") {
            assert!(word.len() <= 75 && word.starts_with("=?utf-8?B?") && word.ends_with("?="), "{word}");
        }
        assert_eq!(plain_text(&text.replace("\r\n ", " ")), subject);
    }

    #[test]
    fn what_goes_over_the_wire_is_ascii_and_its_lines_are_short() {
        let text = text(&mail("Grüße", &"Grüße an alle. ".repeat(40)), "p@example.com", Encoding::Ascii);
        assert!(text.is_ascii());
        assert!(text.split("\r\n").all(|line| line.len() <= 78), "{text}");
        assert!(text.contains("\r\nContent-Transfer-Encoding: base64\r\n"), "{text}");
        assert!(text.contains("@example.com>\r\n"), "{text}");
    }

    #[test]
    fn a_mail_reads_back_as_it_was_written() {
        let body = "Hello\n\nhttps://palisade.example\n";
        for subject in ["Invitation", "Grüße an alle, die das lesen, und das sind mehr, als man denkt"] {
            let text = text(&mail(subject, body), "p@example.com", Encoding::EightBit);
            let read = read(&text).unwrap();
            assert_eq!((read.subject.as_str(), read.body.as_str()), (subject, body));
            assert_eq!(read.recipient, "ada@example.com");
        }
        assert_eq!(read("no head"), None);
    }
}
