//! Signing in at an OpenID provider, which is Google unless another one is configured: where somebody is sent, and whose
//! account it is that he comes back for.

use super::gate::{self, Way};
use super::limits::Policy;
use super::refusals::Refused;
use super::register::Prepared;
use super::second_factor::Second;
use super::verification::find_addressee;
use super::{Core, Person, SignedInPerson};
use crate::clock::Timestamp;
use crate::crypto::started::{LIFETIME, Started};
use crate::model::audit::{Event, Subject};
use crate::model::error::{Conflict, Dependency, Forbidden, Setting, Unauthenticated, Violation};
use crate::model::profile::ProfileText;
use crate::model::session::{Amr, SESSION_LIFETIME};
use crate::model::{AccountId, Client, Email, Error};
use crate::openid::{Asked, Fault, Grant, Ours, Profile, Provider};
use crate::store::people::{self, Known, NewPerson};
use crate::store::{Tx, accounts, failures, identities, nonces};

/// How often it is looked again whose account it is, after another sign-in of the same person was faster.
const TURNS: u8 = 3;

/// Where somebody is sent to sign in.
#[derive(Clone, Debug)]
pub struct GoogleStart {
    /// The provider's page.
    pub authorization_url: String,
    /// What comes back with him.
    pub state: String,
}

/// A sign-in as it comes back from the provider.
#[derive(Clone, Copy, Debug)]
pub struct GoogleAttempt<'a> {
    /// The code.
    pub code: &'a str,
    /// What [`Core::start_google`] gave out; without it the sign-in began elsewhere.
    pub state: Option<&'a str>,
    /// The page that the code came back to; the first configured one if it is left out.
    pub redirect_uri: Option<&'a str>,
    /// Whether whoever has no account yet wants to be sent advertisements; `None` if he was not asked.
    pub marketing_opt_in: Option<bool>,
}

/// Whether somebody was here before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrived {
    /// His account was made with this sign-in.
    New,
    /// He has one.
    Known,
}

/// A sign-in as it began.
struct Began<'a> {
    redirect_uri: &'a str,
    /// `None` if it began elsewhere.
    started: Option<Started>,
}

/// Somebody whom a provider vouches for.
struct Presented<'a> {
    issuer: &'a str,
    profile: &'a Profile,
    /// The address that the provider names, if it is one.
    email: Option<Email>,
    marketing_opt_in: Option<bool>,
    client: &'a Client,
    now: Timestamp,
}

impl Core {
    /// Begins a sign-in: its `state`, nonce and PKCE verifier are derived, and stored nowhere.
    ///
    /// # Errors
    /// [`Error::NotConfigured`]; [`Error::Invalid`] for a page that is not configured; [`Error::TooMany`],
    /// [`Error::Unavailable`].
    pub async fn start_google(&self, redirect_uri: Option<&str>, client: &Client) -> Result<GoogleStart, Error> {
        let provider = self.provider()?;
        let now = self.clock.now();
        self.limit(Policy::SignIns, client, now)?;
        let redirect_uri = self.redirect_uri(redirect_uri)?;
        let started = Started::new(self.keychain.current(), self.random.bytes(), now + LIFETIME);
        let derived = started.state(&self.keychain, redirect_uri).zip(started.secrets(&self.keychain));
        let (state, secrets) = derived.ok_or(Error::internal("the newest root secret is in the keychain"))?;
        let asked = Asked { redirect_uri, state: &state, nonce: &secrets.nonce, verifier: &secrets.verifier };
        let page = provider.authorization_url(asked).await;
        Ok(GoogleStart { authorization_url: page.map_err(|fault| answer_to(&fault, client))?, state })
    }

    /// Signs in whom the provider vouches for by this code. His first sign-in makes his account, or links him to the one
    /// of his e-mail address, if both we and the provider have verified that it is his.
    ///
    /// # Errors
    /// [`Error::NotConfigured`]; [`Error::Invalid`]; [`Error::NotAuthenticated`] with the reason;
    /// [`Conflict::IdentityAlreadyUsed`] if his address is that of an account that can't be known to be his;
    /// [`Error::Forbidden`] for an account that is disabled or whose address has to be verified; [`Error::TooMany`],
    /// [`Error::Unavailable`].
    pub async fn sign_in_with_google(
        &self,
        attempt: GoogleAttempt<'_>,
        client: &Client,
    ) -> Result<(SignedInPerson, Arrived), Error> {
        let provider = self.provider()?;
        self.limit(Policy::SignIns, client, self.clock.now())?;
        let outcome = self.try_google(provider, attempt, client).await;
        self.metrics.count_sign_in(outcome.as_ref().map_or_else(|refused| refused.error.code(), |_| "ok"));
        match outcome {
            Ok(signed_in) => Ok(signed_in),
            Err(refused) => Err(self.refuse(Event::SignInRefused, refused, client).await),
        }
    }

    async fn try_google(
        &self,
        provider: &Provider,
        attempt: GoogleAttempt<'_>,
        client: &Client,
    ) -> Result<(SignedInPerson, Arrived), Refused> {
        let began = self.read_state(attempt).await?;
        let secrets = began.started.map(|started| started.secrets(&self.keychain).ok_or(INVALID_STATE)).transpose()?;
        let ours = secrets.as_ref().map(|secrets| Ours { nonce: &secrets.nonce, verifier: &secrets.verifier });
        let grant = Grant { code: attempt.code, redirect_uri: began.redirect_uri, ours };
        let profile = provider.redeem(grant).await.map_err(|fault| answer_to(&fault, client))?;
        let guest = Presented {
            issuer: provider.issuer(),
            email: profile.email.as_deref().and_then(|email| Email::parse("email", email).ok()),
            profile: &profile,
            marketing_opt_in: attempt.marketing_opt_in,
            client,
            now: self.clock.now(),
        };
        self.enter_presented(&guest, began.started).await
    }

    /// What the sign-in began with, before anything is asked of the provider for it.
    async fn read_state<'a>(&'a self, attempt: GoogleAttempt<'_>) -> Result<Began<'a>, Error> {
        let Some(state) = attempt.state else {
            if self.config.google.require_state {
                return Err(violation("state", "this field is required: begin at /v1/auth/google/start"));
            }
            return Ok(Began { redirect_uri: self.redirect_uri(attempt.redirect_uri)?, started: None });
        };
        let (started, redirect_uri) =
            Started::read(&self.keychain, state, self.redirect_uris()).ok_or(INVALID_STATE)?;
        if attempt.redirect_uri.is_some_and(|given| given != redirect_uri) {
            return Err(INVALID_STATE);
        }
        if self.clock.now() >= started.expires_at {
            return Err(Error::NotAuthenticated(Unauthenticated::StateExpired));
        }
        // Whether it is used is decided once more when it is used up.
        if nonces::is_spent(&mut self.db.read().await?, &started.id, started.expires_at).await? {
            return Err(Error::NotAuthenticated(Unauthenticated::StateUsed));
        }
        Ok(Began { redirect_uri, started: Some(started) })
    }

    /// Uses up the state, finds or makes the account and begins the session, all in one unit of work.
    async fn enter_presented(
        &self,
        guest: &Presented<'_>,
        started: Option<Started>,
    ) -> Result<(SignedInPerson, Arrived), Refused> {
        let Presented { client, now, .. } = *guest;
        let mut tx = self.db.write().await?;
        if let Some(started) = started
            && !nonces::consume(&mut tx, &started.id, started.expires_at).await?
        {
            return Err(Error::NotAuthenticated(Unauthenticated::StateUsed).into());
        }
        let (Known { account, wallet, .. }, arrived) = self.find_or_make(&mut tx, guest).await?;
        let admitted = match gate::admit(&account, Way::Provider { second: &Second::Missing }, &self.config) {
            Ok(admitted) => admitted,
            Err(refusal) => {
                // Whoever has to verify his address first is registered all the same, and has mail.
                if arrived == Arrived::New && matches!(refusal, Error::Forbidden(Forbidden::EmailNotVerified)) {
                    tx.commit().await?;
                }
                return Err(Refused::naming(Some(account.id), None, refusal));
            }
        };
        let session = self.begin_session(&mut tx, &account, Amr::Provider, SESSION_LIFETIME, now).await?;
        match arrived {
            Arrived::New => failures::know_network(&mut tx, &client.network().to_string(), &session).await?,
            Arrived::Known => self.note_network(&mut tx, &session, client).await?,
        }
        let subject = Subject { account: Some(account.id), session: Some(session.id), wallet: None };
        self.record(&mut tx, Event::SignedInByProvider, subject, Some(client), now).await?;
        let tokens = self.issue(admitted, &session, None, now)?;
        tx.commit().await?;
        Ok((SignedInPerson { person: Person::new(account, wallet), tokens }, arrived))
    }

    /// Whose account it is. He is who his subject says; his address only tells where he may be linked to.
    async fn find_or_make(&self, tx: &mut Tx, guest: &Presented<'_>) -> Result<(Known, Arrived), Refused> {
        for _ in 0..TURNS {
            if let Some(known) = find_presented(tx, guest).await? {
                return Ok((known, Arrived::Known));
            }
            let of_his_address = match &guest.email {
                Some(email) => find_addressee(tx, email).await?,
                None => None,
            };
            let made = match of_his_address {
                None => self.make_presented(tx, guest).await?.map(|known| (known, Arrived::New)),
                Some(account) if account.email_verified && guest.profile.email_verified => {
                    self.link(tx, guest, account.id).await?.map(|known| (known, Arrived::Known))
                }
                // It may be his own account, made by another sign-in of his in this moment.
                Some(account) => match find_presented(tx, guest).await? {
                    Some(known) => Some((known, Arrived::Known)),
                    None => return Err(Refused::naming(Some(account.id), None, TAKEN)),
                },
            };
            if let Some(made) = made {
                return Ok(made);
            }
        }
        Err(Error::internal("an identity was linked and unlinked by others again and again").into())
    }

    /// Links him to this account; `None` if he has one by now.
    async fn link(&self, tx: &mut Tx, guest: &Presented<'_>, account: AccountId) -> Result<Option<Known>, Error> {
        let Presented { issuer, profile, client, now, .. } = *guest;
        if !identities::insert(tx, issuer, &profile.subject, account, now).await? {
            return Ok(None);
        }
        let subject = Subject { account: Some(account), ..Subject::default() };
        self.record(tx, Event::IdentityLinked, subject, Some(client), now).await?;
        people::find(tx, account).await
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

    fn provider(&self) -> Result<&Provider, Error> {
        self.provider.as_ref().ok_or(Error::NotConfigured(Setting::Google))
    }

    fn redirect_uris(&self) -> &[String] {
        self.config.google.client.as_ref().map_or(&[], |client| &client.redirect_uris)
    }

    /// The configured page of this name, letter by letter (RFC 9700 section 4.1.3); the first one without a name.
    fn redirect_uri(&self, named: Option<&str>) -> Result<&str, Error> {
        let is_meant = |uri: &&String| named.is_none_or(|named| named == uri.as_str());
        let found = self.redirect_uris().iter().find(is_meant);
        found.map(String::as_str).ok_or_else(|| violation("redirectUri", "the operator has not configured this page"))
    }
}

const TAKEN: Error = Error::Conflict(Conflict::IdentityAlreadyUsed);
const INVALID_STATE: Error = Error::NotAuthenticated(Unauthenticated::InvalidState);

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

fn violation(field: &str, message: &str) -> Error {
    Error::Invalid(vec![Violation { field: field.to_owned(), message: message.to_owned() }])
}

/// What a fault of the provider is answered with. What exactly it was is for the operator.
fn answer_to(fault: &Fault, client: &Client) -> Error {
    let request_id = &client.request_id;
    match fault {
        Fault::Unavailable(reason) => {
            // The provider's words among them: what could end a line or move a terminal's cursor is left out.
            let reason: String = reason.chars().filter(|c| !c.is_control()).take(200).collect();
            tracing::warn!(%request_id, reason, "the OpenID provider can't be used");
            Error::Unavailable(Dependency::Provider)
        }
        Fault::Code => Error::NotAuthenticated(Unauthenticated::InvalidGrant),
        Fault::Token(rule) => {
            tracing::warn!(%request_id, rule, "an ID token was refused");
            Error::NotAuthenticated(Unauthenticated::InvalidIdToken)
        }
    }
}
