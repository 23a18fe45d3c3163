//! Authenticators and backup codes: the rows, and the compare-and-swap by which a code is accepted once.

use uuid::Uuid;

use super::{Queryable, Tx, execute, on};
use crate::clock::Timestamp;
use crate::model::second_factor::Factor;
use crate::model::{AccountId, Error};

type Row = (Uuid, Vec<u8>, i64, i64);

fn factor((id, sealed, created_at, last_step): Row) -> Factor {
    Factor { id, sealed, created_at: Timestamp::from_micros(created_at), last_step }
}

/// The authenticator that is in force for an account.
///
/// # Errors
/// If the database does not answer.
pub async fn find_in_force(db: &mut impl Queryable, account: AccountId) -> Result<Option<Factor>, Error> {
    const SQL: &str = "SELECT id, sealed, created_at, last_step FROM second_factors \
                       WHERE account_id = $1 AND in_force_at IS NOT NULL";
    let row = on!(db, c => sqlx::query_as::<_, Row>(SQL).bind(account.0).fetch_optional(c))?;
    Ok(row.map(factor))
}

/// The authenticator that is being set up for an account since `since` or later.
///
/// # Errors
/// If the database does not answer.
pub async fn find_pending(
    db: &mut impl Queryable,
    account: AccountId,
    since: Timestamp,
) -> Result<Option<Factor>, Error> {
    const SQL: &str = "SELECT id, sealed, created_at, last_step FROM second_factors \
                       WHERE account_id = $1 AND in_force_at IS NULL AND created_at >= $2";
    let row = on!(db, c => sqlx::query_as::<_, Row>(SQL).bind(account.0).bind(since.micros()).fetch_optional(c))?;
    Ok(row.map(factor))
}

/// Adds an authenticator that is being set up, in the place of one that was.
///
/// # Errors
/// If the database does not answer.
pub async fn insert_pending(
    tx: &mut Tx,
    id: Uuid,
    account: AccountId,
    sealed: &[u8],
    now: Timestamp,
) -> Result<(), Error> {
    const CODES: &str = "DELETE FROM backup_codes WHERE factor_id IN \
                         (SELECT id FROM second_factors WHERE account_id = $1 AND in_force_at IS NULL)";
    const BEFORE: &str = "DELETE FROM second_factors WHERE account_id = $1 AND in_force_at IS NULL";
    const ADD: &str = "INSERT INTO second_factors (id, account_id, sealed, created_at) VALUES ($1, $2, $3, $4)";
    execute!(tx, sqlx::query(CODES).bind(account.0))?;
    execute!(tx, sqlx::query(BEFORE).bind(account.0))?;
    execute!(tx, sqlx::query(ADD).bind(id).bind(account.0).bind(sealed).bind(now.micros()))?;
    Ok(())
}

/// Puts an authenticator that was being set up in force, in the place of the one that was; from now on the account asks
/// for it.
///
/// # Errors
/// If the database does not answer.
pub async fn activate(tx: &mut Tx, id: Uuid, account: AccountId, now: Timestamp) -> Result<(), Error> {
    const CODES: &str = "DELETE FROM backup_codes WHERE factor_id IN \
                         (SELECT id FROM second_factors WHERE account_id = $1 AND id <> $2)";
    const OTHERS: &str = "DELETE FROM second_factors WHERE account_id = $1 AND id <> $2";
    const ACTIVATE: &str = "UPDATE second_factors SET in_force_at = $3 WHERE id = $2 AND account_id = $1";
    const ASK: &str = "UPDATE accounts SET second_factor_at = $2, updated_at = $2 WHERE id = $1";
    execute!(tx, sqlx::query(CODES).bind(account.0).bind(id))?;
    execute!(tx, sqlx::query(OTHERS).bind(account.0).bind(id))?;
    execute!(tx, sqlx::query(ACTIVATE).bind(account.0).bind(id).bind(now.micros()))?;
    execute!(tx, sqlx::query(ASK).bind(account.0).bind(now.micros()))?;
    Ok(())
}

/// Takes every authenticator and backup code of an account away, also those that are being set up; the account asks for
/// none from now on.
///
/// # Errors
/// If the database does not answer.
pub async fn delete(tx: &mut Tx, account: AccountId, now: Timestamp) -> Result<(), Error> {
    const CODES: &str =
        "DELETE FROM backup_codes WHERE factor_id IN (SELECT id FROM second_factors WHERE account_id = $1)";
    const FACTORS: &str = "DELETE FROM second_factors WHERE account_id = $1";
    const ASK: &str = "UPDATE accounts SET second_factor_at = NULL, updated_at = $2 WHERE id = $1";
    execute!(tx, sqlx::query(CODES).bind(account.0))?;
    execute!(tx, sqlx::query(FACTORS).bind(account.0))?;
    execute!(tx, sqlx::query(ASK).bind(account.0).bind(now.micros()))?;
    Ok(())
}

/// Accepts the code of a time step; `false` if it, or a later one, was accepted before.
///
/// # Errors
/// If the database does not answer.
pub async fn consume_step(tx: &mut Tx, factor: Uuid, step: i64) -> Result<bool, Error> {
    const SQL: &str = "UPDATE second_factors SET last_step = $2 WHERE id = $1 AND last_step < $2";
    Ok(execute!(tx, sqlx::query(SQL).bind(factor).bind(step))? == 1)
}

/// Stores the backup codes of an authenticator by their keyed hashes, in the place of those of before.
///
/// # Errors
/// If the database does not answer.
pub async fn replace_backup_codes(tx: &mut Tx, factor: Uuid, tags: &[[u8; 32]]) -> Result<(), Error> {
    const ADD: &str = "INSERT INTO backup_codes (factor_id, tag) VALUES ($1, $2)";
    execute!(tx, sqlx::query("DELETE FROM backup_codes WHERE factor_id = $1").bind(factor))?;
    for tag in tags {
        execute!(tx, sqlx::query(ADD).bind(factor).bind(tag.as_slice()))?;
    }
    Ok(())
}

/// Uses a backup code up; `false` if there is none like it.
///
/// # Errors
/// If the database does not answer.
pub async fn consume_backup_code(tx: &mut Tx, factor: Uuid, tag: &[u8; 32]) -> Result<bool, Error> {
    const SQL: &str = "DELETE FROM backup_codes WHERE factor_id = $1 AND tag = $2";
    Ok(execute!(tx, sqlx::query(SQL).bind(factor).bind(tag.as_slice()))? == 1)
}

/// Forgets authenticators that were being set up since before `before`, at most `limit`; gives how many.
///
/// # Errors
/// If the database does not answer.
pub async fn delete_expired(tx: &mut Tx, before: Timestamp, limit: i64) -> Result<u64, Error> {
    const OLD: &str = "SELECT id FROM second_factors WHERE in_force_at IS NULL AND created_at < $1 \
                       ORDER BY created_at LIMIT $2";
    let old = on!(tx, c => sqlx::query_scalar::<_, Uuid>(OLD).bind(before.micros()).bind(limit).fetch_all(c))?;
    let mut deleted = 0;
    for id in old {
        // One that was put in force meanwhile stays.
        const SQL: &str = "DELETE FROM second_factors WHERE id = $1 AND in_force_at IS NULL";
        if execute!(tx, sqlx::query(SQL).bind(id))? == 1 {
            execute!(tx, sqlx::query("DELETE FROM backup_codes WHERE factor_id = $1").bind(id))?;
            deleted += 1;
        }
    }
    Ok(deleted)
}
