//! The platform door, `/v1/auth`: the second factor. What breaks a rule is a 400, as its document lists it.

mod mfa;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;

use crate::identity::Core;

/// The routes of the door.
#[must_use]
pub fn router() -> OpenApiRouter<Arc<Core>> {
    OpenApiRouter::new().merge(mfa::router())
}
