//! The cookies of this door, and who calls by them.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::header::SET_COOKIE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};

use crate::identity::{Caller, Core, Tokens};
use crate::transport::{ClientOf, Problem, authenticate, authenticate_by_cookie, carries_credential, cookie, cookies};

/// Everywhere, also at the pages.
const ACCESS: (&str, &str) = ("access_token", "/");
/// Where it is of use alone.
const REFRESH: (&str, &str) = ("refresh_token", "/auth");

/// The access token of the cookies.
pub(super) fn access_token(headers: &HeaderMap) -> Option<&str> {
    cookie(headers, ACCESS.0)
}

/// The refresh token of the cookies.
pub(super) fn refresh_token(headers: &HeaderMap) -> Option<&str> {
    cookie(headers, REFRESH.0)
}

/// All access tokens that the cookies carry.
pub(super) fn access_tokens(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    cookies(headers, ACCESS.0)
}

/// All refresh tokens that the cookies carry.
pub(super) fn refresh_tokens(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    cookies(headers, REFRESH.0)
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
