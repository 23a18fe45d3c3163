//! How many mails somebody asked for: towards an address, whether it is anybody's or not, or by an account.

use super::db::Connection;
use super::held::within;
use super::{Queryable, Tx, execute, on};
use crate::clock::Timestamp;
use crate::model::Error;
use crate::model::recovery::{Asked, Quota};

/// Counts one more mail, if the quota has room for it; `false` if not.
///
/// # Errors
/// If the database does not answer.
pub async fn count(tx: &mut Tx, quota: &Quota, whose: &[u8; 16], now: Timestamp) -> Result<bool, Error> {
    const SQL: &str = "INSERT INTO mailed (kind, whose, since, count, last_at) VALUES ($1, $2, $3, 1, $3) \
                       ON CONFLICT (kind, whose) DO UPDATE SET \
                       count = CASE WHEN mailed.since <= $4 THEN 1 ELSE mailed.count + 1 END, \
                       since = CASE WHEN mailed.since <= $4 THEN excluded.since ELSE mailed.since END, \
                       last_at = excluded.last_at \
                       WHERE mailed.last_at <= $5 AND (mailed.since <= $4 OR mailed.count < $6)";
    let counted = execute!(
        tx,
        sqlx::query(SQL)
            .bind(quota.kind)
            .bind(whose.as_slice())
            .bind(now.micros())
            .bind((now - quota.within).micros())
            .bind((now - quota.apart).micros())
            .bind(i64::from(quota.most))
    )?;
    Ok(counted == 1)
}

/// What was asked for until now.
///
/// # Errors
/// If the database does not answer.
pub async fn find(db: &mut impl Queryable, quota: &Quota, whose: &[u8; 16]) -> Result<Option<Asked>, Error> {
    const SQL: &str = "SELECT since, count, last_at FROM mailed WHERE kind = $1 AND whose = $2";
    let row = on!(db, c => sqlx::query_as::<_, (i64, i64, i64)>(SQL)
        .bind(quota.kind).bind(whose.as_slice()).fetch_optional(c))?;
    Ok(row.map(|(since, count, last_at)| Asked {
        since: Timestamp::from_micros(since),
        count: u32::try_from(count).unwrap_or(u32::MAX),
        last_at: Timestamp::from_micros(last_at),
    }))
}

/// Whether nobody else is about to mail to this address just now; others then find it taken, until this unit of work is
/// over. Nobody waits, and the address of nobody is taken as well as somebody's, so that no time tells them apart. SQLite
/// has one writer anyway.
///
/// # Errors
/// If the database does not answer.
pub async fn try_claim(tx: &mut Tx, whose: &[u8; 16]) -> Result<bool, Error> {
    let (bytes, _) = whose.split_at(8);
    let key = bytes.iter().fold(0, |key: i64, byte| (key << 8) | i64::from(*byte));
    let claimed = match tx.connection() {
        Connection::Sqlite(_) => Ok(true),
        Connection::Postgres(c) => {
            within(sqlx::query_scalar::<_, bool>("SELECT pg_try_advisory_xact_lock($1)").bind(key).fetch_one(c)).await
        }
    };
    tx.settle(claimed.as_ref().err());
    Ok(claimed?)
}

/// Forgets those whose last mail was before `before`, at most `limit`; gives how many.
///
/// # Errors
/// If the database does not answer.
pub async fn delete_expired(tx: &mut Tx, before: Timestamp, limit: i64) -> Result<u64, Error> {
    const SQL: &str = "DELETE FROM mailed WHERE (kind, whose) IN \
                       (SELECT kind, whose FROM mailed WHERE last_at < $1 ORDER BY last_at LIMIT $2)";
    Ok(execute!(tx, sqlx::query(SQL).bind(before.micros()).bind(limit))?)
}
