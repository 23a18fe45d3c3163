//! People as an OpenID provider knows them: what it says of itself, where people sign in, and the exchange of a code for
//! an ID token that is verified whole. It knows no accounts, and keeps nothing that a restart would miss.

mod token;
mod web;

use std::sync::Arc;
use std::time::Duration;

use openidconnect::core::{
    CoreAuthenticationFlow, CoreClient, CoreClientAuthMethod, CoreErrorResponseType, CoreProviderMetadata,
    CoreTokenResponse,
};
use openidconnect::{
    AuthType, AuthorizationCode, ClientId, ClientSecret, CsrfToken, DiscoveryError, EndpointMaybeSet, EndpointNotSet,
    EndpointSet, IssuerUrl, Nonce, PkceCodeChallenge, PkceCodeVerifier, RequestTokenError, Scope,
};

use crate::clock::Clock;
use crate::config::Google;
use crate::shared::Shared;
use token::Refusal;
use web::Web;

/// How long what a provider says of itself, and its keys, are taken for what they were. A key that it takes back is
/// refused after that at the latest.
const KEPT: Duration = Duration::from_hours(1);

/// How long keys are the newest even to somebody who shows a token of another one, so that nobody makes us ask the
/// provider again and again.
const NEWEST_FOR: Duration = Duration::from_secs(10);

/// The parameter that names the page (RFC 6749 sections 4.1.1 and 4.1.3). Not by the library's own type, which is a URL:
/// providers compare it letter by letter, and `postmessage`, which Google's script uses, is none.
const REDIRECT_URI: &str = "redirect_uri";

/// A provider with all of its endpoints.
type Client =
    CoreClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointMaybeSet, EndpointMaybeSet>;

/// What a provider says of itself, with its keys; or why it says nothing.
type Known = Result<Arc<CoreProviderMetadata>, String>;

/// The provider at which people sign in.
pub struct Provider {
    issuer: IssuerUrl,
    id: ClientId,
    secret: ClientSecret,
    web: Web,
    known: Shared<Known>,
    clock: Clock,
}

/// Where somebody is sent to sign in.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The page that he comes back to.
    pub redirect_uri: &'a str,
    /// What comes back with him.
    pub state: &'a str,
    /// What comes back in the ID token.
    pub nonce: &'a str,
    /// What proves later that the code is ours; the provider is told its SHA-256 (RFC 7636 section 4.2).
    pub verifier: &'a str,
}

/// A code as it came back.
#[derive(Clone, Copy, Debug)]
pub struct Grant<'a> {
    /// The code.
    pub code: &'a str,
    /// The page that it came back to.
    pub redirect_uri: &'a str,
    /// What belongs to it; `None` if it was not we who sent somebody there.
    pub ours: Option<Ours<'a>>,
}

/// What a sign-in began with that began here.
#[derive(Clone, Copy, Debug)]
pub struct Ours<'a> {
    /// What has to be in the ID token.
    pub nonce: &'a str,
    /// What the provider was told the SHA-256 of.
    pub verifier: &'a str,
}

/// Somebody as the provider knows him.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Who he is there: unique at this provider, never given to somebody else, and all that identifies him (OpenID
    /// Connect Core section 5.7).
    pub subject: String,
    /// His e-mail address there.
    pub email: Option<String>,
    /// Whether the provider says that it has verified the address.
    pub email_verified: bool,
    /// His name there.
    pub name: Option<String>,
}

/// Why nobody is known by a code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The provider can't be asked, or what it answers is no answer; with the reason, for the log alone.
    Unavailable(String),
    /// The provider does not know the code, or knows it for somebody else (RFC 6749 section 5.2, `invalid_grant`).
    Code,
    /// The ID token breaks a rule; with the rule, for the log alone.
    Token(String),
}

impl Provider {
    /// The configured provider, which is not asked anything yet; `None` without one.
    #[must_use]
    pub fn new(google: &Google, clock: Clock) -> Option<Self> {
        let client = google.client.as_ref()?;
        Some(Self {
            // It was parsed when the configuration was read.
            issuer: IssuerUrl::new(google.issuer.clone()).ok()?,
            id: ClientId::new(client.id.clone()),
            secret: ClientSecret::new(client.secret.expose().to_owned()),
            web: Web::new(google.issuer.starts_with("http:")),
            known: Shared::default(),
            clock,
        })
    }

    /// The provider, as it names itself.
    #[must_use]
    pub fn issuer(&self) -> &str {
        self.issuer.as_str()
    }

    /// The page of the provider where people sign in (OpenID Connect Core section 3.1.2.1).
    ///
    /// # Errors
    /// [`Fault::Unavailable`].
    pub async fn authorization_url(&self, asked: Asked<'_>) -> Result<String, Fault> {
        let known = self.ask(kept).await?;
        self.web.require_protected(known.authorization_endpoint().url()).map_err(unavailable)?;
        let client = self.client(&known);
        let (state, nonce) = (CsrfToken::new(asked.state.to_owned()), Nonce::new(asked.nonce.to_owned()));
        let request = client.authorize_url(CoreAuthenticationFlow::AuthorizationCode, move || state, move || nonce);
        let verifier = PkceCodeVerifier::new(asked.verifier.to_owned());
        let (url, _, _) = request
            .add_scopes(["email", "profile"].map(|scope| Scope::new(scope.to_owned())))
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier))
            .add_extra_param(REDIRECT_URI, asked.redirect_uri)
            .url();
        Ok(url.into())
    }

    /// Exchanges a code for an ID token (OpenID Connect Core section 3.1.3), and gives whom that is about once every rule
    /// of section 3.1.3.7 is kept.
    ///
    /// # Errors
    /// [`Fault`] says why not.
    pub async fn redeem(&self, grant: Grant<'_>) -> Result<Profile, Fault> {
        let known = self.ask(kept).await?;
        let answer = self.exchange(&known, grant).await?;
        let no_token = || Fault::Unavailable("there is no ID token in its answer".to_owned());
        let token = answer.extra_fields().id_token().ok_or_else(no_token)?;
        let nonce = grant.ours.map(|ours| ours.nonce);
        let judge = |known: &CoreProviderMetadata| token::verify(token, known, &self.id, nonce, self.clock.now());
        match judge(&known) {
            // It may have begun to sign with a new key a moment ago (OpenID Connect Core section 10.1.1).
            Err(Refusal::UnknownKey) => judge(&*self.ask(newest).await?),
            verdict => verdict,
        }
        .map_err(|refusal| Fault::Token(refusal.to_string()))
    }

    async fn exchange(&self, known: &CoreProviderMetadata, grant: Grant<'_>) -> Result<CoreTokenResponse, Fault> {
        let code = AuthorizationCode::new(grant.code.to_owned());
        let client = self.client(known);
        let request = client.exchange_code(code).map_err(unavailable)?;
        let request = request.add_extra_param(REDIRECT_URI, grant.redirect_uri);
        let request = match grant.ours {
            Some(ours) => request.set_pkce_verifier(PkceCodeVerifier::new(ours.verifier.to_owned())),
            None => request,
        };
        let web = |request| self.web.clone().send(request);
        // Boxed: it is big, and all requests of the gateway would have room for it.
        Box::pin(request.request_async(&web)).await.map_err(|error| match error {
            RequestTokenError::ServerResponse(said) if *said.error() == CoreErrorResponseType::InvalidGrant => {
                Fault::Code
            }
            // The word alone: what it says beyond that may repeat what it was asked.
            RequestTokenError::ServerResponse(said) => {
                Fault::Unavailable(format!("it refuses to exchange a code: {}", said.error().as_ref()))
            }
            RequestTokenError::Request(fault) => unavailable(fault),
            RequestTokenError::Parse(..) | RequestTokenError::Other(_) => {
                Fault::Unavailable("what it answers to a code is no token answer".to_owned())
            }
        })
    }

    /// What the provider says of itself, asked for by one for all who want to know.
    async fn ask(&self, good_for: fn(&Known) -> Duration) -> Result<Arc<CoreProviderMetadata>, Fault> {
        let web = |request| self.web.clone().send(request);
        let question = async {
            let said = CoreProviderMetadata::discover_async(self.issuer.clone(), &web).await;
            said.map(Arc::new).map_err(|error| match error {
                DiscoveryError::Request(fault) => fault.to_string(),
                DiscoveryError::Response(status, ..) => format!("it answers with status {}", status.as_u16()),
                DiscoveryError::Validation(_) => "it is another issuer than the configured one".to_owned(),
                _ => "what it says of itself can't be read".to_owned(),
            })
        };
        Box::pin(self.known.ask(&self.clock, good_for, question)).await.map_err(Fault::Unavailable)
    }

    /// Whether it answers, is who it should be, and says where people and codes go and by which keys it signs.
    async fn examine(&self) -> Result<String, String> {
        let known = self.ask(newest).await.map_err(|fault| match fault {
            Fault::Unavailable(reason) => format!("{reason}: correct google.issuer, or see to it that it can be asked"),
            Fault::Code | Fault::Token(_) => "it answers what nobody asked".to_owned(),
        })?;
        let Some(exchange) = known.token_endpoint() else {
            return Err("it names no place to exchange codes: it is none for this gateway".to_owned());
        };
        for place in [known.authorization_endpoint().url(), exchange.url()] {
            self.web.require_protected(place).map_err(|fault| format!("{fault}: it is none for this gateway"))?;
        }
        match known.jwks().keys().len() {
            0 => Err("it publishes no keys, so no token of it can be verified: ask whoever runs it".to_owned()),
            1 => Ok("it answers, is the configured issuer, and has 1 key".to_owned()),
            keys => Ok(format!("it answers, is the configured issuer, and has {keys} keys")),
        }
    }

    fn client(&self, known: &CoreProviderMetadata) -> Client {
        let client = CoreClient::from_provider_metadata(known.clone(), self.id.clone(), Some(self.secret.clone()));
        // What it takes if it does not say so is Basic (OpenID Connect Discovery section 3).
        let taken = known.token_endpoint_auth_methods_supported();
        let accepts = |method| taken.is_some_and(|methods| methods.contains(&method));
        let in_body =
            accepts(CoreClientAuthMethod::ClientSecretPost) && !accepts(CoreClientAuthMethod::ClientSecretBasic);
        client.set_auth_type(if in_body { AuthType::RequestBody } else { AuthType::BasicAuth })
    }
}

/// What sign-ins by the provider need: its name, and what is good or wrong about it, with what to do; `None` without one.
/// Nobody is signed in.
pub async fn examine(google: &Google, clock: Clock) -> Option<(String, Result<String, String>)> {
    let provider = Provider::new(google, clock)?;
    Some((format!("OpenID provider {}", provider.issuer()), provider.examine().await))
}

fn kept(known: &Known) -> Duration {
    if known.is_ok() { KEPT } else { Duration::ZERO }
}

fn newest(known: &Known) -> Duration {
    if known.is_ok() { NEWEST_FOR } else { Duration::ZERO }
}

fn unavailable(fault: impl std::fmt::Display) -> Fault {
    Fault::Unavailable(fault.to_string())
}
