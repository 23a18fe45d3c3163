//! Background work: the one place that spawns, so that all of it can be found.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::task::JoinHandle;

/// How long work that broke off waits before it begins again: what broke it is likely to be there still.
const RESPITE: Duration = Duration::from_secs(1);

/// Starts `work` beside the caller. It ends when it is done or when the runtime is dropped.
#[expect(clippy::disallowed_methods, reason = "this is the one place that spawns")]
pub(crate) fn spawn<F>(work: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    tokio::spawn(work)
}

/// Starts work that must not end unseen: if it panics, it is begun again. `begin` makes it, each time anew.
pub(crate) fn keep<F>(name: &'static str, begin: impl Fn() -> F + Send + 'static) -> JoinHandle<()>
where
    F: Future<Output = ()> + Send + 'static,
{
    spawn(async move {
        // What a panic may leave half done is dropped with the work. What outlives it, all share anyway.
        while AssertUnwindSafe(begin()).catch_unwind().await.is_err() {
            tracing::error!(task = name, "background work broke off by a fault of ours and is begun again");
            tokio::time::sleep(RESPITE).await;
        }
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test]
    async fn work_that_panics_is_begun_again_until_it_is_done() {
        let begun = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&begun);
        let task = keep("a test", move || {
            let count = Arc::clone(&count);
            async move { assert!(count.fetch_add(1, Ordering::SeqCst) > 0, "the first time is too soon") }
        });
        task.await.unwrap();
        assert_eq!(begun.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn work_that_is_broken_off_from_outside_is_not_begun_again() {
        let begun = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&begun);
        let task = keep("a test", move || {
            count.fetch_add(1, Ordering::SeqCst);
            std::future::pending()
        });
        tokio::task::yield_now().await;
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        assert!(begun.load(Ordering::SeqCst) <= 1);
    }
}
