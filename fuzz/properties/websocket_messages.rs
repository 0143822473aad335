//! A message is one of the protocol's, or none.

use palisade::http::graphql::websocket::message::{Received, parse};
use serde_json::{Value, json};

/// Reads a text as a message; alters a good one; writes one with somebody's words in it.
pub fn check(data: &[u8]) {
    let (kind, rest) = super::first(data);
    if let Some(text) = super::text(rest) {
        one(text);
    }
    const GOOD: [&str; 6] = [
        r#"{"type":"connection_init","payload":{"authorization":"Bearer a.b.c"}}"#,
        r#"{"type":"subscribe","id":"1","payload":{"query":"subscription { events { id } }","variables":{"a":[1]}}}"#,
        r#"{"type":"complete","id":"1"}"#,
        r#"{"type":"ping","payload":null}"#,
        r#"{"type":"pong"}"#,
        r#"{"type":"connection_init","payload":{"Authorization":"a","other":1}}"#,
    ];
    one(&super::altered(GOOD[usize::from(kind) % GOOD.len()], rest));

    let word = String::from_utf8_lossy(rest).into_owned();
    let subscribe = json!({ "type": "subscribe", "id": word, "payload": { "query": word } }).to_string();
    let read = parse(&subscribe);
    assert_eq!(
        matches!(&read, Some(Received::Subscribe(id, _)) if *id == word),
        (1..=128).contains(&word.len()),
        "{subscribe}"
    );
    let init = json!({ "type": "connection_init", "payload": { "authorization": word } }).to_string();
    assert!(matches!(parse(&init), Some(Received::Init(Some(said))) if said == word), "{init}");
    let two =
        json!({ "type": "connection_init", "payload": { "authorization": word, "AUTHORIZATION": word } }).to_string();
    assert!(parse(&two).is_none(), "{two}");
    one(&subscribe);
}

fn one(text: &str) {
    let Some(read) = parse(text) else { return };
    let value: Value = serde_json::from_str(text).expect("a message is JSON");
    let members = value.as_object().expect("a message is an object");
    assert!(members.keys().all(|key| ["type", "id", "payload"].contains(&key.as_str())), "{text}");
    let (kind, id) = match &read {
        Received::Init(said) => {
            let payload = members.get("payload").and_then(Value::as_object);
            let named = payload.into_iter().flatten().filter(|(key, _)| key.eq_ignore_ascii_case("authorization"));
            let named: Vec<_> = named.map(|(_, value)| value.as_str()).collect();
            assert_eq!(named, said.iter().map(|said| Some(said.as_str())).collect::<Vec<_>>(), "{text}");
            ("connection_init", None)
        }
        Received::Ping => ("ping", None),
        Received::Pong => ("pong", None),
        Received::Subscribe(id, _) => {
            let query = &members["payload"]["query"];
            assert!(query.is_string() || query.is_null(), "{text}");
            ("subscribe", Some(id))
        }
        Received::Complete(id) => ("complete", Some(id)),
    };
    assert_eq!(members["type"], kind, "{text}");
    if let Some(id) = id {
        assert!((1..=128).contains(&id.len()) && members["id"] == **id, "{text}");
    }
}
