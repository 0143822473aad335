//! A future that is finished though nobody waits for it any more.
//!
//! A request's future is dropped wherever it is when its client goes away. sqlx (0.9.0, its issue 4393) loses track of a
//! transaction that is dropped while it begins: the connection goes back into the pool inside that transaction, in the
//! organisation that it named, and the next request works there. So beginning is not left half done.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

/// See above. What has not been polled yet is simply dropped.
pub struct RunToCompletion<F>
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    future: Option<Pin<Box<F>>>,
    started: bool,
}

impl<F> RunToCompletion<F>
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    /// Wraps a future.
    pub fn new(future: F) -> Self {
        Self { future: Some(Box::pin(future)), started: false }
    }
}

impl<F> Future for RunToCompletion<F>
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.started = true;
        // Nothing is polled again after it was ready; if it were, it would wait for ever rather than answer twice.
        let Some(future) = &mut self.future else { return Poll::Pending };
        let polled = future.as_mut().poll(cx);
        if polled.is_ready() {
            self.future = None;
        }
        polled
    }
}

impl<F> Drop for RunToCompletion<F>
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    fn drop(&mut self) {
        let left = self.future.take().filter(|_| self.started);
        // Outside a runtime the process is ending, and its connections with it.
        if let Some(future) = left
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(future);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::poll_fn,
        sync::{
            Arc,
            atomic::{AtomicBool, Ordering},
        },
    };

    use super::*;

    #[tokio::test]
    async fn what_was_begun_is_finished_and_what_was_not_is_dropped() {
        for (polled, finishes) in [(false, false), (true, true)] {
            let done = Arc::new(AtomicBool::new(false));
            let heads = Arc::clone(&done);
            let mut future = Box::pin(RunToCompletion::new(async move {
                tokio::task::yield_now().await;
                heads.store(true, Ordering::SeqCst);
            }));
            if polled {
                assert!(poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_pending())).await);
            }
            drop(future);
            for _ in 0..5 {
                tokio::task::yield_now().await;
            }
            assert_eq!(done.load(Ordering::SeqCst), finishes);
        }
    }
}
