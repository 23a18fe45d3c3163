//! The wallet door, `/users`: a wallet signs a nonce and gets an access token.

mod api_key;
mod authenticate;
mod nonce;
mod profile;
mod session;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::identity::Core;

/// The routes of the door.
pub fn router() -> OpenApiRouter<Arc<Core>> {
    OpenApiRouter::new()
        .routes(routes!(nonce::of_wallet, nonce::free))
        .routes(routes!(authenticate::authenticate))
        .routes(routes!(session::refresh))
        .routes(routes!(session::logout))
        .routes(routes!(api_key::show))
        .routes(routes!(api_key::rotate))
        .routes(routes!(profile::read, profile::change))
}
