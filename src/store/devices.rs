//! Devices that may be sent notifications: unclaimed ones by the network that they came from, the others by their owner.

use sqlx::FromRow;
use uuid::Uuid;

use super::db::Connection;
use super::held::within;
use super::{Queryable, Tx, execute, on};
use crate::clock::Timestamp;
use crate::model::device::{Device, Os, PushToken, Wanted, WantedChange};
use crate::model::notice::Topic;
use crate::model::{AccountId, Error};

#[derive(FromRow)]
struct DeviceRow {
    token: String,
    os: Option<String>,
    enabled: bool,
    security: bool,
    billing: bool,
}

impl From<DeviceRow> for Device {
    fn from(row: DeviceRow) -> Self {
        let DeviceRow { token, os, enabled, security, billing } = row;
        Self {
            token: PushToken::from_stored(token),
            os: os.as_deref().and_then(Os::from_word),
            wanted: Wanted { enabled, security, billing },
        }
    }
}

/// Makes others who lock the same thing wait until this unit of work is over, whether or not there is a row of it yet.
/// SQLite has one writer anyway.
async fn lock(tx: &mut Tx, thing: &str) -> Result<(), Error> {
    const SQL: &str = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))";
    let locked = match tx.connection() {
        Connection::Sqlite(_) => Ok(()),
        Connection::Postgres(c) => within(sqlx::query(SQL).bind(thing).execute(c)).await.map(|_| ()),
    };
    tx.settle(locked.as_ref().err());
    Ok(locked?)
}

/// Makes others who add unclaimed ones of this network wait until this unit of work is over, so that they are counted as
/// one after the other.
///
/// # Errors
/// If the database does not answer.
pub async fn lock_network(tx: &mut Tx, network: &str) -> Result<(), Error> {
    lock(tx, &format!("devices of {network}")).await
}

/// How many unclaimed ones there are of this network, and since when the oldest one.
///
/// # Errors
/// If the database does not answer.
pub async fn count_unclaimed(db: &mut impl Queryable, network: &str) -> Result<(i64, Option<Timestamp>), Error> {
    const SQL: &str = "SELECT COUNT(*), MIN(since) FROM devices WHERE account_id IS NULL AND network = $1";
    let (count, oldest) = on!(db, c => sqlx::query_as::<_, (i64, Option<i64>)>(SQL).bind(network).fetch_one(c))?;
    Ok((count, oldest.map(Timestamp::from_micros)))
}

/// Brings an unclaimed one up to date; `false` if there is none, or it is claimed.
///
/// # Errors
/// If the database does not answer.
pub async fn renew_unclaimed(
    tx: &mut Tx,
    token: &PushToken,
    os: Os,
    network: &str,
    now: Timestamp,
) -> Result<bool, Error> {
    const SQL: &str = "UPDATE devices SET os = $2, since = $4 WHERE token = $1 AND account_id IS NULL AND network = $3";
    let renewed = execute!(tx, sqlx::query(SQL).bind(token.expose()).bind(os.word()).bind(network).bind(now.micros()))?;
    Ok(renewed == 1)
}

/// Adds an unclaimed one, which is sent nothing. One that is there already stays as it is, claimed or not.
///
/// # Errors
/// If the database does not answer.
pub async fn insert_unclaimed(
    tx: &mut Tx,
    token: &PushToken,
    os: Os,
    network: &str,
    now: Timestamp,
) -> Result<(), Error> {
    const SQL: &str = "INSERT INTO devices (token, network, os, enabled, security, billing, since) \
                       VALUES ($1, $2, $3, FALSE, FALSE, FALSE, $4) ON CONFLICT (token) DO NOTHING";
    execute!(tx, sqlx::query(SQL).bind(token.expose()).bind(network).bind(os.word()).bind(now.micros()))?;
    Ok(())
}

/// Whose it is, if it is claimed. Others who claim it wait until this unit of work is over.
///
/// # Errors
/// If the database does not answer.
pub async fn lock_owner(tx: &mut Tx, token: &PushToken) -> Result<Option<AccountId>, Error> {
    const SQL: &str = "SELECT account_id FROM devices WHERE token = $1";
    lock(tx, &format!("device {}", token.expose())).await?;
    let owner = on!(tx, c => sqlx::query_scalar::<_, Option<Uuid>>(SQL).bind(token.expose()).fetch_optional(c))?;
    Ok(owner.flatten().map(AccountId))
}

/// Gives a device to an account. One that it has already keeps what it is sent; any other is sent everything. What it runs
/// stays as it was if nobody says.
///
/// # Errors
/// If the database does not answer.
pub async fn claim(
    tx: &mut Tx,
    token: &PushToken,
    account: AccountId,
    os: Option<Os>,
    now: Timestamp,
) -> Result<Device, Error> {
    const SQL: &str = "INSERT INTO devices (token, account_id, os, enabled, security, billing, since) \
                       VALUES ($1, $2, $3, TRUE, TRUE, TRUE, $4) ON CONFLICT (token) DO UPDATE SET \
                       account_id = excluded.account_id, network = NULL, os = COALESCE(excluded.os, devices.os), \
                       enabled = CASE WHEN devices.account_id = excluded.account_id THEN devices.enabled ELSE TRUE END, \
                       security = CASE WHEN devices.account_id = excluded.account_id THEN devices.security ELSE TRUE END, \
                       billing = CASE WHEN devices.account_id = excluded.account_id THEN devices.billing ELSE TRUE END, \
                       since = excluded.since RETURNING token, os, enabled, security, billing";
    let row = on!(tx, c => sqlx::query_as::<_, DeviceRow>(SQL)
        .bind(token.expose()).bind(account.0).bind(os.map(Os::word)).bind(now.micros()).fetch_one(c))?;
    Ok(row.into())
}

/// Leaves an account this device and the `most` that it claimed last; gives the others.
///
/// # Errors
/// If the database does not answer.
pub async fn delete_beyond(tx: &mut Tx, account: AccountId, kept: &PushToken, most: i64) -> Result<Vec<Device>, Error> {
    const SQL: &str = "DELETE FROM devices WHERE account_id = $1 AND token <> $2 AND token NOT IN \
                       (SELECT token FROM devices WHERE account_id = $1 ORDER BY since DESC, token LIMIT $3) \
                       RETURNING token, os, enabled, security, billing";
    let rows = on!(tx, c => sqlx::query_as::<_, DeviceRow>(SQL)
        .bind(account.0).bind(kept.expose()).bind(most).fetch_all(c))?;
    Ok(rows.into_iter().map(Device::from).collect())
}

/// Takes all of the account's away.
///
/// # Errors
/// If the database does not answer.
pub async fn delete_all(tx: &mut Tx, account: AccountId) -> Result<(), Error> {
    const SQL: &str = "DELETE FROM devices WHERE account_id = $1";
    execute!(tx, sqlx::query(SQL).bind(account.0))?;
    Ok(())
}

/// Changes what a device of this account is sent; `None` if it has no such device.
///
/// # Errors
/// If the database does not answer.
pub async fn update(
    tx: &mut Tx,
    token: &PushToken,
    account: AccountId,
    change: WantedChange,
) -> Result<Option<Device>, Error> {
    const SQL: &str = "UPDATE devices SET enabled = COALESCE($3, enabled), security = COALESCE($4, security), \
                       billing = COALESCE($5, billing) WHERE token = $1 AND account_id = $2 \
                       RETURNING token, os, enabled, security, billing";
    let row = on!(tx, c => sqlx::query_as::<_, DeviceRow>(SQL)
        .bind(token.expose()).bind(account.0).bind(change.enabled).bind(change.security).bind(change.billing)
        .fetch_optional(c))?;
    Ok(row.map(Device::from))
}

/// The account's devices that are sent what concerns this.
///
/// # Errors
/// If the database does not answer.
pub async fn list_wanting(db: &mut impl Queryable, account: AccountId, topic: Topic) -> Result<Vec<PushToken>, Error> {
    const SECURITY: &str =
        "SELECT token FROM devices WHERE account_id = $1 AND enabled AND security ORDER BY since, token";
    const BILLING: &str =
        "SELECT token FROM devices WHERE account_id = $1 AND enabled AND billing ORDER BY since, token";
    let sql = match topic {
        Topic::Security => SECURITY,
        Topic::Billing => BILLING,
    };
    let tokens = on!(db, c => sqlx::query_scalar::<_, String>(sql).bind(account.0).fetch_all(c))?;
    Ok(tokens.into_iter().map(PushToken::from_stored).collect())
}

/// Deletes a device of this account; `false` if it has no such device by now.
///
/// # Errors
/// If the database does not answer.
pub async fn delete(tx: &mut Tx, token: &PushToken, account: AccountId) -> Result<bool, Error> {
    const SQL: &str = "DELETE FROM devices WHERE token = $1 AND account_id = $2";
    Ok(execute!(tx, sqlx::query(SQL).bind(token.expose()).bind(account.0))? == 1)
}

/// Deletes unclaimed ones of before `before`, at most `limit`; gives how many.
///
/// # Errors
/// If the database does not answer.
pub async fn delete_unclaimed(tx: &mut Tx, before: Timestamp, limit: i64) -> Result<u64, Error> {
    const SQL: &str = "DELETE FROM devices WHERE account_id IS NULL AND token IN \
                       (SELECT token FROM devices WHERE account_id IS NULL AND since < $1 ORDER BY since LIMIT $2)";
    Ok(execute!(tx, sqlx::query(SQL).bind(before.micros()).bind(limit))?)
}
