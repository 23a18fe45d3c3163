//! What outside providers say that accounts are entitled to, one statement an account.

use super::{Queryable, Tx, execute, on};
use crate::clock::Timestamp;
use crate::model::membership::Membership;
use crate::model::{AccountId, Email, Error};

/// Stores what the provider signed, in the place of what was there; `false` if that was issued later.
///
/// # Errors
/// If the database does not answer.
pub async fn upsert_signed(
    tx: &mut Tx,
    account: AccountId,
    data: &Membership,
    issued_at: Timestamp,
    now: Timestamp,
) -> Result<bool, Error> {
    const SQL: &str = "INSERT INTO memberships (account_id, data, verified, issued_at, updated_at) \
                       VALUES ($1, $2, TRUE, $3, $4) ON CONFLICT (account_id) DO UPDATE SET data = excluded.data, \
                       verified = TRUE, issued_at = excluded.issued_at, updated_at = excluded.updated_at \
                       WHERE memberships.issued_at <= excluded.issued_at";
    let text = data.to_text();
    let stored =
        execute!(tx, sqlx::query(SQL).bind(account.0).bind(text.as_str()).bind(issued_at.micros()).bind(now.micros()))?;
    Ok(stored == 1)
}

/// Stores what nobody signed; `false` if there is something that somebody did.
///
/// # Errors
/// If the database does not answer.
pub async fn upsert_unsigned(
    tx: &mut Tx,
    account: AccountId,
    data: &Membership,
    now: Timestamp,
) -> Result<bool, Error> {
    const SQL: &str = "INSERT INTO memberships (account_id, data, verified, issued_at, updated_at) \
                       VALUES ($1, $2, FALSE, 0, $3) ON CONFLICT (account_id) DO UPDATE SET data = excluded.data, \
                       updated_at = excluded.updated_at WHERE NOT memberships.verified";
    let text = data.to_text();
    Ok(execute!(tx, sqlx::query(SQL).bind(account.0).bind(text.as_str()).bind(now.micros()))? == 1)
}

/// Removes the membership data, and lets nothing count any more that was signed until now; tells whether there was any.
///
/// # Errors
/// If the database does not answer.
pub async fn clear(tx: &mut Tx, account: AccountId, now: Timestamp) -> Result<bool, Error> {
    const SQL: &str = "UPDATE memberships SET data = '{}', verified = FALSE, issued_at = issued_at + 1, updated_at = $2 \
                       WHERE account_id = $1 AND data <> '{}'";
    Ok(execute!(tx, sqlx::query(SQL).bind(account.0).bind(now.micros()))? == 1)
}

/// What a provider signed of the enabled account with this e-mail address. One question, whether or not there is such an
/// account.
///
/// # Errors
/// If the database does not answer.
pub async fn find_signed(db: &mut impl Queryable, email: &Email) -> Result<Option<Membership>, Error> {
    const SQL: &str = "SELECT m.data FROM accounts a JOIN memberships m ON m.account_id = a.id AND m.verified \
                       WHERE a.email_key = $1 AND a.disabled_at IS NULL";
    let data = on!(db, c => sqlx::query_scalar::<_, String>(SQL).bind(email.key()).fetch_optional(c))?;
    Ok(data.and_then(|data| Membership::from_stored(&data)))
}
