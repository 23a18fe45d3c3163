//! Prices at Stripe. What a plan of the configuration costs is kept there; one that has no price of its own there is made
//! by its own id, so that nobody has to click.

use std::sync::PoisonError;

use serde::Deserialize;

use super::web::Asked;
use super::{Failure, Stripe};
use crate::model::plan::Plan;

/// What the ids of prices begin with. Stripe makes them itself; an id that somebody chose is one of a plan, which Stripe
/// takes for a price everywhere.
const PRICE: &str = "price_";

/// A price as Stripe has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Price {
    /// What it costs; `None` if that depends on something.
    pub amount: Option<u64>,
    /// In three small letters.
    pub currency: String,
    /// How often it is to be paid; `None` if once.
    pub interval: Option<String>,
    /// How many of those lie between two payments.
    pub interval_count: u64,
    /// Whether it can be subscribed to.
    pub is_active: bool,
}

/// A plan and a price in one: they differ in where things are.
#[derive(Deserialize)]
struct Said {
    amount: Option<u64>,
    unit_amount: Option<u64>,
    currency: String,
    interval: Option<String>,
    interval_count: Option<u64>,
    recurring: Option<Recurring>,
    #[serde(default)]
    active: bool,
}

#[derive(Deserialize)]
struct Recurring {
    interval: String,
    interval_count: Option<u64>,
}

impl From<Said> for Price {
    fn from(said: Said) -> Self {
        let (interval, count) = match said.recurring {
            Some(recurring) => (Some(recurring.interval), recurring.interval_count),
            None => (said.interval, said.interval_count),
        };
        Self {
            amount: said.unit_amount.or(said.amount),
            currency: said.currency,
            interval,
            interval_count: count.unwrap_or(1),
            is_active: said.active,
        }
    }
}

/// The parameter of an item that names its price.
pub(super) fn parameter(price: &str) -> &'static str {
    if price.starts_with(PRICE) { "items[0][price]" } else { "items[0][plan]" }
}

impl Price {
    /// Whether it is what the configuration says.
    #[must_use]
    pub fn is_of(&self, plan: &Plan) -> bool {
        self.amount == Some(plan.price)
            && self.currency == plan.currency
            && self.interval.as_deref() == Some(plan.interval.word())
            && self.interval_count == 1
    }

    /// In what it differs from what the configuration says.
    pub(super) fn unlike(&self, plan: &Plan) -> String {
        let Self { amount, currency, interval, interval_count, .. } = self;
        let amount = amount.map_or_else(|| "what depends".to_owned(), |amount| amount.to_string());
        let interval = interval.as_deref().unwrap_or("once");
        let Plan { stripe_price, price, currency: own, .. } = plan;
        let every = plan.interval.word();
        format!(
            "Stripe collects {amount} {currency} ({interval_count} {interval}) by the price {stripe_price}, and the configuration \
             says {price} {own} (1 {every})"
        )
    }

    /// Refuses to sell a plan for something else than it says.
    fn insist_on(&self, plan: &Plan) -> Result<(), Failure> {
        if self.is_of(plan) {
            Ok(())
        } else {
            Err(Failure::Refused(format!("plan {}: {}", plan.id, self.unlike(plan))))
        }
    }
}

/// Whether a plan has no price of its own at Stripe, so that it goes there by its own id.
pub(super) fn is_made_here(plan: &Plan) -> bool {
    plan.stripe_price == plan.id && !plan.stripe_price.starts_with(PRICE)
}

impl Stripe {
    /// A price, if it is there.
    ///
    /// # Errors
    /// [`Failure`] says why nobody knows.
    pub async fn find_price(&self, id: &str) -> Result<Option<Price>, Failure> {
        let kind = if id.starts_with(PRICE) { "prices" } else { "plans" };
        match self.web.ask::<Said>(Asked::get(&[kind, id], &[])).await {
            Ok(said) => Ok(Some(said.into())),
            Err(Failure::Missing(_)) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Makes sure that a plan is sold for what the configuration says, and made at Stripe if it has no price of its own there.
    /// Stripe is asked once a start.
    ///
    /// Before it is subscribed to, and not if that fails for the lack of it: then the same call would have to be made a
    /// second time under another key, and no more be done once.
    ///
    /// # Errors
    /// [`Failure`] says why it can't.
    pub async fn ensure_price(&self, plan: &Plan) -> Result<(), Failure> {
        let is_seen = |seen: &Vec<String>| seen.contains(&plan.stripe_price);
        if is_seen(&self.seen.lock().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(());
        }
        match self.find_price(&plan.stripe_price).await? {
            Some(price) => price.insist_on(plan)?,
            None if is_made_here(plan) => self.create_price(plan).await?,
            None => {
                return Err(Failure::Refused(format!("plan {}: Stripe has no price {}", plan.id, plan.stripe_price)));
            }
        }
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).push(plan.stripe_price.clone());
        Ok(())
    }

    async fn create_price(&self, plan: &Plan) -> Result<(), Failure> {
        let (id, amount, interval) = (plan.stripe_price.as_str(), plan.price.to_string(), plan.interval.word());
        // One key for one content: two nodes that make it at once make it once, and a changed one is no repetition.
        let key = format!("plan-{id}-{amount}-{}-{interval}", plan.currency);
        let fields = [
            ("id", id),
            ("amount", amount.as_str()),
            ("currency", plan.currency.as_str()),
            ("interval", interval),
            ("product[name]", plan.name.as_str()),
        ];
        let Err(failure) = self.web.ask::<Said>(Asked::post(&["plans"], &key, &fields)).await else { return Ok(()) };
        // Somebody else may have made it just now; only if nobody has, this is why.
        match self.find_price(id).await? {
            Some(price) => price.insist_on(plan),
            None => Err(failure),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::plan::Interval;

    fn read(text: &str) -> Price {
        serde_json::from_str::<Said>(text).unwrap().into()
    }

    #[test]
    fn a_plan_and_a_price_that_cost_the_same_are_the_same() {
        let plan =
            read(r#"{"id":"gold","amount":999,"currency":"eur","interval":"month","interval_count":1,"active":true}"#);
        let price = read(
            r#"{"id":"price_1","unit_amount":999,"currency":"eur","recurring":{"interval":"month","interval_count":1},
                "active":true}"#,
        );
        assert_eq!(plan, price);
        let gold = Plan {
            id: "gold".to_owned(),
            name: "Gold".to_owned(),
            price: 999,
            currency: "eur".to_owned(),
            interval: Interval::Month,
            trial_days: 0,
            stripe_price: "gold".to_owned(),
        };
        assert!(plan.is_of(&gold));
        for other in [
            Plan { price: 998, ..gold.clone() },
            Plan { currency: "usd".to_owned(), ..gold.clone() },
            Plan { interval: Interval::Year, ..gold.clone() },
        ] {
            assert!(!plan.is_of(&other), "{other:?}");
        }
        assert!(!Price { interval_count: 3, ..plan }.is_of(&gold));
        assert!(is_made_here(&gold) && !is_made_here(&Plan { stripe_price: "price_1".to_owned(), ..gold }));
    }

    #[test]
    fn an_id_of_stripes_own_is_named_as_a_price_and_any_other_as_a_plan() {
        assert_eq!([parameter("price_1A"), parameter("gold")], ["items[0][price]", "items[0][plan]"]);
    }
}
