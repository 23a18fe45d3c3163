//! A connection to PostgreSQL in the hands of one reader or one unit of work. A server that hangs without closing must
//! hold up nobody for longer than [`PATIENCE`], and no connection may stay lost when it goes on.

use std::io;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{Executor as _, PgConnection, PgPool, Postgres};

use super::migrate::PATIENCE;
use crate::tasks;

/// How long a unit of work may rest: rows that it holds are waited for by others, and whoever holds them may have died.
const REST: Duration = Duration::from_secs(30);

/// A borrowed connection. Dropping it gives it back; a unit of work that was not committed is undone before.
pub struct Held {
    /// `Some` until it is dropped.
    connection: Option<PoolConnection<Postgres>>,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing is under way.
    Idle,
    /// A unit of work is under way.
    Open,
    /// A statement is on its way, and its answer is not here: what comes next on this connection may be that.
    Asked {
        /// Whether a unit of work is under way.
        open: bool,
    },
}

impl Held {
    /// A connection to read from.
    pub(super) async fn borrow(pool: &PgPool) -> Result<Self, sqlx::Error> {
        Ok(Self { connection: Some(pool.acquire().await?), state: State::Idle })
    }

    /// A connection on which a unit of work has begun.
    pub(super) async fn begin(pool: &PgPool) -> Result<Self, sqlx::Error> {
        let mut held = Self::borrow(pool).await?;
        held.run("BEGIN").await?;
        held.state = State::Open;
        Ok(held)
    }

    /// Makes the unit of work durable.
    pub(super) async fn commit(mut self) -> Result<(), sqlx::Error> {
        self.run("COMMIT").await?;
        self.state = State::Idle;
        Ok(())
    }

    /// The connection, for one statement. Until [`Held::settle`] is told of its answer, it counts as under way.
    #[expect(clippy::expect_used, reason = "the connection leaves only in drop, which ends the hold")]
    pub(super) fn connection(&mut self) -> &mut PgConnection {
        self.state = State::Asked { open: self.is_open() };
        self.connection.as_mut().expect("a hold has its connection until it ends")
    }

    /// Notes that the statement was answered, or with what it failed.
    pub(super) fn settle(&mut self, fault: Option<&sqlx::Error>) {
        // After a fault of the connection itself nobody knows what is under way on it.
        if !matches!(fault, Some(sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_))) {
            self.state = if self.is_open() { State::Open } else { State::Idle };
        }
    }

    fn is_open(&self) -> bool {
        match self.state {
            State::Idle => false,
            State::Open => true,
            State::Asked { open } => open,
        }
    }

    async fn run(&mut self, sql: &'static str) -> Result<(), sqlx::Error> {
        let done = within(self.connection().execute(sql)).await;
        self.settle(done.as_ref().err());
        done.map(|_| ())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let Some(mut connection) = self.connection.take() else { return };
        let open = match self.state {
            State::Idle => false,
            State::Open => true,
            State::Asked { .. } => return connection.close_on_drop(),
        };
        // The library tests a connection that comes back, and would wait for the answer for ever.
        tasks::spawn(tokio::time::timeout(PATIENCE, async move {
            if open {
                connection.close_on_drop();
                connection.execute("ROLLBACK").await?;
            }
            connection.return_to_pool().await;
            Ok::<_, sqlx::Error>(())
        }));
    }
}

/// Waits for the answer to a statement, but not for ever.
pub(super) async fn within<T>(answer: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
    let late = |_| sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, "no answer in time"));
    tokio::time::timeout(PATIENCE, answer).await.map_err(late)?
}

/// Has the server give up by itself what is not waited for any more, such as a lock that another one holds.
pub(super) async fn limit(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    set_limits(connection, PATIENCE, REST).await
}

/// Has the server wait for a migration, however long it takes.
pub(super) async fn limit_not(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    set_limits(connection, Duration::ZERO, Duration::ZERO).await
}

/// Set within the session and not by the options of the connection, which poolers in between refuse.
async fn set_limits(connection: &mut PgConnection, statement: Duration, rest: Duration) -> Result<(), sqlx::Error> {
    const SQL: &str = "SELECT set_config('statement_timeout', $1, false), set_config('lock_timeout', $1, false), \
                       set_config('idle_in_transaction_session_timeout', $2, false)";
    let millis = |span: Duration| span.as_millis().to_string();
    sqlx::query(SQL).bind(millis(statement)).bind(millis(rest)).execute(connection).await.map(|_| ())
}
