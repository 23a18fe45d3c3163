//! `GET` and `PATCH /v1/users/dataproviders`.

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::identity::{Caller, Core};
use crate::model::data_provider::{DataProvider, ProvidersPatch};
use crate::transport::{ClientOf, ProblemBody, Sensitive, V1Json, V1Problem};

/// The providers of data that there are, as you have them.
#[derive(Serialize, ToSchema)]
#[schema(as = PlatformDataProviders)]
#[serde(rename_all = "camelCase")]
pub(super) struct ProvidersAnswer {
    /// The providers, in the operator's order.
    data_providers: Vec<ProviderAnswer>,
}

/// A provider, as you have it.
#[derive(Serialize, ToSchema)]
#[schema(as = PlatformDataProvider)]
struct ProviderAnswer {
    /// By what programs know it.
    #[schema(example = "odds")]
    id: String,
    /// By what people know it.
    name: String,
    /// Whether you use it.
    enabled: bool,
    /// How you use it.
    #[schema(value_type = Object)]
    settings: Map<String, Value>,
}

impl From<Vec<DataProvider>> for ProvidersAnswer {
    fn from(providers: Vec<DataProvider>) -> Self {
        let answer = |DataProvider { id, name, enabled, settings }| ProviderAnswer { id, name, enabled, settings };
        Self { data_providers: providers.into_iter().map(answer).collect() }
    }
}

/// The providers to change.
#[derive(Deserialize, ToSchema)]
#[schema(as = PlatformDataProvidersPatch)]
#[serde(rename_all = "camelCase")]
pub(super) struct ProvidersRequest {
    /// The providers to change, each once.
    #[schema(value_type = Vec<ProviderRequest>)]
    data_providers: Vec<Map<String, Value>>,
}

/// What to change of a provider; what is left out stays, null goes back to what the operator offers.
#[derive(Deserialize, ToSchema)]
#[schema(as = PlatformDataProviderPatch)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it describes the body, which is read member by member")]
pub(super) struct ProviderRequest {
    /// The provider.
    #[schema(example = "odds")]
    id: String,
    /// As in the answer; it changes nothing.
    name: Option<String>,
    /// Whether you use it.
    enabled: Option<bool>,
    /// A JSON merge patch (RFC 7396) of how you use it; all that is set may have 4096 bytes.
    #[schema(value_type = Option<Object>)]
    settings: Option<Map<String, Value>>,
}

/// Read your providers of data
#[utoipa::path(
    get, path = "/v1/users/dataproviders", tag = "platform", operation_id = "platform_data_providers",
    security(("access_token" = []), ("bearer" = []), ("api_key" = [])),
    responses(
        (status = 200, description = "All that there are", body = ProvidersAnswer),
        (status = 400, description = "`ambiguous_credentials`", body = ProblemBody),
        (status = 401, description = "`not_authenticated`, `invalid_token`, `token_expired`, `session_ended`, \
         `invalid_api_key`", body = ProblemBody),
        (status = 403, description = "`account_disabled`", body = ProblemBody),
        (status = 503, description = "`database_unavailable`", body = ProblemBody),
    )
)]
pub(super) async fn read(
    State(core): State<Arc<Core>>,
    caller: Caller,
) -> Result<Sensitive<ProvidersAnswer>, V1Problem> {
    Ok(Sensitive(core.data_providers(&caller).await?.into()))
}

/// Change your providers of data
#[utoipa::path(
    patch, path = "/v1/users/dataproviders", tag = "platform", operation_id = "platform_change_data_providers",
    request_body = ProvidersRequest,
    security(("access_token" = []), ("bearer" = []), ("api_key" = [])),
    responses(
        (status = 200, description = "All that there are, as they are now", body = ProvidersAnswer),
        (status = 400, description = "`invalid_json`, `invalid_request`, `ambiguous_credentials`", body = ProblemBody),
        (status = 401, description = "`not_authenticated`, `invalid_token`, `token_expired`, `session_ended`, \
         `invalid_api_key`", body = ProblemBody),
        (status = 403, description = "`account_disabled`", body = ProblemBody),
        (status = 413, description = "`body_too_large`", body = ProblemBody),
        (status = 415, description = "`unsupported_media_type`", body = ProblemBody),
        (status = 503, description = "`database_unavailable`", body = ProblemBody),
    )
)]
pub(super) async fn change(
    State(core): State<Arc<Core>>,
    ClientOf(client): ClientOf,
    caller: Caller,
    V1Json(request): V1Json<ProvidersRequest>,
) -> Result<Sensitive<ProvidersAnswer>, V1Problem> {
    let patch = ProvidersPatch::read(&request.data_providers, &core.config().platform.data_providers)?;
    Ok(Sensitive(core.change_data_providers(&caller, &patch, &client).await?.into()))
}
