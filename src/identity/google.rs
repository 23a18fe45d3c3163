//! Signing in at an OpenID provider, which is Google unless another one is configured: where somebody is sent, and who
//! comes back.

use super::Core;
use super::limits::Policy;
use super::presented::Presented;
use super::refusals::Refused;
use super::two_steps::SignInStep;
use crate::crypto::started::{LIFETIME, Started};
use crate::model::audit::Event;
use crate::model::error::{Dependency, Setting, Unauthenticated, Violation};
use crate::model::{Client, Email, Error};
use crate::openid::{Asked, Fault, Grant, Ours, Provider};
use crate::store::nonces;

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
    /// The token of a trusted device, which takes the place of the code of the second factor.
    pub device: Option<&'a str>,
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
    /// of his e-mail address, if both we and the provider have verified that it is his. An account with a second factor
    /// gets a ticket for [`Core::finish_sign_in`], unless the device is trusted; whoever is not linked to it yet is then.
    ///
    /// # Errors
    /// [`Error::NotConfigured`]; [`Error::Invalid`]; [`Error::NotAuthenticated`] with the reason;
    /// [`Error::Conflict`] if his address is that of an account that can't be known to be his;
    /// [`Error::Forbidden`] for an account that is disabled or whose address has to be verified; [`Error::TooMany`],
    /// [`Error::Unavailable`].
    pub async fn sign_in_with_google(
        &self,
        attempt: GoogleAttempt<'_>,
        client: &Client,
    ) -> Result<(SignInStep, Arrived), Error> {
        let provider = self.provider()?;
        self.limit(Policy::SignIns, client, self.clock.now())?;
        let outcome = self.try_google(provider, attempt, client).await;
        self.metrics.count_sign_in(match &outcome {
            Ok((SignInStep::SignedIn(_), _)) => "ok",
            Ok((SignInStep::SecondFactorDue { .. }, _)) => MFA_REQUIRED.code(),
            Err(refused) => refused.error.code(),
        });
        match outcome {
            Ok(step) => Ok(step),
            Err(refused) => Err(self.refuse(Event::SignInRefused, refused, client).await),
        }
    }

    async fn try_google(
        &self,
        provider: &Provider,
        attempt: GoogleAttempt<'_>,
        client: &Client,
    ) -> Result<(SignInStep, Arrived), Refused> {
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
            device: attempt.device,
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

const INVALID_STATE: Error = Error::NotAuthenticated(Unauthenticated::InvalidState);
const MFA_REQUIRED: Error = Error::NotAuthenticated(Unauthenticated::MfaRequired);

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
