//! `POST /auth/token`: for programs, which have no use for cookies.

use std::sync::Arc;

use axum::extract::State;

use super::tokens::TokenPair;
use crate::identity::Core;
use crate::transport::{Basic, ClientOf, Problem, ProblemBody, Sensitive};

/// Sign in by Basic authentication
///
/// For programs: it never sets a cookie.
#[utoipa::path(
    post, path = "/auth/token", tag = "session", operation_id = "session_token",
    params(("X-OTP" = Option<String>, Header, description = "The code of the second factor, for an account that has one")),
    security(("basic" = [])),
    responses(
        (status = 200, description = "The tokens", body = TokenPair),
        (status = 401, description = "`not_authenticated`, `invalid_credentials`, `mfa_required`, `invalid_code`",
         body = ProblemBody),
        (status = 403, description = "`account_disabled`, `email_not_verified`", body = ProblemBody),
        (status = 503, description = "`database_unavailable`, `too_busy`", body = ProblemBody),
    )
)]
pub(super) async fn token(
    State(core): State<Arc<Core>>,
    ClientOf(client): ClientOf,
    basic: Basic,
) -> Result<Sensitive<TokenPair>, Problem> {
    let tokens = core.sign_in_with_password(basic.attempt(), &client).await.map_err(Basic::refuse)?;
    Ok(Sensitive(tokens.into()))
}
