//! One operation on a socket, in a task of its own.

use std::{
    sync::{Arc, PoisonError},
    time::Instant,
};

use async_graphql::parser::types::OperationType;
use tokio::sync::mpsc;

use super::{Out, Running, message};
use crate::{
    error::Error,
    graphql::{context::ClientAddress, limits::Document},
    http::{
        graphql::{
            Json, call,
            engine::Call,
            response::Answer,
            subscription::{Following, Place, Said},
        },
        request_log::Facts,
        router::Server,
    },
    service::streams::{Hub, Seat},
};

/// What an operation needs.
pub struct Operation {
    /// The client's name for it.
    pub id: String,
    /// The engine and what is behind it.
    pub server: Server,
    /// Wakes subscriptions.
    pub hub: Hub,
    /// Who asks.
    pub seat: Arc<Seat>,
    /// From where.
    pub client: ClientAddress,
    /// Where it answers.
    pub out: mpsc::Sender<Out>,
    /// Where its name is taken.
    pub running: Running,
}

impl Operation {
    /// Runs to its end.
    pub async fn run(self, parameters: Json) {
        let last = match self.read(parameters) {
            Ok((call, document, OperationType::Subscription)) => Box::pin(self.follow(call, document)).await,
            Ok((call, document, _)) => Box::pin(self.answer(call, &document)).await,
            Err(answer) => Some(self.error(&answer)),
        };
        // The name is free before the client reads that it is.
        self.running.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
        if let Some(last) = last {
            // A client that has gone needs no answer.
            let _ = self.out.send(Out::Text(last)).await;
        }
    }

    fn read(&self, parameters: Json) -> Result<(Call, Document, OperationType), Box<Answer>> {
        let call = call(parameters)?;
        let document = self.server.engine.document(&call).map_err(Answer::from)?;
        let kind = document.operation().map(|operation| operation.ty).ok_or(Error::NotFound).map_err(Answer::from)?;
        Ok((call, document, kind))
    }

    fn error(&self, answer: &Answer) -> String {
        message::error(&self.id, &answer.errors)
    }

    /// A query or mutation: one result.
    async fn answer(&self, call: Call, document: &Document) -> Option<String> {
        let began = Instant::now();
        let viewer = match self.seat.viewer().await {
            Ok(viewer) => viewer,
            Err(error) => return Some(self.error(&error.into())),
        };
        let (engine, settings) = (&self.server.engine, &self.server.settings);
        let mut budget = engine.documents().limits().cost;
        let run = engine.run(&*self.server.backend, &viewer, self.client, call, &mut budget);
        let (answer, mut facts) = tokio::time::timeout(settings.timeout, Box::pin(run)).await.unwrap_or_else(|_| {
            let mut facts = Facts::of(&viewer);
            facts.ran(document);
            (Error::Unavailable("an operation on a socket took too long".to_owned()).into(), facts)
        });
        facts.code = answer.code().map(str::to_owned);
        facts.log_stream("websocket", 1, began);
        if answer.data.is_none() {
            return Some(self.error(&answer));
        }
        self.out.send(Out::Text(message::next(&self.id, &answer))).await.ok()?;
        Some(message::complete(&self.id))
    }

    /// A subscription. Its last word, if the client is to hear one: when the server stops, the socket's end says so.
    async fn follow(&self, call: Call, document: Document) -> Option<String> {
        let place = Place {
            engine: Arc::clone(&self.server.engine),
            backend: Arc::clone(&self.server.backend),
            hub: self.hub.clone(),
            seat: Arc::clone(&self.seat),
            client: self.client,
            transport: "websocket",
        };
        let mut following = match Following::open(place, document, call).await {
            Ok(following) => following,
            Err(answer) => return Some(self.error(&answer)),
        };
        loop {
            match following.next().await {
                Said::Event(answer) => self.out.send(Out::Text(message::next(&self.id, &answer))).await.ok()?,
                Said::Failed(answer) => return Some(self.error(&answer)),
                Said::Closing => return None,
            }
        }
    }
}
