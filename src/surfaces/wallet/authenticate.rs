//! `POST /users/authenticate`: a signature for a session.

use std::sync::Arc;

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::proof::ProofRequest;
use crate::identity::{Core, SignedIn};
use crate::transport::{ClientOf, Json, Problem, ProblemBody, Sensitive};

/// A session.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Authenticated {
    /// The wallet that signed in, in EIP-55 form.
    address: String,
    /// The access token: a JWT, for `x-auth-token` or `Authorization: Bearer`.
    token: String,
    /// From when on the access token is refused.
    #[schema(format = DateTime, example = "2026-01-01T00:30:00Z")]
    expires_at: String,
    /// What `POST /users/refresh` takes. Each is used once.
    refresh_token: String,
    /// The e-mail address of the account, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
}

impl From<SignedIn> for Authenticated {
    fn from(signed_in: SignedIn) -> Self {
        Self {
            address: signed_in.address.checksummed(),
            token: signed_in.tokens.access,
            expires_at: signed_in.tokens.expires_at.rfc3339(),
            refresh_token: signed_in.tokens.refresh,
            email: signed_in.email,
        }
    }
}

/// Sign in with a signed message or nonce
#[utoipa::path(
    post, path = "/users/authenticate", tag = "wallet", operation_id = "authenticate",
    request_body = ProofRequest,
    responses(
        (status = 200, description = "Signed in", body = Authenticated),
        (status = 400, description = "`invalid_message`, `message_version_not_supported`, `invalid_address`, \
         `invalid_json`", body = ProblemBody),
        (status = 401, description = "`domain_not_allowed`, `uri_not_allowed`, `chain_not_configured`, \
         `nonce_unknown`, `nonce_expired`, `nonce_used`, `issued_in_future`, `issued_too_long_ago`, `message_expired`, \
         `message_never_valid`, `message_not_yet_valid`, `invalid_signature`, `contract_wallet_not_supported`, \
         `bare_nonce_disabled`", body = ProblemBody),
        (status = 403, description = "`account_disabled`", body = ProblemBody),
        (status = 413, description = "`body_too_large`", body = ProblemBody),
        (status = 415, description = "`unsupported_media_type`", body = ProblemBody),
        (status = 422, description = "`invalid_request`", body = ProblemBody),
        (status = 429, description = "`too_many_requests`", body = ProblemBody),
        (status = 503, description = "`database_unavailable`", body = ProblemBody),
    )
)]
pub(super) async fn authenticate(
    State(core): State<Arc<Core>>,
    ClientOf(client): ClientOf,
    Json(request): Json<ProofRequest>,
) -> Result<Sensitive<Authenticated>, Problem> {
    let signed_in = core.sign_in(request.proof()?, &client).await?;
    Ok(Sensitive(signed_in.into()))
}
