//! Streams that stay open: who holds them, how many there may be, and what wakes them.
//!
//! One [`Hub`] per process. A [`Seat`] is somebody who was let in and is asked again and again whether they may stay: before
//! each event by its stream, and by the hub twice a second, in one query for everybody, so that a stream on which nothing
//! happens ends too. A [`Reader`] is a place in an organisation's log. What the log has grown by is read once for all
//! readers of an organisation.
//!
//! The hub has no content: positions, kinds and subjects of events, and verified claims. It works while somebody is
//! there and sleeps otherwise.
//!
//! ```ignore
//! let seat = hub.seat(&["Bearer …"]).await?;
//! let mut reader = hub.reader(org_id, position);
//! for entry in reader.next().await? { /* what the seat's viewer sees of it */ }
//! ```

mod tail;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use entity::ids::{OrgId, TypedId};
use tokio::sync::watch;
use uuid::Uuid;

use super::auth::{Credential, Identity};
use crate::{
    config::Streams,
    error::Result,
    store::{
        audit::follow::log_heads,
        db::{Database, notify::LogAdvanced},
    },
    viewer::{Actor, Viewer},
};
pub use tail::Reader;
use tail::Tail;

/// The streams of one process. Clones share everything.
#[derive(Clone)]
pub struct Hub(Arc<Inner>);

struct Inner {
    db: Database,
    identity: Identity,
    settings: Streams,
    state: Mutex<State>,
    closing: watch::Sender<bool>,
}

#[derive(Default)]
struct State {
    next: u64,
    seats: HashMap<u64, Sitting>,
    /// Held places, by what is counted.
    places: HashMap<(Place, Option<Uuid>), usize>,
    tails: HashMap<OrgId, Tail>,
    /// Which spell of work this is, while it lasts.
    spell: Option<u64>,
}

struct Sitting {
    credential: Credential,
    over: watch::Sender<bool>,
}

/// What is counted, by viewer or altogether.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Place {
    Socket,
    Stream,
}

impl std::fmt::Debug for Hub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hub")
    }
}

impl Hub {
    /// Opens nothing yet.
    pub fn new(db: Database, identity: Identity, settings: Streams) -> Self {
        let closing = watch::Sender::new(false);
        let check_every = settings.check_every.max(Duration::from_millis(10));
        let settings = Streams { check_every, ..settings };
        Self(Arc::new(Inner { db, identity, settings, state: Mutex::default(), closing }))
    }

    /// The limits.
    pub fn settings(&self) -> &Streams {
        &self.0.settings
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets somebody in, given the values of all their `Authorization` headers.
    pub async fn seat(&self, authorization: &[&str]) -> Result<Arc<Seat>> {
        let credential = self.0.identity.credential(authorization.iter().map(|value| value.as_bytes())).await?;
        let viewer = self.0.identity.viewer_of(&credential).await?;
        let over = watch::Sender::new(false);
        let receiver = over.subscribe();
        let id = {
            let mut state = self.state();
            state.next += 1;
            let id = state.next;
            state.seats.insert(id, Sitting { credential: credential.clone(), over });
            id
        };
        self.wake();
        Ok(Arc::new(Seat { hub: self.clone(), id, credential, account: account(&viewer), over: receiver }))
    }

    /// A place in the log of `org` after `position`.
    pub fn reader(&self, org: OrgId, position: i64) -> Reader {
        let reader = Reader::new(self.clone(), org, position);
        self.wake();
        reader
    }

    /// A place at the end of the log of `org`: what comes next is what has not happened yet.
    pub async fn reader_from_now(&self, org: OrgId) -> Result<Reader> {
        let heads = log_heads(&self.0.db, &[org]).await?;
        Ok(self.reader(org, heads.get(&org).copied().unwrap_or(0)))
    }

    /// Room for one more socket of the process, before it is known whose.
    pub fn socket(&self) -> Option<Held> {
        self.hold(Place::Socket, None, self.0.settings.sockets)
    }

    fn hold(&self, place: Place, whose: Option<Uuid>, limit: usize) -> Option<Held> {
        let mut state = self.state();
        let held = state.places.get(&(place, whose)).copied().unwrap_or(0);
        if held >= limit {
            return None;
        }
        state.places.insert((place, whose), held + 1);
        Some(Held { hub: self.clone(), place, whose })
    }

    /// Ends every stream, and lets none begin: the process stops.
    pub fn close(&self) {
        self.0.closing.send_replace(true);
    }

    /// Waits until [`Hub::close`].
    pub async fn closed(&self) {
        let mut closing = self.0.closing.subscribe();
        // An error means that the hub is gone, which is the end too.
        let _ = closing.wait_for(|closing| *closing).await;
    }

    /// How many sockets and streams are open.
    pub fn open(&self) -> usize {
        let state = self.state();
        state.places.iter().filter(|((_, whose), _)| whose.is_none()).map(|(_, held)| held).sum()
    }

    /// Begins to work, unless it does.
    fn wake(&self) {
        let spell = {
            let mut state = self.state();
            if state.spell.is_some() {
                return;
            }
            state.next += 1;
            state.spell = Some(state.next);
            state.next
        };
        tokio::spawn(self.clone().watch_seats());
        tokio::spawn(self.clone().watch_logs(spell));
        if self.0.db.backend_is_shared() {
            tokio::spawn(self.clone().watch_others(spell));
        }
    }

    /// Whether nobody is there any more; then it sleeps.
    fn falls_asleep(&self) -> bool {
        let mut state = self.state();
        let idle = state.seats.is_empty() && state.tails.is_empty();
        if idle {
            state.spell = None;
        }
        idle
    }

    fn works(&self, spell: u64) -> bool {
        self.state().spell == Some(spell)
    }

    fn tick(&self) -> tokio::time::Interval {
        let mut tick = tokio::time::interval(self.0.settings.check_every);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        tick
    }

    /// Tells whoever may not stay that it is over.
    async fn watch_seats(self) {
        let mut tick = self.tick();
        loop {
            tick.tick().await;
            if self.falls_asleep() {
                return;
            }
            let (ids, credentials): (Vec<u64>, Vec<Credential>) = {
                let state = self.state();
                state.seats.iter().map(|(id, sitting)| (*id, sitting.credential.clone())).unzip()
            };
            if ids.is_empty() {
                continue;
            }
            let spent = match self.0.identity.spent(&credentials).await {
                Ok(spent) => spent,
                // A database that does not answer sends no events either. What needs no database is still seen to.
                Err(error) => {
                    tracing::warn!(code = error.code(), "open streams could not be looked over");
                    credentials.iter().map(|credential| self.0.identity.expired(credential)).collect()
                }
            };
            let state = self.state();
            for (id, _) in ids.iter().zip(spent).filter(|(_, spent)| *spent) {
                if let Some(sitting) = state.seats.get(id) {
                    sitting.over.send_replace(true);
                }
            }
        }
    }
}

fn account(viewer: &Viewer) -> Option<Uuid> {
    match viewer.actor() {
        Actor::User(id) => Some(id.uuid()),
        Actor::ServiceAccount(id) => Some(id.uuid()),
        Actor::Platform => None,
    }
}

/// Somebody who was let in. Dropped, they have left.
#[derive(Debug)]
pub struct Seat {
    hub: Hub,
    id: u64,
    credential: Credential,
    account: Option<Uuid>,
    over: watch::Receiver<bool>,
}

impl Seat {
    /// The viewer under the rows as they are now.
    pub async fn viewer(&self) -> Result<Viewer> {
        self.hub.0.identity.viewer_of(&self.credential).await
    }

    /// Waits until they may not stay.
    pub async fn over(&self) {
        // An error means that the hub is gone, which is the end too.
        let _ = self.over.clone().wait_for(|over| *over).await;
    }

    /// Room for one more socket of this account.
    pub fn socket(&self) -> Option<Held> {
        self.hub.hold(Place::Socket, self.account, self.hub.0.settings.sockets_per_viewer)
    }

    /// Room for one more stream of this account.
    pub fn stream(&self) -> Option<[Held; 2]> {
        let settings = &self.hub.0.settings;
        Some([
            self.hub.hold(Place::Stream, self.account, settings.per_viewer)?,
            self.hub.hold(Place::Stream, None, settings.total)?,
        ])
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.hub.state().seats.remove(&self.id);
    }
}

/// A place that is taken until this is dropped.
#[derive(Debug)]
pub struct Held {
    hub: Hub,
    place: Place,
    whose: Option<Uuid>,
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut state = self.hub.state();
        if let Some(held) = state.places.get_mut(&(self.place, self.whose)) {
            *held -= 1;
            if *held == 0 {
                state.places.remove(&(self.place, self.whose));
            }
        }
    }
}

/// Following the logs.
impl Hub {
    /// Reads what logs have grown by: when told, and now and then without having been told.
    async fn watch_logs(self, spell: u64) {
        let mut advances = self.0.db.notices().subscribe();
        let mut tick = self.tick();
        while self.works(spell) {
            let outcome = tokio::select! {
                advance = advances.recv() => match advance {
                    Ok(LogAdvanced { org, sequence }) => self.read_tail(org, sequence).await,
                    // Behind with the hints: time to look everywhere.
                    Err(_) => self.read_tails().await,
                },
                _ = tick.tick() => self.read_tails().await,
            };
            if let Err(error) = outcome {
                tracing::warn!(code = error.code(), "the log could not be followed");
                tick.tick().await;
            }
        }
    }

    async fn read_tails(&self) -> Result<()> {
        let orgs: Vec<OrgId> = self.state().tails.keys().copied().collect();
        if orgs.is_empty() {
            return Ok(());
        }
        let heads = log_heads(&self.0.db, &orgs).await?;
        for org in orgs {
            self.read_tail(org, heads.get(&org).copied().unwrap_or(0)).await?;
        }
        Ok(())
    }

    /// Reads on in a log that is known to reach `sequence`.
    async fn read_tail(&self, org: OrgId, sequence: i64) -> Result<()> {
        loop {
            let head = match self.state().tails.get_mut(&org) {
                // Nobody follows it.
                None => return Ok(()),
                Some(tail) => tail.begin(sequence),
            };
            if head >= sequence {
                return Ok(());
            }
            let entries = tail::read(&self.0.db, org, head).await?;
            if entries.is_empty() {
                return Ok(());
            }
            if let Some(tail) = self.state().tails.get_mut(&org) {
                tail.grow(entries);
            }
        }
    }

    /// Passes on the hints of other processes. Without them events come a little later.
    async fn watch_others(self, spell: u64) {
        let mut tick = self.tick();
        while self.works(spell) {
            let Ok(Some(mut others)) = self.0.db.listen().await else {
                tick.tick().await;
                continue;
            };
            while self.works(spell) {
                let advance = tokio::select! {
                    advance = others.next() => advance,
                    _ = tick.tick() => continue,
                };
                match advance {
                    Ok(Some(grown)) => self.0.db.notices().publish(grown),
                    // Whatever was missed, the next tick finds.
                    Ok(None) => {}
                    Err(_) => break,
                }
            }
        }
    }
}
