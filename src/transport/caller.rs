//! Credentials in headers, and the extractors that prove who calls: the policy of a route is in its signature.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};

use super::{ClientOf, Problem};
use crate::identity::{Admin, AdminPresent, Caller, Core, Credential, PersonPresent, SESSION_PREFIX};
use crate::model::Client;
use crate::model::error::{Error, Malformed, Unauthenticated};

pub(super) const AUTH_TOKEN: HeaderName = HeaderName::from_static("x-auth-token");
const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// Every credential that the headers carry. One that is there counts, whatever it looks like: it is never ignored.
fn credentials(headers: &HeaderMap) -> Result<Vec<Credential<'_>>, Error> {
    let mut found = Vec::new();
    if let Some(token) = single(headers, &AUTH_TOKEN)? {
        found.push(Credential::AccessToken(token));
    }
    if let Some(value) = single(headers, &AUTHORIZATION)? {
        let invalid = Error::NotAuthenticated(Unauthenticated::InvalidToken);
        let (scheme, token) = value.split_once(' ').ok_or(invalid)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(Error::NotAuthenticated(Unauthenticated::InvalidToken));
        }
        let token = token.trim();
        found.push(if token.starts_with(SESSION_PREFIX) {
            Credential::SessionToken(token)
        } else {
            Credential::AccessToken(token)
        });
    }
    if let Some(key) = single(headers, &API_KEY)? {
        found.push(Credential::ApiKey(key));
    }
    Ok(found)
}

pub(super) fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Error> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    // Twice the same names one account; a proxy may have repeated it.
    if values.any(|other| other != value) {
        return Err(Error::Malformed(Malformed::AmbiguousCredentials));
    }
    // Bytes beyond ASCII are in no credential of ours; the empty text fails as one in its place.
    Ok(Some(value.to_str().unwrap_or_default().trim()))
}

/// Finds out who calls by the headers; and, on the one door that takes them there, by session tokens of the query.
///
/// # Errors
/// As [`Core::authenticate`].
pub async fn authenticate(parts: &mut Parts, core: &Arc<Core>, in_query: &[String]) -> Result<Caller, Problem> {
    // An answer that can't fail: without the outermost layer it is a client without an address.
    let Ok(ClientOf(client)) = ClientOf::from_request_parts(parts, core).await;
    let mut credentials = credentials(&parts.headers)?;
    credentials.extend(in_query.iter().map(|token| Credential::SessionToken(token)));
    Ok(core.authenticate(&credentials, &client).await?)
}

/// Finds out who calls by the access token of a cookie.
///
/// # Errors
/// As [`Core::authenticate`].
pub async fn authenticate_by_cookie(core: &Core, token: &str, client: &Client) -> Result<Caller, Problem> {
    Ok(core.authenticate(&[Credential::AccessToken(token)], client).await?)
}

/// Whether the headers carry anything that may be a credential.
#[must_use]
pub fn carries_credential(headers: &HeaderMap) -> bool {
    [AUTH_TOKEN, AUTHORIZATION, API_KEY].iter().any(|name| headers.contains_key(name))
}

impl FromRequestParts<Arc<Core>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, core: &Arc<Core>) -> Result<Self, Problem> {
        authenticate(parts, core, &[]).await
    }
}

impl FromRequestParts<Arc<Core>> for Admin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, core: &Arc<Core>) -> Result<Self, Problem> {
        Ok(Caller::from_request_parts(parts, core).await?.require_admin()?)
    }
}

impl FromRequestParts<Arc<Core>> for AdminPresent {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, core: &Arc<Core>) -> Result<Self, Problem> {
        Ok(PersonPresent::from_request_parts(parts, core).await?.require_admin()?)
    }
}

impl FromRequestParts<Arc<Core>> for PersonPresent {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, core: &Arc<Core>) -> Result<Self, Problem> {
        let caller = Caller::from_request_parts(parts, core).await?;
        Ok(caller.require_person()?)
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn with(name: HeaderName, value: &[u8]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.append(name, HeaderValue::from_bytes(value).unwrap());
        headers
    }

    #[test]
    fn any_bytes_in_authorization_are_refused_or_read_and_never_ignored() {
        for value in [&b""[..], b"Bearer", b"Basic dTpw", b"bearer\ttoken", b"\xff\xfe", b"token", b"Digest x"] {
            assert!(credentials(&with(AUTHORIZATION, value)).is_err(), "{value:?}");
        }
        for value in [&b"Bearer abc"[..], b"bearer abc", b"BEARER   abc "] {
            let headers = with(AUTHORIZATION, value);
            let found = credentials(&headers).unwrap();
            assert!(matches!(found[..], [Credential::AccessToken("abc")]), "{value:?}");
        }
    }

    #[test]
    fn a_header_that_comes_with_two_values_is_ambiguous_and_one_that_comes_twice_is_not() {
        let mut headers = with(AUTH_TOKEN, b"one");
        headers.append(AUTH_TOKEN, HeaderValue::from_static("one"));
        assert!(matches!(credentials(&headers).unwrap()[..], [Credential::AccessToken("one")]));
        headers.append(AUTH_TOKEN, HeaderValue::from_static("two"));
        assert!(matches!(credentials(&headers), Err(Error::Malformed(Malformed::AmbiguousCredentials))));
    }
}
