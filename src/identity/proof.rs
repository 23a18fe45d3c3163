//! What a client posts to prove a wallet, and the rules that it is judged by, one after the other.

use super::Core;
use crate::clock::Timestamp;
use crate::model::error::{Malformed, SignatureFault, Unauthenticated, Violation};
use crate::model::message::{MessageRefusal, Rule};
use crate::model::{Address, Error};
use crate::store::sign_ins::Spend;
use crate::wallet::nonce::{self, FreeFault, FreeNonce, Purpose};
use crate::wallet::siwe::{self, FaultKind, Message};
use crate::wallet::{self, Expected};

/// The rules that a message is judged by once it was read, in their order.
pub(super) const MESSAGE_RULES: [Rule; 8] = [
    Rule::Domain,
    Rule::Uri,
    Rule::Chain,
    Rule::Nonce,
    Rule::IssuedAt,
    Rule::Expiration,
    Rule::NotBefore,
    Rule::Signature,
];

/// A proof as posted.
#[derive(Clone, Copy, Debug)]
pub enum Proof<'a> {
    /// A nonce that was signed by itself.
    Bare {
        /// The wallet that it claims.
        address: &'a str,
        /// The signature.
        signature: &'a str,
        /// The nonce that was signed; a free one has to be named, one of the wallet may be.
        nonce: Option<&'a str>,
    },
    /// A message (EIP-4361) that was signed.
    Message {
        /// The message, to the byte.
        text: &'a str,
        /// The signature.
        signature: &'a str,
        /// The wallet, if the client says it once more.
        address: Option<&'a str>,
        /// The nonce, if the client says it once more.
        nonce: Option<&'a str>,
    },
}

/// A proof that was read: it says what it claims.
#[expect(clippy::large_enum_variant, reason = "it is made once a sign-in, and lives on the stack of that")]
pub(super) enum Claim<'a> {
    Bare(BareClaim<'a>),
    Message(MessageClaim<'a>),
}

#[derive(Clone, Copy)]
pub(super) struct BareClaim<'a> {
    pub(super) address: Address,
    pub(super) signature: &'a str,
    pub(super) nonce: Option<&'a str>,
}

pub(super) struct MessageClaim<'a> {
    pub(super) message: Message,
    pub(super) text: &'a str,
    pub(super) signature: &'a str,
}

impl<'a> Claim<'a> {
    /// Reads a proof; what it claims is not judged.
    pub(super) fn read(proof: Proof<'a>) -> Result<Self, Error> {
        Ok(match proof {
            Proof::Bare { address, signature, nonce } => {
                Self::Bare(BareClaim { address: Address::parse(address)?, signature, nonce })
            }
            Proof::Message { text, signature, address, nonce } => {
                let message = read_message(text)?;
                agree(&message, address, nonce)?;
                Self::Message(MessageClaim { message, text, signature })
            }
        })
    }

    pub(super) fn address(&self) -> Address {
        match self {
            Self::Bare(claim) => claim.address,
            Self::Message(claim) => claim.message.address,
        }
    }
}

/// Reads a message; the error tells a wrong checksum and another version from a text that is no message.
pub(super) fn read_message(text: &str) -> Result<Message, Error> {
    Message::parse(text).map_err(|fault| {
        Error::Malformed(match fault.kind {
            FaultKind::Grammar => {
                Malformed::Message { line: fault.line, column: fault.column, expected: fault.expected }
            }
            FaultKind::Checksum => Malformed::Address(fault.expected),
            FaultKind::Version => Malformed::MessageVersion,
        })
    })
}

/// What is said once more beside a message has to be what it says.
fn agree(message: &Message, address: Option<&str>, nonce: Option<&str>) -> Result<(), Error> {
    let address = address.map(Address::parse).transpose()?;
    let differing = [
        ("address", address.is_some_and(|address| address != message.address)),
        ("nonce", nonce.is_some_and(|nonce| nonce != message.nonce)),
    ];
    let violation = |(field, _): (&str, bool)| Violation {
        field: field.to_owned(),
        message: "the message says another one; leave this one out".to_owned(),
    };
    let violations: Vec<_> = differing.into_iter().filter(|(_, differs)| *differs).map(violation).collect();
    if violations.is_empty() { Ok(()) } else { Err(Error::Invalid(violations)) }
}

impl Core {
    /// Decides whether a message proves its wallet, rule by rule, and which nonce that uses up.
    pub(super) fn verify_message(
        &self,
        claim: &MessageClaim<'_>,
        count: u64,
        now: Timestamp,
    ) -> Result<Spend, Unauthenticated> {
        let mut spend = None;
        for rule in MESSAGE_RULES {
            spend = self.judge(rule, claim, count, now)?.or(spend);
        }
        // The rule of the nonce is among them, and passes only with what it uses up.
        spend.ok_or(Unauthenticated::NonceUnknown)
    }

    /// One rule of a message that was read. That of the nonce tells what it uses up.
    pub(super) fn judge(
        &self,
        rule: Rule,
        claim: &MessageClaim<'_>,
        count: u64,
        now: Timestamp,
    ) -> Result<Option<Spend>, Unauthenticated> {
        let MessageClaim { message, .. } = claim;
        match rule {
            Rule::Nonce => self.judge_named(message.address, &message.nonce, count, now).map(Some),
            Rule::Signature => verify_signature(claim).map(|()| None),
            _ => self.judge_text(rule, message, now).map(|()| None).map_err(Unauthenticated::Message),
        }
    }

    /// One rule that takes nothing but the message, the configuration and the time. Reading it judged the others.
    pub(super) fn judge_text(&self, rule: Rule, message: &Message, now: Timestamp) -> Result<(), MessageRefusal> {
        let wallet = &self.config.wallet;
        let expected = siwe::Expected {
            origins: &wallet.origins,
            chains: &self.chain_ids,
            skew: wallet.clock_skew,
            max_age: wallet.max_message_age,
            now,
        };
        match rule {
            Rule::Domain => message.judge_domain(&expected),
            Rule::Uri => message.judge_uri(&expected),
            Rule::Chain => message.judge_chain(&expected),
            Rule::IssuedAt => message.judge_issued_at(&expected),
            Rule::Expiration => message.judge_expiration(&expected),
            Rule::NotBefore => message.judge_not_before(&expected),
            Rule::Grammar | Rule::Address | Rule::Version | Rule::Nonce | Rule::Signature => Ok(()),
        }
    }

    /// Decides whether the signature proves the wallet, over a nonce that is good now.
    pub(super) fn verify_bare(
        &self,
        claim: BareClaim<'_>,
        count: u64,
        now: Timestamp,
    ) -> Result<Spend, Unauthenticated> {
        if !self.config.wallet.bare_nonce {
            return Err(Unauthenticated::Message(MessageRefusal::BareNonce));
        }
        match claim.nonce {
            Some(named) => {
                signed_one_of(claim, std::slice::from_ref(&named.to_owned()))?;
                self.judge_named(claim.address, named, count, now)
            }
            None => self.find_signed(claim, count, now),
        }
    }

    /// The nonce is known: is it one that this wallet may use now?
    pub(super) fn judge_named(
        &self,
        wallet: Address,
        named: &str,
        count: u64,
        now: Timestamp,
    ) -> Result<Spend, Unauthenticated> {
        let is = |nonce: &String| {
            aws_lc_rs::constant_time::verify_slices_are_equal(nonce.as_bytes(), named.as_bytes()).is_ok()
        };
        match FreeNonce::decode(&self.keychain, Purpose::SignIn, named, now) {
            Ok(free) => return Ok(Spend::Nonce { id: free.id, expires_at: free.expires_at }),
            Err(FreeFault::Expired) => return Err(Unauthenticated::NonceExpired),
            Err(FreeFault::Foreign) => {}
        }
        if self.accepted(wallet, count, now).any(|nonce| is(&nonce)) {
            return Ok(Spend::Count(count));
        }
        let outdated = self.outdated(wallet, count, now);
        let reason = outdated.iter().find(|(nonce, _)| is(nonce)).map(|(_, reason)| *reason);
        Err(reason.unwrap_or(Unauthenticated::NonceUnknown))
    }

    /// The nonce was not named: try those that this wallet may have signed.
    pub(super) fn find_signed(
        &self,
        claim: BareClaim<'_>,
        count: u64,
        now: Timestamp,
    ) -> Result<Spend, Unauthenticated> {
        let mismatch = Unauthenticated::InvalidSignature(SignatureFault::Mismatch);
        for nonce in self.accepted(claim.address, count, now) {
            match signed_one_of(claim, std::slice::from_ref(&nonce)) {
                Ok(_) => return Ok(Spend::Count(count)),
                Err(refusal) if refusal != mismatch => return Err(refusal),
                Err(_) => {}
            }
        }
        let (outdated, reasons): (Vec<_>, Vec<_>) = self.outdated(claim.address, count, now).into_iter().unzip();
        let position = signed_one_of(claim, &outdated)?;
        Err(reasons.get(position).copied().unwrap_or(mismatch))
    }

    /// The nonces of this wallet that are good now, the likeliest first: of the current and the previous window, and
    /// of the next one if another node's clock may be in it already.
    ///
    /// Each is made when it is its turn: mostly the first one was signed.
    fn accepted(&self, wallet: Address, count: u64, now: Timestamp) -> impl Iterator<Item = String> {
        let current = nonce::window(now);
        let next = nonce::window(now + self.config.wallet.clock_skew);
        let windows = [Some(current), Some(current - 1), (next > current).then_some(next)];
        let of_keys = move |keys| {
            windows.into_iter().flatten().map(move |w| nonce::bare(keys, Purpose::SignIn, wallet, w, count))
        };
        self.keychain.all().flat_map(of_keys)
    }

    /// Nonces that were good a moment ago, to tell "expired" and "used" from "never": one window and one count back.
    fn outdated(&self, wallet: Address, count: u64, now: Timestamp) -> Vec<(String, Unauthenticated)> {
        let current = nonce::window(now);
        let mut nonces = Vec::new();
        for keys in self.keychain.all() {
            let at = |window, count| nonce::bare(keys, Purpose::SignIn, wallet, window, count);
            nonces.push((at(current - 2, count), Unauthenticated::NonceExpired));
            if let Some(before) = count.checked_sub(1) {
                nonces.extend([current, current - 1].map(|window| (at(window, before), Unauthenticated::NonceUsed)));
            }
        }
        nonces
    }
}

/// Rule `signature` of a message. A signature of another length than a key makes is that of a contract, if of any.
pub(super) fn verify_signature(claim: &MessageClaim<'_>) -> Result<(), Unauthenticated> {
    let expected = Expected::Message { message: &claim.message, text: claim.text };
    match wallet::verify(claim.signature, expected) {
        Ok(_) => Ok(()),
        Err(SignatureFault::Length) => Err(Unauthenticated::Message(MessageRefusal::ContractWallet)),
        Err(fault) => Err(Unauthenticated::InvalidSignature(fault)),
    }
}

/// The position of the nonce that the claimed wallet signed.
pub(super) fn signed_one_of(claim: BareClaim<'_>, nonces: &[String]) -> Result<usize, Unauthenticated> {
    let expected = Expected::Bare { address: claim.address, nonces };
    wallet::verify(claim.signature, expected).map(|wallet| wallet.nonce()).map_err(Unauthenticated::InvalidSignature)
}
