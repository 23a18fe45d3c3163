//! Errors as problem details (RFC 9457): one exhaustive match from the domain's error to status and headers.

use std::sync::Arc;

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::model::error::{Dependency, Error, Limited, Setting, Violation};

/// How long a client should wait before it asks again for what did not answer, in seconds.
const OUTAGE_RETRY: u64 = 2;

/// An error on its way out. It gets its body where the request's id is known: see [`Problem::render`].
#[derive(Clone, Debug)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    violations: Vec<Violation>,
    headers: HeaderMap,
    fault: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

/// The body of every error.
#[derive(Serialize, ToSchema)]
pub struct ProblemBody<'a> {
    /// Where this kind of error is explained.
    #[serde(rename = "type")]
    kind: String,
    /// The kind of error, for people.
    title: String,
    /// The status of the answer.
    status: u16,
    /// What went wrong and what to do.
    detail: &'a str,
    /// The kind of error, for programs. It never changes.
    error: &'static str,
    /// The request's id, by which the operator finds it in the log.
    request_id: &'a str,
    /// Every field that breaks its rule, with `invalid_request`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    violations: Vec<Violated<'a>>,
}

/// A field that breaks its rule.
#[derive(Serialize, ToSchema)]
pub struct Violated<'a> {
    /// The field, as a path in the body; `body` for the whole.
    field: &'a str,
    /// What the rule is.
    message: &'a str,
}

impl Problem {
    /// An error of HTTP itself.
    #[must_use]
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        let headers = HeaderMap::new();
        Self { status, code, detail: detail.into(), violations: Vec::new(), headers, fault: None }
    }

    /// There is no such route.
    #[must_use]
    pub fn unknown_route() -> Self {
        Self::new(StatusCode::NOT_FOUND, "unknown_route", "there is no such route; see /docs")
    }

    /// The route does not know this method.
    #[must_use]
    pub fn method_not_allowed() -> Self {
        let detail = "this route does not know this method; the header Allow names those that it knows";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail)
    }

    /// The body is longer than any that a route takes.
    #[must_use]
    pub fn body_too_large(longest: usize) -> Self {
        let detail = format!("a body may have at most {} KiB", longest / 1024);
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail)
    }

    /// The body claims not to be JSON.
    #[must_use]
    pub fn unsupported_media_type() -> Self {
        let detail = "the body has to be JSON, with Content-Type: application/json";
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail)
    }

    /// The same with the status that a door's document gives it.
    #[must_use]
    pub fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// The same, asking for a credential in this way (RFC 9110 section 11.6.1).
    #[must_use]
    pub fn challenging(mut self, challenge: &'static str) -> Self {
        self.headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        self
    }

    /// One of each, for the documentation.
    #[must_use]
    pub fn catalogue() -> Vec<Self> {
        let too_large = Self::body_too_large(super::body::LONGEST);
        let of_http = [Self::unknown_route(), Self::method_not_allowed(), too_large, Self::unsupported_media_type()];
        Error::catalogue().into_iter().map(Self::from).chain(of_http).collect()
    }

    /// The stable name of the error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// Its status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// What went wrong and what to do.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// What the log should say about a fault of ours.
    #[must_use]
    pub fn fault(&self) -> Option<&(dyn std::error::Error + Send + Sync)> {
        self.fault.as_deref()
    }

    /// Puts the body into the answer that carries this problem.
    #[must_use]
    pub fn render(&self, public_url: &str, request_id: &str, mut response: Response) -> Response {
        let body = ProblemBody {
            kind: format!("{public_url}/docs/errors#{}", self.code),
            title: title(self.code),
            status: self.status.as_u16(),
            detail: &self.detail,
            error: self.code,
            request_id,
            violations: self.violations.iter().map(|v| Violated { field: &v.field, message: &v.message }).collect(),
        };
        // All members are text and numbers, so this can't fail.
        *response.body_mut() = Body::from(serde_json::to_vec(&body).unwrap_or_default());
        let json = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(CONTENT_TYPE, json);
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}

/// What was read, or none and its fault among the others.
pub fn faults<T>(faults: &mut Vec<Violation>, read: Result<T, Violation>) -> Option<T> {
    read.map_err(|fault| faults.push(fault)).ok()
}

/// The code in words.
fn title(code: &str) -> String {
    let mut words = code.replace('_', " ");
    if let Some(first) = words.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    words
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let status = match &error {
            Error::Malformed(_) => StatusCode::BAD_REQUEST,
            Error::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Error::NotAuthenticated(_) => StatusCode::UNAUTHORIZED,
            Error::Forbidden(_) => StatusCode::FORBIDDEN,
            Error::NotFound(_) => StatusCode::NOT_FOUND,
            Error::Conflict(_) => StatusCode::CONFLICT,
            Error::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
            Error::Unavailable(
                Dependency::Database | Dependency::Time | Dependency::Passwords | Dependency::Payments,
            ) => StatusCode::SERVICE_UNAVAILABLE,
            // RFC 9110 section 15.6.3: what we asked for it gave no good answer.
            Error::Unavailable(Dependency::Chains | Dependency::Provider | Dependency::PaymentsSetUp) => {
                StatusCode::BAD_GATEWAY
            }
            Error::NotConfigured(Setting::Google | Setting::StripeWebhooks) => StatusCode::NOT_IMPLEMENTED,
            Error::NotConfigured(Setting::Payments) | Error::PaymentFailed(_) => StatusCode::PAYMENT_REQUIRED,
            Error::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let mut problem = Self::new(status, error.code(), error.detail());
        match error {
            Error::NotAuthenticated(_) => {
                // RFC 9110 section 11.6.1 asks for it; Bearer makes no browser open a dialogue.
                problem.headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Error::TooMany(limited) => problem.headers.extend(limit_headers(limited)),
            Error::Unavailable(_) => {
                problem.headers.insert(RETRY_AFTER, HeaderValue::from(OUTAGE_RETRY));
            }
            Error::Invalid(violations) => problem.violations = violations,
            Error::Internal(source) => problem.fault = Some(source.into()),
            Error::Malformed(_)
            | Error::Forbidden(_)
            | Error::NotFound(_)
            | Error::Conflict(_)
            | Error::PaymentFailed(_)
            | Error::NotConfigured(_) => {}
        }
        problem
    }
}

/// `Retry-After`, and the fields of draft-ietf-httpapi-ratelimit-headers.
fn limit_headers(limited: Limited) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
    let Limited { policy, burst, .. } = limited;
    let seconds = limited.retry_seconds();
    let text = |text: String| HeaderValue::try_from(text).ok();
    let headers = [
        (RETRY_AFTER, Some(HeaderValue::from(seconds))),
        (HeaderName::from_static("ratelimit"), text(format!("\"{policy}\";r=0;t={seconds}"))),
        (HeaderName::from_static("ratelimit-policy"), text(format!("\"{policy}\";q={burst}"))),
    ];
    headers.into_iter().filter_map(|(name, value)| Some((name, value?)))
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.headers_mut().extend(self.headers.clone());
        response.extensions_mut().insert(Arc::new(self));
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_reads_as_a_title() {
        assert_eq!(title("nonce_expired"), "Nonce expired");
        assert_eq!(title(""), "");
    }

    #[test]
    fn a_fault_of_ours_shows_nothing_of_its_source() {
        let problem = Problem::from(Error::internal("the password is hunter2"));
        let response = problem.clone().into_response();
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert!(!problem.detail().contains("hunter2"));
        assert!(problem.fault().is_some());
    }
}
