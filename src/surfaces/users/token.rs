//! `GET /v1/users/token`.

use std::sync::Arc;

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::identity::Core;
use crate::transport::{Basic, ClientOf, Problem, ProblemBody, Sensitive};

/// An access token.
#[derive(Serialize, ToSchema)]
#[schema(as = UsersTokenAnswer)]
pub(super) struct TokenAnswer {
    /// The access token.
    token: String,
}

/// Sign in by Basic authentication
#[utoipa::path(
    get, path = "/v1/users/token", tag = "users", operation_id = "users_token",
    params(("X-OTP" = Option<String>, Header, description = "The code of the second factor, for an account that has one")),
    security(("basic" = [])),
    responses(
        (status = 200, description = "An access token", body = TokenAnswer),
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
) -> Result<Sensitive<TokenAnswer>, Problem> {
    let token = core.access_token(basic.attempt(), &client).await.map_err(Basic::refuse)?;
    Ok(Sensitive(TokenAnswer { token }))
}
