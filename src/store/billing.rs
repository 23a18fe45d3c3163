//! What is kept of Stripe besides subscriptions: customers, calls whose outcome is not known yet, events that were seen, and
//! customers who are to be deleted there.

use sqlx::FromRow;
use uuid::Uuid;

use super::db::Connection;
use super::held::within;
use super::{Queryable, Tx, execute, on};
use crate::clock::Timestamp;
use crate::model::{AccountId, Error, SubscriptionId};

/// Who an account is at Stripe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Customer {
    /// The account.
    pub account: AccountId,
    /// Its id there.
    pub id: String,
    /// How often it was taken over what Stripe says.
    pub revision: i64,
    /// When that was last.
    pub synced_at: Timestamp,
}

#[derive(FromRow)]
struct CustomerRow {
    account_id: Uuid,
    customer_id: String,
    revision: i64,
    synced_at: i64,
}

impl From<CustomerRow> for Customer {
    fn from(row: CustomerRow) -> Self {
        Self {
            account: AccountId(row.account_id),
            id: row.customer_id,
            revision: row.revision,
            synced_at: Timestamp::from_micros(row.synced_at),
        }
    }
}

/// Who the account is at Stripe.
///
/// # Errors
/// If the database does not answer.
pub async fn find_customer(db: &mut impl Queryable, account: AccountId) -> Result<Option<Customer>, Error> {
    const SQL: &str =
        "SELECT account_id, customer_id, revision, synced_at FROM billing_customers WHERE account_id = $1";
    let row = on!(db, c => sqlx::query_as::<_, CustomerRow>(SQL).bind(account.0).fetch_optional(c))?;
    Ok(row.map(Customer::from))
}

/// Whose account this customer is.
///
/// # Errors
/// If the database does not answer.
pub async fn find_customer_by_id(db: &mut impl Queryable, id: &str) -> Result<Option<Customer>, Error> {
    const SQL: &str =
        "SELECT account_id, customer_id, revision, synced_at FROM billing_customers WHERE customer_id = $1";
    let row = on!(db, c => sqlx::query_as::<_, CustomerRow>(SQL).bind(id).fetch_optional(c))?;
    Ok(row.map(Customer::from))
}

/// Notes who an account is at Stripe; `false` if that is known already, or there is no such account any more.
///
/// # Errors
/// If the database does not answer.
pub async fn insert_customer(tx: &mut Tx, account: AccountId, id: &str, now: Timestamp) -> Result<bool, Error> {
    const SQL: &str = "INSERT INTO billing_customers (account_id, customer_id, synced_at, created_at) \
                       SELECT a.id, $2, $3, $3 FROM accounts a WHERE a.id = $1 ON CONFLICT DO NOTHING";
    Ok(execute!(tx, sqlx::query(SQL).bind(account.0).bind(id).bind(now.micros()))? == 1)
}

/// Notes that what Stripe says is being taken over; `false` if somebody else did since this customer was read, who may know
/// something newer.
///
/// # Errors
/// If the database does not answer.
pub async fn raise_revision(tx: &mut Tx, customer: &Customer, now: Timestamp) -> Result<bool, Error> {
    const SQL: &str = "UPDATE billing_customers SET revision = revision + 1, synced_at = $3 \
                       WHERE account_id = $1 AND revision = $2";
    Ok(execute!(tx, sqlx::query(SQL).bind(customer.account.0).bind(customer.revision).bind(now.micros()))? == 1)
}

/// Forgets who an account is at Stripe.
///
/// # Errors
/// If the database does not answer.
pub async fn delete_customer(tx: &mut Tx, customer: &Customer) -> Result<(), Error> {
    const SQL: &str = "DELETE FROM billing_customers WHERE account_id = $1 AND customer_id = $2";
    execute!(tx, sqlx::query(SQL).bind(customer.account.0).bind(customer.id.as_str()))?;
    Ok(())
}

macro_rules! claim_unsynced {
    ($lock:literal) => {
        concat!(
            "UPDATE billing_customers SET synced_at = $2 WHERE account_id = \
             (SELECT b.account_id FROM billing_customers b WHERE b.synced_at < $1 AND EXISTS (SELECT 1 FROM subscriptions s \
             WHERE s.account_id = b.account_id AND s.provider = 'stripe' AND s.state <> 'canceled') \
             ORDER BY b.synced_at LIMIT 1",
            $lock,
            ") RETURNING account_id, customer_id, revision, synced_at"
        )
    };
}

/// Takes the customer of whom nothing was taken over for the longest time, since `before` at least, and who has something that
/// is not over. Until it is, it counts as if that had been at `meanwhile`, so that others have their turn.
///
/// # Errors
/// If the database does not answer.
pub async fn claim_unsynced(tx: &mut Tx, before: Timestamp, meanwhile: Timestamp) -> Result<Option<Customer>, Error> {
    const ALONE: &str = claim_unsynced!("");
    const BESIDE_OTHERS: &str = claim_unsynced!(" FOR UPDATE OF b SKIP LOCKED");
    let (before, meanwhile) = (before.micros(), meanwhile.micros());
    let claimed = match tx.connection() {
        Connection::Sqlite(c) => {
            sqlx::query_as::<_, CustomerRow>(ALONE).bind(before).bind(meanwhile).fetch_optional(c).await
        }
        Connection::Postgres(c) => {
            let query = sqlx::query_as::<_, CustomerRow>(BESIDE_OTHERS).bind(before).bind(meanwhile);
            within(query.fetch_optional(c)).await
        }
    };
    tx.settle(claimed.as_ref().err());
    Ok(claimed?.map(Customer::from))
}

/// A call whose outcome is not known yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// For whom it is.
    pub account: AccountId,
    /// By which Stripe knows a repetition from another call.
    pub key: Uuid,
    /// What it is about.
    pub subscription: SubscriptionId,
    /// What is wanted, as JSON.
    pub wish: String,
    /// When it was last sent, if it is known to have been sent again; else when it was noted.
    pub begun_at: Timestamp,
    /// Until when somebody has it for himself.
    pub claimed_until: Timestamp,
}

#[derive(FromRow)]
struct CallRow {
    account_id: Uuid,
    key: Uuid,
    subscription_id: Uuid,
    wish: String,
    begun_at: i64,
    claimed_until: i64,
}

impl From<CallRow> for Call {
    fn from(row: CallRow) -> Self {
        Self {
            account: AccountId(row.account_id),
            key: row.key,
            subscription: SubscriptionId(row.subscription_id),
            wish: row.wish,
            begun_at: Timestamp::from_micros(row.begun_at),
            claimed_until: Timestamp::from_micros(row.claimed_until),
        }
    }
}

/// The call of an account whose outcome is not known yet.
///
/// # Errors
/// If the database does not answer.
pub async fn find_call(db: &mut impl Queryable, account: AccountId) -> Result<Option<Call>, Error> {
    const SQL: &str = "SELECT account_id, key, subscription_id, wish, begun_at, claimed_until FROM billing_calls \
                       WHERE account_id = $1";
    let row = on!(db, c => sqlx::query_as::<_, CallRow>(SQL).bind(account.0).fetch_optional(c))?;
    Ok(row.map(Call::from))
}

/// Notes a call before it is made; `false` if there is another one.
///
/// # Errors
/// If the database does not answer.
pub async fn insert_call(tx: &mut Tx, call: &Call) -> Result<bool, Error> {
    const SQL: &str = "INSERT INTO billing_calls (account_id, key, subscription_id, wish, begun_at, claimed_until) \
                       VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING";
    let Call { account, key, subscription, wish, begun_at, claimed_until } = call;
    let inserted = execute!(
        tx,
        sqlx::query(SQL)
            .bind(account.0)
            .bind(*key)
            .bind(subscription.0)
            .bind(wish.as_str())
            .bind(begun_at.micros())
            .bind(claimed_until.micros())
    )?;
    Ok(inserted == 1)
}

/// Takes a call that nobody has, until `until`; `false` if somebody has it, or it is gone.
///
/// # Errors
/// If the database does not answer.
pub async fn claim_call(tx: &mut Tx, call: &Call, until: Timestamp, now: Timestamp) -> Result<bool, Error> {
    const SQL: &str = "UPDATE billing_calls SET claimed_until = $3 \
                       WHERE account_id = $1 AND key = $2 AND claimed_until <= $4";
    let (account, key) = (call.account.0, call.key);
    Ok(execute!(tx, sqlx::query(SQL).bind(account).bind(key).bind(until.micros()).bind(now.micros()))? == 1)
}

/// Notes that a call is sent again.
///
/// # Errors
/// If the database does not answer.
pub async fn renew_call(tx: &mut Tx, call: &Call, now: Timestamp) -> Result<(), Error> {
    const SQL: &str = "UPDATE billing_calls SET begun_at = $3 WHERE account_id = $1 AND key = $2";
    execute!(tx, sqlx::query(SQL).bind(call.account.0).bind(call.key).bind(now.micros()))?;
    Ok(())
}

/// Puts a call back whose outcome stays unknown. Nothing happens if somebody else has it by now.
///
/// # Errors
/// If the database does not answer.
pub async fn release_call(tx: &mut Tx, call: &Call, now: Timestamp) -> Result<(), Error> {
    const SQL: &str = "UPDATE billing_calls SET claimed_until = $4 \
                       WHERE account_id = $1 AND key = $2 AND claimed_until = $3";
    let (account, key, claimed_until) = (call.account.0, call.key, call.claimed_until.micros());
    execute!(tx, sqlx::query(SQL).bind(account).bind(key).bind(claimed_until).bind(now.micros()))?;
    Ok(())
}

/// Takes a call out whose outcome is known; `false` if it is gone.
///
/// # Errors
/// If the database does not answer.
pub async fn delete_call(tx: &mut Tx, account: AccountId, key: Uuid) -> Result<bool, Error> {
    const SQL: &str = "DELETE FROM billing_calls WHERE account_id = $1 AND key = $2";
    Ok(execute!(tx, sqlx::query(SQL).bind(account.0).bind(key))? == 1)
}

/// Calls that nobody has since `before`, at most `limit`, the one that waits for longest first.
///
/// # Errors
/// If the database does not answer.
pub async fn list_due_calls(db: &mut impl Queryable, before: Timestamp, limit: i64) -> Result<Vec<Call>, Error> {
    const SQL: &str = "SELECT account_id, key, subscription_id, wish, begun_at, claimed_until FROM billing_calls \
                       WHERE claimed_until <= $1 ORDER BY claimed_until LIMIT $2";
    let rows = on!(db, c => sqlx::query_as::<_, CallRow>(SQL).bind(before.micros()).bind(limit).fetch_all(c))?;
    Ok(rows.into_iter().map(Call::from).collect())
}

/// Whether an event was seen.
///
/// # Errors
/// If the database does not answer.
pub async fn knows_event(db: &mut impl Queryable, id: &str) -> Result<bool, Error> {
    const SQL: &str = "SELECT 1 FROM billing_events WHERE id = $1";
    let found = on!(db, c => sqlx::query_scalar::<_, i32>(SQL).bind(id).fetch_optional(c))?;
    Ok(found.is_some())
}

/// Notes an event; `false` if it was seen before.
///
/// # Errors
/// If the database does not answer.
pub async fn insert_event(tx: &mut Tx, id: &str, now: Timestamp) -> Result<bool, Error> {
    const SQL: &str = "INSERT INTO billing_events (id, received_at) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    Ok(execute!(tx, sqlx::query(SQL).bind(id).bind(now.micros()))? == 1)
}

/// Forgets events of before `before`, at most `limit`; gives how many.
///
/// # Errors
/// If the database does not answer.
pub async fn delete_expired_events(tx: &mut Tx, before: Timestamp, limit: i64) -> Result<u64, Error> {
    const SQL: &str = "DELETE FROM billing_events WHERE id IN \
                       (SELECT id FROM billing_events WHERE received_at < $1 ORDER BY received_at LIMIT $2)";
    Ok(execute!(tx, sqlx::query(SQL).bind(before.micros()).bind(limit))?)
}

/// A customer who is to be deleted at Stripe, and whom a node has for itself.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct Farewell {
    /// The customer's id there.
    pub customer_id: String,
    /// How often it was tried, this time included.
    pub attempts: i64,
}

/// Notes that a customer is to be deleted at Stripe, from `due_at` on. People who are deleted are noted with that.
///
/// # Errors
/// If the database does not answer.
pub async fn insert_farewell(tx: &mut Tx, customer: &str, due_at: Timestamp) -> Result<(), Error> {
    const SQL: &str =
        "INSERT INTO billing_farewells (customer_id, due_at, attempts) VALUES ($1, $2, 0) ON CONFLICT DO NOTHING";
    execute!(tx, sqlx::query(SQL).bind(customer).bind(due_at.micros()))?;
    Ok(())
}

macro_rules! claim_farewell {
    ($lock:literal) => {
        concat!(
            "UPDATE billing_farewells SET due_at = $2, attempts = attempts + 1 WHERE customer_id = \
             (SELECT customer_id FROM billing_farewells WHERE due_at <= $1 ORDER BY due_at LIMIT 1",
            $lock,
            ") RETURNING customer_id, attempts"
        )
    };
}

/// Takes the customer who is due for the longest time, until `until`.
///
/// # Errors
/// If the database does not answer.
pub async fn claim_farewell(tx: &mut Tx, until: Timestamp, now: Timestamp) -> Result<Option<Farewell>, Error> {
    const ALONE: &str = claim_farewell!("");
    const BESIDE_OTHERS: &str = claim_farewell!(" FOR UPDATE SKIP LOCKED");
    let claimed = match tx.connection() {
        Connection::Sqlite(c) => {
            sqlx::query_as::<_, Farewell>(ALONE).bind(now.micros()).bind(until.micros()).fetch_optional(c).await
        }
        Connection::Postgres(c) => {
            let query = sqlx::query_as::<_, Farewell>(BESIDE_OTHERS).bind(now.micros()).bind(until.micros());
            within(query.fetch_optional(c)).await
        }
    };
    tx.settle(claimed.as_ref().err());
    Ok(claimed?)
}

/// Puts a customer back, to be tried again from `due_at` on.
///
/// # Errors
/// If the database does not answer.
pub async fn postpone_farewell(tx: &mut Tx, customer: &str, due_at: Timestamp) -> Result<(), Error> {
    const SQL: &str = "UPDATE billing_farewells SET due_at = $2 WHERE customer_id = $1";
    execute!(tx, sqlx::query(SQL).bind(customer).bind(due_at.micros()))?;
    Ok(())
}

/// Takes a customer out who is deleted there.
///
/// # Errors
/// If the database does not answer.
pub async fn delete_farewell(tx: &mut Tx, customer: &str) -> Result<(), Error> {
    execute!(tx, sqlx::query("DELETE FROM billing_farewells WHERE customer_id = $1").bind(customer))?;
    Ok(())
}
