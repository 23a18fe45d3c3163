//! The one gate: every way to get a token, and every use of a credential, asks here whether the account may.

use super::second_factor::Second;
use crate::config::Config;
use crate::model::Error;
use crate::model::account::Account;
use crate::model::error::{Forbidden, Limited, Unauthenticated};

/// An account that may be given tokens now. Only [`admit`] makes one, and issuing tokens takes one.
#[derive(Clone, Copy)]
pub(super) struct Admitted<'a>(&'a Account);

impl<'a> Admitted<'a> {
    pub(super) fn account(self) -> &'a Account {
        self.0
    }
}

/// On which way somebody comes.
#[derive(Clone, Copy)]
pub(super) enum Way<'a> {
    /// With a credential that was given before, to use it.
    Credential,
    /// With a refresh token, for the next tokens.
    Refresh,
    /// With the signature of a wallet: possession of a key, which asks for no second factor.
    Wallet,
    /// With the right password.
    Password {
        /// The wait that failures have brought about.
        wait: Option<Limited>,
        /// What came of the second factor.
        second: &'a Second,
    },
    /// By what an OpenID provider says. Whether he showed it a second factor, nobody here knows: it stands for a password.
    Provider {
        /// What came of the second factor.
        second: &'a Second,
    },
    /// With the right code from a mailbox, which is no second factor.
    MailedCode {
        /// What came of the second factor.
        second: &'a Second,
    },
}

/// Asks whether the account may be given tokens, or use those that it has: is it enabled, is it waiting for failures to
/// be over, is a second factor due, does its e-mail address have to be verified?
pub(super) fn admit<'a>(account: &'a Account, way: Way<'_>, config: &Config) -> Result<Admitted<'a>, Error> {
    if let Way::Password { wait: Some(limited), .. } = way {
        return Err(Error::TooMany(limited));
    }
    if account.disabled {
        return Err(Error::Forbidden(Forbidden::AccountDisabled));
    }
    match way {
        Way::Password { second, .. } | Way::MailedCode { second } | Way::Provider { second } => {
            second_factor(account, second)?;
        }
        Way::Credential | Way::Refresh | Way::Wallet => {}
    }
    let gives_tokens = !matches!(way, Way::Credential);
    let unverified = account.email.is_some() && !account.email_verified;
    if gives_tokens && config.require_verified_email && unverified {
        return Err(Error::Forbidden(Forbidden::EmailNotVerified));
    }
    Ok(Admitted(account))
}

/// An account that asks for a second factor lets nobody in without one, whatever was judged before it asked.
fn second_factor(account: &Account, second: &Second) -> Result<(), Error> {
    match second {
        _ if !account.second_factor => Ok(()),
        Second::Right(_) => Ok(()),
        Second::Wrong(_) => Err(Error::NotAuthenticated(Unauthenticated::InvalidCode)),
        Second::NotDue | Second::Missing => Err(Error::NotAuthenticated(Unauthenticated::MfaRequired)),
    }
}
