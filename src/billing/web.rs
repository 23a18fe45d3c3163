//! Requests to Stripe: protected, bounded in time, in length and in number, not led elsewhere, and repeated under the same
//! key where nobody knows what became of them.

use std::fmt::Write as _;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;
use url::Url;
use url::form_urlencoded::Serializer;

use super::{Failure, VERSION};
use crate::outbound::{self, Fault};
use crate::secret::SecretText;

/// How long one try has, connecting included. A payment takes some seconds at a bank, and the gateway ends any request
/// after 30.
const DEADLINE: Duration = Duration::from_secs(10);

/// How long connecting may take.
const CONNECTING: Duration = Duration::from_secs(4);

/// The most that is read of an answer: a page of a hundred subscriptions has some hundred KiB.
const LONGEST: usize = 2 * 1024 * 1024;

/// How many wait for Stripe at most, so that it does not take all connections of the gateway if it hangs. By its own
/// limits it takes 100 a second.
const AT_ONCE: usize = 100;

/// How often one request is tried.
const TRIES: u32 = 3;

/// How long the first repetition waits, and the longest that one waits for Stripe's wish.
const PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(4);

const STRIPE_VERSION: HeaderName = HeaderName::from_static("stripe-version");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const SHOULD_RETRY: HeaderName = HeaderName::from_static("stripe-should-retry");
const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");

/// The way to Stripe.
pub(super) struct Web {
    /// `None` if the system has no TLS to offer.
    client: Option<reqwest::Client>,
    base: Url,
    key: SecretText,
    slots: Semaphore,
}

/// One request.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    kind: Kind<'a>,
    path: &'a [&'a str],
    fields: &'a [(&'a str, &'a str)],
}

#[derive(Clone, Copy)]
enum Kind<'a> {
    Get,
    /// With the key under which it is done once, however often it is sent.
    Post(&'a str),
    Delete,
}

impl<'a> Asked<'a> {
    pub(super) fn get(path: &'a [&'a str], fields: &'a [(&'a str, &'a str)]) -> Self {
        Self { kind: Kind::Get, path, fields }
    }

    pub(super) fn post(path: &'a [&'a str], key: &'a str, fields: &'a [(&'a str, &'a str)]) -> Self {
        Self { kind: Kind::Post(key), path, fields }
    }

    pub(super) fn delete(path: &'a [&'a str]) -> Self {
        Self { kind: Kind::Delete, path, fields: &[] }
    }
}

/// What came of one try.
enum Tried {
    Answered(Vec<u8>),
    Failed(Failure),
    /// It may be tried again after so long; with why it has to be.
    Again(Option<Duration>, String),
}

#[derive(Default, Deserialize)]
struct ErrorBody {
    #[serde(default)]
    error: Said,
}

/// What Stripe says of an error. Its sentence is left out: that repeats what it was asked.
#[derive(Default, Deserialize)]
struct Said {
    r#type: Option<String>,
    code: Option<String>,
    decline_code: Option<String>,
    param: Option<String>,
}

impl Web {
    pub(super) fn new(base: Url, key: SecretText) -> Self {
        // No redirect: the key goes where the configuration says, and nowhere else.
        Self {
            client: outbound::client(|builder| builder.timeout(DEADLINE).connect_timeout(CONNECTING)),
            base,
            key,
            slots: Semaphore::new(AT_ONCE),
        }
    }

    pub(super) async fn ask<T: DeserializeOwned>(&self, asked: Asked<'_>) -> Result<T, Failure> {
        let slot = self.slots.try_acquire();
        let _slot = slot.map_err(|_| Failure::Unknown("too many are waiting for it".to_owned()))?;
        let mut tries = 1;
        let answer = loop {
            match self.attempt(asked).await? {
                Tried::Answered(answer) => break answer,
                Tried::Failed(failure) => return Err(failure),
                Tried::Again(_, why) if tries == TRIES => return Err(Failure::Unknown(why)),
                Tried::Again(Some(wait), why) if wait > LONGEST_PAUSE => return Err(Failure::Unknown(why)),
                Tried::Again(wait, _) => tokio::time::sleep(wait.unwrap_or(PAUSE * tries)).await,
            }
            tries += 1;
        };
        serde_json::from_slice(&answer).map_err(|_| Failure::Unknown("its answer can't be read".to_owned()))
    }

    async fn attempt(&self, asked: Asked<'_>) -> Result<Tried, Failure> {
        let client = self.client.as_ref();
        let client = client.ok_or_else(|| Failure::Refused("this system has no TLS to offer".to_owned()))?;
        let mut url = self.locate(asked.path)?;
        let form = Serializer::new(String::new()).extend_pairs(asked.fields).finish();
        let mut request = match asked.kind {
            Kind::Get => {
                url.set_query(Some(&form).filter(|form| !form.is_empty()).map(String::as_str));
                client.request(Method::GET, url)
            }
            Kind::Delete => client.request(Method::DELETE, url),
            Kind::Post(key) => {
                const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");
                client.request(Method::POST, url).header(CONTENT_TYPE, FORM).header(IDEMPOTENCY_KEY, key).body(form)
            }
        };
        let bearer = HeaderValue::from_str(&format!("Bearer {}", self.key.expose()));
        let mut bearer = bearer.map_err(|_| Failure::Refused("the secret key is no header".to_owned()))?;
        bearer.set_sensitive(true);
        request = request.header(AUTHORIZATION, bearer).header(STRIPE_VERSION, VERSION);
        let mut response = match request.send().await {
            Ok(response) => response,
            Err(error) => return Ok(Tried::Again(None, Fault::from(error).to_string())),
        };
        let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
        let body = match outbound::read(&mut response, LONGEST).await {
            Ok(body) => body,
            Err(fault @ Fault::TooLong) => return Ok(Tried::Failed(Failure::Unknown(fault.to_string()))),
            Err(fault @ Fault::Unreachable(_)) => return Ok(Tried::Again(None, fault.to_string())),
        };
        Ok(judge(status, &headers, body))
    }

    fn locate(&self, path: &[&str]) -> Result<Url, Failure> {
        // These two would lead elsewhere.
        if path.iter().any(|segment| matches!(*segment, "" | "." | "..")) {
            return Err(Failure::Missing("id".to_owned()));
        }
        let mut url = self.base.clone();
        let segments = url.path_segments_mut();
        let mut segments = segments.map_err(|()| Failure::Refused("its base is no place on the web".to_owned()))?;
        segments.pop_if_empty().push("v1").extend(path);
        drop(segments);
        Ok(url)
    }
}

fn judge(status: StatusCode, headers: &HeaderMap, body: Vec<u8>) -> Tried {
    if status.is_success() {
        return Tried::Answered(body);
    }
    let said = serde_json::from_slice::<ErrorBody>(&body).unwrap_or_default().error;
    let should_retry = headers.get(SHOULD_RETRY).map(HeaderValue::as_bytes);
    let is_about_the_state = status == StatusCode::CONFLICT || status == StatusCode::TOO_MANY_REQUESTS;
    let is_undecided = is_about_the_state || status.is_server_error();
    let told = told(status, headers, &said);
    if should_retry == Some(b"true") || (is_undecided && should_retry != Some(b"false")) {
        let wait = headers.get(RETRY_AFTER).and_then(|wait| wait.to_str().ok()?.trim().parse().ok());
        return Tried::Again(wait.map(Duration::from_secs), told);
    }
    let is = |word: &str| [&said.r#type, &said.code].into_iter().any(|said| said.as_deref() == Some(word));
    Tried::Failed(if is_undecided || !status.is_client_error() || is("idempotency_error") {
        Failure::Unknown(told)
    } else if status == StatusCode::PAYMENT_REQUIRED || is("card_error") {
        Failure::Declined(word(said.decline_code.or(said.code)))
    } else if status == StatusCode::NOT_FOUND || is("resource_missing") {
        Failure::Missing(word(said.param))
    } else {
        Failure::Refused(told)
    })
}

/// Status and words, for the log.
fn told(status: StatusCode, headers: &HeaderMap, said: &Said) -> String {
    let mut told = format!("it answers with status {}", status.as_u16());
    let id = headers.get(REQUEST_ID).and_then(|id| id.to_str().ok()).map(str::to_owned);
    for (name, value) in [("type", &said.r#type), ("code", &said.code), ("param", &said.param), ("request", &id)] {
        if value.is_some() {
            // Writing to a String can't fail.
            let _ = write!(told, ", {name} {}", word(value.clone()));
        }
    }
    told
}

/// A word of Stripe's that a log can bear.
fn word(said: Option<String>) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_[].-".contains(c);
    let said = said.filter(|said| (1..=100).contains(&said.len()) && said.chars().all(is_plain));
    said.unwrap_or_else(|| "unnamed".to_owned())
}
