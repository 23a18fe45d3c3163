//! Opening the database, and bringing its tables to what this program needs.

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, PgConnection, SqlSafeStr as _};

use super::Db;
use super::db::{Backend, Gathers};
use super::lane::Lane;
use super::pool::Pool;
use super::readers::Readers;
use crate::config::Database;
use crate::secret::RedactedUrl;

/// How long a caller waits for a connection, or for another process's write, before the database counts as away.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// What SQLite may keep in memory of sessions and accounts; below 0, since it counts in KiB then and not in pages.
const CALLERS_KIB: &str = "-16384";

/// Lets one node at a time bring the tables to what it needs. Any number will do that nothing else in the database takes:
/// the first eight letters of the word.
const MIGRATION_LOCK: i64 = i64::from_be_bytes(*b"migratio");

/// Names of the migrations and their texts for both databases, in their order.
const MIGRATIONS: [(i64, &str, &str, &str); 12] = [
    (
        1,
        "accounts",
        include_str!("../../migrations/sqlite/0001_accounts.sql"),
        include_str!("../../migrations/postgres/0001_accounts.sql"),
    ),
    (
        2,
        "people",
        include_str!("../../migrations/sqlite/0002_people.sql"),
        include_str!("../../migrations/postgres/0002_people.sql"),
    ),
    (
        3,
        "outbox",
        include_str!("../../migrations/sqlite/0003_outbox.sql"),
        include_str!("../../migrations/postgres/0003_outbox.sql"),
    ),
    (
        4,
        "recovery",
        include_str!("../../migrations/sqlite/0004_recovery.sql"),
        include_str!("../../migrations/postgres/0004_recovery.sql"),
    ),
    (
        5,
        "mails",
        include_str!("../../migrations/sqlite/0005_mails.sql"),
        include_str!("../../migrations/postgres/0005_mails.sql"),
    ),
    (
        6,
        "second_factor",
        include_str!("../../migrations/sqlite/0006_second_factor.sql"),
        include_str!("../../migrations/postgres/0006_second_factor.sql"),
    ),
    (
        7,
        "platform",
        include_str!("../../migrations/sqlite/0007_platform.sql"),
        include_str!("../../migrations/postgres/0007_platform.sql"),
    ),
    (
        8,
        "identities",
        include_str!("../../migrations/sqlite/0008_identities.sql"),
        include_str!("../../migrations/postgres/0008_identities.sql"),
    ),
    (
        9,
        "subscriptions",
        include_str!("../../migrations/sqlite/0009_subscriptions.sql"),
        include_str!("../../migrations/postgres/0009_subscriptions.sql"),
    ),
    (
        10,
        "push",
        include_str!("../../migrations/sqlite/0010_push.sql"),
        include_str!("../../migrations/postgres/0010_push.sql"),
    ),
    (
        11,
        "prices",
        include_str!("../../migrations/sqlite/0011_prices.sql"),
        include_str!("../../migrations/postgres/0011_prices.sql"),
    ),
    (
        12,
        "clustered",
        include_str!("../../migrations/sqlite/0012_clustered.sql"),
        include_str!("../../migrations/postgres/0012_clustered.sql"),
    ),
];

/// Why the database can't be used.
#[derive(Debug)]
pub enum OpenError {
    /// It can't be reached or opened.
    Unreachable(sqlx::Error),
    /// A newer Countersign has changed its tables.
    Newer,
    /// It is not there, and was not to be made.
    Missing,
    /// It lacks this many migrations, and they were not to be applied.
    Behind(usize),
    /// Its tables can't be brought to what this program needs.
    Migration(MigrateError),
}

impl From<sqlx::Error> for OpenError {
    fn from(error: sqlx::Error) -> Self {
        Self::Unreachable(error)
    }
}

impl From<MigrateError> for OpenError {
    fn from(error: MigrateError) -> Self {
        match error {
            MigrateError::VersionMissing(_) => Self::Newer,
            MigrateError::Execute(error) => Self::Unreachable(error),
            other => Self::Migration(other),
        }
    }
}

impl Db {
    /// Opens the database and applies the migrations that it lacks.
    ///
    /// # Errors
    /// [`OpenError`] says what stands in the way.
    pub async fn open(database: &Database) -> Result<Self, OpenError> {
        let backend = match database {
            Database::Sqlite(file) => {
                let options = sqlite(file);
                // Not synced: whatever a power cut takes of it is made again at the next start, and the first write that
                // is synced makes all before it durable too. It would be two waits for the disk a migration.
                let unsynced = options.clone().create_if_missing(true).synchronous(SqliteSynchronous::Normal);
                // A table that others refer to is made anew without asking what they refer to meanwhile.
                let mut first = unsynced.foreign_keys(false).connect().await?;
                migrator(|(_, _, sqlite, _)| sqlite).run_direct(None, &mut first, false).await?;
                sqlite_backend(options).await?
            }
            Database::Postgres(url) => {
                let pool = Pool::new(postgres(url)?);
                let mut first = pool.borrow().await?;
                migrate_postgres(&mut first.connection).await?;
                first.give_back();
                Backend::Postgres(pool)
            }
        };
        Ok(Self(Arc::new(backend)))
    }

    /// Opens a database that has all of its tables. It is neither made nor changed: that is for who starts a gateway
    /// or migrates.
    ///
    /// # Errors
    /// [`OpenError`] says what stands in the way.
    pub async fn open_existing(database: &Database) -> Result<Self, OpenError> {
        match Self::pending(database).await? {
            0 => {}
            _ if matches!(database, Database::Sqlite(file) if !file.exists()) => return Err(OpenError::Missing),
            pending => return Err(OpenError::Behind(pending)),
        }
        let backend = match database {
            Database::Sqlite(file) => sqlite_backend(sqlite(file)).await?,
            Database::Postgres(url) => {
                let pool = Pool::new(postgres(url)?);
                pool.borrow().await?.give_back();
                Backend::Postgres(pool)
            }
        };
        Ok(Self(Arc::new(backend)))
    }

    /// How many migrations the database lacks. It is not made if it is not there.
    ///
    /// # Errors
    /// [`OpenError`] if it can't be reached, or was changed by a newer version.
    pub async fn pending(database: &Database) -> Result<usize, OpenError> {
        const EXISTS: &str = "SELECT version FROM _sqlx_migrations ORDER BY version";
        let applied: Vec<i64> = match database {
            Database::Sqlite(file) if !file.exists() => Vec::new(),
            Database::Sqlite(file) => {
                // Not read-only: such a connection would leave the files beside the database that it can't do without.
                let mut connection = SqliteConnectOptions::new().filename(file).connect().await?;
                let applied = sqlx::query_scalar(EXISTS).fetch_all(&mut connection).await;
                connection.close().await?;
                unless_missing(applied)?
            }
            Database::Postgres(url) => {
                let options = PgConnectOptions::from_url(url.expose())?;
                let connection = tokio::time::timeout(PATIENCE, options.connect()).await;
                let mut connection = connection.map_err(|_| sqlx::Error::PoolTimedOut)??;
                unless_missing(sqlx::query_scalar(EXISTS).fetch_all(&mut connection).await)?
            }
        };
        let known = |version: &i64| MIGRATIONS.iter().any(|row| row.0 == *version);
        if applied.iter().all(known) { Ok(MIGRATIONS.len() - applied.len()) } else { Err(OpenError::Newer) }
    }
}

/// The versions that were applied; none if there is no table of them yet.
fn unless_missing(versions: Result<Vec<i64>, sqlx::Error>) -> Result<Vec<i64>, sqlx::Error> {
    match versions {
        // PostgreSQL: undefined_table. SQLite has one code for all faults of a statement, and this one has no other.
        Err(sqlx::Error::Database(error)) if matches!(error.code().as_deref(), Some("42P01" | "1")) => Ok(Vec::new()),
        other => other,
    }
}

/// How SQLite is opened. Not made: if the file goes away for a while, opening it anew must fail. A new, empty database
/// in its place would be served, and would throw away the write-ahead log of the right one.
fn sqlite(file: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(false)
        .journal_mode(SqliteJournalMode::Wal)
        // An acknowledged sign-out must survive a power cut, so every commit is synced.
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(PATIENCE)
        // All that there are: those that store many sign-ins are dear to prepare anew.
        .statement_cache_capacity(512)
        // The library would take the time of every statement; the metrics have the time of every request.
        .disable_statement_logging()
}

async fn sqlite_backend(options: SqliteConnectOptions) -> Result<Backend, OpenError> {
    let lane = Lane::open(options.clone()).await?;
    let options = options.pragma("query_only", "ON");
    // Who calls is asked for on a connection of its own: what it has read of a big file stays, while nothing is written.
    let callers = Readers::single(options.clone().pragma("cache_size", CALLERS_KIB));
    let readers = Readers::open(options).await?;
    Ok(Backend::Sqlite { readers, callers, lane, gathers: Gathers::default() })
}

fn postgres(url: &RedactedUrl) -> Result<PgConnectOptions, sqlx::Error> {
    // As for SQLite: the metrics have the time of every request.
    Ok(PgConnectOptions::from_url(url.expose())?.application_name("countersign").disable_statement_logging())
}

/// All migrations that are lacking are one transaction: none stays half an upgrade behind, and the disk is waited for
/// once. Nothing of it outlives the transaction, so that it may go by a pooler.
async fn migrate_postgres(connection: &mut PgConnection) -> Result<(), OpenError> {
    // However long it takes, and however long another node takes.
    const UNLIMITED: &str = "SELECT set_config('statement_timeout', '0', true), set_config('lock_timeout', '0', true), \
                             set_config('idle_in_transaction_session_timeout', '0', true)";
    let mut tx = connection.begin().await?;
    sqlx::query(UNLIMITED).execute(&mut *tx).await?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(MIGRATION_LOCK).execute(&mut *tx).await?;
    let mut migrator = migrator(|(_, _, _, postgres)| postgres);
    // The library's lock is one of the session, and would be let go before the commit.
    migrator.set_locking(false);
    migrator.run_direct(None, &mut *tx, false).await?;
    Ok(tx.commit().await?)
}

type Row = (i64, &'static str, &'static str, &'static str);

fn migrator(text: fn(Row) -> &'static str) -> Migrator {
    let migration = |row: Row| {
        let name = Cow::Borrowed(row.1);
        Migration::new(row.0, name, MigrationType::Simple, text(row).into_sql_str(), false)
    };
    Migrator::with_migrations(MIGRATIONS.into_iter().map(migration).collect())
}
