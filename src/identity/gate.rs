//! The one gate: every way to get a token, and every use of a credential, asks here whether the account may.

use crate::model::Error;
use crate::model::account::Account;
use crate::model::error::Forbidden;

/// An account that may be given tokens now. Only [`admit`] makes one, and issuing tokens takes one.
#[derive(Clone, Copy)]
pub(super) struct Admitted<'a>(&'a Account);

impl<'a> Admitted<'a> {
    pub(super) fn account(self) -> &'a Account {
        self.0
    }
}

/// Asks whether the account may be given tokens, or use those that it has.
///
/// A wallet's signature is possession of a key, so it asks for no second factor.
pub(super) fn admit(account: &Account) -> Result<Admitted<'_>, Error> {
    if account.disabled {
        return Err(Error::Forbidden(Forbidden::AccountDisabled));
    }
    Ok(Admitted(account))
}
