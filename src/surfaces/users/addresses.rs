//! `GET /v1/users/{id}/addresses`.

use std::sync::Arc;

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::identity::{Caller, Core, OwnWallet};
use crate::transport::{AccountPath, ProblemBody, Sensitive, V1Problem};

/// The proven wallets of a user, one of each family of chains.
#[derive(Serialize, ToSchema)]
#[schema(as = UsersAddressesAnswer)]
pub(super) struct AddressesAnswer {
    /// The EVM wallet that the account goes by.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed")]
    ethereum: Option<String>,
}

/// Read a user's crypto addresses
///
/// Your own, or, as an ADMIN, anybody's.
#[utoipa::path(
    get, path = "/v1/users/{id}/addresses", tag = "users", operation_id = "user_addresses",
    params(("id" = String, Path, description = "The account's id")),
    security(("access_token" = []), ("bearer" = []), ("api_key" = [])),
    responses(
        (status = 200, description = "The addresses", body = AddressesAnswer),
        (status = 400, description = "`ambiguous_credentials`", body = ProblemBody),
        (status = 401, description = "`not_authenticated`, `invalid_token`, `token_expired`, `session_ended`, \
         `invalid_api_key`", body = ProblemBody),
        (status = 403, description = "`not_your_account`, `account_disabled`", body = ProblemBody),
        (status = 404, description = "`account_not_found`", body = ProblemBody),
        (status = 503, description = "`database_unavailable`", body = ProblemBody),
    )
)]
pub(super) async fn addresses(
    State(core): State<Arc<Core>>,
    caller: Caller,
    AccountPath(id): AccountPath,
) -> Result<Sensitive<AddressesAnswer>, V1Problem> {
    let wallets = core.wallets_of(caller.require_self_or_admin(id)?).await?;
    let primary = wallets.iter().find(|wallet| wallet.primary).or(wallets.first());
    let of = |wallet: &OwnWallet| wallet.address.checksummed();
    Ok(Sensitive(AddressesAnswer { ethereum: primary.map(of) }))
}
