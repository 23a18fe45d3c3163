//! Guarding secrets that can be guessed: failures are counted for each secret and network, where neither a restart nor a
//! second node loses them. Guesses that come at once count as if one had come after the other.

use super::Core;
use crate::clock::Timestamp;
use crate::model::audit::{Event, Subject};
use crate::model::error::{Limited, Malformed, Unauthenticated};
use crate::model::guard::{FREE_FAILURES, Failures};
use crate::model::second_factor::FREE_FAILURES_EVERYWHERE;
use crate::model::{AccountId, Client, Error};
use crate::store::failures::{self, Target};
use crate::store::{Queryable, Tx};

/// The kind under which failures at codes that were mailed are counted.
pub(super) const CODE: &str = "code";

/// The kinds under which failures at codes of second factors are counted: from one network, and from all together, since
/// whoever knows the password may have many networks.
const OTP: &str = "otp";
const OTP_EVERYWHERE: &str = "otp_everywhere";

/// How many failures a network in which the owner is signed in may have since his last success and still let him in at
/// once: others share it, and may be guessing. Beyond, it waits like any other.
const KNOWN_UP_TO: u32 = 60;

/// The kind under which failures at tokens that were mailed are counted. They name nobody, so they are the network's alone.
pub(super) const MAILED_TOKEN: &str = "mailed_token";

/// The kind under which failures at passwords are counted.
pub(super) const PASSWORD: &str = "password";

/// Somebody who may try a secret once.
pub(super) struct Guarded {
    target: Target,
    /// The failures that there were when he was let in.
    before: Option<Failures>,
    /// Whether he comes from a network in which a session of the account lives: the owner gets in from there whatever
    /// others do.
    known: bool,
    /// How many failures cost nothing.
    free: u32,
}

/// By what somebody who guesses may be known, so that others' failures don't keep him out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KnownBy {
    /// By the network that he comes from, if a session of the account that began there lives.
    Network,
    /// By a device that the account trusts.
    Device,
}

/// Somebody who may try a code of a second factor once.
pub(super) struct GuardedOtp {
    here: Guarded,
    everywhere: Guarded,
}

impl Core {
    /// Lets somebody try, unless failures of before make him wait.
    pub(super) async fn guard(
        &self,
        db: &mut impl Queryable,
        kind: &'static str,
        whose: Whose,
        client: &Client,
        now: Timestamp,
    ) -> Result<Guarded, Error> {
        let target = Target { kind, whose: whose.bytes(), network: client.network().to_string() };
        self.guard_target(db, target, FREE_FAILURES, KnownBy::Network, client, now).await
    }

    /// The same for a password, by somebody who may be known by his device.
    pub(super) async fn guard_password(
        &self,
        db: &mut impl Queryable,
        whose: Whose,
        known_by: KnownBy,
        client: &Client,
        now: Timestamp,
    ) -> Result<Guarded, Error> {
        let target = Target { kind: PASSWORD, whose: whose.bytes(), network: client.network().to_string() };
        self.guard_target(db, target, FREE_FAILURES, known_by, client, now).await
    }

    /// The same for a code of a second factor. To be called while the account is locked.
    pub(super) async fn guard_otp(
        &self,
        tx: &mut Tx,
        account: AccountId,
        client: &Client,
        now: Timestamp,
    ) -> Result<GuardedOtp, Error> {
        let here = self.guard(tx, OTP, Whose::Account(account), client, now).await?;
        let target = Target { kind: OTP_EVERYWHERE, whose: *account.0.as_bytes(), network: String::new() };
        let everywhere = self.guard_target(tx, target, FREE_FAILURES_EVERYWHERE, KnownBy::Network, client, now).await?;
        Ok(GuardedOtp { here, everywhere })
    }

    async fn guard_target(
        &self,
        db: &mut impl Queryable,
        target: Target,
        free: u32,
        known_by: KnownBy,
        client: &Client,
        now: Timestamp,
    ) -> Result<Guarded, Error> {
        let before = failures::find(db, &target).await?;
        let mut guarded = Guarded { target, before, known: false, free };
        let Some(limited) = guarded.wait(before, now) else { return Ok(guarded) };
        // Asked for nobody as well, so that it takes as long.
        let account = AccountId(uuid::Uuid::from_bytes(guarded.target.whose));
        let is_known = failures::is_known(db, account, &client.network().to_string(), now).await?;
        let known = is_known || known_by == KnownBy::Device;
        if known && before.is_some_and(|before| before.count < KNOWN_UP_TO) {
            guarded.known = true;
            return Ok(guarded);
        }
        self.metrics.count_limited(limited.policy);
        Err(Error::TooMany(limited))
    }
}

/// A kind of guess, as it is recorded and answered when it is wrong.
#[derive(Clone, Copy)]
pub(super) struct Guess {
    /// With the code of what it is answered with.
    pub(super) event: fn(&'static str) -> Event<'static>,
    /// What is told of it.
    pub(super) wrong: Unauthenticated,
}

impl Core {
    /// Counts and records a wrong guess, in this unit of work, which it ends; gives what the guess is answered with.
    pub(super) async fn refuse_guess(
        &self,
        mut tx: Tx,
        guess: Guess,
        account: Option<AccountId>,
        guarded: &Guarded,
        client: &Client,
    ) -> Result<Error, Error> {
        let counted = guarded.count_failure(&mut tx, self.clock.now()).await;
        self.answer_guess(tx, guess, counted, account, client).await
    }

    /// The same for a code of a second factor.
    pub(super) async fn refuse_otp(
        &self,
        mut tx: Tx,
        guess: Guess,
        account: AccountId,
        guarded: &GuardedOtp,
        client: &Client,
    ) -> Result<Error, Error> {
        let now = self.clock.now();
        let here = guarded.here.count_failure(&mut tx, now).await;
        let everywhere = guarded.everywhere.count_failure(&mut tx, now).await;
        self.answer_guess(tx, guess, here.and(everywhere), Some(account), client).await
    }

    async fn answer_guess(
        &self,
        mut tx: Tx,
        guess: Guess,
        counted: Result<(), Error>,
        account: Option<AccountId>,
        client: &Client,
    ) -> Result<Error, Error> {
        let now = self.clock.now();
        let answer = counted.err().unwrap_or(Error::NotAuthenticated(guess.wrong));
        let subject = Subject { account, ..Subject::default() };
        self.record(&mut tx, (guess.event)(answer.code()), subject, Some(client), now).await?;
        tx.commit().await?;
        Ok(answer)
    }
}

impl GuardedOtp {
    /// Lets a right code count, and forgets the failures.
    pub(super) async fn pass(&self, tx: &mut Tx, now: Timestamp) -> Result<(), Error> {
        self.here.pass(tx, now).await?;
        self.everywhere.pass(tx, now).await
    }
}

impl Guarded {
    /// Counts a failure; [`Error::TooMany`] if, by the failures of others who came at the same time, it was not to be
    /// tried, or if only a right one was to pass.
    pub(super) async fn count_failure(&self, tx: &mut Tx, now: Timestamp) -> Result<(), Error> {
        let mut before = self.before;
        // Each turn somebody else has failed; after the free ones there is a wait.
        for _ in 0..=self.free {
            if failures::insert(tx, &self.target, before, now).await? {
                return match self.wait(self.before, now) {
                    Some(limited) => Err(Error::TooMany(limited)),
                    None => Ok(()),
                };
            }
            before = failures::find(tx, &self.target).await?;
            if let Some(limited) = self.wait(before, now) {
                return Err(Error::TooMany(limited));
            }
        }
        Ok(())
    }

    /// The wait that others have brought about since this one was let in: then a right guess counts for nothing either.
    pub(super) async fn wait_by_now(&self, tx: &mut Tx, now: Timestamp) -> Result<Option<Limited>, Error> {
        let by_now = failures::find(tx, &self.target).await?;
        let others_failed = by_now.map(|failures| failures.count) != self.before.map(|failures| failures.count);
        Ok(self.wait(by_now, now).filter(|_| others_failed && !self.known))
    }

    /// Lets a right guess count, unless others have brought about a wait meanwhile, and forgets the failures.
    pub(super) async fn pass(&self, tx: &mut Tx, now: Timestamp) -> Result<(), Error> {
        match self.wait_by_now(tx, now).await? {
            Some(limited) => Err(Error::TooMany(limited)),
            None => self.forget(tx).await,
        }
    }

    /// Forgets the failures, since the secret is known.
    pub(super) async fn forget(&self, tx: &mut Tx) -> Result<(), Error> {
        if self.before.is_some() { failures::delete(tx, &self.target).await } else { Ok(()) }
    }

    fn wait(&self, failures: Option<Failures>, now: Timestamp) -> Option<Limited> {
        let retry_after = failures?.wait_beyond(self.free, now)?;
        Some(Limited { policy: "password_failures", burst: self.free, retry_after })
    }
}

impl Core {
    /// Counts and records a token of a mail that is not good; gives what it is answered with. A good one never waits:
    /// nobody guesses 256 bits, and a neighbour who tries to must not keep its owner out.
    pub(super) async fn refuse_mailed_token(&self, client: &Client) -> Error {
        const USELESS: Error = Error::Malformed(Malformed::MailedToken);
        let now = self.clock.now();
        let refused = async {
            let whose = Whose::Nobody([0; 16]);
            let guarded = self.guard(&mut self.db.read().await?, MAILED_TOKEN, whose, client, now).await?;
            let mut tx = self.db.write().await?;
            let answer = guarded.count_failure(&mut tx, now).await.err().unwrap_or(USELESS);
            let event = Event::MailedTokenRefused(answer.code());
            self.record(&mut tx, event, Subject::default(), Some(client), now).await?;
            tx.commit().await?;
            Ok(answer)
        };
        refused.await.unwrap_or_else(|error| error)
    }
}

/// Whose secret is guessed at.
#[derive(Clone, Copy)]
pub(super) enum Whose {
    /// An account's.
    Account(AccountId),
    /// A name's that nobody has, by its keyed hash.
    Nobody([u8; 16]),
}

impl Whose {
    fn bytes(self) -> [u8; 16] {
        match self {
            Self::Account(account) => *account.0.as_bytes(),
            Self::Nobody(tag) => tag,
        }
    }
}
