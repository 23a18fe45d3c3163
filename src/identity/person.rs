//! Accounts as doors show them.

use crate::clock::Timestamp;
use crate::model::account::{Account, LinkedWallet, Role};
use crate::model::{AccountId, Address};
use crate::store::people::Known;

/// An account, for those who may see all of it.
#[derive(Clone, Debug)]
pub struct Person {
    account: Account,
    wallet: Option<LinkedWallet>,
}

impl From<Known> for Person {
    fn from(known: Known) -> Self {
        Self::new(known.account, known.wallet)
    }
}

impl Person {
    pub(super) fn new(account: Account, wallet: Option<LinkedWallet>) -> Self {
        Self { account, wallet }
    }

    pub(super) fn account(&self) -> &Account {
        &self.account
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> AccountId {
        self.account.id
    }

    /// Its number.
    #[must_use]
    pub fn number(&self) -> i64 {
        self.account.number
    }

    /// The name by which its owner and ADMINs know it.
    #[must_use]
    pub fn full_name(&self) -> String {
        self.account.full_name(self.primary_wallet())
    }

    /// The username, if it has one.
    #[must_use]
    pub fn username(&self) -> Option<&str> {
        self.account.username.as_deref()
    }

    /// The display name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.account.name.as_str()
    }

    /// The e-mail address.
    #[must_use]
    pub fn email(&self) -> Option<&str> {
        self.account.email.as_deref()
    }

    /// Whether the e-mail address was proven.
    #[must_use]
    pub fn is_email_verified(&self) -> bool {
        self.account.email_verified
    }

    /// Whether it may be used.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        !self.account.disabled
    }

    /// What it may do.
    #[must_use]
    pub fn role(&self) -> Role {
        self.account.role
    }

    /// The wallet that it goes by.
    #[must_use]
    pub fn primary_wallet(&self) -> Option<Address> {
        self.wallet.map(|wallet| wallet.address)
    }

    /// When it was made.
    #[must_use]
    pub fn created_at(&self) -> Timestamp {
        self.account.created_at
    }

    /// When something about it was last changed.
    #[must_use]
    pub fn updated_at(&self) -> Timestamp {
        self.account.updated_at
    }
}

/// An account, as everybody may see it.
#[derive(Clone, Debug)]
pub struct Stranger {
    /// Its number.
    pub number: i64,
    /// The name by which strangers know it.
    pub name: String,
    /// Whether it may be used.
    pub is_enabled: bool,
}

impl From<&Person> for Stranger {
    fn from(person: &Person) -> Self {
        let Person { account, .. } = person;
        Self { number: account.number, name: account.public_name(), is_enabled: !account.disabled }
    }
}
