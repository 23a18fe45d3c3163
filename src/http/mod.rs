//! Assembly of the HTTP side: the doors merged, what every gateway answers, the layers around all.

mod api;
mod bounds;
mod common;
mod cors;
mod health;
mod keys;
mod observe;
pub mod serve;

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use tower::util::option_layer;

pub use api::document;

use crate::identity::Core;
use crate::surfaces;
use crate::transport::Problem;
use crate::web;

/// Everything that is served to the world.
pub fn router(core: &Arc<Core>) -> Router {
    let (doors, document) = api::split(core.config());
    // Printed once: the document never changes while the gateway runs. It is of texts and numbers, so it prints.
    let description = Bytes::from(serde_json::to_vec(&document).unwrap_or_default());
    doors
        .merge(web::router(&document))
        .route("/openapi.json", get(async move || ([(CONTENT_TYPE, "application/json")], description.clone())))
        .fallback(async || Problem::unknown_route())
        .method_not_allowed_fallback(async || Problem::method_not_allowed())
        // One after the other they would each cost every request a box and a copy of all that they enclose.
        .layer((observe::observe(core), option_layer(cors::layer(&core.config().cors_origins)), bounds::bound()))
        .with_state(Arc::clone(core))
}

/// What is served on the internal listener alone.
pub fn internal_router(core: &Arc<Core>) -> Router {
    Router::new()
        .route("/metrics", get(health::metrics))
        .fallback(async || Problem::unknown_route())
        .method_not_allowed_fallback(async || Problem::method_not_allowed())
        .layer((observe::observe(core), bounds::bound()))
        .with_state(Arc::clone(core))
}
