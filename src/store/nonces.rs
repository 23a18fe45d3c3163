//! Free nonces that were used: kept until they would have expired anyway.

use super::{Tx, execute};
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
