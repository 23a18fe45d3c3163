//! The table of all configuration keys: what may be written, what it means, what it is when it is not written.

/// One configuration key.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its name, with a dot between levels.
    pub name: &'static str,
    /// Whether its value must never be shown.
    pub secret: bool,
    /// Its default, as an operator would write it.
    pub default: &'static str,
    /// What it decides.
    pub meaning: &'static str,
}

const fn key(name: &'static str, default: &'static str, meaning: &'static str) -> Key {
    Key { name, secret: false, default, meaning }
}

const fn secret(name: &'static str, default: &'static str, meaning: &'static str) -> Key {
    Key { name, secret: true, default, meaning }
}

/// Every key there is, in the order in which they are shown.
pub const KEYS: &[Key] = &[
    key("listen", "127.0.0.1:8080", "Address and port of the doors; port 0 picks a free one."),
    key("internal_listen", "127.0.0.1:9464", "Address and port of `/metrics`; port 0 picks a free one."),
    key("public_url", "http://localhost:8080", "The gateway's own origin: issuer, default audience, links."),
    key("data_dir", "./data", "Where the SQLite file and the root secret are kept."),
    secret("database_url", "sqlite://<data_dir>/countersign.db", "`sqlite://<file>` or `postgres://…`."),
    secret("secret", "<data_dir>/secret", "The root secret: 32 bytes as hex or base64. Needed with PostgreSQL."),
    secret("previous_secrets", "[]", "Other root secrets that verify: of before, or soon to come. At most four."),
    key("cors_origins", "[]", "Origins of pages that may call from a browser, such as `https://app.example`."),
    key("trusted_proxies", "[]", "Addresses or networks of proxies whose `X-Forwarded-For` is believed."),
    key("admin_email", "", "The e-mail address of the first ADMIN, who is made at the first start."),
    secret("admin_password", "", "The password of the first ADMIN."),
    key("doors.wallet", "true", "Whether `/users` (wallet sign-in) is open."),
    key("doors.exchange", "true", "Whether `/api/users` (session tokens) is open."),
    key("doors.session", "true", "Whether `/auth` (cookies, verification, recovery) is open."),
    key("doors.users", "true", "Whether `/v1/users` (accounts) is open."),
    key(
        "doors.platform",
        "true",
        "Whether `/v1/users/authenticate` and what belongs to it (settings, second factor, devices) is open.",
    ),
    key("tokens.audience", "<public_url>", "The `aud` of access tokens."),
    key("tokens.algorithm", "EdDSA", "`EdDSA` (Ed25519) or `ES256`."),
    key("tokens.access_ttl", "30m", "How long an access token is good."),
    key("tokens.refresh_ttl", "30days", "How long a session may go without a refresh; 90 days end any."),
    key("require_verified_email", "false", "Whether accounts are let in only with a verified e-mail address."),
    key("passwords.memory_kib", "19456", "The memory that hashing a password takes, in KiB (argon2id)."),
    key("passwords.passes", "2", "How often that memory is gone over."),
    key("limits.enabled", "true", "Whether any limit is in force."),
    key("limits.nonces.rate", "1200", "Nonces a minute, per client network."),
    key("limits.nonces.burst", "1000", "Nonces at once."),
    key(
        "limits.sign_ins.rate",
        "600",
        "Posted signatures, and steps of sign-ins by Google, a minute, per client network.",
    ),
    key("limits.sign_ins.burst", "1000", "Posted signatures, and steps of sign-ins by Google, at once."),
    key("limits.refreshes.rate", "600", "Refreshes a minute, per client network."),
    key("limits.refreshes.burst", "1000", "Refreshes at once."),
    key("limits.writes.rate", "300", "Changes a minute, per session or API key."),
    key("limits.writes.burst", "300", "Changes at once."),
    key("limits.balances.rate", "120", "Requests for balances a minute, per account and client network."),
    key("limits.balances.burst", "60", "Requests for balances at once."),
    key("limits.wallet_failures.rate", "60", "Wrong signatures a minute, per wallet and client network."),
    key("limits.wallet_failures.burst", "100", "Wrong signatures at once; a right one always passes."),
    key("limits.refused_credentials.rate", "600", "Refused tokens and keys a minute, per client network."),
    key("limits.refused_credentials.burst", "1000", "Refused tokens and keys at once; a good one always passes."),
    key("limits.passwords.rate", "600", "Posted passwords a minute, per client network."),
    key("limits.passwords.burst", "1000", "Posted passwords at once."),
    key("limits.registrations.rate", "300", "Registrations a minute, per client network."),
    key("limits.registrations.burst", "500", "Registrations at once."),
    key("limits.recoveries.rate", "60", "Requests for mails and uses of their links a minute, per client network."),
    key("limits.recoveries.burst", "200", "Requests for mails and uses of their links at once."),
    key("limits.listings.rate", "120", "Strangers' looks at the list of accounts a minute, per client network."),
    key("limits.listings.burst", "240", "Strangers' looks at the list of accounts at once."),
    key("limits.memberships.rate", "120", "Strangers' questions for memberships a minute, per client network."),
    key("limits.memberships.burst", "240", "Strangers' questions for memberships at once."),
    key("limits.devices.rate", "60", "Devices that nobody has claimed yet a minute, per client network."),
    key("limits.devices.burst", "200", "Devices that nobody has claimed yet at once."),
    key(
        "chains",
        "<shipped>",
        "Chains that wallets may name: `[{id, name, rpc}]`. The shipped ones: docs/configuration.md.",
    ),
    key(
        "token_lists",
        "[\"shipped\"]",
        "Files of tokens whose balances are read (Uniswap token-list schema); `shipped` is our own list.",
    ),
    key("feeds", "<shipped>", "Chainlink USD feeds: `[{chain, token, feed, heartbeat_s}]`."),
    key("balances.deadline", "8s", "How long a request for balances may take, all chains together."),
    key("balances.hedge_ms", "1500", "After how many milliseconds a chain's next RPC URL is asked as well."),
    key("balances.batch", "500", "The most calls in one Multicall3 call."),
    key("balances.cache_ttl", "5s", "How long balances that were read are shown again; `0s` for never."),
    key("balances.cache_rows", "200000", "How many rows are kept: tokens, for each wallet and chain."),
    key("wallet.bare_nonce", "true", "Whether a nonce may be signed by itself, besides within a message (EIP-4361)."),
    key("wallet.clock_skew", "30s", "How far the clocks of nodes and clients may be apart."),
    key("wallet.max_message_age", "10m", "How long after it was issued a message is accepted."),
    key("wallet.domains", "[]", "Sites besides `public_url` and `cors_origins` whose messages are accepted."),
    key("exchange.default", "hyperliquid", "The exchange of those who have chosen none: `hyperliquid` or `binance`."),
    key("exchange.public_listing", "true", "Whether strangers may list the accounts, without e-mail addresses."),
    key("platform.public_memberships", "true", "Whether everybody may ask what an e-mail address is entitled to."),
    key("data_providers", "[]", "Providers of data to choose from: `[{id, name, enabled, settings}]`."),
    key("mfa.issuer", "<host of public_url>", "Whose codes they are, as authenticators show it."),
    key("google.issuer", "https://accounts.google.com", "The OpenID provider of `POST /v1/auth/google`."),
    key("google.client_id", "", "What the provider knows this gateway by; without it nobody signs in there."),
    secret("google.client_secret", "", "By what this gateway proves to the provider who it is."),
    key("google.redirect_uris", "[]", "Pages that the provider sends people back to, each as registered there."),
    key("google.require_state", "false", "Whether only sign-ins that began at `/v1/auth/google/start` are let in."),
    key(
        "plans",
        "[]",
        "What people may subscribe to: `[{id, plan, price, currency, interval, trial_days, stripe_price}]`.",
    ),
    secret(
        "stripe.secret_key",
        "",
        "By what this gateway takes payments; without it only what costs nothing is served.",
    ),
    secret("stripe.webhook_secret", "", "By what Stripe signs its events for `/webhooks/stripe`."),
    key("stripe.api_base", "https://api.stripe.com", "Where Stripe is."),
    key("stripe.reconcile_every", "1h", "After how long Stripe is asked of a customer of whom it told nothing."),
    secret("membership.secret", "", "Shared with the provider of memberships, who signs what it says with it."),
    secret("smtp.url", "", "`smtps://user:password@host` or `smtp://…?tls=required`; without it mails are files."),
    key("smtp.from", "", "Who writes mails: `Example <no-reply@example.com>`. Needed with `smtp.url`."),
    key("mail.templates", "", "A directory of templates that replace our own."),
    secret("fcm.service_account", "", "The JSON of a Google service account; without it no device is sent anything."),
    key("fcm.project_id", "", "The Firebase project of the devices, if it is not the account's own."),
    key("fcm.api_base", "https://fcm.googleapis.com", "Where FCM is."),
    key("links.reset_password", "<public_url>/account/reset-password", "The page that takes another password."),
    key("links.confirm_email", "<public_url>/account/confirm-email", "The page that confirms an e-mail address."),
    key("notices.new_sign_in", "false", "Whether people are told of a sign-in from a new network."),
    key("notices.password_changed", "true", "Whether people are told that their password was changed."),
    key("notices.email_changed", "true", "Whether people are told, at the old one, that their address was changed."),
    key("notices.wallet_linked", "true", "Whether people are told that a wallet was linked."),
    key("notices.identity_linked", "true", "Whether people are told that a sign-in by Google was linked."),
    key("audit.retention", "365days", "How long the audit trail keeps an event; 0: for ever."),
    key("log.level", "info", "`error`, `warn`, `info` (every request) or `debug`."),
    key("log.format", "auto", "`text`, `json`, or `auto`: text on a terminal, JSON otherwise."),
];

/// The key of this name.
pub(super) fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// Whether keys of this group exist: `tokens` of `tokens.audience`.
pub(super) fn is_group(name: &str) -> bool {
    KEYS.iter().any(|key| key.name.strip_prefix(name).is_some_and(|rest| rest.starts_with('.')))
}

/// The known key that `name` was probably meant to be.
pub(super) fn nearest(name: &str) -> Option<&'static str> {
    let scored = KEYS.iter().map(|key| (strsim::jaro_winkler(name, key.name), key.name));
    let best = scored.max_by(|a, b| a.0.total_cmp(&b.0))?;
    (best.0 > 0.8).then_some(best.1)
}
