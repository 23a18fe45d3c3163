//! The session door, `/auth`: sign-in by e-mail address and password with cookies or tokens, verification and recovery by
//! mail. Faults of a body are listed as `FastAPI` does, which its document shows.

mod cookies;
mod fields;
mod login;
mod logout;
mod me;
mod problem;
mod recovery;
mod refresh;
mod register;
mod token;
mod tokens;
mod verification;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::identity::Core;

/// The routes of the door.
pub fn router() -> OpenApiRouter<Arc<Core>> {
    OpenApiRouter::new()
        .routes(routes!(register::register))
        .routes(routes!(login::login))
        .routes(routes!(token::token))
        .routes(routes!(refresh::refresh))
        .routes(routes!(logout::logout))
        .routes(routes!(me::me))
        .routes(routes!(verification::verify))
        .routes(routes!(verification::resend))
        .routes(routes!(recovery::forgot))
        .routes(routes!(recovery::reset))
}
