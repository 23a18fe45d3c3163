//! The exchange door, `/api/users`: a name and a password get an opaque session token.

mod caller;
mod config;
mod listing;
mod login;
mod membership;
mod profile;
mod register;
mod user;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::identity::Core;

/// The routes of the door.
pub fn router() -> OpenApiRouter<Arc<Core>> {
    OpenApiRouter::new()
        .routes(routes!(register::register))
        .routes(routes!(login::login))
        .routes(routes!(profile::read, profile::change))
        .routes(routes!(listing::list))
        .routes(routes!(config::read, config::choose))
        .routes(routes!(membership::synchronise))
        .routes(routes!(membership::clear))
}
