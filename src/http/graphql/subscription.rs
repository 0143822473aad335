//! A subscription that runs: one turn to open it, one for each batch of events, one for each event that is sent.
//!
//! For each turn the viewer is loaded anew, and what it reads, it reads in a transaction of that turn. The stream ends with
//! a coded error when the viewer may not go on, whether anything happens or not, and without one when the server stops.

use std::{collections::VecDeque, sync::Arc, time::Instant};

use async_graphql::{
    Variables,
    parser::types::{OperationDefinition, Selection},
};
use axum::http::StatusCode;

use super::{
    engine::{Call, Engine},
    response::Answer,
};
use crate::{
    error::Error,
    graphql::{
        context::ClientAddress,
        limits::{Document, Refusal},
        subscription::run::{About, Opening, Task, Turn},
    },
    http::{backend::Backend, request_log::Facts},
    service::streams::{Held, Hub, Reader, Seat},
    store::audit::follow::LogEntry,
    viewer::Viewer,
};

/// Where a subscription runs, and for whom.
pub struct Place {
    /// Runs its turns.
    pub engine: Arc<Engine>,
    /// What they need.
    pub backend: Arc<dyn Backend>,
    /// Wakes it.
    pub hub: Hub,
    /// Who asked.
    pub seat: Arc<Seat>,
    /// From where.
    pub client: ClientAddress,
    /// What the log calls the way it is sent.
    pub transport: &'static str,
}

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Place")
    }
}

/// What a stream says next.
#[derive(Debug)]
pub enum Said {
    /// One event.
    Event(Answer),
    /// Why it ends.
    Failed(Answer),
    /// The server stops; whoever wants to go on asks another.
    Closing,
}

/// An open subscription. Dropped, it is logged.
pub struct Following {
    place: Place,
    document: Document,
    variables: Variables,
    about: About,
    reader: Reader,
    /// Events that were picked, and are not sent yet.
    picked: VecDeque<LogEntry>,
    facts: Facts,
    sent: u64,
    began: Instant,
    _held: [Held; 2],
}

impl std::fmt::Debug for Following {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Following")
    }
}

impl Following {
    /// Opens one, or says why not.
    pub async fn open(place: Place, document: Document, call: Call) -> Result<Self, Box<Answer>> {
        let one = document.operation().is_some_and(is_one_field);
        if !one {
            let message =
                "A subscription selects one field of the root, by itself: not in a fragment, with no directive.";
            return Err(Answer::from(Refusal::validation("query", message)).into());
        }
        let Some(held) = place.seat.stream() else {
            return Err(too_many("Too many subscriptions are open (streams.per_viewer, streams.total).").into());
        };
        let viewer = place.seat.viewer().await.map_err(Answer::from)?;
        let mut facts = Facts::of(&viewer);
        facts.ran(&document);
        let turn = Turn::new(Task::Open);
        let subscription = (&document, &call.variables);
        let (answer, statements) = place.engine.turn(&*place.backend, &viewer, place.client, subscription, &turn).await;
        facts.statements = statements;
        let opened = turn.outcome().opened.filter(|_| answer.is_none());
        let Some(Opening { org, after, about }) = opened else {
            let answer = answer.unwrap_or_else(|| Error::internal("a subscription that opens nothing").into());
            return Err(answer.into());
        };
        let reader = match after {
            Some(position) => place.hub.reader(org, position),
            None => place.hub.reader_from_now(org).await.map_err(Answer::from)?,
        };
        let (picked, began) = (VecDeque::new(), Instant::now());
        let variables = call.variables;
        Ok(Self { place, document, variables, about, reader, picked, facts, sent: 0, began, _held: held })
    }

    /// What it says next. Safe to give up waiting for: nothing is passed over before it is said. The last is [`Said::Failed`] or [`Said::Closing`].
    pub async fn next(&mut self) -> Said {
        let (seat, hub) = (Arc::clone(&self.place.seat), self.place.hub.clone());
        let said = tokio::select! {
            biased;
            () = hub.closed() => Said::Closing,
            () = seat.over() => Said::Failed(Error::Unauthenticated.into()),
            stepped = self.step() => match stepped {
                Ok(answer) => Said::Event(answer),
                Err(answer) => Said::Failed(*answer),
            },
        };
        match &said {
            Said::Event(_) => self.sent += 1,
            Said::Failed(answer) => self.facts.code = answer.code().map(str::to_owned),
            Said::Closing => {}
        }
        said
    }

    /// Notes why it ends, where that is not for it to know.
    pub fn ends(&mut self, code: &str) {
        self.facts.code = Some(code.to_owned());
    }

    async fn step(&mut self) -> Result<Answer, Box<Answer>> {
        loop {
            while let Some(entry) = self.picked.front().cloned() {
                let turn = Turn::new(Task::Answer(entry));
                let answer = self.turn(&turn).await?;
                // Only now: a sign of life that falls due meanwhile gives up this step, and the event is asked for again.
                self.picked.pop_front();
                match answer {
                    Some(answer) if turn.outcome().answered => return Ok(answer),
                    Some(failed) => return Err(failed.into()),
                    // It is not for this viewer any more.
                    None => {}
                }
            }
            let batch = self.reader.next().await.map_err(Answer::from)?;
            let Some(end) = batch.last().map(|entry| entry.sequence) else { continue };
            self.pick(batch).await?;
            self.reader.pass(end);
        }
    }

    /// Picks from a batch what is worth a turn. Also looks whether what is followed is still to be seen.
    async fn pick(&mut self, batch: Vec<LogEntry>) -> Result<(), Box<Answer>> {
        let sight = self.about != About::Everything && batch.iter().any(LogEntry::may_change_visibility);
        let mut batch: Vec<LogEntry> = batch.into_iter().filter(|entry| self.about.holds(entry)).collect();
        if batch.is_empty() && !sight {
            return Ok(());
        }
        let turn = Turn::new(Task::Pick(batch.clone()));
        if let Some(failed) = self.turn(&turn).await? {
            return Err(failed.into());
        }
        let picked = turn.outcome().picked;
        batch.retain(|entry| picked.contains(&entry.id));
        self.picked.extend(batch);
        Ok(())
    }

    /// One turn, as the viewer is now.
    async fn turn(&mut self, turn: &Arc<Turn>) -> Result<Option<Answer>, Box<Answer>> {
        let place = &self.place;
        let viewer: Viewer = place.seat.viewer().await.map_err(Answer::from)?;
        let subscription = (&self.document, &self.variables);
        let (answer, statements) = place.engine.turn(&*place.backend, &viewer, place.client, subscription, turn).await;
        self.facts.statements += statements;
        Ok(answer)
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        self.facts.log_stream(self.place.transport, self.sent, self.began);
    }
}

/// What is full is told with its setting.
pub fn too_many(message: &str) -> Answer {
    let refusal = Refusal { code: "RATE_LIMITED", field: None, message: message.to_owned(), locations: Vec::new() };
    Answer::refused(StatusCode::TOO_MANY_REQUESTS, vec![refusal.into()])
}

/// The library streams each field of the root by itself, and passes over fragments there.
fn is_one_field(operation: &OperationDefinition) -> bool {
    match operation.selection_set.node.items.as_slice() {
        [item] => match &item.node {
            Selection::Field(field) => {
                field.node.directives.is_empty() && !field.node.name.node.as_str().starts_with("__")
            }
            _ => false,
        },
        _ => false,
    }
}
