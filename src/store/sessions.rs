//! Sessions: their rows, the compare-and-swap of a refresh, their end.

use serde::Deserialize;
use sqlx::{FromRow, SqliteConnection};
use uuid::Uuid;

use super::accounts::{AccountRow, account_columns, account_list, to_counter};
use super::db::Backend;
use super::gather::{Answers, ask_in_one_row, in_one_row, json_list};
use super::{Db, Queryable, Tx, execute, on};
use crate::clock::Timestamp;
use crate::model::account::{Account, LinkedWallet};
use crate::model::session::{Amr, Session};
use crate::model::{AccountId, Error, SessionId, WalletId};

/// A session with all that a request needs to know of its owner.
#[derive(Clone, Debug)]
pub struct Owned {
    /// The session.
    pub session: Session,
    /// Its owner.
    pub account: Account,
    /// The wallet that signed in, `None` once it is unlinked; if none did, the account's primary one.
    pub wallet: Option<LinkedWallet>,
}

#[derive(Deserialize, FromRow)]
pub(super) struct OwnedRow {
    session_id: Uuid,
    session_wallet_id: Option<Uuid>,
    amr: String,
    session_epoch: i64,
    refresh_counter: i64,
    created_at: i64,
    refreshed_at: i64,
    expires_at: i64,
    ended_at: Option<i64>,
    #[sqlx(flatten)]
    account: AccountRow,
    wallet_id: Option<Uuid>,
    address: Option<String>,
}

/// The columns of [`OwnedRow`], and where they come from.
macro_rules! owned_columns {
    () => {
        concat!(
            "s.id AS session_id, s.wallet_id AS session_wallet_id, s.amr, s.epoch AS session_epoch, s.refresh_counter, ",
            "s.created_at, s.refreshed_at, s.expires_at, s.ended_at, ",
            account_columns!(),
            ", w.id AS wallet_id, w.address "
        )
    };
}
/// The same as a part of a JSON list, in the order of the fields of [`OwnedRow`].
macro_rules! owned_list {
    () => {
        concat!(
            "json_array(hex(s.id), nullif(hex(s.wallet_id), ''), s.amr, s.epoch, s.refresh_counter, s.created_at, ",
            "s.refreshed_at, s.expires_at, s.ended_at, ",
            account_list!(),
            ", nullif(hex(w.id), ''), w.address)"
        )
    };
}
macro_rules! join_owner {
    () => {
        "JOIN accounts a ON a.id = s.account_id \
         LEFT JOIN wallets w ON w.id = COALESCE(s.wallet_id, a.primary_wallet_id) AND w.account_id = s.account_id"
    };
}

impl OwnedRow {
    pub(super) fn into_owned(self) -> Result<Owned, Error> {
        let account = self.account.into_account()?;
        let session = Session {
            id: SessionId(self.session_id),
            account: account.id,
            wallet: self.session_wallet_id.map(WalletId),
            amr: Amr::from_stored(&self.amr),
            epoch: self.session_epoch,
            refresh_counter: to_counter(self.refresh_counter)?,
            created_at: Timestamp::from_micros(self.created_at),
            refreshed_at: Timestamp::from_micros(self.refreshed_at),
            expires_at: Timestamp::from_micros(self.expires_at),
            ended_at: self.ended_at.map(Timestamp::from_micros),
        };
        Ok(Owned { session, account, wallet: super::wallets::linked(self.wallet_id, self.address)? })
    }
}

/// The session of this id, live or not, with its owner.
///
/// # Errors
/// If the database does not answer.
pub async fn find(db: &mut impl Queryable, id: SessionId) -> Result<Option<Owned>, Error> {
    const SQL: &str = concat!("SELECT ", owned_columns!(), "FROM sessions s ", join_owner!(), " WHERE s.id = $1");
    let row = on!(db, c => sqlx::query_as::<_, OwnedRow>(SQL).bind(id.0).fetch_optional(c))?;
    row.map(OwnedRow::into_owned).transpose()
}

/// The session of this id, live or not, with its owner: the one read of an authenticated request. On SQLite, those who
/// ask at the same time are asked for together.
///
/// # Errors
/// If the database does not answer.
pub async fn find_committed(db: &Db, id: SessionId) -> Result<Option<Owned>, Error> {
    let gathered = match &*db.0 {
        Backend::Sqlite { callers, gathers, .. } => gathers.sessions.ask(callers, id).await,
        Backend::Postgres(_) => None,
    };
    match gathered {
        Some(row) => row.map(OwnedRow::into_owned).transpose(),
        None => find(&mut db.read().await?, id).await,
    }
}

/// [`find`] for many sessions.
pub(super) fn list<'a>(c: &'a mut SqliteConnection, ids: &'a [SessionId]) -> Answers<'a, Option<OwnedRow>> {
    const SQL: &str =
        in_one_row!(owned_list!(), concat!("CROSS JOIN sessions s ON s.id = unhex(asked.value) ", join_owner!()));
    let question = sqlx::query_scalar(SQL).bind(json_list(ids.iter().map(|id| id.0.simple())));
    Box::pin(ask_in_one_row(c, ids.len(), question))
}

/// Begins a session.
///
/// # Errors
/// If the database does not answer.
pub async fn insert(tx: &mut Tx, session: &Session) -> Result<(), Error> {
    const SQL: &str = "INSERT INTO sessions \
                       (id, account_id, wallet_id, amr, epoch, created_at, refreshed_at, expires_at) \
                       VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    execute!(
        tx,
        sqlx::query(SQL)
            .bind(session.id.0)
            .bind(session.account.0)
            .bind(session.wallet.map(|wallet| wallet.0))
            .bind(session.amr.word())
            .bind(session.epoch)
            .bind(session.created_at.micros())
            .bind(session.refreshed_at.micros())
            .bind(session.expires_at.micros())
    )?;
    Ok(())
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

/// The next sessions after `after` in the order of their ids, at most `limit`, and when each is over.
///
/// # Errors
/// If the database does not answer.
pub async fn list_ends(
    db: &mut impl Queryable,
    after: SessionId,
    limit: i64,
) -> Result<Vec<(SessionId, Timestamp)>, Error> {
    const SQL: &str = "SELECT id, expires_at FROM sessions WHERE id > $1 ORDER BY id LIMIT $2";
    let rows = on!(db, c => sqlx::query_as::<_, (Uuid, i64)>(SQL).bind(after.0).bind(limit).fetch_all(c))?;
    Ok(rows.into_iter().map(|(id, end)| (SessionId(id), Timestamp::from_micros(end))).collect())
}

/// Deletes a session.
///
/// # Errors
/// If the database does not answer.
pub async fn delete(tx: &mut Tx, id: SessionId) -> Result<(), Error> {
    execute!(tx, sqlx::query("DELETE FROM sessions WHERE id = $1").bind(id.0))?;
    Ok(())
}
