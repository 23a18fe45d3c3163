//! Guesses at secrets, counted where a restart or a second node does not lose them; and the networks that are known.

use super::{Queryable, Tx, execute, on};
use crate::clock::Timestamp;
use crate::model::guard::Failures;
use crate::model::session::Session;
use crate::model::{AccountId, Error};

/// Whose secret is guessed at, of which kind, and from where.
#[derive(Clone, Debug)]
pub struct Target {
    /// Which secret.
    pub kind: &'static str,
    /// The account's id, or a keyed hash of a name that is nobody's.
    pub whose: [u8; 16],
    /// The network that the guesses come from.
    pub network: String,
}

/// The failures of before.
///
/// # Errors
/// If the database does not answer.
pub async fn find(db: &mut impl Queryable, target: &Target) -> Result<Option<Failures>, Error> {
    const SQL: &str = "SELECT count, last_at FROM failures WHERE kind = $1 AND whose = $2 AND network = $3";
    let row = on!(db, c => sqlx::query_as::<_, (i64, i64)>(SQL)
        .bind(target.kind).bind(target.whose.as_slice()).bind(target.network.as_str()).fetch_optional(c))?;
    Ok(row.map(|(count, last_at)| Failures {
        count: u32::try_from(count).unwrap_or(u32::MAX),
        last_at: Timestamp::from_micros(last_at),
    }))
}

/// Counts a failure, if there were `before` until now; `false` if there were more by others, and nothing is counted.
///
/// # Errors
/// If the database does not answer.
pub async fn insert(tx: &mut Tx, target: &Target, before: Option<Failures>, now: Timestamp) -> Result<bool, Error> {
    const FIRST: &str = "INSERT INTO failures (kind, whose, network, count, last_at) VALUES ($1, $2, $3, 1, $4) \
                         ON CONFLICT DO NOTHING";
    const NEXT: &str = "UPDATE failures SET count = count + 1, last_at = $4 \
                        WHERE kind = $1 AND whose = $2 AND network = $3 AND count = $5";
    let (kind, whose, network) = (target.kind, target.whose.as_slice(), target.network.as_str());
    let counted = match before {
        None => execute!(tx, sqlx::query(FIRST).bind(kind).bind(whose).bind(network).bind(now.micros())),
        Some(before) => execute!(
            tx,
            sqlx::query(NEXT).bind(kind).bind(whose).bind(network).bind(now.micros()).bind(i64::from(before.count))
        ),
    };
    Ok(counted? == 1)
}

/// Forgets the failures.
///
/// # Errors
/// If the database does not answer.
pub async fn delete(tx: &mut Tx, target: &Target) -> Result<(), Error> {
    const SQL: &str = "DELETE FROM failures WHERE kind = $1 AND whose = $2 AND network = $3";
    let (kind, whose, network) = (target.kind, target.whose.as_slice(), target.network.as_str());
    execute!(tx, sqlx::query(SQL).bind(kind).bind(whose).bind(network))?;
    Ok(())
}

/// Forgets the failures at an account's password and at codes that were mailed to it. Those at its second factor stay:
/// whoever reads its mail must not guess at that without end.
///
/// # Errors
/// If the database does not answer.
pub async fn delete_of(tx: &mut Tx, account: AccountId) -> Result<(), Error> {
    const SQL: &str = "DELETE FROM failures WHERE whose = $1 AND kind IN ('password', 'code')";
    execute!(tx, sqlx::query(SQL).bind(account.0.as_bytes().as_slice()))?;
    Ok(())
}

/// Forgets failures whose last one was before `before`, at most `limit`; gives how many.
///
/// # Errors
/// If the database does not answer.
pub async fn delete_expired(tx: &mut Tx, before: Timestamp, limit: i64) -> Result<u64, Error> {
    const SQL: &str = "DELETE FROM failures WHERE (kind, whose, network) IN \
                       (SELECT kind, whose, network FROM failures WHERE last_at < $1 ORDER BY last_at LIMIT $2)";
    Ok(execute!(tx, sqlx::query(SQL).bind(before.micros()).bind(limit))?)
}

/// Notes from which network a session of an account began.
///
/// # Errors
/// If the database does not answer.
pub async fn know_network(tx: &mut Tx, network: &str, session: &Session) -> Result<(), Error> {
    const SQL: &str = "INSERT INTO known_networks (account_id, network, session_id, expires_at) \
                       VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
    execute!(
        tx,
        sqlx::query(SQL).bind(session.account.0).bind(network).bind(session.id.0).bind(session.expires_at.micros())
    )?;
    Ok(())
}

/// Whether a session that the account began from this network still lives.
///
/// # Errors
/// If the database does not answer.
pub async fn is_known(
    db: &mut impl Queryable,
    account: AccountId,
    network: &str,
    now: Timestamp,
) -> Result<bool, Error> {
    const SQL: &str = "SELECT 1 FROM known_networks k JOIN sessions s ON s.id = k.session_id \
                       JOIN accounts a ON a.id = k.account_id AND a.epoch = s.epoch \
                       WHERE k.account_id = $1 AND k.network = $2 AND s.ended_at IS NULL AND s.expires_at > $3 LIMIT 1";
    let found = on!(db, c => sqlx::query_scalar::<_, i32>(SQL)
        .bind(account.0).bind(network).bind(now.micros()).fetch_optional(c))?;
    Ok(found.is_some())
}

/// Whether a session of the account ever began from this network, as far as is known.
///
/// # Errors
/// If the database does not answer.
pub async fn has_known(db: &mut impl Queryable, account: AccountId, network: &str) -> Result<bool, Error> {
    const SQL: &str = "SELECT 1 FROM known_networks WHERE account_id = $1 AND network = $2 LIMIT 1";
    let found = on!(db, c => sqlx::query_scalar::<_, i32>(SQL).bind(account.0).bind(network).fetch_optional(c))?;
    Ok(found.is_some())
}

/// Forgets from where the account's sessions began.
///
/// # Errors
/// If the database does not answer.
pub async fn forget_networks_of(tx: &mut Tx, account: AccountId) -> Result<(), Error> {
    execute!(tx, sqlx::query("DELETE FROM known_networks WHERE account_id = $1").bind(account.0))?;
    Ok(())
}

/// Forgets the networks of sessions that were over before `before`, at most `limit`; gives how many.
///
/// # Errors
/// If the database does not answer.
pub async fn forget_networks(tx: &mut Tx, before: Timestamp, limit: i64) -> Result<u64, Error> {
    const SQL: &str = "DELETE FROM known_networks WHERE (account_id, network, session_id) IN \
                       (SELECT account_id, network, session_id FROM known_networks WHERE expires_at < $1 \
                        ORDER BY expires_at LIMIT $2)";
    Ok(execute!(tx, sqlx::query(SQL).bind(before.micros()).bind(limit))?)
}
