//! The access token of the service account: an assertion that its key signs is exchanged for one (RFC 7523), which is kept
//! for its time and asked for by one for all who wait.

use std::time::Duration;

use serde::Deserialize;
use url::{Url, form_urlencoded};

use super::Unsent;
use super::answer::span;
use super::web::{Answer, Web};
use crate::clock::Clock;
use crate::config::ServiceAccount;
use crate::crypto::assertion::{AssertionClaims, AssertionKey};
use crate::model::delivery::Failure;
use crate::secret::SecretText;
use crate::shared::Shared;

/// What the token is good for.
const SCOPE: &str = "https://www.googleapis.com/auth/firebase.messaging";

/// The kind of the exchange (RFC 7523 section 2.1).
const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// How long an assertion is good: as long as Google takes one.
const ASSERTED_FOR: Duration = Duration::from_hours(1);

/// How long before its end a token is not used any more: a request with it has to arrive as well.
const SPARED: Duration = Duration::from_mins(1);

/// How long a token is the newest even to somebody whose request it was refused for.
const NEWEST_FOR: Duration = Duration::from_secs(10);

/// An access token, or why there is none.
type Known = Result<Granted, Unsent>;

/// The way to an access token.
pub(super) struct Access {
    account: ServiceAccount,
    token_uri: Url,
    key: AssertionKey,
    known: Shared<Known>,
    clock: Clock,
}

/// An access token.
#[derive(Clone)]
pub(super) struct Granted {
    token: SecretText,
    lasts: Duration,
}

impl Granted {
    pub(super) fn expose(&self) -> &str {
        self.token.expose()
    }
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    token_type: String,
    #[serde(default)]
    expires_in: u64,
}

/// RFC 6749 section 5.2.
#[derive(Default, Deserialize)]
struct TokenError {
    error: String,
}

impl Access {
    pub(super) fn new(account: &ServiceAccount, clock: &Clock) -> Result<Self, String> {
        const FAULT: &str = "fcm.service_account: its private_key is no RSA key of 2048 bits or more in PEM: make another \
                             key of the account, and take the whole file";
        let key = AssertionKey::parse(account.private_key.expose(), account.key_id.as_deref()).ok_or(FAULT)?;
        let token_uri = Url::parse(&account.token_uri).map_err(|_| FAULT.to_owned())?;
        Ok(Self { account: account.clone(), token_uri, key, known: Shared::default(), clock: clock.clone() })
    }

    /// The token that is kept, or a new one.
    pub(super) async fn token(&self, web: &Web) -> Known {
        self.known.ask(&self.clock, kept, self.exchange(web)).await
    }

    /// A new one, unless the one that is kept is new.
    pub(super) async fn another(&self, web: &Web) -> Known {
        self.known.ask(&self.clock, newest, self.exchange(web)).await
    }

    async fn exchange(&self, web: &Web) -> Known {
        let now = self.clock.now();
        let claims = AssertionClaims {
            iss: &self.account.client_email,
            scope: SCOPE,
            aud: &self.account.token_uri,
            iat: now.seconds(),
            exp: (now + ASSERTED_FOR).seconds(),
        };
        let assertion = self.key.sign(&claims).map_err(|error| Unsent::failed(Failure::Later(error.detail())))?;
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", GRANT)
            .append_pair("assertion", &assertion)
            .finish();
        let answer = web.post_form(&self.token_uri, form).await;
        let answer = answer.map_err(|fault| away(&fault.to_string()))?;
        self.judge(&answer)
    }

    fn judge(&self, answer: &Answer) -> Known {
        let Answer { status, retry_after, body } = answer;
        match status {
            200 => {
                let read = serde_json::from_slice::<TokenAnswer>(body).ok().and_then(Granted::of);
                read.ok_or_else(|| away("what it answers is no access token"))
            }
            408 | 429 | 500.. => {
                let at_least = retry_after.as_deref().and_then(|text| span(text, self.clock.now()));
                let failure = Failure::Away(format!("the place of access tokens: it answers with status {status}"));
                Err(Unsent::Failed { failure, at_least })
            }
            _ => {
                let error = serde_json::from_slice::<TokenError>(body).unwrap_or_default().error;
                let is_word =
                    (1..=40).contains(&error.len()) && error.bytes().all(|b| b == b'_' || b.is_ascii_lowercase());
                let word = if is_word { error.as_str() } else { "it does not say why" };
                Err(Unsent::Misconfigured(format!("it gives no access token (status {status}: {word})")))
            }
        }
    }
}

impl Granted {
    fn of(answer: TokenAnswer) -> Option<Self> {
        let is_bearer = answer.token_type.eq_ignore_ascii_case("bearer");
        let fits = !answer.access_token.is_empty() && answer.access_token.bytes().all(|byte| byte.is_ascii_graphic());
        let lasts = Duration::from_secs(answer.expires_in).min(ASSERTED_FOR);
        (is_bearer && fits).then(|| Self { token: SecretText::new(answer.access_token), lasts })
    }
}

fn away(why: &str) -> Unsent {
    Unsent::failed(Failure::Away(format!("the place of access tokens: {why}")))
}

fn kept(known: &Known) -> Duration {
    known.as_ref().map_or(Duration::ZERO, |granted| granted.lasts.saturating_sub(SPARED))
}

fn newest(known: &Known) -> Duration {
    if known.is_ok() { NEWEST_FOR } else { Duration::ZERO }
}
