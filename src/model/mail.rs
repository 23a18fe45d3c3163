//! What the gateway writes to people, before it is given words.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::recovery::{LINK_LIFETIME, RESET_LIFETIME};

/// What is written to somebody.
#[derive(Clone, Serialize, Deserialize, PartialEq, Eq)]
pub enum Letter {
    /// Asks whether the address is this person's.
    VerifyEmail {
        /// Six digits to type in.
        code: String,
        /// The page that does it, with the token in the fragment.
        link: String,
    },
    /// Lets somebody choose another password.
    ResetPassword {
        /// The page that does it, with the token in the fragment.
        link: String,
    },
    /// Somebody signed in from a network that is new.
    NewSignIn {
        /// When, in RFC 3339.
        at: String,
        /// The address that it came from.
        client: String,
    },
    /// The password is another one.
    PasswordChanged {
        /// When, in RFC 3339.
        at: String,
    },
    /// The e-mail address is another one. Goes to the old one.
    EmailChanged {
        /// When, in RFC 3339.
        at: String,
        /// The new address.
        new: String,
    },
    /// A wallet signs in to the account from now on.
    WalletLinked {
        /// When, in RFC 3339.
        at: String,
        /// The wallet's address.
        address: String,
    },
    /// Somebody at an OpenID provider signs in to the account from now on.
    IdentityLinked {
        /// When, in RFC 3339.
        at: String,
        /// The provider, as it names itself.
        issuer: String,
    },
    /// Signing in by password takes a code from now on.
    SecondFactorOn {
        /// When, in RFC 3339.
        at: String,
    },
    /// Signing in by password takes no code any more.
    SecondFactorOff {
        /// When, in RFC 3339.
        at: String,
    },
    /// There are new backup codes, and those of before are useless.
    BackupCodesRenewed {
        /// When, in RFC 3339.
        at: String,
    },
    /// A payment for a subscription failed and is tried again.
    PaymentFailed {
        /// When, in RFC 3339.
        at: String,
        /// What the plan gives.
        plan: String,
    },
    /// The first payment for a subscription waits for the person.
    PaymentNeeded {
        /// When, in RFC 3339.
        at: String,
        /// What the plan gives.
        plan: String,
    },
    /// A subscription is over.
    SubscriptionEnded {
        /// When, in RFC 3339.
        at: String,
        /// What the plan gives.
        plan: String,
    },
}

impl Letter {
    /// The name of the one that asks for a proof of the address.
    pub const VERIFY_EMAIL: &'static str = "verify_email";

    /// The name of the one that tells of a first payment.
    pub const PAYMENT_NEEDED: &'static str = "payment_needed";

    /// The name of its templates.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::VerifyEmail { .. } => Self::VERIFY_EMAIL,
            Self::ResetPassword { .. } => "reset_password",
            Self::NewSignIn { .. } => "new_sign_in",
            Self::PasswordChanged { .. } => "password_changed",
            Self::EmailChanged { .. } => "email_changed",
            Self::WalletLinked { .. } => "wallet_linked",
            Self::IdentityLinked { .. } => "identity_linked",
            Self::SecondFactorOn { .. } => "second_factor_on",
            Self::SecondFactorOff { .. } => "second_factor_off",
            Self::BackupCodesRenewed { .. } => "backup_codes_renewed",
            Self::PaymentFailed { .. } => "payment_failed",
            Self::PaymentNeeded { .. } => Self::PAYMENT_NEEDED,
            Self::SubscriptionEnded { .. } => "subscription_ended",
        }
    }

    /// For how long it is good for anything: as long as the last thing in it that opens something. What tells of an event
    /// is good however late it comes.
    #[must_use]
    pub const fn lifetime(&self) -> Option<Duration> {
        match self {
            Self::VerifyEmail { .. } => Some(LINK_LIFETIME),
            Self::ResetPassword { .. } => Some(RESET_LIFETIME),
            Self::NewSignIn { .. }
            | Self::PasswordChanged { .. }
            | Self::EmailChanged { .. }
            | Self::WalletLinked { .. }
            | Self::IdentityLinked { .. }
            | Self::SecondFactorOn { .. }
            | Self::SecondFactorOff { .. }
            | Self::BackupCodesRenewed { .. }
            | Self::PaymentFailed { .. }
            | Self::PaymentNeeded { .. }
            | Self::SubscriptionEnded { .. } => None,
        }
    }

    /// Whether it makes an earlier one of its kind worthless, since what opens something in that one is replaced.
    #[must_use]
    pub const fn replaces_earlier(&self) -> bool {
        match self {
            Self::VerifyEmail { .. } => true,
            Self::ResetPassword { .. }
            | Self::NewSignIn { .. }
            | Self::PasswordChanged { .. }
            | Self::EmailChanged { .. }
            | Self::WalletLinked { .. }
            | Self::IdentityLinked { .. }
            | Self::SecondFactorOn { .. }
            | Self::SecondFactorOff { .. }
            | Self::BackupCodesRenewed { .. }
            | Self::PaymentFailed { .. }
            | Self::PaymentNeeded { .. }
            | Self::SubscriptionEnded { .. } => false,
        }
    }

    /// What it tells, by the names that templates know it by.
    #[must_use]
    pub fn values(&self) -> Vec<(&'static str, &str)> {
        match self {
            Self::VerifyEmail { code, link } => vec![("code", code), ("link", link)],
            Self::ResetPassword { link } => vec![("link", link)],
            Self::NewSignIn { at, client } => vec![("at", at), ("client", client)],
            Self::PasswordChanged { at }
            | Self::SecondFactorOn { at }
            | Self::SecondFactorOff { at }
            | Self::BackupCodesRenewed { at } => vec![("at", at)],
            Self::EmailChanged { at, new } => vec![("at", at), ("new", new)],
            Self::PaymentFailed { at, plan }
            | Self::PaymentNeeded { at, plan }
            | Self::SubscriptionEnded { at, plan } => vec![("at", at), ("plan", plan)],
            Self::WalletLinked { at, address } => vec![("at", at), ("address", address)],
            Self::IdentityLinked { at, issuer } => vec![("at", at), ("issuer", issuer)],
        }
    }
}

impl fmt::Debug for Letter {
    /// Which letter it is. What it tells opens accounts, or is nothing for a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Letter({}, …)", self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_letter_tells_is_not_shown() {
        let link = "https://auth.example/account/confirm-email#t0ken".to_owned();
        let shown = format!("{:?}", Letter::VerifyEmail { code: "123456".to_owned(), link });
        assert_eq!(shown, "Letter(verify_email, …)");
    }
}
