//! `POST /v1/users/authenticate`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::identity::{Core, LiveSubscription, PasswordAttempt, Person, SignInStep, Tokens};
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
    /// The subscription in force; not told as long as the second factor is due.
    subscription: Option<SubscriptionAnswer>,
    /// Whether the token is good for nothing but to send the code of the second factor.
    mfa_required: bool,
}

/// A subscription, as an account is shown with it.
#[derive(Serialize, ToSchema)]
#[schema(as = PlatformSubscription)]
pub(super) struct SubscriptionAnswer {
    /// What the plan gives.
    #[schema(example = "premium")]
    plan: String,
    /// Its state: `trialing`, `active`, `past_due`.
    #[schema(example = "active")]
    status: &'static str,
}

impl From<LiveSubscription> for SubscriptionAnswer {
    fn from(subscription: LiveSubscription) -> Self {
        Self { plan: subscription.plan, status: subscription.state.told() }
    }
}

/// What somebody holds after the password.
struct Held {
    token: String,
    refresh_token: Option<String>,
    expires: String,
    subscription: Option<LiveSubscription>,
    mfa_required: bool,
}

impl AuthenticateAnswer {
    fn after(step: SignInStep, core: &Core) -> Self {
        match step {
            SignInStep::SignedIn(signed_in) => {
                let Tokens { access, refresh, expires_at, .. } = signed_in.tokens;
                let held = Held {
                    token: access,
                    refresh_token: Some(refresh),
                    expires: expires_at.rfc3339(),
                    subscription: core.live_subscription(&signed_in.person),
                    mfa_required: false,
                };
                Self::of(&signed_in.person, held)
            }
            SignInStep::SecondFactorDue { person, ticket, expires_at } => {
                let expires = expires_at.rfc3339();
                let (refresh_token, subscription) = (None, None);
                Self::of(&person, Held { token: ticket, refresh_token, expires, subscription, mfa_required: true })
            }
        }
    }

    fn of(person: &Person, held: Held) -> Self {
        let Held { token, refresh_token, expires, subscription, mfa_required } = held;
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
            subscription: subscription.map(Into::into),
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
    let step = core.begin_sign_in(attempt, &client).await?;
    Ok(Sensitive(AuthenticateAnswer::after(step, &core)))
}
