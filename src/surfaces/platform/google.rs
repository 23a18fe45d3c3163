//! `GET /v1/auth/google/start` and `POST /v1/auth/google`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::identity::{Arrived, Core, GoogleAttempt, GoogleStart, Person, SignInStep};
use crate::model::error::{Error, Violation};
use crate::transport::{ClientOf, ProblemBody, Query, Sensitive, V1Json, V1Problem, device_token};

/// The most bytes of a code: no provider's is longer, and it goes on to the provider.
const LONGEST_CODE: usize = 4096;

/// Where to send somebody.
#[derive(Serialize, ToSchema)]
#[schema(as = PlatformGoogleStart)]
#[serde(rename_all = "camelCase")]
pub(super) struct StartAnswer {
    /// The provider's page, to be opened in the browser.
    authorization_url: String,
    /// What comes back with the code. Keep it in the tab's session storage, refuse to go on if another one comes back, and
    /// post it with the code.
    state: String,
}

impl From<GoogleStart> for StartAnswer {
    fn from(start: GoogleStart) -> Self {
        Self { authorization_url: start.authorization_url, state: start.state }
    }
}

/// Begin a sign-in by Google
///
/// The sign-in is good for ten minutes, and once.
#[utoipa::path(
    get, path = "/v1/auth/google/start", tag = "platform", operation_id = "google_start",
    params(("redirectUri" = Option<String>, Query,
            description = "The page that the provider sends the person back to, one of `google.redirect_uris`; else the first")),
    responses(
        (status = 200, description = "Where to send the person", body = StartAnswer),
        (status = 400, description = "`invalid_request`", body = ProblemBody),
        (status = 429, description = "`too_many_requests`", body = ProblemBody),
        (status = 501, description = "`google_not_configured`", body = ProblemBody),
        (status = 502, description = "`provider_unavailable`", body = ProblemBody),
    )
)]
pub(super) async fn start(
    State(core): State<Arc<Core>>,
    ClientOf(client): ClientOf,
    uri: Uri,
) -> Result<Sensitive<StartAnswer>, V1Problem> {
    let query = Query::of(&uri);
    query.only(&["redirectUri"])?;
    let redirect_uri = query.one("redirectUri", "a page is expected", |text| Some(text.to_owned()));
    let redirect_uri = redirect_uri.map_err(|violation| Error::Invalid(vec![violation]))?;
    Ok(Sensitive(core.start_google(redirect_uri.as_deref(), &client).await?.into()))
}

/// Who comes back from the provider.
#[derive(Deserialize, ToSchema)]
#[schema(as = PlatformGoogleRequest)]
#[serde(rename_all = "camelCase")]
pub(super) struct SignInRequest {
    /// The code.
    #[schema(example = "google-oauth-authorization-code", min_length = 1, max_length = 4096)]
    code: String,
    /// The `state` that came back with it, for a sign-in that began at `/v1/auth/google/start`.
    state: Option<String>,
    /// The page that it came back to, for a sign-in that began elsewhere; the first of `google.redirect_uris` if it is
    /// left out.
    redirect_uri: Option<String>,
    /// Whether you want to be advertised to; counts with a first sign-in.
    marketing_opt_in_state: Option<bool>,
}

impl SignInRequest {
    fn attempt<'a>(&'a self, device: Option<&'a str>) -> Result<GoogleAttempt<'a>, Error> {
        let Self { code, state, redirect_uri, marketing_opt_in_state } = self;
        if code.is_empty() || code.len() > LONGEST_CODE {
            let message = "1 to 4096 bytes are expected".to_owned();
            return Err(Error::Invalid(vec![Violation { field: "code".to_owned(), message }]));
        }
        Ok(GoogleAttempt {
            code,
            state: state.as_deref(),
            redirect_uri: redirect_uri.as_deref(),
            marketing_opt_in: *marketing_opt_in_state,
            device,
        })
    }
}

/// Who signed in, and the tokens.
#[derive(Serialize, ToSchema)]
#[schema(as = PlatformGoogleAnswer)]
#[serde(rename_all = "camelCase")]
pub(super) struct SignInAnswer {
    /// The account's id.
    user_id: String,
    /// The username, else the e-mail address.
    username: String,
    /// The e-mail address.
    email: Option<String>,
    /// The access token.
    token: String,
    /// The refresh token; there is none as long as the second factor is due.
    refresh_token: Option<String>,
    /// From when on the access token is refused.
    #[schema(format = DateTime, example = "2026-01-01T00:30:00Z")]
    expires_at: String,
    /// What was done, for people.
    #[schema(example = "Registration successful")]
    message: &'static str,
    /// Whether the token is good for nothing but to send the code of the second factor.
    mfa_required: bool,
}

/// What somebody holds who comes back from the provider.
struct Held {
    token: String,
    refresh_token: Option<String>,
    expires_at: String,
    message: &'static str,
}

impl From<(SignInStep, Arrived)> for SignInAnswer {
    fn from((step, arrived): (SignInStep, Arrived)) -> Self {
        match step {
            SignInStep::SignedIn(signed_in) => {
                let tokens = signed_in.tokens;
                let message = match arrived {
                    Arrived::New => "Registration successful",
                    Arrived::Known => "Sign-in successful",
                };
                let (token, refresh_token) = (tokens.access, Some(tokens.refresh));
                let expires_at = tokens.expires_at.rfc3339();
                Self::of(&signed_in.person, Held { token, refresh_token, expires_at, message })
            }
            SignInStep::SecondFactorDue { person, ticket, expires_at } => {
                let (expires_at, message) = (expires_at.rfc3339(), "Code required");
                Self::of(&person, Held { token: ticket, refresh_token: None, expires_at, message })
            }
        }
    }
}

impl SignInAnswer {
    fn of(person: &Person, held: Held) -> Self {
        let Held { token, refresh_token, expires_at, message } = held;
        Self {
            user_id: person.id().to_string(),
            username: person.full_name(),
            email: person.email().map(str::to_owned),
            token,
            mfa_required: refresh_token.is_none(),
            refresh_token,
            expires_at,
            message,
        }
    }
}

/// Sign in by Google
///
/// The first time it makes the account, or links the person to the one of the same e-mail address, if both we and the
/// provider have verified that. An account with a second factor gets a token that is good for `POST /v1/auth/mfa/verify`
/// alone, and `mfaRequired: true`; a device that it trusts is not asked.
#[utoipa::path(
    post, path = "/v1/auth/google", tag = "platform", operation_id = "google_sign_in",
    params(("x-device-token" = Option<String>, Header, description = "The token of a device that the account trusts")),
    request_body = SignInRequest,
    responses(
        (status = 200, description = "Who signed in, and the tokens", body = SignInAnswer),
        (status = 400, description = "`invalid_json`, `invalid_request`, `ambiguous_credentials`", body = ProblemBody),
        (status = 401, description = "`invalid_state`, `state_expired`, `state_used`, `invalid_grant`, `invalid_id_token`",
         body = ProblemBody),
        (status = 403, description = "`account_disabled`, `email_not_verified`", body = ProblemBody),
        (status = 409, description = "`identity_already_used`: the e-mail address is that of an account, and one of the two \
         sides has not verified it", body = ProblemBody),
        (status = 413, description = "`body_too_large`", body = ProblemBody),
        (status = 415, description = "`unsupported_media_type`", body = ProblemBody),
        (status = 429, description = "`too_many_requests`", body = ProblemBody),
        (status = 501, description = "`google_not_configured`", body = ProblemBody),
        (status = 502, description = "`provider_unavailable`", body = ProblemBody),
        (status = 503, description = "`database_unavailable`", body = ProblemBody),
    )
)]
pub(super) async fn sign_in(
    State(core): State<Arc<Core>>,
    ClientOf(client): ClientOf,
    headers: HeaderMap,
    V1Json(request): V1Json<SignInRequest>,
) -> Result<Sensitive<SignInAnswer>, V1Problem> {
    let attempt = request.attempt(device_token(&headers)?)?;
    Ok(Sensitive(core.sign_in_with_google(attempt, &client).await.map_err(refuse)?.into()))
}

/// Its document knows no taken name here, so that is the conflict that it is everywhere else.
fn refuse(error: Error) -> V1Problem {
    match error {
        Error::Conflict(_) => V1Problem::as_elsewhere(error),
        other => V1Problem::from(other),
    }
}
