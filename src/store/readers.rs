//! SQLite's readers.

use std::sync::Arc;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, SqliteConnection};
use tokio::sync::OwnedSemaphorePermit;

use super::db::PoolUse;
use super::migrate::PATIENCE;
use super::stack::Stack;
use crate::model::Error;

/// The most readers: each is a thread; more than this only take turns on the cores of a small machine.
const MOST: u32 = 8;

/// Where readers are borrowed.
pub(super) struct Readers {
    options: SqliteConnectOptions,
    stack: Arc<Stack<SqliteConnection>>,
}

/// A borrowed reader. Dropping it gives it back.
pub struct Loan {
    /// `Some` until it is given back.
    connection: Option<SqliteConnection>,
    /// Whether a query failed on it; then it is closed and not given back.
    failed: bool,
    stack: Arc<Stack<SqliteConnection>>,
    _permit: OwnedSemaphorePermit,
}

impl Readers {
    /// Opens the first reader, so that the first request does not have to.
    pub(super) async fn open(options: SqliteConnectOptions) -> Result<Self, sqlx::Error> {
        let first = SqliteConnection::connect_with(&options).await?;
        Ok(Self { options, stack: Stack::new(MOST, vec![first]) })
    }

    /// A single reader, opened when it is wanted.
    pub(super) fn single(options: SqliteConnectOptions) -> Self {
        Self { options, stack: Stack::new(1, Vec::new()) }
    }

    /// Borrows a reader, as soon as one is free.
    pub(super) async fn borrow(&self) -> Result<Loan, Error> {
        let permit = tokio::time::timeout(PATIENCE, self.stack.enter()).await;
        let permit = permit.map_err(|_| sqlx::Error::PoolTimedOut)??;
        let connection = match self.stack.pop() {
            Some(connection) => connection,
            // Boxed, since it is rare and big: it would make every request that may come here as big.
            None => Box::pin(SqliteConnection::connect_with(&self.options)).await?,
        };
        Ok(Loan { connection: Some(connection), failed: false, stack: Arc::clone(&self.stack), _permit: permit })
    }

    /// How many are lent out, and how many wait.
    pub(super) fn usage(&self) -> PoolUse {
        self.stack.usage()
    }

    /// Lends no more, and closes those that wait.
    pub(super) async fn close(&self) {
        for connection in self.stack.close().await {
            // Nothing is lost with a reader that does not close in good order.
            let _ = connection.close().await;
        }
    }
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
            self.stack.push(connection);
        }
    }
}
