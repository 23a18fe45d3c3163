//! Sign-in messages (EIP-4361): the rules they are judged by, and why one is refused.

use std::time::Duration;

use crate::clock::Timestamp;

/// A rule that a proof is judged by, in the order in which it is: the local ones first, the signature last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// The text is a message of EIP-4361.
    Grammar,
    /// The address is one, with the right checksum if it has any.
    Address,
    /// The version is the one that there is.
    Version,
    /// The domain is a site of ours.
    Domain,
    /// The URI is of a site of ours.
    Uri,
    /// The chain is configured.
    Chain,
    /// The nonce was issued by this gateway, for this, and is good.
    Nonce,
    /// It was issued now, as far as clocks agree.
    IssuedAt,
    /// It has not expired.
    Expiration,
    /// It counts already.
    NotBefore,
    /// The address signed it.
    Signature,
}

impl Rule {
    /// The stable name of the rule.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Grammar => "grammar",
            Self::Address => "address",
            Self::Version => "version",
            Self::Domain => "domain",
            Self::Uri => "uri",
            Self::Chain => "chain",
            Self::Nonce => "nonce",
            Self::IssuedAt => "issued_at",
            Self::Expiration => "expiration",
            Self::NotBefore => "not_before",
            Self::Signature => "signature",
        }
    }
}

/// Why a message that reads well is refused. All of it is safe to show: it repeats what the sender sent, or tells the
/// time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageRefusal {
    /// The domain is no site of ours.
    Domain,
    /// The URI is of no site of ours.
    Uri,
    /// The chain is not configured.
    Chain(u64),
    /// It was issued later than it is now.
    IssuedInFuture {
        /// By how much.
        by: Duration,
        /// When that was found.
        now: Timestamp,
    },
    /// It was issued too long ago.
    IssuedTooLongAgo {
        /// How long ago.
        ago: Duration,
        /// How long it may be.
        most: Duration,
        /// When that was found.
        now: Timestamp,
    },
    /// Its expiration time has come.
    Expired {
        /// When that was found.
        now: Timestamp,
    },
    /// It expires before it was issued or before it counts, so it was never good.
    NeverValid,
    /// The time from which on it counts has not come.
    NotYetValid {
        /// How long until then.
        wait: Duration,
        /// When that was found.
        now: Timestamp,
    },
    /// The statement is not the one that this gateway wrote for the purpose.
    Statement,
    /// The signature has a form that no key makes: perhaps that of a wallet that is a contract.
    ContractWallet,
    /// Nonces have to be signed within a message here.
    BareNonce,
}

impl MessageRefusal {
    /// One of each, for the documentation.
    pub(super) const ALL: [Self; 11] = {
        const NOW: Timestamp = Timestamp::from_seconds(1_767_225_600);
        const SPAN: Duration = Duration::from_secs(90);
        [
            Self::Domain,
            Self::Uri,
            Self::Chain(5),
            Self::IssuedInFuture { by: SPAN, now: NOW },
            Self::IssuedTooLongAgo { ago: Duration::from_secs(690), most: Duration::from_mins(10), now: NOW },
            Self::Expired { now: NOW },
            Self::NeverValid,
            Self::NotYetValid { wait: SPAN, now: NOW },
            Self::Statement,
            Self::ContractWallet,
            Self::BareNonce,
        ]
    };

    /// The stable name.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Domain => "domain_not_allowed",
            Self::Uri => "uri_not_allowed",
            Self::Chain(_) => "chain_not_configured",
            Self::IssuedInFuture { .. } => "issued_in_future",
            Self::IssuedTooLongAgo { .. } => "issued_too_long_ago",
            Self::Expired { .. } => "message_expired",
            Self::NeverValid => "message_never_valid",
            Self::NotYetValid { .. } => "message_not_yet_valid",
            Self::Statement => "statement_not_ours",
            Self::ContractWallet => "contract_wallet_not_supported",
            Self::BareNonce => "bare_nonce_disabled",
        }
    }

    /// What went wrong and what to do.
    #[must_use]
    pub fn detail(self) -> String {
        match self {
            Self::Domain => "the domain of the message is not one that may sign in here; the page's own host and port \
                             have to be there, and the operator has to allow them (cors_origins or wallet.domains)"
                .to_owned(),
            Self::Uri => "the URI of the message is not of a site that may sign in here; it has to begin with the \
                          page's own scheme, host and port"
                .to_owned(),
            Self::Chain(id) => format!("chain {id} is not configured here; switch the wallet to another chain"),
            Self::IssuedInFuture { by, now } => format!(
                "the message was issued {} s in the future: the clock of the device is wrong; here it is {}",
                by.as_secs(),
                now.rfc3339()
            ),
            Self::IssuedTooLongAgo { ago, most, now } => format!(
                "the message was issued {} s ago, and at most {} s are accepted: sign a new one, or set the clock of \
                 the device; here it is {}",
                ago.as_secs(),
                most.as_secs(),
                now.rfc3339()
            ),
            Self::Expired { now } => {
                format!("the message has expired; sign a new one; here it is {}", now.rfc3339())
            }
            Self::NeverValid => {
                "the message expires before it was issued or before it begins to count; correct its times".to_owned()
            }
            Self::NotYetValid { wait, now } => {
                format!("the message counts only in {} s; here it is {}", wait.as_secs(), now.rfc3339())
            }
            Self::Statement => "the statement of the message is not the one that this gateway wrote for this account; \
                                ask for a challenge and sign it unchanged"
                .to_owned(),
            Self::ContractWallet => "the signature has the form of a wallet that is a contract; only wallets with a \
                                     key of their own can sign in here (65 bytes, or 64 by EIP-2098)"
                .to_owned(),
            Self::BareNonce => "this gateway takes a nonce only within a message (EIP-4361); ask POST /users/nonce, \
                                sign its message and post {message, signature}"
                .to_owned(),
        }
    }
}
