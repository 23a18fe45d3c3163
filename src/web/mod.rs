//! The pages that people look at: the routes and the errors, as plain HTML without a script; the two that links in
//! mails lead to, with one. Also the logo of tokens that have none.

mod account;
mod docs;
mod html;

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY};
use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::identity::Core;

const STYLE: &str = include_str!("style.css");

/// A neutral coin; answers name it for every token that has no logo.
const TOKEN: &str = include_str!("token.svg");

/// The pages. Those that are made, of the description of the routes and of the errors, are made when they are first asked
/// for.
pub fn router(described: fn(&Core) -> OpenApi) -> Router<Arc<Core>> {
    let (routes, errors) = (Arc::new(OnceLock::new()), Arc::new(OnceLock::new()));
    let routes =
        async move |State(core): State<Arc<Core>>| page(routes.get_or_init(|| docs::routes_page(&described(&core))));
    Router::new()
        .route("/docs", get(routes))
        .route("/docs/errors", get(async move || page(errors.get_or_init(docs::errors_page))))
        .route("/docs/style.css", get(style))
        .route("/assets/token.svg", get(token))
        .merge(account::router())
}

/// What pages post to that links of mails lead to: ours, and those that an operator puts in their place.
#[must_use]
pub fn described_router() -> OpenApiRouter<Arc<Core>> {
    account::described_router()
}

/// A page may load our own style and nothing else from anywhere.
fn page(html: &str) -> Response {
    page_with("default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'", html)
}

fn page_with(policy: &'static str, html: &str) -> Response {
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy)),
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    (headers, html.to_owned()).into_response()
}

async fn style() -> Response {
    ([(CONTENT_TYPE, HeaderValue::from_static("text/css; charset=utf-8"))], STYLE).into_response()
}

/// A picture for the pages of others: any of them may show it, also those that let in nothing which does not say so.
/// An SVG can hold scripts when it is opened by itself; this one has none, and none would run.
async fn token() -> Response {
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("image/svg+xml")),
        (CACHE_CONTROL, HeaderValue::from_static("public, max-age=604800, immutable")),
        (CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox")),
        (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("cross-origin")),
    ];
    (headers, TOKEN).into_response()
}
