//! Everything that can go wrong, as one closed type without HTTP in it. `transport` gives each its status and body.

use std::time::Duration;

use super::Address;
use super::message::MessageRefusal;

/// Why a use case did not do what it was asked to.
#[derive(Debug)]
pub enum Error {
    /// The request can't be read at all.
    Malformed(Malformed),
    /// The request reads well, but breaks the rules of its fields. Lists every fault.
    Invalid(Vec<Violation>),
    /// Nobody was authenticated.
    NotAuthenticated(Unauthenticated),
    /// The caller is known, and may not do this.
    Forbidden(Forbidden),
    /// What the request is about is not there, or not for this caller.
    NotFound(Thing),
    /// The request is refused by the state of what it is about.
    Conflict(Conflict),
    /// The caller asks too often.
    TooMany(Limited),
    /// Something that this needs does not answer now. Trying again later makes sense.
    Unavailable(Dependency),
    /// Whoever takes payments refuses this one; with his word for why.
    PaymentFailed(String),
    /// This gateway is not set up for it.
    NotConfigured(Setting),
    /// A fault of ours. The source is for the log alone.
    Internal(Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// A fault of ours that has no other error behind it.
    #[must_use]
    pub fn internal(message: &'static str) -> Self {
        Self::Internal(message.into())
    }

    /// The same, with the name by which a door knows the one field that a use case judges.
    #[must_use]
    pub fn named(self, field: &str) -> Self {
        match self {
            Self::Invalid(violations) => {
                let named = |violation: Violation| Violation { field: field.to_owned(), ..violation };
                Self::Invalid(violations.into_iter().map(named).collect())
            }
            other => other,
        }
    }
}

/// What made a request unreadable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// The body is not JSON; with the parser's reason.
    Json(String),
    /// Not an EVM address; with what is wrong.
    Address(&'static str),
    /// Not a message of EIP-4361: what is expected where, both counted from 1.
    Message {
        /// The line.
        line: usize,
        /// The character of the line.
        column: usize,
        /// What should be there.
        expected: &'static str,
    },
    /// A message of another version than 1.
    MessageVersion,
    /// The token of a link that was mailed is not good: used, expired, replaced, or never made.
    MailedToken,
    /// The path can't be decoded.
    Path,
    /// Several credentials that do not name one account.
    AmbiguousCredentials,
}

/// One field that breaks its rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The field, as a path in the body: `name`, `tokens[0].address`; `body` for the whole.
    pub field: String,
    /// What the rule is, in words for the person who sent it.
    pub message: String,
}

/// What is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thing {
    /// An account.
    Account,
    /// A device of the caller's.
    Device,
    /// A device that is trusted.
    TrustedDevice,
    /// A subscription of the caller's.
    Subscription,
}

/// Why nobody was authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unauthenticated {
    /// No credential came with a request that needs one.
    Missing,
    /// The access token is not one of ours.
    InvalidToken,
    /// The access token is genuine and its time is over.
    TokenExpired,
    /// The session of this token was ended: signed out, a used refresh token sent again, its wallet unlinked.
    SessionEnded,
    /// The refresh token is not one of ours.
    InvalidRefreshToken,
    /// The refresh token had been used before; its whole session is ended.
    RefreshTokenReused,
    /// The API key is not one of ours, or was rotated away.
    InvalidApiKey,
    /// The checksum of the API key is wrong: mistyped or cut off.
    MistypedApiKey,
    /// No account has this name and password, or this is not the caller's password.
    InvalidCredentials,
    /// The password is right, and a second factor is due.
    MfaRequired,
    /// The second factor is wrong.
    InvalidCode,
    /// Not a signature of this nonce by this address.
    InvalidSignature(SignatureFault),
    /// A sign-in message that reads well and is refused.
    Message(MessageRefusal),
    /// The nonce was issued for this wallet, too long ago.
    NonceExpired,
    /// The nonce has signed somebody in already.
    NonceUsed,
    /// The nonce was never issued by this gateway for this.
    NonceUnknown,
    /// The `state` was not made by this gateway for this page.
    InvalidState,
    /// The `state` was made too long ago.
    StateExpired,
    /// The `state` has signed somebody in already.
    StateUsed,
    /// The provider does not take the code: used, expired, or given to somebody else.
    InvalidGrant,
    /// What the provider says of somebody breaks a rule.
    InvalidIdToken,
}

/// What is wrong with a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureFault {
    /// Not `0x` and an even number of hex digits.
    NotHex,
    /// Neither 65 bytes (r, s, v) nor 64 (EIP-2098).
    Length,
    /// The recovery byte is not 0, 1, 27 or 28.
    RecoveryByte,
    /// r or s is zero, or not below the order of the curve.
    OutOfRange,
    /// s is in the upper half of the range: the malleable twin of a signature (EIP-2, EIP-2098).
    HighS,
    /// Well formed, but made by another key or over another text.
    Mismatch,
    /// Well formed, and made by the key of this address, which is not the one that was claimed.
    SignedBy(Address),
}

/// Why a known caller may not do this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forbidden {
    /// The account is disabled.
    AccountDisabled,
    /// The e-mail address of the account has to be verified first.
    EmailNotVerified,
    /// A request that carries cookies, or would get some, comes from a page that may not send it.
    Origin,
    /// Only an ADMIN may do this.
    AdminRequired,
    /// Only the account's owner or an ADMIN may do this.
    NotYourAccount,
    /// The list of accounts is for ADMINs alone.
    ListingClosed,
    /// What people are entitled to is not told to everybody.
    MembershipsClosed,
    /// Membership data comes without a good signature of the provider.
    MembershipSignature,
    /// An event comes without a good signature of whoever takes payments.
    WebhookSignature,
    /// Membership data is signed for somebody else, too long ago, or older than what is known.
    MembershipOutdated,
    /// An API key can't do this: it needs the access token of a person who signed in.
    PersonRequired,
    /// The address in the path is no wallet of the caller's account.
    NotYourWallet,
    /// What protects the account changes only shortly after a sign-in.
    FreshSignInRequired,
    /// A password is replaced only by whoever knows it.
    CurrentPasswordRequired,
    /// No message is written that would be refused.
    Message(MessageRefusal),
}

/// What state of things refuses the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// The account has no EVM wallet, and this is about one.
    WalletRequired,
    /// The wallet is linked to another account.
    WalletAlreadyLinked,
    /// The account has as many wallets as one may have.
    TooManyWallets,
    /// The account would be left without a way to sign in.
    LastSignInMethod,
    /// The username, e-mail address or wallet is another account's.
    IdentityAlreadyUsed,
    /// There would be no enabled ADMIN left.
    LastAdmin,
    /// The account has no second factor, and none is being set up.
    SecondFactorNotSetUp,
    /// The account has a subscription that is not over.
    SubscriptionExists,
    /// The subscription is in a state that this makes no sense in.
    SubscriptionMoveImpossible,
    /// What the gateway keeps for nothing does not become what is paid: that begins anew.
    SubscriptionBeginsAnew,
    /// Another change of the account's subscriptions is under way.
    SubscriptionChangeUnderWay,
}

/// How a limit was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limited {
    /// The limit's name, as configured under `limits`.
    pub policy: &'static str,
    /// How many requests may come at once.
    pub burst: u32,
    /// How long until the next one is let in.
    pub retry_after: Duration,
}

impl Limited {
    /// The wait in whole seconds, rounded up: a client that comes back after it is let in.
    #[must_use]
    pub fn retry_seconds(&self) -> u64 {
        u64::try_from(self.retry_after.as_millis().div_ceil(1000)).unwrap_or(u64::MAX).max(1)
    }
}

/// What an operator has not set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// The OpenID provider at which people sign in.
    Google,
    /// Whoever takes payments.
    Payments,
    /// What Stripe tells by itself.
    StripeWebhooks,
}

/// What did not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dependency {
    /// The database.
    Database,
    /// The request as a whole took longer than it may.
    Time,
    /// Every chain that was asked.
    Chains,
    /// Those who hash passwords: too many are waiting.
    Passwords,
    /// The OpenID provider.
    Provider,
    /// Whoever takes payments: he can't be reached, or nobody knows what he did.
    Payments,
    /// The same; he answers, and refuses what an operator has to see to.
    PaymentsSetUp,
}
