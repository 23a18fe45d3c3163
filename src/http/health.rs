//! `/healthz`, `/readyz`, and on the internal listener `/metrics`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::identity::Core;
use crate::transport::{Json, Problem, ProblemBody};

/// The state of the gateway.
#[derive(Serialize, ToSchema)]
pub(super) struct Status {
    /// `ok`, always: what is not answers with an error.
    status: &'static str,
}

/// Whether the process runs
#[utoipa::path(get, path = "/healthz", tag = "gateway", operation_id = "healthz",
    responses((status = 200, description = "It runs", body = Status)))]
pub(super) async fn healthz() -> Json<Status> {
    Json(Status { status: "ok" })
}

/// Whether the database answers
#[utoipa::path(get, path = "/readyz", tag = "gateway", operation_id = "readyz",
    responses(
        (status = 200, description = "It answers", body = Status),
        (status = 503, description = "`database_unavailable`", body = ProblemBody),
    ))]
pub(super) async fn readyz(State(core): State<Arc<Core>>) -> Result<Json<Status>, Problem> {
    core.ready().await?;
    Ok(Json(Status { status: "ok" }))
}

/// What was counted, for Prometheus.
pub(super) async fn metrics(State(core): State<Arc<Core>>) -> Response {
    let text = HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
    ([(CONTENT_TYPE, text)], core.metrics_text()).into_response()
}
