//! `PUT /v1/users/confirm-email`.

use std::sync::Arc;

use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::identity::{CodeAttempt, Core};
use crate::model::Email;
use crate::model::error::{Error, Violation};
use crate::transport::{ClientOf, NoContent, ProblemBody, V1Json, V1Problem};

/// What was mailed: the token of the link, or the code with the address that it was mailed to.
#[derive(Deserialize, ToSchema)]
#[schema(as = PlatformConfirmEmailRequest)]
pub(super) struct ConfirmRequest {
    /// The token of the link.
    token: Option<String>,
    /// The address that the code was mailed to.
    #[schema(example = "user@example.com")]
    email: Option<String>,
    /// The six digits.
    #[schema(example = "123456")]
    code: Option<String>,
}

/// Confirm your e-mail address
///
/// By `token`, or by `email` and `code`. Signs nobody in.
#[utoipa::path(
    put, path = "/v1/users/confirm-email", tag = "platform", operation_id = "platform_confirm_email",
    request_body = ConfirmRequest,
    responses(
        (status = 204, description = "It is confirmed"),
        (status = 400, description = "`invalid_json`, `invalid_request`, `invalid_link`", body = ProblemBody),
        (status = 401, description = "`invalid_code`", body = ProblemBody),
        (status = 403, description = "`account_disabled`", body = ProblemBody),
        (status = 413, description = "`body_too_large`", body = ProblemBody),
        (status = 415, description = "`unsupported_media_type`", body = ProblemBody),
        (status = 429, description = "`too_many_requests`", body = ProblemBody),
        (status = 503, description = "`database_unavailable`", body = ProblemBody),
    )
)]
pub(super) async fn confirm(
    State(core): State<Arc<Core>>,
    ClientOf(client): ClientOf,
    V1Json(request): V1Json<ConfirmRequest>,
) -> Result<NoContent, V1Problem> {
    let violation = |field: &str, message: &str| {
        Error::Invalid(vec![Violation { field: field.to_owned(), message: message.to_owned() }])
    };
    match (&request.token, &request.email, &request.code) {
        (Some(token), None, None) => core.confirm_email(token, &client).await?,
        (None, Some(email), Some(digits)) => {
            let email = Email::parse("email", email).map_err(|violation| Error::Invalid(vec![violation]))?;
            let attempt = CodeAttempt { email: &email, code: digits, otp: None };
            core.confirm_email_by_code(attempt, &client).await?;
        }
        (None, Some(_), None) => return Err(violation("code", "this field is required beside email").into()),
        (None, None, Some(_)) => return Err(violation("email", "this field is required beside code").into()),
        _ => return Err(violation("token", "either token is expected, or email and code").into()),
    }
    Ok(NoContent)
}
