//! The audit trail: rows that are only ever added.

use super::{Queryable, Tx, execute, on};
use crate::clock::Timestamp;
use crate::model::audit::{Event, Subject};
use crate::model::{AccountId, Client, Error};

/// Adds an event. `id` is a UUIDv7, so the table is appended to.
///
/// # Errors
/// If the database does not answer.
pub async fn insert(
    tx: &mut Tx,
    id: uuid::Uuid,
    event: Event<'_>,
    subject: Subject<'_>,
    client: Option<&Client>,
    now: Timestamp,
) -> Result<(), Error> {
    const SQL: &str = "INSERT INTO audit_events \
                       (id, at, event, detail, account_id, session_id, wallet_tag, client_address, request_id) \
                       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    let address = client.map(|client| client.address.to_string());
    let request = client.map(|client| client.request_id.as_str());
    execute!(
        tx,
        sqlx::query(SQL)
            .bind(id)
            .bind(now.micros())
            .bind(event.name())
            .bind(event.detail())
            .bind(subject.account.map(|id| id.0))
            .bind(subject.session.map(|id| id.0))
            .bind(subject.wallet.map(<[u8; 32]>::as_slice))
            .bind(address)
            .bind(request)
    )?;
    Ok(())
}

/// Deletes events of before `before`, the oldest first, at most `limit`; gives how many.
///
/// # Errors
/// If the database does not answer.
pub async fn delete_expired(tx: &mut Tx, before: Timestamp, limit: i64) -> Result<u64, Error> {
    const SQL: &str = "DELETE FROM audit_events WHERE id IN \
                       (SELECT id FROM (SELECT id, at FROM audit_events ORDER BY id LIMIT $2) AS oldest \
                        WHERE at < $1)";
    Ok(execute!(tx, sqlx::query(SQL).bind(before.micros()).bind(limit))?)
}

/// How many events there are; for tests and operators, since it reads the whole table.
///
/// # Errors
/// If the database does not answer.
pub async fn count(db: &mut impl Queryable) -> Result<i64, Error> {
    const SQL: &str = "SELECT COUNT(*) FROM audit_events";
    Ok(on!(db, c => sqlx::query_scalar::<_, i64>(SQL).fetch_one(c))?)
}

/// The names and details of an account's events, the oldest first.
///
/// # Errors
/// If the database does not answer.
pub async fn list(db: &mut impl Queryable, account: AccountId) -> Result<Vec<(String, Option<String>)>, Error> {
    const SQL: &str = "SELECT event, detail FROM audit_events WHERE account_id = $1 ORDER BY id";
    Ok(on!(db, c => sqlx::query_as::<_, (String, Option<String>)>(SQL).bind(account.0).fetch_all(c))?)
}
