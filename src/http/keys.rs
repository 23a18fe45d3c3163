//! `/.well-known/jwks.json`: the public keys by which others verify our access tokens.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};

use crate::identity::{Core, KEPT_BY_OTHERS};
use crate::transport::Json;

/// The public keys (RFC 7517)
#[utoipa::path(get, path = "/.well-known/jwks.json", tag = "gateway", operation_id = "jwks",
    responses((status = 200, description = "A JWK set", body = Object)))]
pub(super) async fn jwks(State(core): State<Arc<Core>>) -> Response {
    let mut response = Json(core.jwks()).into_response();
    let shortly = HeaderValue::try_from(format!("public, max-age={}", KEPT_BY_OTHERS.as_secs()));
    // Text and digits make a header.
    response.headers_mut().extend(shortly.ok().map(|shortly| (CACHE_CONTROL, shortly)));
    response
}
