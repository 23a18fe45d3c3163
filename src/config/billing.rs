//! The settings of subscriptions: the plans, and Stripe, which takes the payments for them.

use std::collections::HashSet;
use std::time::Duration;

use serde::Deserialize;
use url::Url;

use super::google::is_protected;
use super::people::secret_text;
use super::read::{Fault, Reader, span};
use super::sources::{ConfigError, Raw};
use crate::model::plan::{Interval, LONGEST, Plan, Plans};
use crate::secret::SecretText;

/// Stripe, which takes payments.
#[derive(Clone, Debug)]
pub struct Stripe {
    /// By what we may call it; without it only what costs nothing can be subscribed to.
    pub keys: Option<StripeKeys>,
    /// Where it is, without a slash at the end.
    pub api_base: String,
    /// After how long a customer is looked at whom no event was told of.
    pub reconcile_every: Duration,
}

/// By what we and Stripe know each other.
#[derive(Clone, Debug)]
pub struct StripeKeys {
    /// By what we prove who we are.
    pub secret: SecretText,
    /// By what it proves that an event is its own; without it none is taken.
    pub webhook: Option<SecretText>,
}

/// The most plans that there may be.
const MOST: usize = 100;

/// The longest trial that Stripe takes.
const LONGEST_TRIAL: u16 = 730;

/// The longest id of Stripe's.
const LONGEST_PRICE: usize = 255;

/// A plan as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    id: String,
    plan: Option<String>,
    #[serde(default)]
    price: u64,
    currency: Option<String>,
    interval: Option<String>,
    #[serde(default)]
    trial_days: u16,
    stripe_price: Option<String>,
}

impl Reader {
    pub(super) fn stripe(&self) -> Result<Stripe, ConfigError> {
        let secret = self.optional("stripe.secret_key", secret_key)?;
        let webhook = self.optional("stripe.webhook_secret", secret_text)?;
        let keys = match (secret, webhook) {
            (Some(secret), webhook) => Some(StripeKeys { secret, webhook }),
            (None, None) => None,
            (None, Some(_)) => {
                return Err(ConfigError("stripe.webhook_secret is of no use without stripe.secret_key".to_owned()));
            }
        };
        Ok(Stripe {
            keys,
            api_base: self.read("stripe.api_base", api_base)?,
            reconcile_every: self.read("stripe.reconcile_every", span::<60, { 30 * 86_400 }>)?,
        })
    }

    pub(super) fn plans(&self) -> Result<Plans, ConfigError> {
        let Some(setting) = self.0.get("plans") else { return Ok(Plans::default()) };
        let expected = "a list such as [{id = \"premium_monthly\", plan = \"premium\", price = 999, currency = \"usd\", \
                        interval = \"month\"}] is expected";
        let written: Option<Vec<Written>> = match &setting.raw {
            Raw::Text(text) => serde_json::from_str(text).ok(),
            Raw::Toml(value) => value.clone().try_into().ok(),
        };
        let checked = written.ok_or_else(|| expected.to_owned()).and_then(check);
        checked.map(Plans).map_err(|fault| ConfigError(format!("{}: plans: {fault}", setting.source)))
    }
}

fn check(written: Vec<Written>) -> Result<Vec<Plan>, String> {
    if written.len() > MOST {
        return Err(format!("at most {MOST} are allowed"));
    }
    let (mut ids, mut prices) = (HashSet::new(), HashSet::new());
    let mut plans = Vec::with_capacity(written.len());
    for (index, written) in written.into_iter().enumerate() {
        let plan = check_one(written).map_err(|fault| format!("entry {}: {fault}", index + 1))?;
        if !ids.insert(plan.id.clone()) {
            return Err(format!("entry {}: id: another entry has the same", index + 1));
        }
        // By its price it is known which plan somebody has at Stripe.
        if !prices.insert(plan.stripe_price.clone()) {
            return Err(format!("entry {}: stripe_price: another entry has the same", index + 1));
        }
        plans.push(plan);
    }
    Ok(plans)
}

fn check_one(written: Written) -> Result<Plan, Fault> {
    let Written { id, plan, price, currency, interval, trial_days, stripe_price } = written;
    if !is_word(&id, LONGEST) {
        return Err("id: 1 to 64 letters, digits, dots, dashes and underscores are expected");
    }
    let name = plan.unwrap_or_else(|| id.clone());
    if !(1..=LONGEST).contains(&name.chars().count()) || name.chars().any(char::is_control) {
        return Err("plan: 1 to 64 characters are expected");
    }
    // Money is an integer wherever it goes, and what is not fits nowhere.
    if i64::try_from(price).is_err() {
        return Err("price: it is too big");
    }
    let currency = currency.unwrap_or_else(|| "usd".to_owned());
    if currency.len() != 3 || !currency.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return Err("currency: three letters in lower case are expected, such as usd");
    }
    let interval = Interval::from_word(interval.as_deref().unwrap_or("month"))
        .ok_or("interval: day, week, month or year is expected")?;
    if trial_days > LONGEST_TRIAL {
        return Err("trial_days: at most 730 are allowed");
    }
    let stripe_price = stripe_price.unwrap_or_else(|| id.clone());
    if !is_word(&stripe_price, LONGEST_PRICE) {
        return Err("stripe_price: the id of a price is expected, such as price_1MoBy5LkdIwHu7ixZhnattbh");
    }
    Ok(Plan { id, name, price, currency, interval, trial_days, stripe_price })
}

fn is_word(text: &str, longest: usize) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    (1..=longest).contains(&text.len()) && text.chars().all(fits)
}

/// What is published with pages (`pk_…`) is easily taken for it, and does nothing.
fn secret_key(written: &str) -> Result<SecretText, Fault> {
    let is_secret = written.starts_with("sk_") || written.starts_with("rk_");
    let is_plain = written.bytes().all(|byte| byte.is_ascii_graphic());
    if is_secret && is_plain { secret_text(written) } else { Err("a secret key is expected: sk_… or rk_…") }
}

fn api_base(written: &str) -> Result<String, Fault> {
    const FAULT: Fault = "a URL is expected, such as https://api.stripe.com: https (http on this machine alone), no query, \
                          no #, no user";
    let url = Url::parse(written).map_err(|_| FAULT)?;
    let bare = url.query().is_none() && url.fragment().is_none();
    let anonymous = url.username().is_empty() && url.password().is_none();
    if bare && anonymous && is_protected(&url) { Ok(written.trim_end_matches('/').to_owned()) } else { Err(FAULT) }
}

/// The plan as an operator writes it.
pub(super) fn to_toml(plan: &Plan) -> toml::Value {
    let mut table = toml::Table::new();
    table.insert("id".to_owned(), plan.id.clone().into());
    table.insert("plan".to_owned(), plan.name.clone().into());
    // That it fits was checked.
    table.insert("price".to_owned(), i64::try_from(plan.price).unwrap_or(i64::MAX).into());
    table.insert("currency".to_owned(), plan.currency.clone().into());
    table.insert("interval".to_owned(), plan.interval.word().into());
    table.insert("trial_days".to_owned(), i64::from(plan.trial_days).into());
    table.insert("stripe_price".to_owned(), plan.stripe_price.clone().into());
    toml::Value::Table(table)
}

#[cfg(test)]
mod tests {
    use super::super::{Config, Environment};
    use super::*;

    fn with(variables: &[(&str, &str)]) -> Result<Config, String> {
        let owned = variables.iter().map(|(name, value)| (format!("COUNTERSIGN_{name}"), (*value).to_owned()));
        Config::load(&[], &Environment(owned.collect())).map_err(|error| error.0)
    }

    #[test]
    fn plans_are_read_from_either_place_and_shown_as_they_are_written() {
        let list = r#"[{"id":"premium_monthly","plan":"premium","price":999,"trial_days":14,"stripe_price":"price_1"},
                       {"id":"free"},{"id":"premium_yearly","plan":"premium","currency":"eur","interval":"year"}]"#;
        let config = with(&[("PLANS", list)]).unwrap();
        let plans = &config.plans.0;
        let shown =
            |plan: &Plan| (plan.name.clone(), plan.price, plan.currency.clone(), plan.interval, plan.trial_days);
        assert_eq!(shown(&plans[0]), ("premium".to_owned(), 999, "usd".to_owned(), Interval::Month, 14));
        assert_eq!(shown(&plans[1]), ("free".to_owned(), 0, "usd".to_owned(), Interval::Month, 0));
        assert_eq!((plans[0].stripe_price.as_str(), plans[1].stripe_price.as_str()), ("price_1", "free"));
        assert_eq!((plans[2].interval, plans[2].currency.as_str()), (Interval::Year, "eur"));
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), config.to_toml()).unwrap();
        let again = Config::load(&[file.path().to_owned()], &Environment::default()).unwrap();
        assert_eq!(again.plans, config.plans);
    }

    #[test]
    fn what_is_wrong_with_a_plan_is_named() {
        let many = format!("[{}]", vec!["{\"id\":\"a\"}"; 101].join(","));
        let long = format!(r#"[{{"id":"{}"}}]"#, "a".repeat(65));
        for (list, named) in [
            ("premium", "a list such as"),
            (r#"[{"plan":"a"}]"#, "a list such as"),
            (r#"[{"id":"a","cost":1}]"#, "a list such as"),
            (r#"[{"id":"a","price":-1}]"#, "a list such as"),
            (r#"[{"id":"a","price":9.99}]"#, "a list such as"),
            (r#"[{"id":"a","price":9223372036854775808}]"#, "entry 1: price"),
            (r#"[{"id":""}]"#, "entry 1: id"),
            (r#"[{"id":"a b"}]"#, "entry 1: id"),
            (&long, "entry 1: id"),
            (r#"[{"id":"a"},{"id":"a"}]"#, "entry 2: id"),
            (r#"[{"id":"a"},{"id":"b","stripe_price":"a"}]"#, "entry 2: stripe_price"),
            (r#"[{"id":"a","stripe_price":"a/b"}]"#, "entry 1: stripe_price"),
            (r#"[{"id":"a","plan":""}]"#, "entry 1: plan"),
            (r#"[{"id":"a","currency":"USD"}]"#, "entry 1: currency"),
            (r#"[{"id":"a","currency":"us"}]"#, "entry 1: currency"),
            (r#"[{"id":"a","interval":"quarter"}]"#, "entry 1: interval"),
            (r#"[{"id":"a","trial_days":731}]"#, "entry 1: trial_days"),
            (&many, "at most 100"),
        ] {
            let fault = with(&[("PLANS", list)]).unwrap_err();
            assert!(fault.starts_with("COUNTERSIGN_PLANS: plans: ") && fault.contains(named), "{list}: {fault}");
        }
    }

    const KEY: (&str, &str) = ("STRIPE__SECRET_KEY", "sk_test_hunter2hunter2");
    const WEBHOOK: (&str, &str) = ("STRIPE__WEBHOOK_SECRET", "whsec_hunter2hunter2");

    #[test]
    fn stripe_is_off_until_its_key_is_set_and_shows_no_secret() {
        let config = with(&[]).unwrap();
        assert!(config.stripe.keys.is_none());
        assert_eq!(config.stripe.api_base, "https://api.stripe.com");
        assert_eq!(config.stripe.reconcile_every, Duration::from_hours(1));
        assert!(with(&[KEY]).unwrap().stripe.keys.unwrap().webhook.is_none());
        assert!(with(&[WEBHOOK]).unwrap_err().contains("of no use without stripe.secret_key"));
        let config = with(&[KEY, WEBHOOK]).unwrap();
        assert!(config.stripe.keys.as_ref().unwrap().webhook.is_some());
        for shown in [config.to_toml(), format!("{config:?}")] {
            assert!(!shown.contains("hunter2"), "{shown}");
        }
    }

    #[test]
    fn a_key_that_is_none_and_a_place_that_others_could_listen_at_are_refused() {
        for (name, value) in [
            ("STRIPE__SECRET_KEY", "pk_test_hunter2hunter2"),
            ("STRIPE__SECRET_KEY", "sk_hunter2\nhunter2"),
            ("STRIPE__SECRET_KEY", "sk_"),
            ("STRIPE__API_BASE", "http://api.stripe.com"),
            ("STRIPE__API_BASE", "https://me@api.stripe.com"),
            ("STRIPE__API_BASE", "https://api.stripe.com/?a"),
            ("STRIPE__API_BASE", "api.stripe.com"),
            ("STRIPE__RECONCILE_EVERY", "59s"),
            ("STRIPE__RECONCILE_EVERY", "31days"),
        ] {
            let fault = with(&[(name, value)]).unwrap_err();
            let key = name.to_lowercase().replace("__", ".");
            assert!(fault.starts_with(&format!("COUNTERSIGN_{name}: {key}: ")), "{fault}");
            assert!(!fault.contains("hunter2"), "{fault}");
        }
        let config = with(&[KEY, ("STRIPE__API_BASE", "http://127.0.0.1:9/stripe/")]).unwrap();
        assert_eq!(config.stripe.api_base, "http://127.0.0.1:9/stripe");
    }
}
