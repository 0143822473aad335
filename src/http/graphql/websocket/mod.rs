//! GraphQL over a WebSocket: the protocol `graphql-transport-ws`.
//!
//! Whoever connects says who they are in the header `Authorization` or in `connection_init`; nobody in particular is not
//! let in. Subscriptions, queries and mutations run under the same limits as over HTTP, each with the viewer as it is
//! then. When the viewer may not stay, what runs ends with an error and the socket is closed with 4403.
//!
//! What a client does not take is not collected: a socket holds a handful of messages, its operations wait, and after
//! `streams.stall` it is given up.

pub mod message;
mod operation;
mod origin;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    extract::{
        FromRequestParts as _, WebSocketUpgrade,
        ws::{CloseFrame, Message, WebSocket},
    },
    http::{HeaderMap, Method, StatusCode, header, request::Parts},
    response::{IntoResponse as _, Response},
};
use futures_util::{
    SinkExt as _, StreamExt as _,
    stream::{SplitSink, SplitStream},
};
use tokio::{
    sync::mpsc,
    task::AbortHandle,
    time::{Instant, timeout},
};

use self::message::{Close, Received};
use super::{
    authorization,
    content_type::Form,
    response::{self, Answer},
    subscription::too_many,
};
use crate::{
    config::Streams,
    error::{Error, Result},
    graphql::context::ClientAddress,
    http::{client_address::client_address, router::Server},
    service::streams::{Held, Hub, Seat},
};

const PROTOCOL: &str = "graphql-transport-ws";
/// Messages that wait for a client to take them.
const WAITING: usize = 4;
/// How long what runs may take to say why it ends.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Whether the request wants to become a socket.
pub(super) fn is_asked_for(parts: &Parts) -> bool {
    let upgrade = parts.headers.get(header::UPGRADE).and_then(|value| value.to_str().ok());
    parts.method == Method::GET && upgrade.is_some_and(|value| value.eq_ignore_ascii_case("websocket"))
}

/// Makes the request a socket.
pub(super) async fn accept(server: &Server, hub: &Hub, parts: &mut Parts) -> Response {
    if !origin::is_welcome(&parts.headers, &server.settings) {
        let answer = Answer::from(Error::Forbidden("this origin is not listed in http.allowed_origins"));
        return response::rejected(&answer, Form::Json);
    }
    let upgrade = match WebSocketUpgrade::from_request_parts(parts, &()).await {
        Ok(upgrade) => upgrade,
        Err(rejection) => return rejection.into_response(),
    };
    let Some(held) = hub.socket() else {
        let answer = too_many("Too many WebSockets are open (streams.sockets).");
        return response::rejected(&Answer { status: StatusCode::SERVICE_UNAVAILABLE, ..answer }, Form::Json);
    };
    let limit = server.settings.body_limit;
    let upgrade = upgrade.protocols([PROTOCOL]).max_message_size(limit).max_frame_size(limit);
    let speaks = upgrade.selected_protocol().is_some();
    let client = client_address(&parts.extensions, &parts.headers, server.settings.trusted_proxies);
    let header = owned_authorization(&parts.headers);
    let (server, hub) = (server.clone(), hub.clone());
    upgrade.on_upgrade(move |socket| async move {
        let settings = hub.settings().clone();
        let (sink, stream) = socket.split();
        let (out, queue) = mpsc::channel(WAITING);
        let writing = tokio::spawn(write(sink, queue, settings.clone()));
        let mut connection = Connection::new(server, hub, client, header, out.clone(), settings);
        let close = if speaks { Box::pin(connection.run(stream)).await } else { Close::SUBPROTOCOL };
        drop(connection);
        // A client that takes nothing is not told either.
        let _ = timeout(LAST_WORDS, out.send(Out::Close(close))).await;
        drop(out);
        let _ = writing.await;
        drop(held);
    })
}

fn owned_authorization(headers: &HeaderMap) -> Result<Vec<String>> {
    Ok(authorization(headers)?.into_iter().map(str::to_owned).collect())
}

/// What is sent to a client.
#[derive(Debug)]
enum Out {
    Text(String),
    Ping,
    Close(Close),
}

/// Sends what there is to send, until a client takes nothing any more.
async fn write(mut sink: SplitSink<WebSocket, Message>, mut queue: mpsc::Receiver<Out>, settings: Streams) {
    while let Some(out) = queue.recv().await {
        let last = matches!(out, Out::Close(_));
        let message = match out {
            Out::Text(text) => Message::Text(text.into()),
            Out::Ping => Message::Ping(Default::default()),
            Out::Close(Close(code, reason)) => Message::Close(Some(CloseFrame { code, reason: reason.into() })),
        };
        match timeout(settings.stall, sink.send(message)).await {
            Ok(Ok(())) if !last => {}
            _ => return,
        }
    }
}

/// What runs on a socket, by the client's name for it.
type Running = Arc<Mutex<HashMap<String, AbortHandle>>>;

struct Connection {
    server: Server,
    hub: Hub,
    client: ClientAddress,
    header: Result<Vec<String>>,
    out: mpsc::Sender<Out>,
    settings: Streams,
    guest: Option<(Arc<Seat>, Held)>,
    running: Running,
}

impl Drop for Connection {
    fn drop(&mut self) {
        for operation in self.running.lock().unwrap_or_else(PoisonError::into_inner).values() {
            operation.abort();
        }
    }
}

/// What a socket does next.
enum Next {
    Heard(Option<Result<Message, axum::Error>>),
    Ping,
    Late,
    Over,
    Closing,
    Stalled,
}

impl Connection {
    fn new(
        server: Server,
        hub: Hub,
        client: ClientAddress,
        header: Result<Vec<String>>,
        out: mpsc::Sender<Out>,
        settings: Streams,
    ) -> Self {
        Self { server, hub, client, header, out, settings, guest: None, running: Running::default() }
    }

    /// Listens to the client until the socket is to be closed.
    async fn run(&mut self, mut stream: SplitStream<WebSocket>) -> Close {
        let deadline = Instant::now() + self.settings.init_timeout;
        let mut ping = tokio::time::interval_at(Instant::now() + self.settings.keepalive, self.settings.keepalive);
        let mut heard = Instant::now();
        loop {
            let (hub, out) = (self.hub.clone(), self.out.clone());
            let seat = self.guest.as_ref().map(|(seat, _)| Arc::clone(seat));
            let next = tokio::select! {
                () = hub.closed() => Next::Closing,
                () = out.closed() => Next::Stalled,
                () = over(seat.as_deref()) => Next::Over,
                () = tokio::time::sleep_until(deadline), if seat.is_none() => Next::Late,
                _ = ping.tick() => Next::Ping,
                heard = stream.next() => Next::Heard(heard),
            };
            let said = match next {
                Next::Heard(Some(Ok(message))) => {
                    heard = Instant::now();
                    self.hear(message).await
                }
                Next::Heard(Some(Err(error))) => Err(broken(&error)),
                Next::Heard(None) | Next::Stalled => Err(Close::GONE),
                // Two pings without a word.
                Next::Ping if heard.elapsed() > self.settings.keepalive * 2 + LAST_WORDS => Err(Close::GONE),
                Next::Ping => self.say(Out::Ping).await,
                Next::Late => Err(Close::INIT_TIMEOUT),
                Next::Over => Err(self.farewell().await),
                Next::Closing => Err(Close::GOING_AWAY),
            };
            if let Err(close) = said {
                return close;
            }
        }
    }

    async fn say(&self, out: Out) -> Result<(), Close> {
        self.out.send(out).await.map_err(|_| Close::GONE)
    }

    async fn hear(&mut self, message: Message) -> Result<(), Close> {
        let text = match message {
            Message::Text(text) => text,
            Message::Binary(_) => return Err(Close::BAD_REQUEST),
            // Answered by the library.
            Message::Ping(_) | Message::Pong(_) => return Ok(()),
            Message::Close(_) => return Err(Close::GONE),
        };
        match message::parse(&text).ok_or(Close::BAD_REQUEST)? {
            Received::Init(said) => self.init(said).await,
            Received::Ping => self.say(Out::Text(message::pong())).await,
            Received::Pong => Ok(()),
            Received::Subscribe(id, parameters) => self.subscribe(id, parameters).await,
            Received::Complete(id) => {
                if let Some(operation) = self.running().remove(&id) {
                    operation.abort();
                }
                Ok(())
            }
        }
    }

    fn running(&self) -> std::sync::MutexGuard<'_, HashMap<String, AbortHandle>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn init(&mut self, said: Option<String>) -> Result<(), Close> {
        if self.guest.is_some() {
            return Err(Close::INIT_TWICE);
        }
        // Said in both places it may be two different ones, and is refused like two headers.
        let header = self.header.as_ref().map_err(|_| Close::FORBIDDEN)?;
        let values: Vec<&str> = header.iter().chain(&said).map(String::as_str).collect();
        let seat = self.hub.seat(&values).await.map_err(|error| match error {
            Error::Unavailable(_) | Error::Internal(_) => Close::TRY_LATER,
            _ => Close::FORBIDDEN,
        })?;
        let held = seat.socket().ok_or(Close::TRY_LATER)?;
        self.guest = Some((seat, held));
        self.say(Out::Text(message::ack())).await
    }

    async fn subscribe(&self, id: String, parameters: super::Json) -> Result<(), Close> {
        let (seat, _) = self.guest.as_ref().ok_or(Close::UNAUTHORIZED)?;
        let refusal = {
            let mut running = self.running();
            if running.contains_key(&id) {
                return Err(Close::DUPLICATE);
            }
            if running.len() < self.settings.per_socket {
                let operation = operation::Operation {
                    id: id.clone(),
                    server: self.server.clone(),
                    hub: self.hub.clone(),
                    seat: Arc::clone(seat),
                    client: self.client,
                    out: self.out.clone(),
                    running: Arc::clone(&self.running),
                };
                // It waits for this lock before it can say that it is over.
                running.insert(id, tokio::spawn(operation.run(parameters)).abort_handle());
                return Ok(());
            }
            too_many("Too many operations run on this socket (streams.per_socket).")
        };
        self.say(Out::Text(message::error(&id, &refusal.errors))).await
    }

    /// Lets what runs say why it ends.
    async fn farewell(&self) -> Close {
        let quiet = async {
            while !self.running().is_empty() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let _ = timeout(LAST_WORDS, quiet).await;
        Close::FORBIDDEN
    }
}

async fn over(seat: Option<&Seat>) {
    match seat {
        Some(seat) => seat.over().await,
        None => std::future::pending().await,
    }
}

/// What is wrong with a frame. The library does not say it in a type of ours.
fn broken(error: &axum::Error) -> Close {
    let mut causes = std::iter::successors(Some(error as &(dyn std::error::Error + 'static)), |error| error.source());
    if causes.any(|cause| cause.to_string().contains("too long")) { Close::TOO_BIG } else { Close::GONE }
}
