//! Pages of accounts, each order and each filter by an index.

use super::accounts::{WithPrimaryWallet, join_primary_wallet, primary_wallet_columns};
use super::{Queryable, on};
use crate::model::Error;
use crate::model::account::{Account, LinkedWallet};
use crate::model::page::{Direction, Listing, Order};

// The range of a filter is of what begins with its text: up to that text with the greatest character there is.
macro_rules! everybody {
    () => {
        ""
    };
}
macro_rules! by_name {
    () => {
        "WHERE a.name_key >= $1 AND a.name_key < $2 "
    };
}
macro_rules! by_email {
    () => {
        "WHERE a.email_key >= $1 AND a.email_key < $2 "
    };
}
macro_rules! by_both {
    () => {
        "WHERE a.name_key >= $1 AND a.name_key < $2 AND a.email_key >= $3 AND a.email_key < $4 "
    };
}
// The page is cut before wallets are joined, so that what comes before it costs no look-ups.
macro_rules! page {
    ($filter:expr, $order:expr, $limit:literal) => {
        concat!(
            "SELECT ",
            primary_wallet_columns!(),
            "FROM (SELECT * FROM accounts a ",
            $filter,
            "ORDER BY ",
            $order,
            $limit,
            ") a ",
            join_primary_wallet!(),
            " ORDER BY ",
            $order
        )
    };
}
macro_rules! pages {
    ($listing:expr, $filter:expr, $limit:literal) => {
        match ($listing.order, $listing.direction) {
            (Order::Number, Direction::Ascending) => page!($filter, "a.number", $limit),
            (Order::Number, Direction::Descending) => page!($filter, "a.number DESC", $limit),
            (Order::Name, Direction::Ascending) => page!($filter, "a.name_key, a.number", $limit),
            (Order::Name, Direction::Descending) => page!($filter, "a.name_key DESC, a.number DESC", $limit),
            (Order::Email, Direction::Ascending) => page!($filter, "a.email_key ASC NULLS FIRST, a.number", $limit),
            (Order::Email, Direction::Descending) => {
                page!($filter, "a.email_key DESC NULLS LAST, a.number DESC", $limit)
            }
            (Order::Created, Direction::Ascending) => page!($filter, "a.created_at, a.number", $limit),
            (Order::Created, Direction::Descending) => page!($filter, "a.created_at DESC, a.number DESC", $limit),
            (Order::Updated, Direction::Ascending) => page!($filter, "a.updated_at, a.number", $limit),
            (Order::Updated, Direction::Descending) => page!($filter, "a.updated_at DESC, a.number DESC", $limit),
        }
    };
}
macro_rules! count {
    ($filter:expr) => {
        concat!("SELECT COUNT(*) FROM accounts a ", $filter)
    };
}

/// The statement for a page, and the one for how many there are in all.
#[must_use]
pub fn statements(listing: &Listing) -> (&'static str, &'static str) {
    match (&listing.name, &listing.email) {
        (None, None) => (pages!(listing, everybody!(), " LIMIT $1 OFFSET $2"), count!(everybody!())),
        (Some(_), None) => (pages!(listing, by_name!(), " LIMIT $3 OFFSET $4"), count!(by_name!())),
        (None, Some(_)) => (pages!(listing, by_email!(), " LIMIT $3 OFFSET $4"), count!(by_email!())),
        (Some(_), Some(_)) => (pages!(listing, by_both!(), " LIMIT $5 OFFSET $6"), count!(by_both!())),
    }
}

/// The accounts of a page, with their primary wallets.
///
/// # Errors
/// If the database does not answer.
pub async fn list(db: &mut impl Queryable, listing: &Listing) -> Result<Vec<(Account, Option<LinkedWallet>)>, Error> {
    let (sql, _) = statements(listing);
    let bounds = bounds(listing);
    let rows = on!(db, c => {
        let query = sqlx::query_as::<_, WithPrimaryWallet>(sql);
        let query = bounds.iter().fold(query, |query, bound| query.bind(bound.as_str()));
        query.bind(i64::from(listing.rows)).bind(listing.offset()).fetch_all(c)
    })?;
    rows.into_iter().map(WithPrimaryWallet::into_parts).collect()
}

/// How many accounts there are on all pages.
///
/// # Errors
/// If the database does not answer.
pub async fn count(db: &mut impl Queryable, listing: &Listing) -> Result<i64, Error> {
    let (_, sql) = statements(listing);
    let bounds = bounds(listing);
    let counted = on!(db, c => {
        let query = sqlx::query_scalar::<_, i64>(sql);
        bounds.iter().fold(query, |query, bound| query.bind(bound.as_str())).fetch_one(c)
    });
    Ok(counted?)
}

fn bounds(listing: &Listing) -> Vec<String> {
    let filters = listing.name.iter().chain(&listing.email);
    filters.flat_map(|text| [text.clone(), format!("{text}\u{10ffff}")]).collect()
}
