//! `POST /auth/forgot-password` and `POST /auth/reset-password`.

use std::sync::Arc;

use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::fields::{Body, Fields};
use super::problem::{Faults, SessionProblem};
use super::verification::{EmailRequest, Nothing};
use crate::identity::Core;
use crate::transport::{ClientOf, ProblemBody, Sensitive};

/// A new password.
#[derive(Deserialize, ToSchema)]
#[schema(as = ResetPasswordRequest)]
#[expect(dead_code, reason = "it describes the body, which is read field by field")]
pub(super) struct ResetRequest {
    /// The new password.
    #[schema(example = "correct horse battery", min_length = 8, max_length = 128)]
    new_password: String,
    /// The token of the mail.
    #[schema(min_length = 1, max_length = 256)]
    token: String,
}

/// Ask for a link to a new password
///
/// The answer is the same, and takes the same time, whether or not there is such an account.
#[utoipa::path(
    post, path = "/auth/forgot-password", tag = "session", operation_id = "session_forgot_password",
    request_body = EmailRequest,
    responses(
        (status = 200, description = "If there is such an account, a mail is on its way", body = Nothing),
        (status = 400, description = "`invalid_json`", body = ProblemBody),
        (status = 413, description = "`body_too_large`", body = ProblemBody),
        (status = 415, description = "`unsupported_media_type`", body = ProblemBody),
        (status = 422, description = "Every fault of the body", body = Faults),
        (status = 429, description = "`too_many_requests`", body = ProblemBody),
        (status = 503, description = "`database_unavailable`", body = ProblemBody),
    )
)]
pub(super) async fn forgot(
    State(core): State<Arc<Core>>,
    ClientOf(client): ClientOf,
    Body(body): Body,
) -> Result<Sensitive<Nothing>, SessionProblem> {
    let mut fields = Fields::of(&body);
    let email = fields.email("email");
    core.request_reset(&fields.finish(email)?, &client).await?;
    Ok(Sensitive(Nothing {}))
}

/// Set a new password
///
/// By the token of the mail, which is good once and for 30 minutes. Ends all sessions and the API key, and signs nobody in.
#[utoipa::path(
    post, path = "/auth/reset-password", tag = "session", operation_id = "session_reset_password",
    request_body = ResetRequest,
    responses(
        (status = 200, description = "It is set", body = Nothing),
        (status = 400, description = "`invalid_json`, `invalid_link`", body = ProblemBody),
        (status = 413, description = "`body_too_large`", body = ProblemBody),
        (status = 415, description = "`unsupported_media_type`", body = ProblemBody),
        (status = 422, description = "Every fault of the body", body = Faults),
        (status = 429, description = "`too_many_requests`", body = ProblemBody),
        (status = 503, description = "`database_unavailable`, `too_busy`", body = ProblemBody),
    )
)]
pub(super) async fn reset(
    State(core): State<Arc<Core>>,
    ClientOf(client): ClientOf,
    Body(body): Body,
) -> Result<Sensitive<Nothing>, SessionProblem> {
    let mut fields = Fields::of(&body);
    let password = fields.new_password("new_password", &[]);
    let token = fields.text("token", 1..=256);
    let (password, token) = fields.finish(password.zip(token))?;
    core.recover(token, password, &client).await?;
    Ok(Sensitive(Nothing {}))
}
