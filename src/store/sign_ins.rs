//! A sign-in as one trip to the database: the nonce is used up, the session begins, the event is recorded, or nothing.
//!
//! The statements are written once. SQLite runs them one after another, each if the one before changed a row;
//! PostgreSQL runs them as one statement with parts, each from the rows of the first.

use uuid::Uuid;

use super::db::Connection;
use super::{Queryable as _, Tx};
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
    /// Who signs in.
    pub client: &'a Client,
}

// $1 and $2 are of the nonce. A row answers whether it was fresh; a missing count answers 1 whatever was expected.
macro_rules! raise_count {
    () => {
        "INSERT INTO wallet_counts (wallet_tag, count) VALUES ($1, 1) ON CONFLICT (wallet_tag) DO UPDATE \
         SET count = wallet_counts.count + 1 WHERE wallet_counts.count = $2 RETURNING count = $2 + 1 AS fresh"
    };
}
macro_rules! record_nonce {
    () => {
        "INSERT INTO spent_nonces (nonce, expires_at) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING TRUE AS fresh"
    };
}
macro_rules! begin_session {
    () => {
        "INSERT INTO sessions (id, account_id, wallet_id, epoch, created_at, refreshed_at, expires_at) \
         SELECT $3, $4, $5, $6, $7, $7, $8"
    };
}
macro_rules! record_event {
    () => {
        "INSERT INTO audit_events (id, at, event, account_id, session_id, wallet_tag, client_address, request_id) \
         SELECT $9, $7, $10, $4, $3, $11, $12, $13"
    };
}
macro_rules! one_by_one {
    ($spend:expr) => {
        concat!($spend, "; ", begin_session!(), " WHERE changes() = 1; ", record_event!(), " WHERE changes() = 1")
    };
}
macro_rules! at_once {
    ($spend:expr) => {
        concat!(
            "WITH spent AS (",
            $spend,
            "), session AS (",
            begin_session!(),
            " FROM spent WHERE fresh) ",
            record_event!(),
            " FROM spent WHERE fresh"
        )
    };
}

/// Stores a sign-in; `false` if the nonce is used up already, and then the unit of work has to be dropped.
///
/// # Errors
/// If the database does not answer.
pub async fn insert(tx: &mut Tx, spend: Spend, sign_in: SignIn<'_>) -> Result<bool, Error> {
    // (what is spent, by which number, the text for SQLite, the text for PostgreSQL)
    let (key, number, one_by_one, at_once) = match &spend {
        Spend::Count(expected) => {
            let expected =
                i64::try_from(*expected).map_err(|_| Error::internal("a sign-in count is beyond its type"))?;
            (sign_in.wallet_tag.as_slice(), expected, one_by_one!(raise_count!()), at_once!(raise_count!()))
        }
        Spend::Nonce { id, expires_at } => {
            (id.as_slice(), expires_at.micros(), one_by_one!(record_nonce!()), at_once!(record_nonce!()))
        }
    };
    let SignIn { session, wallet_tag, event, client } = sign_in;
    let address = client.address.to_string();
    macro_rules! bound {
        ($query:expr) => {
            $query
                .bind(key)
                .bind(number)
                .bind(session.id.0)
                .bind(session.account.0)
                .bind(session.wallet.0)
                .bind(session.epoch)
                .bind(session.refreshed_at.micros())
                .bind(session.expires_at.micros())
                .bind(event)
                .bind(Event::SignedIn.name())
                .bind(wallet_tag.as_slice())
                .bind(&address)
                .bind(client.request_id.as_str())
        };
    }
    Ok(match tx.connection() {
        // All rows have to be asked for, or the statements after the first one would not run.
        Connection::Sqlite(c) => bound!(sqlx::query_scalar::<_, bool>(one_by_one)).fetch_all(c).await? == [true],
        Connection::Postgres(c) => bound!(sqlx::query(at_once)).execute(c).await?.rows_affected() == 1,
    })
}
