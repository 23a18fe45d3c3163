//! What else is kept of an account: its picture, and whether its owner wants to be advertised to.

use super::{Queryable, Tx, execute, on};
use crate::clock::Timestamp;
use crate::model::{AccountId, Error};

/// What else is kept of an account.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    /// The picture's URL.
    pub avatar: Option<String>,
    /// Whether its owner wants to be advertised to; `None` if he was never asked.
    pub marketing_opt_in: Option<bool>,
}

/// What else is kept of this account.
///
/// # Errors
/// If the database does not answer.
pub async fn find(db: &mut impl Queryable, id: AccountId) -> Result<Option<Kept>, Error> {
    const SQL: &str = "SELECT avatar, marketing_opt_in FROM accounts WHERE id = $1";
    let row = on!(db, c => sqlx::query_as::<_, (Option<String>, Option<bool>)>(SQL).bind(id.0).fetch_optional(c))?;
    Ok(row.map(|(avatar, marketing_opt_in)| Kept { avatar, marketing_opt_in }))
}

/// Stores the picture's URL, or that there is none.
///
/// # Errors
/// If the database does not answer.
pub async fn update_avatar(tx: &mut Tx, id: AccountId, avatar: Option<&str>) -> Result<(), Error> {
    execute!(tx, sqlx::query("UPDATE accounts SET avatar = $2 WHERE id = $1").bind(id.0).bind(avatar))?;
    Ok(())
}

/// Stores whether the owner wants to be advertised to, and since when; `false` if it was so before.
///
/// # Errors
/// If the database does not answer.
pub async fn update_marketing(tx: &mut Tx, id: AccountId, opt_in: bool, now: Timestamp) -> Result<bool, Error> {
    const SQL: &str = "UPDATE accounts SET marketing_opt_in = $2, marketing_opt_in_at = $3 \
                       WHERE id = $1 AND (marketing_opt_in IS NULL OR marketing_opt_in <> $2)";
    Ok(execute!(tx, sqlx::query(SQL).bind(id.0).bind(opt_in).bind(now.micros()))? == 1)
}
