//! Stripe, as far as subscriptions need it: its requests typed, its answers read, its webhooks verified. It knows no
//! accounts, decides nothing, and keeps nothing that a restart would miss.

mod customers;
mod examination;
mod prices;
mod subscriptions;
mod web;
pub mod webhook;

use std::fmt;
use std::sync::Mutex;

pub use customers::Presence;
pub use examination::examine;
pub use prices::Price;
pub use subscriptions::{Invoice, NewSubscription, Payment, Subscription};

use crate::config;
use web::Web;

/// The version of Stripe's API that all is written for. What is not named depends on when somebody's account was made.
pub const VERSION: &str = "2024-06-20";

/// What tells which of our accounts a customer or a subscription belongs to.
pub const ACCOUNT: &str = "countersign_account";

/// What tells which of our subscriptions one is.
pub const SUBSCRIPTION: &str = "countersign_subscription";

/// Stripe.
pub struct Stripe {
    web: Web,
    /// The prices that were seen there since the start, so that they are not asked for each time.
    seen: Mutex<Vec<String>>,
}

/// Why something was not done, or may not have been.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The payment is refused, with Stripe's word for it. Nothing was done.
    Declined(String),
    /// Something that was named is not there; with Stripe's word for it. Nothing was done.
    Missing(String),
    /// Stripe refuses the request, for a reason that an operator has to see. Nothing was done.
    Refused(String),
    /// Nobody knows whether it was done: Stripe can't be reached, took too long, or failed.
    Unknown(String),
}

impl Stripe {
    /// Stripe as it is configured, if it is.
    #[must_use]
    pub fn new(config: &config::Stripe) -> Option<Self> {
        let key = config.keys.as_ref()?.secret.clone();
        // It was parsed when the configuration was read.
        let base = config.api_base.parse().ok()?;
        Some(Self { web: Web::new(base, key), seen: Mutex::default() })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Declined(word) => write!(f, "the payment is refused ({word})"),
            Self::Missing(word) => write!(f, "something that was named is not there ({word})"),
            Self::Refused(reason) => write!(f, "the request is refused ({reason})"),
            Self::Unknown(reason) => f.write_str(reason),
        }
    }
}

impl std::error::Error for Failure {}
