//! A sign-in as one trip to the database: the nonce is used up, the session begins, the event is recorded, or nothing.
//!
//! PostgreSQL runs it as one statement with parts, each from the rows of the first. SQLite runs one statement after
//! another, each if the one before changed a row; and where a sign-in is a unit of work by itself, for all that wait.

use uuid::Uuid;

use super::batch::Prepared;
use super::db::{Backend, Connection};
use super::held::{Held, within};
use super::{Db, Queryable as _, Tx};
use crate::clock::Timestamp;
use crate::model::audit::Event;
use crate::model::session::Session;
use crate::model::{Client, Error};

/// How the nonce that was signed is used up.
#[derive(Clone, Copy, Debug)]
pub enum Spend {
    /// By raising the wallet's sign-in count from this.
    Count(u64),
    /// By recording a free nonce until it would have expired.
    Nonce {
        /// What tells it from others.
        id: [u8; 16],
        /// When it expires.
        expires_at: Timestamp,
    },
}

/// A sign-in that is to be stored.
#[derive(Clone, Copy, Debug)]
pub struct SignIn<'a> {
    /// The session that begins.
    pub session: &'a Session,
    /// The keyed hash of the wallet.
    pub wallet_tag: &'a [u8; 32],
    /// The id of the audit event.
    pub event: Uuid,
    /// What else there is to say of it.
    pub detail: Option<&'a str>,
    /// Who signs in.
    pub client: &'a Client,
}

// $1 and $2 are of the nonce. A row answers that it was fresh. Nothing is written if it was not: a count that is missing
// is raised from 0 alone.
macro_rules! raise_count {
    () => {
        "INSERT INTO wallet_counts (wallet_tag, count) SELECT $1, CAST($2 AS BIGINT) + 1 \
         WHERE CAST($2 AS BIGINT) = 0 OR EXISTS (SELECT 1 FROM wallet_counts WHERE wallet_tag = $1) \
         ON CONFLICT (wallet_tag) DO UPDATE SET count = excluded.count \
         WHERE wallet_counts.count = excluded.count - 1 RETURNING TRUE AS fresh"
    };
}
macro_rules! record_nonce {
    () => {
        "INSERT INTO spent_nonces (nonce, expires_at) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING TRUE AS fresh"
    };
}
macro_rules! begin_session {
    () => {
        "INSERT INTO sessions (id, account_id, wallet_id, epoch, created_at, refreshed_at, expires_at) "
    };
}
macro_rules! record_event {
    () => {
        "INSERT INTO audit_events (id, at, event, account_id, session_id, wallet_tag, client_address, request_id, detail) "
    };
}
/// The values of a session and of its event, as they are bound.
macro_rules! session_values {
    () => {
        "SELECT $3, $4, $5, $6, $7, $7, $8"
    };
}
macro_rules! event_values {
    () => {
        "SELECT $9, $7, $10, $4, $3, $11, $12, $13, $14"
    };
}
macro_rules! one_by_one {
    ($spend:expr) => {
        concat!(
            $spend,
            "; ",
            begin_session!(),
            session_values!(),
            " WHERE changes() = 1; ",
            record_event!(),
            event_values!(),
            " WHERE changes() = 1"
        )
    };
}
macro_rules! at_once {
    ($spend:expr) => {
        concat!(
            "WITH spent AS (",
            $spend,
            "), session AS (",
            begin_session!(),
            session_values!(),
            " FROM spent) ",
            record_event!(),
            event_values!(),
            " FROM spent"
        )
    };
}

/// What is spent, by which number.
fn key_and_number<'a>(spend: &'a Spend, wallet_tag: &'a [u8; 32]) -> Result<(&'a [u8], i64), Error> {
    Ok(match spend {
        Spend::Count(expected) => {
            let expected = i64::try_from(*expected);
            (wallet_tag, expected.map_err(|_| Error::internal("a sign-in count is beyond its type"))?)
        }
        Spend::Nonce { id, expires_at } => (id, expires_at.micros()),
    })
}

macro_rules! bound {
    ($query:expr, $spend:expr, $sign_in:expr) => {{
        let (key, number) = key_and_number(&$spend, $sign_in.wallet_tag)?;
        let SignIn { session, wallet_tag, event, detail, client } = $sign_in;
        $query
            .bind(key)
            .bind(number)
            .bind(session.id.0)
            .bind(session.account.0)
            .bind(session.wallet.map(|wallet| wallet.0))
            .bind(session.epoch)
            .bind(session.refreshed_at.micros())
            .bind(session.expires_at.micros())
            .bind(event)
            .bind(Event::SignedIn.name())
            .bind(wallet_tag.as_slice())
            .bind(client.address.to_string())
            .bind(client.request_id.as_str())
            .bind(detail)
    }};
}

const fn for_postgres(spend: &Spend) -> &'static str {
    match spend {
        Spend::Count(_) => at_once!(raise_count!()),
        Spend::Nonce { .. } => at_once!(record_nonce!()),
    }
}

/// Stores a sign-in within a unit of work; `false` if the nonce is used up already, and then nothing is written.
///
/// # Errors
/// If the database does not answer.
pub async fn insert(tx: &mut Tx, spend: Spend, sign_in: SignIn<'_>) -> Result<bool, Error> {
    let for_sqlite = match &spend {
        Spend::Count(_) => one_by_one!(raise_count!()),
        Spend::Nonce { .. } => one_by_one!(record_nonce!()),
    };
    let stored = match tx.connection() {
        Connection::Sqlite(c) => {
            // All rows have to be asked for, or the statements after the first one would not run.
            let rows = bound!(sqlx::query_scalar::<_, bool>(for_sqlite), spend, sign_in).fetch_all(c);
            rows.await.map(|rows| rows == [true])
        }
        Connection::Postgres(c) => {
            let stored = bound!(sqlx::query(for_postgres(&spend)), spend, sign_in).execute(c);
            within(stored).await.map(|done| done.rows_affected() == 1)
        }
    };
    tx.settle(stored.as_ref().err());
    Ok(stored?)
}

/// Stores a sign-in as a unit of work of its own; `false` if the nonce is used up already.
///
/// # Errors
/// [`Error::Unavailable`] if the database did not confirm it.
pub async fn insert_alone(db: &Db, spend: Spend, sign_in: SignIn<'_>) -> Result<bool, Error> {
    match &*db.0 {
        Backend::Sqlite { lane, .. } => lane.sign_in(Prepared::new(spend, sign_in)?).await,
        // One statement is a transaction by itself.
        Backend::Postgres(pool) => {
            let stored = async {
                let mut held = Held::borrow(pool).await?;
                let stored = bound!(sqlx::query(for_postgres(&spend)), spend, sign_in).execute(held.connection());
                let stored = within(stored).await;
                held.settle(stored.as_ref().err());
                Ok(stored?.rows_affected() == 1)
            };
            // Boxed, since it is big: on SQLite, too, every sign-in would have room for it.
            Box::pin(stored).await
        }
    }
}
