//! Accounts by the names that people sign in by: finding, making, renaming and deleting them.

use sqlx::FromRow;

use super::accounts::{WithPrimaryWallet, insert_account, join_primary_wallet, primary_wallet_columns};
use super::{Queryable, Tx, execute, on};
use crate::clock::Timestamp;
use crate::model::account::{Account, LinkedWallet, Role};
use crate::model::name::canonical;
use crate::model::profile::ProfileText;
use crate::model::{AccountId, Email, Error, SignInName, Username};

/// An account with what it signs in by.
pub struct Known {
    /// The account.
    pub account: Account,
    /// Its primary wallet, if it has an EVM one.
    pub wallet: Option<LinkedWallet>,
    /// The hash of its password, if it has one.
    pub hash: Option<String>,
}

#[derive(FromRow)]
struct KnownRow {
    #[sqlx(flatten)]
    account: WithPrimaryWallet,
    hash: Option<String>,
}

macro_rules! find_known {
    ($condition:literal) => {
        concat!(
            "SELECT ",
            primary_wallet_columns!(),
            ", p.hash FROM accounts a LEFT JOIN passwords p ON p.account_id = a.id ",
            join_primary_wallet!(),
            " WHERE ",
            $condition
        )
    };
}

impl KnownRow {
    fn into_known(self) -> Result<Known, Error> {
        let (account, wallet) = self.account.into_parts()?;
        Ok(Known { account, wallet, hash: self.hash })
    }
}

/// The account that signs in by this name.
///
/// # Errors
/// If the database does not answer.
pub async fn find_by_name(db: &mut impl Queryable, name: &SignInName) -> Result<Option<Known>, Error> {
    let sql = match name {
        SignInName::Username(_) => find_known!("a.username_key = $1"),
        // Nobody's is asked for as well, so that it takes as long.
        SignInName::Email(_) | SignInName::Nobodys(_) => find_known!("a.email_key = $1"),
    };
    // PostgreSQL stores no NUL, and refuses to look for one.
    let key = name.key().replace('\0', "");
    let row = on!(db, c => sqlx::query_as::<_, KnownRow>(sql).bind(key.as_str()).fetch_optional(c))?;
    let row = if matches!(name, SignInName::Nobodys(_)) { None } else { row };
    row.map(KnownRow::into_known).transpose()
}

/// The account of this id, with what it signs in by.
///
/// # Errors
/// If the database does not answer.
pub async fn find(db: &mut impl Queryable, id: AccountId) -> Result<Option<Known>, Error> {
    let row = on!(db, c => sqlx::query_as::<_, KnownRow>(find_known!("a.id = $1")).bind(id.0).fetch_optional(c))?;
    row.map(KnownRow::into_known).transpose()
}

/// An account that somebody makes by a name.
#[derive(Clone, Debug, Default)]
pub struct NewPerson {
    /// The username.
    pub username: Option<Username>,
    /// The e-mail address.
    pub email: Option<Email>,
    /// Since when the e-mail address is known to be this person's.
    pub email_verified_at: Option<Timestamp>,
    /// The display name.
    pub name: ProfileText,
    /// What the account may do.
    pub role: Role,
}

/// Adds an account; `false` if a name of it is another account's.
///
/// # Errors
/// If the database does not answer.
pub async fn insert(tx: &mut Tx, id: AccountId, person: &NewPerson, now: Timestamp) -> Result<bool, Error> {
    const SQL: [&str; 2] = insert_account!(
        "id, username, username_key, email, email_key, email_verified_at, name, name_key, role, created_at, updated_at",
        "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10",
        "ON CONFLICT DO NOTHING"
    );
    let sql = tx.either(SQL);
    let (username, email) = (person.username.as_ref(), person.email.as_ref());
    let name_key = canonical(person.name.as_str());
    let added = execute!(
        tx,
        sqlx::query(sql)
            .bind(id.0)
            .bind(username.map(Username::as_str))
            .bind(username.map(Username::key))
            .bind(email.map(Email::as_str))
            .bind(email.map(Email::key))
            .bind(person.email_verified_at.map(Timestamp::micros))
            .bind(person.name.as_str())
            .bind(name_key.as_str())
            .bind(person.role.name())
            .bind(now.micros())
    )?;
    Ok(added == 1)
}

/// What came of a change of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renamed {
    /// It is done.
    Done,
    /// A name is another account's.
    Taken,
    /// The account is not of this epoch any more.
    Gone,
}

/// Changes the names that are given. An e-mail address that is not only another spelling is not verified.
///
/// # Errors
/// If the database does not answer.
pub async fn rename(
    tx: &mut Tx,
    id: AccountId,
    epoch: i64,
    username: Option<&Username>,
    email: Option<&Email>,
    now: Timestamp,
) -> Result<Renamed, Error> {
    const SQL: &str = "UPDATE accounts SET username = COALESCE($3, username), username_key = COALESCE($4, username_key), \
                       email_verified_at = CASE WHEN $5 IS NULL OR email_key = $6 THEN email_verified_at ELSE NULL END, \
                       email = COALESCE($5, email), email_key = COALESCE($6, email_key), updated_at = $7 \
                       WHERE id = $1 AND epoch = $2 AND disabled_at IS NULL";
    let changed = execute!(
        tx,
        sqlx::query(SQL)
            .bind(id.0)
            .bind(epoch)
            .bind(username.map(Username::as_str))
            .bind(username.map(Username::key))
            .bind(email.map(Email::as_str))
            .bind(email.map(Email::key))
            .bind(now.micros())
    );
    match changed {
        Ok(0) => Ok(Renamed::Gone),
        Ok(_) => Ok(Renamed::Done),
        Err(sqlx::Error::Database(error)) if error.is_unique_violation() => Ok(Renamed::Taken),
        Err(error) => Err(error.into()),
    }
}

/// Gives the account a role; tells whether it had another one.
///
/// # Errors
/// If the database does not answer.
pub async fn update_role(tx: &mut Tx, id: AccountId, role: Role, now: Timestamp) -> Result<bool, Error> {
    const SQL: &str = "UPDATE accounts SET role = $2, updated_at = $3 WHERE id = $1 AND role <> $2";
    Ok(execute!(tx, sqlx::query(SQL).bind(id.0).bind(role.name()).bind(now.micros()))? == 1)
}

/// The enabled ADMINs besides this account, at most two; others who want to take one away wait until this unit of work
/// is over.
///
/// # Errors
/// If the database does not answer.
pub async fn lock_other_admins(tx: &mut Tx, id: AccountId) -> Result<usize, Error> {
    // All of them are locked, this one too, in one order: of two that take each other away, one waits for the other.
    const LOCK: &str = "SELECT id FROM accounts WHERE role = 'ADMIN' AND disabled_at IS NULL ORDER BY id FOR UPDATE";
    const READ: &str = "SELECT id FROM accounts WHERE role = 'ADMIN' AND disabled_at IS NULL";
    let sql = tx.either([READ, LOCK]);
    let admins = on!(tx, c => sqlx::query_scalar::<_, uuid::Uuid>(sql).fetch_all(c))?;
    Ok(admins.into_iter().filter(|admin| *admin != id.0).count())
}

/// Whether there is an ADMIN, enabled or not.
///
/// # Errors
/// If the database does not answer.
pub async fn has_admin(db: &mut impl Queryable) -> Result<bool, Error> {
    const SQL: &str = "SELECT 1 FROM accounts WHERE role = 'ADMIN' LIMIT 1";
    let found = on!(db, c => sqlx::query_scalar::<_, i32>(SQL).fetch_optional(c))?;
    Ok(found.is_some())
}

/// The exchange that the account prefers, as it was stored.
///
/// # Errors
/// If the database does not answer.
pub async fn find_exchange(db: &mut impl Queryable, id: AccountId) -> Result<Option<String>, Error> {
    const SQL: &str = "SELECT selected_exchange FROM accounts WHERE id = $1";
    let found = on!(db, c => sqlx::query_scalar::<_, Option<String>>(SQL).bind(id.0).fetch_optional(c))?;
    Ok(found.flatten())
}

/// Stores the exchange that the account prefers; `false` if it is not of this epoch any more.
///
/// # Errors
/// If the database does not answer.
pub async fn update_exchange(
    tx: &mut Tx,
    id: AccountId,
    epoch: i64,
    exchange: &str,
    now: Timestamp,
) -> Result<bool, Error> {
    const SQL: &str = "UPDATE accounts SET selected_exchange = $3, updated_at = $4 \
                       WHERE id = $1 AND epoch = $2 AND disabled_at IS NULL";
    Ok(execute!(tx, sqlx::query(SQL).bind(id.0).bind(epoch).bind(exchange).bind(now.micros()))? == 1)
}

/// Deletes the account and all that is kept of its owner but the audit trail; `false` if it is not there.
///
/// Its sessions stay as rows of ids that nothing answers to, and go when they would have expired.
///
/// # Errors
/// If the database does not answer.
pub async fn delete(tx: &mut Tx, id: AccountId) -> Result<bool, Error> {
    const OWNED: [&str; 17] = [
        "DELETE FROM identities WHERE account_id = $1",
        "DELETE FROM wallets WHERE account_id = $1",
        "DELETE FROM passwords WHERE account_id = $1",
        "DELETE FROM known_networks WHERE account_id = $1",
        "DELETE FROM memberships WHERE account_id = $1",
        "DELETE FROM outbox WHERE account_id = $1",
        "DELETE FROM email_proofs WHERE account_id = $1",
        "DELETE FROM password_resets WHERE account_id = $1",
        "DELETE FROM preferences WHERE account_id = $1",
        "DELETE FROM devices WHERE account_id = $1",
        "DELETE FROM backup_codes WHERE factor_id IN (SELECT id FROM second_factors WHERE account_id = $1)",
        "DELETE FROM second_factors WHERE account_id = $1",
        "DELETE FROM trusted_devices WHERE account_id = $1",
        "DELETE FROM subscriptions WHERE account_id = $1",
        "DELETE FROM billing_calls WHERE account_id = $1",
        // Who pays at Stripe pays no more: that is ended there, after this unit of work.
        "INSERT INTO billing_farewells (customer_id, due_at, attempts) \
         SELECT customer_id, 0, 0 FROM billing_customers WHERE account_id = $1",
        "DELETE FROM billing_customers WHERE account_id = $1",
    ];
    // Counted under bytes, since not all of them are an account's.
    const COUNTED: [&str; 2] = [
        "DELETE FROM failures WHERE whose = $1 AND kind IN ('password', 'code', 'otp', 'otp_everywhere')",
        "DELETE FROM mailed WHERE whose = $1 AND kind IN ('proof_by', 'reset')",
    ];
    for sql in OWNED {
        execute!(tx, sqlx::query(sql).bind(id.0))?;
    }
    for sql in COUNTED {
        execute!(tx, sqlx::query(sql).bind(id.0.as_bytes().as_slice()))?;
    }
    Ok(execute!(tx, sqlx::query("DELETE FROM accounts WHERE id = $1").bind(id.0))? == 1)
}
