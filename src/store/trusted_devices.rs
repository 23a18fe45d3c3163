//! Devices that are trusted, by hashes of their tokens. One of an older epoch than the account's is none any more.

use uuid::Uuid;

use super::{Queryable, Tx, execute, on};
use crate::clock::Timestamp;
use crate::model::second_factor::Device;
use crate::model::{AccountId, Error};

type Row = (Uuid, i64, i64, i64);

fn device((id, created_at, used_at, expires_at): Row) -> Device {
    let at = Timestamp::from_micros;
    Device { id, created_at: at(created_at), used_at: at(used_at), expires_at: at(expires_at) }
}

/// Trusts a device, as long as the account's epoch stays what it is now.
///
/// # Errors
/// If the database does not answer.
pub async fn insert(tx: &mut Tx, account: AccountId, device: &Device, token_hash: &[u8; 32]) -> Result<(), Error> {
    const SQL: &str = "INSERT INTO trusted_devices (id, account_id, token_hash, epoch, created_at, used_at, expires_at) \
                       SELECT $1, $2, $3, epoch, $4, $5, $6 FROM accounts WHERE id = $2";
    execute!(
        tx,
        sqlx::query(SQL)
            .bind(device.id)
            .bind(account.0)
            .bind(token_hash.as_slice())
            .bind(device.created_at.micros())
            .bind(device.used_at.micros())
            .bind(device.expires_at.micros())
    )?;
    Ok(())
}

/// The device of an account that has this token.
///
/// # Errors
/// If the database does not answer.
pub async fn find(
    db: &mut impl Queryable,
    account: AccountId,
    token_hash: &[u8; 32],
    now: Timestamp,
) -> Result<Option<Device>, Error> {
    const SQL: &str = "SELECT d.id, d.created_at, d.used_at, d.expires_at FROM trusted_devices d \
                       JOIN accounts a ON a.id = d.account_id AND a.epoch = d.epoch \
                       WHERE d.token_hash = $2 AND d.account_id = $1 AND d.expires_at > $3";
    let row = on!(db, c => sqlx::query_as::<_, Row>(SQL)
        .bind(account.0).bind(token_hash.as_slice()).bind(now.micros()).fetch_optional(c))?;
    Ok(row.map(device))
}

/// The devices that an account trusts, the one that was trusted last first.
///
/// # Errors
/// If the database does not answer.
pub async fn list(db: &mut impl Queryable, account: AccountId, now: Timestamp) -> Result<Vec<Device>, Error> {
    const SQL: &str = "SELECT d.id, d.created_at, d.used_at, d.expires_at FROM trusted_devices d \
                       JOIN accounts a ON a.id = d.account_id AND a.epoch = d.epoch \
                       WHERE d.account_id = $1 AND d.expires_at > $2 ORDER BY d.id DESC";
    let rows = on!(db, c => sqlx::query_as::<_, Row>(SQL).bind(account.0).bind(now.micros()).fetch_all(c))?;
    Ok(rows.into_iter().map(device).collect())
}

/// Notes that a device took the place of a code.
///
/// # Errors
/// If the database does not answer.
pub async fn update_used(tx: &mut Tx, id: Uuid, now: Timestamp) -> Result<(), Error> {
    execute!(tx, sqlx::query("UPDATE trusted_devices SET used_at = $2 WHERE id = $1").bind(id).bind(now.micros()))?;
    Ok(())
}

/// Trusts a device of an account no more; `false` if it has none of this id.
///
/// # Errors
/// If the database does not answer.
pub async fn delete(tx: &mut Tx, account: AccountId, id: Uuid) -> Result<bool, Error> {
    const SQL: &str = "DELETE FROM trusted_devices WHERE id = $2 AND account_id = $1";
    Ok(execute!(tx, sqlx::query(SQL).bind(account.0).bind(id))? == 1)
}

/// Trusts no device of an account any more.
///
/// # Errors
/// If the database does not answer.
pub async fn delete_all(tx: &mut Tx, account: AccountId) -> Result<(), Error> {
    execute!(tx, sqlx::query("DELETE FROM trusted_devices WHERE account_id = $1").bind(account.0))?;
    Ok(())
}

/// Forgets devices that were trusted until before `before`, at most `limit`; gives how many.
///
/// # Errors
/// If the database does not answer.
pub async fn delete_expired(tx: &mut Tx, before: Timestamp, limit: i64) -> Result<u64, Error> {
    const SQL: &str = "DELETE FROM trusted_devices WHERE id IN \
                       (SELECT id FROM trusted_devices WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)";
    Ok(execute!(tx, sqlx::query(SQL).bind(before.micros()).bind(limit))?)
}
