//! What the little Stripe keeps, and what it does with it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Asked, error};

/// Days of the periods, by the interval's name.
const DAYS: [(&str, i64); 4] = [("day", 1), ("week", 7), ("month", 31), ("year", 365)];

const DAY: i64 = 86_400;

type Answer = (u16, Value);

/// A subscription as it keeps it.
#[derive(Clone, Debug)]
pub struct Kept {
    pub id: String,
    pub customer: String,
    pub price: String,
    pub status: String,
    pub pause: Option<String>,
    pub ends: bool,
    pub start: i64,
    pub end: i64,
    pub created: i64,
    pub metadata: BTreeMap<String, String>,
    /// The state of the first payment: `succeeded`, `requires_action`, `requires_payment_method`; `None` if nothing is due.
    pub payment: Option<String>,
    /// Whether the newest invoice is void.
    pub is_void: bool,
    /// What it is paid with itself, before what the customer pays with.
    pub method: Option<String>,
}

#[derive(Clone, Debug)]
pub struct Customer {
    pub id: String,
    pub email: Option<String>,
    pub account: Option<String>,
    pub pays_with: Option<String>,
    pub is_deleted: bool,
}

#[derive(Clone, Debug)]
pub struct Price {
    pub amount: u64,
    pub currency: String,
    pub interval: String,
    pub product: String,
}

pub struct Desk {
    pub now: i64,
    pub customers: Vec<Customer>,
    pub subscriptions: Vec<Kept>,
    pub prices: BTreeMap<String, Price>,
    /// Which payment method is whose.
    pub methods: BTreeMap<String, String>,
    /// Each time that somebody was charged: the customer, and what.
    pub charges: Vec<(String, u64)>,
    /// Each time that what is not used was set off against the next invoice.
    pub prorations: usize,
    pub events: Vec<Value>,
    made: usize,
}

impl Desk {
    pub fn new(now: i64) -> Self {
        let price = |amount, currency: &str| Price {
            amount,
            currency: currency.to_owned(),
            interval: "month".to_owned(),
            product: "made by hand".to_owned(),
        };
        Self {
            now,
            customers: Vec::new(),
            subscriptions: Vec::new(),
            prices: BTreeMap::from([
                ("price_gold".to_owned(), price(2900, "eur")),
                ("price_plus".to_owned(), price(1900, "usd")),
            ]),
            methods: BTreeMap::new(),
            charges: Vec::new(),
            prorations: 0,
            events: Vec::new(),
            made: 0,
        }
    }

    fn id(&mut self, prefix: &str) -> String {
        self.made += 1;
        format!("{prefix}_{:014}", self.made)
    }

    /// Changes a subscription as somebody does at the dashboard, or time does; tells it as an event.
    pub fn change(&mut self, id: &str, change: impl FnOnce(&mut Kept)) {
        let at = self.subscriptions.iter().position(|kept| kept.id == id).expect("a subscription");
        let currency = self.prices[&self.subscriptions[at].price].currency.clone();
        change(&mut self.subscriptions[at]);
        assert_eq!(self.prices[&self.subscriptions[at].price].currency, currency, "no subscription gets another one");
        let is_over = self.subscriptions[at].status == "canceled";
        self.tell(if is_over { "customer.subscription.deleted" } else { "customer.subscription.updated" }, at);
    }

    /// A period is over, and the next one begins: it is invoiced, and that is void while collection is paused.
    pub fn renew(&mut self, id: &str) {
        let kept = self.subscriptions.iter().find(|kept| kept.id == id).expect("a subscription").clone();
        self.now = kept.end;
        let Price { amount, interval, .. } = self.prices[&kept.price].clone();
        let paid = if kept.pause.is_some() { Ok(()) } else { self.collect(&kept.customer, amount) };
        self.change(id, |kept| {
            kept.start = kept.end;
            kept.end += DAY * days(&interval);
            kept.is_void = kept.pause.is_some();
            if !kept.is_void {
                let status = if paid.is_ok() { "active" } else { "past_due" };
                status.clone_into(&mut kept.status);
                kept.payment = Some(paid.map_or_else(str::to_owned, |()| "succeeded".to_owned()));
            }
        });
    }

    /// Charges what the customer pays with; else what the payment waits for.
    fn collect(&mut self, customer: &str, amount: u64) -> Result<(), &'static str> {
        let method = self.customer(customer).and_then(|customer| customer.pays_with.clone());
        match method.as_deref() {
            _ if amount == 0 => return Ok(()),
            Some(method) if method.contains("action") => return Err("requires_action"),
            Some(method) if !method.contains("fails") => {}
            _ => return Err("requires_payment_method"),
        }
        self.charges.push((customer.to_owned(), amount));
        Ok(())
    }

    /// The one subscription that there is.
    #[track_caller]
    pub fn only(&self) -> Kept {
        assert_eq!(self.subscriptions.len(), 1, "{:?}", self.subscriptions);
        self.subscriptions[0].clone()
    }

    fn tell(&mut self, kind: &str, at: usize) {
        let object = self.show(&self.subscriptions[at].clone(), false);
        let id = self.id("evt");
        self.events.push(json!({
            "id": id, "object": "event", "api_version": super::VERSION, "created": self.now, "type": kind,
            "livemode": false, "data": {"object": object},
        }));
    }

    fn show(&self, kept: &Kept, expanded: bool) -> Value {
        let price = &self.prices[&kept.price];
        let shown = json!({
            "id": kept.price, "active": true, "currency": price.currency, "product": price.product,
            "unit_amount": price.amount, "recurring": {"interval": price.interval, "interval_count": 1},
        });
        let invoice = format!("in_{}", kept.id);
        let invoice = if expanded {
            let intent = kept.payment.as_ref().map(|status| {
                json!({"id": format!("pi_{}", kept.id), "object": "payment_intent", "status": status,
                       "client_secret": format!("pi_{}_secret_x", kept.id)})
            });
            let is_paid = kept.payment.as_deref().is_none_or(|status| status == "succeeded");
            let status = if kept.is_void {
                "void"
            } else if is_paid {
                "paid"
            } else {
                "open"
            };
            json!({"id": invoice, "object": "invoice", "status": status,
                   "payment_intent": intent})
        } else {
            json!(invoice)
        };
        json!({
            "id": kept.id, "object": "subscription", "customer": kept.customer, "status": kept.status,
            "pause_collection": kept.pause.as_ref().map(|behavior| json!({"behavior": behavior, "resumes_at": null})),
            "cancel_at_period_end": kept.ends, "created": kept.created, "metadata": kept.metadata,
            "current_period_start": kept.start, "current_period_end": kept.end, "latest_invoice": invoice,
            "pending_setup_intent": self.waits_for_setup(kept).then(|| format!("seti_{}", kept.id)),
            "items": {"object": "list", "data": [{
                "id": format!("si_{}", kept.id), "object": "subscription_item", "price": shown,
                "plan": {"id": kept.price},
            }]},
        })
    }

    /// Whether it is tried without anything that it could be paid with afterwards.
    fn waits_for_setup(&self, kept: &Kept) -> bool {
        let customer = self.customers.iter().find(|customer| customer.id == kept.customer);
        kept.status == "trialing" && customer.is_some_and(|customer| customer.pays_with.is_none())
    }

    /// Pays what is open; nothing is paid twice.
    fn pay(&mut self, invoice: &str, fields: Fields<'_>) -> Answer {
        let at = self.subscriptions.iter().position(|kept| format!("in_{}", kept.id) == invoice);
        let Some(at) = at else { return missing(404, "invoice") };
        let (kept, method) = (self.subscriptions[at].clone(), fields.get("payment_method").expect("a method"));
        assert_eq!(self.methods.get(&method), Some(&kept.customer), "a method of the customer's");
        if kept.is_void || kept.payment.as_deref().is_none_or(|status| status == "succeeded") {
            return (400, error("invalid_request_error", "invoice_already_paid"));
        }
        let amount = self.prices[&kept.price].amount;
        let (status, answer) = match method.as_str() {
            method if method.contains("action") => ("requires_action", "invoice_payment_intent_requires_action"),
            method if method.contains("fails") => ("requires_payment_method", "card_declined"),
            _ => ("succeeded", ""),
        };
        self.subscriptions[at].payment = Some(status.to_owned());
        if status != "succeeded" {
            return (402, error("card_error", answer));
        }
        self.charges.push((kept.customer, amount));
        "active".clone_into(&mut self.subscriptions[at].status);
        self.tell("customer.subscription.updated", at);
        (200, json!({"id": invoice, "object": "invoice", "status": "paid"}))
    }

    pub(super) fn serve(&mut self, asked: &Asked) -> Answer {
        let path: Vec<&str> = asked.path.trim_start_matches("/v1/").split('/').collect();
        let allowed: &[&str] = match (asked.method.as_str(), path.as_slice()) {
            ("POST", ["customers"]) => &["email", "metadata[countersign_account]"],
            ("POST", ["customers", _]) => &["invoice_settings[default_payment_method]"],
            ("POST", ["payment_methods", _, "attach"]) => &["customer"],
            ("POST", ["plans"]) => &["id", "amount", "currency", "interval", "product[name]"],
            ("POST", ["subscriptions"]) => &[
                "customer",
                "items[0][price]",
                "items[0][plan]",
                "metadata[countersign_account]",
                "metadata[countersign_subscription]",
                "expand[]",
                "payment_behavior",
                "payment_settings[save_default_payment_method]",
                "trial_period_days",
            ],
            ("POST", ["subscriptions", _]) => &[
                "items[0][id]",
                "items[0][price]",
                "items[0][plan]",
                "proration_behavior",
                "cancel_at_period_end",
                "payment_behavior",
                "trial_end",
                "default_payment_method",
                "billing_cycle_anchor",
                "pause_collection",
                "pause_collection[behavior]",
            ],
            ("POST", ["invoices", _, "pay"]) => &["payment_method"],
            ("GET", ["subscriptions", _]) => &["expand[]"],
            ("GET", ["subscriptions"]) => &["customer", "status", "limit", "expand[]"],
            _ => &[],
        };
        if let Some((name, _)) = asked.fields.iter().find(|(name, _)| !allowed.contains(&name.as_str())) {
            return (
                400,
                json!({"error": {"type": "invalid_request_error", "code": "parameter_unknown", "param": name}}),
            );
        }
        let fields = Fields(&asked.fields);
        match (asked.method.as_str(), path.as_slice()) {
            ("POST", ["customers"]) => self.create_customer(fields),
            ("GET", ["customers", id]) => self.find_customer(id),
            ("POST", ["customers", id]) => self.choose_method(id, fields),
            ("DELETE", ["customers", id]) => self.delete_customer(id),
            ("POST", ["payment_methods", id, "attach"]) => self.attach(id, fields),
            ("GET", ["payment_methods", id]) => self.find_method(id),
            ("POST", ["plans"]) => self.create_plan(fields),
            ("GET", ["plans" | "prices", id]) => self.find_price(id),
            ("POST", ["subscriptions"]) => self.subscribe(fields),
            ("GET", ["subscriptions"]) => self.list(fields),
            ("GET", ["subscriptions", id]) => self.find(id, fields),
            ("POST", ["subscriptions", id]) => self.update(id, fields),
            ("POST", ["subscriptions", id, "resume"]) => self.wake(id),
            ("DELETE", ["subscriptions", id]) => self.cancel(id),
            ("POST", ["invoices", id, "pay"]) => self.pay(id, fields),
            ("GET", ["setup_intents", id]) => {
                (200, json!({"id": id, "object": "setup_intent", "client_secret": format!("{id}_secret_x")}))
            }
            _ => (404, error("invalid_request_error", "unrecognized_url")),
        }
    }

    fn customer(&mut self, id: &str) -> Option<&mut Customer> {
        self.customers.iter_mut().find(|customer| customer.id == id && !customer.is_deleted)
    }

    fn create_customer(&mut self, fields: Fields<'_>) -> Answer {
        let id = self.id("cus");
        self.customers.push(Customer {
            id: id.clone(),
            email: fields.get("email"),
            account: fields.get("metadata[countersign_account]"),
            pays_with: None,
            is_deleted: false,
        });
        (200, json!({"id": id, "object": "customer"}))
    }

    fn find_customer(&mut self, id: &str) -> Answer {
        match self.customers.iter().find(|customer| customer.id == id) {
            Some(customer) if customer.is_deleted => (200, json!({"id": id, "object": "customer", "deleted": true})),
            Some(_) => (200, json!({"id": id, "object": "customer"})),
            None => missing(404, "id"),
        }
    }

    fn choose_method(&mut self, id: &str, fields: Fields<'_>) -> Answer {
        let method = fields.get("invoice_settings[default_payment_method]");
        if method.as_ref().and_then(|method| self.methods.get(method)).is_none_or(|owner| owner != id) {
            return missing(400, "invoice_settings[default_payment_method]");
        }
        let Some(customer) = self.customer(id) else { return missing(404, "id") };
        customer.pays_with = method;
        (200, json!({"id": id, "object": "customer"}))
    }

    fn delete_customer(&mut self, id: &str) -> Answer {
        let Some(customer) = self.customer(id) else { return missing(404, "id") };
        customer.is_deleted = true;
        for at in 0..self.subscriptions.len() {
            if self.subscriptions[at].customer == id && self.subscriptions[at].status != "canceled" {
                "canceled".clone_into(&mut self.subscriptions[at].status);
                self.tell("customer.subscription.deleted", at);
            }
        }
        let event = self.id("evt");
        let object = json!({"id": id, "object": "customer"});
        self.events.push(json!({"id": event, "type": "customer.deleted", "data": {"object": object}}));
        (200, json!({"id": id, "object": "customer", "deleted": true}))
    }

    fn attach(&mut self, id: &str, fields: Fields<'_>) -> Answer {
        let customer = fields.get("customer").unwrap_or_default();
        if self.customer(&customer).is_none() {
            return missing(400, "customer");
        }
        if id.contains("missing") {
            return missing(404, "payment_method");
        }
        let declined = [("declined", "insufficient_funds"), ("stolen", "stolen_card")];
        if let Some((_, word)) = declined.into_iter().find(|(name, _)| id.contains(name)) {
            return (
                402,
                json!({"error": {"type": "card_error", "code": "card_declined",
                                          "decline_code": word, "message": "hunter2"}}),
            );
        }
        if self.methods.get(id).is_some_and(|owner| *owner != customer) {
            return (400, error("invalid_request_error", "payment_method_unexpected_state"));
        }
        self.methods.insert(id.to_owned(), customer);
        (200, json!({"id": id, "object": "payment_method"}))
    }

    fn find_method(&mut self, id: &str) -> Answer {
        match self.methods.get(id) {
            Some(owner) => (200, json!({"id": id, "object": "payment_method", "customer": owner})),
            None => missing(404, "payment_method"),
        }
    }

    fn create_plan(&mut self, fields: Fields<'_>) -> Answer {
        let id = fields.get("id").expect("an id");
        let amount = fields.get("amount").and_then(|amount| amount.parse().ok()).expect("an amount");
        if self.prices.contains_key(&id) {
            return (400, error("invalid_request_error", "resource_already_exists"));
        }
        let interval = fields.get("interval").expect("an interval");
        assert!(DAYS.iter().any(|(name, _)| *name == interval), "{interval}");
        let product = fields.get("product[name]").expect("a product's name");
        let currency = fields.get("currency").expect("a currency");
        self.prices.insert(id.clone(), Price { amount, currency, interval, product });
        self.find_price(&id)
    }

    fn find_price(&self, id: &str) -> Answer {
        let Some(Price { amount, currency, interval, product }) = self.prices.get(id) else {
            return missing(404, "id");
        };
        let shown = if id.starts_with("price_") {
            json!({"id": id, "object": "price", "unit_amount": amount, "currency": currency, "active": true,
                   "product": product, "recurring": {"interval": interval, "interval_count": 1}})
        } else {
            json!({"id": id, "object": "plan", "amount": amount, "currency": currency, "interval": interval,
                   "interval_count": 1, "active": true, "product": product})
        };
        (200, shown)
    }

    fn subscribe(&mut self, fields: Fields<'_>) -> Answer {
        let customer = fields.get("customer").unwrap_or_default();
        let price = fields.price();
        let Some(found) = self.customer(&customer) else { return missing(400, "customer") };
        let method = found.pays_with.clone();
        let Some(Price { amount, interval, .. }) = self.prices.get(&price).cloned() else {
            return missing(400, "items[0][price]");
        };
        let behavior = fields.get("payment_behavior");
        let trial: i64 = fields.get("trial_period_days").map_or(0, |days| days.parse().expect("days"));
        let (status, payment) = match (&method, behavior.as_deref()) {
            _ if trial > 0 => ("trialing", None),
            _ if amount == 0 => ("active", None),
            (Some(method), Some("allow_incomplete")) if method.contains("action") => {
                ("incomplete", Some("requires_action"))
            }
            (Some(method), Some("allow_incomplete")) if method.contains("fails") => {
                ("incomplete", Some("requires_payment_method"))
            }
            (Some(_), Some("allow_incomplete")) => ("active", Some("succeeded")),
            (None, Some("allow_incomplete")) => return missing(400, "default_payment_method"),
            (_, Some("default_incomplete")) => ("incomplete", Some("requires_payment_method")),
            (_, other) => panic!("payment_behavior {other:?}"),
        };
        if payment == Some("succeeded") {
            self.charges.push((customer.clone(), amount));
        }
        let days = days(&interval);
        let kept = Kept {
            id: self.id("sub"),
            customer,
            price,
            status: status.to_owned(),
            pause: None,
            ends: false,
            start: self.now,
            end: self.now + DAY * if trial > 0 { trial } else { days },
            created: self.now,
            metadata: fields.metadata(),
            payment: payment.map(str::to_owned),
            is_void: false,
            method: None,
        };
        let shown = self.show(&kept, fields.is_expanded());
        self.subscriptions.push(kept);
        self.tell("customer.subscription.created", self.subscriptions.len() - 1);
        (200, shown)
    }

    fn list(&mut self, fields: Fields<'_>) -> Answer {
        // Whoever knocks asks for nobody's.
        let Some(customer) = fields.get("customer") else {
            return (200, json!({"object": "list", "url": "/v1/subscriptions", "has_more": false, "data": []}));
        };
        if self.customer(&customer).is_none() {
            return missing(400, "customer");
        }
        assert_eq!(fields.get("status").as_deref(), Some("all"));
        let limit = fields.get("limit").map_or(10, |limit| limit.parse().expect("a limit"));
        // The newest first.
        let all: Vec<&Kept> = self.subscriptions.iter().rev().filter(|kept| kept.customer == customer).collect();
        let shown: Vec<Value> = all.iter().take(limit).map(|kept| self.show(kept, false)).collect();
        let has_more = shown.len() < all.len();
        (200, json!({"object": "list", "url": "/v1/subscriptions", "has_more": has_more, "data": shown}))
    }

    fn find(&mut self, id: &str, fields: Fields<'_>) -> Answer {
        match self.subscriptions.iter().find(|kept| kept.id == id) {
            Some(kept) => (200, self.show(kept, fields.is_expanded())),
            None => missing(404, "id"),
        }
    }

    fn update(&mut self, id: &str, fields: Fields<'_>) -> Answer {
        let Some(at) = self.subscriptions.iter().position(|kept| kept.id == id) else { return missing(404, "id") };
        let mut kept = self.subscriptions[at].clone();
        if ["canceled", "incomplete_expired"].contains(&kept.status.as_str()) {
            return missing(404, "id");
        }
        if let Some(method) = fields.get("default_payment_method") {
            assert_eq!(self.methods.get(&method), Some(&kept.customer), "a method of the customer's");
            kept.method = Some(method);
        }
        match fields.get("cancel_at_period_end").as_deref() {
            Some("true") => kept.ends = true,
            Some("false") => kept.ends = false,
            None => {}
            Some(other) => panic!("cancel_at_period_end {other}"),
        }
        match (fields.get("pause_collection").as_deref(), fields.get("pause_collection[behavior]")) {
            (Some(""), None) => kept.pause = None,
            (None, Some(behavior)) => kept.pause = Some(behavior),
            (None, None) => {}
            other => panic!("pause_collection {other:?}"),
        }
        let due = match self.reprice(&mut kept, fields) {
            Ok(due) => due,
            Err(refusal) => return refusal,
        };
        if due > 0 {
            kept.is_void = kept.pause.is_some();
            let paid = if kept.is_void { Ok(()) } else { self.collect(&kept.customer, due) };
            match paid {
                Ok(()) => kept.payment = Some("succeeded".to_owned()),
                Err(_) if fields.get("payment_behavior").as_deref() == Some("error_if_incomplete") => {
                    let has_method = self.customer(&kept.customer).is_some_and(|customer| customer.pays_with.is_some());
                    return if has_method {
                        (402, error("card_error", "card_declined"))
                    } else {
                        (400, error("invalid_request_error", "resource_missing"))
                    };
                }
                // It is changed all the same.
                Err(waits_for) => {
                    "past_due".clone_into(&mut kept.status);
                    kept.payment = Some(waits_for.to_owned());
                }
            }
        }
        self.subscriptions[at] = kept;
        self.tell("customer.subscription.updated", at);
        (200, self.show(&self.subscriptions[at], false))
    }

    /// Another price, or another beginning of the period; gives what is to be paid at once.
    fn reprice(&mut self, kept: &mut Kept, fields: Fields<'_>) -> Result<u64, Answer> {
        let old = self.prices[&kept.price].clone();
        let proration = fields.get("proration_behavior");
        if fields.get("items[0][id]").is_some() || fields.get("items[0][price]").is_some() {
            let item = Some(format!("si_{}", kept.id));
            assert_eq!(fields.get("items[0][id]"), item, "a price without its item is added");
            let price = fields.price();
            if !self.prices.contains_key(&price) {
                return Err(missing(400, "items[0][price]"));
            }
            if self.prices[&price].currency != old.currency {
                return Err((400, error("invalid_request_error", "currency_mismatch")));
            }
            assert!(matches!(proration.as_deref(), Some("create_prorations" | "always_invoice")));
            self.prorations += usize::from(kept.price != price);
            kept.price = price;
        }
        let new = self.prices[&kept.price].clone();
        let is_anew = match fields.get("billing_cycle_anchor").as_deref() {
            None => false,
            Some("now") => true,
            Some(other) => panic!("billing_cycle_anchor {other}"),
        };
        if kept.status == "trialing" {
            match fields.get("trial_end").as_deref() {
                None => return Ok(0),
                Some("now") => {
                    "active".clone_into(&mut kept.status);
                    (kept.start, kept.end) = (self.now, self.now + DAY * days(&new.interval));
                    return Ok(new.amount);
                }
                Some(end) => {
                    kept.end = end.parse().expect("a time");
                    assert!(kept.end > self.now, "a trial that ends in the past");
                    return Ok(0);
                }
            }
        }
        // What begins to cost something, or has other periods, begins anew.
        if is_anew || old.interval != new.interval || (old.amount == 0 && new.amount > 0) {
            (kept.start, kept.end) = (self.now, self.now + DAY * days(&new.interval));
            return Ok(new.amount);
        }
        let more = new.amount.saturating_sub(old.amount);
        let (left, whole) = ((kept.end - self.now).unsigned_abs(), (kept.end - kept.start).unsigned_abs());
        Ok(if proration.as_deref() == Some("always_invoice") { more * left / whole } else { 0 })
    }

    fn wake(&mut self, id: &str) -> Answer {
        let Some(at) = self.subscriptions.iter().position(|kept| kept.id == id) else { return missing(404, "id") };
        if self.subscriptions[at].status != "paused" {
            return (400, error("invalid_request_error", "subscription_not_paused"));
        }
        "active".clone_into(&mut self.subscriptions[at].status);
        self.tell("customer.subscription.resumed", at);
        (200, self.show(&self.subscriptions[at], false))
    }

    fn cancel(&mut self, id: &str) -> Answer {
        let Some(at) = self.subscriptions.iter().position(|kept| kept.id == id) else { return missing(404, "id") };
        if ["canceled", "incomplete_expired"].contains(&self.subscriptions[at].status.as_str()) {
            return missing(404, "id");
        }
        let is_unpaid = self.subscriptions[at].status == "incomplete";
        let status = if is_unpaid { "incomplete_expired" } else { "canceled" };
        status.clone_into(&mut self.subscriptions[at].status);
        self.tell("customer.subscription.deleted", at);
        (200, self.show(&self.subscriptions[at], false))
    }
}

/// How many days a period has.
fn days(interval: &str) -> i64 {
    DAYS.iter().find(|(name, _)| *name == interval).expect("an interval").1
}

fn missing(status: u16, param: &str) -> Answer {
    let mut answer = error("invalid_request_error", "resource_missing");
    answer["error"]["param"] = param.into();
    (status, answer)
}

#[derive(Clone, Copy)]
struct Fields<'a>(&'a [(String, String)]);

impl Fields<'_> {
    fn get(self, name: &str) -> Option<String> {
        self.0.iter().find(|(given, _)| given == name).map(|(_, value)| value.clone())
    }

    /// The price's id. What Stripe made itself is one, and what somebody named is a plan.
    fn price(self) -> String {
        let (price, plan) = (self.get("items[0][price]"), self.get("items[0][plan]"));
        assert!(price.is_none() || plan.is_none(), "both");
        price.or(plan).expect("a price")
    }

    fn is_expanded(self) -> bool {
        match self.get("expand[]").as_deref() {
            None => false,
            Some("latest_invoice.payment_intent") => true,
            Some(other) => panic!("expand {other}"),
        }
    }

    fn metadata(self) -> BTreeMap<String, String> {
        let inner = |name: &str| Some(name.strip_prefix("metadata[")?.strip_suffix(']')?.to_owned());
        self.0.iter().filter_map(|(name, value)| Some((inner(name)?, value.clone()))).collect()
    }
}
