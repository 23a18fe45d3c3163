//! The settings of accounts that sign in by name and password.

use super::read::{Fault, Reader, blame, boolean, whole};
use super::sources::ConfigError;
use super::{Cost, ExchangeDoor, FirstAdmin, Mfa};
use crate::model::{Email, Exchange, Password};
use crate::secret::SecretText;

impl Reader {
    /// Never weaker than what is safe today (OWASP's first choice for argon2id).
    pub(super) fn passwords(&self) -> Result<Cost, ConfigError> {
        let fits = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        Ok(Cost {
            memory: fits(self.read("passwords.memory_kib", whole::<19_456, 1_048_576>)?),
            passes: fits(self.read("passwords.passes", whole::<2, 64>)?),
        })
    }

    pub(super) fn first_admin(&self) -> Result<Option<FirstAdmin>, ConfigError> {
        let email =
            self.optional("admin_email", |text| Email::parse("", text).map_err(|_| "an e-mail address is expected"))?;
        let password = self.optional("admin_password", secret_text)?;
        let half = |name| match self.0.get(name) {
            Some(setting) => blame(setting, name, "admin_email and admin_password belong together"),
            None => ConfigError(format!("{name}: admin_email and admin_password belong together")),
        };
        match (email, password) {
            (Some(email), Some(password)) => {
                let password = Password::choose("", password.expose(), [email.as_str()])
                    .map_err(|violation| ConfigError(format!("admin_password: {}", violation.message)))?;
                Ok(Some(FirstAdmin { email, password }))
            }
            (None, None) => Ok(None),
            (Some(_), None) => Err(half("admin_email")),
            (None, Some(_)) => Err(half("admin_password")),
        }
    }

    /// Without the port, which is nothing that a person knows a site by.
    pub(super) fn mfa(&self, public_url: &str) -> Result<Mfa, ConfigError> {
        let own = || {
            let url = url::Url::parse(public_url).ok();
            url.and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_else(|| public_url.to_owned())
        };
        Ok(Mfa { issuer: self.optional("mfa.issuer", issuer)?.unwrap_or_else(own) })
    }

    pub(super) fn exchange(&self) -> Result<ExchangeDoor, ConfigError> {
        Ok(ExchangeDoor {
            default: self.read("exchange.default", exchange)?,
            public_listing: self.read("exchange.public_listing", boolean)?,
        })
    }
}

fn exchange(written: &str) -> Result<Exchange, Fault> {
    Exchange::parse(written).ok_or("hyperliquid or binance is expected")
}

/// Short enough that a picture of it stays easy to read. Authenticators show it; some cut it off at a colon.
fn issuer(written: &str) -> Result<String, Fault> {
    let fits = !written.trim().is_empty() && written.chars().count() <= 64 && !written.contains(':');
    let fits = fits && !written.chars().any(char::is_control);
    if fits { Ok(written.to_owned()) } else { Err("1 to 64 characters without a colon are expected") }
}

/// A secret that is compared, not derived from; a short one could be guessed from what it signs.
pub(super) fn secret_text(written: &str) -> Result<SecretText, Fault> {
    if written.len() < 8 { Err("at least 8 characters are expected") } else { Ok(SecretText::new(written.to_owned())) }
}
