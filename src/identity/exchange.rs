//! What the exchange door keeps for an account: the preferred exchange, and what an outside provider says of it.

use aws_lc_rs::{constant_time, hmac};

use super::changes::{subject_of, traced};
use super::{Caller, Core, PersonPresent};
use crate::clock::Timestamp;
use crate::model::audit::Event;
use crate::model::error::Forbidden;
use crate::model::membership::{Membership, Statement};
use crate::model::{Client, Error, Exchange};
use crate::store::{memberships, people};

/// Membership data as it came in.
#[derive(Clone, Debug)]
pub struct MembershipClaim<'a> {
    /// The data.
    pub data: Membership,
    /// For whom it says that it is, and when it was made; `None` if it does not say both.
    pub statement: Option<Statement>,
    /// The body, which the provider signed.
    pub body: &'a [u8],
    /// The signature, 64 hex digits; `None` if there is none, or none of that form.
    pub signature: Option<&'a str>,
}

impl Core {
    /// The exchange that the caller prefers, else the one that the gateway has for all.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the database does not answer.
    pub async fn exchange(&self, caller: Option<&Caller>) -> Result<String, Error> {
        let chosen = match caller {
            Some(caller) => people::find_exchange(&mut self.db.read().await?, caller.account().id).await?,
            None => None,
        };
        Ok(chosen.unwrap_or_else(|| self.config.exchange.default.name().to_owned()))
    }

    /// Stores the exchange that the caller prefers.
    ///
    /// # Errors
    /// [`Error::TooMany`], [`Error::Unavailable`]; [`Error::NotAuthenticated`] or [`Error::Forbidden`] if the account was
    /// ended meanwhile.
    pub async fn choose_exchange(&self, caller: &Caller, exchange: Exchange, client: &Client) -> Result<(), Error> {
        let now = self.clock.now();
        self.limit_writes(caller, now)?;
        let account = caller.account();
        let mut tx = self.db.write().await?;
        if !people::update_exchange(&mut tx, account.id, account.epoch, exchange.name(), now).await? {
            return Err(caller.refusal_by_now(&mut tx).await?);
        }
        let (by, subject) = traced(caller);
        self.record(&mut tx, Event::ExchangeChosen(by), subject, Some(client), now).await?;
        tx.commit().await
    }

    /// Stores membership data. If the gateway shares a secret with the provider, only what that signed, for this account
    /// and a moment ago; else it is kept, and counts for nothing.
    ///
    /// # Errors
    /// [`Forbidden::MembershipSignature`], [`Forbidden::MembershipOutdated`], [`Error::TooMany`], [`Error::Unavailable`].
    pub async fn synchronise_membership(
        &self,
        person: &PersonPresent,
        claim: MembershipClaim<'_>,
        client: &Client,
    ) -> Result<(), Error> {
        let now = self.clock.now();
        self.limit_writes(person, now)?;
        let issued_at = self.verify_membership(person, &claim, now)?;
        let mut tx = self.begin_change(person).await?;
        let account = person.account().id;
        let (stored, detail) = match issued_at {
            Some(at) => (memberships::upsert_signed(&mut tx, account, &claim.data, at, now).await?, "verified"),
            None => (memberships::upsert_unsigned(&mut tx, account, &claim.data, now).await?, "unverified"),
        };
        if !stored {
            return Err(Error::Forbidden(Forbidden::MembershipOutdated));
        }
        self.record(&mut tx, Event::MembershipSynchronised(detail), subject_of(person), Some(client), now).await?;
        tx.commit().await
    }

    /// When the provider made the statement; `None` if there is no provider that signs.
    fn verify_membership(
        &self,
        person: &PersonPresent,
        claim: &MembershipClaim<'_>,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, Error> {
        let Some(secret) = &self.config.membership.secret else { return Ok(None) };
        let forged = Error::Forbidden(Forbidden::MembershipSignature);
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes());
        let expected = hex::encode(hmac::sign(&key, claim.body));
        let given = claim.signature.unwrap_or_default().to_ascii_lowercase();
        if constant_time::verify_slices_are_equal(expected.as_bytes(), given.as_bytes()).is_err() {
            return Err(forged);
        }
        let statement = claim.statement.ok_or(Error::Forbidden(Forbidden::MembershipOutdated))?;
        statement.judge(person.account().number, self.config.wallet.clock_skew, now)?;
        Ok(Some(statement.issued_at))
    }

    /// Removes the caller's membership data.
    ///
    /// # Errors
    /// [`Error::TooMany`], [`Error::Unavailable`].
    pub async fn clear_membership(&self, person: &PersonPresent, client: &Client) -> Result<(), Error> {
        let now = self.clock.now();
        self.limit_writes(person, now)?;
        let mut tx = self.begin_change(person).await?;
        if memberships::clear(&mut tx, person.account().id, now).await? {
            self.record(&mut tx, Event::MembershipCleared, subject_of(person), Some(client), now).await?;
        }
        tx.commit().await
    }
}
