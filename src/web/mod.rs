//! The pages that people look at: the routes and the errors, as plain HTML without a script.

mod docs;
mod html;

use axum::Router;
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use utoipa::openapi::OpenApi;

const STYLE: &str = include_str!("style.css");

/// The pages over this description of the routes.
pub fn router<S: Clone + Send + Sync + 'static>(document: &OpenApi) -> Router<S> {
    let routes = docs::routes_page(document);
    let errors = docs::errors_page();
    Router::new()
        .route("/docs", get(async move || page(&routes)))
        .route("/docs/errors", get(async move || page(&errors)))
        .route("/docs/style.css", get(style))
}

/// A page may load our own style and nothing else from anywhere.
fn page(html: &str) -> Response {
    let policy = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
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
