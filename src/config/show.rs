//! The effective configuration as a `countersign.toml`, with everything secret masked.

use std::fmt::Write as _;
use std::time::Duration;

use toml::Value;

use super::{Config, Database, KEYS, LogFormat, LogLevel};
use super::{billing, platform};
use crate::model::bucket::Rate;
use crate::secret::MASK;

impl Config {
    /// The effective configuration in the form of the file, safe to paste into a bug report.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let mut shown = String::new();
        for key in KEYS {
            let line = match self.value_of(key.name) {
                Some(value) => format!("{} = {}", key.name, spread(&value)),
                None => format!("# {} is not set", key.name),
            };
            // Writing to a String can't fail.
            let _ = writeln!(shown, "{line}");
        }
        shown
    }

    fn value_of(&self, name: &str) -> Option<Value> {
        Some(match name {
            "listen" => text(self.listen),
            "internal_listen" => text(self.internal_listen),
            "public_url" => text(&self.public_url),
            "data_dir" => text(self.data_dir.display()),
            "database_url" => match &self.database {
                Database::Sqlite(file) => text(format_args!("sqlite://{}", file.display())),
                Database::Postgres(url) => text(url),
            },
            "secret" => text(self.secret.as_ref().map(|_| MASK)?),
            "previous_secrets" => list(self.previous_secrets.iter().map(|_| MASK)),
            "cors_origins" => list(&self.cors_origins),
            "trusted_proxies" => list(&self.trusted_proxies),
            "doors.wallet" => Value::Boolean(self.doors.wallet),
            "tokens.audience" => text(&self.tokens.audience),
            "tokens.algorithm" => text(self.tokens.algorithm.name()),
            "tokens.access_ttl" => span(self.tokens.access_ttl),
            "tokens.refresh_ttl" => span(self.tokens.refresh_ttl),
            "limits.enabled" => Value::Boolean(self.limits.enabled),
            "chains" => self.chains.iter().map(super::Chain::to_toml).collect::<Vec<_>>().into(),
            "token_lists" => list(&self.token_lists),
            "feeds" => self.feeds.iter().map(|feed| feed.to_toml()).collect::<Vec<_>>().into(),
            "balances.deadline" => span(self.balances.deadline),
            "balances.hedge_ms" => number(self.balances.hedge.as_millis()),
            "balances.batch" => number(self.balances.batch),
            "balances.cache_ttl" => span(self.balances.cache_ttl),
            "balances.cache_rows" => number(self.balances.cache_rows),
            "wallet.bare_nonce" => Value::Boolean(self.wallet.bare_nonce),
            "wallet.max_message_age" => span(self.wallet.max_message_age),
            "wallet.domains" => list(&self.wallet.domains),
            "wallet.clock_skew" => span(self.wallet.clock_skew),
            "audit.retention" => span(self.audit.retention),
            "log.level" => text(self.log.level.name()),
            "log.format" => text(self.log.format.name()),
            limit if limit.starts_with("limits.") => self.limit(limit)?,
            other => self
                .value_of_people(other)
                .or_else(|| self.value_of_billing(other))
                .or_else(|| self.value_of_mail(other))?,
        })
    }

    fn value_of_people(&self, name: &str) -> Option<Value> {
        Some(match name {
            "doors.exchange" => Value::Boolean(self.doors.exchange),
            "doors.session" => Value::Boolean(self.doors.session),
            "doors.users" => Value::Boolean(self.doors.users),
            "doors.platform" => Value::Boolean(self.doors.platform),
            "platform.public_memberships" => Value::Boolean(self.platform.public_memberships),
            "data_providers" => self.platform.data_providers.iter().map(platform::to_toml).collect::<Vec<_>>().into(),
            "mfa.issuer" => text(&self.mfa.issuer),
            "google.issuer" => text(&self.google.issuer),
            "google.client_id" => text(&self.google.client.as_ref()?.id),
            "google.client_secret" => text(self.google.client.as_ref().map(|_| MASK)?),
            "google.redirect_uris" => list(self.google.client.iter().flat_map(|client| &client.redirect_uris)),
            "google.require_state" => Value::Boolean(self.google.require_state),
            "admin_email" => text(self.first_admin.as_ref().map(|admin| admin.email.as_str())?),
            "admin_password" => text(self.first_admin.as_ref().map(|_| MASK)?),
            "require_verified_email" => Value::Boolean(self.require_verified_email),
            "passwords.memory_kib" => number(self.passwords.memory),
            "passwords.passes" => number(self.passwords.passes),
            "exchange.default" => text(self.exchange.default.name()),
            "exchange.public_listing" => Value::Boolean(self.exchange.public_listing),
            "membership.secret" => text(self.membership.secret.as_ref().map(|_| MASK)?),
            _ => return None,
        })
    }

    fn value_of_billing(&self, name: &str) -> Option<Value> {
        Some(match name {
            "plans" => self.plans.0.iter().map(billing::to_toml).collect::<Vec<_>>().into(),
            "stripe.secret_key" => text(self.stripe.keys.as_ref().map(|_| MASK)?),
            "stripe.webhook_secret" => text(self.stripe.keys.as_ref()?.webhook.as_ref().map(|_| MASK)?),
            "stripe.api_base" => text(&self.stripe.api_base),
            "stripe.reconcile_every" => span(self.stripe.reconcile_every),
            _ => return None,
        })
    }

    fn value_of_mail(&self, name: &str) -> Option<Value> {
        Some(match name {
            "smtp.url" => text(&self.mail.smtp.as_ref()?.url),
            "smtp.from" => text(self.mail.from.as_ref()?),
            "mail.templates" => text(self.mail.templates.as_ref()?.display()),
            "links.reset_password" => text(&self.links.reset_password),
            "links.confirm_email" => text(&self.links.confirm_email),
            "fcm.service_account" => text(self.fcm.account.as_ref().map(|_| MASK)?),
            "fcm.project_id" => text(self.fcm.project.as_ref()?),
            "fcm.api_base" => text(&self.fcm.api_base),
            "notices.new_sign_in" => Value::Boolean(self.notices.new_sign_in),
            "notices.password_changed" => Value::Boolean(self.notices.password_changed),
            "notices.email_changed" => Value::Boolean(self.notices.email_changed),
            "notices.wallet_linked" => Value::Boolean(self.notices.wallet_linked),
            "notices.identity_linked" => Value::Boolean(self.notices.identity_linked),
            _ => return None,
        })
    }

    fn limit(&self, name: &str) -> Option<Value> {
        let (bucket, part) = name.strip_prefix("limits.")?.split_once('.')?;
        let Rate { per_minute, burst } = match bucket {
            "nonces" => self.limits.nonces,
            "sign_ins" => self.limits.sign_ins,
            "refreshes" => self.limits.refreshes,
            "writes" => self.limits.writes,
            "balances" => self.limits.balances,
            "wallet_failures" => self.limits.wallet_failures,
            "passwords" => self.limits.passwords,
            "registrations" => self.limits.registrations,
            "recoveries" => self.limits.recoveries,
            "listings" => self.limits.listings,
            "memberships" => self.limits.memberships,
            "devices" => self.limits.devices,
            "refused_credentials" => self.limits.refused_credentials,
            _ => return None,
        };
        Some(Value::Integer(i64::from(if part == "rate" { per_minute } else { burst })))
    }
}

impl LogLevel {
    const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }
}

impl LogFormat {
    const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Text => "text",
            Self::Json => "json",
        }
    }
}

/// A value as it is shown: a list of tables has a line for each.
fn spread(value: &Value) -> String {
    match value.as_array() {
        Some(entries) if entries.iter().any(Value::is_table) => {
            let lines = entries.iter().map(|entry| format!("    {entry},\n"));
            format!("[\n{}]", lines.collect::<String>())
        }
        _ => value.to_string(),
    }
}

fn number(value: impl TryInto<i64>) -> Value {
    // Every number of the configuration has a limit far below this one.
    Value::Integer(value.try_into().unwrap_or(i64::MAX))
}

fn text(value: impl std::fmt::Display) -> Value {
    Value::String(value.to_string())
}

/// Whole days as such: the library would make months and years of them, of 30.44 and 365.25 days.
fn span(span: Duration) -> Value {
    match span.as_secs() {
        seconds if seconds > 0 && seconds % 86_400 == 0 => text(format_args!("{}days", seconds / 86_400)),
        _ => text(humantime::format_duration(span)),
    }
}

fn list(values: impl IntoIterator<Item = impl std::fmt::Display>) -> Value {
    Value::Array(values.into_iter().map(text).collect())
}

#[cfg(test)]
mod tests {
    use super::super::Environment;
    use super::*;

    #[test]
    fn what_is_shown_can_be_read_back_and_holds_every_key() {
        let shown = Config::load(&[], &Environment::default()).unwrap().to_toml();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &shown).unwrap();
        let again = Config::load(&[file.path().to_owned()], &Environment::default()).unwrap();
        assert_eq!(again.to_toml(), shown);
        assert!(KEYS.iter().all(|key| shown.contains(key.name)));
        assert!(shown.lines().filter(|line| line.starts_with('#')).eq([
            "# secret is not set",
            "# admin_email is not set",
            "# admin_password is not set",
            "# google.client_id is not set",
            "# google.client_secret is not set",
            "# stripe.secret_key is not set",
            "# stripe.webhook_secret is not set",
            "# membership.secret is not set",
            "# smtp.url is not set",
            "# smtp.from is not set",
            "# mail.templates is not set",
            "# fcm.service_account is not set",
            "# fcm.project_id is not set",
        ]));
    }

    #[test]
    fn secrets_are_masked() {
        let environment = Environment(vec![
            ("COUNTERSIGN_SECRET".to_owned(), "ab".repeat(32)),
            ("COUNTERSIGN_PREVIOUS_SECRETS".to_owned(), format!("[\"{}\"]", "cd".repeat(32))),
            ("COUNTERSIGN_DATABASE_URL".to_owned(), "postgres://app:hunter2@db/auth".to_owned()),
        ]);
        let config = Config::load(&[], &environment).unwrap();
        for shown in [config.to_toml(), format!("{config:?}")] {
            assert!(!shown.contains("abab") && !shown.contains("cdcd") && !shown.contains("hunter2"), "{shown}");
        }
    }
}
