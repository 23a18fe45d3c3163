//! Sessions: their rows, the compare-and-swap of a refresh, their end.

use sqlx::FromRow;
use uuid::Uuid;

use super::accounts::{AccountRow, account_columns, to_counter};
use super::{Queryable, Tx, execute, on};
use crate::clock::Timestamp;
use crate::model::account::{Account, LinkedWallet};
use crate::model::session::Session;
use crate::model::{AccountId, Error, SessionId, WalletId};

/// A session with all that a request needs to know of its owner.
#[derive(Clone, Debug)]
pub struct Owned {
    /// The session.
    pub session: Session,
    /// Its owner.
    pub account: Account,
    /// The wallet that signed in; `None` once it is unlinked.
    pub wallet: Option<LinkedWallet>,
}

#[derive(FromRow)]
struct OwnedRow {
    session_id: Uuid,
    session_wallet_id: Uuid,
    session_epoch: i64,
    refresh_counter: i64,
    refreshed_at: i64,
    expires_at: i64,
    ended_at: Option<i64>,
    #[sqlx(flatten)]
    account: AccountRow,
    wallet_id: Option<Uuid>,
    address: Option<String>,
}

/// The session of this id, live or not, with its owner: the one read of an authenticated request.
///
/// # Errors
/// If the database does not answer.
pub async fn find(db: &mut impl Queryable, id: SessionId) -> Result<Option<Owned>, Error> {
    const SQL: &str = concat!(
        "SELECT s.id AS session_id, s.wallet_id AS session_wallet_id, s.epoch AS session_epoch, s.refresh_counter, ",
        "s.refreshed_at, s.expires_at, s.ended_at, ",
        account_columns!(),
        ", w.id AS wallet_id, w.address FROM sessions s JOIN accounts a ON a.id = s.account_id ",
        "LEFT JOIN wallets w ON w.id = s.wallet_id AND w.account_id = s.account_id WHERE s.id = $1"
    );
    let row = on!(db, c => sqlx::query_as::<_, OwnedRow>(SQL).bind(id.0).fetch_optional(c))?;
    let Some(row) = row else { return Ok(None) };
    let account = row.account.into_account()?;
    let session = Session {
        id: SessionId(row.session_id),
        account: account.id,
        wallet: WalletId(row.session_wallet_id),
        epoch: row.session_epoch,
        refresh_counter: to_counter(row.refresh_counter)?,
        refreshed_at: Timestamp::from_micros(row.refreshed_at),
        expires_at: Timestamp::from_micros(row.expires_at),
        ended_at: row.ended_at.map(Timestamp::from_micros),
    };
    Ok(Some(Owned { session, account, wallet: super::wallets::linked(row.wallet_id, row.address)? }))
}

/// Raises the session's refresh counter from `expected` by one; `false` if it is not `expected` any more or over.
///
/// # Errors
/// If the database does not answer.
pub async fn consume_refresh(tx: &mut Tx, id: SessionId, expected: u32, now: Timestamp) -> Result<bool, Error> {
    const SQL: &str = "UPDATE sessions SET refresh_counter = refresh_counter + 1, refreshed_at = $3 \
                       WHERE id = $1 AND refresh_counter = $2 AND ended_at IS NULL";
    Ok(execute!(tx, sqlx::query(SQL).bind(id.0).bind(i64::from(expected)).bind(now.micros()))? == 1)
}

/// Ends a session; `false` if it was ended before.
///
/// # Errors
/// If the database does not answer.
pub async fn end(tx: &mut Tx, id: SessionId, now: Timestamp) -> Result<bool, Error> {
    const SQL: &str = "UPDATE sessions SET ended_at = $2 WHERE id = $1 AND ended_at IS NULL";
    Ok(execute!(tx, sqlx::query(SQL).bind(id.0).bind(now.micros()))? == 1)
}

/// How many sessions an account has that were not ended; for tests and operators, since it reads the whole table.
///
/// # Errors
/// If the database does not answer.
pub async fn count_open(db: &mut impl Queryable, account: AccountId) -> Result<i64, Error> {
    const SQL: &str = "SELECT COUNT(*) FROM sessions WHERE account_id = $1 AND ended_at IS NULL";
    Ok(on!(db, c => sqlx::query_scalar::<_, i64>(SQL).bind(account.0).fetch_one(c))?)
}

/// Deletes sessions that were over before `before`, the oldest first, at most `limit`; gives how many.
///
/// # Errors
/// If the database does not answer.
pub async fn delete_expired(tx: &mut Tx, before: Timestamp, limit: i64) -> Result<u64, Error> {
    const SQL: &str = "DELETE FROM sessions WHERE id IN \
                       (SELECT id FROM (SELECT id, expires_at FROM sessions ORDER BY id LIMIT $2) AS oldest \
                        WHERE expires_at < $1)";
    Ok(execute!(tx, sqlx::query(SQL).bind(before.micros()).bind(limit))?)
}
