//! What people subscribe to, and what every sign-in reads of it, which is kept with the account.

use sqlx::FromRow;
use uuid::Uuid;

use super::{Queryable, Tx, execute, on};
use crate::clock::Timestamp;
use crate::model::plan::{Interval, Period};
use crate::model::subscription::{InForce, Keeper, Renewal, State, Subscription};
use crate::model::{AccountId, Email, Error, SubscriptionId};

/// The most that are listed, the newest ones.
const LISTED: i64 = 100;

#[derive(FromRow)]
struct SubscriptionRow {
    id: Uuid,
    account_id: Uuid,
    plan_id: String,
    provider: String,
    stripe_id: Option<String>,
    stripe_price: Option<String>,
    state: String,
    period_start: i64,
    period_end: i64,
    every: Option<String>,
    ends_at: Option<i64>,
    cancel_at_period_end: bool,
    created_at: i64,
    updated_at: i64,
}

/// The columns of [`SubscriptionRow`].
macro_rules! columns {
    () => {
        "s.id, s.account_id, s.plan_id, s.provider, s.stripe_id, s.stripe_price, s.state, s.period_start, s.period_end, \
         s.every, s.ends_at, s.cancel_at_period_end, s.created_at, s.updated_at "
    };
}

impl SubscriptionRow {
    fn into_subscription(self) -> Result<Subscription, Error> {
        let damaged = || Error::internal("a subscription in the database can't be read");
        let anchor = Timestamp::from_micros(self.period_start);
        let keeper = match self.provider.as_str() {
            "ledger" => {
                let every = self.every.as_deref().and_then(Interval::from_word).ok_or_else(damaged)?;
                Keeper::Ledger { every, anchor, ends_at: self.ends_at.map(Timestamp::from_micros) }
            }
            "stripe" => Keeper::Stripe { id: self.stripe_id },
            _ => return Err(damaged()),
        };
        Ok(Subscription {
            id: SubscriptionId(self.id),
            account: AccountId(self.account_id),
            plan: self.plan_id,
            keeper,
            stripe_price: self.stripe_price,
            state: State::from_word(&self.state).ok_or_else(damaged)?,
            period: Period { start: anchor, end: Timestamp::from_micros(self.period_end) },
            renewal: if self.cancel_at_period_end { Renewal::Ends } else { Renewal::Renews },
            created_at: Timestamp::from_micros(self.created_at),
            updated_at: Timestamp::from_micros(self.updated_at),
        })
    }
}

/// The subscriptions of an account as they are stored, the newest one first.
///
/// # Errors
/// If the database does not answer.
pub async fn list(db: &mut impl Queryable, account: AccountId) -> Result<Vec<Subscription>, Error> {
    const SQL: &str =
        concat!("SELECT ", columns!(), "FROM subscriptions s WHERE s.account_id = $1 ORDER BY s.id DESC LIMIT $2");
    let rows = on!(db, c => sqlx::query_as::<_, SubscriptionRow>(SQL).bind(account.0).bind(LISTED).fetch_all(c))?;
    rows.into_iter().map(SubscriptionRow::into_subscription).collect()
}

/// A subscription of this account as it is stored.
///
/// # Errors
/// If the database does not answer.
pub async fn find(
    db: &mut impl Queryable,
    account: AccountId,
    id: SubscriptionId,
) -> Result<Option<Subscription>, Error> {
    const SQL: &str = concat!("SELECT ", columns!(), "FROM subscriptions s WHERE s.account_id = $1 AND s.id = $2");
    let row = on!(db, c => sqlx::query_as::<_, SubscriptionRow>(SQL).bind(account.0).bind(id.0).fetch_optional(c))?;
    row.map(SubscriptionRow::into_subscription).transpose()
}

/// What Stripe knows those of the account's subscriptions by that it keeps and that are not over here, the newest first.
///
/// # Errors
/// If the database does not answer.
pub async fn list_open_at_stripe(db: &mut impl Queryable, account: AccountId) -> Result<Vec<String>, Error> {
    const SQL: &str = "SELECT stripe_id FROM subscriptions WHERE account_id = $1 AND provider = 'stripe' \
                       AND state <> 'canceled' AND stripe_id IS NOT NULL ORDER BY id DESC LIMIT $2";
    Ok(on!(db, c => sqlx::query_scalar::<_, String>(SQL).bind(account.0).bind(LISTED).fetch_all(c))?)
}

/// The subscriptions of the enabled account with this e-mail address. One question, whether or not there is such an account.
///
/// # Errors
/// If the database does not answer.
pub async fn list_by_email(db: &mut impl Queryable, email: &Email) -> Result<Vec<Subscription>, Error> {
    const SQL: &str = concat!(
        "SELECT ",
        columns!(),
        "FROM accounts a JOIN subscriptions s ON s.account_id = a.id ",
        "WHERE a.email_key = $1 AND a.disabled_at IS NULL ORDER BY s.id DESC LIMIT $2"
    );
    let rows = on!(db, c => sqlx::query_as::<_, SubscriptionRow>(SQL).bind(email.key()).bind(LISTED).fetch_all(c))?;
    rows.into_iter().map(SubscriptionRow::into_subscription).collect()
}

/// Stores a subscription, in the place of what was there of the same id and account; `false` if the id is another
/// account's.
///
/// # Errors
/// If the database does not answer.
pub async fn upsert(tx: &mut Tx, subscription: &Subscription) -> Result<bool, Error> {
    const SQL: &str = "INSERT INTO subscriptions (id, account_id, plan_id, provider, stripe_id, state, period_start, \
                       period_end, every, ends_at, cancel_at_period_end, created_at, updated_at, stripe_price) \
                       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) \
                       ON CONFLICT (id) DO UPDATE SET plan_id = excluded.plan_id, provider = excluded.provider, \
                       stripe_id = excluded.stripe_id, state = excluded.state, period_start = excluded.period_start, \
                       period_end = excluded.period_end, every = excluded.every, ends_at = excluded.ends_at, \
                       cancel_at_period_end = excluded.cancel_at_period_end, updated_at = excluded.updated_at, \
                       stripe_price = excluded.stripe_price \
                       WHERE subscriptions.account_id = excluded.account_id";
    let Subscription { id, account, plan, keeper, stripe_price, state, period, renewal, created_at, updated_at } =
        subscription;
    let (provider, stripe_id, period, every, ends_at) = match keeper {
        Keeper::Ledger { every, anchor, ends_at } => {
            ("ledger", None, every.period(*anchor, *anchor), Some(every.word()), *ends_at)
        }
        Keeper::Stripe { id } => ("stripe", id.as_deref(), *period, None, None),
    };
    let stored = execute!(
        tx,
        sqlx::query(SQL)
            .bind(id.0)
            .bind(account.0)
            .bind(plan.as_str())
            .bind(provider)
            .bind(stripe_id)
            .bind(state.word())
            .bind(period.start.micros())
            .bind(period.end.micros())
            .bind(every)
            .bind(ends_at.map(Timestamp::micros))
            .bind(*renewal == Renewal::Ends)
            .bind(created_at.micros())
            .bind(updated_at.micros())
            .bind(stripe_price.as_deref())
    )?;
    Ok(stored == 1)
}

/// Keeps with the account what every sign-in reads of its subscription; `None` if none is in force.
///
/// # Errors
/// If the database does not answer.
pub async fn update_in_force(tx: &mut Tx, account: AccountId, in_force: Option<&InForce>) -> Result<(), Error> {
    const SQL: &str = "UPDATE accounts SET plan = $2, plan_state = $3, plan_until = $4 WHERE id = $1";
    execute!(
        tx,
        sqlx::query(SQL)
            .bind(account.0)
            .bind(in_force.map(|in_force| in_force.plan.as_str()))
            .bind(in_force.map(|in_force| in_force.state.word()))
            .bind(in_force.and_then(|in_force| in_force.until).map(Timestamp::micros))
    )?;
    Ok(())
}
