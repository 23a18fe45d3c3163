//! The verdict of every rule on a proof, for whoever builds a front end: no session, and nothing is spent.

use super::Core;
use super::limits::Policy;
use super::proof::{BareClaim, Claim, MESSAGE_RULES, MessageClaim, Proof, signed_one_of};
use crate::clock::Timestamp;
use crate::model::error::{Malformed, Unauthenticated};
use crate::model::message::Rule;
use crate::model::{Client, Error};
use crate::store::sign_ins::Spend;
use crate::store::{nonces, wallets};

/// What one rule says.
#[derive(Debug)]
pub struct Verdict {
    /// The rule.
    pub rule: Rule,
    /// Whether the proof keeps it, and if not, why.
    pub outcome: Result<(), Error>,
}

/// What all rules say, in the order in which a sign-in asks them.
#[derive(Debug)]
pub struct Explanation(pub Vec<Verdict>);

impl Explanation {
    /// Whether a sign-in would be accepted as far as the proof goes; whether the account is enabled is not told.
    #[must_use]
    pub fn accepted(&self) -> bool {
        self.0.iter().all(|verdict| verdict.outcome.is_ok())
    }
}

impl Core {
    /// Judges a proof by every rule, as a sign-in would. It is limited like one, and a wrong signature counts.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the fields contradict each other; [`Error::TooMany`], [`Error::Unavailable`].
    pub async fn explain(&self, proof: Proof<'_>, client: &Client) -> Result<Explanation, Error> {
        let now = self.clock.now();
        self.limit(Policy::SignIns, client, now)?;
        let claim = match Claim::read(proof) {
            Ok(claim) => claim,
            Err(fault @ Error::Malformed(_)) => return Ok(Explanation(unread(fault))),
            Err(fault) => return Err(fault),
        };
        let tag = self.wallet_tag(claim.address());
        let count = wallets::find_count(&self.db, &tag).await?;
        let explanation = match &claim {
            Claim::Bare(claim) => self.explain_bare(*claim, count, now).await?,
            Claim::Message(claim) => self.explain_message(claim, count, now).await?,
        };
        let is_wrong = |verdict: &Verdict| {
            matches!(verdict.outcome, Err(Error::NotAuthenticated(Unauthenticated::InvalidSignature(_))))
        };
        if explanation.0.iter().any(is_wrong) {
            self.limit_failures(&tag, client, now)?;
        }
        Ok(explanation)
    }

    async fn explain_message(
        &self,
        claim: &MessageClaim<'_>,
        count: u64,
        now: Timestamp,
    ) -> Result<Explanation, Error> {
        let read = [Rule::Grammar, Rule::Address, Rule::Version];
        let mut verdicts: Vec<Verdict> = read.map(|rule| Verdict { rule, outcome: Ok(()) }).into();
        for rule in MESSAGE_RULES {
            let outcome = if rule == Rule::Nonce {
                self.explain_nonce(self.judge_named(claim.message.address, &claim.message.nonce, count, now)).await?
            } else {
                self.judge(rule, claim, count, now).map(|_| ()).map_err(Error::NotAuthenticated)
            };
            verdicts.push(Verdict { rule, outcome });
        }
        Ok(Explanation(verdicts))
    }

    async fn explain_bare(&self, claim: BareClaim<'_>, count: u64, now: Timestamp) -> Result<Explanation, Error> {
        let mut verdicts = vec![Verdict { rule: Rule::Address, outcome: Ok(()) }];
        let (nonce, signature) = match claim.nonce {
            Some(named) => {
                let signed = signed_one_of(claim, std::slice::from_ref(&named.to_owned())).map(|_| ());
                (Some(self.judge_named(claim.address, named, count, now)), signed)
            }
            // Which nonce was signed is found by the signature; if none was, there is nothing to say of a nonce.
            None => match self.find_signed(claim, count, now) {
                Err(reason @ Unauthenticated::InvalidSignature(_)) => (None, Err(reason)),
                judged => (Some(judged), Ok(())),
            },
        };
        // A sign-in looks at nothing else where nonces by themselves are not accepted.
        let nonce = if self.config.wallet.bare_nonce { nonce } else { Some(Err(BARE_NONCE)) };
        if let Some(allowed) = nonce {
            verdicts.push(Verdict { rule: Rule::Nonce, outcome: self.explain_nonce(allowed).await? });
        }
        verdicts.push(Verdict { rule: Rule::Signature, outcome: signature.map_err(Error::NotAuthenticated) });
        Ok(Explanation(verdicts))
    }

    /// A nonce that would be good, unless it was used: a sign-in finds that out by using it up.
    async fn explain_nonce(&self, judged: Result<Spend, Unauthenticated>) -> Result<Result<(), Error>, Error> {
        let spent = match judged {
            Ok(Spend::Nonce { id, expires_at }) => {
                nonces::is_spent(&mut self.db.read().await?, &id, expires_at).await?
            }
            Ok(Spend::Count(_)) => false,
            Err(reason) => return Ok(Err(Error::NotAuthenticated(reason))),
        };
        Ok(if spent { Err(Error::NotAuthenticated(Unauthenticated::NonceUsed)) } else { Ok(()) })
    }
}

const BARE_NONCE: Unauthenticated = Unauthenticated::Message(crate::model::message::MessageRefusal::BareNonce);

/// What can be said of a proof that can't be read. What comes after the fault was not read.
fn unread(fault: Error) -> Vec<Verdict> {
    let passed: &[Rule] = match &fault {
        Error::Malformed(Malformed::MessageVersion) => &[Rule::Grammar, Rule::Address],
        _ => &[],
    };
    let rule = match &fault {
        Error::Malformed(Malformed::Address(_)) => Rule::Address,
        Error::Malformed(Malformed::MessageVersion) => Rule::Version,
        _ => Rule::Grammar,
    };
    let passed = passed.iter().map(|&rule| Verdict { rule, outcome: Ok(()) });
    passed.chain([Verdict { rule, outcome: Err(fault) }]).collect()
}
