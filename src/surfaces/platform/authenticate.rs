//! `POST /v1/users/authenticate`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::identity::{Core, PasswordAttempt, Person, SignInStep, Tokens};
use crate::transport::{ClientOf, ProblemBody, Sensitive, V1Json, V1Problem, device_token};

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
    /// The refresh token; there is none as long as the second factor is due.
    refresh_token: Option<String>,
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

/// What somebody holds after the password.
struct Held {
    token: String,
    refresh_token: Option<String>,
    expires: String,
    mfa_required: bool,
}

impl From<SignInStep> for AuthenticateAnswer {
    fn from(step: SignInStep) -> Self {
        match step {
            SignInStep::SignedIn(signed_in) => {
                let Tokens { access, refresh, expires_at, .. } = signed_in.tokens;
                let expires = expires_at.rfc3339();
                let held = Held { token: access, refresh_token: Some(refresh), expires, mfa_required: false };
                Self::of(&signed_in.person, held)
            }
            SignInStep::SecondFactorDue { person, ticket, expires_at } => {
                let expires = expires_at.rfc3339();
                Self::of(&person, Held { token: ticket, refresh_token: None, expires, mfa_required: true })
            }
        }
    }
}

impl AuthenticateAnswer {
    fn of(person: &Person, held: Held) -> Self {
        let Held { token, refresh_token, expires, mfa_required } = held;
        Self {
            user_id: person.id().to_string(),
            username: person.full_name(),
            email: person.email().map(str::to_owned),
            access_token: token.clone(),
            token,
            refresh_token,
            expires_at: expires.clone(),
            expires,
            roles: person.role().names().into_iter().map(str::to_ascii_lowercase).collect(),
            subscription: None,
            mfa_required,
        }
    }
}

/// Sign in by password
///
/// An account with a second factor gets a token that is good for `POST /v1/auth/mfa/verify` alone, and `mfaRequired: true`;
/// a device that it trusts is not asked.
#[utoipa::path(
    post, path = "/v1/users/authenticate", tag = "platform", operation_id = "platform_authenticate",
    params(("x-device-token" = Option<String>, Header, description = "The token of a device that the account trusts")),
    request_body = AuthenticateRequest,
    responses(
        (status = 200, description = "Who signed in, and the tokens", body = AuthenticateAnswer),
        (status = 400, description = "`invalid_json`, `invalid_request`, `ambiguous_credentials`", body = ProblemBody),
        (status = 401, description = "`invalid_credentials`", body = ProblemBody),
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
    headers: HeaderMap,
    V1Json(request): V1Json<AuthenticateRequest>,
) -> Result<Sensitive<AuthenticateAnswer>, V1Problem> {
    let device = device_token(&headers)?;
    let attempt = PasswordAttempt { name: &request.username, password: &request.password, otp: None, device };
    Ok(Sensitive(core.begin_sign_in(attempt, &client).await?.into()))
}
