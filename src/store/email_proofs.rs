//! Proofs of e-mail addresses that are under way, one an account.

use uuid::Uuid;

use super::{Queryable, Tx, execute, on};
use crate::clock::Timestamp;
use crate::model::recovery::{CODE_TRIES, EmailProof};
use crate::model::{AccountId, Error};

/// The proof that is under way for an account.
///
/// # Errors
/// If the database does not answer.
pub async fn find(db: &mut impl Queryable, account: AccountId) -> Result<Option<EmailProof>, Error> {
    const SQL: &str = "SELECT email_key, serial, issued_at, tries FROM email_proofs WHERE account_id = $1";
    let row = on!(db, c => sqlx::query_as::<_, (String, Vec<u8>, i64, i64)>(SQL).bind(account.0).fetch_optional(c))?;
    let Some((email_key, serial, issued_at, tries)) = row else { return Ok(None) };
    let serial = serial.try_into().map_err(|_| Error::internal("a serial in the database has a wrong length"))?;
    Ok(Some(EmailProof { email_key, serial, issued_at: Timestamp::from_micros(issued_at), tries }))
}

/// Begins a proof in the place of the one of before. Wrong codes of before count on, unless they used that one up.
///
/// # Errors
/// If the database does not answer.
pub async fn upsert(
    tx: &mut Tx,
    account: AccountId,
    email_key: &str,
    serial: &[u8; 16],
    token_hash: &[u8; 32],
    now: Timestamp,
) -> Result<(), Error> {
    const SQL: &str = "INSERT INTO email_proofs (account_id, email_key, serial, token_hash, issued_at, tries) \
                       VALUES ($1, $2, $3, $4, $5, 0) ON CONFLICT (account_id) DO UPDATE SET \
                       email_key = excluded.email_key, serial = excluded.serial, token_hash = excluded.token_hash, \
                       issued_at = excluded.issued_at, \
                       tries = CASE WHEN email_proofs.tries >= $6 THEN 0 ELSE email_proofs.tries END";
    execute!(
        tx,
        sqlx::query(SQL)
            .bind(account.0)
            .bind(email_key)
            .bind(serial.as_slice())
            .bind(token_hash.as_slice())
            .bind(now.micros())
            .bind(CODE_TRIES)
    )?;
    Ok(())
}

/// Counts a wrong code.
///
/// # Errors
/// If the database does not answer.
pub async fn count_try(tx: &mut Tx, account: AccountId, serial: &[u8; 16]) -> Result<(), Error> {
    const SQL: &str = "UPDATE email_proofs SET tries = tries + 1 WHERE account_id = $1 AND serial = $2 AND tries < $3";
    execute!(tx, sqlx::query(SQL).bind(account.0).bind(serial.as_slice()).bind(CODE_TRIES))?;
    Ok(())
}

/// Ends the proof by its code; `false` if it is not this one any more, or too many wrong ones came meanwhile.
///
/// # Errors
/// If the database does not answer.
pub async fn consume(tx: &mut Tx, account: AccountId, serial: &[u8; 16]) -> Result<bool, Error> {
    const SQL: &str = "DELETE FROM email_proofs WHERE account_id = $1 AND serial = $2 AND tries < $3";
    Ok(execute!(tx, sqlx::query(SQL).bind(account.0).bind(serial.as_slice()).bind(CODE_TRIES))? == 1)
}

/// Whose proof the token of a link ends, if it was mailed after `after`. It stays good.
///
/// # Errors
/// If the database does not answer.
pub async fn find_by_token(
    db: &mut impl Queryable,
    token_hash: &[u8; 32],
    after: Timestamp,
) -> Result<Option<AccountId>, Error> {
    const SQL: &str = "SELECT account_id FROM email_proofs WHERE token_hash = $1 AND issued_at > $2";
    let found = on!(db, c => sqlx::query_scalar::<_, Uuid>(SQL)
        .bind(token_hash.as_slice()).bind(after.micros()).fetch_optional(c))?;
    Ok(found.map(AccountId))
}

/// Ends the proof by the token of its link, if it was mailed after `after`; gives whose it was, and of which address.
///
/// # Errors
/// If the database does not answer.
pub async fn consume_by_token(
    tx: &mut Tx,
    token_hash: &[u8; 32],
    after: Timestamp,
) -> Result<Option<(AccountId, String)>, Error> {
    const SQL: &str =
        "DELETE FROM email_proofs WHERE token_hash = $1 AND issued_at > $2 RETURNING account_id, email_key";
    let row = on!(tx, c => sqlx::query_as::<_, (Uuid, String)>(SQL)
        .bind(token_hash.as_slice()).bind(after.micros()).fetch_optional(c))?;
    Ok(row.map(|(account, email_key)| (AccountId(account), email_key)))
}

/// Notes that the account's address was proven, if it is still this one; `false` if not.
///
/// # Errors
/// If the database does not answer.
pub async fn verify_address(tx: &mut Tx, account: AccountId, email_key: &str, now: Timestamp) -> Result<bool, Error> {
    const SQL: &str = "UPDATE accounts SET email_verified_at = COALESCE(email_verified_at, $3), updated_at = $3 \
                       WHERE id = $1 AND email_key = $2";
    Ok(execute!(tx, sqlx::query(SQL).bind(account.0).bind(email_key).bind(now.micros()))? == 1)
}

/// Ends the proof that is under way, whatever comes of it.
///
/// # Errors
/// If the database does not answer.
pub async fn delete(tx: &mut Tx, account: AccountId) -> Result<(), Error> {
    execute!(tx, sqlx::query("DELETE FROM email_proofs WHERE account_id = $1").bind(account.0))?;
    Ok(())
}
