//! GraphQL over server-sent events, "distinct connections": each operation is a request of its own, answered by an event
//! `next` for each result and then `complete`. Queries and mutations are answered so, too, to whoever asks.
//!
//! What is wrong with the request is told by its status, in JSON, before a stream begins. A stream that the server ends
//! because it stops is cut without `complete`: the client is to ask again. One whose client takes nothing is given up
//! after `streams.stall`; between the two lies one event, and what the socket holds.

use std::convert::Infallible;

use async_graphql::parser::types::OperationType;
use axum::{
    body::{Body, Bytes},
    http::{HeaderName, HeaderValue, StatusCode, header, request::Parts},
    response::Response,
};
use futures_util::stream;
use tokio::sync::mpsc;

use super::{
    Calls, authorization, bad,
    content_type::Form,
    method, read,
    response::{self, Answer},
    subscription::{Following, Place, Said},
    turned_away, viewer, with_facts,
};
use crate::{
    config::Streams,
    http::{client_address::client_address, request_log::Facts, router::Server},
    service::streams::Hub,
};

/// The form of what is told without a stream: its status shows.
const FORM: Form = Form::GraphQl;
/// A line that is nothing but a sign of life.
const ALIVE: &[u8] = b":\n\n";
const COMPLETE: &[u8] = b"event: complete\ndata:\n\n";

/// Answers one request.
pub(super) async fn respond(server: &Server, hub: &Hub, parts: &Parts, body: Body) -> Response {
    if let Err(response) = method(parts, FORM) {
        return *response;
    }
    let viewer = match viewer(server, &parts.headers).await {
        Ok(viewer) => viewer,
        Err(error) => return turned_away(error, FORM),
    };
    let facts = Facts::of(&viewer);
    let call = match read(server, parts, body).await {
        Ok(Calls::One(call)) => call,
        Ok(Calls::Batch(_)) => return refused(&bad("body", "A batch is not streamed."), facts),
        Err(answer) => return refused(&answer, facts),
    };
    let document = match server.engine.document(&call) {
        Ok(document) => document,
        Err(refusal) => return refused(&refusal.into(), facts),
    };
    let client = client_address(&parts.extensions, &parts.headers, server.settings.trusted_proxies);
    if document.operation().is_none_or(|operation| operation.ty != OperationType::Subscription) {
        let mut budget = server.engine.documents().limits().cost;
        let run = server.engine.run(&*server.backend, &viewer, client, call, &mut budget);
        let (answer, facts) = Box::pin(run).await;
        return once(&answer, facts);
    }
    let mut facts = facts;
    facts.ran(&document);
    // Nobody in particular follows nothing.
    let seat = match authorization(&parts.headers) {
        Ok(values) => hub.seat(&values).await,
        Err(error) => Err(error),
    };
    let seat = match seat {
        Ok(seat) => seat,
        Err(error) => return turned_away(error, FORM),
    };
    let (engine, backend, hub) = (server.engine.clone(), server.backend.clone(), hub.clone());
    let settings = hub.settings().clone();
    let place = Place { engine, backend, hub, seat, client, transport: "sse" };
    match Box::pin(Following::open(place, document, call)).await {
        Ok(following) => with_facts(streamed(following, settings), facts, &[]),
        Err(answer) => once(&answer, facts),
    }
}

fn refused(answer: &Answer, facts: Facts) -> Response {
    let mut response = response::rejected(answer, FORM);
    if answer.status == StatusCode::METHOD_NOT_ALLOWED {
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
    }
    with_facts(response, facts, std::slice::from_ref(answer))
}

/// One result and the end; what was not carried out is no result.
fn once(answer: &Answer, facts: Facts) -> Response {
    if answer.data.is_none() {
        return refused(answer, facts);
    }
    let mut body = next(answer).to_vec();
    body.extend_from_slice(COMPLETE);
    with_facts(events(Body::from(body)), facts, std::slice::from_ref(answer))
}

fn events(body: Body) -> Response {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store, private"));
    headers.insert(header::VARY, HeaderValue::from_static("accept, authorization"));
    // A proxy that waits for the end of a stream never sends any of it.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

fn next(answer: &Answer) -> Bytes {
    // Values have text keys only, so that writing them cannot fail. JSON has no line ends outside of strings, and
    // escaped ones inside.
    let json = serde_json::to_string(answer).unwrap_or_default();
    Bytes::from(format!("event: next\ndata: {json}\n\n"))
}

fn streamed(following: Following, settings: Streams) -> Response {
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(send(following, sender, settings));
    let body = stream::unfold(receiver, async |mut receiver: mpsc::Receiver<Bytes>| {
        let bytes = receiver.recv().await?;
        Some((Ok::<_, Infallible>(bytes), receiver))
    });
    events(Body::from_stream(body))
}

async fn send(mut following: Following, sender: mpsc::Sender<Bytes>, settings: Streams) {
    let mut said = Bytes::from_static(ALIVE);
    let mut last = false;
    loop {
        match hand(&sender, said, &settings).await {
            Ok(()) if !last => {}
            Ok(()) | Err(Gone::Left) => return,
            Err(Gone::Stalled) => return following.ends("STALLED"),
        }
        let waited = {
            let mut next = std::pin::pin!(following.next());
            loop {
                tokio::select! {
                    said = &mut next => break Ok(said),
                    // Beside the turn and not in its place: one that takes long would begin anew at each sign of life.
                    () = tokio::time::sleep(settings.keepalive) => {
                        if let Err(gone) = hand(&sender, Bytes::from_static(ALIVE), &settings).await {
                            break Err(gone);
                        }
                    }
                    () = sender.closed() => break Err(Gone::Left),
                }
            }
        };
        said = match waited {
            Ok(Said::Event(answer)) => next(&answer),
            Ok(Said::Failed(answer)) => {
                last = true;
                [&next(&answer)[..], COMPLETE].concat().into()
            }
            Ok(Said::Closing) | Err(Gone::Left) => return,
            Err(Gone::Stalled) => return following.ends("STALLED"),
        };
    }
}

/// Why nothing more can be handed to a client.
enum Gone {
    /// It has gone away.
    Left,
    /// It takes nothing.
    Stalled,
}

async fn hand(sender: &mpsc::Sender<Bytes>, bytes: Bytes, settings: &Streams) -> Result<(), Gone> {
    match tokio::time::timeout(settings.stall, sender.send(bytes)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(Gone::Left),
        Err(_) => Err(Gone::Stalled),
    }
}
