//! From settings as written to the typed configuration. Every fault names the key and where it was written.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;
use url::Url;

use super::chains::{self, Chain};
use super::feeds::{self, Feed};
use super::keys;
use super::people::secret_text;
use super::sources::{ConfigError, Environment, Raw, Setting, Settings, gather};
use super::token_lists;
use super::{
    Algorithm, Audit, Balances, Config, Database, Doors, Limits, Log, LogFormat, LogLevel, Membership, Tokens, Wallet,
};
use crate::model::bucket::Rate;
use crate::model::session::SESSION_LIFETIME;
use crate::model::{Origin, Token};
use crate::secret::{RedactedUrl, SecretBytes};

impl Config {
    /// Reads the configuration from `files` (later ones win) and `environment` (which wins over all).
    ///
    /// # Errors
    /// One line that names the first key that is unknown or has a bad value, and where it was written. The faults of
    /// token lists have a line each.
    pub fn load(files: &[PathBuf], environment: &Environment) -> Result<Self, ConfigError> {
        let from = Reader(gather(files, environment)?);
        let public_url = from.read("public_url", origin)?;
        let data_dir = PathBuf::from(from.read("data_dir", text)?);
        let chains = from.chains()?;
        let token_lists = from.token_lists()?;
        Ok(Self {
            listen: from.read("listen", socket)?,
            internal_listen: from.read("internal_listen", socket)?,
            database: match from.optional("database_url", database)? {
                Some(database) => database,
                None => Database::Sqlite(data_dir.join("countersign.db")),
            },
            secret: from.optional("secret", secret)?,
            previous_secrets: from.previous_secrets()?,
            cors_origins: from.list("cors_origins", origin)?,
            trusted_proxies: from.list("trusted_proxies", network)?,
            doors: from.doors()?,
            tokens: from.tokens(&public_url)?,
            limits: from.limits()?,
            wallet: from.wallet(&public_url)?,
            require_verified_email: from.read("require_verified_email", boolean)?,
            passwords: from.passwords()?,
            first_admin: from.first_admin()?,
            exchange: from.exchange()?,
            platform: from.platform()?,
            mfa: from.mfa(&public_url)?,
            google: from.google()?,
            plans: from.plans()?,
            stripe: from.stripe()?,
            membership: Membership { secret: from.optional("membership.secret", secret_text)? },
            listed: from.listed(&token_lists, &chains)?,
            feeds: from.feeds(&chains)?,
            balances: from.balances()?,
            links: from.links(&public_url)?,
            notices: from.notices()?,
            mail: from.mail()?,
            fcm: from.fcm()?,
            audit: Audit { retention: from.read("audit.retention", span::<0, { 36_500 * 86_400 }>)? },
            log: Log { level: from.read("log.level", log_level)?, format: from.read("log.format", log_format)? },
            public_url,
            data_dir,
            chains,
            token_lists,
        })
    }
}

pub(super) struct Reader(pub(super) Settings);

/// Why a value won't do, without the value: it may be a secret.
pub(super) type Fault = &'static str;

impl Reader {
    /// The value of this key, or the default of its table.
    pub(super) fn read<T>(&self, name: &'static str, parse: fn(&str) -> Result<T, Fault>) -> Result<T, ConfigError> {
        if let Some(value) = self.optional(name, parse)? {
            return Ok(value);
        }
        let default = keys::find(name).map(|key| key.default).unwrap_or_default();
        parse(default).map_err(|fault| ConfigError(format!("default: {name}: {fault}")))
    }

    pub(super) fn optional<T>(
        &self,
        name: &'static str,
        parse: fn(&str) -> Result<T, Fault>,
    ) -> Result<Option<T>, ConfigError> {
        let Some(setting) = self.0.get(name) else { return Ok(None) };
        let written = match &setting.raw {
            Raw::Text(text) => Ok(text.clone()),
            Raw::Toml(value) => scalar(value),
        };
        written.and_then(|text| parse(&text)).map(Some).map_err(|fault| blame(setting, name, fault))
    }

    pub(super) fn list<T>(
        &self,
        name: &'static str,
        parse: fn(&str) -> Result<T, Fault>,
    ) -> Result<Vec<T>, ConfigError> {
        let Some(setting) = self.0.get(name) else { return Ok(Vec::new()) };
        let entries = match &setting.raw {
            Raw::Text(text) => serde_json::from_str::<Vec<String>>(text).map_err(|_| NOT_A_JSON_LIST),
            Raw::Toml(toml::Value::Array(values)) => values.iter().map(scalar).collect(),
            Raw::Toml(_) => Err("a list of texts is expected, such as [\"a\", \"b\"]"),
        };
        let parsed = entries.and_then(|entries| entries.iter().map(|entry| parse(entry)).collect());
        parsed.map_err(|fault| blame(setting, name, fault))
    }

    /// Each costs tries at every sign-in that fails, so there may be few.
    fn previous_secrets(&self) -> Result<Vec<SecretBytes>, ConfigError> {
        let secrets = self.list("previous_secrets", secret)?;
        match self.0.get("previous_secrets") {
            Some(setting) if secrets.len() > 4 => Err(blame(setting, "previous_secrets", "at most four are allowed")),
            _ => Ok(secrets),
        }
    }

    fn doors(&self) -> Result<Doors, ConfigError> {
        Ok(Doors {
            wallet: self.read("doors.wallet", boolean)?,
            exchange: self.read("doors.exchange", boolean)?,
            users: self.read("doors.users", boolean)?,
            session: self.read("doors.session", boolean)?,
            platform: self.read("doors.platform", boolean)?,
        })
    }

    fn tokens(&self, public_url: &str) -> Result<Tokens, ConfigError> {
        Ok(Tokens {
            audience: self.optional("tokens.audience", text)?.unwrap_or_else(|| public_url.to_owned()),
            algorithm: self.read("tokens.algorithm", algorithm)?,
            access_ttl: self.read("tokens.access_ttl", span::<1, 86_400>)?,
            refresh_ttl: self.read("tokens.refresh_ttl", span::<1, { SESSION_LIFETIME.as_secs() }>)?,
        })
    }

    fn wallet(&self, public_url: &str) -> Result<Wallet, ConfigError> {
        let domains = self.list("wallet.domains", site)?;
        // They were brought to the form of an origin before.
        let own = self.list("cors_origins", origin)?;
        let own = std::iter::once(public_url).chain(own.iter().map(String::as_str)).filter_map(|url| site(url).ok());
        Ok(Wallet {
            bare_nonce: self.read("wallet.bare_nonce", boolean)?,
            clock_skew: self.read("wallet.clock_skew", span::<0, 300>)?,
            max_message_age: self.read("wallet.max_message_age", span::<1, 86_400>)?,
            origins: own.chain(domains.iter().cloned()).collect(),
            domains,
        })
    }

    fn chains(&self) -> Result<Vec<Chain>, ConfigError> {
        let Some(setting) = self.0.get("chains") else { return Ok(Chain::shipped()) };
        let read = match &setting.raw {
            Raw::Text(text) => chains::from_json(text),
            Raw::Toml(value) => chains::from_toml(value.clone()),
        };
        read.map_err(|fault| ConfigError(format!("{}: chains: {fault}", setting.source)))
    }

    fn token_lists(&self) -> Result<Vec<String>, ConfigError> {
        match self.0.get("token_lists") {
            Some(_) => self.list("token_lists", text),
            None => Ok(vec![token_lists::SHIPPED.to_owned()]),
        }
    }

    fn listed(&self, lists: &[String], chains: &[Chain]) -> Result<Vec<Token>, ConfigError> {
        let source = self.0.get("token_lists").map_or("default", |setting| setting.source.as_str());
        token_lists::read(lists, chains).map_err(|faults| {
            let lines = faults.iter().map(|fault| format!("{source}: token_lists: {fault}"));
            ConfigError(lines.collect::<Vec<_>>().join("\n"))
        })
    }

    fn feeds(&self, chains: &[Chain]) -> Result<Vec<Feed>, ConfigError> {
        let Some(setting) = self.0.get("feeds") else { return Ok(Feed::shipped(chains)) };
        let read = match &setting.raw {
            Raw::Text(text) => feeds::from_json(text, chains),
            Raw::Toml(value) => feeds::from_toml(value.clone(), chains),
        };
        read.map_err(|fault| ConfigError(format!("{}: feeds: {fault}", setting.source)))
    }

    fn balances(&self) -> Result<Balances, ConfigError> {
        Ok(Balances {
            // The gateway ends any request after 30 seconds; there has to be time left to answer.
            deadline: self.read("balances.deadline", span::<1, 25>)?,
            hedge: Duration::from_millis(self.read("balances.hedge_ms", whole::<0, 60_000>)?),
            batch: self.read("balances.batch", amount::<10_000>)?,
            cache_ttl: self.read("balances.cache_ttl", span::<0, 3_600>)?,
            cache_rows: self.read("balances.cache_rows", amount::<100_000_000>)?,
        })
    }

    fn limits(&self) -> Result<Limits, ConfigError> {
        let rate = |per_minute, burst| -> Result<Rate, ConfigError> {
            Ok(Rate { per_minute: self.read(per_minute, count)?, burst: self.read(burst, count)? })
        };
        Ok(Limits {
            enabled: self.read("limits.enabled", boolean)?,
            nonces: rate("limits.nonces.rate", "limits.nonces.burst")?,
            sign_ins: rate("limits.sign_ins.rate", "limits.sign_ins.burst")?,
            refreshes: rate("limits.refreshes.rate", "limits.refreshes.burst")?,
            writes: rate("limits.writes.rate", "limits.writes.burst")?,
            balances: rate("limits.balances.rate", "limits.balances.burst")?,
            wallet_failures: rate("limits.wallet_failures.rate", "limits.wallet_failures.burst")?,
            passwords: rate("limits.passwords.rate", "limits.passwords.burst")?,
            registrations: rate("limits.registrations.rate", "limits.registrations.burst")?,
            recoveries: rate("limits.recoveries.rate", "limits.recoveries.burst")?,
            listings: rate("limits.listings.rate", "limits.listings.burst")?,
            memberships: rate("limits.memberships.rate", "limits.memberships.burst")?,
            devices: rate("limits.devices.rate", "limits.devices.burst")?,
            refused_credentials: rate("limits.refused_credentials.rate", "limits.refused_credentials.burst")?,
        })
    }
}

const NOT_A_JSON_LIST: Fault = "a JSON list of texts is expected, such as [\"a\",\"b\"]";

pub(super) fn blame(setting: &Setting, name: &str, fault: Fault) -> ConfigError {
    ConfigError(format!("{}: {name}: {fault}", setting.source))
}

fn scalar(value: &toml::Value) -> Result<String, Fault> {
    match value {
        toml::Value::String(text) => Ok(text.clone()),
        toml::Value::Integer(number) => Ok(number.to_string()),
        toml::Value::Boolean(truth) => Ok(truth.to_string()),
        _ => Err("one text, number or truth value is expected"),
    }
}

pub(super) fn text(written: &str) -> Result<String, Fault> {
    if written.is_empty() { Err("it must not be empty") } else { Ok(written.to_owned()) }
}

fn socket(written: &str) -> Result<SocketAddr, Fault> {
    written.parse().map_err(|_| "an address and a port are expected, such as 127.0.0.1:8080 or [::1]:8080")
}

/// An origin in the form in which a browser sends it: scheme, host and, unless it is the scheme's own, port.
fn origin(written: &str) -> Result<String, Fault> {
    const FAULT: Fault = "an origin is expected, such as https://app.example: no path, no query, no user";
    let url = Url::parse(written).map_err(|_| FAULT)?;
    let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    let anonymous = url.username().is_empty() && url.password().is_none();
    if !bare || !anonymous || !matches!(url.scheme(), "http" | "https") {
        return Err(FAULT);
    }
    Ok(url.origin().ascii_serialization())
}

/// A site that asks people to sign in: an origin, or a host with or without a port. Then https is meant, and on this
/// machine http.
fn site(written: &str) -> Result<Origin, Fault> {
    const FAULT: Fault = "a host is expected, such as app.example or localhost:3000, or an origin";
    let with_scheme = if written.contains("://") { written.to_owned() } else { format!("https://{written}") };
    let url = Url::parse(&origin(&with_scheme).map_err(|_| FAULT)?).map_err(|_| FAULT)?;
    let (host, port) = (url.host_str().ok_or(FAULT)?, url.port());
    let is_local = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
    let scheme = if is_local && !written.contains("://") { "http" } else { url.scheme() };
    Origin::new(scheme, host, port).ok_or(FAULT)
}

fn database(written: &str) -> Result<Database, Fault> {
    const FAULT: Fault = "sqlite://<file> or postgres://<user>@<host>/<database> is expected";
    if let Some(path) = written.strip_prefix("sqlite://").or_else(|| written.strip_prefix("sqlite:")) {
        let file = Path::new(path.split('?').next().unwrap_or_default());
        let usable = !file.as_os_str().is_empty() && !path.contains(":memory:");
        return if usable { Ok(Database::Sqlite(file.to_owned())) } else { Err(FAULT) };
    }
    let url = Url::parse(written).map_err(|_| FAULT)?;
    match url.scheme() {
        "postgres" | "postgresql" => Ok(Database::Postgres(RedactedUrl::new(url))),
        _ => Err(FAULT),
    }
}

fn secret(written: &str) -> Result<SecretBytes, Fault> {
    SecretBytes::parse(written).ok_or("32 bytes are expected, as 64 hex digits or as base64; try: openssl rand -hex 32")
}

fn network(written: &str) -> Result<IpNet, Fault> {
    let single = || written.parse::<IpAddr>().map(IpNet::from);
    written.parse().or_else(|_| single()).map_err(|_| "an address or a network is expected, such as 10.0.0.0/8")
}

pub(super) fn boolean(written: &str) -> Result<bool, Fault> {
    written.parse().map_err(|_| "true or false is expected")
}

fn count(written: &str) -> Result<u32, Fault> {
    written.parse().ok().filter(|n| (1..=1_000_000).contains(n)).ok_or("a number from 1 to 1000000 is expected")
}

/// A whole number, such as one of milliseconds.
pub(super) fn whole<const LEAST: u64, const MOST: u64>(written: &str) -> Result<u64, Fault> {
    match written.parse::<u64>() {
        Err(_) => Err("a whole number is expected"),
        Ok(number) if number < LEAST => Err("the number is too small"),
        Ok(number) if number > MOST => Err("the number is too big"),
        Ok(number) => Ok(number),
    }
}

/// How many things of a kind, at least one.
fn amount<const MOST: u64>(written: &str) -> Result<usize, Fault> {
    let number = whole::<1, MOST>(written)?;
    usize::try_from(number).map_err(|_| "the number is too big")
}

/// A time span of whole seconds: a number of them, or a number with a unit.
pub(super) fn span<const LEAST: u64, const MOST: u64>(written: &str) -> Result<Duration, Fault> {
    let seconds = written.parse().map(Duration::from_secs).ok();
    let span = seconds.or_else(|| humantime::parse_duration(written).ok());
    let span = span.ok_or("a time span is expected, such as 30s, 15m, 12h, 30days or a number of seconds")?;
    match span.as_secs() {
        _ if span.subsec_nanos() != 0 => Err("the time span has to be of whole seconds"),
        seconds if seconds < LEAST => Err("the time span is too short"),
        seconds if seconds > MOST => Err("the time span is too long"),
        _ => Ok(span),
    }
}

fn algorithm(written: &str) -> Result<Algorithm, Fault> {
    Algorithm::parse(written).ok_or("EdDSA or ES256 is expected")
}

fn log_level(written: &str) -> Result<LogLevel, Fault> {
    match written {
        "error" => Ok(LogLevel::Error),
        "warn" => Ok(LogLevel::Warn),
        "info" => Ok(LogLevel::Info),
        "debug" => Ok(LogLevel::Debug),
        _ => Err("error, warn, info or debug is expected"),
    }
}

fn log_format(written: &str) -> Result<LogFormat, Fault> {
    match written {
        "auto" => Ok(LogFormat::Auto),
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err("auto, text or json is expected"),
    }
}

#[cfg(test)]
mod tests;
