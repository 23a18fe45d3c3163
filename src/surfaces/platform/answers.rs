//! What several routes of this door answer alike.

use serde::Serialize;
use utoipa::ToSchema;

use crate::identity::Tokens;

/// Nothing: it is done.
#[derive(Serialize, ToSchema)]
#[schema(as = PlatformNothing)]
pub(super) struct Nothing {}

/// The tokens of a session. Each has two names, since the document gives it two.
#[derive(Serialize, ToSchema)]
#[schema(as = PlatformTokens)]
#[serde(rename_all = "camelCase")]
pub(super) struct TokensAnswer {
    /// The access token.
    pub(super) token: String,
    /// The access token.
    pub(super) access_token: String,
    /// The refresh token.
    pub(super) refresh_token: String,
    /// From when on the access token is refused.
    #[schema(format = DateTime, example = "2026-01-01T00:30:00Z")]
    pub(super) expires: String,
    /// From when on the access token is refused.
    #[schema(format = DateTime, example = "2026-01-01T00:30:00Z")]
    pub(super) expires_at: String,
}

impl From<Tokens> for TokensAnswer {
    fn from(tokens: Tokens) -> Self {
        let expires = tokens.expires_at.rfc3339();
        Self {
            token: tokens.access.clone(),
            access_token: tokens.access,
            refresh_token: tokens.refresh,
            expires_at: expires.clone(),
            expires,
        }
    }
}
