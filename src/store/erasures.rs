//! Taking out of the audit trail what it tells of accounts that were deleted, in small steps: an index by account would
//! cost every sign-in, and the whole trail can't be read in one go.

use uuid::Uuid;

use super::{Queryable, Tx, execute, on};
use crate::model::audit::Event;
use crate::model::{AccountId, Error};

/// Begins with an account whose id was made at its beginning: what is told of it can't be older.
///
/// # Errors
/// If the database does not answer.
pub async fn insert(tx: &mut Tx, account: AccountId) -> Result<(), Error> {
    const SQL: &str = "INSERT INTO erasures (account_id, after) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    // Clocks of nodes differ: an hour before, which is 3,600,000 in the 48 bits of milliseconds of a UUIDv7.
    let after = account.0.as_u128().saturating_sub(3_600_000 << 80);
    execute!(tx, sqlx::query(SQL).bind(account.0).bind(Uuid::from_u128(after)))?;
    Ok(())
}

/// An account that is not done with, and the last event that was looked at.
///
/// # Errors
/// If the database does not answer.
pub async fn find_any(db: &mut impl Queryable) -> Result<Option<(AccountId, Uuid)>, Error> {
    const SQL: &str = "SELECT account_id, after FROM erasures ORDER BY account_id LIMIT 1";
    let row = on!(db, c => sqlx::query_as::<_, (Uuid, Uuid)>(SQL).fetch_optional(c))?;
    Ok(row.map(|(account, after)| (AccountId(account), after)))
}

/// Looks at the next `limit` events after `after`, and leaves of those of the account nothing but the id, the time and
/// what happened; tells whether there may be more.
///
/// # Errors
/// If the database does not answer.
pub async fn advance(tx: &mut Tx, account: AccountId, after: Uuid, limit: i64) -> Result<bool, Error> {
    const LAST: &str = "SELECT id FROM (SELECT id FROM audit_events WHERE id > $1 ORDER BY id LIMIT $2) AS next ORDER BY id DESC LIMIT 1";
    const ERASE: &str = "UPDATE audit_events SET detail = NULL, session_id = NULL, wallet_tag = NULL, \
                         client_address = NULL, request_id = NULL \
                         WHERE id > $1 AND id <= $2 AND account_id = $3 AND event <> $4";
    const MOVE: &str = "UPDATE erasures SET after = $2 WHERE account_id = $1";
    const END: &str = "DELETE FROM erasures WHERE account_id = $1";
    let last = on!(tx, c => sqlx::query_scalar::<_, Uuid>(LAST).bind(after).bind(limit).fetch_optional(c))?;
    let Some(last) = last else {
        execute!(tx, sqlx::query(END).bind(account.0))?;
        return Ok(false);
    };
    execute!(tx, sqlx::query(ERASE).bind(after).bind(last).bind(account.0).bind(Event::ACCOUNT_DELETED))?;
    execute!(tx, sqlx::query(MOVE).bind(account.0).bind(last))?;
    Ok(true)
}
