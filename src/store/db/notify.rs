//! Wake-up hints: which organisations' logs have grown.
//!
//! A hint may be lost or come twice; the table is the truth, and whoever follows a log looks at it now and then without
//! any hint. Inside one process hints go round directly; between processes PostgreSQL carries them. They are sent after
//! the commit, many commits' in one message, and say nothing but whose log it is.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use entity::ids::{OrgId, TypedId};
use sqlx::postgres::{PgListener, PgPool};
use tokio::sync::broadcast;
use uuid::Uuid;

use super::Database;
use crate::error::Result;

/// A log that has grown, and how far at least.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LogAdvanced {
    /// Whose log.
    pub org: OrgId,
    /// A position that it has reached.
    pub sequence: i64,
}

const CHANNEL: &str = "palisade_events";
/// Hints that a slow follower may be behind before it is told to look everywhere.
const BEHIND: usize = 256;

/// Hints of one process. Clones share everything.
#[derive(Clone, Debug)]
pub struct Notices(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    here: broadcast::Sender<LogAdvanced>,
    elsewhere: Mutex<Elsewhere>,
}

/// What other processes are still to be told.
#[derive(Debug, Default)]
struct Elsewhere {
    waiting: BTreeMap<OrgId, i64>,
    telling: bool,
}

impl Default for Notices {
    fn default() -> Self {
        Self(Arc::new(Inner { here: broadcast::Sender::new(BEHIND), elsewhere: Mutex::default() }))
    }
}

impl Notices {
    /// Hints from now on. A receiver that lags behind should look at every log it follows.
    pub fn subscribe(&self) -> broadcast::Receiver<LogAdvanced> {
        self.0.here.subscribe()
    }

    fn elsewhere(&self) -> MutexGuard<'_, Elsewhere> {
        self.0.elsewhere.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells this process at once, and the others as soon as the message before has gone.
    pub(in crate::store) fn publish_all(&self, db: &Database, heads: BTreeMap<OrgId, i64>) {
        for (org, sequence) in &heads {
            self.publish(LogAdvanced { org: *org, sequence: *sequence });
        }
        if db.backend() == sea_orm::DbBackend::Sqlite {
            return;
        }
        let mut elsewhere = self.elsewhere();
        for (org, sequence) in heads {
            let waiting = elsewhere.waiting.entry(org).or_default();
            *waiting = sequence.max(*waiting);
        }
        if !std::mem::replace(&mut elsewhere.telling, true) {
            tokio::spawn(self.clone().tell(db.clone()));
        }
    }

    /// Passes a hint on to whoever follows logs in this process.
    pub fn publish(&self, grown: LogAdvanced) {
        // Nobody follows: nobody needs to know.
        let _ = self.0.here.send(grown);
    }

    async fn tell(self, db: Database) {
        loop {
            let heads = {
                let mut elsewhere = self.elsewhere();
                if elsewhere.waiting.is_empty() {
                    elsewhere.telling = false;
                    return;
                }
                std::mem::take(&mut elsewhere.waiting)
            };
            if let Err(error) = db.notify(&heads).await {
                // The others look by themselves, a little later.
                tracing::debug!(%error, "other processes were not heads of new events");
            }
        }
    }
}

/// Sends one message for each organisation, in one statement.
pub(in crate::store) async fn notify(pool: &PgPool, heads: &BTreeMap<OrgId, i64>) -> Result<(), sqlx::Error> {
    let heads: Vec<String> = heads.iter().map(|(org, sequence)| format!("{}:{sequence}", org.uuid())).collect();
    sqlx::query("SELECT pg_notify($1, heads) FROM unnest($2::text[]) AS t(heads)")
        .bind(CHANNEL)
        .bind(heads)
        .execute(pool)
        .await
        .map(drop)
}

fn parse(heads: &str) -> Option<LogAdvanced> {
    let (org, sequence) = heads.split_once(':')?;
    Some(LogAdvanced { org: OrgId::from_uuid(Uuid::parse_str(org).ok()?), sequence: sequence.parse().ok()? })
}

/// Hints of all processes, over a connection of its own that is made again when it is cut.
pub struct Listener(PgListener);

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Listener")
    }
}

impl Listener {
    pub(in crate::store) async fn new(pool: &PgPool) -> Result<Self> {
        let mut listener = PgListener::connect_with(pool).await?;
        listener.listen(CHANNEL).await?;
        Ok(Self(listener))
    }

    /// The next hint; nothing when some may have been lost with the connection. Safe to give up waiting for.
    pub async fn next(&mut self) -> Result<Option<LogAdvanced>> {
        Ok(self.0.try_recv().await?.and_then(|heads| parse(heads.payload())))
    }
}
