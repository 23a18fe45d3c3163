//! Ways back in for those who forgot their password, by hashes of the tokens that were mailed.

use uuid::Uuid;

use super::{Queryable, Tx, execute, on};
use crate::clock::Timestamp;
use crate::model::{AccountId, Error};

/// Adds one.
///
/// # Errors
/// If the database does not answer.
pub async fn insert(
    tx: &mut Tx,
    token_hash: &[u8; 32],
    account: AccountId,
    email_key: &str,
    issued_at: Timestamp,
    expires_at: Timestamp,
) -> Result<(), Error> {
    const SQL: &str = "INSERT INTO password_resets (token_hash, account_id, email_key, issued_at, expires_at) \
                       VALUES ($1, $2, $3, $4, $5)";
    execute!(
        tx,
        sqlx::query(SQL)
            .bind(token_hash.as_slice())
            .bind(account.0)
            .bind(email_key)
            .bind(issued_at.micros())
            .bind(expires_at.micros())
    )?;
    Ok(())
}

/// Whose token this is, if it is good. It stays good.
///
/// # Errors
/// If the database does not answer.
pub async fn find_good(
    db: &mut impl Queryable,
    token_hash: &[u8; 32],
    now: Timestamp,
) -> Result<Option<AccountId>, Error> {
    const SQL: &str = "SELECT account_id FROM password_resets WHERE token_hash = $1 AND expires_at > $2";
    let found = on!(db, c => sqlx::query_scalar::<_, Uuid>(SQL)
        .bind(token_hash.as_slice()).bind(now.micros()).fetch_optional(c))?;
    Ok(found.map(AccountId))
}

/// Uses a token up; gives whose it is, and to which address it was mailed. `None` if it is not good.
///
/// # Errors
/// If the database does not answer.
pub async fn consume(tx: &mut Tx, token_hash: &[u8; 32], now: Timestamp) -> Result<Option<(AccountId, String)>, Error> {
    const SQL: &str =
        "DELETE FROM password_resets WHERE token_hash = $1 AND expires_at > $2 RETURNING account_id, email_key";
    let row = on!(tx, c => sqlx::query_as::<_, (Uuid, String)>(SQL)
        .bind(token_hash.as_slice()).bind(now.micros()).fetch_optional(c))?;
    Ok(row.map(|(account, email_key)| (AccountId(account), email_key)))
}

/// Makes every token of an account useless. They stay as rows for the sweep.
///
/// # Errors
/// If the database does not answer.
pub async fn expire(tx: &mut Tx, account: AccountId, now: Timestamp) -> Result<(), Error> {
    const SQL: &str = "UPDATE password_resets SET expires_at = $2 WHERE account_id = $1 AND expires_at > $2";
    execute!(tx, sqlx::query(SQL).bind(account.0).bind(now.micros()))?;
    Ok(())
}

/// Forgets those that expired before `before`, at most `limit`; gives how many.
///
/// # Errors
/// If the database does not answer.
pub async fn delete_expired(tx: &mut Tx, before: Timestamp, limit: i64) -> Result<u64, Error> {
    const SQL: &str = "DELETE FROM password_resets WHERE token_hash IN \
                       (SELECT token_hash FROM password_resets WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)";
    Ok(execute!(tx, sqlx::query(SQL).bind(before.micros()).bind(limit))?)
}
