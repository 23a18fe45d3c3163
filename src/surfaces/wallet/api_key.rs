//! `GET /users/api-key` and `POST /users/api-key/rotate`.

use std::sync::Arc;

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::identity::{ApiKey, Core, PersonPresent};
use crate::transport::{ClientOf, Problem, ProblemBody, Sensitive};

/// The API key of an account.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ApiKeyAnswer {
    /// The wallet that signed in, in EIP-55 form.
    address: String,
    /// The key, for `x-api-key`.
    api_key: String,
}

impl From<ApiKey> for ApiKeyAnswer {
    fn from(api_key: ApiKey) -> Self {
        Self { address: api_key.address.checksummed(), api_key: api_key.key }
    }
}

/// Show the API key
#[utoipa::path(
    get, path = "/users/api-key", tag = "wallet", operation_id = "api_key",
    security(("access_token" = []), ("bearer" = [])),
    responses(
        (status = 200, description = "The key that is in force", body = ApiKeyAnswer),
        (status = 400, description = "`ambiguous_credentials`", body = ProblemBody),
        (status = 401, description = "`not_authenticated`, `invalid_token`, `token_expired`, `session_ended`",
         body = ProblemBody),
        (status = 403, description = "`person_required`, `account_disabled`", body = ProblemBody),
        (status = 409, description = "`wallet_required`", body = ProblemBody),
        (status = 503, description = "`database_unavailable`", body = ProblemBody),
    )
)]
pub(super) async fn show(
    State(core): State<Arc<Core>>,
    person: PersonPresent,
) -> Result<Sensitive<ApiKeyAnswer>, Problem> {
    Ok(Sensitive(core.api_key(&person)?.into()))
}

/// Replace the API key
#[utoipa::path(
    post, path = "/users/api-key/rotate", tag = "wallet", operation_id = "rotate_api_key",
    security(("access_token" = []), ("bearer" = [])),
    responses(
        (status = 200, description = "The new key; the old one is refused from now on", body = ApiKeyAnswer),
        (status = 400, description = "`ambiguous_credentials`", body = ProblemBody),
        (status = 401, description = "`not_authenticated`, `invalid_token`, `token_expired`, `session_ended`",
         body = ProblemBody),
        (status = 403, description = "`person_required`, `account_disabled`", body = ProblemBody),
        (status = 409, description = "`wallet_required`", body = ProblemBody),
        (status = 503, description = "`database_unavailable`", body = ProblemBody),
    )
)]
pub(super) async fn rotate(
    State(core): State<Arc<Core>>,
    ClientOf(client): ClientOf,
    person: PersonPresent,
) -> Result<Sensitive<ApiKeyAnswer>, Problem> {
    Ok(Sensitive(core.rotate_api_key(&person, &client).await?.into()))
}
