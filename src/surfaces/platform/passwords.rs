//! `POST /v1/users/reset-password`, `PUT /v1/users/update-password` and `PUT /v1/users/passwords`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use serde::Deserialize;
use utoipa::ToSchema;

use super::answers::Nothing;
use crate::identity::{Core, NamesChange, PersonPresent};
use crate::model::error::Error;
use crate::model::{Email, Password};
use crate::secret::SecretText;
use crate::transport::{ClientOf, NoContent, ProblemBody, Sensitive, V1Json, V1Problem, otp};

/// Whose password is forgotten.
#[derive(Deserialize, ToSchema)]
#[schema(as = PlatformResetPasswordRequest)]
pub(super) struct ResetRequest {
    /// The e-mail address.
    #[schema(example = "user@example.com")]
    email: String,
}

/// Ask for a link to a new password
///
/// The answer is the same, and takes the same time, whether or not there is such an account.
#[utoipa::path(
    post, path = "/v1/users/reset-password", tag = "platform", operation_id = "platform_reset_password",
    request_body = ResetRequest,
    responses(
        (status = 204, description = "If there is such an account, a mail is on its way"),
        (status = 400, description = "`invalid_json`, `invalid_request`", body = ProblemBody),
        (status = 413, description = "`body_too_large`", body = ProblemBody),
        (status = 415, description = "`unsupported_media_type`", body = ProblemBody),
        (status = 429, description = "`too_many_requests`", body = ProblemBody),
        (status = 503, description = "`database_unavailable`", body = ProblemBody),
    )
)]
pub(super) async fn request_reset(
    State(core): State<Arc<Core>>,
    ClientOf(client): ClientOf,
    V1Json(request): V1Json<ResetRequest>,
) -> Result<NoContent, V1Problem> {
    let email = Email::parse("email", &request.email).map_err(|violation| Error::Invalid(vec![violation]))?;
    core.request_reset(&email, &client).await?;
    Ok(NoContent)
}

/// A new password, by the token of a mail.
#[derive(Deserialize, ToSchema)]
#[schema(as = PlatformUpdatePasswordRequest)]
pub(super) struct UpdateRequest {
    /// The token of the mail.
    token: String,
    /// The new password, 8 to 128 characters.
    #[schema(example = "correct horse battery")]
    password: String,
}

/// Set a new password
///
/// By the token of the mail, which is good once and for 30 minutes. Ends all sessions and the API key, and signs nobody in.
#[utoipa::path(
    put, path = "/v1/users/update-password", tag = "platform", operation_id = "platform_update_password",
    request_body = UpdateRequest,
    responses(
        (status = 204, description = "It is set"),
        (status = 400, description = "`invalid_json`, `invalid_request`, `invalid_link`", body = ProblemBody),
        (status = 413, description = "`body_too_large`", body = ProblemBody),
        (status = 415, description = "`unsupported_media_type`", body = ProblemBody),
        (status = 429, description = "`too_many_requests`", body = ProblemBody),
        (status = 503, description = "`database_unavailable`, `too_busy`", body = ProblemBody),
    )
)]
pub(super) async fn reset(
    State(core): State<Arc<Core>>,
    ClientOf(client): ClientOf,
    V1Json(request): V1Json<UpdateRequest>,
) -> Result<NoContent, V1Problem> {
    const FIELD: &str = "password";
    let password = Password::choose(FIELD, &request.password, []);
    let password = password.map_err(|violation| Error::Invalid(vec![violation]))?;
    let recovered = core.recover(&request.token, password, &client).await;
    // The use case knows whose password it is, and this door what the field is called.
    recovered.map_err(|error| error.named(FIELD))?;
    Ok(NoContent)
}

/// Another password.
#[derive(Deserialize, ToSchema)]
#[schema(as = PlatformPasswordsRequest)]
#[serde(rename_all = "camelCase")]
pub(super) struct ChangeRequest {
    /// The password in force.
    current_password: String,
    /// The new password, 8 to 128 characters.
    #[schema(example = "correct horse battery")]
    new_password: String,
    /// A code of the second factor, for an account that has one. It may come in `X-OTP` as well.
    #[schema(example = "123456")]
    code: Option<String>,
}

/// Change your password
///
/// Ends all of your sessions but this one. An account with a second factor shows a code, unless it signed in with one in the
/// last ten minutes.
#[utoipa::path(
    put, path = "/v1/users/passwords", tag = "platform", operation_id = "platform_change_password",
    params(("X-OTP" = Option<String>, Header, description = "A code, for an account that has a second factor")),
    request_body = ChangeRequest,
    security(("access_token" = []), ("bearer" = [])),
    responses(
        (status = 200, description = "It is changed", body = Nothing),
        (status = 400, description = "`invalid_json`, `invalid_request`, `ambiguous_credentials`", body = ProblemBody),
        (status = 401, description = "`not_authenticated`, `invalid_token`, `token_expired`, `session_ended`, \
         `invalid_credentials`, `mfa_required`, `invalid_code`", body = ProblemBody),
        (status = 403, description = "`person_required`, `account_disabled`", body = ProblemBody),
        (status = 413, description = "`body_too_large`", body = ProblemBody),
        (status = 415, description = "`unsupported_media_type`", body = ProblemBody),
        (status = 503, description = "`database_unavailable`, `too_busy`", body = ProblemBody),
    )
)]
pub(super) async fn change(
    State(core): State<Arc<Core>>,
    ClientOf(client): ClientOf,
    person: PersonPresent,
    headers: HeaderMap,
    V1Json(request): V1Json<ChangeRequest>,
) -> Result<Sensitive<Nothing>, V1Problem> {
    const FIELD: &str = "newPassword";
    let account = person.account();
    let names = [account.username.as_deref(), account.email.as_deref()].into_iter().flatten();
    let password = Password::choose(FIELD, &request.new_password, names);
    let password = password.map_err(|violation| Error::Invalid(vec![violation]))?;
    let current_password = Some(SecretText::new(request.current_password));
    let otp = otp(&headers)?.map(str::to_owned).or(request.code);
    let change = NamesChange { password: Some(password), current_password, otp, ..NamesChange::default() };
    core.change_names(&person, change, &client).await.map_err(|error| error.named(FIELD))?;
    Ok(Sensitive(Nothing {}))
}
