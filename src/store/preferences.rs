//! What people prefer, as JSON documents, one of each kind an account.

use super::{Queryable, Tx, execute, on};
use crate::clock::Timestamp;
use crate::model::{AccountId, Error};

/// A kind of document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Settings.
    Settings,
    /// Providers of data.
    DataProviders,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Settings => "settings",
            Self::DataProviders => "data_providers",
        }
    }
}

/// What an account chose; `None` if it never chose anything.
///
/// # Errors
/// If the database does not answer.
pub async fn find(db: &mut impl Queryable, account: AccountId, kind: Kind) -> Result<Option<String>, Error> {
    const SQL: &str = "SELECT chosen FROM preferences WHERE account_id = $1 AND kind = $2";
    Ok(on!(db, c => sqlx::query_scalar::<_, String>(SQL).bind(account.0).bind(kind.name()).fetch_optional(c))?)
}

/// Stores what an account chose, in the place of what it chose before.
///
/// # Errors
/// If the database does not answer.
pub async fn upsert(tx: &mut Tx, account: AccountId, kind: Kind, chosen: &str, now: Timestamp) -> Result<(), Error> {
    const SQL: &str = "INSERT INTO preferences (account_id, kind, chosen, updated_at) VALUES ($1, $2, $3, $4) \
                       ON CONFLICT (account_id, kind) DO UPDATE SET chosen = excluded.chosen, \
                       updated_at = excluded.updated_at";
    execute!(tx, sqlx::query(SQL).bind(account.0).bind(kind.name()).bind(chosen).bind(now.micros()))?;
    Ok(())
}
