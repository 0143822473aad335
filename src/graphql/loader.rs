//! Batching: what the siblings of a level ask for is fetched in one statement.
//!
//! Siblings are polled in turn before any of them waits for the database. The first to ask leads: it lets the others
//! come in, takes all keys, runs one query and hands out the answers. There is no timer. Batches live for one request.

use std::{
    any::{Any, TypeId},
    collections::{HashMap, HashSet},
    future::Future,
    hash::Hash,
    pin::Pin,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::oneshot;

use crate::{
    error::{Error, Result},
    store::Store,
};

/// A future of a batch's answers.
pub type Answers<'a, K, V> = Pin<Box<dyn Future<Output = Result<HashMap<K, V>>> + Send + 'a>>;

/// A kind of query that answers for many keys at once. Its fields are what must be equal for keys to share a batch.
pub trait Batch: Clone + Eq + Hash + Send + Sync + 'static {
    /// What is asked for.
    type Key: Clone + Eq + Hash + Send + Sync + 'static;
    /// What is answered.
    type Value: Clone + Send + Sync + 'static;

    /// Answers for all keys with a number of statements that does not depend on how many there are.
    fn load<'a>(&'a self, store: &'a Store, keys: &'a [Self::Key]) -> Answers<'a, Self::Key, Self::Value>;
}

type Waiting<B> = Vec<(<B as Batch>::Key, oneshot::Sender<Result<Option<<B as Batch>::Value>>>)>;
type Queues<B> = HashMap<B, Waiting<B>>;

/// The open batches of one request.
#[derive(Default)]
pub struct Loaders {
    queues: Mutex<HashMap<TypeId, Box<dyn Any + Send>>>,
}

impl Loaders {
    fn lock(&self) -> MutexGuard<'_, HashMap<TypeId, Box<dyn Any + Send>>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<B: Batch, T>(&self, act: impl FnOnce(&mut Queues<B>) -> T) -> Option<T> {
        let mut queues = self.lock();
        let queues = queues.entry(TypeId::of::<B>()).or_insert_with(|| Box::new(Queues::<B>::new()));
        queues.downcast_mut::<Queues<B>>().map(act)
    }

    /// Asks for one key; none when there is no answer for it.
    pub async fn load<B: Batch>(&self, store: &Store, batch: B, key: B::Key) -> Result<Option<B::Value>> {
        // A leader that was cancelled answers nobody: whoever still waits asks again.
        for _ in 0..3 {
            let (sender, receiver) = oneshot::channel();
            let leads = self
                .with::<B, _>(|queues| {
                    let waiting = queues.entry(batch.clone()).or_default();
                    // Keys of a cancelled batch have nobody waiting any more.
                    waiting.retain(|(_, sender)| !sender.is_closed());
                    waiting.push((key.clone(), sender));
                    waiting.len() == 1
                })
                .unwrap_or(true);
            if leads {
                self.lead(store, &batch).await;
            }
            // Unconstrained: tokio's budget would let some siblings go on now and some later, and split the next level.
            if let Ok(answer) = tokio::task::unconstrained(receiver).await {
                return answer;
            }
        }
        Err(Error::internal("a batch was given up"))
    }

    async fn lead<B: Batch>(&self, store: &Store, batch: &B) {
        // Two quiet turns: in between, siblings that were woken in the turn before have come as far as they can.
        let (mut before, mut quiet) = (0, 0);
        while quiet < 2 {
            let now = self.with::<B, _>(|queues| queues.get(batch).map_or(0, Vec::len)).unwrap_or(0);
            quiet = if now == before { quiet + 1 } else { 0 };
            before = now;
            tokio::task::yield_now().await;
        }
        let waiting = self.with::<B, _>(|queues| queues.remove(batch)).flatten().unwrap_or_default();
        let mut seen = HashSet::new();
        let keys: Vec<B::Key> =
            waiting.iter().map(|(key, _)| key.clone()).filter(|key| seen.insert(key.clone())).collect();
        let answers = batch.load(store, &keys).await;
        for (key, sender) in waiting {
            let answer = answers.as_ref().map(|answers| answers.get(&key).cloned()).map_err(Clone::clone);
            // Whoever stopped waiting needs no answer.
            let _ = sender.send(answer);
        }
    }
}
