//! The configuration: typed, checked once at the start, immutable after. It does not act on anything.

mod billing;
mod chains;
mod fcm;
mod feeds;
mod google;
mod keys;
mod mail;
mod people;
mod platform;
mod read;
mod show;
mod sources;
mod token_lists;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

pub use billing::{Stripe, StripeKeys};
pub use chains::{Chain, RpcUrl};
pub use fcm::{Fcm, ServiceAccount};
pub use feeds::Feed;
pub use google::{Google, GoogleClient};
pub use keys::{KEYS, Key};
pub use sources::{ConfigError, Environment};

use crate::model::bucket::Rate;
use crate::model::data_provider::DataProvider;
use crate::model::plan::Plans;
use crate::model::{Email, Exchange, Origin, Password, Token};
use crate::secret::{RedactedUrl, SecretBytes, SecretText};

/// What an operator decides. [`KEYS`] tells the meaning and default of each.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the doors listen.
    pub listen: SocketAddr,
    /// Where `/metrics` listens.
    pub internal_listen: SocketAddr,
    /// The gateway's own origin, without a slash at the end: issuer, default audience, links.
    pub public_url: String,
    /// Where files are kept.
    pub data_dir: PathBuf,
    /// Where the data is.
    pub database: Database,
    /// The root secret, if it is configured and not in its file.
    pub secret: Option<SecretBytes>,
    /// Root secrets of before, which still verify.
    pub previous_secrets: Vec<SecretBytes>,
    /// Origins of pages that may call from a browser.
    pub cors_origins: Vec<String>,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Which doors are open.
    pub doors: Doors,
    /// What is issued.
    pub tokens: Tokens,
    /// How often things may happen.
    pub limits: Limits,
    /// The wallet door.
    pub wallet: Wallet,
    /// Whether an account with an e-mail address is let in only once that is verified.
    pub require_verified_email: bool,
    /// What hashing a password costs.
    pub passwords: Cost,
    /// The first ADMIN, made at the first start.
    pub first_admin: Option<FirstAdmin>,
    /// The exchange door.
    pub exchange: ExchangeDoor,
    /// The platform door.
    pub platform: PlatformDoor,
    /// The second factor.
    pub mfa: Mfa,
    /// The OpenID provider at which people sign in.
    pub google: Google,
    /// What people may subscribe to.
    pub plans: Plans,
    /// Stripe, which takes payments.
    pub stripe: Stripe,
    /// What an outside provider says of accounts.
    pub membership: Membership,
    /// The chains that wallets may name and whose balances are read, the first one being the default.
    pub chains: Vec<Chain>,
    /// The token lists as written: files, or `shipped`.
    pub token_lists: Vec<String>,
    /// The tokens of the lists: chain by chain in the order of `chains`, the native coin of each first.
    pub listed: Vec<Token>,
    /// The price feeds, at most one a token, all on configured chains.
    pub feeds: Vec<Feed>,
    /// How balances are read.
    pub balances: Balances,
    /// Where the links in mails lead to.
    pub links: Links,
    /// What people are told of by mail.
    pub notices: Notices,
    /// How mails are sent.
    pub mail: MailSettings,
    /// How devices are reached.
    pub fcm: Fcm,
    /// The audit trail.
    pub audit: Audit,
    /// What is logged, and how.
    pub log: Log,
}

/// Where the data is.
#[derive(Clone, Debug)]
pub enum Database {
    /// An embedded file.
    Sqlite(PathBuf),
    /// A PostgreSQL server.
    Postgres(RedactedUrl),
}

/// Which doors are open.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each door is open or not, whatever the others are")]
pub struct Doors {
    /// `/users`: wallet sign-in.
    pub wallet: bool,
    /// `/api/users`: session tokens, profiles, the preferred exchange, memberships.
    pub exchange: bool,
    /// `/auth`: cookies, verification and recovery by mail.
    pub session: bool,
    /// `/v1/users`: access tokens by password, and accounts for ADMINs.
    pub users: bool,
    /// `/v1/users/authenticate` and what belongs to it, `/v1/auth`, `/v1/devicetokens`.
    pub platform: bool,
}

/// The second factor.
#[derive(Clone, Debug)]
pub struct Mfa {
    /// Whose codes they are, as authenticators show it.
    pub issuer: String,
}

/// What hashing a password costs (argon2id, one lane).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Memory, in KiB.
    pub memory: u32,
    /// Passes over it.
    pub passes: u32,
}

/// Who is made ADMIN at the first start.
#[derive(Clone, Debug)]
pub struct FirstAdmin {
    /// The e-mail address.
    pub email: Email,
    /// The password.
    pub password: Password,
}

/// The exchange door.
#[derive(Clone, Copy, Debug)]
pub struct ExchangeDoor {
    /// The exchange of those who have chosen none.
    pub default: Exchange,
    /// Whether strangers may list the accounts, without their e-mail addresses.
    pub public_listing: bool,
}

/// The platform door.
#[derive(Clone, Debug)]
pub struct PlatformDoor {
    /// Whether everybody may ask what an e-mail address is entitled to.
    pub public_memberships: bool,
    /// The providers of data that people choose from.
    pub data_providers: Vec<DataProvider>,
}

/// What an outside provider says of accounts.
#[derive(Clone, Debug)]
pub struct Membership {
    /// The secret that is shared with the provider; without one nothing that is said counts.
    pub secret: Option<SecretText>,
}

/// What is issued.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// The `aud` of access tokens.
    pub audience: String,
    /// How access tokens are signed.
    pub algorithm: Algorithm,
    /// How long an access token is good.
    pub access_ttl: Duration,
    /// How long a session may go without a refresh.
    pub refresh_ttl: Duration,
}

/// How access tokens are signed (RFC 7518 section 3.1, RFC 8037 section 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// Ed25519.
    EdDsa,
    /// ECDSA on P-256 with SHA-256.
    Es256,
}

impl Algorithm {
    /// Its name in JOSE.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
        }
    }

    /// The algorithm of a JOSE name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::EdDsa, Self::Es256].into_iter().find(|algorithm| algorithm.name() == name)
    }
}

/// How often things may happen. Each rate is counted per client network, if nothing else is said.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Whether any limit is in force.
    pub enabled: bool,
    /// Asking for nonces.
    pub nonces: Rate,
    /// Posting signatures.
    pub sign_ins: Rate,
    /// Refreshing sessions.
    pub refreshes: Rate,
    /// What one session or API key changes.
    pub writes: Rate,
    /// Reading balances, of one account from one network.
    pub balances: Rate,
    /// Wrong signatures for one wallet from one network.
    pub wallet_failures: Rate,
    /// Tokens and keys that are refused.
    pub refused_credentials: Rate,
    /// Posting passwords.
    pub passwords: Rate,
    /// Registering accounts.
    pub registrations: Rate,
    /// Asking for mails, and using their links.
    pub recoveries: Rate,
    /// Looking at the list of accounts as a stranger.
    pub listings: Rate,
    /// Asking as a stranger what somebody is entitled to.
    pub memberships: Rate,
    /// Telling the tokens of devices that nobody has claimed.
    pub devices: Rate,
}

/// The wallet door.
#[derive(Clone, Debug)]
pub struct Wallet {
    /// Whether a nonce may be signed by itself, besides within a message.
    pub bare_nonce: bool,
    /// How far the clocks of nodes and of clients may be apart.
    pub clock_skew: Duration,
    /// How long after it was issued a message is accepted.
    pub max_message_age: Duration,
    /// The sites that may ask for a sign-in: the gateway's own, those that may call from a browser, and
    /// `wallet.domains`.
    pub origins: Vec<Origin>,
    /// `wallet.domains` as written, to be shown.
    pub domains: Vec<Origin>,
}

/// How balances are read.
#[derive(Clone, Copy, Debug)]
pub struct Balances {
    /// How long a request may take, all chains together.
    pub deadline: Duration,
    /// After how long the next node of a chain is asked as well.
    pub hedge: Duration,
    /// The most calls in one call of Multicall3.
    pub batch: usize,
    /// How long what was read is shown again; zero for never.
    pub cache_ttl: Duration,
    /// How many rows are kept.
    pub cache_rows: usize,
}

/// Where the links in mails lead to: absolute URLs, to which a fragment with the token is added.
#[derive(Clone, Debug)]
pub struct Links {
    /// The page that takes another password.
    pub reset_password: String,
    /// The page that confirms an e-mail address.
    pub confirm_email: String,
}

/// What people are told of: on their devices, and by mail at the address that they have proven.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of its own")]
pub struct Notices {
    /// A sign-in by password from a network that is new.
    pub new_sign_in: bool,
    /// Another password.
    pub password_changed: bool,
    /// Another e-mail address; told at the old one.
    pub email_changed: bool,
    /// Another wallet.
    pub wallet_linked: bool,
    /// Somebody at an OpenID provider.
    pub identity_linked: bool,
}

/// How mails are sent.
#[derive(Clone, Debug)]
pub struct MailSettings {
    /// The server that takes them; without one they are files.
    pub smtp: Option<Smtp>,
    /// Who writes them; always there if there is a server.
    pub from: Option<Sender>,
    /// A directory of templates that replace our own.
    pub templates: Option<PathBuf>,
}

/// The server that takes mails.
#[derive(Clone, Debug)]
pub struct Smtp {
    /// Where it is, how the way there is protected, and how we prove who we are.
    pub url: RedactedUrl,
}

/// Who writes mails.
#[derive(Clone, Debug)]
pub struct Sender {
    /// The name that is shown.
    pub name: Option<String>,
    /// The address.
    pub address: Email,
}

impl std::fmt::Display for Sender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{name} <{}>", self.address.as_str()),
            None => f.write_str(self.address.as_str()),
        }
    }
}

/// The audit trail.
#[derive(Clone, Copy, Debug)]
pub struct Audit {
    /// How long events are kept; zero: for ever.
    pub retention: Duration,
}

/// What is logged, and how.
#[derive(Clone, Copy, Debug)]
pub struct Log {
    /// The least that is logged.
    pub level: LogLevel,
    /// How a line looks.
    pub format: LogFormat,
}

/// The least that is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// Faults of ours.
    Error,
    /// Things to look at.
    Warn,
    /// Every request.
    Info,
    /// For finding faults.
    Debug,
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Text on a terminal, JSON otherwise.
    Auto,
    /// For people.
    Text,
    /// One object a line.
    Json,
}
