//! How the second factor comes in: a code beside a request, the ticket of a sign-in in two steps, the token of a device.

use std::sync::Arc;

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};
use serde_json::Value;

use super::caller::{AUTH_TOKEN, carries_credential, single};
use super::{OptionalJson, V1Problem};
use crate::identity::{Core, PersonPresent, TICKET_PREFIX};
use crate::model::error::{Error, Malformed, Violation};

const OTP: HeaderName = HeaderName::from_static("x-otp");
const DEVICE: HeaderName = HeaderName::from_static("x-device-token");

/// The token of the device that a request comes from.
///
/// # Errors
/// [`Malformed::AmbiguousCredentials`] for two of them.
pub fn device_token(headers: &HeaderMap) -> Result<Option<&str>, Error> {
    single(headers, &DEVICE)
}

/// The code of the second factor that comes beside a request.
///
/// # Errors
/// [`Malformed::AmbiguousCredentials`] for two of them.
pub fn otp(headers: &HeaderMap) -> Result<Option<&str>, Error> {
    single(headers, &OTP)
}

/// The code that a change asks for besides who calls: in `X-OTP`, or as `code` in a body, which may be missing.
#[derive(Clone)]
pub struct FreshCode(pub Option<String>);

impl<S: Sync> FromRequest<S> for FreshCode {
    type Rejection = V1Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, V1Problem> {
        let in_header = otp(request.headers())?.map(str::to_owned);
        let OptionalJson(mut body) = OptionalJson::from_request(request, state).await?;
        let in_body = match body.remove("code") {
            Some(Value::String(code)) => Some(code),
            Some(Value::Null) | None => None,
            Some(_) => {
                let message = "a string is expected".to_owned();
                return Err(Error::Invalid(vec![Violation { field: "code".to_owned(), message }]).into());
            }
        };
        Ok(Self(in_header.or(in_body)))
    }
}

/// Who brings a code: somebody who is signed in, or somebody who is about to be.
#[derive(Clone, Debug)]
pub enum Verifier {
    /// A person with an access token.
    Person(Box<PersonPresent>),
    /// Whoever has the ticket that a right password gave.
    Ticket(String),
}

impl FromRequestParts<Arc<Core>> for Verifier {
    type Rejection = V1Problem;

    async fn from_request_parts(parts: &mut Parts, core: &Arc<Core>) -> Result<Self, V1Problem> {
        if let Some(ticket) = ticket(&parts.headers)? {
            return Ok(Self::Ticket(ticket));
        }
        let person = PersonPresent::from_request_parts(parts, core).await?;
        Ok(Self::Person(Box::new(person)))
    }
}

/// The ticket, where access tokens are; it names who signs in, so no other credential may come with it.
fn ticket(headers: &HeaderMap) -> Result<Option<String>, Error> {
    let is_ticket = |token: &&str| token.starts_with(TICKET_PREFIX);
    let own = single(headers, &AUTH_TOKEN)?.filter(is_ticket);
    let bearer = single(headers, &AUTHORIZATION)?.and_then(|value| value.split_once(' '));
    let bearer = bearer.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, token)| token.trim());
    let bearer = bearer.filter(is_ticket);
    let Some(ticket) = own.or(bearer) else { return Ok(None) };
    let mut others = headers.clone();
    for (name, of_ticket) in [(AUTH_TOKEN, own), (AUTHORIZATION, bearer)] {
        if of_ticket == Some(ticket) {
            others.remove(name);
        }
    }
    if carries_credential(&others) {
        return Err(Error::Malformed(Malformed::AmbiguousCredentials));
    }
    Ok(Some(ticket.to_owned()))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn of(headers: &[(HeaderName, &'static str)]) -> Result<Option<String>, Error> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name.clone(), HeaderValue::from_static(value));
        }
        ticket(&map)
    }

    #[test]
    fn a_ticket_comes_alone_and_where_access_tokens_do() {
        let key = HeaderName::from_static("x-api-key");
        for headers in [
            &[(AUTH_TOKEN, "cmf_a")][..],
            &[(AUTHORIZATION, "bearer  cmf_a")],
            &[(AUTH_TOKEN, "cmf_a"), (AUTHORIZATION, "Bearer cmf_a")],
        ] {
            assert_eq!(of(headers).unwrap().as_deref(), Some("cmf_a"), "{headers:?}");
        }
        for headers in [&[][..], &[(AUTH_TOKEN, "a")], &[(AUTHORIZATION, "Basic cmf_a")], &[(key.clone(), "cmf_a")]] {
            assert_eq!(of(headers).unwrap(), None, "{headers:?}");
        }
        for headers in [
            [(AUTH_TOKEN, "cmf_a"), (key, "csk_a")],
            [(AUTH_TOKEN, "cmf_a"), (AUTHORIZATION, "Bearer cmf_b")],
            [(AUTH_TOKEN, "eyJ"), (AUTHORIZATION, "Bearer cmf_b")],
            [(AUTH_TOKEN, "cmf_a"), (AUTHORIZATION, "Basic YTpi")],
        ] {
            assert!(matches!(of(&headers), Err(Error::Malformed(Malformed::AmbiguousCredentials))), "{headers:?}");
        }
    }
}
