//! Background work: the one place that spawns, so that all of it can be found.

use std::future::Future;

use tokio::task::JoinHandle;

/// Starts `work` beside the caller. It ends when it is done or when the runtime is dropped.
#[expect(clippy::disallowed_methods, reason = "this is the one place that spawns")]
pub(crate) fn spawn<F>(work: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    tokio::spawn(work)
}
