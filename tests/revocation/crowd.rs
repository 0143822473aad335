//! Many open streams over both transports, each read by a task of its own into a record that is looked at afterwards.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;

use crate::support::{
    server::Caller,
    subscription_client::{Socket, http, within},
};

/// For whatever should come at once, on a machine that has much to do: only what never comes is meant to take so long.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// How soon a stream ends whose viewer's right did. On an idle machine it is well under a second (`docs/benchmarks.md`);
/// here two hundred streams share two processors with other tests, in a build without optimisation.
pub const BOUND: Duration = Duration::from_secs(20);

/// Somebody at a server's address: one in this process or in another.
#[derive(Clone, Debug)]
pub struct Guest {
    pub address: SocketAddr,
    pub token: String,
}

impl From<&Caller<'_>> for Guest {
    fn from(caller: &Caller<'_>) -> Self {
        Self { address: caller.node.address, token: caller.token.clone() }
    }
}

impl Guest {
    /// The status of one more request, over HTTP.
    pub async fn status(&self) -> u16 {
        let bearer = format!("Bearer {}", self.token);
        let headers = [("content-type", "application/json"), ("authorization", bearer.as_str())];
        let body = json!({ "query": "{ viewer { __typename } }" }).to_string();
        http(self.address, "POST", "/graphql", &headers, &body).await.status
    }

    /// The data of one more request; without a token it comes from nobody.
    pub async fn does(&self, query: &str, variables: Value) -> Value {
        let bearer = format!("Bearer {}", self.token);
        let mut headers = vec![("content-type", "application/json")];
        headers.extend((!self.token.is_empty()).then_some(("authorization", bearer.as_str())));
        let body = json!({ "query": query, "variables": variables }).to_string();
        let text = http(self.address, "POST", "/graphql", &headers, &body).await.text().await;
        let mut answer: Value = serde_json::from_str(&text).unwrap();
        assert!(answer.get("errors").is_none(), "{text}");
        answer["data"].take()
    }
}

/// A subscription field.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Topic {
    Events,
    Goal,
    Tasks,
    Approvals,
    Chat,
}

/// What is followed.
#[derive(Clone, Debug)]
pub struct Ask {
    pub topic: Topic,
    pub variables: Value,
}

impl Ask {
    pub fn new(topic: Topic, variables: Value) -> Self {
        Self { topic, variables }
    }

    /// The log of the viewer's organisation; an operator names one.
    pub fn events(org: Option<&str>) -> Self {
        Self::new(Topic::Events, json!({ "org": org }))
    }

    const fn query(&self) -> &'static str {
        match self.topic {
            Topic::Events => {
                "subscription($org: ID) { events(organizationId: $org) { node { id sequence type subjectId } } }"
            }
            Topic::Goal => "subscription($id: ID!) { goalUpdated(id: $id) { id status } }",
            Topic::Tasks => "subscription($id: ID) { taskUpdated(agentId: $id) { id status } }",
            Topic::Approvals => "subscription { approvalRequested { id status goal { id } } }",
            Topic::Chat => "subscription($id: ID!) { chatMessageAdded(sessionId: $id) { id content } }",
        }
    }
}

/// An event, as a stream said it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Told {
    pub id: String,
    pub kind: String,
    pub subject: Option<String>,
    pub sequence: Option<i64>,
}

/// What a stream said so far.
#[derive(Clone, Debug, Default)]
pub struct Heard {
    /// The data of its results, in the order in which they came.
    pub results: Vec<Value>,
    /// The code of the error with which it ended.
    pub code: Option<String>,
    /// Whether it is over, by whatever.
    pub over: bool,
    /// When it last said something.
    pub last: Option<Instant>,
}

impl Heard {
    fn result(&mut self, mut result: Value) {
        self.last = Some(Instant::now());
        match result["errors"][0]["extensions"]["code"].as_str() {
            Some(code) => self.code = Some(code.to_owned()),
            None => self.results.push(result["data"].take()),
        }
    }

    /// The events of a stream of events.
    pub fn events(&self) -> Vec<Told> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let told = |data: &Value| {
            let node = &data["events"]["node"];
            Told {
                id: text(&node["id"]).unwrap(),
                kind: text(&node["type"]).unwrap(),
                subject: text(&node["subjectId"]),
                sequence: node["sequence"].as_str().map(|sequence| sequence.parse().unwrap()),
            }
        };
        self.results.iter().map(told).collect()
    }
}

type Record<T> = Arc<Mutex<T>>;

fn copy<T: Clone>(record: &Record<T>) -> T {
    record.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// An open stream, or one that was.
#[derive(Debug)]
pub struct Stream {
    pub party: &'static str,
    pub topic: Topic,
    pub over: &'static str,
    heard: Record<Heard>,
}

impl Stream {
    pub fn heard(&self) -> Heard {
        copy(&self.heard)
    }

    /// For messages: who, what and how.
    pub fn name(&self) -> String {
        format!("{} {:?} over {}", self.party, self.topic, self.over)
    }
}

/// The code with which the server closed a socket.
type Closed = Option<u16>;

#[derive(Debug, Default)]
pub struct Crowd {
    pub streams: Vec<Stream>,
    sockets: Vec<(&'static str, Record<Closed>)>,
    readers: JoinSet<()>,
}

impl Crowd {
    fn stream(&mut self, party: &'static str, topic: Topic, over: &'static str) -> Record<Heard> {
        let heard = Record::<Heard>::default();
        self.streams.push(Stream { party, topic, over, heard: Arc::clone(&heard) });
        heard
    }

    /// One stream of server-sent events.
    pub async fn sse(&mut self, party: &'static str, guest: &Guest, ask: &Ask) {
        let body = json!({ "query": ask.query(), "variables": ask.variables }).to_string();
        let bearer = format!("Bearer {}", guest.token);
        let headers =
            [("content-type", "application/json"), ("accept", "text/event-stream"), ("authorization", bearer.as_str())];
        let mut stream = http(guest.address, "POST", "/graphql", &headers, &body).await;
        if stream.status != 200 {
            let text = stream.text().await;
            panic!("{party} {:?}: {}: {text}", ask.topic, stream.status);
        }
        let heard = self.stream(party, ask.topic, "sse");
        self.readers.spawn(async move {
            // To the very end of the answer: a result after `complete` would be heard, too.
            while let Some((event, data)) = stream.event().await {
                let mut heard = heard.lock().unwrap();
                match event.as_str() {
                    "next" => heard.result(serde_json::from_str(&data).unwrap()),
                    "complete" => assert!(heard.code.is_some(), "it ended without a reason"),
                    other => panic!("{other}: {data}"),
                }
            }
            heard.lock().unwrap().over = true;
        });
    }

    /// A socket with these streams.
    pub async fn socket(&mut self, party: &'static str, guest: &Guest, asks: &[Ask]) {
        let mut socket = Socket::open(guest.address).await;
        let payload = json!({ "authorization": format!("Bearer {}", guest.token) });
        socket.send(json!({ "type": "connection_init", "payload": payload })).await;
        assert_eq!(socket.receive().await, json!({ "type": "connection_ack" }), "{party}");
        let mut records = HashMap::new();
        for (position, ask) in asks.iter().enumerate() {
            let id = position.to_string();
            socket.subscribe(&id, ask.query(), ask.variables.clone()).await;
            records.insert(id, self.stream(party, ask.topic, "websocket"));
        }
        let closed = Record::<Closed>::default();
        self.sockets.push((party, Arc::clone(&closed)));
        self.readers.spawn(async move {
            while let Some(frame) = socket.frame().await {
                match frame {
                    Message::Text(text) => {
                        let mut message: Value = serde_json::from_str(&text).unwrap();
                        let mut heard = records[message["id"].as_str().unwrap()].lock().unwrap();
                        assert!(!heard.over, "it went on after its end: {message}");
                        match message["type"].as_str().unwrap() {
                            "next" => heard.result(message["payload"].take()),
                            "error" => {
                                heard.result(json!({ "errors": message["payload"] }));
                                heard.over = true;
                            }
                            _ => heard.over = true,
                        }
                    }
                    Message::Close(frame) => *closed.lock().unwrap() = frame.map(|frame| frame.code.into()),
                    other => panic!("{other:?}"),
                }
            }
            for heard in records.values() {
                heard.lock().unwrap().over = true;
            }
        });
    }

    /// A socket with half of these streams, and one stream of server-sent events for each of the others.
    pub async fn both(&mut self, party: &'static str, guest: &Guest, asks: &[Ask]) {
        let (one, other) = asks.split_at(asks.len().div_ceil(2));
        self.socket(party, guest, one).await;
        for ask in other {
            self.sse(party, guest, ask).await;
        }
    }

    pub fn of<'c>(&'c self, party: &'c str) -> impl Iterator<Item = &'c Stream> {
        self.streams.iter().filter(move |stream| stream.party == party)
    }

    /// Waits until it holds of each stream that is asked about; says of which it never did.
    pub async fn until(&self, of: impl Fn(&Stream) -> bool, holds: impl Fn(&Heard) -> bool) {
        let wait = async {
            for stream in self.streams.iter().filter(|stream| of(stream)) {
                while !holds(&stream.heard()) {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        };
        if tokio::time::timeout(PATIENCE, wait).await.is_err() {
            let late = self.streams.iter().filter(|stream| of(stream) && !holds(&stream.heard()));
            let late: Vec<(String, Heard)> = late.map(|stream| (stream.name(), stream.heard())).collect();
            panic!("{} still wait: {:?}", late.len(), late.first());
        }
    }

    /// Has something happen, again and again, until each stream of events was told of something: from then on all are open.
    pub async fn awake(&self, mut happens: impl AsyncFnMut()) {
        let deaf =
            || self.streams.iter().any(|stream| stream.topic == Topic::Events && stream.heard().results.is_empty());
        within(PATIENCE, async {
            while deaf() {
                happens().await;
                tokio::time::sleep(Duration::from_millis(300)).await;
            }
        })
        .await;
    }

    /// The codes with which a party's sockets were closed, once they are.
    pub async fn closed(&self, party: &str) -> Vec<u16> {
        let mut codes = Vec::new();
        for (_, closed) in self.sockets.iter().filter(|(of, _)| *of == party) {
            let code = within(PATIENCE, async {
                loop {
                    if let Some(code) = copy(closed) {
                        break code;
                    }
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            });
            codes.push(code.await);
        }
        codes
    }
}

impl Drop for Crowd {
    /// A reader that panicked is a test that failed.
    fn drop(&mut self) {
        while let Some(ended) = self.readers.try_join_next() {
            if let Err(error) = ended
                && error.is_panic()
                && !std::thread::panicking()
            {
                std::panic::resume_unwind(error.into_panic());
            }
        }
    }
}
