//! The platform door, `/v1/auth`: sign-in by an OpenID provider.

mod google;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::identity::Core;

/// The routes of the door.
pub fn router() -> OpenApiRouter<Arc<Core>> {
    OpenApiRouter::new().routes(routes!(google::start)).routes(routes!(google::sign_in))
}
