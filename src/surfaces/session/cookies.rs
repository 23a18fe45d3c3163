//! The cookies of this door, and the pages that may use them. A browser sends them by itself, so a request that stands on
//! them and changes something has to say from which page it comes.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::header::{COOKIE, ORIGIN, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};

use crate::identity::{Caller, Core, Tokens};
use crate::model::error::{Error, Forbidden};
use crate::transport::{ClientOf, Problem, authenticate, authenticate_by_cookie, carries_credential};

/// Everywhere, also at the pages.
const ACCESS: (&str, &str) = ("access_token", "/");
/// Where it is of use alone.
const REFRESH: (&str, &str) = ("refresh_token", "/auth");

/// The access token of the cookies.
pub(super) fn access_token(headers: &HeaderMap) -> Option<&str> {
    the_one(access_tokens(headers))
}

/// The refresh token of the cookies.
pub(super) fn refresh_token(headers: &HeaderMap) -> Option<&str> {
    the_one(refresh_tokens(headers))
}

/// All access tokens that the cookies carry.
pub(super) fn access_tokens(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    values(headers, ACCESS.0)
}

/// All refresh tokens that the cookies carry.
pub(super) fn refresh_tokens(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    values(headers, REFRESH.0)
}

/// Two that differ under one name are as good as none: a page of a sibling domain may have put one of them there (RFC 6265
/// section 8.6), and which one is ours does not show.
fn the_one<'a>(mut values: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let first = values.next()?;
    values.all(|other| other == first).then_some(first)
}

fn values<'a>(headers: &'a HeaderMap, name: &'static str) -> impl Iterator<Item = &'a str> {
    let pairs = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(';'));
    let values = pairs.filter_map(|pair| pair.trim().split_once('=')).filter(move |(given, _)| *given == name);
    values.map(|(_, value)| value).filter(|value| !value.is_empty())
}

/// Puts both tokens into cookies.
pub(super) fn set(core: &Core, tokens: &Tokens, headers: &mut HeaderMap) {
    put(core, ACCESS, &tokens.access, tokens.lives, headers);
    put(core, REFRESH, &tokens.refresh, core.config().tokens.refresh_ttl, headers);
}

/// Takes both away, with the attributes that they were set with.
pub(super) fn clear(core: &Core, headers: &mut HeaderMap) {
    for cookie in [ACCESS, REFRESH] {
        put(core, cookie, "", Duration::ZERO, headers);
    }
}

fn put(core: &Core, (name, path): (&str, &str), value: &str, lives: Duration, headers: &mut HeaderMap) {
    let secure = if core.config().public_url.starts_with("https://") { "; Secure" } else { "" };
    let cookie = format!("{name}={value}; Path={path}; Max-Age={}; HttpOnly; SameSite=Lax{secure}", lives.as_secs());
    // Tokens are of letters, digits, dots, dashes and underscores.
    if let Ok(cookie) = HeaderValue::try_from(cookie) {
        headers.append(SET_COOKIE, cookie);
    }
}

/// Insists that a request that stands on cookies comes from a page that may send it.
pub(super) fn require_page(core: &Core, headers: &HeaderMap) -> Result<(), Error> {
    if headers.contains_key(ORIGIN) {
        refuse_foreign_page(core, headers)
    } else {
        Err(Error::Forbidden(Forbidden::Origin))
    }
}

/// Refuses a request of a page that may not send it. One that names no page is a program's: it has no cookies to lose.
pub(super) fn refuse_foreign_page(core: &Core, headers: &HeaderMap) -> Result<(), Error> {
    let mut origins = headers.get_all(ORIGIN).iter();
    let config = core.config();
    let is_ours = |origin: &str| origin == config.public_url || config.cors_origins.iter().any(|own| own == origin);
    if origins.all(|origin| origin.to_str().is_ok_and(is_ours)) {
        Ok(())
    } else {
        Err(Error::Forbidden(Forbidden::Origin))
    }
}

/// Who calls: by a header as everywhere, else by the cookie, which a header beats.
pub(super) struct Known(pub(super) Caller);

impl FromRequestParts<Arc<Core>> for Known {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, core: &Arc<Core>) -> Result<Self, Problem> {
        let Some(token) = access_token(&parts.headers).filter(|_| !carries_credential(&parts.headers)) else {
            return authenticate(parts, core, &[]).await.map(Self);
        };
        let token = token.to_owned();
        let Ok(ClientOf(client)) = ClientOf::from_request_parts(parts, core).await;
        authenticate_by_cookie(core, &token, &client).await.map(Self)
    }
}
