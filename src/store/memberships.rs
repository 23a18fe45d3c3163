//! What outside providers say that accounts are entitled to, one statement an account.

use super::{Tx, execute};
use crate::clock::Timestamp;
use crate::model::membership::Membership;
use crate::model::{AccountId, Error};

/// Stores membership data, in the place of what was there; `false` if that was issued later.
///
/// # Errors
/// If the database does not answer.
pub async fn upsert(
    tx: &mut Tx,
    account: AccountId,
    data: &Membership,
    verified: bool,
    issued_at: Timestamp,
    now: Timestamp,
) -> Result<bool, Error> {
    // What nobody signed must not take the place of what somebody did, and takes no part in the order of those.
    const SQL: &str = "INSERT INTO memberships (account_id, data, verified, issued_at, updated_at) \
                       VALUES ($1, $2, $3, $4, $5) ON CONFLICT (account_id) DO UPDATE SET data = excluded.data, \
                       verified = excluded.verified, issued_at = excluded.issued_at, updated_at = excluded.updated_at \
                       WHERE NOT memberships.verified OR memberships.issued_at <= excluded.issued_at";
    let text = data.to_text();
    let stored = execute!(
        tx,
        sqlx::query(SQL).bind(account.0).bind(text.as_str()).bind(verified).bind(issued_at.micros()).bind(now.micros())
    )?;
    Ok(stored == 1)
}

/// Removes the membership data; tells whether there was any.
///
/// # Errors
/// If the database does not answer.
pub async fn delete(tx: &mut Tx, account: AccountId) -> Result<bool, Error> {
    const SQL: &str = "DELETE FROM memberships WHERE account_id = $1";
    Ok(execute!(tx, sqlx::query(SQL).bind(account.0))? == 1)
}
