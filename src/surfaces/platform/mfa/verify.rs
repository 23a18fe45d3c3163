//! `POST /v1/auth/mfa/verify`.

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::identity::{Core, Finished, Remember, Tokens, TrustedDevice};
use crate::transport::{ClientOf, ProblemBody, Sensitive, V1Json, V1Problem, Verifier};

/// A code.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MfaVerificationRequest)]
pub(super) struct VerifyRequest {
    /// Six digits of the authenticator, or a backup code.
    #[schema(example = "123456")]
    code: String,
    /// Whether this device is not asked again for 30 days.
    remember_device: Option<bool>,
}

/// The code is right.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MfaVerificationResponse)]
pub(super) struct VerifyAnswer {
    /// `true`: a code that is not is a 401.
    is_valid: bool,
    /// What the device sends in `x-device-token` when it signs in; null unless it is to be remembered.
    device_token: Option<String>,
    /// Until when the device is trusted; null with it.
    #[schema(format = DateTime, example = "2026-01-31T00:00:00Z")]
    expires_at: Option<String>,
    /// The tokens, if this was the second step of a sign-in.
    #[serde(flatten)]
    tokens: Option<TokenPair>,
}

/// The tokens of a sign-in.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MfaTokenPair)]
pub(super) struct TokenPair {
    /// The access token.
    token: String,
    /// The same.
    access_token: String,
    /// The refresh token.
    refresh_token: String,
    /// From when on the access token is refused.
    #[schema(format = DateTime, example = "2026-01-01T00:30:00Z")]
    expires: String,
}

impl From<Tokens> for TokenPair {
    fn from(tokens: Tokens) -> Self {
        Self {
            access_token: tokens.access.clone(),
            token: tokens.access,
            refresh_token: tokens.refresh,
            expires: tokens.expires_at.rfc3339(),
        }
    }
}

impl VerifyAnswer {
    fn new(device: Option<TrustedDevice>, tokens: Option<Tokens>) -> Self {
        let (device_token, expires_at) = device.map(|device| (device.token, device.expires_at.rfc3339())).unzip();
        Self { is_valid: true, device_token, expires_at, tokens: tokens.map(TokenPair::from) }
    }
}

/// Verify a code of the second factor
///
/// With an access token: a first code puts the authenticator in force that was set up, and signs the other sessions of
/// the account out. With the token that a sign-in gives with `mfaRequired`, which is good here alone and for five
/// minutes: the sign-in is done, and the answer carries its tokens.
#[utoipa::path(
    post, path = "/v1/auth/mfa/verify", tag = "platform", operation_id = "mfa_verify",
    request_body = VerifyRequest,
    security(("access_token" = []), ("bearer" = [])),
    responses(
        (status = 200, description = "It is right, and used up", body = VerifyAnswer),
        (status = 400, description = "`invalid_json`, `invalid_request`, `ambiguous_credentials`", body = ProblemBody),
        (status = 401, description = "`invalid_code`, `not_authenticated`, `invalid_token`, `token_expired`, \
         `session_ended`", body = ProblemBody),
        (status = 403, description = "`person_required`, `account_disabled`, `email_not_verified`", body = ProblemBody),
        (status = 409, description = "`second_factor_not_set_up`", body = ProblemBody),
        (status = 413, description = "`body_too_large`", body = ProblemBody),
        (status = 415, description = "`unsupported_media_type`", body = ProblemBody),
        (status = 429, description = "`too_many_requests`", body = ProblemBody),
        (status = 503, description = "`database_unavailable`", body = ProblemBody),
    )
)]
pub(super) async fn verify(
    State(core): State<Arc<Core>>,
    ClientOf(client): ClientOf,
    verifier: Verifier,
    V1Json(request): V1Json<VerifyRequest>,
) -> Result<Sensitive<VerifyAnswer>, V1Problem> {
    let remember = if request.remember_device == Some(true) { Remember::Device } else { Remember::Nothing };
    let answer = match verifier {
        Verifier::Person(person) => {
            let device = core.verify_second_factor(&person, &request.code, remember, &client).await?;
            VerifyAnswer::new(device, None)
        }
        Verifier::Ticket(ticket) => {
            let finished = core.finish_sign_in(&ticket, &request.code, remember, &client).await?;
            let Finished { signed_in, device } = finished;
            VerifyAnswer::new(device, Some(signed_in.tokens))
        }
    };
    Ok(Sensitive(answer))
}
