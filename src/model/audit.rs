//! The audit trail: what is remembered of who did what. Never a secret, and of a wallet only its keyed hash.

use super::{AccountId, SessionId};

/// Something worth remembering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A wallet signed in for the first time, which made its account.
    AccountCreated,
    /// Somebody signed in.
    SignedIn,
    /// Somebody signed in by a code that was mailed.
    SignedInByCode,
    /// Somebody signed in by password.
    SignedInByPassword,
    /// Somebody signed in by an OpenID provider.
    SignedInByProvider,
    /// What an OpenID provider says of somebody signs in to the account from now on.
    IdentityLinked,
    /// A sign-in was refused; with the stable code of the refusal.
    SignInRefused(&'static str),
    /// A refresh token that had been used came in again; its session was ended.
    RefreshTokenReused,
    /// A genuine refresh token was refused; with the stable code of the refusal.
    RefreshRefused(&'static str),
    /// A genuine access token or API key was refused; with the stable code of the refusal.
    CredentialRefused(&'static str),
    /// A session was ended by its owner.
    SignedOut,
    /// The API key was replaced.
    ApiKeyRotated,
    /// The profile was changed.
    ProfileChanged(By),
    /// A wallet was linked to the account.
    WalletLinked,
    /// A wallet was not linked; with the stable code of the refusal.
    WalletLinkRefused(&'static str),
    /// A wallet was unlinked, which ended its sessions.
    WalletUnlinked,
    /// Another wallet became the primary one.
    PrimaryWalletChosen,
    /// An account was made with a name or by an operator.
    Registered,
    /// A guess at a password; with the stable code of the refusal.
    PasswordRefused(&'static str),
    /// A code that was mailed was refused; with the stable code of the refusal.
    CodeRefused(&'static str),
    /// A token that was mailed, or one that pretends to be, was refused; with the stable code of the refusal.
    MailedTokenRefused(&'static str),
    /// The e-mail address was proven.
    EmailVerified,
    /// Somebody who says that he forgot his password asked for a mail.
    PasswordResetRequested,
    /// The password was set by the token of a mail; whether the mailbox was proven before.
    PasswordRecovered(&'static str),
    /// The username was changed.
    UsernameChanged(By),
    /// The e-mail address was changed.
    EmailChanged,
    /// The password was set or changed by the account's owner.
    PasswordChanged,
    /// The password was set by an operator, which ended all sessions and the API key.
    PasswordReset,
    /// An authenticator is being set up.
    SecondFactorSetUp,
    /// A second factor is asked for from now on, which ended the other sessions; whether it is the first one.
    SecondFactorOn(&'static str),
    /// No second factor is asked for any more, which ended the other sessions.
    SecondFactorOff,
    /// The second factor was taken away by an operator, which ended all sessions and the API key.
    SecondFactorReset,
    /// Somebody got past the second factor; by what.
    SecondFactorUsed(&'static str),
    /// A guess at a code of the second factor; with the stable code of the refusal.
    SecondFactorRefused(&'static str),
    /// The backup codes were replaced.
    BackupCodesRenewed,
    /// A device is trusted from now on.
    DeviceTrusted,
    /// A device is trusted no more.
    DeviceForgotten,
    /// The preferred exchange was chosen.
    ExchangeChosen(By),
    /// Membership data was stored; whether the provider signed it.
    MembershipSynchronised(&'static str),
    /// Membership data was removed.
    MembershipCleared,
    /// The settings were changed.
    SettingsChanged(By),
    /// What providers of data are used, or how, was changed.
    DataProvidersChanged(By),
    /// Whether the account's owner wants to be advertised to: `given` or `withdrawn`.
    MarketingConsent(&'static str),
    /// A device was claimed, to be sent notifications.
    DeviceClaimed,
    /// A device was claimed by another account, or made room for another one.
    DeviceLost,
    /// What a device is sent was changed.
    DeviceChanged,
    /// A device was taken out, since the service that reaches devices knows it no more.
    DeviceGone,
    /// Something was subscribed to; the plan's id.
    SubscriptionCreated(&'a str),
    /// The plan of a subscription was changed, or its cancellation taken back; the plan's id.
    SubscriptionChanged(&'a str),
    /// A subscription ends, because its owner wants it to.
    SubscriptionCanceled,
    /// A subscription rests.
    SubscriptionPaused,
    /// A subscription goes on.
    SubscriptionResumed,
    /// A payment for a subscription failed and is tried again.
    SubscriptionPastDue,
    /// A payment for a subscription failed and is not tried any more.
    SubscriptionUnpaid,
    /// A subscription is over, as whoever takes payments tells.
    SubscriptionEnded,
    /// A role was given; by whom.
    RoleGranted(&'a str),
    /// A role was taken; by whom.
    RoleRevoked(&'a str),
    /// The account was deleted; by whom.
    AccountDeleted(&'a str),
    /// An operator disabled the account.
    AccountDisabled,
    /// An operator enabled the account again.
    AccountEnabled,
    /// A new signing key was made; with its id.
    SigningKeyAdded(&'a str),
    /// A signing key was replaced, and has been given its end; with its id.
    SigningKeyRetired(&'a str),
    /// A root secret became known to the database.
    RootSecretAdded,
}

/// By which kind of credential something was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The access token of a person who signed in.
    Session,
    /// The API key of the account.
    ApiKey,
}

impl By {
    const fn word(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::ApiKey => "api_key",
        }
    }
}

impl<'a> Event<'a> {
    /// The name of the one event of a deleted account that keeps what it tells.
    pub const ACCOUNT_DELETED: &'static str = "account_deleted";

    /// The stable name under which it is stored.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AccountCreated => "account_created",
            Self::SignedIn | Self::SignedInByPassword | Self::SignedInByCode | Self::SignedInByProvider => "signed_in",
            Self::IdentityLinked => "identity_linked",
            Self::SignInRefused(_) => "sign_in_refused",
            Self::RefreshTokenReused => "refresh_token_reused",
            Self::RefreshRefused(_) => "refresh_refused",
            Self::CredentialRefused(_) => "credential_refused",
            Self::SignedOut => "signed_out",
            Self::ApiKeyRotated => "api_key_rotated",
            Self::ProfileChanged(_) => "profile_changed",
            Self::WalletLinked => "wallet_linked",
            Self::WalletLinkRefused(_) => "wallet_link_refused",
            Self::WalletUnlinked => "wallet_unlinked",
            Self::PrimaryWalletChosen => "primary_wallet_chosen",
            Self::Registered => "registered",
            Self::PasswordRefused(_) => "password_refused",
            Self::CodeRefused(_) => "code_refused",
            Self::MailedTokenRefused(_) => "mailed_token_refused",
            Self::EmailVerified => "email_verified",
            Self::PasswordResetRequested => "password_reset_requested",
            Self::PasswordRecovered(_) => "password_recovered",
            Self::UsernameChanged(_) => "username_changed",
            Self::EmailChanged => "email_changed",
            Self::PasswordChanged => "password_changed",
            Self::PasswordReset => "password_reset",
            Self::SecondFactorSetUp => "second_factor_set_up",
            Self::SecondFactorOn(_) => "second_factor_on",
            Self::SecondFactorOff => "second_factor_off",
            Self::SecondFactorReset => "second_factor_reset",
            Self::SecondFactorUsed(_) => "second_factor_used",
            Self::SecondFactorRefused(_) => "second_factor_refused",
            Self::BackupCodesRenewed => "backup_codes_renewed",
            Self::DeviceTrusted => "device_trusted",
            Self::DeviceForgotten => "device_forgotten",
            Self::ExchangeChosen(_) => "exchange_chosen",
            Self::MembershipSynchronised(_) => "membership_synchronised",
            Self::MembershipCleared => "membership_cleared",
            Self::SettingsChanged(_) => "settings_changed",
            Self::DataProvidersChanged(_) => "data_providers_changed",
            Self::MarketingConsent(_) => "marketing_consent",
            Self::DeviceClaimed => "device_claimed",
            Self::DeviceLost => "device_lost",
            Self::DeviceChanged => "device_changed",
            Self::DeviceGone => "device_gone",
            Self::SubscriptionCreated(_) => "subscription_created",
            Self::SubscriptionChanged(_) => "subscription_changed",
            Self::SubscriptionCanceled => "subscription_canceled",
            Self::SubscriptionPaused => "subscription_paused",
            Self::SubscriptionResumed => "subscription_resumed",
            Self::SubscriptionPastDue => "subscription_past_due",
            Self::SubscriptionUnpaid => "subscription_unpaid",
            Self::SubscriptionEnded => "subscription_ended",
            Self::RoleGranted(_) => "role_granted",
            Self::RoleRevoked(_) => "role_revoked",
            Self::AccountDeleted(_) => Self::ACCOUNT_DELETED,
            Self::AccountDisabled => "account_disabled",
            Self::AccountEnabled => "account_enabled",
            Self::SigningKeyAdded(_) => "signing_key_added",
            Self::SigningKeyRetired(_) => "signing_key_retired",
            Self::RootSecretAdded => "root_secret_added",
        }
    }

    /// What else there is to say about it.
    #[must_use]
    pub const fn detail(self) -> Option<&'a str> {
        match self {
            Self::SignInRefused(code)
            | Self::PasswordRefused(code)
            | Self::CodeRefused(code)
            | Self::SecondFactorOn(code)
            | Self::SecondFactorUsed(code)
            | Self::SecondFactorRefused(code)
            | Self::MailedTokenRefused(code)
            | Self::PasswordRecovered(code)
            | Self::MembershipSynchronised(code)
            | Self::WalletLinkRefused(code)
            | Self::RefreshRefused(code)
            | Self::MarketingConsent(code)
            | Self::CredentialRefused(code) => Some(code),
            Self::SignedInByPassword => Some("password"),
            Self::SignedInByCode => Some("code"),
            Self::SignedInByProvider => Some("provider"),
            Self::ProfileChanged(by)
            | Self::ExchangeChosen(by)
            | Self::UsernameChanged(by)
            | Self::SettingsChanged(by)
            | Self::DataProvidersChanged(by) => Some(by.word()),
            Self::SigningKeyAdded(of) | Self::SigningKeyRetired(of) => Some(of),
            Self::SubscriptionCreated(plan) | Self::SubscriptionChanged(plan) => Some(plan),
            Self::RoleGranted(by) | Self::RoleRevoked(by) | Self::AccountDeleted(by) => Some(by),
            Self::AccountCreated
            | Self::SignedIn
            | Self::IdentityLinked
            | Self::RefreshTokenReused
            | Self::SignedOut
            | Self::ApiKeyRotated
            | Self::WalletLinked
            | Self::WalletUnlinked
            | Self::PrimaryWalletChosen
            | Self::Registered
            | Self::EmailVerified
            | Self::PasswordResetRequested
            | Self::EmailChanged
            | Self::PasswordChanged
            | Self::PasswordReset
            | Self::MembershipCleared
            | Self::DeviceClaimed
            | Self::DeviceLost
            | Self::DeviceChanged
            | Self::DeviceGone
            | Self::SecondFactorSetUp
            | Self::SecondFactorOff
            | Self::SecondFactorReset
            | Self::BackupCodesRenewed
            | Self::DeviceTrusted
            | Self::DeviceForgotten
            | Self::SubscriptionCanceled
            | Self::SubscriptionPaused
            | Self::SubscriptionResumed
            | Self::SubscriptionPastDue
            | Self::SubscriptionUnpaid
            | Self::SubscriptionEnded
            | Self::AccountDisabled
            | Self::AccountEnabled
            | Self::RootSecretAdded => None,
        }
    }
}

/// Whom an event is about.
#[derive(Clone, Copy, Debug, Default)]
pub struct Subject<'a> {
    /// The account, where one is known.
    pub account: Option<AccountId>,
    /// The session.
    pub session: Option<SessionId>,
    /// The keyed hash of the wallet that was claimed.
    pub wallet: Option<&'a [u8; 32]>,
}
