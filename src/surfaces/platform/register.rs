//! `POST /v1/users/register`.

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::identity::{Core, Registration, SignedInPerson};
use crate::model::error::Error;
use crate::model::{Email, Password, Username};
use crate::transport::{ClientOf, Created, ProblemBody, Sensitive, V1Json, V1Problem, faults};

/// Who registers.
#[derive(Deserialize, ToSchema)]
#[schema(as = PlatformRegisterRequest)]
#[serde(rename_all = "camelCase")]
pub(super) struct RegisterRequest {
    /// The username: letters, digits, `_`, `.` and `-`, the first one a letter or a digit.
    #[schema(example = "newuser", min_length = 2, max_length = 64)]
    username: String,
    /// The e-mail address.
    #[schema(example = "newuser@example.com")]
    email: String,
    /// The password, 8 to 128 characters.
    #[schema(example = "correct horse battery")]
    password: String,
    /// Whether you want to be advertised to.
    #[schema(default = false)]
    marketing_opt_in: Option<bool>,
}

impl RegisterRequest {
    /// Checks all fields before it tells of any.
    fn into_registration(self) -> Result<Registration, Error> {
        let Self { username, email, password, marketing_opt_in } = self;
        let mut wrong = Vec::new();
        let names = [username.as_str(), email.as_str()];
        let password = faults(&mut wrong, Password::choose("password", &password, names));
        let username = faults(&mut wrong, Username::parse("username", &username));
        let email = faults(&mut wrong, Email::parse("email", &email));
        if wrong.is_empty() {
            Ok(Registration { username, email, password, marketing_opt_in, ..Registration::default() })
        } else {
            Err(Error::Invalid(wrong))
        }
    }
}

/// Who has registered, and is signed in.
#[derive(Serialize, ToSchema)]
#[schema(as = PlatformRegistration)]
#[serde(rename_all = "camelCase")]
pub(super) struct RegistrationAnswer {
    /// The account's id.
    user_id: String,
    /// The username.
    username: String,
    /// The e-mail address.
    email: Option<String>,
    /// The access token.
    token: String,
    /// The refresh token.
    refresh_token: String,
    /// From when on the access token is refused.
    #[schema(format = DateTime, example = "2026-01-01T00:30:00Z")]
    expires_at: String,
    /// What was done, for people.
    #[schema(example = "Registration successful")]
    message: &'static str,
}

impl From<SignedInPerson> for RegistrationAnswer {
    fn from(signed_in: SignedInPerson) -> Self {
        let SignedInPerson { person, tokens } = signed_in;
        Self {
            user_id: person.id().to_string(),
            username: person.full_name(),
            email: person.email().map(str::to_owned),
            token: tokens.access,
            refresh_token: tokens.refresh,
            expires_at: tokens.expires_at.rfc3339(),
            message: "Registration successful",
        }
    }
}

/// Register
///
/// Signs in as well, and mails a code and a link that verify the e-mail address.
#[utoipa::path(
    post, path = "/v1/users/register", tag = "platform", operation_id = "platform_register",
    request_body = RegisterRequest,
    responses(
        (status = 201, description = "Who has registered, and the tokens", body = RegistrationAnswer),
        (status = 400, description = "`invalid_json`, `invalid_request`, `identity_already_used`", body = ProblemBody),
        (status = 403, description = "`email_not_verified`: it is registered, and signs in once that is done",
         body = ProblemBody),
        (status = 413, description = "`body_too_large`", body = ProblemBody),
        (status = 415, description = "`unsupported_media_type`", body = ProblemBody),
        (status = 429, description = "`too_many_requests`", body = ProblemBody),
        (status = 503, description = "`database_unavailable`, `too_busy`", body = ProblemBody),
    )
)]
pub(super) async fn register(
    State(core): State<Arc<Core>>,
    ClientOf(client): ClientOf,
    V1Json(request): V1Json<RegisterRequest>,
) -> Result<Created<Sensitive<RegistrationAnswer>>, V1Problem> {
    let signed_in = core.register_person(request.into_registration()?, &client).await?;
    Ok(Created(Sensitive(signed_in.into())))
}
