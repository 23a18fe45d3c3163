//! Free nonces that were used: kept until they would have expired anyway.

use super::{Queryable, Tx, execute, on};
use crate::clock::Timestamp;
use crate::model::Error;

/// Forgets the uses of nonces that expired before `before`, at most `limit`; gives how many.
///
/// # Errors
/// If the database does not answer.
pub async fn delete_expired(tx: &mut Tx, before: Timestamp, limit: i64) -> Result<u64, Error> {
    const SQL: &str = "DELETE FROM spent_nonces WHERE (expires_at, nonce) IN \
                       (SELECT expires_at, nonce FROM spent_nonces WHERE expires_at < $1 \
                        ORDER BY expires_at LIMIT $2)";
    Ok(execute!(tx, sqlx::query(SQL).bind(before.micros()).bind(limit))?)
}

/// Records the use of a nonce; `false` if it was used before.
///
/// # Errors
/// If the database does not answer.
pub async fn consume(tx: &mut Tx, id: &[u8; 16], expires_at: Timestamp) -> Result<bool, Error> {
    const SQL: &str = "INSERT INTO spent_nonces (nonce, expires_at) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    Ok(execute!(tx, sqlx::query(SQL).bind(id.as_slice()).bind(expires_at.micros()))? == 1)
}

/// Whether a nonce was used.
///
/// # Errors
/// If the database does not answer.
pub async fn is_spent(db: &mut impl Queryable, id: &[u8; 16], expires_at: Timestamp) -> Result<bool, Error> {
    const SQL: &str = "SELECT 1 FROM spent_nonces WHERE expires_at = $2 AND nonce = $1";
    let row = on!(db, c => sqlx::query_scalar::<_, i32>(SQL).bind(id.as_slice()).bind(expires_at.micros()).fetch_optional(c))?;
    Ok(row.is_some())
}
