//! A WebSocket whose every result is timed.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio_tungstenite::tungstenite::{Message, client::IntoClientRequest as _};

use super::world::{Guest, World};

const EVENTS: &str = "subscription { events { cursor node { id type subjectId payload } } }";

/// When each stream of a socket was told of what.
type Times = Arc<Mutex<Vec<Vec<Instant>>>>;

#[derive(Debug)]
pub struct Socket {
    guest: Guest,
    times: Times,
    closed: oneshot::Receiver<Instant>,
    reading: tokio::task::JoinHandle<()>,
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.reading.abort();
    }
}

impl Socket {
    /// A session of its own with so many streams.
    pub async fn open(world: &World, number: usize, streams: usize) -> Self {
        let guest = world.guest(number).await;
        let mut request = format!("ws://{}/graphql", world.address).into_client_request().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", "graphql-transport-ws".parse().unwrap());
        let (mut socket, _) = tokio_tungstenite::connect_async(request).await.unwrap();
        let send = |message: Value| Message::text(message.to_string());
        let payload = json!({ "authorization": format!("Bearer {}", guest.token) });
        socket.send(send(json!({ "type": "connection_init", "payload": payload }))).await.unwrap();
        socket.next().await.unwrap().unwrap();
        for id in 0..streams {
            let payload = json!({ "query": EVENTS });
            socket.send(send(json!({ "type": "subscribe", "id": id.to_string(), "payload": payload }))).await.unwrap();
        }
        let times: Times = Arc::new(Mutex::new(vec![Vec::new(); streams]));
        let (told, (over, closed)) = (Arc::clone(&times), oneshot::channel());
        let reading = tokio::spawn(async move {
            while let Some(Ok(message)) = socket.next().await {
                match message {
                    Message::Text(text) => {
                        let now = Instant::now();
                        let message: Value = serde_json::from_str(&text).unwrap();
                        if message["type"] == "next" {
                            assert!(message["payload"]["errors"].is_null(), "{message}");
                            let id: usize = message["id"].as_str().unwrap().parse().unwrap();
                            told.lock().unwrap()[id].push(now);
                        }
                    }
                    Message::Close(_) => break,
                    _ => {}
                }
            }
            let _ = over.send(Instant::now());
        });
        Self { guest, times, closed, reading }
    }

    /// How many events every one of its streams has been told of.
    pub fn received(&self) -> usize {
        self.times.lock().unwrap().iter().map(Vec::len).min().unwrap()
    }

    /// Forgets what was told so far.
    pub fn forget(&self) {
        self.times.lock().unwrap().iter_mut().for_each(Vec::clear);
    }

    pub fn times(&self) -> Vec<Vec<Instant>> {
        self.times.lock().unwrap().clone()
    }

    pub async fn sign_out(&self) {
        self.guest.ask("mutation { logout }", json!({})).await;
    }

    /// When it was closed.
    pub async fn closed(mut self) -> Instant {
        (&mut self.closed).await.unwrap()
    }
}

/// Waits until it holds of all.
pub async fn until(sockets: &[Socket], holds: impl Fn(&Socket) -> bool) {
    while !sockets.iter().all(&holds) {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
