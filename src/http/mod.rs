//! Assembly of the HTTP side: the doors merged, what every gateway answers, the layers around all.

mod api;
mod bounds;
mod common;
mod cors;
mod health;
mod keys;
mod observe;
pub mod serve;

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use tower::util::option_layer;
use utoipa::openapi::OpenApi;

pub use api::document;

use crate::identity::Core;
use crate::surfaces;
use crate::transport::Problem;
use crate::web;

/// Everything that is served to the world.
pub fn router(core: &Arc<Core>) -> Router {
    let description = Arc::new(OnceLock::new());
    api::doors(core.config())
        .merge(web::router(described))
        .route("/openapi.json", get(async move |State(core): State<Arc<Core>>| print(&description, &core)))
        .fallback(async || Problem::unknown_route())
        .method_not_allowed_fallback(async || Problem::method_not_allowed())
        // One after the other they would each cost every request a box and a copy of all that they enclose.
        .layer((observe::observe(core), option_layer(cors::layer(&core.config().cors_origins)), bounds::bound()))
        .with_state(Arc::clone(core))
}

fn described(core: &Core) -> OpenApi {
    document(core.config())
}

/// The description as it is served, printed when it is first asked for: it never changes while the gateway runs, and to
/// make it takes more memory than the rest of a gateway that idles. It is of texts and numbers, so it prints.
fn print(description: &OnceLock<Bytes>, core: &Core) -> impl IntoResponse + use<> {
    let made = || Bytes::from(serde_json::to_vec(&described(core)).unwrap_or_default());
    ([(CONTENT_TYPE, "application/json")], description.get_or_init(made).clone())
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
