//! Subscriptions at Stripe: made, changed, ended, and read.

use serde::Deserialize;
use serde_json::Value;

use super::prices::parameter;
use super::web::Asked;
use super::{ACCOUNT, Failure, SUBSCRIPTION, Stripe};
use crate::clock::Timestamp;
use crate::secret::SecretText;

/// A subscription to be made.
#[derive(Clone, Copy, Debug)]
pub struct NewSubscription<'a> {
    /// Whose it is there.
    pub customer: &'a str,
    /// Whose it is here.
    pub account: &'a str,
    /// What it is here.
    pub subscription: &'a str,
    /// The price's id.
    pub price: &'a str,
    /// For how many days nothing is to be paid.
    pub trial_days: u16,
    /// Whether there is something to pay with.
    pub payment: Payment,
}

/// Whether there is something to pay with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payment {
    /// The customer has it already.
    AtHand,
    /// The person gives it to Stripe, by the client secret.
    ToCome,
}

/// A subscription as Stripe has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// Its id.
    pub id: String,
    /// Whose it is.
    pub customer: String,
    /// Stripe's word for its state.
    pub status: String,
    /// Whether its collection is paused, which is no state at Stripe.
    pub is_paused: bool,
    /// The id of its one item.
    pub item: String,
    /// The id of its price.
    pub price: String,
    /// The period that is paid for.
    pub period: (Timestamp, Timestamp),
    /// Whether it ends with the period.
    pub cancel_at_period_end: bool,
    /// When it was made.
    pub created: Timestamp,
    /// Its newest invoice, as far as that was asked for.
    pub invoice: Invoice,
    /// What the person's browser completes to give what is paid with after a trial, if nothing is there.
    pub setup: Option<String>,
    /// Which of our accounts it names.
    pub account: Option<String>,
    /// Which of our subscriptions it names.
    pub subscription: Option<String>,
    /// With what the person's browser pays, if that was asked for and is due.
    pub client_secret: Option<SecretText>,
}

/// The newest invoice of a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Invoice {
    /// Nothing is known to be due.
    Settled,
    /// It is void, as those are that come while collection is paused.
    Void,
    /// It is to be paid.
    Open {
        /// Its id.
        id: String,
        /// Whether its payment waits for the person.
        needs_person: bool,
    },
}

impl Invoice {
    fn read(said: &Value) -> Self {
        let needs_person = said["payment_intent"]["status"] == "requires_action";
        match (said["status"].as_str(), said["id"].as_str()) {
            (Some("void"), _) => Self::Void,
            (Some("open"), Some(id)) => Self::Open { id: id.to_owned(), needs_person },
            _ => Self::Settled,
        }
    }
}

/// What is read of a subscription. Later versions of the API have the period at the item.
#[derive(Deserialize)]
struct Said {
    id: String,
    customer: Reference,
    status: String,
    pause_collection: Option<Value>,
    items: Items,
    current_period_start: Option<i64>,
    current_period_end: Option<i64>,
    #[serde(default)]
    cancel_at_period_end: bool,
    created: i64,
    #[serde(default)]
    metadata: Option<serde_json::Map<String, Value>>,
    latest_invoice: Option<Value>,
    pending_setup_intent: Option<Reference>,
}

/// An id, or the whole object if that was asked for.
#[derive(Deserialize)]
#[serde(untagged)]
enum Reference {
    Id(String),
    Whole { id: String },
}

impl Reference {
    fn into_id(self) -> String {
        match self {
            Self::Id(id) | Self::Whole { id } => id,
        }
    }
}

#[derive(Deserialize)]
struct Items {
    data: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    id: String,
    price: Option<Named>,
    plan: Option<Named>,
    current_period_start: Option<i64>,
    current_period_end: Option<i64>,
}

#[derive(Deserialize)]
struct Named {
    id: String,
}

#[derive(Deserialize)]
struct Page {
    data: Vec<Said>,
}

impl Subscription {
    /// Whether nothing comes after it.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self.status.as_str(), "canceled" | "incomplete_expired")
    }
}

impl Said {
    fn read(self) -> Result<Subscription, Failure> {
        let unreadable = |what: &str| Failure::Unknown(format!("a subscription of it has no {what}"));
        let item = self.items.data.into_iter().next().ok_or_else(|| unreadable("item"))?;
        let start = self.current_period_start.or(item.current_period_start);
        let end = self.current_period_end.or(item.current_period_end);
        let (start, end) = start.zip(end).ok_or_else(|| unreadable("period"))?;
        let price = item.price.or(item.plan).ok_or_else(|| unreadable("price"))?;
        let of_ours = |name: &str| Some(self.metadata.as_ref()?.get(name)?.as_str()?.to_owned());
        let (account, subscription) = (of_ours(ACCOUNT), of_ours(SUBSCRIPTION));
        Ok(Subscription {
            id: self.id,
            customer: self.customer.into_id(),
            status: self.status,
            is_paused: self.pause_collection.is_some_and(|pause| !pause.is_null()),
            item: item.id,
            price: price.id,
            period: (Timestamp::from_seconds(start), Timestamp::from_seconds(end)),
            cancel_at_period_end: self.cancel_at_period_end,
            created: Timestamp::from_seconds(self.created),
            invoice: self.latest_invoice.as_ref().map_or(Invoice::Settled, Invoice::read),
            setup: self.pending_setup_intent.map(Reference::into_id),
            account,
            subscription,
            client_secret: self.latest_invoice.as_ref().and_then(client_secret),
        })
    }
}

/// With what an invoice is paid: at its payment, where later versions of the API have it at the invoice. What is paid
/// already needs none.
fn client_secret(invoice: &Value) -> Option<SecretText> {
    let is_open = |status: &Value| !matches!(status.as_str(), Some("paid" | "void" | "succeeded" | "canceled"));
    let payment = &invoice["payment_intent"];
    let secret = payment["client_secret"].as_str().or_else(|| invoice["confirmation_secret"]["client_secret"].as_str());
    let is_due = is_open(&invoice["status"]) && is_open(&payment["status"]);
    secret.filter(|_| is_due).map(|secret| SecretText::new(secret.to_owned()))
}

/// What is asked for beside each subscription that somebody may have to pay for.
const WITH_PAYMENT: (&str, &str) = ("expand[]", "latest_invoice.payment_intent");

/// Nothing is changed if what it costs at once can't be paid. By itself Stripe changes it, and lets it be past due.
const NOT_UNPAID: (&str, &str) = ("payment_behavior", "error_if_incomplete");

impl Stripe {
    /// Makes a subscription.
    ///
    /// With something to pay with, a payment that needs the person leaves it `incomplete`, and so does a refused one: the
    /// person then pays otherwise by the client secret, or it is over in 23 hours.
    ///
    /// # Errors
    /// [`Failure`] says why not.
    pub async fn subscribe(&self, new: NewSubscription<'_>, key: &str) -> Result<Subscription, Failure> {
        let (account, subscription) = (format!("metadata[{ACCOUNT}]"), format!("metadata[{SUBSCRIPTION}]"));
        let days = new.trial_days.to_string();
        let mut fields = vec![
            ("customer", new.customer),
            (parameter(new.price), new.price),
            (account.as_str(), new.account),
            (subscription.as_str(), new.subscription),
            WITH_PAYMENT,
        ];
        match new.payment {
            Payment::AtHand => fields.push(("payment_behavior", "allow_incomplete")),
            Payment::ToCome => {
                fields.push(("payment_behavior", "default_incomplete"));
                fields.push(("payment_settings[save_default_payment_method]", "on_subscription"));
            }
        }
        if new.trial_days > 0 {
            fields.push(("trial_period_days", &days));
        }
        self.web.ask::<Said>(Asked::post(&["subscriptions"], key, &fields)).await?.read()
    }

    /// Goes over to another price, at once, and the difference is paid or credited at once too: what would wait for the next
    /// invoice is lost if that one is void or never comes. What can't be paid changes nothing. Takes back that it ends, and a
    /// trial ends at `trial_end`, if that is given.
    ///
    /// # Errors
    /// [`Failure`] says why not.
    pub async fn change_price(
        &self,
        old: &Subscription,
        price: &str,
        trial_end: Option<&str>,
        key: &str,
    ) -> Result<Subscription, Failure> {
        let mut fields = vec![
            ("items[0][id]", old.item.as_str()),
            (parameter(price), price),
            ("proration_behavior", "always_invoice"),
            NOT_UNPAID,
            ("cancel_at_period_end", "false"),
        ];
        fields.extend(trial_end.map(|end| ("trial_end", end)));
        self.update(&old.id, key, &fields).await
    }

    /// Lets it be paid with this: what it was first paid with is its own, and comes before what the customer pays with.
    ///
    /// # Errors
    /// [`Failure`] says why not.
    pub async fn choose_method(&self, id: &str, method: &str, key: &str) -> Result<Subscription, Failure> {
        self.update(id, key, &[("default_payment_method", method)]).await
    }

    /// Lets it end with the period that is paid for.
    ///
    /// # Errors
    /// [`Failure`] says why not.
    pub async fn end_with_period(&self, id: &str, key: &str) -> Result<Subscription, Failure> {
        self.update(id, key, &[("cancel_at_period_end", "true")]).await
    }

    /// Collects nothing from now on. Invoices of the meantime are void: nobody owes for a time in which there was nothing,
    /// which drafts or uncollectible ones would leave somebody to sort out.
    ///
    /// # Errors
    /// [`Failure`] says why not.
    pub async fn pause(&self, id: &str, key: &str) -> Result<Subscription, Failure> {
        self.update(id, key, &[("pause_collection[behavior]", "void")]).await
    }

    /// Collects again, from the next period on.
    ///
    /// # Errors
    /// [`Failure`] says why not.
    pub async fn resume(&self, id: &str, key: &str) -> Result<Subscription, Failure> {
        self.update(id, key, &[("pause_collection", "")]).await
    }

    /// Collects again, with a period that begins now and is paid: the one that it is in began while nothing was collected.
    /// If that can't be paid, it goes on resting.
    ///
    /// # Errors
    /// [`Failure`] says why not.
    pub async fn begin_anew(&self, id: &str, key: &str) -> Result<Subscription, Failure> {
        let anchor = ("billing_cycle_anchor", "now");
        let fields = [("pause_collection", ""), anchor, ("proration_behavior", "none"), NOT_UNPAID];
        self.update(id, key, &fields).await
    }

    async fn update(&self, id: &str, key: &str, fields: &[(&str, &str)]) -> Result<Subscription, Failure> {
        self.web.ask::<Said>(Asked::post(&["subscriptions", id], key, fields)).await?.read()
    }

    /// Ends it at once.
    ///
    /// # Errors
    /// [`Failure`] says why not.
    pub async fn end_now(&self, id: &str) -> Result<Subscription, Failure> {
        self.web.ask::<Said>(Asked::delete(&["subscriptions", id])).await?.read()
    }

    /// A subscription, with what it is paid with.
    ///
    /// # Errors
    /// [`Failure`] says why nobody knows.
    pub async fn find_subscription(&self, id: &str) -> Result<Subscription, Failure> {
        self.web.ask::<Said>(Asked::get(&["subscriptions", id], &[WITH_PAYMENT])).await?.read()
    }

    /// Pays an open invoice with this.
    ///
    /// # Errors
    /// [`Failure`] says why not; [`Failure::Declined`] also if the person has to confirm it.
    pub async fn pay_invoice(&self, invoice: &str, method: &str, key: &str) -> Result<(), Failure> {
        let fields = [("payment_method", method)];
        let Named { .. } = self.web.ask(Asked::post(&["invoices", invoice, "pay"], key, &fields)).await?;
        Ok(())
    }

    /// By what the person's browser completes this, if it is not complete.
    ///
    /// # Errors
    /// [`Failure`] says why nobody knows.
    pub async fn find_setup_secret(&self, id: &str) -> Result<Option<SecretText>, Failure> {
        let said: Value = self.web.ask(Asked::get(&["setup_intents", id], &[])).await?;
        let is_open = !matches!(said["status"].as_str(), Some("succeeded" | "canceled"));
        let secret = said["client_secret"].as_str().filter(|_| is_open);
        Ok(secret.map(|secret| SecretText::new(secret.to_owned())))
    }

    /// Whether the key is accepted, also for what is asked for beside a subscription: a restricted one has a right for each.
    ///
    /// # Errors
    /// [`Failure`] says why not.
    pub async fn knock(&self) -> Result<(), Failure> {
        let fields = [("limit", "1"), ("expand[]", "data.latest_invoice.payment_intent")];
        let Page { .. } = self.web.ask(Asked::get(&["subscriptions"], &fields)).await?;
        Ok(())
    }

    /// Lets one go on that Stripe itself let rest, since nothing was there to pay with after a trial.
    ///
    /// # Errors
    /// [`Failure`] says why not.
    pub async fn wake(&self, id: &str, key: &str) -> Result<Subscription, Failure> {
        self.web.ask::<Said>(Asked::post(&["subscriptions", id, "resume"], key, &[])).await?.read()
    }

    /// The newest hundred subscriptions of a customer, also those that are over. To what is older and over nothing happens any
    /// more; of what is older and is not, whoever knows it asks by its id.
    ///
    /// # Errors
    /// [`Failure`] says why nobody knows.
    pub async fn list_newest(&self, customer: &str) -> Result<Vec<Subscription>, Failure> {
        let fields = [("customer", customer), ("status", "all"), ("limit", "100")];
        let page: Page = self.web.ask(Asked::get(&["subscriptions"], &fields)).await?;
        // To ask again is of no use.
        let read = |said: Said| said.read().map_err(|fault| Failure::Refused(fault.to_string()));
        page.data.into_iter().map(read).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(said: Value) -> Result<Subscription, Failure> {
        serde_json::from_value::<Said>(said).unwrap().read()
    }

    fn today() -> Value {
        json!({
            "id": "sub_1", "customer": "cus_1", "status": "active", "pause_collection": null, "created": 5,
            "items": {"data": [{"id": "si_1", "price": {"id": "gold"}, "plan": {"id": "gold"}}]},
            "current_period_start": 10, "current_period_end": 20, "cancel_at_period_end": true,
            "metadata": {"countersign_account": "a", "countersign_subscription": "sub_x"},
            "latest_invoice": "in_1",
        })
    }

    fn later() -> Value {
        let mut later = today();
        later["customer"] = json!({"id": "cus_1", "object": "customer"});
        later["current_period_start"].take();
        later["current_period_end"].take();
        later["items"] = json!({"data": [
            {"id": "si_1", "price": {"id": "gold"}, "current_period_start": 10, "current_period_end": 20}
        ]});
        later
    }

    #[test]
    fn both_places_of_the_period_are_read() {
        let subscription = read(today()).unwrap();
        assert_eq!(subscription, read(later()).unwrap());
        assert_eq!(subscription.period, (Timestamp::from_seconds(10), Timestamp::from_seconds(20)));
        assert_eq!(subscription.subscription.as_deref(), Some("sub_x"));
        assert!(subscription.client_secret.is_none() && !subscription.is_paused && subscription.cancel_at_period_end);
    }

    #[test]
    fn both_places_of_the_client_secret_are_read_while_something_is_due() {
        let with = |invoice: Value| {
            let mut said = today();
            said["latest_invoice"] = invoice;
            let secret = read(said).unwrap().client_secret;
            secret.map(|secret| secret.expose().to_owned())
        };
        let payment = |status: &str| json!({"client_secret": "pi_secret", "status": status});
        let open = json!({"status": "open", "payment_intent": payment("requires_action")});
        assert_eq!(with(open).as_deref(), Some("pi_secret"));
        let later =
            json!({"status": "open", "confirmation_secret": {"client_secret": "later", "type": "payment_intent"}});
        assert_eq!(with(later).as_deref(), Some("later"));
        for none in [
            Value::Null,
            json!("in_1"),
            json!({"status": "open", "payment_intent": null}),
            json!({"status": "open", "payment_intent": "pi_1"}),
            json!({"status": "paid", "payment_intent": payment("succeeded")}),
        ] {
            assert_eq!(with(none.clone()), None, "{none}");
        }
    }

    #[test]
    fn one_that_lacks_what_is_needed_is_not_taken_for_anything() {
        for (path, lacking) in [("/items/data", json!([])), ("/current_period_end", Value::Null)] {
            let mut said = today();
            *said.pointer_mut(path).unwrap() = lacking;
            assert!(matches!(read(said), Err(Failure::Unknown(_))), "{path}");
        }
    }

    #[test]
    fn the_client_secret_is_not_shown() {
        let mut said = today();
        said["latest_invoice"] = json!({"payment_intent": {"client_secret": "hunter2"}});
        let shown = format!("{:?}", read(said).unwrap());
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
