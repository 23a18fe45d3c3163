//! Mails and notices on their way. A node that wants to send one has it for itself for a while, and no other node sends it
//! meanwhile.

use sqlx::FromRow;
use uuid::Uuid;

use super::db::Connection;
use super::held::within;
use super::{Queryable, Tx, execute, on};
use crate::clock::Timestamp;
use crate::model::delivery::Way;
use crate::model::device::PushToken;
use crate::model::{AccountId, Error};

/// The kind of a notice that a device is told although it is the account's no more, unless it is another one's.
pub const FAREWELL: &str = "farewell";

/// Something that is to be sent.
pub struct NewItem<'a> {
    /// Its id, a UUIDv7.
    pub id: Uuid,
    /// How it goes.
    pub way: Way,
    /// Whose it is.
    pub account: Option<AccountId>,
    /// The device that it is for, if it is a notice.
    pub device: Option<&'a PushToken>,
    /// Which letter it is, or what the notice concerns; [`FAREWELL`] if it is the last one for a device.
    pub kind: &'static str,
    /// Until when it is good for anything, if not for ever.
    pub expires_at: Option<Timestamp>,
    /// What is told, and by mail to whom, sealed.
    pub sealed: &'a [u8],
    /// The version of the root secret that sealed it.
    pub secret_version: u8,
}

/// Something that a node has for itself.
#[derive(FromRow)]
pub struct InHand {
    /// Its id.
    pub id: Uuid,
    /// What is told, and by mail to whom, sealed.
    pub sealed: Vec<u8>,
    /// The version of the root secret that sealed it.
    pub secret_version: i64,
    created_at: i64,
    /// How often it was tried, this time included.
    pub attempts: i64,
    claimed_until: i64,
    expires_at: Option<i64>,
    account_id: Option<Uuid>,
    device: Option<String>,
    is_meant: bool,
}

impl InHand {
    /// When it was written.
    #[must_use]
    pub const fn created_at(&self) -> Timestamp {
        Timestamp::from_micros(self.created_at)
    }

    /// Until when it is good for anything, if not for ever.
    #[must_use]
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.expires_at.map(Timestamp::from_micros)
    }

    /// Whether it is good for nothing any more.
    #[must_use]
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.expires_at().is_some_and(|end| end <= now)
    }

    /// Until when it is this node's.
    #[must_use]
    pub const fn claimed_until(&self) -> Timestamp {
        Timestamp::from_micros(self.claimed_until)
    }

    /// The device that it is for, and whose; `None` if it is a mail.
    #[must_use]
    pub fn device(&self) -> Option<(PushToken, AccountId)> {
        let token = PushToken::from_stored(self.device.clone()?);
        Some((token, AccountId(self.account_id?)))
    }

    /// Whether, when it was claimed, that device was the account's and wanted what this concerns; or, if this is the last
    /// that it is told, was no other account's.
    #[must_use]
    pub const fn is_meant(&self) -> bool {
        self.is_meant
    }
}

/// Puts something in, which is due at once.
///
/// # Errors
/// If the database does not answer.
pub async fn insert(tx: &mut Tx, item: &NewItem<'_>, now: Timestamp) -> Result<(), Error> {
    const SQL: &str = "INSERT INTO outbox (id, account_id, sealed, secret_version, created_at, due_at, kind, \
                       expires_at, way, device) VALUES ($1, $2, $3, $4, $5, $5, $6, $7, $8, $9)";
    execute!(
        tx,
        sqlx::query(SQL)
            .bind(item.id)
            .bind(item.account.map(|account| account.0))
            .bind(item.sealed)
            .bind(i64::from(item.secret_version))
            .bind(now.micros())
            .bind(item.kind)
            .bind(item.expires_at.map(Timestamp::micros))
            .bind(item.way.word())
            .bind(item.device.map(PushToken::expose))
    )?;
    Ok(())
}

/// Takes the account's letters of a kind out that no node has in hand. One that is in hand is on its way already.
///
/// # Errors
/// If the database does not answer.
pub async fn withdraw(tx: &mut Tx, account: AccountId, kind: &str, now: Timestamp) -> Result<(), Error> {
    const SQL: &str = "DELETE FROM outbox WHERE account_id = $1 AND kind = $2 AND claimed_until <= $3";
    execute!(tx, sqlx::query(SQL).bind(account.0).bind(kind).bind(now.micros()))?;
    Ok(())
}

/// Takes the account's notices out, but for the last ones of devices that it has lost. Of one that a node has in hand
/// nothing is left to be tried again.
///
/// # Errors
/// If the database does not answer.
pub async fn withdraw_notices(tx: &mut Tx, account: AccountId) -> Result<(), Error> {
    const SQL: &str = "DELETE FROM outbox WHERE account_id = $1 AND way = 'push' AND kind <> 'farewell'";
    execute!(tx, sqlx::query(SQL).bind(account.0))?;
    Ok(())
}

/// The account whose e-mail address this is, in the form in which addresses are compared.
///
/// # Errors
/// If the database does not answer.
pub async fn find_addressee(db: &mut impl Queryable, email_key: &str) -> Result<Option<AccountId>, Error> {
    const SQL: &str = "SELECT id FROM accounts WHERE email_key = $1";
    let found = on!(db, c => sqlx::query_scalar::<_, Uuid>(SQL).bind(email_key).fetch_optional(c))?;
    Ok(found.map(AccountId))
}

/// Whether there is something that may be tried, of those that go this way.
///
/// # Errors
/// If the database does not answer.
pub async fn is_due(db: &mut impl Queryable, way: Way, now: Timestamp) -> Result<bool, Error> {
    const SQL: &str = "SELECT 1 FROM outbox WHERE way = $2 AND due_at <= $1 AND claimed_until <= $1 LIMIT 1";
    let found = on!(db, c => sqlx::query_scalar::<_, i32>(SQL).bind(now.micros()).bind(way.word()).fetch_optional(c))?;
    Ok(found.is_some())
}

// What is due is looked for once, whatever the database makes of the rest: asked again, it would be more than the most.
macro_rules! claim {
    ($lock:literal) => {
        concat!(
            "WITH due AS MATERIALIZED (SELECT id FROM outbox WHERE way = $3 AND due_at <= $1 AND claimed_until <= $1 \
             ORDER BY due_at LIMIT $4",
            $lock,
            ") UPDATE outbox SET claimed_until = $2, attempts = attempts + 1 WHERE id IN (SELECT id FROM due) \
             RETURNING id, sealed, secret_version, created_at, attempts, claimed_until, expires_at, account_id, device, \
             EXISTS (SELECT 1 FROM devices d WHERE d.token = outbox.device AND d.account_id = outbox.account_id \
             AND d.enabled AND CASE outbox.kind WHEN 'billing' THEN d.billing ELSE d.security END) \
             OR outbox.kind = 'farewell' AND NOT EXISTS (SELECT 1 FROM devices d WHERE d.token = outbox.device \
             AND d.account_id IS NOT NULL) AS is_meant"
        )
    };
}

/// Takes those that are due for the longest time, at most so many, until `until`.
///
/// # Errors
/// If the database does not answer.
pub async fn claim(tx: &mut Tx, way: Way, most: i64, until: Timestamp, now: Timestamp) -> Result<Vec<InHand>, Error> {
    // SQLite has one writer. On PostgreSQL two nodes must not wait for each other over one row while there are others.
    const ALONE: &str = claim!("");
    const BESIDE_OTHERS: &str = claim!(" FOR UPDATE SKIP LOCKED");
    let (now, until, way) = (now.micros(), until.micros(), way.word());
    let claimed = match tx.connection() {
        Connection::Sqlite(c) => {
            let query = sqlx::query_as::<_, InHand>(ALONE).bind(now).bind(until).bind(way).bind(most);
            query.fetch_all(c).await
        }
        Connection::Postgres(c) => {
            let query = sqlx::query_as::<_, InHand>(BESIDE_OTHERS).bind(now).bind(until).bind(way).bind(most);
            within(query.fetch_all(c)).await
        }
    };
    tx.settle(claimed.as_ref().err());
    Ok(claimed?)
}

/// Puts something back, to be tried again from `due_at` on. Nothing happens if another node has it by now.
///
/// # Errors
/// If the database does not answer.
pub async fn release(tx: &mut Tx, item: &InHand, due_at: Timestamp) -> Result<(), Error> {
    const SQL: &str = "UPDATE outbox SET due_at = $3, claimed_until = 0 WHERE id = $1 AND claimed_until = $2";
    execute!(tx, sqlx::query(SQL).bind(item.id).bind(item.claimed_until).bind(due_at.micros()))?;
    Ok(())
}

/// Puts something back that was not tried, as if it had not been taken. Nothing happens if another node has it by now.
///
/// # Errors
/// If the database does not answer.
pub async fn restore(tx: &mut Tx, item: &InHand) -> Result<(), Error> {
    const SQL: &str =
        "UPDATE outbox SET attempts = attempts - 1, claimed_until = 0 WHERE id = $1 AND claimed_until = $2";
    execute!(tx, sqlx::query(SQL).bind(item.id).bind(item.claimed_until))?;
    Ok(())
}

/// Takes something out, sent or given up.
///
/// # Errors
/// If the database does not answer.
pub async fn delete(tx: &mut Tx, id: Uuid) -> Result<(), Error> {
    const SQL: &str = "DELETE FROM outbox WHERE id = $1";
    execute!(tx, sqlx::query(SQL).bind(id))?;
    Ok(())
}

/// Deletes notices that expired before `before`, at most `limit`; gives how many. Whoever sends them does that sooner, if
/// anybody does.
///
/// # Errors
/// If the database does not answer.
pub async fn delete_expired_notices(tx: &mut Tx, before: Timestamp, limit: i64) -> Result<u64, Error> {
    const SQL: &str = "DELETE FROM outbox WHERE id IN \
                       (SELECT id FROM outbox WHERE way = 'push' AND expires_at < $1 LIMIT $2)";
    Ok(execute!(tx, sqlx::query(SQL).bind(before.micros()).bind(limit))?)
}
