//! All SQL, for SQLite and PostgreSQL alike. It reads, writes and compares-and-swaps; it never decides.
//!
//! Every function takes a [`Tx`] (one unit of work) or anything that can be read from ([`Queryable`]).

mod batch;
mod db;
mod fault;
mod gather;
mod held;
mod lane;
mod migrate;
mod pool;
mod readers;
mod stack;

pub mod accounts;
pub mod audit;
pub mod billing;
pub mod details;
pub mod devices;
pub mod email_proofs;
pub mod erasures;
pub mod failures;
pub mod identities;
pub mod keys;
pub mod listing;
pub mod mailed;
pub mod memberships;
pub mod nonces;
pub mod outbox;
pub mod password_resets;
pub mod passwords;
pub mod people;
pub mod preferences;
pub mod second_factors;
pub mod sessions;
pub mod sign_ins;
pub mod subscriptions;
pub mod trusted_devices;
pub mod wallets;

pub use db::{Db, PoolUse, Queryable, Reader, Tx};
pub use migrate::OpenError;

/// Runs one query on whichever database `$on` is of: the SQL text and the binds are written once.
macro_rules! on {
    ($on:expr, $c:ident => $query:expr) => {{
        let asked = match $crate::store::db::Queryable::connection(&mut *$on) {
            $crate::store::db::Connection::Sqlite($c) => $query.await,
            $crate::store::db::Connection::Postgres($c) => $crate::store::held::within($query).await,
        };
        $crate::store::db::Queryable::settle(&mut *$on, asked.as_ref().err());
        asked
    }};
}
use on;

/// Runs one statement that answers no rows, on whichever database `$on` is of; gives how many rows it changed.
macro_rules! execute {
    ($on:expr, $query:expr) => {{
        let done = match $crate::store::db::Queryable::connection(&mut *$on) {
            $crate::store::db::Connection::Sqlite(c) => $query.execute(c).await.map(|done| done.rows_affected()),
            $crate::store::db::Connection::Postgres(c) => {
                $crate::store::held::within($query.execute(c)).await.map(|done| done.rows_affected())
            }
        };
        $crate::store::db::Queryable::settle(&mut *$on, done.as_ref().err());
        done
    }};
}
use execute;
