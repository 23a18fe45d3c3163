//! `POST /api/users/login`.

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::user::User;
use crate::identity::{Core, PasswordAttempt};
use crate::transport::{ClientOf, Json, Problem, ProblemBody, Sensitive};

/// Who signs in.
#[derive(Deserialize, ToSchema)]
#[schema(as = ExchangeLoginRequest)]
pub(super) struct LoginRequest {
    /// The username or e-mail address.
    #[schema(example = "trader1")]
    username: String,
    /// The password.
    #[schema(example = "correct horse battery")]
    password: String,
    /// The code of the second factor, for an account that has one.
    otp: Option<String>,
}

/// A session.
#[derive(Serialize, ToSchema)]
#[schema(as = ExchangeLoginAnswer)]
pub(super) struct LoginAnswer {
    /// Who signed in.
    user: User,
    /// What the session is used with: `?session_token=` on this door, `Authorization: Bearer` on every one.
    session_token: String,
    /// When the session is over.
    #[schema(format = DateTime, example = "2026-01-31T00:00:00Z")]
    expires_at: String,
}

/// Sign in by password
#[utoipa::path(
    post, path = "/api/users/login", tag = "exchange", operation_id = "exchange_login",
    request_body = LoginRequest,
    responses(
        (status = 200, description = "A session of 30 days", body = LoginAnswer),
        (status = 400, description = "`invalid_json`", body = ProblemBody),
        (status = 401, description = "`invalid_credentials`, `mfa_required`, `invalid_code`", body = ProblemBody),
        (status = 403, description = "`account_disabled`, `email_not_verified`", body = ProblemBody),
        (status = 413, description = "`body_too_large`", body = ProblemBody),
        (status = 415, description = "`unsupported_media_type`", body = ProblemBody),
        (status = 422, description = "`invalid_request`", body = ProblemBody),
        (status = 429, description = "`too_many_requests`", body = ProblemBody),
        (status = 503, description = "`database_unavailable`, `too_busy`", body = ProblemBody),
    )
)]
pub(super) async fn login(
    State(core): State<Arc<Core>>,
    ClientOf(client): ClientOf,
    Json(request): Json<LoginRequest>,
) -> Result<Sensitive<LoginAnswer>, Problem> {
    let LoginRequest { username, password, otp } = &request;
    let attempt = PasswordAttempt { name: username, password, otp: otp.as_deref(), device: None };
    let opened = core.open_session(attempt, &client).await?;
    Ok(Sensitive(LoginAnswer {
        user: User::whole(&opened.person),
        session_token: opened.token,
        expires_at: opened.expires_at.whole_seconds().rfc3339(),
    }))
}
