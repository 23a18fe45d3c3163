//! `POST /api/users/register`.

use std::fmt;
use std::sync::Arc;

use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::user::User;
use crate::identity::{Core, Registration};
use crate::model::error::Error;
use crate::model::{Email, Password, Username};
use crate::transport::{ClientOf, Created, Json, Problem, ProblemBody, Sensitive, faults};

/// Who registers.
#[derive(Deserialize, ToSchema)]
#[schema(as = ExchangeRegisterRequest)]
pub(super) struct RegisterRequest {
    /// The username: 2 to 64 letters, digits, `_`, `.` and `-`.
    #[schema(example = "trader1", min_length = 2, max_length = 64)]
    username: String,
    /// The e-mail address.
    #[schema(example = "trader@example.com")]
    email: Option<String>,
    /// The password, 8 to 128 characters; without one nobody signs in by password.
    #[schema(example = "correct horse battery")]
    password: Option<String>,
}

impl fmt::Debug for RegisterRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RegisterRequest(…)")
    }
}

impl RegisterRequest {
    /// Checks all fields before it tells of any.
    fn into_registration(self) -> Result<Registration, Error> {
        let mut wrong = Vec::new();
        let username = faults(&mut wrong, Username::parse("username", &self.username));
        let email = self.email.as_ref().and_then(|text| faults(&mut wrong, Email::parse("email", text)));
        let names = [Some(&self.username), self.email.as_ref()];
        let names = || names.into_iter().flatten().map(String::as_str);
        let password =
            self.password.as_ref().and_then(|text| faults(&mut wrong, Password::choose("password", text, names())));
        if wrong.is_empty() {
            Ok(Registration { username, email, password, ..Registration::default() })
        } else {
            Err(Error::Invalid(wrong))
        }
    }
}

/// Register
#[utoipa::path(
    post, path = "/api/users/register", tag = "exchange", operation_id = "exchange_register",
    request_body = RegisterRequest,
    responses(
        (status = 201, description = "The new user", body = User),
        (status = 400, description = "`invalid_json`", body = ProblemBody),
        (status = 409, description = "`identity_already_used`", body = ProblemBody),
        (status = 413, description = "`body_too_large`", body = ProblemBody),
        (status = 415, description = "`unsupported_media_type`", body = ProblemBody),
        (status = 422, description = "`invalid_request`", body = ProblemBody),
        (status = 429, description = "`too_many_requests`", body = ProblemBody),
        (status = 503, description = "`database_unavailable`, `too_busy`", body = ProblemBody),
    )
)]
pub(super) async fn register(
    State(core): State<Arc<Core>>,
    ClientOf(client): ClientOf,
    Json(request): Json<RegisterRequest>,
) -> Result<Created<Sensitive<User>>, Problem> {
    let person = core.register(request.into_registration()?, &client).await?;
    Ok(Created(Sensitive(User::whole(&person))))
}
