//! The signing keys that this process knows, and how it learns of others.
//!
//! Any number of processes share the keys in the database. The first to need one makes it; the rest find it there. A key
//! made elsewhere is learnt when a token names it, at most once a second however many tokens name unknown keys; one
//! retired elsewhere, within a minute.

use std::sync::{Arc, PoisonError, RwLock};

use chrono::{DateTime, TimeDelta, Utc};
use entity::ids::SigningKeyId;
use tokio::sync::Mutex;

use crate::{
    auth::{KeySet, ServerSecret, SigningKey},
    clock::Clock,
    error::{Error, Result},
    store::{
        auth as rows,
        auth::Lock,
        db::{Database, Role, Tx},
    },
};

/// Keys older than this are read again before use: how long a process may go on signing with a key retired elsewhere.
const STALE: TimeDelta = TimeDelta::seconds(60);
/// Unknown keys make us look again, no more often than this.
const PATIENCE: TimeDelta = TimeDelta::seconds(1);
/// Retired keys are kept this long after they stopped to verify, for whoever reads the table.
const KEPT: TimeDelta = TimeDelta::days(1);

/// The keys, read from the database and kept for a while.
#[derive(Debug)]
pub struct KeyRing {
    db: Database,
    clock: Clock,
    secret: ServerSecret,
    grace: TimeDelta,
    known: RwLock<Option<Known>>,
    reading: Mutex<()>,
    making: Mutex<()>,
}

#[derive(Clone, Debug)]
struct Known {
    keys: Arc<KeySet>,
    read_at: DateTime<Utc>,
}

impl KeyRing {
    /// Knows nothing yet. A token lives for `access_ttl`.
    pub fn new(db: Database, clock: Clock, secret: ServerSecret, access_ttl: TimeDelta) -> Self {
        let grace = access_ttl + STALE + STALE;
        Self { db, clock, secret, grace, known: RwLock::default(), reading: Mutex::default(), making: Mutex::default() }
    }

    /// Keys of which one signs; makes the first.
    pub async fn signing(&self) -> Result<Arc<KeySet>> {
        let keys = self.read(STALE).await?;
        if keys.signer().is_some() {
            return Ok(keys);
        }
        // One at a time: each would hold a connection while it waits for the lock in the database.
        let _making = self.making.lock().await;
        let keys = self.read(STALE).await?;
        if keys.signer().is_some() {
            return Ok(keys);
        }
        self.make_first().await?;
        self.read(TimeDelta::zero()).await
    }

    async fn make_first(&self) -> Result<()> {
        let tx = self.db.begin_write(Role::Identity, None).await?;
        rows::exclusive(&tx, Lock::SigningKeys).await?;
        let found = rows::key::signing_key_list(&tx).await?;
        if KeySet::open(&found, &self.secret, self.grace).signer().is_some() {
            return Ok(());
        }
        // A key that does not open means another secret, not no key: a second one would sign what the other processes
        // refuse.
        if found.iter().any(|row| row.retired_at.is_none()) {
            return Err(Error::internal("the server's secret opens none of its signing keys"));
        }
        self.create(&tx).await?;
        tx.commit().await
    }

    /// Keys among which is the one named, if it verifies. Looks again for one that is unknown.
    pub async fn verifying(&self, id: SigningKeyId) -> Result<Option<Arc<KeySet>>> {
        for age in [STALE, PATIENCE] {
            let keys = self.read(age).await?;
            if keys.find(id, self.clock.now()).is_some() {
                return Ok(Some(keys));
            }
        }
        Ok(None)
    }

    /// The public keys, for `/.well-known/jwks.json`.
    pub async fn jwks(&self) -> Result<serde_json::Value> {
        let keys = self.signing().await?;
        Ok(keys.jwks(self.clock.now()))
    }

    /// Makes a new key that signs from now on; the present ones verify until their last token has expired.
    pub async fn rotate(&self) -> Result<SigningKeyId> {
        let tx = self.db.begin_write(Role::Identity, None).await?;
        rows::exclusive(&tx, Lock::SigningKeys).await?;
        let now = self.clock.now();
        rows::key::signing_key_retire_all(&tx, now).await?;
        rows::key::signing_key_sweep(&tx, now - self.grace - KEPT).await?;
        let id = self.create(&tx).await?;
        tx.commit().await?;
        self.read(TimeDelta::zero()).await?;
        Ok(id)
    }

    /// Rotates when the key that signs is older than `age`. For a job; of several that run at once, several may rotate.
    pub async fn rotate_if_older(&self, age: TimeDelta) -> Result<bool> {
        let keys = self.signing().await?;
        let due = keys.signer().is_some_and(|key| key.created_at + age <= self.clock.now());
        if due {
            self.rotate().await?;
        }
        Ok(due)
    }

    async fn create(&self, tx: &Tx) -> Result<SigningKeyId> {
        let row = SigningKey::generate(self.clock.id(), self.clock.now(), &self.secret)?;
        let id = row.id;
        rows::key::signing_key_create(tx, row).await?;
        tracing::info!(%id, "a new signing key");
        Ok(id)
    }

    /// What was read less than `age` ago, or else what is read now.
    async fn read(&self, age: TimeDelta) -> Result<Arc<KeySet>> {
        if let Some(keys) = self.fresh(age) {
            return Ok(keys);
        }
        let _reading = self.reading.lock().await;
        // Somebody else may have read while we waited.
        if let Some(keys) = self.fresh(age) {
            return Ok(keys);
        }
        let read_at = self.clock.now();
        let tx = self.db.begin_read(Role::Identity, None).await?;
        let found = rows::key::signing_key_list(&tx).await?;
        let keys = Arc::new(KeySet::open(&found, &self.secret, self.grace));
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = Some(Known { keys: Arc::clone(&keys), read_at });
        Ok(keys)
    }

    fn fresh(&self, age: TimeDelta) -> Option<Arc<KeySet>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        // A clock that was set back makes them stale, too.
        known.as_ref().filter(|known| (self.clock.now() - known.read_at).abs() < age).map(|k| Arc::clone(&k.keys))
    }
}
