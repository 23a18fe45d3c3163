//! An account as every use case sees it.

use super::profile::ProfileText;
use super::subscription::InForce;
use super::{AccountId, Address, WalletId};
use crate::clock::Timestamp;

/// A person's account, with the wallet that the caller acts as.
#[derive(Clone, Debug)]
pub struct Account {
    /// The account's id.
    pub id: AccountId,
    /// Its number, by which the exchange door knows it.
    pub number: i64,
    /// Raised whenever all sessions end at once; a session of an older epoch is over.
    pub epoch: i64,
    /// Raised by every rotation of the API key; a key of an older one is over.
    pub api_key_counter: u32,
    /// Whether an operator has disabled it.
    pub disabled: bool,
    /// What its owner may do.
    pub role: Role,
    /// The username, as entered.
    pub username: Option<String>,
    /// The e-mail address, as entered.
    pub email: Option<String>,
    /// Whether the e-mail address was proven.
    pub email_verified: bool,
    /// The name its owner chose.
    pub name: ProfileText,
    /// What its owner means to use the product for.
    pub intended_use: ProfileText,
    /// Whether a password alone is not enough.
    pub second_factor: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When something about it was last changed.
    pub updated_at: Timestamp,
    /// The subscription that was in force when it last changed; ask [`Account::in_force`].
    pub subscription: Option<InForce>,
}

impl Account {
    /// The name by which strangers see an account.
    #[must_use]
    pub fn public_name(&self) -> String {
        self.username.clone().unwrap_or_else(|| format!("user-{}", self.number))
    }

    /// The subscription in force at this moment.
    #[must_use]
    pub fn in_force(&self, now: Timestamp) -> Option<&InForce> {
        self.subscription.as_ref().filter(|subscription| subscription.is_at(now))
    }

    /// The name by which its owner and operators see an account whose primary wallet is this.
    #[must_use]
    pub fn full_name(&self, primary_wallet: Option<Address>) -> String {
        let own = self.username.clone().or_else(|| self.email.clone());
        own.or_else(|| primary_wallet.map(|address| address.checksummed())).unwrap_or_else(|| self.public_name())
    }
}

/// A wallet of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkedWallet {
    /// The link.
    pub id: WalletId,
    /// The wallet's address.
    pub address: Address,
}

/// What the owner of an account may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// Anybody with an account.
    #[default]
    User,
    /// An operator of this gateway.
    Admin,
}

impl Role {
    /// The role as stored and as claimed.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::User => "USER",
            Self::Admin => "ADMIN",
        }
    }

    /// What somebody with this role may do, as accounts are shown: an operator may do what anybody may.
    #[must_use]
    pub fn names(self) -> Vec<&'static str> {
        match self {
            Self::User => vec![Self::User.name()],
            Self::Admin => vec![Self::Admin.name(), Self::User.name()],
        }
    }

    /// The role as stored and as claimed; an unknown word is the lesser role, so a damaged row raises nobody.
    #[must_use]
    pub fn from_stored(text: &str) -> Self {
        match text {
            "ADMIN" => Self::Admin,
            _ => Self::User,
        }
    }
}
