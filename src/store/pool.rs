//! Connections to PostgreSQL: opened when they are wanted, tested when they have rested, closed when they are old.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection as _, PgConnection};
use tokio::sync::OwnedSemaphorePermit;

use super::db::PoolUse;
use super::held;
use super::migrate::PATIENCE;
use super::stack::Stack;
use crate::clock::Stopwatch;
use crate::tasks;

/// Connections of one node: a quarter of a default server's hundred.
const MOST: u32 = 25;

/// After how long a connection is tested before it is used: it may have been hung up on.
const RESTED: Duration = Duration::from_secs(1);

/// After how long a connection that nobody wanted is closed.
const UNUSED: Duration = Duration::from_mins(10);

/// After how long a connection is closed in any case: its server process gives back what it has gathered, and a name
/// that leads to another server by now is asked again.
const OLD: Duration = Duration::from_mins(30);

/// How long to wait at first before a server that is just starting is asked again; each time twice as long.
const PAUSE: Duration = Duration::from_millis(10);

/// Where connections are borrowed.
pub(super) struct Pool {
    options: PgConnectOptions,
    stack: Arc<Stack<Resting>>,
}

/// A connection that waits.
struct Resting {
    connection: PgConnection,
    opened: Stopwatch,
    since: Stopwatch,
}

/// A borrowed connection. Dropping it hangs up; [`Lent::give_back`] is for one that is as it came.
pub(super) struct Lent {
    pub(super) connection: PgConnection,
    opened: Stopwatch,
    stack: Arc<Stack<Resting>>,
    /// Last, so that the next one comes when the connection is gone.
    permit: OwnedSemaphorePermit,
}

impl Pool {
    /// Opens none yet.
    pub(super) fn new(options: PgConnectOptions) -> Self {
        Self { options, stack: Stack::new(MOST, Vec::new()) }
    }

    /// Borrows a connection, as soon as one is free.
    ///
    /// # Errors
    /// If none is free, or the server gives none, in [`PATIENCE`]: the wait for both together.
    pub(super) async fn borrow(&self) -> Result<Lent, sqlx::Error> {
        tokio::time::timeout(PATIENCE, self.find()).await.map_err(|_| sqlx::Error::PoolTimedOut)?
    }

    async fn find(&self) -> Result<Lent, sqlx::Error> {
        let permit = self.stack.enter().await?;
        let (connection, opened) = match self.stack.pop() {
            Some(resting) if resting.since.elapsed() <= RESTED => (resting.connection, resting.opened),
            // Boxed, since it is rare and big: it would make every request that may come here as big.
            resting => Box::pin(self.test_or_open(resting)).await?,
        };
        Ok(Lent { connection, opened, stack: Arc::clone(&self.stack), permit })
    }

    /// The first that answers, of `resting` and those below it; if none does, a new one.
    async fn test_or_open(&self, mut resting: Option<Resting>) -> Result<(PgConnection, Stopwatch), sqlx::Error> {
        while let Some(Resting { mut connection, opened, .. }) = resting {
            if connection.ping().await.is_ok() {
                return Ok((connection, opened));
            }
            resting = self.stack.pop();
        }
        Ok((open(&self.options).await?, Stopwatch::start()))
    }

    /// How many are lent out, and how many wait.
    pub(super) fn usage(&self) -> PoolUse {
        self.stack.usage()
    }

    /// Waits for those that are lent out, lends no more, and closes all.
    pub(super) async fn close(&self) {
        for resting in self.stack.close().await {
            close(resting.connection).await;
        }
    }
}

impl Lent {
    /// Gives the connection to the next one who wants it. Nothing may be under way on it.
    pub(super) fn give_back(self) {
        let Self { connection, opened, stack, permit } = self;
        if opened.elapsed() > OLD {
            tasks::spawn(close(connection));
        } else {
            stack.push(Resting { connection, opened, since: Stopwatch::start() });
        }
        drop(permit);
        if let Some(resting) = stack.retire(|longest| longest.since.elapsed() > UNUSED) {
            tasks::spawn(close(resting.connection));
        }
    }

    /// Hangs up on those that wait: what broke this connection has most likely broken them.
    pub(super) fn distrust_others(&self) {
        drop(self.stack.drain());
    }
}

/// Opens a connection. A server that is just starting, or has no connection free, is asked until the caller has had
/// enough.
async fn open(options: &PgConnectOptions) -> Result<PgConnection, sqlx::Error> {
    let mut pause = PAUSE;
    loop {
        match PgConnection::connect_with(options).await {
            Err(error) if is_passing(&error) => tokio::time::sleep(pause).await,
            Err(error) => return Err(error),
            Ok(mut connection) => {
                held::limit(&mut connection).await?;
                return Ok(connection);
            }
        }
        pause = pause.saturating_mul(2).min(PATIENCE / 5);
    }
}

fn is_passing(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(error) => error.kind() == io::ErrorKind::ConnectionRefused,
        // too_many_connections, cannot_connect_now
        sqlx::Error::Database(error) => matches!(error.code().as_deref(), Some("53300" | "57P03")),
        _ => false,
    }
}

/// Takes leave of the server, which need not answer.
async fn close(connection: PgConnection) {
    let _ = tokio::time::timeout(PATIENCE, connection.close()).await;
}
