//! `POST /users/authenticate`: a signature for a token.

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::identity::{BareProof, Core, SignedIn};
use crate::model::Address;
use crate::transport::{ClientOf, Json, Problem, ProblemBody, Sensitive};

/// A signed nonce.
#[derive(Deserialize, ToSchema)]
pub(super) struct AuthenticateRequest {
    /// The wallet that signed.
    #[schema(example = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8")]
    address: String,
    /// The signature of the nonce by `personal_sign` (EIP-191): 65 bytes as hex, or 64 in the compact form of EIP-2098.
    signature: String,
    /// The nonce that was signed. Needed for one of `GET /users/nonce`.
    nonce: Option<String>,
}

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

/// Sign in with a signed nonce
#[utoipa::path(
    post, path = "/users/authenticate", tag = "wallet", operation_id = "authenticate",
    request_body = AuthenticateRequest,
    responses(
        (status = 200, description = "Signed in", body = Authenticated),
        (status = 400, description = "`invalid_address`, `invalid_json`", body = ProblemBody),
        (status = 401, description = "`invalid_signature`, `nonce_expired`, `nonce_used`, `nonce_unknown`",
         body = ProblemBody),
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
    Json(request): Json<AuthenticateRequest>,
) -> Result<Sensitive<Authenticated>, Problem> {
    let proof = BareProof {
        address: Address::parse(&request.address)?,
        signature: &request.signature,
        nonce: request.nonce.as_deref(),
    };
    let signed_in = core.sign_in(proof, &client).await?;
    Ok(Sensitive(signed_in.into()))
}
