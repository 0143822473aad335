//! Somebody who watches from the beginning.

use std::{collections::BTreeSet, time::Duration};

use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::support::{server::Caller, subscription_client::within};

const EVENTS: &str =
    "subscription($org: ID) { events(organizationId: $org) { node { sequence type subjectId payload } } }";

/// How long what happened may take to arrive.
const ARRIVAL: Duration = Duration::from_secs(30);

/// An event, as it was sent.
#[derive(Debug)]
pub struct Event {
    pub kind: String,
    pub subject: Option<String>,
    pub sequence: Option<i64>,
    pub payload: Value,
    pub redacted: Value,
}

impl Event {
    fn read(result: &Value) -> Self {
        assert!(result.get("errors").is_none(), "{result}");
        let node = &result["data"]["events"]["node"];
        Self {
            kind: node["type"].as_str().unwrap().to_owned(),
            subject: node["subjectId"].as_str().map(str::to_owned),
            sequence: node["sequence"].as_str().map(|sequence| sequence.parse().unwrap()),
            payload: node["payload"].clone(),
            redacted: result["extensions"]["redacted"].clone(),
        }
    }
}

/// An open stream that is read all the time.
pub struct Watch(UnboundedReceiver<Event>);

impl Watch {
    pub async fn begin(caller: &Caller<'_>, org: Value) -> Self {
        let mut stream = caller.follows(EVENTS, json!({ "org": org })).await;
        let (send, receive) = unbounded_channel();
        tokio::spawn(async move {
            while let Some((event, data)) = stream.event().await {
                assert_eq!(event, "next", "{data}");
                if send.send(Event::read(&serde_json::from_str(&data).unwrap())).is_err() {
                    break;
                }
            }
        });
        Self(receive)
    }

    /// Everything that came until this happened.
    pub async fn until(mut self, kind: &str, subject: &str) -> Seen {
        let mut seen = Vec::new();
        loop {
            let event = within(ARRIVAL, self.0.recv()).await.expect("a stream that goes on");
            let last = event.kind == kind && event.subject.as_deref() == Some(subject);
            seen.push(event);
            if last {
                return Seen(seen);
            }
        }
    }
}

/// What somebody was sent, in order.
pub struct Seen(pub Vec<Event>);

impl Seen {
    /// What happened to one object.
    pub fn kinds(&self, subject: &str) -> Vec<&str> {
        let own = self.0.iter().filter(|event| event.subject.as_deref() == Some(subject));
        own.map(|event| event.kind.as_str()).collect()
    }

    /// Where this happened first.
    pub fn position(&self, kind: &str, subject: &str) -> usize {
        let is = |event: &Event| event.kind == kind && event.subject.as_deref() == Some(subject);
        self.0.iter().position(is).unwrap_or_else(|| panic!("{kind} of {subject}"))
    }

    /// What happened to these objects.
    pub fn about(&self, subjects: &BTreeSet<&str>) -> Vec<(&str, &str)> {
        let pairs = self.0.iter().filter_map(|event| Some((event.kind.as_str(), event.subject.as_deref()?)));
        pairs.filter(|(_, subject)| subjects.contains(subject)).collect()
    }
}
