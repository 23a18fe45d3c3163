//! The users door, `/v1/users`: an access token by Basic authentication, and accounts for ADMINs.

mod addresses;
mod create;
mod delete;
mod list;
mod read;
mod token;
mod user;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::identity::Core;

/// The routes of the door.
pub fn router() -> OpenApiRouter<Arc<Core>> {
    OpenApiRouter::new()
        .routes(routes!(token::token))
        .routes(routes!(create::create, list::list))
        .routes(routes!(read::read, delete::delete))
        .routes(routes!(addresses::addresses))
}
