//! Wallets: to which account they are linked, and how often each has signed in.

use sqlx::FromRow;
use uuid::Uuid;

use super::accounts::{AccountRow, account_columns};
use super::{Queryable, Tx, execute, on};
use crate::clock::Timestamp;
use crate::model::account::{Account, LinkedWallet};
use crate::model::{AccountId, Address, Error, WalletId};

#[derive(FromRow)]
struct Owner {
    #[sqlx(flatten)]
    account: AccountRow,
    wallet_id: Uuid,
}

/// The link of a key wallet, and the account that it is linked to.
///
/// # Errors
/// If the database does not answer.
pub async fn find_owner(db: &mut impl Queryable, address: Address) -> Result<Option<(Account, WalletId)>, Error> {
    const SQL: &str = concat!(
        "SELECT ",
        account_columns!(),
        ", w.id AS wallet_id FROM wallets w JOIN accounts a ON a.id = w.account_id ",
        "WHERE w.namespace = 'eip155' AND w.reference = '' AND w.address = $1"
    );
    let row = on!(db, c => sqlx::query_as::<_, Owner>(SQL).bind(address.checksummed()).fetch_optional(c))?;
    row.map(|row| Ok((row.account.into_account()?, WalletId(row.wallet_id)))).transpose()
}

#[derive(FromRow)]
struct OwnerAndCount {
    #[sqlx(flatten)]
    owner: Owner,
    count: Option<i64>,
}

/// What there is to know of a wallet that wants to sign in.
pub struct Standing {
    /// Its link and its account, if it has signed in before.
    pub owner: Option<(Account, WalletId)>,
    /// How often it has signed in.
    pub count: u64,
}

/// The owner and the sign-in count of a key wallet, in one question where it has an owner.
///
/// # Errors
/// If the database does not answer.
pub async fn find_standing(db: &mut impl Queryable, address: Address, tag: &[u8; 32]) -> Result<Standing, Error> {
    const SQL: &str = concat!(
        "SELECT ",
        account_columns!(),
        ", w.id AS wallet_id, (SELECT count FROM wallet_counts WHERE wallet_tag = $2) AS count ",
        "FROM wallets w JOIN accounts a ON a.id = w.account_id ",
        "WHERE w.namespace = 'eip155' AND w.reference = '' AND w.address = $1"
    );
    let row = on!(db, c => sqlx::query_as::<_, OwnerAndCount>(SQL)
        .bind(address.checksummed()).bind(tag.as_slice()).fetch_optional(c))?;
    // The count outlives the link, so a wallet without an owner may have one.
    let Some(row) = row else { return Ok(Standing { owner: None, count: find_count(db, tag).await? }) };
    let owner = (row.owner.account.into_account()?, WalletId(row.owner.wallet_id));
    Ok(Standing { owner: Some(owner), count: to_count(row.count.unwrap_or(0))? })
}

/// Links a key wallet to an account; `false` if it is linked to one already.
///
/// # Errors
/// If the database does not answer.
pub async fn insert(
    tx: &mut Tx,
    id: WalletId,
    account: AccountId,
    address: Address,
    now: Timestamp,
) -> Result<bool, Error> {
    const SQL: &str = "INSERT INTO wallets (id, account_id, namespace, reference, address, created_at) \
                       VALUES ($1, $2, 'eip155', '', $3, $4) ON CONFLICT DO NOTHING";
    Ok(execute!(tx, sqlx::query(SQL).bind(id.0).bind(account.0).bind(address.checksummed()).bind(now.micros()))? == 1)
}

/// Whether the wallet of this address is linked to this account.
///
/// # Errors
/// If the database does not answer.
pub async fn is_linked(db: &mut impl Queryable, account: AccountId, address: Address) -> Result<bool, Error> {
    const SQL: &str =
        "SELECT 1 FROM wallets WHERE namespace = 'eip155' AND reference = '' AND address = $2 AND account_id = $1";
    let row = on!(db, c => sqlx::query_scalar::<_, i32>(SQL)
        .bind(account.0).bind(address.checksummed()).fetch_optional(c))?;
    Ok(row.is_some())
}

/// How often the wallet of this keyed hash has signed in.
///
/// # Errors
/// If the database does not answer.
pub async fn find_count(db: &mut impl Queryable, tag: &[u8; 32]) -> Result<u64, Error> {
    const SQL: &str = "SELECT count FROM wallet_counts WHERE wallet_tag = $1";
    let count = on!(db, c => sqlx::query_scalar::<_, i64>(SQL).bind(tag.as_slice()).fetch_optional(c))?;
    to_count(count.unwrap_or(0))
}

pub(super) fn to_count(stored: i64) -> Result<u64, Error> {
    u64::try_from(stored).map_err(|_| Error::internal("a count in the database is negative"))
}

/// The wallet of a row that may have none.
pub(super) fn linked(id: Option<Uuid>, address: Option<String>) -> Result<Option<LinkedWallet>, Error> {
    let (Some(id), Some(address)) = (id, address) else { return Ok(None) };
    let address =
        Address::parse(&address).map_err(|_| Error::internal("a wallet in the database has no EVM address"))?;
    Ok(Some(LinkedWallet { id: WalletId(id), address }))
}
