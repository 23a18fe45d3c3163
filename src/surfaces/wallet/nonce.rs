//! `POST /users/nonce` and `GET /users/nonce`: what a wallet signs.

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::identity::Core;
use crate::model::Address;
use crate::transport::{ClientOf, Json, Problem, ProblemBody, Sensitive};

/// The wallet that wants to sign in.
#[derive(Deserialize, ToSchema)]
pub(super) struct NonceRequest {
    /// An EVM address: lower case, upper case, or with its EIP-55 checksum.
    #[schema(example = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8")]
    address: String,
}

/// A nonce that is bound to a wallet.
#[derive(Serialize, ToSchema)]
pub(super) struct WalletNonce {
    /// The address in EIP-55 form.
    #[schema(example = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8")]
    address: String,
    /// What to sign by `personal_sign`, as text. Good for five to ten minutes and one sign-in.
    #[schema(example = "0x4a1bb6c0f1f5e0a6d9d2c1c0b5a493827160f1e2d3c4b5a6")]
    nonce: String,
}

/// A nonce that any wallet may sign.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct FreeNonce {
    /// What to sign by `personal_sign`, as text. Send it back with the signature.
    nonce: String,
    /// From when on it is refused.
    #[schema(format = DateTime, example = "2026-01-01T00:10:00Z")]
    expires_at: String,
}

/// Ask for the nonce that a wallet signs to sign in
#[utoipa::path(
    post, path = "/users/nonce", tag = "wallet", operation_id = "wallet_nonce",
    request_body = NonceRequest,
    responses(
        (status = 200, description = "The nonce", body = WalletNonce),
        (status = 400, description = "`invalid_address`, `invalid_json`", body = ProblemBody),
        (status = 413, description = "`body_too_large`", body = ProblemBody),
        (status = 415, description = "`unsupported_media_type`", body = ProblemBody),
        (status = 422, description = "`invalid_request`", body = ProblemBody),
        (status = 429, description = "`too_many_requests`", body = ProblemBody),
        (status = 503, description = "`database_unavailable`", body = ProblemBody),
    )
)]
pub(super) async fn of_wallet(
    State(core): State<Arc<Core>>,
    ClientOf(client): ClientOf,
    Json(request): Json<NonceRequest>,
) -> Result<Sensitive<WalletNonce>, Problem> {
    let address = Address::parse(&request.address)?;
    let nonce = core.issue_wallet_nonce(address, &client).await?;
    Ok(Sensitive(WalletNonce { address: address.checksummed(), nonce }))
}

/// Ask for a nonce before the address is known, or for scripts that run side by side
#[utoipa::path(
    get, path = "/users/nonce", tag = "wallet", operation_id = "free_nonce",
    responses(
        (status = 200, description = "The nonce", body = FreeNonce),
        (status = 429, description = "`too_many_requests`", body = ProblemBody),
    )
)]
pub(super) async fn free(
    State(core): State<Arc<Core>>,
    ClientOf(client): ClientOf,
) -> Result<Sensitive<FreeNonce>, Problem> {
    let issued = core.issue_free_nonce(&client)?;
    Ok(Sensitive(FreeNonce { nonce: issued.nonce, expires_at: issued.expires_at.rfc3339() }))
}
