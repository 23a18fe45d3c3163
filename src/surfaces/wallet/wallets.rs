//! `/users/wallets`: the wallets of an account.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::nonce::page;
use crate::identity::{Core, LinkProof, LinkWishes, OwnWallet, PersonPresent};
use crate::model::Address;
use crate::transport::{AddressPath, ClientOf, Json, NoContent, Problem, ProblemBody, Sensitive, otp};

/// The wallet that is to be linked.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ChallengeRequest {
    /// Its address: lower case, upper case, or with its EIP-55 checksum.
    #[schema(example = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8")]
    address: String,
    /// The chain that the message names; the first configured one if it is left out.
    chain_id: Option<u64>,
}

/// What the wallet signs to be linked.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ChallengeAnswer {
    /// The address in EIP-55 form.
    address: String,
    /// The nonce within the message.
    nonce: String,
    /// The message (EIP-4361) to sign by `personal_sign`, unchanged.
    message: String,
    /// From when on it is refused.
    #[schema(format = DateTime, example = "2026-01-01T00:10:00Z")]
    expires_at: String,
}

/// A challenge that the wallet signed.
#[derive(Deserialize, ToSchema)]
pub(super) struct LinkRequest {
    /// The message of the challenge, unchanged.
    message: String,
    /// The wallet's signature of it.
    signature: String,
    /// The code of the second factor, for an account that has one.
    otp: Option<String>,
}

/// A wallet of the account.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct WalletAnswer {
    /// The address in EIP-55 form.
    address: String,
    /// Whether it is the one that the account goes by.
    primary: bool,
    /// When it was linked.
    #[schema(format = DateTime, example = "2026-01-01T00:00:00Z")]
    linked_at: String,
}

impl From<OwnWallet> for WalletAnswer {
    fn from(wallet: OwnWallet) -> Self {
        Self { address: wallet.address.checksummed(), primary: wallet.primary, linked_at: wallet.linked_at.rfc3339() }
    }
}

/// Ask for the message by which another wallet is linked
#[utoipa::path(
    post, path = "/users/wallets/challenge", tag = "wallet", operation_id = "wallet_challenge",
    request_body = ChallengeRequest,
    security(("access_token" = []), ("bearer" = [])),
    responses(
        (status = 200, description = "The message", body = ChallengeAnswer),
        (status = 400, description = "`invalid_address`, `invalid_json`, `ambiguous_credentials`", body = ProblemBody),
        (status = 401, description = "`not_authenticated`, `invalid_token`, `token_expired`, `session_ended`",
         body = ProblemBody),
        (status = 403, description = "`fresh_sign_in_required`, `chain_not_configured`, `person_required`, \
         `account_disabled`", body = ProblemBody),
        (status = 413, description = "`body_too_large`", body = ProblemBody),
        (status = 415, description = "`unsupported_media_type`", body = ProblemBody),
        (status = 422, description = "`invalid_request`", body = ProblemBody),
        (status = 429, description = "`too_many_requests`", body = ProblemBody),
        (status = 503, description = "`database_unavailable`", body = ProblemBody),
    )
)]
pub(super) async fn challenge(
    State(core): State<Arc<Core>>,
    ClientOf(client): ClientOf,
    person: PersonPresent,
    headers: HeaderMap,
    Json(request): Json<ChallengeRequest>,
) -> Result<Sensitive<ChallengeAnswer>, Problem> {
    let address = Address::parse(&request.address)?;
    let wishes = LinkWishes { chain_id: request.chain_id, page: page(&headers) };
    let challenge = core.issue_link_message(&person, address, wishes, &client)?;
    Ok(Sensitive(ChallengeAnswer {
        address: address.checksummed(),
        nonce: challenge.nonce,
        message: challenge.message,
        expires_at: challenge.expires_at.rfc3339(),
    }))
}

/// Link a wallet that signed the message
#[utoipa::path(
    post, path = "/users/wallets", tag = "wallet", operation_id = "link_wallet",
    request_body = LinkRequest,
    security(("access_token" = []), ("bearer" = [])),
    responses(
        (status = 201, description = "It is linked", body = WalletAnswer),
        (status = 400, description = "`invalid_message`, `message_version_not_supported`, `invalid_address`, \
         `invalid_json`, `ambiguous_credentials`", body = ProblemBody),
        (status = 401, description = "`not_authenticated`, `invalid_token`, `token_expired`, `session_ended`; or the \
         rule that the message breaks, as of `POST /users/authenticate`, or `statement_not_ours`; `mfa_required`, \
         `invalid_code`", body = ProblemBody),
        (status = 403, description = "`fresh_sign_in_required`, `person_required`, `account_disabled`",
         body = ProblemBody),
        (status = 409, description = "`wallet_already_linked`, `too_many_wallets`", body = ProblemBody),
        (status = 413, description = "`body_too_large`", body = ProblemBody),
        (status = 415, description = "`unsupported_media_type`", body = ProblemBody),
        (status = 422, description = "`invalid_request`", body = ProblemBody),
        (status = 429, description = "`too_many_requests`", body = ProblemBody),
        (status = 503, description = "`database_unavailable`", body = ProblemBody),
    )
)]
pub(super) async fn link(
    State(core): State<Arc<Core>>,
    ClientOf(client): ClientOf,
    person: PersonPresent,
    Json(request): Json<LinkRequest>,
) -> Result<(StatusCode, Sensitive<WalletAnswer>), Problem> {
    let LinkRequest { message, signature, otp } = &request;
    let linked = core.link_wallet(&person, LinkProof { message, signature, otp: otp.as_deref() }, &client).await?;
    Ok((StatusCode::CREATED, Sensitive(linked.into())))
}

/// List the wallets of your account
#[utoipa::path(
    get, path = "/users/wallets", tag = "wallet", operation_id = "wallets",
    security(("access_token" = []), ("bearer" = [])),
    responses(
        (status = 200, description = "The first linked one first", body = [WalletAnswer]),
        (status = 400, description = "`ambiguous_credentials`", body = ProblemBody),
        (status = 401, description = "`not_authenticated`, `invalid_token`, `token_expired`, `session_ended`",
         body = ProblemBody),
        (status = 403, description = "`person_required`, `account_disabled`", body = ProblemBody),
        (status = 503, description = "`database_unavailable`", body = ProblemBody),
    )
)]
pub(super) async fn list(
    State(core): State<Arc<Core>>,
    person: PersonPresent,
) -> Result<Sensitive<Vec<WalletAnswer>>, Problem> {
    let wallets = core.list_wallets(&person).await?;
    Ok(Sensitive(wallets.into_iter().map(WalletAnswer::from).collect()))
}

/// Unlink a wallet; the sessions that it began end
///
/// An account with a second factor shows a code, unless it signed in with one in the last ten minutes.
#[utoipa::path(
    delete, path = "/users/wallets/{address}", tag = "wallet", operation_id = "unlink_wallet",
    params(
        ("address" = String, Path, description = "A wallet of your account"),
        ("X-OTP" = Option<String>, Header, description = "A code, for an account that has a second factor"),
    ),
    security(("access_token" = []), ("bearer" = [])),
    responses(
        (status = 204, description = "It is unlinked"),
        (status = 400, description = "`invalid_address`, `invalid_path`, `ambiguous_credentials`", body = ProblemBody),
        (status = 401, description = "`not_authenticated`, `invalid_token`, `token_expired`, `session_ended`, \
         `mfa_required`, `invalid_code`", body = ProblemBody),
        (status = 403, description = "`not_your_wallet`, `fresh_sign_in_required`, `person_required`, \
         `account_disabled`", body = ProblemBody),
        (status = 409, description = "`last_sign_in_method`", body = ProblemBody),
        (status = 429, description = "`too_many_requests`", body = ProblemBody),
        (status = 503, description = "`database_unavailable`", body = ProblemBody),
    )
)]
pub(super) async fn unlink(
    State(core): State<Arc<Core>>,
    ClientOf(client): ClientOf,
    person: PersonPresent,
    headers: HeaderMap,
    AddressPath(address): AddressPath,
) -> Result<NoContent, Problem> {
    core.unlink_wallet(&person, address, otp(&headers)?, &client).await?;
    Ok(NoContent)
}

/// Choose the wallet that your account goes by
#[utoipa::path(
    put, path = "/users/wallets/{address}/primary", tag = "wallet", operation_id = "choose_primary_wallet",
    params(("address" = String, Path, description = "A wallet of your account")),
    security(("access_token" = []), ("bearer" = [])),
    responses(
        (status = 200, description = "It is the primary one", body = WalletAnswer),
        (status = 400, description = "`invalid_address`, `invalid_path`, `ambiguous_credentials`", body = ProblemBody),
        (status = 401, description = "`not_authenticated`, `invalid_token`, `token_expired`, `session_ended`",
         body = ProblemBody),
        (status = 403, description = "`not_your_wallet`, `person_required`, `account_disabled`", body = ProblemBody),
        (status = 429, description = "`too_many_requests`", body = ProblemBody),
        (status = 503, description = "`database_unavailable`", body = ProblemBody),
    )
)]
pub(super) async fn choose_primary(
    State(core): State<Arc<Core>>,
    ClientOf(client): ClientOf,
    person: PersonPresent,
    AddressPath(address): AddressPath,
) -> Result<Sensitive<WalletAnswer>, Problem> {
    Ok(Sensitive(core.choose_primary_wallet(&person, address, &client).await?.into()))
}
