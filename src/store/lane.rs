//! SQLite's one writer: units of work that wait run one after another inside one outer transaction, each in its
//! savepoint, and are answered after the one COMMIT. So durability (`synchronous=FULL`) costs one sync a group.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, SqliteConnection};
use tokio::sync::{mpsc, oneshot};

use super::batch::{self, BEGIN, End, Prepared, Start};
use super::migrate::PATIENCE;
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
    Enter(Turn),
    /// A unit of work that the lane does itself, with all of its kind that wait beside it.
    SignIn(Waiting),
    Close(oneshot::Sender<()>),
}

/// A sign-in that waits to be stored.
struct Waiting {
    prepared: Prepared,
    /// Set by whoever is first: the lane, which then stores it, or the one who waits, who then has given up.
    decided: Arc<AtomicBool>,
    durable: Durable,
}

/// Where somebody waits for the turn of a unit of work.
type Turn = oneshot::Sender<Result<LaneTx, Error>>;

/// Where somebody waits until a unit of work is durable, and is told whether it changed anything.
type Durable = oneshot::Sender<Result<bool, Error>>;

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
    Commit(Durable),
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
        // While another process holds the file, each BEGIN waits; those in line must not wait for all before them.
        tokio::time::timeout(PATIENCE, turn).await.map_err(|_| CLOSED)?.map_err(|_| CLOSED)?
    }

    /// Stores a sign-in; waits until it is durable. `false` if its nonce is used up already.
    pub(super) async fn sign_in(&self, prepared: Prepared) -> Result<bool, Error> {
        let (answer, mut durable) = oneshot::channel();
        let decided = Arc::new(AtomicBool::new(false));
        let waiting = Waiting { prepared, decided: Arc::clone(&decided), durable: answer };
        self.queue.send(Request::SignIn(waiting)).await.map_err(|_| CLOSED)?;
        // Patience is for the line. What is being stored is waited for: nobody is told "not done" of what is done then.
        let told = match tokio::time::timeout(PATIENCE, &mut durable).await {
            Ok(told) => told,
            Err(_) if decided.swap(true, Ordering::AcqRel) => durable.await,
            Err(_) => return Err(CLOSED),
        };
        told.map_err(|_| CLOSED)?
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
        durable.await.map_err(|_| CLOSED)?.map(|_| ())
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

impl Server {
    async fn run(mut self) {
        let mut next = self.requests.recv().await;
        while let Some(request) = next {
            if let Request::Close(done) = request {
                if let Some(connection) = self.connection.take() {
                    // Closing lets SQLite fold the write-ahead log into the file; failing to is no loss.
                    let _ = connection.close().await;
                }
                let _ = done.send(());
                return;
            }
            next = match self.serve_group(request).await {
                Some(request) => Some(request),
                None => self.requests.recv().await,
            };
        }
    }

    /// Runs one group, from BEGIN to COMMIT; gives back a request that came meanwhile and is not part of it.
    /// A fault anywhere fails every unit that was not yet durable.
    async fn serve_group(&mut self, first: Request) -> Option<Request> {
        let connection = match self.connection.take() {
            Some(connection) => Ok(connection),
            None => SqliteConnection::connect_with(&self.options).await,
        };
        let mut group = match connection {
            Ok(connection) => Group::new(connection),
            Err(error) => {
                first.refuse(error.into());
                return None;
            }
        };
        // Those who could run now and are about to write share the sync. If there are none, this is no wait.
        tokio::task::yield_now().await;
        let mut next = Some(first);
        let mut outcome = Ok(());
        // Turns are counted and not what is kept of them: units that come to nothing must not put off the COMMIT.
        let mut turns = 0;
        while turns < GROUP && outcome.is_ok() {
            match next.take().or_else(|| self.requests.try_recv().ok()) {
                Some(Request::Enter(turn)) => {
                    turns += 1;
                    if !turn.is_closed() {
                        outcome = group.run_unit(turn).await;
                    }
                }
                Some(Request::SignIn(first)) => {
                    let (batch, after) = self.gather(first, GROUP - turns);
                    turns += batch.len();
                    next = after;
                    outcome = group.run_sign_ins(batch, next.as_ref()).await;
                    // They were the whole transaction, and it is over.
                    if group.state == State::Idle {
                        break;
                    }
                }
                other => {
                    next = other;
                    break;
                }
            }
        }
        if outcome.is_ok() {
            outcome = group.commit().await;
        }
        self.connection = group.answer(&outcome);
        next
    }

    /// The sign-ins that wait in a row, at most `most`, and what comes after them.
    fn gather(&mut self, first: Waiting, most: usize) -> (Vec<Waiting>, Option<Request>) {
        let mut batch = Vec::with_capacity(most.min(1 + self.requests.len()));
        batch.push(first);
        while batch.len() < most {
            match self.requests.try_recv() {
                Ok(Request::SignIn(waiting)) => batch.push(waiting),
                other => return (batch, other.ok()),
            }
        }
        (batch, None)
    }
}

impl Request {
    /// Tells whoever asked that it can't be done. Whoever has gone away does not need to know.
    fn refuse(self, error: Error) {
        match self {
            Self::Enter(turn) => drop(turn.send(Err(error))),
            Self::SignIn(waiting) => drop(waiting.durable.send(Err(error))),
            Self::Close(done) => drop(done.send(())),
        }
    }
}

/// Units of work that share one transaction.
struct Group {
    /// `None` while a unit has it, and after a fault.
    connection: Option<SqliteConnection>,
    state: State,
    /// Those who wait for the COMMIT, and what they are told then.
    waiting: Vec<(Durable, bool)>,
}

/// What stands between the next unit and those before it. Each statement is a trip to the connection's thread, so none
/// is sent that would do nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// There is no transaction.
    Idle,
    /// The transaction holds the first unit, without a savepoint before it.
    First,
    /// The savepoint before the last unit is there, and that unit is to be kept.
    Kept,
    /// The savepoint is there, and what came after it is undone.
    Undone,
}

impl Group {
    fn new(connection: SqliteConnection) -> Self {
        Self { connection: Some(connection), state: State::Idle, waiting: Vec::new() }
    }

    /// Lends the connection to one unit of work.
    async fn run_unit(&mut self, turn: Turn) -> Result<(), sqlx::Error> {
        match self.state {
            State::Idle => self.run(BEGIN).await?,
            State::First => self.run("SAVEPOINT unit").await?,
            State::Kept => self.run("RELEASE unit; SAVEPOINT unit").await?,
            State::Undone => {}
        }
        let (back, returned) = oneshot::channel();
        if let Some(connection) = self.connection.take() {
            // If the one who asked has gone, dropping the unit gives the connection back as abandoned.
            let _ = turn.send(Ok(LaneTx { held: Some((connection, back)) }));
        }
        let Ok(Returned { connection, outcome }) = returned.await else { return Err(sqlx::Error::WorkerCrashed) };
        self.connection = Some(connection);
        match (outcome, self.state) {
            (Outcome::Commit(durable), before) => {
                self.waiting.push((durable, true));
                self.state = if before == State::Idle { State::First } else { State::Kept };
            }
            (Outcome::Abandon, State::Idle) => self.run("ROLLBACK").await?,
            (Outcome::Abandon, State::First | State::Kept | State::Undone) => {
                self.run("ROLLBACK TO unit").await?;
                self.state = State::Undone;
            }
        }
        Ok(())
    }

    /// Stores sign-ins. What is not stored writes nothing, so they need no savepoint among each other. Where nobody
    /// else is to share the transaction, it ends on the way that they take anyway.
    async fn run_sign_ins(&mut self, batch: Vec<Waiting>, next: Option<&Request>) -> Result<(), sqlx::Error> {
        // Whoever has given up in the meantime was told that it is not done. From here on nobody does.
        let is_wanted = |waiting: &Waiting| !waiting.decided.swap(true, Ordering::AcqRel);
        let taken = batch.into_iter().filter(is_wanted).map(|waiting| (waiting.prepared, waiting.durable));
        let (batch, durables): (Vec<_>, Vec<_>) = taken.unzip();
        if batch.is_empty() {
            return Ok(());
        }
        let bounds = match (self.state, next) {
            (State::Idle, Some(Request::Enter(_))) => {
                self.state = State::First;
                (Start::Begin, End::Open)
            }
            (State::Idle, Some(Request::SignIn(_) | Request::Close(_)) | None) => (Start::Begin, End::Commit),
            (State::First, _) => (Start::Join, End::Open),
            (State::Kept | State::Undone, _) => {
                self.state = State::Kept;
                (Start::Join, End::Open)
            }
        };
        let connection = self.connection.as_mut().ok_or(sqlx::Error::WorkerCrashed)?;
        let stored = batch::insert_all(connection, &batch, bounds).await;
        // Also those that a fault concerns wait, so that they are told of it.
        let told = stored.as_ref().map_or_else(|_| vec![false; durables.len()], Clone::clone);
        self.waiting.extend(durables.into_iter().zip(told));
        stored.map(|_| ())
    }

    /// Makes all units durable. A savepoint that is still there is part of what is committed.
    async fn commit(&mut self) -> Result<(), sqlx::Error> {
        match self.state {
            State::Idle => Ok(()),
            State::First | State::Kept | State::Undone => self.run("COMMIT").await,
        }
    }

    /// Tells everybody how it ended; gives the connection back if its state is beyond doubt.
    fn answer(self, outcome: &Result<(), sqlx::Error>) -> Option<SqliteConnection> {
        if let Err(error) = outcome {
            tracing::error!(%error, units = self.waiting.len(), "a group of writes failed; each is told so");
        }
        for (durable, told) in self.waiting {
            // Whoever has gone away does not need to know.
            let _ = durable.send(if outcome.is_ok() { Ok(told) } else { Err(CLOSED) });
        }
        self.connection.filter(|_| outcome.is_ok())
    }

    async fn run(&mut self, sql: &'static str) -> Result<(), sqlx::Error> {
        let connection = self.connection.as_mut().ok_or(sqlx::Error::WorkerCrashed)?;
        sqlx::query(sql).execute(connection).await.map(|_| ())
    }
}
