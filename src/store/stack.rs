//! A stack of connections, the last used on top. Not the library's pool, since that pings a connection whenever it
//! comes back, by a task of its own: that costs more than the point read for which it was borrowed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::db::PoolUse;
use super::migrate::PATIENCE;

/// Connections that wait, and the right to hold one of at most so many.
pub(super) struct Stack<C> {
    most: u32,
    permits: Arc<Semaphore>,
    idle: Mutex<Vec<C>>,
}

impl<C> Stack<C> {
    /// At most `most` at a time; `idle` are there already.
    pub(super) fn new(most: u32, idle: Vec<C>) -> Arc<Self> {
        let permits = Arc::new(Semaphore::new(usize::try_from(most).unwrap_or(Semaphore::MAX_PERMITS)));
        Arc::new(Self { most, permits, idle: Mutex::new(idle) })
    }

    /// Waits for the right to hold a connection, which whoever has it takes from the stack or opens. How long is for the
    /// caller to say.
    pub(super) async fn enter(&self) -> Result<OwnedSemaphorePermit, sqlx::Error> {
        Arc::clone(&self.permits).acquire_owned().await.map_err(|_| sqlx::Error::PoolClosed)
    }

    /// The one that was put last.
    pub(super) fn pop(&self) -> Option<C> {
        self.lock().pop()
    }

    /// Puts one on top. Only then may the permit go to the next one.
    pub(super) fn push(&self, connection: C) {
        self.lock().push(connection);
    }

    /// Takes the one that has rested longest, if it is `over`.
    pub(super) fn retire(&self, over: impl FnOnce(&C) -> bool) -> Option<C> {
        let mut idle = self.lock();
        if idle.first().is_some_and(over) { Some(idle.remove(0)) } else { None }
    }

    /// Takes all that wait.
    pub(super) fn drain(&self) -> Vec<C> {
        std::mem::take(&mut *self.lock())
    }

    /// How many are lent out, and how many wait.
    pub(super) fn usage(&self) -> PoolUse {
        let count = |connections: usize| u32::try_from(connections).unwrap_or(u32::MAX);
        PoolUse {
            used: self.most.saturating_sub(count(self.permits.available_permits())),
            idle: count(self.lock().len()),
        }
    }

    /// Waits for those that are lent out, lends no more, and gives those that wait, to be closed.
    pub(super) async fn close(&self) -> Vec<C> {
        // Whoever lined up before is still served; whoever comes later is refused. A connection that does not come back
        // in the time that a caller would wait for it is not waited for.
        let all = tokio::time::timeout(PATIENCE, self.permits.acquire_many(self.most)).await;
        self.permits.close();
        drop(all);
        self.drain()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<C>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_more_are_lent_than_there_may_be_and_the_last_one_used_goes_first() {
        let stack = Stack::new(2, vec!['a', 'b']);
        let (first, second) = (stack.enter().await.unwrap(), stack.enter().await.unwrap());
        assert_eq!((stack.usage().used, stack.usage().idle), (2, 2));
        assert_eq!((stack.pop(), stack.pop(), stack.pop()), (Some('b'), Some('a'), None));
        let waiting = tokio::time::timeout(std::time::Duration::from_millis(20), stack.enter());
        assert!(waiting.await.is_err(), "a third one was let in");
        stack.push('b');
        drop(second);
        let third = stack.enter().await.unwrap();
        assert_eq!(stack.pop(), Some('b'));
        drop((first, third));
    }

    #[tokio::test]
    async fn closing_waits_for_those_that_are_lent_out_and_lends_no_more() {
        let stack = Stack::new(2, vec!['a']);
        let lent = stack.enter().await.unwrap();
        let mut closing = Box::pin(stack.close());
        assert!(tokio::time::timeout(std::time::Duration::from_millis(20), &mut closing).await.is_err());
        stack.push('b');
        drop(lent);
        assert_eq!(closing.await, ['a', 'b']);
        assert!(matches!(stack.enter().await, Err(sqlx::Error::PoolClosed)));
    }

    #[test]
    fn only_the_one_that_rested_longest_is_retired() {
        let stack = Stack::new(3, vec![3, 2, 1]);
        assert_eq!(stack.retire(|rested| *rested > 3), None);
        assert_eq!(stack.retire(|rested| *rested > 2), Some(3));
        assert_eq!(stack.retire(|rested| *rested > 2), None);
        assert_eq!(stack.drain(), [2, 1]);
    }
}
