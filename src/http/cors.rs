//! Which pages may call from a browser: those of the configured origins, and no other.

use axum::http::{HeaderName, HeaderValue, Method, header};
use tower_http::cors::{AllowOrigin, CorsLayer};

/// How long a browser may remember the answer to a preflight, in seconds.
const REMEMBER: u64 = 600;

/// The layer, if any origin is configured.
pub(super) fn layer(origins: &[String]) -> Option<CorsLayer> {
    if origins.is_empty() {
        return None;
    }
    let origins = origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok());
    let allowed =
        ["x-auth-token", "x-api-key", "x-device-token", "x-otp", "x-membership-signature", "sk-refresh-token"]
            .map(HeaderName::from_static);
    let exposed =
        ["x-unavailable-chains", "ratelimit", "ratelimit-policy", "x-request-id"].map(HeaderName::from_static);
    let methods = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
    let layer = CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_credentials(true)
        .allow_methods(methods)
        .allow_headers(allowed.into_iter().chain([header::AUTHORIZATION, header::CONTENT_TYPE]).collect::<Vec<_>>())
        .expose_headers(exposed.into_iter().chain([header::RETRY_AFTER]).collect::<Vec<_>>())
        .max_age(std::time::Duration::from_secs(REMEMBER));
    Some(layer)
}
