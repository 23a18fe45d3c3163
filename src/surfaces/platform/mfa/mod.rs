//! `/v1/auth/mfa`: the second factor.

mod codes;
mod devices;
mod setup;
mod verify;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::identity::Core;

/// The routes of the second factor.
pub(super) fn router() -> OpenApiRouter<Arc<Core>> {
    OpenApiRouter::new()
        .routes(routes!(setup::set_up))
        .routes(routes!(verify::verify))
        .routes(routes!(codes::switch_off))
        .routes(routes!(codes::renew))
        .routes(routes!(devices::list))
        .routes(routes!(devices::forget))
}
