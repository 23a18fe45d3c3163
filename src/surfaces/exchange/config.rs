//! `GET` and `POST /api/users/exchange-config`.

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::caller::{Anybody, Known};
use crate::identity::Core;
use crate::model::Exchange;
use crate::model::error::{Error, Violation};
use crate::transport::{ClientOf, Json, Problem, ProblemBody, Sensitive};

/// A preferred exchange.
#[derive(Serialize, ToSchema)]
#[schema(as = ExchangeConfigAnswer)]
pub(super) struct ConfigAnswer {
    /// `hyperliquid` or `binance`.
    #[schema(example = "hyperliquid")]
    selected_exchange: String,
}

/// The exchange to prefer.
#[derive(Deserialize, ToSchema)]
#[schema(as = ExchangeConfigRequest)]
pub(super) struct ConfigRequest {
    /// `hyperliquid` or `binance`.
    #[schema(example = "binance", pattern = "^(hyperliquid|binance)$")]
    selected_exchange: String,
}

/// That it is done.
#[derive(Serialize, ToSchema)]
#[schema(as = ExchangeDone)]
pub(super) struct Done {
    /// `ok`.
    #[schema(example = "ok")]
    status: &'static str,
}

/// It is done.
pub(super) const DONE: Done = Done { status: "ok" };

/// Read your preferred exchange
///
/// Without a credential, the one that the gateway has for all.
#[utoipa::path(
    get, path = "/api/users/exchange-config", tag = "exchange", operation_id = "exchange_config",
    security((), ("session_token" = []), ("access_token" = []), ("bearer" = []), ("api_key" = [])),
    responses(
        (status = 200, description = "The exchange", body = ConfigAnswer),
        (status = 400, description = "`ambiguous_credentials`", body = ProblemBody),
        (status = 401, description = "`invalid_token`, `token_expired`, `session_ended`, `invalid_api_key`",
         body = ProblemBody),
        (status = 403, description = "`account_disabled`", body = ProblemBody),
        (status = 503, description = "`database_unavailable`", body = ProblemBody),
    )
)]
pub(super) async fn read(
    State(core): State<Arc<Core>>,
    Anybody(caller): Anybody,
) -> Result<Sensitive<ConfigAnswer>, Problem> {
    Ok(Sensitive(ConfigAnswer { selected_exchange: core.exchange(caller.as_ref()).await? }))
}

/// Choose your preferred exchange
#[utoipa::path(
    post, path = "/api/users/exchange-config", tag = "exchange", operation_id = "choose_exchange",
    request_body = ConfigRequest,
    security(("session_token" = []), ("access_token" = []), ("bearer" = []), ("api_key" = [])),
    responses(
        (status = 200, description = "It is chosen", body = Done),
        (status = 400, description = "`invalid_json`, `ambiguous_credentials`", body = ProblemBody),
        (status = 401, description = "`not_authenticated`, `invalid_token`, `token_expired`, `session_ended`, \
         `invalid_api_key`", body = ProblemBody),
        (status = 403, description = "`account_disabled`", body = ProblemBody),
        (status = 413, description = "`body_too_large`", body = ProblemBody),
        (status = 415, description = "`unsupported_media_type`", body = ProblemBody),
        (status = 422, description = "`invalid_request`", body = ProblemBody),
        (status = 503, description = "`database_unavailable`", body = ProblemBody),
    )
)]
pub(super) async fn choose(
    State(core): State<Arc<Core>>,
    ClientOf(client): ClientOf,
    Known(caller): Known,
    Json(request): Json<ConfigRequest>,
) -> Result<Sensitive<Done>, Problem> {
    let exchange = Exchange::parse(&request.selected_exchange).ok_or_else(|| {
        let message = "hyperliquid or binance is expected".to_owned();
        Error::Invalid(vec![Violation { field: "selected_exchange".to_owned(), message }])
    })?;
    core.choose_exchange(&caller, exchange, &client).await?;
    Ok(Sensitive(DONE))
}
