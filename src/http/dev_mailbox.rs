//! What was mailed into the folder, as a page: for development, where no mail leaves the machine.
//!
//! Whoever reads it can sign in as anybody, by asking for their password link. So there is such a page in the demo, where
//! nothing is anybody's secret, and where neither the server nor its public URL is beyond this machine (`app` says which).
//! There it is answered under a name of this machine only, so that no site can read it through a browser by pointing a
//! name of its own here.

use std::{fmt::Write as _, net::IpAddr};

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};

use super::{
    graphql::{
        content_type::Form,
        response::{self, Answer},
    },
    health,
    router::Server,
};
use crate::service::mail::Received;

/// The page.
pub async fn page(State(server): State<Server>, headers: HeaderMap) -> Response {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    if server.backend.demo_logins().is_none() && !is_loopback(host) {
        return health::not_found().await.into_response();
    }
    match server.backend.mailbox().await {
        None => health::not_found().await.into_response(),
        Some(Ok(mails)) => {
            let mut response = (StatusCode::OK, html(&mails)).into_response();
            let kind = HeaderValue::from_static("text/html; charset=utf-8");
            response.headers_mut().insert(header::CONTENT_TYPE, kind);
            response
        }
        Some(Err(error)) => response::rejected(&Answer::from(error), Form::Json),
    }
}

/// Whether an authority, such as `127.0.0.1:8080`, is this machine's under any name that no one else can take.
pub fn is_loopback(authority: &str) -> bool {
    let host = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, _)) => host,
        // An address of the sixth version alone, as settings may have it.
        None if authority.parse::<IpAddr>().is_ok() => authority,
        None => authority.split(':').next().unwrap_or_default(),
    };
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

/// Without style and script: the policy of every answer forbids both.
fn html(mails: &[Received]) -> String {
    let mut page = String::from(
        "<!doctype html><html lang=en><meta charset=utf-8><title>Mailbox</title><h1>Mailbox</h1>\
         <p>Mail that was sent, the latest first. This page is for development: it shows everybody's links.</p>",
    );
    if mails.is_empty() {
        page.push_str("<p>Nothing was sent yet.</p>");
    }
    for mail in mails {
        // Writing to a String cannot fail.
        let _ = write!(
            page,
            "<hr><article><h2>{}</h2><p>To {}, {}</p><pre>{}</pre></article>",
            escaped(&mail.subject),
            escaped(&mail.recipient),
            escaped(&mail.date),
            linked(&mail.body),
        );
    }
    page
}

/// Text in which every address of the web is a link.
fn linked(text: &str) -> String {
    let mut out = String::new();
    for word in text.split_inclusive(char::is_whitespace) {
        let bare = word.trim_end();
        let url = bare.trim_end_matches(['.', ',', ';', ':', ')', '"']);
        if url.starts_with("http://") || url.starts_with("https://") {
            let shown = escaped(url);
            let _ = write!(
                out,
                "<a href=\"{shown}\" rel=\"noreferrer noopener\">{shown}</a>{}",
                escaped(&word[url.len()..])
            );
        } else {
            out.push_str(&escaped(word));
        }
    }
    out
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_is_text_whatever_it_holds_and_its_links_can_be_followed() {
        let mail = Received {
            recipient: "ada@example.com".to_owned(),
            subject: "<script>alert(1)</script>".to_owned(),
            date: "today".to_owned(),
            body: "\"<b>Acme</b>\" at https://p.example/?a=1&b='x'.\n\njavascript:alert(1)\n".to_owned(),
        };
        let page = html(&[mail]);
        assert!(!page.contains("<script") && !page.contains("<b>"), "{page}");
        assert!(page.contains("href=\"https://p.example/?a=1&amp;b=&#39;x&#39;\""), "{page}");
        assert_eq!(page.matches("<a ").count(), 1, "{page}");
    }

    #[test]
    fn only_names_of_this_machine_are_loopback() {
        for host in
            ["localhost", "LOCALHOST:8080", "127.0.0.1:1", "127.9.9.9", "[::1]:8080", "::1", "[::ffff:127.0.0.1]:1"]
        {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "",
            "example.com",
            "localhost.example.com:8080",
            "127.0.0.1.nip.io",
            "192.0.2.1:8080",
            "[::2]:1",
            "0.0.0.0:80",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
