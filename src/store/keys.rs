//! What the root secret protects: its own check values, the sealed data keys, the sealed signing keys.

use sqlx::FromRow;

use super::db::Connection;
use super::held::within;
use super::{Queryable, Tx, execute, on};
use crate::clock::Timestamp;
use crate::model::Error;

/// Makes other nodes that start wait until this unit of work is over. SQLite has one writer anyway.
///
/// # Errors
/// If the database does not answer.
pub async fn lock(tx: &mut Tx) -> Result<(), Error> {
    let locked = match tx.connection() {
        Connection::Sqlite(_) => Ok(()),
        Connection::Postgres(c) => {
            let lock = sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(START_LOCK).execute(c);
            within(lock).await.map(|_| ())
        }
    };
    tx.settle(locked.as_ref().err());
    Ok(locked?)
}

/// Any number will do, as long as nothing else in this database takes it: the first eight letters of the name.
const START_LOCK: i64 = i64::from_be_bytes(*b"counters");

/// A root secret that the database knows.
#[derive(FromRow)]
pub struct RootSecretRow {
    /// Its version, in every token that it signs.
    pub version: i64,
    /// By what it is recognised.
    pub check_value: Vec<u8>,
}

/// Every root secret that this database knows, the newest last.
///
/// # Errors
/// If the database does not answer.
pub async fn list_root_secrets(db: &mut impl Queryable) -> Result<Vec<RootSecretRow>, Error> {
    const SQL: &str = "SELECT version, check_value FROM root_secrets ORDER BY version";
    Ok(on!(db, c => sqlx::query_as::<_, RootSecretRow>(SQL).fetch_all(c))?)
}

/// Makes a root secret known.
///
/// # Errors
/// If the database does not answer.
pub async fn insert_root_secret(tx: &mut Tx, version: i64, check: &[u8], now: Timestamp) -> Result<(), Error> {
    const SQL: &str = "INSERT INTO root_secrets (version, check_value, created_at) VALUES ($1, $2, $3)";
    execute!(tx, sqlx::query(SQL).bind(version).bind(check).bind(now.micros()))?;
    Ok(())
}

/// A key as it lies in the database.
#[derive(FromRow)]
pub struct SealedKey {
    /// The version of the root secret under which it is sealed.
    pub secret_version: i64,
    /// The sealed key.
    pub sealed: Vec<u8>,
}

/// The data key of this purpose.
///
/// # Errors
/// If the database does not answer.
pub async fn find_data_key(db: &mut impl Queryable, purpose: &'static str) -> Result<Option<SealedKey>, Error> {
    const SQL: &str = "SELECT secret_version, sealed FROM data_keys WHERE purpose = $1";
    Ok(on!(db, c => sqlx::query_as::<_, SealedKey>(SQL).bind(purpose).fetch_optional(c))?)
}

/// Adds a data key, or replaces its seal by one under another root secret.
///
/// # Errors
/// If the database does not answer.
pub async fn upsert_data_key(
    tx: &mut Tx,
    purpose: &'static str,
    version: u8,
    sealed: &[u8],
    now: Timestamp,
) -> Result<(), Error> {
    const SQL: &str = "INSERT INTO data_keys (purpose, secret_version, sealed, created_at) VALUES ($1, $2, $3, $4) \
                       ON CONFLICT (purpose) DO UPDATE \
                       SET secret_version = excluded.secret_version, sealed = excluded.sealed";
    execute!(tx, sqlx::query(SQL).bind(purpose).bind(i64::from(version)).bind(sealed).bind(now.micros()))?;
    Ok(())
}

/// A signing key as it lies in the database.
#[derive(FromRow)]
pub struct SigningKeyRow {
    /// Its id, in every token that it signs.
    pub kid: String,
    /// Its JOSE algorithm.
    pub algorithm: String,
    /// From when on it signs, in microseconds.
    pub active_from: i64,
    /// From when on it verifies no more, in microseconds.
    pub retired_at: Option<i64>,
    /// Its sealed private half.
    #[sqlx(flatten)]
    pub key: SealedKey,
}

/// Every signing key that is not retired at `now`, the newest last.
///
/// # Errors
/// If the database does not answer.
pub async fn list_signing_keys(db: &mut impl Queryable, now: Timestamp) -> Result<Vec<SigningKeyRow>, Error> {
    const SQL: &str = "SELECT kid, algorithm, active_from, retired_at, secret_version, sealed FROM signing_keys \
                       WHERE retired_at IS NULL OR retired_at > $1 ORDER BY active_from, kid";
    Ok(on!(db, c => sqlx::query_as::<_, SigningKeyRow>(SQL).bind(now.micros()).fetch_all(c))?)
}

/// Every signing key that there ever was, the newest last.
///
/// # Errors
/// If the database does not answer.
pub async fn list_all_signing_keys(db: &mut impl Queryable) -> Result<Vec<SigningKeyRow>, Error> {
    const SQL: &str = "SELECT kid, algorithm, active_from, retired_at, secret_version, sealed FROM signing_keys \
                       ORDER BY active_from, kid";
    Ok(on!(db, c => sqlx::query_as::<_, SigningKeyRow>(SQL).fetch_all(c))?)
}

/// Sets the end of every signing key that has none yet, and gives their ids.
///
/// # Errors
/// If the database does not answer.
pub async fn retire_signing_keys(tx: &mut Tx, at: Timestamp) -> Result<Vec<String>, Error> {
    const SQL: &str = "UPDATE signing_keys SET retired_at = $1 WHERE retired_at IS NULL RETURNING kid";
    Ok(on!(tx, c => sqlx::query_scalar::<_, String>(SQL).bind(at.micros()).fetch_all(c))?)
}

/// Adds a signing key.
///
/// # Errors
/// If the database does not answer.
pub async fn insert_signing_key(tx: &mut Tx, row: &SigningKeyRow, now: Timestamp) -> Result<(), Error> {
    const SQL: &str = "INSERT INTO signing_keys (kid, algorithm, secret_version, sealed, created_at, active_from) \
                       VALUES ($1, $2, $3, $4, $5, $6)";
    execute!(
        tx,
        sqlx::query(SQL)
            .bind(&row.kid)
            .bind(&row.algorithm)
            .bind(row.key.secret_version)
            .bind(&row.key.sealed)
            .bind(now.micros())
            .bind(row.active_from)
    )?;
    Ok(())
}

/// Replaces the seal of a signing key by one under another root secret.
///
/// # Errors
/// If the database does not answer.
pub async fn update_signing_key_seal(tx: &mut Tx, kid: &str, version: u8, sealed: &[u8]) -> Result<(), Error> {
    const SQL: &str = "UPDATE signing_keys SET secret_version = $2, sealed = $3 WHERE kid = $1";
    execute!(tx, sqlx::query(SQL).bind(kid).bind(i64::from(version)).bind(sealed))?;
    Ok(())
}
