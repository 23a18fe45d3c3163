//! `GET` and `PUT /api/users/profile`.

use std::sync::Arc;

use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::caller::Known;
use super::user::User;
use crate::identity::{Core, NamesChange};
use crate::model::error::Error;
use crate::model::{Email, Password, Username};
use crate::secret::SecretText;
use crate::transport::{ClientOf, Json, Problem, ProblemBody, Sensitive, faults};

/// What to change; what is left out stays as it is.
#[derive(Deserialize, ToSchema)]
#[schema(as = ExchangeProfileRequest)]
pub(super) struct ProfileRequest {
    /// The new username.
    #[schema(min_length = 2, max_length = 64)]
    username: Option<String>,
    /// The new e-mail address, which is not verified. It needs `current_password`, or a sign-in of the last ten minutes.
    #[schema(example = "newemail@example.com")]
    email: Option<String>,
    /// A new password. It needs `current_password`, or, if there was none, a sign-in of the last ten minutes.
    password: Option<String>,
    /// The password in force.
    current_password: Option<String>,
    /// A code of the second factor. An account that has one needs it for a new e-mail address or password, unless it signed
    /// in with one in the last ten minutes.
    #[schema(example = "123456")]
    otp: Option<String>,
}

impl ProfileRequest {
    fn into_change(self, own: [Option<&str>; 2]) -> Result<NamesChange, Error> {
        let mut wrong = Vec::new();
        let Self { username, email, password, current_password, otp } = self;
        let names: Vec<&str> = own.into_iter().chain([username.as_deref(), email.as_deref()]).flatten().collect();
        let choose = |text: &String| Password::choose("password", text, names.iter().copied());
        let password = password.as_ref().and_then(|text| faults(&mut wrong, choose(text)));
        let username = username.as_ref().and_then(|text| faults(&mut wrong, Username::parse("username", text)));
        let email = email.as_ref().and_then(|text| faults(&mut wrong, Email::parse("email", text)));
        if wrong.is_empty() {
            let current_password = current_password.map(SecretText::new);
            Ok(NamesChange { username, email, password, current_password, otp })
        } else {
            Err(Error::Invalid(wrong))
        }
    }
}

/// Read your profile
#[utoipa::path(
    get, path = "/api/users/profile", tag = "exchange", operation_id = "exchange_profile",
    security(("session_token" = []), ("access_token" = []), ("bearer" = []), ("api_key" = [])),
    responses(
        (status = 200, description = "You", body = User),
        (status = 400, description = "`ambiguous_credentials`", body = ProblemBody),
        (status = 401, description = "`not_authenticated`, `invalid_token`, `token_expired`, `session_ended`, \
         `invalid_api_key`", body = ProblemBody),
        (status = 403, description = "`account_disabled`", body = ProblemBody),
        (status = 503, description = "`database_unavailable`", body = ProblemBody),
    )
)]
pub(super) async fn read(State(core): State<Arc<Core>>, Known(caller): Known) -> Result<Sensitive<User>, Problem> {
    Ok(Sensitive(User::whole(&core.own_person(&caller).await?)))
}

/// Change your profile
///
/// A new e-mail address or password ends all your other sessions.
#[utoipa::path(
    put, path = "/api/users/profile", tag = "exchange", operation_id = "change_exchange_profile",
    request_body = ProfileRequest,
    security(("session_token" = []), ("access_token" = []), ("bearer" = []), ("api_key" = [])),
    responses(
        (status = 200, description = "You, as you are now", body = User),
        (status = 400, description = "`invalid_json`, `ambiguous_credentials`", body = ProblemBody),
        (status = 401, description = "`not_authenticated`, `invalid_token`, `token_expired`, `session_ended`, \
         `invalid_api_key`, `invalid_credentials`, `mfa_required`, `invalid_code`", body = ProblemBody),
        (status = 403, description = "`fresh_sign_in_required`, `current_password_required`, `person_required`, \
         `account_disabled`", body = ProblemBody),
        (status = 409, description = "`identity_already_used`", body = ProblemBody),
        (status = 413, description = "`body_too_large`", body = ProblemBody),
        (status = 415, description = "`unsupported_media_type`", body = ProblemBody),
        (status = 422, description = "`invalid_request`", body = ProblemBody),
        (status = 503, description = "`database_unavailable`, `too_busy`", body = ProblemBody),
    )
)]
pub(super) async fn change(
    State(core): State<Arc<Core>>,
    ClientOf(client): ClientOf,
    Known(caller): Known,
    Json(request): Json<ProfileRequest>,
) -> Result<Sensitive<User>, Problem> {
    let account = caller.account();
    let change = request.into_change([account.username.as_deref(), account.email.as_deref()])?;
    Ok(Sensitive(User::whole(&core.change_names(&caller, change, &client).await?)))
}
