//! `POST /v1/users/authenticate`.

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::answers::TokensAnswer;
use crate::identity::{Core, PasswordAttempt, SignedInPerson};
use crate::transport::{ClientOf, ProblemBody, Sensitive, V1Json, V1Problem};

/// Who signs in.
#[derive(Deserialize, ToSchema)]
#[schema(as = PlatformAuthenticateRequest)]
pub(super) struct AuthenticateRequest {
    /// The username or e-mail address.
    #[schema(example = "user@example.com")]
    username: String,
    /// The password.
    #[schema(example = "correct horse battery")]
    password: String,
}

/// Who signed in, and the tokens.
#[derive(Serialize, ToSchema)]
#[schema(as = PlatformAuthenticateAnswer)]
#[serde(rename_all = "camelCase")]
pub(super) struct AuthenticateAnswer {
    /// The account's id.
    user_id: String,
    /// The username, else the e-mail address.
    username: String,
    /// The e-mail address.
    email: Option<String>,
    /// The access token.
    token: String,
    /// The access token.
    access_token: String,
    /// The refresh token.
    refresh_token: String,
    /// From when on the access token is refused.
    #[schema(format = DateTime, example = "2026-01-01T00:30:00Z")]
    expires: String,
    /// From when on the access token is refused.
    #[schema(format = DateTime, example = "2026-01-01T00:30:00Z")]
    expires_at: String,
    /// What the account may do: `user`, `admin`.
    #[schema(example = json!(["user"]))]
    roles: Vec<String>,
    /// The subscription in force.
    subscription: Option<SubscriptionAnswer>,
    /// Whether the token is good for nothing but to send the code of the second factor.
    mfa_required: bool,
}

/// A subscription, as an account is shown with it.
#[derive(Serialize, ToSchema)]
#[schema(as = PlatformSubscription)]
pub(super) struct SubscriptionAnswer {
    /// The plan.
    plan: String,
    /// Its state.
    status: String,
}

impl From<SignedInPerson> for AuthenticateAnswer {
    fn from(signed_in: SignedInPerson) -> Self {
        let SignedInPerson { person, tokens } = signed_in;
        let TokensAnswer { token, access_token, refresh_token, expires, expires_at } = tokens.into();
        Self {
            user_id: person.id().to_string(),
            username: person.full_name(),
            email: person.email().map(str::to_owned),
            token,
            access_token,
            refresh_token,
            expires,
            expires_at,
            roles: person.role().names().into_iter().map(str::to_ascii_lowercase).collect(),
            subscription: None,
            mfa_required: false,
        }
    }
}

/// Sign in by password
#[utoipa::path(
    post, path = "/v1/users/authenticate", tag = "platform", operation_id = "platform_authenticate",
    request_body = AuthenticateRequest,
    responses(
        (status = 200, description = "Who signed in, and the tokens", body = AuthenticateAnswer),
        (status = 400, description = "`invalid_json`, `invalid_request`", body = ProblemBody),
        (status = 401, description = "`invalid_credentials`, `mfa_required`", body = ProblemBody),
        (status = 403, description = "`account_disabled`, `email_not_verified`", body = ProblemBody),
        (status = 413, description = "`body_too_large`", body = ProblemBody),
        (status = 415, description = "`unsupported_media_type`", body = ProblemBody),
        (status = 429, description = "`too_many_requests`", body = ProblemBody),
        (status = 503, description = "`database_unavailable`, `too_busy`", body = ProblemBody),
    )
)]
pub(super) async fn authenticate(
    State(core): State<Arc<Core>>,
    ClientOf(client): ClientOf,
    V1Json(request): V1Json<AuthenticateRequest>,
) -> Result<Sensitive<AuthenticateAnswer>, V1Problem> {
    let attempt = PasswordAttempt { name: &request.username, password: &request.password, otp: None };
    Ok(Sensitive(core.sign_in_person(attempt, &client).await?.into()))
}
