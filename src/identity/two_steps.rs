//! Signing in in two steps: the password or what a provider says, and with the ticket that it gives, the code.

use super::gate::{self, Way};
use super::limits::Policy;
use super::passwords::Arrival;
use super::second_factor::{Second, Shown};
use super::trusted_devices::TrustedDevice;
use super::{Core, PasswordAttempt, Person, SignedInPerson};
use crate::clock::Timestamp;
use crate::crypto::ticket::{self, FirstFactor, Ticket};
use crate::model::audit::{Event, Subject};
use crate::model::error::Unauthenticated;
use crate::model::second_factor::TICKET_LIFETIME;
use crate::model::session::{Amr, SESSION_LIFETIME};
use crate::model::{AccountId, Client, Error};
use crate::store::people::{self, Known};
use crate::store::{accounts, nonces};

/// What came of a first factor that is right.
#[derive(Clone)]
pub enum SignInStep {
    /// It is all that the account asks for, or the device is trusted.
    SignedIn(Box<SignedInPerson>),
    /// The code is due.
    SecondFactorDue {
        /// Whose it was.
        person: Box<Person>,
        /// Good for [`Core::finish_sign_in`] and nothing else.
        ticket: String,
        /// From when on it is refused.
        expires_at: Timestamp,
    },
}

/// What came of a sign-in that is finished.
#[derive(Clone)]
pub struct Finished {
    /// Who signed in, and the tokens.
    pub signed_in: SignedInPerson,
    /// The device, if it is trusted from now on.
    pub device: Option<TrustedDevice>,
}

/// What is remembered besides the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remember {
    /// The device is trusted.
    Device,
    /// Nothing.
    Nothing,
}

impl Core {
    /// Signs in by password; an account with a second factor gets a ticket for the second step, unless the device is
    /// trusted or the code came at once.
    ///
    /// # Errors
    /// As [`Core::open_session`], but for [`Unauthenticated::MfaRequired`].
    pub async fn begin_sign_in(&self, attempt: PasswordAttempt<'_>, client: &Client) -> Result<SignInStep, Error> {
        let arrival = self.arrive(attempt, SESSION_LIFETIME, client).await?;
        let now = self.clock.now();
        match arrival {
            Arrival::Entered(entered) => {
                let tokens = self.tokens_of(&entered)?;
                let person = Person::new(entered.account, entered.wallet);
                Ok(SignInStep::SignedIn(Box::new(SignedInPerson { person, tokens })))
            }
            Arrival::SecondFactorDue(known) => Ok(self.ask_for_code(*known, FirstFactor::Password, now)),
        }
    }

    /// The first step is done, and the code is due.
    pub(super) fn ask_for_code(&self, known: Known, first: FirstFactor, now: Timestamp) -> SignInStep {
        let expires_at = (now + TICKET_LIFETIME).whole_seconds();
        let (account, epoch) = (known.account.id.0, known.account.epoch);
        let ticket = Ticket { account, serial: self.random.bytes(), epoch, expires_at, first };
        let ticket = ticket::mint(self.keychain.current(), &ticket);
        SignInStep::SecondFactorDue { person: Box::new(known.into()), ticket, expires_at }
    }

    /// Finishes a sign-in whose first step is done.
    ///
    /// # Errors
    /// [`Unauthenticated::InvalidToken`] for no ticket of ours or one that has signed in before,
    /// [`Unauthenticated::TokenExpired`], [`Unauthenticated::SessionEnded`] if what it stands on has changed since;
    /// [`Unauthenticated::InvalidCode`], [`Error::Forbidden`], [`Error::TooMany`], [`Error::Unavailable`].
    pub async fn finish_sign_in(
        &self,
        ticket: &str,
        code: &str,
        remember: Remember,
        client: &Client,
    ) -> Result<Finished, Error> {
        let now = self.clock.now();
        self.limit(Policy::Passwords, client, now)?;
        let outcome = match ticket::verify(&self.keychain, ticket) {
            Some(ticket) if now < ticket.expires_at => {
                let finished = self.finish(&ticket, code, remember, client).await;
                self.note_refusal(&ticket, finished, client).await
            }
            Some(ticket) => {
                let expired = Err(Error::NotAuthenticated(Unauthenticated::TokenExpired));
                self.note_refusal(&ticket, expired, client).await
            }
            None => Err(Error::NotAuthenticated(Unauthenticated::InvalidToken)),
        };
        self.metrics.count_sign_in(outcome.as_ref().map_or_else(Error::code, |_| "ok"));
        outcome
    }

    /// Records why a genuine ticket lets nobody in. A wrong code is recorded as a guess, and of an account that is gone
    /// nothing is.
    async fn note_refusal<T>(&self, ticket: &Ticket, outcome: Result<T, Error>, client: &Client) -> Result<T, Error> {
        let code = match &outcome {
            Err(Error::NotAuthenticated(Unauthenticated::InvalidCode)) => return outcome,
            Err(error @ (Error::NotAuthenticated(_) | Error::Forbidden(_))) => error.code(),
            Ok(_) | Err(_) => return outcome,
        };
        let id = AccountId(ticket.account);
        let found = async { accounts::find(&mut self.db.read().await?, id).await };
        if matches!(found.await, Ok(Some(_))) {
            let subject = Subject { account: Some(id), ..Subject::default() };
            self.record_refusal(Event::SignInRefused(code), subject, client).await;
        }
        outcome
    }

    async fn finish(
        &self,
        ticket: &Ticket,
        code: &str,
        remember: Remember,
        client: &Client,
    ) -> Result<Finished, Error> {
        let (id, now) = (AccountId(ticket.account), self.clock.now());
        let mut tx = self.db.write().await?;
        accounts::lock(&mut tx, id).await?;
        let known = people::find(&mut tx, id).await?.filter(|known| known.account.epoch == ticket.epoch);
        let ended = Error::NotAuthenticated(Unauthenticated::SessionEnded);
        let Some(Known { account, wallet, .. }) = known else {
            drop(tx);
            return Err(self.refusal_of(id, ended).await);
        };
        let shown = Shown { code: Some(code), device: None };
        let second = self.judge_second_factor(&mut tx, &account, shown, client, now).await?;
        let (way, amr, event) = way_of(&ticket.first, &second);
        let admitted = match gate::admit(&account, way, &self.config) {
            Ok(admitted) => admitted,
            Err(refusal) => return Err(self.refuse_second_factor(tx, id, &second, refusal, client).await),
        };
        // After the code, which is a guess whatever becomes of the ticket.
        if !nonces::consume(&mut tx, &ticket.serial, ticket.expires_at).await? {
            return Err(Error::NotAuthenticated(Unauthenticated::InvalidToken));
        }
        // Whom a provider vouched for was not linked before: that is a way in, which takes the code as well.
        if let FirstFactor::Unlinked(identity) = &ticket.first
            && !self.link_identity(&mut tx, identity, id, client, now).await?
        {
            return Err(ended);
        }
        let session = self.begin_session(&mut tx, &account, amr.with_otp(), SESSION_LIFETIME, now).await?;
        self.note_network(&mut tx, &session, client).await?;
        let subject = Subject { account: Some(id), session: Some(session.id), wallet: None };
        self.record(&mut tx, event, subject, Some(client), now).await?;
        let device = self.remember(&mut tx, subject, remember, client, now).await?;
        let tokens = self.issue(admitted, &session, None, now)?;
        tx.commit().await?;
        Ok(Finished { signed_in: SignedInPerson { person: Person::new(account, wallet), tokens }, device })
    }

    /// Why a ticket of before counts no more: the account was disabled since, or all of it was ended.
    async fn refusal_of(&self, id: AccountId, ended: Error) -> Error {
        let found = async { accounts::find(&mut self.db.read().await?, id).await };
        match found.await {
            Ok(Some((account, _))) => gate::admit(&account, Way::Credential, &self.config).err().unwrap_or(ended),
            Ok(None) => ended,
            Err(error) => error,
        }
    }
}

/// On which way somebody comes whose first factor was this, and what it is remembered as.
fn way_of<'a>(first: &FirstFactor, second: &'a Second) -> (Way<'a>, Amr, Event<'static>) {
    match first {
        FirstFactor::Password => (Way::Password { wait: None, second }, Amr::Password, Event::SignedInByPassword),
        FirstFactor::Provider | FirstFactor::Unlinked(_) => {
            (Way::Provider { second }, Amr::Provider, Event::SignedInByProvider)
        }
    }
}
