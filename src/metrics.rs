//! What is counted, and its text for Prometheus. No label ever holds an address, an account or a path as sent.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// Buckets of request durations in seconds: from a nonce to a time-out.
const DURATIONS: [f64; 10] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10.0];

/// Everything that is counted.
pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    durations: Family<RouteLabels, Histogram, fn() -> Histogram>,
    sign_ins: Family<OutcomeLabels, Counter>,
    refreshes: Family<OutcomeLabels, Counter>,
    second_factors: Family<OutcomeLabels, Counter>,
    subscription_moves: Family<OutcomeLabels, Counter>,
    stripe_calls: Family<OutcomeLabels, Counter>,
    stripe_webhooks: Family<OutcomeLabels, Counter>,
    limited: Family<PolicyLabels, Counter>,
    mails: Family<OutcomeLabels, Counter>,
    pushes: Family<OutcomeLabels, Counter>,
    events: Family<EventLabels, Counter>,
    pool: Family<PoolLabels, Gauge>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: &'static str,
    route: String,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EventLabels {
    event: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PolicyLabels {
    policy: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PoolLabels {
    state: &'static str,
}

impl Default for Metrics {
    fn default() -> Self {
        let metrics = Self {
            registry: Registry::with_prefix("countersign"),
            requests: Family::default(),
            durations: Family::new_with_constructor(|| Histogram::new(DURATIONS)),
            sign_ins: Family::default(),
            refreshes: Family::default(),
            second_factors: Family::default(),
            subscription_moves: Family::default(),
            stripe_calls: Family::default(),
            stripe_webhooks: Family::default(),
            limited: Family::default(),
            mails: Family::default(),
            pushes: Family::default(),
            events: Family::default(),
            pool: Family::default(),
        };
        metrics.registered()
    }
}

impl Metrics {
    fn registered(mut self) -> Self {
        let registry = &mut self.registry;
        registry.register("http_requests", "Requests by method, route and status", self.requests.clone());
        registry.register("http_request_duration_seconds", "Durations by route", self.durations.clone());
        registry.register("sign_ins", "Sign-ins by outcome: ok, or the error code", self.sign_ins.clone());
        registry.register("refreshes", "Refreshes by outcome: ok, or the error code", self.refreshes.clone());
        let help = "Second factors by outcome: totp, backup_code, device, or the error code";
        registry.register("second_factors", help, self.second_factors.clone());
        let help = "Changes of subscriptions that were asked for by outcome: ok, or the error code";
        registry.register("subscription_moves", help, self.subscription_moves.clone());
        let help = "Errands at Stripe by outcome: ok, declined, missing, refused, unknown";
        registry.register("stripe_calls", help, self.stripe_calls.clone());
        let help = "Events that came as from Stripe by outcome: ok, seen, unrelated, or the error code";
        registry.register("stripe_webhooks", help, self.stripe_webhooks.clone());
        registry.register("limited", "Requests refused by a limit", self.limited.clone());
        registry.register("mails", "Tries to send a mail by outcome: sent, retried, failed", self.mails.clone());
        let help = "Tries to send a notice to a device by outcome: sent, retried, failed, expired, unmeant, gone";
        registry.register("pushes", help, self.pushes.clone());
        registry.register("events", "Events of the audit trail by name, but sign-ins by wallet", self.events.clone());
        registry.register("database_connections", "Connections of the pool by state", self.pool.clone());
        self
    }

    /// Counts a request that was answered. `route` is the matched pattern, never the path.
    pub fn count_request(&self, method: &'static str, route: &str, status: u16, took: Duration) {
        self.requests.get_or_create(&RequestLabels { method, route: route.to_owned(), status }).inc();
        self.durations.get_or_create(&RouteLabels { route: route.to_owned() }).observe(took.as_secs_f64());
    }

    /// Counts a sign-in: `ok`, or the code of the error.
    pub fn count_sign_in(&self, outcome: &'static str) {
        self.sign_ins.get_or_create(&OutcomeLabels { outcome }).inc();
    }

    /// Counts a refresh: `ok`, or the code of the error.
    pub fn count_refresh(&self, outcome: &'static str) {
        self.refreshes.get_or_create(&OutcomeLabels { outcome }).inc();
    }

    /// Counts somebody at the second factor: by what he got past it, or the code of the error.
    pub fn count_second_factor(&self, outcome: &'static str) {
        self.second_factors.get_or_create(&OutcomeLabels { outcome }).inc();
    }

    /// Counts an errand at Stripe: `ok`, or how it failed.
    pub fn count_stripe_call(&self, outcome: &'static str) {
        self.stripe_calls.get_or_create(&OutcomeLabels { outcome }).inc();
    }

    /// Counts an event that came as from Stripe: `ok`, `seen` before, `unrelated`, or the code of the error.
    pub fn count_stripe_webhook(&self, outcome: &'static str) {
        self.stripe_webhooks.get_or_create(&OutcomeLabels { outcome }).inc();
    }

    /// Counts a change of a subscription that was asked for: `ok`, or the code of the error.
    pub fn count_subscription_move(&self, outcome: &'static str) {
        self.subscription_moves.get_or_create(&OutcomeLabels { outcome }).inc();
    }

    /// Counts a request that a limit refused.
    pub fn count_limited(&self, policy: &'static str) {
        self.limited.get_or_create(&PolicyLabels { policy }).inc();
    }

    /// Counts a try to send a mail: `sent`, `retried` later, or `failed` for good.
    pub fn count_mail(&self, outcome: &'static str) {
        self.mails.get_or_create(&OutcomeLabels { outcome }).inc();
    }

    /// Counts a try to send a notice: `sent`, `retried` later, `failed` for good, `expired`, `unmeant` for whoever has the
    /// device now, or of a device that is `gone`.
    pub fn count_push(&self, outcome: &'static str) {
        self.pushes.get_or_create(&OutcomeLabels { outcome }).inc();
    }

    /// Counts an event of the audit trail.
    pub fn count_event(&self, event: &'static str) {
        self.events.get_or_create(&EventLabels { event }).inc();
    }

    /// The text for Prometheus, with the pool's connections as they are now.
    #[must_use]
    pub fn render(&self, used_connections: u32, idle_connections: u32) -> String {
        self.pool.get_or_create(&PoolLabels { state: "used" }).set(i64::from(used_connections));
        self.pool.get_or_create(&PoolLabels { state: "idle" }).set(i64::from(idle_connections));
        let mut text = String::new();
        // Writing to a String can't fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
