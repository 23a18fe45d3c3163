//! A sign-in's answer: the tokens in the body, and, where a browser signs in, in cookies too.

use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::cookies;
use crate::identity::{Core, Tokens};
use crate::transport::Sensitive;

/// The tokens of a session.
#[derive(Serialize, ToSchema)]
#[schema(as = TokenPair)]
pub(super) struct TokenPair {
    /// The access token.
    access_token: String,
    /// Whether the e-mail address is verified.
    email_verified: bool,
    /// How long the access token is good, in seconds.
    #[schema(example = 1800)]
    expires_in: u64,
    /// The refresh token.
    refresh_token: String,
    /// `bearer`.
    #[schema(example = "bearer")]
    token_type: &'static str,
}

impl From<Tokens> for TokenPair {
    fn from(tokens: Tokens) -> Self {
        Self {
            access_token: tokens.access,
            email_verified: tokens.email_verified,
            expires_in: tokens.lives.as_secs(),
            refresh_token: tokens.refresh,
            token_type: "bearer",
        }
    }
}

/// The answer that also sets the cookies.
pub(super) fn with_cookies(core: &Core, tokens: Tokens) -> Response {
    let mut cookies = axum::http::HeaderMap::new();
    cookies::set(core, &tokens, &mut cookies);
    let mut response = Sensitive(TokenPair::from(tokens)).into_response();
    response.headers_mut().extend(cookies);
    response
}
