//! `POST /auth/verify-email` and `POST /auth/resend-verification`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::fields::{Body, Fields};
use super::problem::{Faults, SessionProblem};
use super::tokens::{TokenPair, with_cookies};
use crate::identity::{CodeAttempt, Core};
use crate::transport::{ClientOf, ProblemBody, Sensitive, refuse_foreign_page};

/// The code of a mail.
#[derive(Deserialize, ToSchema)]
#[schema(as = VerifyEmailRequest)]
#[expect(dead_code, reason = "it describes the body, which is read field by field")]
pub(super) struct VerifyRequest {
    /// The six digits.
    #[schema(example = "123456", min_length = 6, max_length = 6)]
    code: String,
    /// The address that they were mailed to.
    #[schema(example = "user@example.com")]
    email: String,
    /// The code of the second factor, for an account that has one.
    otp: Option<String>,
}

/// An e-mail address.
#[derive(Deserialize, ToSchema)]
#[schema(as = EmailRequest)]
#[expect(dead_code, reason = "it describes the body, which is read field by field")]
pub(super) struct EmailRequest {
    /// The address.
    #[schema(example = "user@example.com")]
    email: String,
}

/// Nothing: whatever was done is told to nobody.
#[derive(Serialize, ToSchema)]
#[schema(as = Nothing)]
pub(super) struct Nothing {}

/// Verify an e-mail address
///
/// By the code of six digits that was mailed. Signs in, so that the access token says that the address is verified.
#[utoipa::path(
    post, path = "/auth/verify-email", tag = "session", operation_id = "session_verify_email",
    request_body = VerifyRequest,
    responses(
        (status = 200, description = "The tokens, also in cookies", body = TokenPair),
        (status = 400, description = "`invalid_json`", body = ProblemBody),
        (status = 401, description = "`invalid_code`, also of the second factor; `mfa_required`", body = ProblemBody),
        (status = 403, description = "`origin_not_allowed`, `account_disabled`", body = ProblemBody),
        (status = 413, description = "`body_too_large`", body = ProblemBody),
        (status = 415, description = "`unsupported_media_type`", body = ProblemBody),
        (status = 422, description = "Every fault of the body", body = Faults),
        (status = 429, description = "`too_many_requests`", body = ProblemBody),
        (status = 503, description = "`database_unavailable`", body = ProblemBody),
    )
)]
pub(super) async fn verify(
    State(core): State<Arc<Core>>,
    ClientOf(client): ClientOf,
    headers: HeaderMap,
    Body(body): Body,
) -> Result<Response, SessionProblem> {
    refuse_foreign_page(&core, &headers)?;
    let mut fields = Fields::of(&body);
    let digits = fields.text("code", 6..=6);
    let email = fields.email("email");
    let otp = fields.optional("otp");
    let (digits, email) = fields.finish(digits.zip(email))?;
    let tokens = core.verify_email(CodeAttempt { email: &email, code: digits, otp }, &client).await?;
    Ok(with_cookies(&core, tokens))
}

/// Mail another code
///
/// The answer is the same whether or not there is such an account.
#[utoipa::path(
    post, path = "/auth/resend-verification", tag = "session", operation_id = "session_resend_verification",
    request_body = EmailRequest,
    responses(
        (status = 200, description = "If there is something to verify, a mail is on its way", body = Nothing),
        (status = 400, description = "`invalid_json`", body = ProblemBody),
        (status = 413, description = "`body_too_large`", body = ProblemBody),
        (status = 415, description = "`unsupported_media_type`", body = ProblemBody),
        (status = 422, description = "Every fault of the body", body = Faults),
        (status = 429, description = "`too_many_requests`", body = ProblemBody),
        (status = 503, description = "`database_unavailable`", body = ProblemBody),
    )
)]
pub(super) async fn resend(
    State(core): State<Arc<Core>>,
    ClientOf(client): ClientOf,
    Body(body): Body,
) -> Result<Sensitive<Nothing>, SessionProblem> {
    let mut fields = Fields::of(&body);
    let email = fields.email("email");
    core.resend_code(&fields.finish(email)?, &client).await?;
    Ok(Sensitive(Nothing {}))
}
