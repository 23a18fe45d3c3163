//! The audit trail: what is remembered of who did what. Never a secret, and of a wallet only its keyed hash.

use super::{AccountId, SessionId};

/// Something worth remembering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A wallet signed in for the first time, which made its account.
    AccountCreated,
    /// Somebody signed in.
    SignedIn,
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

impl<'a> Event<'a> {
    /// The stable name under which it is stored.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AccountCreated => "account_created",
            Self::SignedIn => "signed_in",
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
            | Self::WalletLinkRefused(code)
            | Self::RefreshRefused(code)
            | Self::CredentialRefused(code) => Some(code),
            Self::ProfileChanged(By::Session) => Some("session"),
            Self::ProfileChanged(By::ApiKey) => Some("api_key"),
            Self::SigningKeyAdded(kid) | Self::SigningKeyRetired(kid) => Some(kid),
            Self::AccountCreated
            | Self::SignedIn
            | Self::RefreshTokenReused
            | Self::SignedOut
            | Self::ApiKeyRotated
            | Self::WalletLinked
            | Self::WalletUnlinked
            | Self::PrimaryWalletChosen
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
