//! Accounts: the rows, and the counters by which all of an account's sessions and keys end at once.

use serde::Deserialize;
use sqlx::{FromRow, SqliteConnection};
use uuid::Uuid;

use super::db::{Backend, Connection};
use super::gather::{Answers, ask_in_one_row, in_one_row, json_list};
use super::held::within;
use super::{Db, Queryable, Tx, execute, on};
use crate::clock::Timestamp;
use crate::model::account::{Account, LinkedWallet, Role};
use crate::model::name::canonical;
use crate::model::profile::{ProfileChange, ProfileText};
use crate::model::subscription::{InForce, State};
use crate::model::{AccountId, Error, SessionId, WalletId};

/// The columns that [`AccountRow`] reads, wherever an account is joined as `a`.
macro_rules! account_columns {
    () => {
        "a.id AS account_id, a.number, a.epoch AS account_epoch, a.api_key_counter, a.role, a.username, a.email, \
         a.email_verified_at, a.name, a.intended_use, a.second_factor_at, a.created_at AS account_created_at, \
         a.updated_at AS account_updated_at, a.disabled_at, a.plan, a.plan_state, a.plan_until"
    };
}
pub(super) use account_columns;

/// The same as a JSON list, in the order of the fields of [`AccountRow`].
macro_rules! account_list {
    () => {
        "json_array(hex(a.id), a.number, a.epoch, a.api_key_counter, a.role, a.username, a.email, a.email_verified_at, \
         a.name, a.intended_use, a.second_factor_at, a.created_at, a.updated_at, a.disabled_at, a.plan, a.plan_state, \
         a.plan_until)"
    };
}
pub(super) use account_list;

/// An account as a row.
#[derive(Deserialize, FromRow)]
pub(super) struct AccountRow {
    account_id: Uuid,
    number: i64,
    account_epoch: i64,
    api_key_counter: i64,
    role: String,
    username: Option<String>,
    email: Option<String>,
    email_verified_at: Option<i64>,
    name: String,
    intended_use: String,
    second_factor_at: Option<i64>,
    account_created_at: i64,
    account_updated_at: i64,
    disabled_at: Option<i64>,
    plan: Option<String>,
    plan_state: Option<String>,
    plan_until: Option<i64>,
}

impl AccountRow {
    pub(super) fn into_account(self) -> Result<Account, Error> {
        // A state that is damaged gives nothing, and lets its owner in.
        let state = self.plan_state.as_deref().and_then(State::from_word);
        let until = self.plan_until.map(Timestamp::from_micros);
        Ok(Account {
            id: AccountId(self.account_id),
            number: self.number,
            epoch: self.account_epoch,
            api_key_counter: to_counter(self.api_key_counter)?,
            disabled: self.disabled_at.is_some(),
            role: Role::from_stored(&self.role),
            username: self.username,
            email: self.email,
            email_verified: self.email_verified_at.is_some(),
            name: ProfileText::from_stored(self.name),
            intended_use: ProfileText::from_stored(self.intended_use),
            second_factor: self.second_factor_at.is_some(),
            created_at: Timestamp::from_micros(self.account_created_at),
            updated_at: Timestamp::from_micros(self.account_updated_at),
            subscription: self.plan.zip(state).map(|(plan, state)| InForce { plan, state, until }),
        })
    }
}

/// The statement that adds an account with these values, for SQLite and for PostgreSQL, which numbers accounts itself.
/// On SQLite a trigger keeps the last number; units of work that write are one after the other there.
macro_rules! insert_account {
    ($columns:expr, $values:expr, $otherwise:expr) => {
        [
            concat!(
                "INSERT INTO accounts (number, ",
                $columns,
                ") VALUES ((SELECT last + 1 FROM account_numbers), ",
                $values,
                ") ",
                $otherwise
            ),
            concat!("INSERT INTO accounts (", $columns, ") VALUES (", $values, ") ", $otherwise),
        ]
    };
}
pub(super) use insert_account;

/// Adds an account whose primary wallet is `wallet`.
///
/// # Errors
/// If the database does not answer.
pub async fn insert(tx: &mut Tx, id: AccountId, wallet: WalletId, now: Timestamp) -> Result<(), Error> {
    const SQL: [&str; 2] = insert_account!("id, primary_wallet_id, created_at, updated_at", "$1, $2, $3, $3", "");
    let sql = tx.either(SQL);
    execute!(tx, sqlx::query(sql).bind(id.0).bind(wallet.0).bind(now.micros()))?;
    Ok(())
}

#[derive(Deserialize, FromRow)]
pub(super) struct WithPrimaryWallet {
    #[sqlx(flatten)]
    account: AccountRow,
    wallet_id: Option<Uuid>,
    address: Option<String>,
}

/// The columns of [`WithPrimaryWallet`].
macro_rules! primary_wallet_columns {
    () => {
        concat!($crate::store::accounts::account_columns!(), ", w.id AS wallet_id, w.address ")
    };
}
pub(super) use primary_wallet_columns;
macro_rules! join_primary_wallet {
    () => {
        "LEFT JOIN wallets w ON w.id = a.primary_wallet_id AND w.namespace = 'eip155'"
    };
}
pub(super) use join_primary_wallet;

impl WithPrimaryWallet {
    pub(super) fn into_parts(self) -> Result<(Account, Option<LinkedWallet>), Error> {
        let wallet = super::wallets::linked(self.wallet_id, self.address)?;
        Ok((self.account.into_account()?, wallet))
    }
}

/// The account of this id, and its primary wallet if it has an EVM one.
///
/// # Errors
/// If the database does not answer.
pub async fn find(db: &mut impl Queryable, id: AccountId) -> Result<Option<(Account, Option<LinkedWallet>)>, Error> {
    const SQL: &str =
        concat!("SELECT ", primary_wallet_columns!(), "FROM accounts a ", join_primary_wallet!(), " WHERE a.id = $1");
    let row = on!(db, c => sqlx::query_as::<_, WithPrimaryWallet>(SQL).bind(id.0).fetch_optional(c))?;
    row.map(WithPrimaryWallet::into_parts).transpose()
}

/// [`find`], of what is committed. On SQLite, those who ask at the same time are asked for together.
///
/// # Errors
/// If the database does not answer.
pub async fn find_committed(db: &Db, id: AccountId) -> Result<Option<(Account, Option<LinkedWallet>)>, Error> {
    let gathered = match &*db.0 {
        Backend::Sqlite { callers, gathers, .. } => gathers.accounts.ask(callers, id).await,
        Backend::Postgres(_) => None,
    };
    match gathered {
        Some(row) => row.map(WithPrimaryWallet::into_parts).transpose(),
        None => find(&mut db.read().await?, id).await,
    }
}

/// [`find`] for many accounts.
pub(super) fn list<'a>(c: &'a mut SqliteConnection, ids: &'a [AccountId]) -> Answers<'a, Option<WithPrimaryWallet>> {
    const SQL: &str = in_one_row!(
        concat!("json_array(", account_list!(), ", nullif(hex(w.id), ''), w.address)"),
        concat!("CROSS JOIN accounts a ON a.id = unhex(asked.value) ", join_primary_wallet!())
    );
    let question = sqlx::query_scalar(SQL).bind(json_list(ids.iter().map(|id| id.0.simple())));
    Box::pin(ask_in_one_row(c, ids.len(), question))
}

/// Writes what `change` changes, and gives the profile as it is now; `None` if the account is not of this epoch any more.
///
/// # Errors
/// If the database does not answer.
pub async fn update_profile(
    tx: &mut Tx,
    id: AccountId,
    epoch: i64,
    change: &ProfileChange,
    now: Timestamp,
) -> Result<Option<(ProfileText, ProfileText)>, Error> {
    const SQL: &str = "UPDATE accounts SET name = COALESCE($2, name), name_key = COALESCE($5, name_key), \
                       intended_use = COALESCE($3, intended_use), updated_at = $6 \
                       WHERE id = $1 AND epoch = $4 AND disabled_at IS NULL RETURNING name, intended_use";
    let name = change.name.as_ref().map(ProfileText::as_str);
    let name_key = name.map(canonical);
    let intended_use = change.intended_use.as_ref().map(ProfileText::as_str);
    let row = on!(tx, c => sqlx::query_as::<_, (String, String)>(SQL)
        .bind(id.0).bind(name).bind(intended_use).bind(epoch).bind(name_key.as_deref()).bind(now.micros())
        .fetch_optional(c))?;
    Ok(row.map(|(name, intended_use)| (ProfileText::from_stored(name), ProfileText::from_stored(intended_use))))
}

/// Notes that something of the account changes now, and makes others who change it wait until this unit of work is over;
/// `false` if it is not of this epoch any more.
///
/// # Errors
/// If the database does not answer.
pub async fn touch(tx: &mut Tx, id: AccountId, epoch: i64, now: Timestamp) -> Result<bool, Error> {
    const SQL: &str = "UPDATE accounts SET updated_at = $3 WHERE id = $1 AND epoch = $2 AND disabled_at IS NULL";
    Ok(execute!(tx, sqlx::query(SQL).bind(id.0).bind(epoch).bind(now.micros()))? == 1)
}

/// Raises the counter of the account's API key, so that the key of before is useless; gives the new one, or `None` if
/// the account is not of this epoch any more.
///
/// # Errors
/// If the database does not answer.
pub async fn rotate_api_key(tx: &mut Tx, id: AccountId, epoch: i64) -> Result<Option<u32>, Error> {
    const SQL: &str = "UPDATE accounts SET api_key_counter = api_key_counter + 1 \
                       WHERE id = $1 AND epoch = $2 AND disabled_at IS NULL RETURNING api_key_counter";
    let counter = on!(tx, c => sqlx::query_scalar::<_, i64>(SQL).bind(id.0).bind(epoch).fetch_optional(c))?;
    counter.map(to_counter).transpose()
}

/// Disables the account and ends its sessions and its API key; tells whether it was enabled.
///
/// # Errors
/// If the database does not answer.
pub async fn disable(tx: &mut Tx, id: AccountId, now: Timestamp) -> Result<bool, Error> {
    const SQL: &str = "UPDATE accounts SET disabled_at = $2, updated_at = $2, epoch = epoch + 1, \
                       api_key_counter = api_key_counter + 1 WHERE id = $1 AND disabled_at IS NULL";
    Ok(execute!(tx, sqlx::query(SQL).bind(id.0).bind(now.micros()))? == 1)
}

/// Enables the account again; tells whether it was disabled. What disabling ended stays ended.
///
/// # Errors
/// If the database does not answer.
pub async fn enable(tx: &mut Tx, id: AccountId, now: Timestamp) -> Result<bool, Error> {
    const SQL: &str =
        "UPDATE accounts SET disabled_at = NULL, updated_at = $2 WHERE id = $1 AND disabled_at IS NOT NULL";
    Ok(execute!(tx, sqlx::query(SQL).bind(id.0).bind(now.micros()))? == 1)
}

/// Ends the account's sessions but `kept`, which goes on.
///
/// # Errors
/// If the database does not answer.
pub async fn end_sessions_but(tx: &mut Tx, id: AccountId, kept: SessionId) -> Result<(), Error> {
    const RAISE: &str = "UPDATE accounts SET epoch = epoch + 1 WHERE id = $1";
    const KEEP: &str = "UPDATE sessions SET epoch = (SELECT epoch FROM accounts WHERE id = $1) \
                        WHERE id = $2 AND account_id = $1";
    execute!(tx, sqlx::query(RAISE).bind(id.0))?;
    execute!(tx, sqlx::query(KEEP).bind(id.0).bind(kept.0))?;
    Ok(())
}

/// Ends all that the account holds: every session, and the API key.
///
/// # Errors
/// If the database does not answer.
pub async fn end_everything(tx: &mut Tx, id: AccountId) -> Result<(), Error> {
    const SQL: &str = "UPDATE accounts SET epoch = epoch + 1, api_key_counter = api_key_counter + 1 WHERE id = $1";
    execute!(tx, sqlx::query(SQL).bind(id.0))?;
    Ok(())
}

/// Makes others who want to change what this account can be entered by wait until this unit of work is over. SQLite has
/// one writer anyway.
///
/// # Errors
/// If the database does not answer.
pub async fn lock(tx: &mut Tx, id: AccountId) -> Result<(), Error> {
    let locked = match tx.connection() {
        Connection::Sqlite(_) => Ok(()),
        Connection::Postgres(c) => {
            let lock = sqlx::query("SELECT 1 FROM accounts WHERE id = $1 FOR UPDATE").bind(id.0).execute(c);
            within(lock).await.map(|_| ())
        }
    };
    tx.settle(locked.as_ref().err());
    Ok(locked?)
}

/// Makes this wallet the account's primary one, or leaves it without any.
///
/// # Errors
/// If the database does not answer.
pub async fn update_primary_wallet(tx: &mut Tx, id: AccountId, wallet: Option<WalletId>) -> Result<(), Error> {
    const SQL: &str = "UPDATE accounts SET primary_wallet_id = $2 WHERE id = $1";
    execute!(tx, sqlx::query(SQL).bind(id.0).bind(wallet.map(|wallet| wallet.0)))?;
    Ok(())
}

/// Makes this wallet the account's primary one if it has none.
///
/// # Errors
/// If the database does not answer.
pub async fn adopt_primary_wallet(tx: &mut Tx, id: AccountId, wallet: WalletId) -> Result<(), Error> {
    const SQL: &str = "UPDATE accounts SET primary_wallet_id = $2 WHERE id = $1 AND primary_wallet_id IS NULL";
    execute!(tx, sqlx::query(SQL).bind(id.0).bind(wallet.0))?;
    Ok(())
}

/// A counter as its own type.
pub(super) fn to_counter(stored: i64) -> Result<u32, Error> {
    u32::try_from(stored).map_err(|_| Error::internal("a counter in the database is out of range"))
}
