//! The description of every route (OpenAPI 3.1), made from the routes themselves, and whole: see [`common`].

use std::sync::Arc;

use axum::Router;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{InfoBuilder, OpenApi, OpenApiBuilder, Server, Tag};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{common, health, keys, surfaces, web};
use crate::config::Config;
use crate::identity::Core;

/// The routes that are open by this configuration.
pub(super) fn doors(config: &Config) -> Router<Arc<Core>> {
    routes(config).into()
}

/// The description of every route that is open by this configuration.
#[must_use]
pub fn document(config: &Config) -> OpenApi {
    complete(routes(config).into_openapi(), config)
}

fn routes(config: &Config) -> OpenApiRouter<Arc<Core>> {
    let mut router = OpenApiRouter::new()
        .routes(routes!(keys::jwks))
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .merge(web::described_router());
    if config.doors.wallet {
        router = router.merge(surfaces::wallet::router());
    }
    if config.doors.exchange {
        router = router.merge(surfaces::exchange::router());
    }
    if config.doors.session {
        router = router.merge(surfaces::session::router());
    }
    if config.doors.users {
        router = router.merge(surfaces::users::router());
    }
    if config.doors.platform {
        router = router.merge(surfaces::platform::router());
    }
    router
}

fn complete(mut described: OpenApi, config: &Config) -> OpenApi {
    let info = InfoBuilder::new()
        .title("Countersign")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some("Wallet sign-in that answers with a JWT. Errors are problem details (RFC 9457)."))
        .build();
    let tags = [
        ("wallet", "Sign in with a wallet: ask for a nonce, sign it, post the signature."),
        ("exchange", "Register, and sign in by password for a session token; your profile and what you prefer."),
        (
            "session",
            "Sign in by e-mail address and password, with cookies or without; verification and recovery by mail.",
        ),
        ("users", "Sign in by Basic authentication for an access token; accounts, for ADMINs."),
        (
            "platform",
            "Sign in by password or at Google for a pair of tokens; the second factor; your details, settings and devices; memberships.",
        ),
        ("gateway", "What every gateway answers: its public keys and its state."),
    ];
    let tag = |(name, text): (&str, &str)| {
        let mut tag = Tag::new(name);
        tag.description = Some(text.to_owned());
        tag
    };
    let components = described.components.get_or_insert_default();
    let header = |name: &str| SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new(name)));
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
    components.add_security_scheme("access_token", header("x-auth-token"));
    components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
    components.add_security_scheme("api_key", header("x-api-key"));
    let in_query = SecurityScheme::ApiKey(ApiKey::Query(ApiKeyValue::new("session_token")));
    components.add_security_scheme("session_token", in_query);
    let cookie = SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new("access_token")));
    components.add_security_scheme("cookie", cookie);
    let basic = HttpBuilder::new().scheme(HttpAuthScheme::Basic).build();
    components.add_security_scheme("basic", SecurityScheme::Http(basic));
    common::complete(&mut described);
    OpenApiBuilder::new()
        .info(info)
        .tags(Some(tags.map(tag)))
        .servers(Some([Server::new(&config.public_url)]))
        .paths(described.paths)
        .components(described.components)
        .build()
}
