//! SQLite's readers: a stack of connections, the last used on top. Not the library's pool, since that pings a
//! connection whenever it comes back: one more trip to its thread, which is most of what a point read costs.

use std::sync::{Arc, Mutex, PoisonError};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, SqliteConnection};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::db::PoolUse;
use super::migrate::PATIENCE;
use crate::model::Error;
use crate::model::error::Dependency;

/// The most readers: each is a thread; more than this only take turns on the cores of a small machine.
const MOST: usize = 8;

/// The readers that are not lent out.
type Idle = Arc<Mutex<Vec<SqliteConnection>>>;

/// Where readers are borrowed.
pub(super) struct Readers {
    options: SqliteConnectOptions,
    most: usize,
    permits: Arc<Semaphore>,
    idle: Idle,
}

/// A borrowed reader. Dropping it gives it back.
pub struct Loan {
    /// `Some` until it is given back.
    connection: Option<SqliteConnection>,
    /// Whether a query failed on it; then it is closed and not given back.
    failed: bool,
    idle: Idle,
    _permit: OwnedSemaphorePermit,
}

impl Readers {
    /// Opens the first reader, so that the first request does not have to.
    pub(super) async fn open(options: SqliteConnectOptions) -> Result<Self, sqlx::Error> {
        let first = SqliteConnection::connect_with(&options).await?;
        Ok(Self::of(options, MOST, vec![first]))
    }

    /// A single reader, opened when it is wanted.
    pub(super) fn single(options: SqliteConnectOptions) -> Self {
        Self::of(options, 1, Vec::new())
    }

    fn of(options: SqliteConnectOptions, most: usize, idle: Vec<SqliteConnection>) -> Self {
        Self { options, most, permits: Arc::new(Semaphore::new(most)), idle: Arc::new(Mutex::new(idle)) }
    }

    /// Borrows a reader, as soon as one is free.
    pub(super) async fn borrow(&self) -> Result<Loan, Error> {
        const AWAY: Error = Error::Unavailable(Dependency::Database);
        let permit = tokio::time::timeout(PATIENCE, Arc::clone(&self.permits).acquire_owned()).await;
        let permit = permit.map_err(|_| AWAY)?.map_err(|_| AWAY)?;
        let idle = lock(&self.idle).pop();
        let connection = match idle {
            Some(connection) => connection,
            // Boxed, since it is rare and big: it would make every request that may come here as big.
            None => Box::pin(SqliteConnection::connect_with(&self.options)).await?,
        };
        Ok(Loan { connection: Some(connection), failed: false, idle: Arc::clone(&self.idle), _permit: permit })
    }

    /// How many are lent out, and how many wait.
    pub(super) fn pool(&self) -> PoolUse {
        let count = |readers: usize| u32::try_from(readers).unwrap_or(u32::MAX);
        PoolUse {
            used: count(self.most.saturating_sub(self.permits.available_permits())),
            idle: count(lock(&self.idle).len()),
        }
    }

    /// Lends no more, and closes those that wait.
    pub(super) async fn close(&self) {
        self.permits.close();
        let idle = std::mem::take(&mut *lock(&self.idle));
        for connection in idle {
            // Nothing is lost with a reader that does not close in good order.
            let _ = connection.close().await;
        }
    }
}

fn lock(idle: &Mutex<Vec<SqliteConnection>>) -> std::sync::MutexGuard<'_, Vec<SqliteConnection>> {
    idle.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Loan {
    #[expect(clippy::expect_used, reason = "the connection leaves only in drop, which ends the loan")]
    pub(super) fn connection(&mut self) -> &mut SqliteConnection {
        self.connection.as_mut().expect("a loan holds its connection until it ends")
    }

    /// Notes that a query failed: whether the next one would is not worth finding out.
    pub(super) fn fail(&mut self) {
        self.failed = true;
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take().filter(|_| !self.failed) {
            lock(&self.idle).push(connection);
        }
    }
}
