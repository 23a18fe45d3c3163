//! Who somebody is at an OpenID provider: (issuer, subject), and whose account that is.

use uuid::Uuid;

use super::{Queryable, Tx, execute, on};
use crate::clock::Timestamp;
use crate::model::{AccountId, Error};

/// Whose account this person's is.
///
/// # Errors
/// If the database does not answer.
pub async fn find_owner(db: &mut impl Queryable, issuer: &str, subject: &str) -> Result<Option<AccountId>, Error> {
    const SQL: &str = "SELECT account_id FROM identities WHERE issuer = $1 AND subject = $2";
    let found = on!(db, c => sqlx::query_scalar::<_, Uuid>(SQL).bind(issuer).bind(subject).fetch_optional(c))?;
    Ok(found.map(AccountId))
}

/// Makes this person's the account, which has to be there at the end of the unit of work; `false` if this person has one.
///
/// # Errors
/// If the database does not answer.
pub async fn insert(
    tx: &mut Tx,
    issuer: &str,
    subject: &str,
    account: AccountId,
    now: Timestamp,
) -> Result<bool, Error> {
    const SQL: &str = "INSERT INTO identities (issuer, subject, account_id, created_at) VALUES ($1, $2, $3, $4) \
                       ON CONFLICT DO NOTHING";
    Ok(execute!(tx, sqlx::query(SQL).bind(issuer).bind(subject).bind(account.0).bind(now.micros()))? == 1)
}

/// Whether somebody can sign in to the account by this provider.
///
/// # Errors
/// If the database does not answer.
pub async fn can_sign_in(db: &mut impl Queryable, account: AccountId, issuer: &str) -> Result<bool, Error> {
    const SQL: &str = "SELECT 1 FROM identities WHERE account_id = $1 AND issuer = $2 LIMIT 1";
    let found = on!(db, c => sqlx::query_scalar::<_, i32>(SQL).bind(account.0).bind(issuer).fetch_optional(c))?;
    Ok(found.is_some())
}

/// Takes all of the account's away.
///
/// # Errors
/// If the database does not answer.
pub async fn delete_all(tx: &mut Tx, account: AccountId) -> Result<(), Error> {
    const SQL: &str = "DELETE FROM identities WHERE account_id = $1";
    execute!(tx, sqlx::query(SQL).bind(account.0))?;
    Ok(())
}
