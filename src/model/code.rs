//! The stable name of each error and the sentence that goes with it. Names are for programs and never change;
//! sentences are for people: they say what to do, and tell a stranger nothing about anybody's account.

use std::borrow::Cow;
use std::time::Duration;

use super::error::{
    Conflict, Dependency, Error, Forbidden, Limited, Malformed, Setting, SignatureFault, Thing, Unauthenticated,
    Violation,
};
use super::message::MessageRefusal;

impl Error {
    /// The stable name.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Malformed(fault) => fault.code(),
            Self::Invalid(_) => "invalid_request",
            Self::NotAuthenticated(reason) => reason.code(),
            Self::Forbidden(reason) => reason.code(),
            Self::NotFound(Thing::Account) => "account_not_found",
            Self::NotFound(Thing::Device) => "device_not_found",
            Self::NotFound(Thing::TrustedDevice) => "trusted_device_not_found",
            Self::NotFound(Thing::Subscription) => "subscription_not_found",
            Self::Conflict(conflict) => conflict.code(),
            Self::TooMany(_) => "too_many_requests",
            Self::Unavailable(Dependency::Database) => "database_unavailable",
            Self::Unavailable(Dependency::Time) => "timeout",
            Self::Unavailable(Dependency::Chains) => "chains_unavailable",
            Self::Unavailable(Dependency::Passwords) => "too_busy",
            Self::Unavailable(Dependency::Provider) => "provider_unavailable",
            Self::Unavailable(Dependency::Payments) => "billing_unavailable",
            Self::Unavailable(Dependency::PaymentsSetUp) => "billing_refused",
            Self::PaymentFailed(_) => "payment_failed",
            Self::NotConfigured(Setting::Google) => "google_not_configured",
            Self::NotConfigured(Setting::Payments) => "payment_provider_not_configured",
            Self::NotConfigured(Setting::StripeWebhooks) => "stripe_not_configured",
            Self::Internal(_) => "internal_error",
        }
    }

    /// What went wrong and what to do.
    #[must_use]
    pub fn detail(&self) -> String {
        match self {
            Self::Malformed(fault) => fault.detail(),
            Self::Invalid(violations) => {
                let faults = violations.iter().map(|v| format!("{}: {}", v.field, v.message));
                faults.collect::<Vec<_>>().join("; ")
            }
            Self::NotAuthenticated(reason) => reason.detail().into_owned(),
            Self::Forbidden(reason) => reason.detail().into_owned(),
            Self::NotFound(Thing::Account) => "there is no such account".to_owned(),
            Self::NotFound(Thing::Device) => {
                "no device of yours has this token; claim it first, also if it was yours and somebody else did"
                    .to_owned()
            }
            Self::NotFound(Thing::TrustedDevice) => "you trust no such device".to_owned(),
            Self::NotFound(Thing::Subscription) => "you have no such subscription".to_owned(),
            Self::Conflict(conflict) => conflict.detail().to_owned(),
            Self::TooMany(limited) => {
                format!("too many requests; try again in {} s", limited.retry_seconds())
            }
            Self::Unavailable(Dependency::Database) => "the database does not answer; try again shortly".to_owned(),
            Self::Unavailable(Dependency::Time) => "the request took too long; try again shortly".to_owned(),
            Self::Unavailable(Dependency::Chains) => {
                "none of the chains answers; try again shortly, or ask the operator to run countersign doctor"
                    .to_owned()
            }
            Self::Unavailable(Dependency::Passwords) => {
                "too many passwords are being checked; try again shortly".to_owned()
            }
            Self::Unavailable(Dependency::Provider) => {
                "the provider of this sign-in does not answer as it should; try again shortly".to_owned()
            }
            Self::Unavailable(Dependency::Payments) => {
                "whoever takes payments does not answer, so that nobody knows yet what became of this; send the same again \
                 in a moment, it is done once"
                    .to_owned()
            }
            Self::Unavailable(Dependency::PaymentsSetUp) => {
                "whoever takes payments refuses this for a reason that the operator has to see to; nothing was done"
                    .to_owned()
            }
            Self::PaymentFailed(word) => {
                format!("the payment was refused ({word}) and nothing was changed; pay with something else")
            }
            Self::NotConfigured(Setting::StripeWebhooks) => {
                "no events are taken here; the operator sets that up by stripe.webhook_secret".to_owned()
            }
            Self::NotConfigured(Setting::Google) => {
                "nobody signs in by Google here; the operator sets it up by google.client_id".to_owned()
            }
            Self::NotConfigured(Setting::Payments) => {
                "nobody takes payments here; the operator sets that up by stripe.secret_key".to_owned()
            }
            Self::Internal(_) => "something went wrong on our side; tell the operator the request id".to_owned(),
        }
    }
}

impl Error {
    /// One error of each code, for the documentation.
    #[must_use]
    pub fn catalogue() -> Vec<Self> {
        let violation = Violation { field: "name".to_owned(), message: "what its rule is".to_owned() };
        let limited = Limited { policy: "sign_ins", burst: 0, retry_after: Duration::ZERO };
        let malformed = [
            Malformed::Json("where it breaks".to_owned()),
            Malformed::Address("an EVM address is 0x and 40 hex digits, in one case or with its EIP-55 checksum"),
            Malformed::Message { line: 2, column: 1, expected: "an address" },
            Malformed::MessageVersion,
            Malformed::MailedToken,
            Malformed::Path,
            Malformed::AmbiguousCredentials,
        ];
        let reasons = [
            Unauthenticated::Missing,
            Unauthenticated::InvalidToken,
            Unauthenticated::TokenExpired,
            Unauthenticated::SessionEnded,
            Unauthenticated::InvalidRefreshToken,
            Unauthenticated::RefreshTokenReused,
            Unauthenticated::InvalidApiKey,
            Unauthenticated::InvalidCredentials,
            Unauthenticated::MfaRequired,
            Unauthenticated::InvalidCode,
            Unauthenticated::InvalidSignature(SignatureFault::Mismatch),
            Unauthenticated::NonceExpired,
            Unauthenticated::NonceUsed,
            Unauthenticated::NonceUnknown,
            Unauthenticated::InvalidState,
            Unauthenticated::StateExpired,
            Unauthenticated::StateUsed,
            Unauthenticated::InvalidGrant,
            Unauthenticated::InvalidIdToken,
        ];
        let forbidden = [
            Forbidden::AccountDisabled,
            Forbidden::PersonRequired,
            Forbidden::NotYourWallet,
            Forbidden::FreshSignInRequired,
            Forbidden::CurrentPasswordRequired,
            Forbidden::EmailNotVerified,
            Forbidden::Origin,
            Forbidden::AdminRequired,
            Forbidden::NotYourAccount,
            Forbidden::ListingClosed,
            Forbidden::MembershipsClosed,
            Forbidden::MembershipSignature,
            Forbidden::MembershipOutdated,
            Forbidden::WebhookSignature,
        ];
        let others = [
            Self::Invalid(vec![violation]),
            Self::Conflict(Conflict::WalletRequired),
            Self::Conflict(Conflict::WalletAlreadyLinked),
            Self::Conflict(Conflict::TooManyWallets),
            Self::Conflict(Conflict::LastSignInMethod),
            Self::Conflict(Conflict::IdentityAlreadyUsed),
            Self::Conflict(Conflict::LastAdmin),
            Self::Conflict(Conflict::SecondFactorNotSetUp),
            Self::Conflict(Conflict::SubscriptionExists),
            Self::Conflict(Conflict::SubscriptionMoveImpossible),
            Self::Conflict(Conflict::SubscriptionBeginsAnew),
            Self::Conflict(Conflict::SubscriptionChangeUnderWay),
            Self::NotFound(Thing::Account),
            Self::NotFound(Thing::Device),
            Self::NotFound(Thing::TrustedDevice),
            Self::NotFound(Thing::Subscription),
            Self::TooMany(limited),
            Self::Unavailable(Dependency::Database),
            Self::Unavailable(Dependency::Time),
            Self::Unavailable(Dependency::Chains),
            Self::Unavailable(Dependency::Passwords),
            Self::Unavailable(Dependency::Provider),
            Self::Unavailable(Dependency::Payments),
            Self::Unavailable(Dependency::PaymentsSetUp),
            Self::PaymentFailed("card_declined".to_owned()),
            Self::NotConfigured(Setting::Google),
            Self::NotConfigured(Setting::Payments),
            Self::NotConfigured(Setting::StripeWebhooks),
            Self::internal("only the log tells"),
        ];
        let reasons = reasons.into_iter().chain(MessageRefusal::ALL.map(Unauthenticated::Message));
        let of_request = malformed.map(Self::Malformed).into_iter().chain(reasons.map(Self::NotAuthenticated));
        of_request.chain(forbidden.map(Self::Forbidden)).chain(others).collect()
    }
}

impl Malformed {
    const fn code(&self) -> &'static str {
        match self {
            Self::Json(_) => "invalid_json",
            Self::Address(_) => "invalid_address",
            Self::Message { .. } => "invalid_message",
            Self::MessageVersion => "message_version_not_supported",
            Self::MailedToken => "invalid_link",
            Self::Path => "invalid_path",
            Self::AmbiguousCredentials => "ambiguous_credentials",
        }
    }

    fn detail(&self) -> String {
        match self {
            Self::Json(reason) => format!("the body is not JSON: {reason}"),
            Self::Address(reason) => (*reason).to_owned(),
            Self::Message { line, column, expected } => format!(
                "the message is not one of EIP-4361: line {line}, column {column}: {expected} is expected; use the \
                 message of POST /users/nonce unchanged, or compare it with the standard"
            ),
            Self::MessageVersion => "the version of the message is not 1, the only one that there is".to_owned(),
            Self::MailedToken => "this link is not good any more, or was used; ask for a new one".to_owned(),
            Self::Path => "the path can't be decoded".to_owned(),
            Self::AmbiguousCredentials => {
                "the credentials of this request do not name one account; send one of them".to_owned()
            }
        }
    }
}

impl Unauthenticated {
    const fn code(self) -> &'static str {
        match self {
            Self::Missing => "not_authenticated",
            Self::InvalidToken => "invalid_token",
            Self::TokenExpired => "token_expired",
            Self::SessionEnded => "session_ended",
            Self::InvalidRefreshToken => "invalid_refresh_token",
            Self::RefreshTokenReused => "refresh_token_reused",
            Self::InvalidApiKey | Self::MistypedApiKey => "invalid_api_key",
            Self::InvalidCredentials => "invalid_credentials",
            Self::MfaRequired => "mfa_required",
            Self::InvalidCode => "invalid_code",
            Self::InvalidSignature(_) => "invalid_signature",
            Self::Message(refusal) => refusal.code(),
            Self::NonceExpired => "nonce_expired",
            Self::NonceUsed => "nonce_used",
            Self::NonceUnknown => "nonce_unknown",
            Self::InvalidState => "invalid_state",
            Self::StateExpired => "state_expired",
            Self::StateUsed => "state_used",
            Self::InvalidGrant => "invalid_grant",
            Self::InvalidIdToken => "invalid_id_token",
        }
    }

    fn detail(self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Message(refusal) => return Cow::Owned(refusal.detail()),
            Self::Missing => {
                "send an access token in x-auth-token or Authorization: Bearer, or an API key in x-api-key"
            }
            Self::InvalidToken => "this is no access token of this gateway; sign in again",
            Self::TokenExpired => "the access token has expired; refresh it or sign in again",
            Self::SessionEnded => "the session has ended; sign in again",
            Self::InvalidRefreshToken => "this is no refresh token of this gateway; sign in again",
            Self::RefreshTokenReused => {
                "this refresh token was used before, so its session was ended for safety; sign in again"
            }
            Self::InvalidApiKey => "this API key is not valid; it may have been rotated",
            Self::MistypedApiKey => "the checksum of this API key is wrong: it was mistyped or cut off",
            Self::InvalidCredentials => "the name or the password is wrong",
            Self::MfaRequired => "this account asks for a second factor; send its code as well",
            Self::InvalidCode => "the code is wrong or was used before",
            Self::InvalidSignature(fault) => return fault.detail(),
            Self::NonceExpired => "the nonce has expired; ask for a new one and sign that",
            Self::NonceUsed => "the nonce was used before; ask for a new one and sign that",
            Self::NonceUnknown => "the nonce was not issued by this gateway; ask for one and sign that",
            Self::InvalidState => "the state was not made by this gateway for this page; begin the sign-in again",
            Self::StateExpired => "the sign-in took too long; begin it again",
            Self::StateUsed => "this state has signed somebody in already; begin the sign-in again",
            Self::InvalidGrant => {
                "the provider does not take this code: it was used, has expired or is not for this; begin the sign-in again"
            }
            Self::InvalidIdToken => "what the provider says of you can't be trusted; begin the sign-in again",
        })
    }
}

impl SignatureFault {
    fn detail(self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::NotHex => "the signature is not 0x and an even number of hex digits",
            Self::Length => "the signature has neither 65 bytes (r, s, v) nor 64 (EIP-2098)",
            Self::RecoveryByte => "the last byte of the signature (v) is not 0, 1, 27 or 28",
            Self::OutOfRange => "r or s of the signature is zero or not below the order of the curve",
            Self::HighS => "the signature has a high s, which EIP-2 forbids; sign with a library that normalises it",
            Self::Mismatch => {
                "this address did not sign this; ask for a nonce or a message and sign it unchanged by personal_sign"
            }
            Self::SignedBy(signer) => {
                return Cow::Owned(format!(
                    "this text was signed by {signer}, and names another address; let the wallet sign with the account \
                     that it names, and sign the text unchanged"
                ));
            }
        })
    }
}

impl Forbidden {
    const fn code(self) -> &'static str {
        match self {
            Self::AccountDisabled => "account_disabled",
            Self::PersonRequired => "person_required",
            Self::NotYourWallet => "not_your_wallet",
            Self::FreshSignInRequired => "fresh_sign_in_required",
            Self::CurrentPasswordRequired => "current_password_required",
            Self::EmailNotVerified => "email_not_verified",
            Self::Origin => "origin_not_allowed",
            Self::AdminRequired => "admin_required",
            Self::NotYourAccount => "not_your_account",
            Self::ListingClosed => "listing_closed",
            Self::MembershipsClosed => "memberships_closed",
            Self::MembershipSignature => "membership_signature_invalid",
            Self::WebhookSignature => "webhook_signature_invalid",
            Self::MembershipOutdated => "membership_outdated",
            Self::Message(refusal) => refusal.code(),
        }
    }

    fn detail(self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Message(refusal) => return Cow::Owned(refusal.detail()),
            Self::AccountDisabled => "this account is disabled; ask the operator",
            Self::CurrentPasswordRequired => "send the password in force as well",
            Self::EmailNotVerified => "the e-mail address of this account has to be verified first",
            Self::Origin => {
                "a page of this origin may not do this; the operator allows pages by cors_origins, and programs send a token \
                 in a header"
            }
            Self::AdminRequired => "only an ADMIN may do this",
            Self::NotYourAccount => "only the owner of this account or an ADMIN may do this",
            Self::ListingClosed => "the list of accounts is for ADMINs alone",
            Self::MembershipsClosed => "this gateway does not tell memberships to everybody",
            Self::WebhookSignature => {
                "Stripe-Signature is not by the secret of this webhook, or too old; see docs/subscriptions.md"
            }
            Self::MembershipSignature => {
                "X-Membership-Signature has to be sha256= and the HMAC-SHA-256 of this body by the shared secret, in hex"
            }
            Self::MembershipOutdated => {
                "user_id has to be the caller's, and issued_at at most five minutes old and not before what is known"
            }
            Self::PersonRequired => "an API key can't do this; sign in and use the access token",
            Self::NotYourWallet => "the address in the path is no wallet of your account",
            Self::FreshSignInRequired => {
                "what protects an account changes only within ten minutes of a sign-in; sign in again and repeat this"
            }
        })
    }
}

impl Conflict {
    const fn code(self) -> &'static str {
        match self {
            Self::WalletRequired => "wallet_required",
            Self::WalletAlreadyLinked => "wallet_already_linked",
            Self::TooManyWallets => "too_many_wallets",
            Self::LastSignInMethod => "last_sign_in_method",
            Self::IdentityAlreadyUsed => "identity_already_used",
            Self::LastAdmin => "last_admin",
            Self::SecondFactorNotSetUp => "second_factor_not_set_up",
            Self::SubscriptionExists => "subscription_exists",
            Self::SubscriptionMoveImpossible => "subscription_move_impossible",
            Self::SubscriptionBeginsAnew => "subscription_begins_anew",
            Self::SubscriptionChangeUnderWay => "subscription_change_under_way",
        }
    }

    const fn detail(self) -> &'static str {
        match self {
            Self::WalletRequired => "this account has no EVM wallet; link one and try again",
            Self::WalletAlreadyLinked => {
                "this wallet is linked to another account; sign in with it there, and unlink it once that one has another"
            }
            Self::TooManyWallets => "this account has as many wallets as one may have; unlink one first",
            Self::LastSignInMethod => {
                "this is the last way to sign in to this account; link another wallet or set a password first"
            }
            Self::IdentityAlreadyUsed => "this username or e-mail address is taken; choose another one, or sign in",
            Self::LastAdmin => "this is the last ADMIN; make another account one first",
            Self::SecondFactorNotSetUp => {
                "this account has no second factor; begin with POST /v1/auth/mfa/setup, and verify within an hour"
            }
            Self::SubscriptionExists => {
                "you have a subscription that is not over; change its plan, or cancel it and wait for its end"
            }
            Self::SubscriptionMoveImpossible => {
                "this makes no sense in the state that the subscription is in; read it again"
            }
            Self::SubscriptionBeginsAnew => "what costs something begins anew: subscribe to it as if you had nothing",
            Self::SubscriptionChangeUnderWay => {
                "another change of your subscriptions is under way; wait a moment, and read them again"
            }
        }
    }
}
