//! Mails on their way. A node that wants to send one has it for itself for a while, and no other node sends it meanwhile.

use sqlx::FromRow;
use uuid::Uuid;

use super::db::Connection;
use super::held::within;
use super::{Queryable, Tx, execute, on};
use crate::clock::Timestamp;
use crate::model::{AccountId, Error};

/// A mail that is to be sent.
pub struct NewMail<'a> {
    /// Its id, a UUIDv7.
    pub id: Uuid,
    /// Whose it is.
    pub account: Option<AccountId>,
    /// Which letter it is.
    pub kind: &'static str,
    /// Until when it is good for anything, if not for ever.
    pub expires_at: Option<Timestamp>,
    /// Recipient and letter, sealed.
    pub sealed: &'a [u8],
    /// The version of the root secret that sealed it.
    pub secret_version: u8,
}

/// A mail that a node has for itself.
#[derive(FromRow)]
pub struct InHand {
    /// Its id.
    pub id: Uuid,
    /// Recipient and letter, sealed.
    pub sealed: Vec<u8>,
    /// The version of the root secret that sealed it.
    pub secret_version: i64,
    created_at: i64,
    /// How often it was tried, this time included.
    pub attempts: i64,
    claimed_until: i64,
    expires_at: Option<i64>,
}

impl InHand {
    /// When it was written.
    #[must_use]
    pub const fn created_at(&self) -> Timestamp {
        Timestamp::from_micros(self.created_at)
    }

    /// Whether it is good for nothing any more.
    #[must_use]
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| Timestamp::from_micros(end) <= now)
    }
}

/// Puts a mail in, which is due at once.
///
/// # Errors
/// If the database does not answer.
pub async fn insert(tx: &mut Tx, mail: &NewMail<'_>, now: Timestamp) -> Result<(), Error> {
    const SQL: &str = "INSERT INTO outbox (id, account_id, sealed, secret_version, created_at, due_at, kind, \
                       expires_at) VALUES ($1, $2, $3, $4, $5, $5, $6, $7)";
    execute!(
        tx,
        sqlx::query(SQL)
            .bind(mail.id)
            .bind(mail.account.map(|account| account.0))
            .bind(mail.sealed)
            .bind(i64::from(mail.secret_version))
            .bind(now.micros())
            .bind(mail.kind)
            .bind(mail.expires_at.map(Timestamp::micros))
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

/// The account whose e-mail address this is, in the form in which addresses are compared.
///
/// # Errors
/// If the database does not answer.
pub async fn find_addressee(db: &mut impl Queryable, email_key: &str) -> Result<Option<AccountId>, Error> {
    const SQL: &str = "SELECT id FROM accounts WHERE email_key = $1";
    let found = on!(db, c => sqlx::query_scalar::<_, Uuid>(SQL).bind(email_key).fetch_optional(c))?;
    Ok(found.map(AccountId))
}

/// Whether there is a mail that may be tried.
///
/// # Errors
/// If the database does not answer.
pub async fn is_due(db: &mut impl Queryable, now: Timestamp) -> Result<bool, Error> {
    const SQL: &str = "SELECT 1 FROM outbox WHERE due_at <= $1 AND claimed_until <= $1 LIMIT 1";
    let found = on!(db, c => sqlx::query_scalar::<_, i32>(SQL).bind(now.micros()).fetch_optional(c))?;
    Ok(found.is_some())
}

macro_rules! claim {
    ($lock:literal) => {
        concat!(
            "UPDATE outbox SET claimed_until = $2, attempts = attempts + 1 WHERE id = \
             (SELECT id FROM outbox WHERE due_at <= $1 AND claimed_until <= $1 ORDER BY due_at LIMIT 1",
            $lock,
            ") RETURNING id, sealed, secret_version, created_at, attempts, claimed_until, \
             expires_at"
        )
    };
}

/// Takes the mail that is due for the longest time, until `until`.
///
/// # Errors
/// If the database does not answer.
pub async fn claim(tx: &mut Tx, until: Timestamp, now: Timestamp) -> Result<Option<InHand>, Error> {
    // SQLite has one writer. On PostgreSQL two nodes must not wait for each other over one row while there are others.
    const ALONE: &str = claim!("");
    const BESIDE_OTHERS: &str = claim!(" FOR UPDATE SKIP LOCKED");
    let claimed = match tx.connection() {
        Connection::Sqlite(c) => {
            sqlx::query_as::<_, InHand>(ALONE).bind(now.micros()).bind(until.micros()).fetch_optional(c).await
        }
        Connection::Postgres(c) => {
            let query = sqlx::query_as::<_, InHand>(BESIDE_OTHERS).bind(now.micros()).bind(until.micros());
            within(query.fetch_optional(c)).await
        }
    };
    tx.settle(claimed.as_ref().err());
    Ok(claimed?)
}

/// Puts a mail back, to be tried again from `due_at` on. Nothing happens if another node has it by now.
///
/// # Errors
/// If the database does not answer.
pub async fn release(tx: &mut Tx, mail: &InHand, due_at: Timestamp) -> Result<(), Error> {
    const SQL: &str = "UPDATE outbox SET due_at = $3, claimed_until = 0 WHERE id = $1 AND claimed_until = $2";
    execute!(tx, sqlx::query(SQL).bind(mail.id).bind(mail.claimed_until).bind(due_at.micros()))?;
    Ok(())
}

/// Puts a mail back that was not tried, as if it had not been taken. Nothing happens if another node has it by now.
///
/// # Errors
/// If the database does not answer.
pub async fn restore(tx: &mut Tx, mail: &InHand) -> Result<(), Error> {
    const SQL: &str =
        "UPDATE outbox SET attempts = attempts - 1, claimed_until = 0 WHERE id = $1 AND claimed_until = $2";
    execute!(tx, sqlx::query(SQL).bind(mail.id).bind(mail.claimed_until))?;
    Ok(())
}

/// Takes a mail out, sent or given up.
///
/// # Errors
/// If the database does not answer.
pub async fn delete(tx: &mut Tx, id: Uuid) -> Result<(), Error> {
    const SQL: &str = "DELETE FROM outbox WHERE id = $1";
    execute!(tx, sqlx::query(SQL).bind(id))?;
    Ok(())
}
