//! `POST /auth/register`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;
use utoipa::ToSchema;

use super::fields::{Body, Fields};
use super::problem::{Faults, SessionProblem};
use super::tokens::{TokenPair, with_cookies};
use crate::identity::{Core, Registration};
use crate::model::Email;
use crate::transport::{ClientOf, Created, ProblemBody, refuse_foreign_page};

/// Who registers.
#[derive(Deserialize, ToSchema)]
#[schema(as = RegisterRequest)]
#[expect(dead_code, reason = "it describes the body, which is read field by field")]
pub(super) struct RegisterRequest {
    /// The e-mail address.
    #[schema(example = "user@example.com")]
    email: String,
    /// The password.
    #[schema(example = "correct horse battery", min_length = 8, max_length = 128)]
    password: String,
}

/// Register
///
/// Signs in as well, and mails a code that verifies the e-mail address.
#[utoipa::path(
    post, path = "/auth/register", tag = "session", operation_id = "session_register",
    request_body = RegisterRequest,
    responses(
        (status = 201, description = "The tokens, also in cookies", body = TokenPair),
        (status = 400, description = "`invalid_json`", body = ProblemBody),
        (status = 403, description = "`origin_not_allowed`, `email_not_verified`", body = ProblemBody),
        (status = 409, description = "`identity_already_used`", body = ProblemBody),
        (status = 413, description = "`body_too_large`", body = ProblemBody),
        (status = 415, description = "`unsupported_media_type`", body = ProblemBody),
        (status = 422, description = "Every fault of the body", body = Faults),
        (status = 429, description = "`too_many_requests`", body = ProblemBody),
        (status = 503, description = "`database_unavailable`, `too_busy`", body = ProblemBody),
    )
)]
pub(super) async fn register(
    State(core): State<Arc<Core>>,
    ClientOf(client): ClientOf,
    headers: HeaderMap,
    Body(body): Body,
) -> Result<Created<Response>, SessionProblem> {
    refuse_foreign_page(&core, &headers)?;
    let mut fields = Fields::of(&body);
    let email = fields.email("email");
    let names: Vec<&str> = email.iter().map(Email::as_str).collect();
    let password = fields.new_password("password", &names);
    let registration = Registration { email, password, ..Registration::default() };
    let registration = fields.finish(Some(registration))?;
    let tokens = core.register_and_sign_in(registration, &client).await?;
    Ok(Created(with_cookies(&core, tokens)))
}
