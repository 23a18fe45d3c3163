//! The database handle, reading from it, and the unit of work.

use std::sync::Arc;

use sqlx::{PgConnection, SqliteConnection};

use super::accounts::WithPrimaryWallet;
use super::gather::Gather;
use super::held::Held;
use super::lane::{Lane, LaneTx};
use super::pool::Pool;
use super::readers::{Loan, Readers};
use super::sessions::OwnedRow;
use super::wallets::OwnerAndCount;
use super::{accounts, sessions, wallets};
use crate::model::{AccountId, Address, Error, SessionId};

/// The database. Cloning shares it.
#[derive(Clone)]
pub struct Db(pub(super) Arc<Backend>);

#[expect(clippy::large_enum_variant, reason = "there is one of it, behind an Arc")]
pub(super) enum Backend {
    Sqlite { readers: Readers, callers: Readers, lane: Lane, gathers: Gathers },
    Postgres(Pool),
}

/// The questions of the hot routes, which are asked for many at once.
pub(super) struct Gathers {
    pub(super) counts: Gather<[u8; 32], Option<i64>>,
    pub(super) standings: Gather<(Address, [u8; 32]), Option<OwnerAndCount>>,
    pub(super) sessions: Gather<SessionId, Option<OwnedRow>>,
    pub(super) accounts: Gather<AccountId, Option<WithPrimaryWallet>>,
}

impl Default for Gathers {
    fn default() -> Self {
        Self {
            counts: Gather::new(wallets::list_counts),
            standings: Gather::new(wallets::list_standings),
            sessions: Gather::new(sessions::list),
            accounts: Gather::new(accounts::list),
        }
    }
}

impl Db {
    /// A connection to read from, outside of any unit of work.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the database gives none in time.
    pub async fn read(&self) -> Result<Reader, Error> {
        Ok(match &*self.0 {
            Backend::Sqlite { readers, .. } => Reader::Sqlite(readers.borrow().await?),
            Backend::Postgres(pool) => Reader::Postgres(Held::borrow(pool).await?),
        })
    }

    /// Begins a unit of work: all of it happens at [`Tx::commit`], or, if it is dropped before, nothing.
    ///
    /// On SQLite units of work run one after another on the one connection that writes; nothing slow belongs in one.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the database gives none in time.
    pub async fn write(&self) -> Result<Tx, Error> {
        Ok(match &*self.0 {
            Backend::Sqlite { lane, .. } => Tx::Sqlite(lane.enter().await?),
            Backend::Postgres(pool) => Tx::Postgres(Held::begin(pool).await?),
        })
    }

    /// The connections that are used and idle, for the metrics. SQLite's one writer and the one who
    /// asks who calls are not among them.
    #[must_use]
    pub fn pool(&self) -> PoolUse {
        match &*self.0 {
            Backend::Sqlite { readers, .. } => readers.usage(),
            Backend::Postgres(pool) => pool.usage(),
        }
    }

    /// Asks the database for a sign of life: that it answers, and that it lets a writer begin.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if there is none.
    pub async fn ping(&self) -> Result<(), Error> {
        let mut tx = self.write().await?;
        super::on!(&mut tx, c => sqlx::query_scalar::<_, i32>("SELECT 1").fetch_one(c))?;
        // Never two connections of one pool at a time: a crowd of callers would wait for each other.
        drop(tx);
        self.read().await?;
        Ok(())
    }

    /// Finishes what is under way and closes every connection.
    pub async fn close(&self) {
        match &*self.0 {
            Backend::Sqlite { readers, callers, lane, .. } => {
                lane.close().await;
                readers.close().await;
                callers.close().await;
            }
            Backend::Postgres(pool) => pool.close().await,
        }
    }
}

/// How many connections of the pool are in use.
#[derive(Clone, Copy, Debug)]
pub struct PoolUse {
    /// Lent out.
    pub used: u32,
    /// Waiting to be lent out.
    pub idle: u32,
}

/// A connection that reads what is committed.
pub enum Reader {
    /// To the embedded file.
    Sqlite(Loan),
    /// To the server.
    Postgres(Held),
}

/// A unit of work.
pub enum Tx {
    /// A savepoint in the transaction that is being collected.
    Sqlite(LaneTx),
    /// A transaction of its own.
    Postgres(Held),
}

impl Tx {
    /// Of two statements, for SQLite and for PostgreSQL, the one for this database.
    pub(super) fn either(&self, [sqlite, postgres]: [&'static str; 2]) -> &'static str {
        match self {
            Self::Sqlite(_) => sqlite,
            Self::Postgres(_) => postgres,
        }
    }

    /// Makes the unit of work durable. Only after this may its outcome be told to anybody.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the database did not confirm it.
    pub async fn commit(self) -> Result<(), Error> {
        match self {
            Self::Sqlite(unit) => unit.commit().await,
            Self::Postgres(unit) => Ok(unit.commit().await?),
        }
    }
}

/// The native connection behind a reader or a unit of work.
pub enum Connection<'a> {
    /// To the embedded file.
    Sqlite(&'a mut SqliteConnection),
    /// To the server.
    Postgres(&'a mut PgConnection),
}

/// What can be asked: a [`Reader`], or a [`Tx`], which also sees its own writes.
pub trait Queryable {
    /// The native connection.
    fn connection(&mut self) -> Connection<'_>;

    /// Is told that the statement was answered, or with what it failed.
    fn settle(&mut self, fault: Option<&sqlx::Error>);
}

impl Queryable for Reader {
    fn connection(&mut self) -> Connection<'_> {
        match self {
            Self::Sqlite(loan) => Connection::Sqlite(loan.connection()),
            Self::Postgres(held) => Connection::Postgres(held.connection()),
        }
    }

    fn settle(&mut self, fault: Option<&sqlx::Error>) {
        match self {
            Self::Sqlite(loan) if fault.is_some() => loan.fail(),
            Self::Sqlite(_) => {}
            Self::Postgres(held) => held.settle(fault),
        }
    }
}

impl Queryable for Tx {
    fn connection(&mut self) -> Connection<'_> {
        match self {
            Self::Sqlite(unit) => Connection::Sqlite(unit.connection()),
            Self::Postgres(held) => Connection::Postgres(held.connection()),
        }
    }

    fn settle(&mut self, fault: Option<&sqlx::Error>) {
        match self {
            // The lane looks after its own connection.
            Self::Sqlite(_) => {}
            Self::Postgres(held) => held.settle(fault),
        }
    }
}
