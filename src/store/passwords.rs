//! Password hashes, one an account.

use super::{Queryable, Tx, execute, on};
use crate::clock::Timestamp;
use crate::model::{AccountId, Error};

/// Stores the hash of the account's password, in the place of the one of before.
///
/// # Errors
/// If the database does not answer.
pub async fn upsert(tx: &mut Tx, account: AccountId, hash: &str, now: Timestamp) -> Result<(), Error> {
    const SQL: &str = "INSERT INTO passwords (account_id, hash, changed_at) VALUES ($1, $2, $3) \
                       ON CONFLICT (account_id) DO UPDATE SET hash = excluded.hash, changed_at = excluded.changed_at";
    execute!(tx, sqlx::query(SQL).bind(account.0).bind(hash).bind(now.micros()))?;
    Ok(())
}

/// Replaces the hash of the same password by a stronger one.
///
/// # Errors
/// If the database does not answer.
pub async fn upgrade(tx: &mut Tx, account: AccountId, hash: &str) -> Result<(), Error> {
    const SQL: &str = "UPDATE passwords SET hash = $2 WHERE account_id = $1";
    execute!(tx, sqlx::query(SQL).bind(account.0).bind(hash))?;
    Ok(())
}

/// Whether somebody can sign in to the account by a name and a password.
///
/// # Errors
/// If the database does not answer.
pub async fn can_sign_in(db: &mut impl Queryable, account: AccountId) -> Result<bool, Error> {
    const SQL: &str = "SELECT 1 FROM passwords p JOIN accounts a ON a.id = p.account_id \
                       WHERE p.account_id = $1 AND COALESCE(a.username, a.email) IS NOT NULL";
    let found = on!(db, c => sqlx::query_scalar::<_, i32>(SQL).bind(account.0).fetch_optional(c))?;
    Ok(found.is_some())
}
