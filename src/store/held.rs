//! A connection to PostgreSQL in the hands of one reader or one unit of work. A server that hangs without closing must
//! hold up nobody for longer than [`PATIENCE`], and no connection may stay lost when it goes on.

use std::io;
use std::time::Duration;

use sqlx::postgres::{PgDatabaseError, PgSeverity};
use sqlx::{Connection as _, Executor as _, PgConnection};

use super::migrate::PATIENCE;
use super::pool::{Lent, Pool};
use crate::tasks;

/// How long a unit of work may rest: rows that it holds are waited for by others, and whoever holds them may have died.
const REST: Duration = Duration::from_secs(30);

/// A borrowed connection. Dropping it gives it back; a unit of work that was not committed is undone before.
pub struct Held {
    /// `Some` until it is dropped.
    lent: Option<Lent>,
    state: State,
    /// Whether a statement failed on it: then it is tested before somebody else gets it.
    doubtful: bool,
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
    pub(super) async fn borrow(pool: &Pool) -> Result<Self, sqlx::Error> {
        Ok(Self { lent: Some(pool.borrow().await?), state: State::Idle, doubtful: false })
    }

    /// A connection on which a unit of work has begun.
    pub(super) async fn begin(pool: &Pool) -> Result<Self, sqlx::Error> {
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
        &mut self.lent.as_mut().expect("a hold has its connection until it ends").connection
    }

    /// Notes that the statement was answered, or with what it failed.
    pub(super) fn settle(&mut self, fault: Option<&sqlx::Error>) {
        self.doubtful |= fault.is_some();
        match fault.and_then(End::of) {
            None => self.state = if self.is_open() { State::Open } else { State::Idle },
            // Nobody knows what is under way on it, so it stays as asked.
            Some(End::Late) => {}
            Some(End::Broken) => self.lent.iter().for_each(Lent::distrust_others),
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
        let Some(mut lent) = self.lent.take() else { return };
        match self.state {
            State::Idle if !self.doubtful => lent.give_back(),
            // Its answer could be taken for the next one's.
            State::Asked { .. } => drop(lent),
            State::Idle | State::Open => {
                let open = self.state == State::Open;
                tasks::spawn(tokio::time::timeout(PATIENCE, async move {
                    if open {
                        lent.connection.execute("ROLLBACK").await?;
                    } else {
                        lent.connection.ping().await?;
                    }
                    lent.give_back();
                    Ok::<_, sqlx::Error>(())
                }));
            }
        }
    }
}

/// What ends a connection.
enum End {
    /// Its answer has not come in time; that of another one may.
    Late,
    /// It is broken, or the server has taken leave.
    Broken,
}

impl End {
    /// `None` if the connection lives on.
    fn of(fault: &sqlx::Error) -> Option<Self> {
        match fault {
            sqlx::Error::Io(error) if error.kind() == io::ErrorKind::TimedOut => Some(Self::Late),
            sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) => Some(Self::Broken),
            sqlx::Error::Database(error) => error
                .try_downcast_ref::<PgDatabaseError>()
                .filter(|error| matches!(error.severity(), PgSeverity::Fatal | PgSeverity::Panic))
                .map(|_| Self::Broken),
            _ => None,
        }
    }
}

/// Waits for the answer to a statement, but not for ever.
pub(super) async fn within<T>(answer: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
    let late = |_| sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, "no answer in time"));
    tokio::time::timeout(PATIENCE, answer).await.map_err(late)?
}

/// Has the server give up by itself what is not waited for any more, such as a lock that another one holds.
///
/// Set within the session and not by the options of the connection, which poolers in between refuse.
pub(super) async fn limit(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    const SQL: &str = "SELECT set_config('statement_timeout', $1, false), set_config('lock_timeout', $1, false), \
                       set_config('idle_in_transaction_session_timeout', $2, false)";
    let millis = |span: Duration| span.as_millis().to_string();
    sqlx::query(SQL).bind(millis(PATIENCE)).bind(millis(REST)).execute(connection).await.map(|_| ())
}
