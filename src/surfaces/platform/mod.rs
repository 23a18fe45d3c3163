//! The platform door, `/v1/users/*`, `/v1/auth` and `/v1/devicetokens`: sign-in for a pair of tokens, the second factor,
//! sign-in by an OpenID provider, recovery, one's own details, settings, providers of data, subscriptions and devices, and what anybody may ask of memberships.

mod answers;
mod authenticate;
mod confirm_email;
mod data_providers;
mod details;
mod devices;
mod google;
mod memberships;
mod mfa;
mod passwords;
mod refresh;
mod register;
mod settings;
mod subscriptions;
mod webhooks;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::identity::Core;

/// The routes of the door.
pub fn router() -> OpenApiRouter<Arc<Core>> {
    OpenApiRouter::new()
        .routes(routes!(authenticate::authenticate))
        .routes(routes!(register::register))
        .routes(routes!(refresh::refresh))
        .routes(routes!(refresh::logout))
        .routes(routes!(passwords::request_reset))
        .routes(routes!(passwords::reset))
        .routes(routes!(passwords::change))
        .routes(routes!(confirm_email::confirm))
        .routes(routes!(details::read, details::change))
        .routes(routes!(settings::read, settings::change))
        .routes(routes!(data_providers::read, data_providers::change))
        .routes(routes!(memberships::memberships))
        .routes(routes!(subscriptions::list, subscriptions::create))
        .routes(routes!(subscriptions::change))
        .routes(routes!(subscriptions::cancel))
        .routes(routes!(subscriptions::pause))
        .routes(routes!(subscriptions::unpause))
        .routes(routes!(devices::note))
        .routes(routes!(devices::claim))
        .routes(routes!(devices::change))
        .routes(routes!(google::start))
        .routes(routes!(google::sign_in))
        .routes(routes!(webhooks::stripe))
        .merge(mfa::router())
}
