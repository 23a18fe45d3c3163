//! `POST /users/refresh` and `POST /users/logout`: going on, and ending.

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::identity::{Core, PersonPresent};
use crate::transport::{ClientOf, Json, NoContent, Problem, ProblemBody, Sensitive};

/// A refresh token.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct RefreshRequest {
    /// The refresh token of the last answer.
    refresh_token: String,
}

/// The next tokens of a session.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Refreshed {
    /// The next access token.
    token: String,
    /// From when on the access token is refused.
    #[schema(format = DateTime, example = "2026-01-01T00:30:00Z")]
    expires_at: String,
    /// The next refresh token; the one that was sent is used up.
    refresh_token: String,
}

/// Refresh a session
#[utoipa::path(
    post, path = "/users/refresh", tag = "wallet", operation_id = "refresh",
    request_body = RefreshRequest,
    responses(
        (status = 200, description = "The next tokens", body = Refreshed),
        (status = 400, description = "`invalid_json`", body = ProblemBody),
        (status = 401, description = "`invalid_refresh_token`, `refresh_token_reused`, `session_ended`",
         body = ProblemBody),
        (status = 403, description = "`account_disabled`", body = ProblemBody),
        (status = 413, description = "`body_too_large`", body = ProblemBody),
        (status = 415, description = "`unsupported_media_type`", body = ProblemBody),
        (status = 422, description = "`invalid_request`", body = ProblemBody),
        (status = 429, description = "`too_many_requests`", body = ProblemBody),
        (status = 503, description = "`database_unavailable`", body = ProblemBody),
    )
)]
pub(super) async fn refresh(
    State(core): State<Arc<Core>>,
    ClientOf(client): ClientOf,
    Json(request): Json<RefreshRequest>,
) -> Result<Sensitive<Refreshed>, Problem> {
    let tokens = core.refresh(&request.refresh_token, &client).await?;
    Ok(Sensitive(Refreshed {
        token: tokens.access,
        expires_at: tokens.expires_at.rfc3339(),
        refresh_token: tokens.refresh,
    }))
}

/// End the session
#[utoipa::path(
    post, path = "/users/logout", tag = "wallet", operation_id = "logout",
    security(("access_token" = []), ("bearer" = [])),
    responses(
        (status = 204, description = "Ended: every token of the session is refused from now on"),
        (status = 400, description = "`ambiguous_credentials`", body = ProblemBody),
        (status = 401, description = "`not_authenticated`, `invalid_token`, `token_expired`, `session_ended`",
         body = ProblemBody),
        (status = 403, description = "`person_required`, `account_disabled`", body = ProblemBody),
        (status = 503, description = "`database_unavailable`", body = ProblemBody),
    )
)]
pub(super) async fn logout(
    State(core): State<Arc<Core>>,
    ClientOf(client): ClientOf,
    person: PersonPresent,
) -> Result<NoContent, Problem> {
    core.sign_out(&person, &client).await?;
    Ok(NoContent)
}
