//! A subscription as many small operations.
//!
//! The library would make a subscription's context once and keep it: its viewer, its transaction and what it may see
//! would be those of the beginning. So it is never left running. A stream runs the operation again for each event, each
//! time with a new context, and a [`Turn`] in it that says what this run is for: to check and open, to pick from a
//! batch of events those worth a run of their own, or to answer for one event. A [`Feed`] is a subscription field as these
//! three functions. Guards run each time.
//!
//! A feed's errors end the stream. What a feed answers nothing for is not for this viewer, and passes without a trace.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_graphql::Context;
use entity::ids::{EventId, OrgId};
use futures_util::{Stream, stream};

use crate::{
    error::{Error, Result},
    graphql::context::{RequestCtx, cx},
    store::audit::follow::LogEntry,
};

/// What one run of a subscription is for, and what came of it.
#[derive(Debug)]
pub struct Turn {
    /// What it is for.
    pub task: Task,
    outcome: Mutex<Outcome>,
}

/// What a run is for.
#[derive(Debug)]
pub enum Task {
    /// To say what is followed, or why it may not be.
    Open,
    /// To pick from a batch.
    Pick(Vec<LogEntry>),
    /// To answer for one event.
    Answer(LogEntry),
}

/// What came of a run.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What is followed.
    pub opened: Option<Opening>,
    /// Which events of the batch.
    pub picked: Vec<EventId>,
    /// Whether there is an answer.
    pub answered: bool,
}

/// What a stream follows.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Opening {
    /// Whose log.
    pub org: OrgId,
    /// From after this position on; from now on without it.
    pub after: Option<i64>,
    /// Which events.
    pub about: About,
}

/// Which events a feed looks at, before anything is asked of the database.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum About {
    /// All of them.
    Everything,
    /// Those about one object.
    Object(String),
    /// Those about objects whose ids have this prefix.
    Family(&'static str),
}

impl About {
    /// Whether the event is one.
    pub fn holds(&self, entry: &LogEntry) -> bool {
        match self {
            Self::Everything => true,
            Self::Object(id) => entry.subject_id.as_deref() == Some(id.as_str()),
            Self::Family(prefix) => entry.family() == *prefix,
        }
    }
}

impl Turn {
    /// A run for this.
    pub fn new(task: Task) -> Arc<Self> {
        Arc::new(Self { task, outcome: Mutex::default() })
    }

    /// What came of it.
    pub fn outcome(&self) -> Outcome {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Outcome> {
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A subscription field.
#[async_trait::async_trait]
pub trait Feed: Send + Sync {
    /// What a client is sent.
    type Item: Send;

    /// Checks the arguments, and that the viewer sees what is to be followed.
    async fn open(&self, cx: &RequestCtx) -> Result<Opening>;

    /// Of a batch, the events that this viewer may be sent something for. Asked for one that changes who sees what, too: an
    /// error ends the stream.
    async fn pick(&self, cx: &RequestCtx, batch: &[LogEntry]) -> Result<Vec<EventId>>;

    /// What is sent for one event, read now; nothing where it is not for this viewer.
    async fn answer(&self, ctx: &Context<'_>, entry: &LogEntry) -> Result<Option<Self::Item>>;
}

/// Runs a feed for whatever this turn is for.
pub async fn follow<F: Feed>(ctx: &Context<'_>, feed: F) -> Result<impl Stream<Item = F::Item> + use<F>> {
    let turn = ctx.data_opt::<Arc<Turn>>().ok_or_else(|| Error::internal("a subscription without a turn"))?;
    let mut item = None;
    match &turn.task {
        Task::Open => {
            let opening = feed.open(cx(ctx)).await?;
            turn.lock().opened = Some(opening);
        }
        Task::Pick(batch) => {
            let picked = feed.pick(cx(ctx), batch).await?;
            turn.lock().picked = picked;
        }
        Task::Answer(entry) => {
            item = feed.answer(ctx, entry).await?;
            turn.lock().answered = item.is_some();
        }
    }
    Ok(stream::iter(item))
}
