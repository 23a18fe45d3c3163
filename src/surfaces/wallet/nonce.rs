//! `POST /users/nonce` and `GET /users/nonce`: what a wallet signs.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::ORIGIN;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::identity::{Core, MessageRequest};
use crate::model::Address;
use crate::transport::{ClientOf, Json, Problem, ProblemBody, Sensitive};

/// The wallet that wants to sign in, and what its message is to say.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct NonceRequest {
    /// An EVM address: lower case, upper case, or with its EIP-55 checksum.
    #[schema(example = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8")]
    address: String,
    /// The chain (EIP-155); the first configured one if it is left out.
    #[schema(example = 1)]
    chain_id: Option<u64>,
    /// The URI that the sign-in is about, of a site that may sign in here; that site if it is left out.
    uri: Option<String>,
    /// The host, and port if it is not the usual one, of the page that asks. It has to be the page's own, or wallets
    /// warn of it.
    #[schema(max_length = 255)]
    domain: Option<String>,
    /// What the person reads before he signs: one line of letters, digits, spaces and `-._~:/?#[]@!$&'()*+,;=`.
    #[schema(pattern = r"^[A-Za-z0-9 :/?#\[\]@!$&'()*+,;=._~-]*$", max_length = 1024)]
    statement: Option<String>,
    /// URIs (RFC 3986) that go along.
    #[schema(max_items = 20)]
    resources: Option<Vec<String>>,
    /// A name for this request, of what a segment of a path may have.
    #[schema(pattern = r"^([A-Za-z0-9:@!$&'()*+,;=._~-]|%[0-9A-Fa-f]{2})*$", max_length = 255)]
    request_id: Option<String>,
}

impl NonceRequest {
    /// Whether it wants anything of the message.
    fn wishes(&self) -> bool {
        let Self { address: _, chain_id, uri, domain, statement, resources, request_id } = self;
        let texts = [uri, domain, statement, request_id];
        chain_id.is_some() || resources.is_some() || texts.into_iter().any(Option::is_some)
    }

    fn into_message(self, page: Option<String>) -> MessageRequest {
        let Self { address: _, chain_id, uri, domain, statement, resources, request_id } = self;
        MessageRequest { chain_id, uri, domain, page, statement, resources, request_id }
    }
}

/// What a wallet signs to sign in: the message, or the nonce by itself.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct WalletNonce {
    /// The address in EIP-55 form.
    #[schema(example = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8")]
    address: String,
    /// The nonce that is bound to the wallet, to be signed by itself as text: good for five to ten minutes and one
    /// sign-in. If more than the address was sent, or nonces by themselves are not accepted here, it is the message's.
    #[schema(example = "0x4a1bb6c0f1f5e0a6d9d2c1c0b5a493827160f1e2d3c4b5a6")]
    nonce: String,
    /// The message (EIP-4361) to sign by `personal_sign`, unchanged, with a nonce of its own within. Good for ten
    /// minutes and one sign-in.
    message: String,
    /// From when on the nonce of the message is refused.
    #[schema(format = DateTime, example = "2026-01-01T00:10:00Z")]
    expires_at: String,
}

/// A nonce that any wallet may sign.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct FreeNonce {
    /// What to sign by `personal_sign`, as text, or to write into a message (EIP-4361). Send it back with the signature.
    nonce: String,
    /// When it was issued, by the gateway's clock: for `Issued At`, since a device's clock may be wrong.
    #[schema(format = DateTime, example = "2026-01-01T00:00:00Z")]
    issued_at: String,
    /// From when on it is refused.
    #[schema(format = DateTime, example = "2026-01-01T00:10:00Z")]
    expires_at: String,
}

/// Of which site the page is that asks, as the browser says. Whether that is one of ours is decided behind this.
pub(super) fn page(headers: &HeaderMap) -> Option<String> {
    headers.get(ORIGIN).and_then(|origin| origin.to_str().ok()).map(str::to_owned)
}

/// Ask for what a wallet signs to sign in
#[utoipa::path(
    post, path = "/users/nonce", tag = "wallet", operation_id = "wallet_nonce",
    request_body = NonceRequest,
    responses(
        (status = 200, description = "The nonce", body = WalletNonce),
        (status = 400, description = "`invalid_address`, `invalid_json`", body = ProblemBody),
        (status = 403, description = "`domain_not_allowed`, `uri_not_allowed`, `chain_not_configured`",
         body = ProblemBody),
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
    headers: HeaderMap,
    Json(request): Json<NonceRequest>,
) -> Result<Sensitive<WalletNonce>, Problem> {
    let address = Address::parse(&request.address)?;
    let wishes = request.wishes();
    let challenge = core.issue_message(address, request.into_message(page(&headers)), &client)?;
    let of_wallet = if wishes { None } else { core.wallet_nonce(address).await? };
    Ok(Sensitive(WalletNonce {
        address: address.checksummed(),
        nonce: of_wallet.unwrap_or(challenge.nonce),
        message: challenge.message,
        expires_at: challenge.expires_at.rfc3339(),
    }))
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
    Ok(Sensitive(FreeNonce {
        nonce: issued.nonce,
        issued_at: issued.issued_at.rfc3339(),
        expires_at: issued.expires_at.rfc3339(),
    }))
}
