//! The wallet door, `/users`: a wallet signs a message or a nonce and gets an access token.

mod api_key;
mod authenticate;
mod explain;
mod nonce;
mod profile;
mod proof;
mod session;
mod tokens;
mod wallets;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::identity::Core;

/// The routes of the door.
pub fn router() -> OpenApiRouter<Arc<Core>> {
    OpenApiRouter::new()
        .routes(routes!(nonce::of_wallet, nonce::free))
        .routes(routes!(authenticate::authenticate))
        .routes(routes!(explain::explain))
        .routes(routes!(session::refresh))
        .routes(routes!(session::logout))
        .routes(routes!(api_key::show))
        .routes(routes!(api_key::rotate))
        .routes(routes!(profile::read, profile::change))
        .routes(routes!(tokens::list))
        .routes(routes!(wallets::challenge))
        .routes(routes!(wallets::link, wallets::list))
        .routes(routes!(wallets::unlink))
        .routes(routes!(wallets::choose_primary))
}
