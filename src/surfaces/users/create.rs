//! `POST /v1/users`.

use std::sync::Arc;

use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::user::User;
use crate::identity::{Core, Registration};
use crate::model::error::{Error, Violation};
use crate::model::profile::ProfileText;
use crate::model::{Email, Password};
use crate::transport::{ClientOf, Created, ProblemBody, Sensitive, V1Json, V1Problem};

/// Who registers.
#[derive(Deserialize, ToSchema)]
#[schema(as = UsersCreateRequest)]
#[serde(rename_all = "camelCase")]
pub(super) struct CreateRequest {
    /// The display name, 1 to 255 characters; others may have the same.
    #[schema(example = "Bob Smith", min_length = 1, max_length = 255)]
    name: String,
    /// The e-mail address, by which the user signs in.
    #[schema(example = "bob@example.com")]
    email: String,
    /// The password, 8 to 128 characters.
    #[schema(example = "correct horse battery")]
    password: String,
    /// The password again.
    #[schema(example = "correct horse battery")]
    password_confirm: String,
}

impl CreateRequest {
    /// Checks all fields before it tells of any.
    fn into_registration(self) -> Result<Registration, Error> {
        let mut wrong = Vec::new();
        let violation = |field: &str, message: &str| Violation { field: field.to_owned(), message: message.to_owned() };
        if self.name.trim().is_empty() {
            wrong.push(violation("name", "it must not be empty"));
        }
        if self.password != self.password_confirm {
            wrong.push(violation("passwordConfirm", "it has to be equal to password"));
        }
        let password = Password::choose("password", &self.password, [self.email.as_str()]);
        let email = Email::parse("email", &self.email);
        let name = ProfileText::parse("name", self.name);
        match (name, email, password) {
            (Ok(name), Ok(email), Ok(password)) if wrong.is_empty() => {
                Ok(Registration { name, email: Some(email), password: Some(password), ..Registration::default() })
            }
            (name, email, password) => {
                wrong.extend(name.err().into_iter().chain(email.err()).chain(password.err()));
                Err(Error::Invalid(wrong))
            }
        }
    }
}

/// Register
#[utoipa::path(
    post, path = "/v1/users", tag = "users", operation_id = "create_user",
    request_body = CreateRequest,
    responses(
        (status = 201, description = "The new user", body = User),
        (status = 400, description = "`invalid_json`, `invalid_request`, `identity_already_used`", body = ProblemBody),
        (status = 413, description = "`body_too_large`", body = ProblemBody),
        (status = 415, description = "`unsupported_media_type`", body = ProblemBody),
        (status = 429, description = "`too_many_requests`", body = ProblemBody),
        (status = 503, description = "`database_unavailable`, `too_busy`", body = ProblemBody),
    )
)]
pub(super) async fn create(
    State(core): State<Arc<Core>>,
    ClientOf(client): ClientOf,
    V1Json(request): V1Json<CreateRequest>,
) -> Result<Created<Sensitive<User>>, V1Problem> {
    let person = core.register(request.into_registration()?, &client).await?;
    Ok(Created(Sensitive(User::from(&person))))
}
