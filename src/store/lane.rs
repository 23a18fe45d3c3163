//! SQLite's one writer: units of work that wait run one after another inside one outer transaction, each in its
//! savepoint, and are answered after the one COMMIT. So durability (`synchronous=FULL`) costs one sync a group.

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, SqliteConnection};
use tokio::sync::{mpsc, oneshot};

use crate::model::Error;
use crate::model::error::Dependency;
use crate::tasks;

/// The most units of work in one group: beyond this a sync costs little a unit, and the first ones have waited enough.
const GROUP: usize = 64;

/// How many units of work may wait for the lane before callers wait to get in line.
const QUEUE: usize = 1024;

/// The way to the one connection that writes.
pub(super) struct Lane {
    queue: mpsc::Sender<Request>,
}

enum Request {
    Enter(oneshot::Sender<Result<LaneTx, Error>>),
    Close(oneshot::Sender<()>),
}

/// One unit of work. It owns the writing connection until it commits or is dropped.
pub struct LaneTx {
    /// `Some` until the connection goes back.
    held: Option<(SqliteConnection, oneshot::Sender<Returned>)>,
}

struct Returned {
    connection: SqliteConnection,
    outcome: Outcome,
}

enum Outcome {
    /// Keep it, and answer when it is durable.
    Commit(oneshot::Sender<Result<(), Error>>),
    /// Undo it.
    Abandon,
}

impl Lane {
    /// Opens the writing connection and starts serving it.
    pub(super) async fn open(options: SqliteConnectOptions) -> Result<Self, sqlx::Error> {
        let connection = SqliteConnection::connect_with(&options).await?;
        let (queue, requests) = mpsc::channel(QUEUE);
        tasks::spawn(Server { options, requests, connection: Some(connection) }.run());
        Ok(Self { queue })
    }

    /// Waits for the turn of a new unit of work.
    pub(super) async fn enter(&self) -> Result<LaneTx, Error> {
        let (answer, turn) = oneshot::channel();
        self.queue.send(Request::Enter(answer)).await.map_err(|_| CLOSED)?;
        turn.await.map_err(|_| CLOSED)?
    }

    /// Waits until the units of work before this are done, then closes the connection.
    pub(super) async fn close(&self) {
        let (answer, done) = oneshot::channel();
        if self.queue.send(Request::Close(answer)).await.is_ok() {
            // An error here means that the lane is gone already, which is what was asked for.
            let _ = done.await;
        }
    }
}

const CLOSED: Error = Error::Unavailable(Dependency::Database);

impl LaneTx {
    #[expect(clippy::expect_used, reason = "the connection leaves only in commit and drop, which end the unit of work")]
    pub(super) fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.held.as_mut().expect("a unit of work holds its connection until it ends").0
    }

    pub(super) async fn commit(mut self) -> Result<(), Error> {
        let (answer, durable) = oneshot::channel();
        self.give_back(Outcome::Commit(answer));
        durable.await.map_err(|_| CLOSED)?
    }

    fn give_back(&mut self, outcome: Outcome) {
        if let Some((connection, back)) = self.held.take() {
            // If the lane is gone, so is the database handle, and the connection closes here.
            let _ = back.send(Returned { connection, outcome });
        }
    }
}

impl Drop for LaneTx {
    fn drop(&mut self) {
        self.give_back(Outcome::Abandon);
    }
}

/// The end of the lane that owns the connection.
struct Server {
    options: SqliteConnectOptions,
    requests: mpsc::Receiver<Request>,
    /// `None` after a fault that leaves its state in doubt; the next group opens a new one.
    connection: Option<SqliteConnection>,
}

type Turn = oneshot::Sender<Result<LaneTx, Error>>;
type Durable = oneshot::Sender<Result<(), Error>>;

impl Server {
    async fn run(mut self) {
        while let Some(request) = self.requests.recv().await {
            match request {
                Request::Enter(first) => self.serve_group(first).await,
                Request::Close(done) => {
                    if let Some(connection) = self.connection.take() {
                        // Closing lets SQLite fold the write-ahead log into the file; failing to is no loss.
                        let _ = connection.close().await;
                    }
                    let _ = done.send(());
                    return;
                }
            }
        }
    }

    /// Runs one group, from BEGIN to COMMIT. A fault anywhere fails every unit that was not yet durable.
    async fn serve_group(&mut self, first: Turn) {
        let connection = match self.begin().await {
            Ok(connection) => connection,
            Err(error) => {
                // The one who asked may have gone; then nobody needs to know.
                let _ = first.send(Err(error.into()));
                return;
            }
        };
        let mut waiting = Vec::new();
        let outcome = match self.collect(connection, first, &mut waiting).await {
            Ok(mut connection) => {
                let committed = run(&mut connection, "COMMIT").await;
                self.connection = committed.is_ok().then_some(connection);
                committed
            }
            Err(error) => Err(error),
        };
        if let Err(error) = &outcome {
            tracing::error!(error = %error, units = waiting.len(), "a group of writes failed; each is told so");
        }
        for durable in waiting {
            let _ = durable.send(if outcome.is_ok() { Ok(()) } else { Err(CLOSED) });
        }
    }

    async fn begin(&mut self) -> Result<SqliteConnection, sqlx::Error> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => SqliteConnection::connect_with(&self.options).await?,
        };
        // IMMEDIATE: a transaction that reads first and writes later fails with a busy snapshot, whatever the timeout.
        run(&mut connection, "BEGIN IMMEDIATE").await?;
        Ok(connection)
    }

    async fn collect(
        &mut self,
        mut connection: SqliteConnection,
        first: Turn,
        waiting: &mut Vec<Durable>,
    ) -> Result<SqliteConnection, sqlx::Error> {
        let mut turn = first;
        loop {
            connection = run_unit(connection, turn, waiting).await?;
            if waiting.len() >= GROUP {
                return Ok(connection);
            }
            turn = match self.requests.try_recv() {
                Ok(Request::Enter(next)) => next,
                // Whoever closes waits for this group, and then finds the queue closed.
                Ok(Request::Close(done)) => {
                    self.requests.close();
                    let _ = done.send(());
                    return Ok(connection);
                }
                Err(_) => return Ok(connection),
            };
        }
    }
}

/// Lends the connection to one unit of work, within a savepoint.
async fn run_unit(
    mut connection: SqliteConnection,
    turn: Turn,
    waiting: &mut Vec<Durable>,
) -> Result<SqliteConnection, sqlx::Error> {
    run(&mut connection, "SAVEPOINT unit").await?;
    let (back, returned) = oneshot::channel();
    // If the one who asked has gone, dropping the unit gives the connection back as abandoned.
    let _ = turn.send(Ok(LaneTx { held: Some((connection, back)) }));
    let Ok(Returned { mut connection, outcome }) = returned.await else { return Err(sqlx::Error::WorkerCrashed) };
    match outcome {
        Outcome::Commit(durable) => {
            waiting.push(durable);
            run(&mut connection, "RELEASE unit").await?;
        }
        Outcome::Abandon => {
            run(&mut connection, "ROLLBACK TO unit").await?;
            run(&mut connection, "RELEASE unit").await?;
        }
    }
    Ok(connection)
}

async fn run(connection: &mut SqliteConnection, sql: &'static str) -> Result<(), sqlx::Error> {
    sqlx::query(sql).execute(connection).await.map(|_| ())
}
