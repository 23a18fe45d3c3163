//! `POST /auth/login`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;
use utoipa::ToSchema;

use super::fields::{Body, Fields};
use super::problem::{Fault, Faults, SessionProblem};
use super::tokens::{TokenPair, with_cookies};
use crate::identity::{Core, PasswordAttempt};
use crate::model::{Password, SignInName};
use crate::transport::{ClientOf, ProblemBody, refuse_foreign_page};

/// Who signs in.
#[derive(Deserialize, ToSchema)]
#[schema(as = LoginRequest)]
#[expect(dead_code, reason = "it describes the body, which is read field by field")]
pub(super) struct LoginRequest {
    /// The e-mail address, or the username.
    #[schema(example = "user@example.com")]
    email: String,
    /// The password.
    #[schema(example = "correct horse battery", min_length = 1, max_length = 128)]
    password: String,
    /// The code of the second factor, for an account that has one.
    otp: Option<String>,
}

/// Sign in by password
#[utoipa::path(
    post, path = "/auth/login", tag = "session", operation_id = "session_login",
    request_body = LoginRequest,
    responses(
        (status = 200, description = "The tokens, also in cookies", body = TokenPair),
        (status = 400, description = "`invalid_json`", body = ProblemBody),
        (status = 401, description = "`invalid_credentials`, `mfa_required`, `invalid_code`", body = ProblemBody),
        (status = 403, description = "`origin_not_allowed`, `account_disabled`, `email_not_verified`", body = ProblemBody),
        (status = 413, description = "`body_too_large`", body = ProblemBody),
        (status = 415, description = "`unsupported_media_type`", body = ProblemBody),
        (status = 422, description = "Every fault of the body", body = Faults),
        (status = 429, description = "`too_many_requests`", body = ProblemBody),
        (status = 503, description = "`database_unavailable`, `too_busy`", body = ProblemBody),
    )
)]
pub(super) async fn login(
    State(core): State<Arc<Core>>,
    ClientOf(client): ClientOf,
    headers: HeaderMap,
    Body(body): Body,
) -> Result<Response, SessionProblem> {
    refuse_foreign_page(&core, &headers)?;
    let mut fields = Fields::of(&body);
    let name = fields.text("email", 0..=usize::MAX).filter(|name| is_name(name, &mut fields));
    let password = fields.password("password", 1..=*Password::CHARS.end());
    let otp = fields.optional("otp");
    let attempt = name.zip(password).map(|(name, password)| PasswordAttempt { name, password, otp, device: None });
    let tokens = core.sign_in_with_password(fields.finish(attempt)?, &client).await?;
    Ok(with_cookies(&core, tokens))
}

/// What can be neither an e-mail address nor a username is a fault of the body and no failed sign-in.
fn is_name(text: &str, fields: &mut Fields<'_>) -> bool {
    let is_name = !matches!(SignInName::parse(text), SignInName::Nobodys(_));
    if !is_name {
        let msg = "value is not a valid email address: it has to be of the form name@example.com";
        fields.fault(Fault::of(Some("email"), "value_error", msg));
    }
    is_name
}
