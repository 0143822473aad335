//! The words of `graphql-transport-ws`.

use async_graphql::ServerError;
use serde::{Deserialize, Serialize};

use crate::http::graphql::{Json, response::Answer};

/// Why a socket is closed: the protocol's codes, and HTTP's where it has none.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Close(pub u16, pub &'static str);

impl Close {
    /// A message that is none.
    pub const BAD_REQUEST: Self = Self(4400, "Invalid message");
    /// An operation before `connection_ack`.
    pub const UNAUTHORIZED: Self = Self(4401, "Unauthorized");
    /// A token that does not hold, or not any more.
    pub const FORBIDDEN: Self = Self(4403, "Forbidden");
    /// Another protocol.
    pub const SUBPROTOCOL: Self = Self(4406, "Subprotocol not acceptable");
    /// No `connection_init` in time.
    pub const INIT_TIMEOUT: Self = Self(4408, "Connection initialisation timeout");
    /// An id that is in use.
    pub const DUPLICATE: Self = Self(4409, "Subscriber already exists");
    /// `connection_init` a second time.
    pub const INIT_TWICE: Self = Self(4429, "Too many initialisation requests");
    /// The server stops.
    pub const GOING_AWAY: Self = Self(1001, "Going away");
    /// A message that is too long.
    pub const TOO_BIG: Self = Self(1009, "Message too big");
    /// The database is out of reach, or too many sockets are open.
    pub const TRY_LATER: Self = Self(1013, "Try again later");
    /// The client left, or does not answer.
    pub const GONE: Self = Self(1000, "");
}

/// What a client sends.
pub enum Received {
    /// Who it is.
    Init(Option<String>),
    /// A sign of life.
    Ping,
    /// The answer to one.
    Pong,
    /// An operation.
    Subscribe(String, Json),
    /// Enough of one.
    Complete(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    #[serde(rename = "type")]
    kind: String,
    id: Option<String>,
    payload: Option<Box<serde_json::value::RawValue>>,
}

/// Longest name of an operation.
const ID: usize = 128;

/// Reads a message; nothing when it is none of the protocol's.
pub fn parse(text: &str) -> Option<Received> {
    let Raw { kind, id, payload } = serde_json::from_str(text).ok()?;
    let id = id.filter(|id| (1..=ID).contains(&id.len()));
    let payload = payload.as_deref().map(serde_json::value::RawValue::get);
    match kind.as_str() {
        "connection_init" => authorization(payload).map(Received::Init),
        "ping" => Some(Received::Ping),
        "pong" => Some(Received::Pong),
        "subscribe" => Some(Received::Subscribe(id?, serde_json::from_str(payload?).ok()?)),
        "complete" => Some(Received::Complete(id?)),
        _ => None,
    }
}

/// What `connection_init` says of who it is. Other keys are none of ours.
fn authorization(payload: Option<&str>) -> Option<Option<String>> {
    let Some(payload) = payload else { return Some(None) };
    let payload: Option<serde_json::Map<String, serde_json::Value>> = serde_json::from_str(payload).ok()?;
    let mut found = None;
    for (key, value) in payload.unwrap_or_default() {
        if key.eq_ignore_ascii_case("authorization") {
            // Two could be two different ones.
            let None = found else { return None };
            found = Some(value.as_str()?.to_owned());
        }
    }
    Some(found)
}

#[derive(Serialize)]
struct Sent<'a, P> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<P>,
}

fn write<P: Serialize>(kind: &'static str, id: Option<&str>, payload: Option<P>) -> String {
    // Values have text keys only, so that writing them cannot fail.
    serde_json::to_string(&Sent { kind, id, payload }).unwrap_or_default()
}

/// Welcomes a client.
pub fn ack() -> String {
    write::<()>("connection_ack", None, None)
}

/// Answers a ping.
pub fn pong() -> String {
    write::<()>("pong", None, None)
}

/// One result.
pub fn next(id: &str, answer: &Answer) -> String {
    write("next", Some(id), Some(answer))
}

/// What went wrong; the operation is over.
pub fn error(id: &str, errors: &[ServerError]) -> String {
    write("error", Some(id), Some(errors))
}

/// The operation is over.
pub fn complete(id: &str) -> String {
    write::<()>("complete", Some(id), None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_protocol_does_not_know_is_no_message() {
        for bad in [
            "",
            "{}",
            "[]",
            "null",
            r#"{"type":"start","id":"1"}"#,
            r#"{"type":"ping","more":1}"#,
            r#"{"type":"subscribe","payload":{"query":"{a}"}}"#,
            r#"{"type":"subscribe","id":"1"}"#,
            r#"{"type":"subscribe","id":"","payload":{"query":"{a}"}}"#,
            r#"{"type":"subscribe","id":1,"payload":{"query":"{a}"}}"#,
            r#"{"type":"subscribe","id":"1","payload":{"query":7}}"#,
            r#"{"type":"complete"}"#,
            r#"{"type":"connection_init","payload":[]}"#,
            r#"{"type":"connection_init","payload":{"authorization":7}}"#,
            r#"{"type":"connection_init","payload":{"authorization":"a","Authorization":"b"}}"#,
        ] {
            assert!(parse(bad).is_none(), "{bad}");
        }
        let long = format!(r#"{{"type":"complete","id":"{}"}}"#, "x".repeat(129));
        assert!(parse(&long).is_none());
    }

    #[test]
    fn who_it_is_may_be_said_in_the_first_message() {
        let said = |text: &str| match parse(text) {
            Some(Received::Init(said)) => said,
            _ => panic!("another message: {text}"),
        };
        assert_eq!(said(r#"{"type":"connection_init"}"#), None);
        assert_eq!(said(r#"{"type":"connection_init","payload":null}"#), None);
        assert_eq!(said(r#"{"type":"connection_init","payload":{"other":1}}"#), None);
        let payload = r#"{"type":"connection_init","payload":{"Authorization":"Bearer a"}}"#;
        assert_eq!(said(payload).as_deref(), Some("Bearer a"));
    }
}
