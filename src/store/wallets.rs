//! Wallets: to which account they are linked, and how often each has signed in.

use serde::Deserialize;
use sqlx::{FromRow, SqliteConnection};
use uuid::Uuid;

use super::accounts::{AccountRow, account_columns, account_list};
use super::db::Backend;
use super::gather::{Answers, ask_in_one_row, in_one_row, json_list};
use super::{Db, Queryable, Tx, execute, on};
use crate::clock::Timestamp;
use crate::model::account::{Account, LinkedWallet};
use crate::model::{AccountId, Address, Error, WalletId};

#[derive(Deserialize, FromRow)]
pub(super) struct Owner {
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

#[derive(Deserialize, FromRow)]
pub(super) struct OwnerAndCount {
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

/// The owner and the sign-in count of a key wallet. On SQLite, those who ask at the same time are asked for together.
///
/// # Errors
/// If the database does not answer.
pub async fn find_standing(db: &Db, address: Address, tag: &[u8; 32]) -> Result<Standing, Error> {
    let gathered = match &*db.0 {
        Backend::Sqlite { readers, gathers, .. } => gathers.standings.ask(readers, (address, *tag)).await,
        Backend::Postgres(_) => None,
    };
    let row = match gathered {
        Some(row) => row,
        // Boxed, since it is big, and rare where every sign-in counts.
        None => Box::pin(async { find_owner_and_count(&mut db.read().await?, address, tag).await }).await?,
    };
    // The count outlives the link, so a wallet without an owner may have one.
    let Some(row) = row else { return Ok(Standing { owner: None, count: Box::pin(find_count(db, tag)).await? }) };
    row.into_standing()
}

impl OwnerAndCount {
    pub(super) fn into_standing(self) -> Result<Standing, Error> {
        let owner = (self.owner.account.into_account()?, WalletId(self.owner.wallet_id));
        Ok(Standing { owner: Some(owner), count: to_count(self.count.unwrap_or(0))? })
    }
}

async fn find_owner_and_count(
    db: &mut impl Queryable,
    address: Address,
    tag: &[u8; 32],
) -> Result<Option<OwnerAndCount>, Error> {
    const SQL: &str = concat!(
        "SELECT ",
        account_columns!(),
        ", w.id AS wallet_id, (SELECT count FROM wallet_counts WHERE wallet_tag = $2) AS count ",
        "FROM wallets w JOIN accounts a ON a.id = w.account_id ",
        "WHERE w.namespace = 'eip155' AND w.reference = '' AND w.address = $1"
    );
    Ok(on!(db, c => sqlx::query_as::<_, OwnerAndCount>(SQL)
        .bind(address.checksummed()).bind(tag.as_slice()).fetch_optional(c))?)
}

/// [`find_owner_and_count`] for many wallets.
pub(super) fn list_standings<'a>(
    c: &'a mut SqliteConnection,
    wallets: &'a [(Address, [u8; 32])],
) -> Answers<'a, Option<OwnerAndCount>> {
    // The hashes lie beside the list, in its order; CROSS keeps the list the outer loop.
    const SQL: &str = in_one_row!(
        concat!(
            "json_array(json_array(",
            account_list!(),
            ", hex(w.id)), (SELECT count FROM wallet_counts WHERE wallet_tag = substr($2, 1 + 32 * asked.key, 32)))"
        ),
        "CROSS JOIN wallets w ON w.namespace = 'eip155' AND w.reference = '' AND w.address = asked.value \
         JOIN accounts a ON a.id = w.account_id"
    );
    let addresses = json_list(wallets.iter().map(|(address, _)| address));
    let tags: Vec<u8> = wallets.iter().flat_map(|(_, tag)| *tag).collect();
    Box::pin(ask_in_one_row(c, wallets.len(), sqlx::query_scalar(SQL).bind(addresses).bind(tags)))
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

/// A wallet as one of its account's.
pub struct OfAccount {
    /// The link.
    pub id: WalletId,
    /// The wallet's address.
    pub address: Address,
    /// Whether it is the primary one.
    pub primary: bool,
    /// When it was linked.
    pub linked_at: Timestamp,
}

#[derive(FromRow)]
struct OfAccountRow {
    id: Uuid,
    address: String,
    created_at: i64,
    is_primary: bool,
}

/// The EVM wallets of an account, the first linked one first.
///
/// # Errors
/// If the database does not answer.
pub async fn list(db: &mut impl Queryable, account: AccountId) -> Result<Vec<OfAccount>, Error> {
    const SQL: &str = "SELECT w.id, w.address, w.created_at, COALESCE(a.primary_wallet_id = w.id, FALSE) AS is_primary \
                       FROM wallets w JOIN accounts a ON a.id = w.account_id \
                       WHERE w.account_id = $1 AND w.namespace = 'eip155' ORDER BY w.id";
    let rows = on!(db, c => sqlx::query_as::<_, OfAccountRow>(SQL).bind(account.0).fetch_all(c))?;
    let of_row = |row: OfAccountRow| {
        let linked = linked(Some(row.id), Some(row.address))?;
        let LinkedWallet { id, address } = linked.ok_or(Error::internal("a wallet in the database has no address"))?;
        let linked_at = Timestamp::from_micros(row.created_at);
        Ok(OfAccount { id, address, primary: row.is_primary, linked_at })
    };
    rows.into_iter().map(of_row).collect()
}

/// Unlinks a wallet from its account; `false` if it was not linked to it.
///
/// # Errors
/// If the database does not answer.
pub async fn delete(tx: &mut Tx, account: AccountId, id: WalletId) -> Result<bool, Error> {
    const SQL: &str = "DELETE FROM wallets WHERE id = $2 AND account_id = $1";
    Ok(execute!(tx, sqlx::query(SQL).bind(account.0).bind(id.0))? == 1)
}

/// Unlinks every wallet of an account.
///
/// # Errors
/// If the database does not answer.
pub async fn delete_all(tx: &mut Tx, account: AccountId) -> Result<(), Error> {
    execute!(tx, sqlx::query("DELETE FROM wallets WHERE account_id = $1").bind(account.0))?;
    Ok(())
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

/// How often the wallet of this keyed hash has signed in. On SQLite, those who ask at the same time are asked for
/// together.
///
/// # Errors
/// If the database does not answer.
pub async fn find_count(db: &Db, tag: &[u8; 32]) -> Result<u64, Error> {
    const SQL: &str = "SELECT count FROM wallet_counts WHERE wallet_tag = $1";
    let gathered = match &*db.0 {
        Backend::Sqlite { readers, gathers, .. } => gathers.counts.ask(readers, *tag).await,
        Backend::Postgres(_) => None,
    };
    let count = if let Some(count) = gathered {
        count
    } else {
        // Boxed, since it is big, and rare where every sign-in counts.
        let alone = async {
            let mut reader = db.read().await?;
            let count = on!(&mut reader, c => sqlx::query_scalar::<_, i64>(SQL).bind(tag.as_slice()).fetch_optional(c));
            Ok::<_, Error>(count?)
        };
        Box::pin(alone).await?
    };
    to_count(count.unwrap_or(0))
}

/// [`find_count`] for many wallets.
pub(super) fn list_counts<'a>(c: &'a mut SqliteConnection, tags: &'a [[u8; 32]]) -> Answers<'a, Option<i64>> {
    const SQL: &str =
        in_one_row!("counted.count", "CROSS JOIN wallet_counts counted ON counted.wallet_tag = unhex(asked.value)");
    Box::pin(ask_in_one_row(c, tags.len(), sqlx::query_scalar(SQL).bind(json_list(tags.iter().map(hex::encode)))))
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
