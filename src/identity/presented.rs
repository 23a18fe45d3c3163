//! Somebody whom an OpenID provider vouches for: whose account it is, and how he gets into it.

use super::gate::{self, Admitted, Way};
use super::google::Arrived;
use super::refusals::Refused;
use super::register::Prepared;
use super::second_factor::Shown;
use super::two_steps::SignInStep;
use super::verification::find_addressee;
use super::{Core, Person, SignedInPerson};
use crate::clock::Timestamp;
use crate::crypto::started::Started;
use crate::crypto::ticket::{FirstFactor, Identity};
use crate::model::audit::{Event, Subject};
use crate::model::error::{Conflict, Forbidden, Unauthenticated};
use crate::model::mail::Letter;
use crate::model::profile::ProfileText;
use crate::model::session::{Amr, SESSION_LIFETIME};
use crate::model::{AccountId, Client, Email, Error};
use crate::openid::Profile;
use crate::store::people::{self, Known, NewPerson};
use crate::store::{Tx, accounts, failures, identities, nonces};

/// How often it is looked again whose account it is, after another sign-in of the same person was faster.
const TURNS: u8 = 3;

const TAKEN: Error = Error::Conflict(Conflict::IdentityAlreadyUsed);

/// Somebody whom a provider vouches for.
pub(super) struct Presented<'a> {
    pub(super) issuer: &'a str,
    pub(super) profile: &'a Profile,
    /// The address that the provider names, if it is one.
    pub(super) email: Option<Email>,
    pub(super) marketing_opt_in: Option<bool>,
    pub(super) device: Option<&'a str>,
    pub(super) client: &'a Client,
    pub(super) now: Timestamp,
}

impl Presented<'_> {
    fn identity(&self) -> Identity {
        Identity { issuer: self.issuer.to_owned(), subject: self.profile.subject.clone() }
    }
}

/// What somebody whom a provider vouches for has to do with an account.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Bond {
    /// It was made for him just now.
    New,
    /// He is linked to it.
    There,
    /// He may be linked to it.
    Wanted,
}

impl Bond {
    const fn arrived(self) -> Arrived {
        match self {
            Self::New => Arrived::New,
            Self::There | Self::Wanted => Arrived::Known,
        }
    }
}

impl Core {
    /// Uses up the state, finds or makes the account, and begins the session or asks for the code that is due, all in one
    /// unit of work.
    pub(super) async fn enter_presented(
        &self,
        guest: &Presented<'_>,
        started: Option<Started>,
    ) -> Result<(SignInStep, Arrived), Refused> {
        let Presented { client, now, .. } = *guest;
        let mut tx = self.db.write().await?;
        if let Some(started) = started
            && !nonces::consume(&mut tx, &started.id, started.expires_at).await?
        {
            return Err(Error::NotAuthenticated(Unauthenticated::StateUsed).into());
        }
        let (known, bond) = self.find_or_make(&mut tx, guest).await?;
        let shown = Shown { code: None, device: guest.device };
        let second = self.judge_second_factor(&mut tx, &known.account, shown, client, now).await?;
        match gate::admit(&known.account, Way::Provider { second: &second }, &self.config) {
            Ok(admitted) => {
                let signed_in = self.let_in(tx, guest, admitted, &known, bond).await?;
                Ok((SignInStep::SignedIn(Box::new(signed_in)), bond.arrived()))
            }
            Err(refusal @ Error::NotAuthenticated(Unauthenticated::MfaRequired)) => {
                let whose = Subject { account: Some(known.account.id), ..Subject::default() };
                self.record(&mut tx, Event::SignInRefused(refusal.code()), whose, Some(client), now).await?;
                tx.commit().await?;
                let first = match bond {
                    Bond::Wanted => FirstFactor::Unlinked(guest.identity()),
                    Bond::New | Bond::There => FirstFactor::Provider,
                };
                Ok((self.ask_for_code(known, first, now), bond.arrived()))
            }
            Err(refusal) => {
                // Whoever has to verify his address first is registered all the same, and has mail.
                if bond == Bond::New && matches!(refusal, Error::Forbidden(Forbidden::EmailNotVerified)) {
                    tx.commit().await?;
                }
                Err(Refused::naming(Some(known.account.id), None, refusal))
            }
        }
    }

    /// Begins the session, and links him to the account if he was not.
    async fn let_in(
        &self,
        mut tx: Tx,
        guest: &Presented<'_>,
        admitted: Admitted<'_>,
        known: &Known,
        bond: Bond,
    ) -> Result<SignedInPerson, Refused> {
        let Presented { client, now, .. } = *guest;
        let account = &known.account;
        if bond == Bond::Wanted && !self.link_identity(&mut tx, &guest.identity(), account.id, client, now).await? {
            return Err(Refused::naming(Some(account.id), None, TAKEN));
        }
        let session = self.begin_session(&mut tx, account, Amr::Provider, SESSION_LIFETIME, now).await?;
        match bond {
            Bond::New => failures::know_network(&mut tx, &client.network().to_string(), &session).await?,
            Bond::There | Bond::Wanted => self.note_network(&mut tx, &session, client).await?,
        }
        let subject = Subject { account: Some(account.id), session: Some(session.id), wallet: None };
        self.record(&mut tx, Event::SignedInByProvider, subject, Some(client), now).await?;
        let tokens = self.issue(admitted, &session, None, now)?;
        tx.commit().await?;
        Ok(SignedInPerson { person: Person::new(account.clone(), known.wallet), tokens })
    }

    /// Whose account it is. He is who his subject says; his address only tells where he may be linked to.
    async fn find_or_make(&self, tx: &mut Tx, guest: &Presented<'_>) -> Result<(Known, Bond), Refused> {
        for _ in 0..TURNS {
            if let Some(known) = find_presented(tx, guest).await? {
                return Ok((known, Bond::There));
            }
            let of_his_address = match &guest.email {
                Some(email) => find_addressee(tx, email).await?,
                None => None,
            };
            let Some(account) = of_his_address else {
                match self.make_presented(tx, guest).await? {
                    Some(known) => return Ok((known, Bond::New)),
                    None => continue,
                }
            };
            // It may be his own account, made or linked by another sign-in of his in this moment.
            if let Some(known) = find_presented(tx, guest).await? {
                return Ok((known, Bond::There));
            }
            if !(account.email_verified && guest.profile.email_verified) {
                return Err(Refused::naming(Some(account.id), None, TAKEN));
            }
            if let Some(known) = people::find(tx, account.id).await? {
                return Ok((known, Bond::Wanted));
            }
        }
        Err(Error::internal("an identity was linked and unlinked by others again and again").into())
    }

    /// Links somebody to this account, which is locked, and tells its owner; `false` if he is linked to another one.
    pub(super) async fn link_identity(
        &self,
        tx: &mut Tx,
        identity: &Identity,
        account: AccountId,
        client: &Client,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let Identity { issuer, subject } = identity;
        if !identities::insert(tx, issuer, subject, account, now).await? {
            return Ok(identities::find_owner(tx, issuer, subject).await? == Some(account));
        }
        let whose = Subject { account: Some(account), ..Subject::default() };
        self.record(tx, Event::IdentityLinked, whose, Some(client), now).await?;
        self.notify(tx, account, &Letter::IdentityLinked { at: now.rfc3339(), issuer: issuer.clone() }, now).await?;
        Ok(true)
    }

    /// Makes his account, as if he had registered; `None` if he has one by now. An address that the provider has not
    /// verified is one that anybody may have typed: it is verified by mail, like any other.
    async fn make_presented(&self, tx: &mut Tx, guest: &Presented<'_>) -> Result<Option<Known>, Error> {
        let Presented { issuer, profile, client, now, .. } = *guest;
        let id = AccountId(self.random.uuid(now));
        // First, since its uniqueness decides which of two first sign-ins makes the account.
        if !identities::insert(tx, issuer, &profile.subject, id, now).await? {
            return Ok(None);
        }
        let name = profile.name.clone().and_then(|name| ProfileText::parse("name", name).ok()).unwrap_or_default();
        let email_verified_at = guest.email.as_ref().filter(|_| profile.email_verified).map(|_| now);
        let person = NewPerson { email: guest.email.clone(), email_verified_at, name, ..NewPerson::default() };
        let known = self
            .store_account(
                tx,
                &Prepared { id, person, hash: None, marketing_opt_in: guest.marketing_opt_in, now },
                Some(client),
            )
            .await?;
        let subject = Subject { account: Some(id), ..Subject::default() };
        self.record(tx, Event::IdentityLinked, subject, Some(client), now).await?;
        Ok(Some(known))
    }

    /// Whether the account can be entered by the provider that is configured.
    pub(super) async fn can_use_provider(&self, tx: &mut Tx, account: AccountId) -> Result<bool, Error> {
        match &self.provider {
            Some(provider) => identities::can_sign_in(tx, account, provider.issuer()).await,
            None => Ok(false),
        }
    }
}

/// His account, locked against changes of what it is entered by.
async fn find_presented(tx: &mut Tx, guest: &Presented<'_>) -> Result<Option<Known>, Error> {
    let (issuer, subject) = (guest.issuer, guest.profile.subject.as_str());
    let Some(owner) = identities::find_owner(tx, issuer, subject).await? else { return Ok(None) };
    accounts::lock(tx, owner).await?;
    // Until it was locked it may have been taken from him.
    if identities::find_owner(tx, issuer, subject).await? != Some(owner) {
        return Ok(None);
    }
    people::find(tx, owner).await
}
