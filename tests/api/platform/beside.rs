//! This door beside the others that share its paths, each open or closed; and what no log, metric or error may tell.

use serde_json::{Value, json};

use crate::support::openid::Provider;
use crate::support::person::{PASSWORD, token};
use crate::support::platform::{join, with};
use crate::support::stripe::{self, Stripe};
use crate::support::world::{World, on_both};

/// Method and path of every route of this door.
const ROUTES: [(&str, &str); 33] = [
    ("POST", "/v1/users/authenticate"),
    ("POST", "/v1/users/register"),
    ("POST", "/v1/users/refresh-token"),
    ("POST", "/v1/users/logout"),
    ("POST", "/v1/users/reset-password"),
    ("PUT", "/v1/users/update-password"),
    ("PUT", "/v1/users/passwords"),
    ("PUT", "/v1/users/confirm-email"),
    ("GET", "/v1/users/details"),
    ("PATCH", "/v1/users/details"),
    ("GET", "/v1/users/settings"),
    ("PATCH", "/v1/users/settings"),
    ("GET", "/v1/users/dataproviders"),
    ("PATCH", "/v1/users/dataproviders"),
    ("GET", "/v1/users/{email}/memberships"),
    ("GET", "/v1/users/subscriptions"),
    ("POST", "/v1/users/subscriptions"),
    ("PUT", "/v1/users/subscriptions/{id}"),
    ("PUT", "/v1/users/subscriptions/{id}/cancel"),
    ("PUT", "/v1/users/subscriptions/{id}/pause"),
    ("PUT", "/v1/users/subscriptions/{id}/unpause"),
    ("POST", "/v1/devicetokens"),
    ("POST", "/v1/users/notifications/tokens/{token}"),
    ("POST", "/v1/users/notifications/tokens/{token}/update"),
    ("GET", "/v1/auth/google/start"),
    ("POST", "/v1/auth/google"),
    ("POST", "/v1/auth/mfa/setup"),
    ("POST", "/v1/auth/mfa/verify"),
    ("DELETE", "/v1/auth/mfa"),
    ("POST", "/v1/auth/mfa/backup-codes"),
    ("GET", "/v1/auth/mfa/devices"),
    ("DELETE", "/v1/auth/mfa/devices/{id}"),
    ("POST", "/webhooks/stripe"),
];

on_both! {
    async fn this_door_and_the_users_door_do_not_mind_each_other(world: World) {
        let access = join(&world, "trader1").await;
        let details = world.get_as(&access, "/v1/users/details").await.ok(200);
        let one = format!("/v1/users/{}", details.field("userId"));
        let addresses = format!("{one}/addresses");
        let memberships = "/v1/users/trader1@example.com/memberships";
        for (users, platform) in [("true", "true"), ("true", "false"), ("false", "true"), ("false", "false")] {
            let gateway = world.again_with(&[("DOORS__USERS", users), ("DOORS__PLATFORM", platform)]).await;
            let described = gateway.get("/openapi.json").await.ok(200).json;
            let operations = described["paths"].as_object().unwrap().values();
            let own = operations.flat_map(|path| path.as_object().unwrap().values());
            let own = own.filter(|operation| operation["tags"] == json!(["platform"])).count();
            assert_eq!(own, if platform == "true" { ROUTES.len() } else { 0 }, "the list above is whole");
            for (method, path) in ROUTES {
                let is_described = described["paths"][path].get(method.to_lowercase()).is_some();
                assert_eq!(is_described, platform == "true", "{method} {path}");
            }
            if users == "true" {
                gateway.get_as(&access, &one).await.ok(200);
                gateway.get_as(&access, &addresses).await.ok(200);
                token(&gateway, "trader1", PASSWORD).await.ok(200);
            } else {
                gateway.get_as(&access, &one).await.refused(404, "unknown_route");
                gateway.get_as(&access, &addresses).await.refused(404, "unknown_route");
                assert!(!described["paths"].as_object().unwrap().contains_key("/v1/users/{id}"));
            }
            if platform == "true" {
                assert_eq!(gateway.get_as(&access, "/v1/users/details").await.ok(200).json, details.json);
                gateway.get(memberships).await.ok(200);
            } else {
                gateway.get(memberships).await.refused(404, "unknown_route");
                with(&gateway, &access, "PATCH", "/v1/users/settings", json!({})).await;
                let answer = gateway.post("/v1/devicetokens", json!({"deviceToken": "t", "os": "iOS"})).await;
                answer.refused(404, "unknown_route");
            }
        }
    }

    async fn a_route_that_is_there_knows_its_methods(world: World) {
        for (path, allowed) in [("/v1/users/details", "GET,HEAD,PATCH"), ("/v1/users/authenticate", "POST"),
                                ("/v1/users/passwords", "PUT"), ("/v1/users/subscriptions", "GET,HEAD,POST"), ("/v1/users/a@b.example/memberships", "GET,HEAD")] {
            let refused = world.call("DELETE", path, &[], &Value::Null).await.refused(405, "method_not_allowed");
            let mut methods: Vec<&str> = refused.headers["allow"].to_str().unwrap().split(',').collect();
            methods.sort_unstable();
            assert_eq!(methods.join(","), allowed, "{path}");
        }
    }

    async fn a_token_or_an_address_in_a_path_is_in_no_metric_no_trail_and_no_error(world: World) {
        let access = join(&world, "trader1").await;
        let secret = "push-token-of-somebody";
        world.post("/v1/devicetokens", json!({"deviceToken": secret, "os": "Web"})).await.ok(200);
        let path = format!("/v1/users/notifications/tokens/{secret}");
        with(&world, &access, "POST", &path, json!({})).await.ok(200);
        let mut told = String::new();
        for (method, path, body) in [
            ("POST", format!("{path}/update"), json!({"billing": false})),
            ("POST", path.clone(), json!({"os": "ios"})),
            ("GET", path.clone(), Value::Null),
            ("POST", format!("{path}x/update"), json!({})),
            ("POST", format!("{path}%20/update"), json!({})),
        ] {
            let answer = with(&world, &access, method, &path, body).await;
            if answer.status != 200 {
                told += &answer.text;
            }
        }
        world.get("/v1/users/whose@secret.example/memberships").await.ok(200);
        told += &world.core.metrics_text();
        let events = "SELECT string_agg(event || COALESCE(detail, ''), ' ') FROM audit_events";
        told += &world.data().await.text(events).await;
        assert!(!told.contains(secret) && !told.contains("secret.example"), "{told}");
        assert!(told.contains("route=\"/v1/users/notifications/tokens/{token}\""), "{told}");
    }

    async fn a_database_that_is_gone_is_503(world: World) {
        let provider = Provider::start();
        let stripe = Stripe::start();
        let world = provider.before(&stripe.before(&world).await, &[]).await;
        let access = join(&world, "trader1").await;
        let event = json!({"id": "evt_1", "type": "customer.subscription.updated", "data": {"object": {"customer": "cus_1"}}});
        world.core.db().close().await;
        for (method, path) in ROUTES {
            let path = path.replace("{email}", "a@b.example").replace("{token}", "t");
            let body = match path.as_str() {
                "/v1/users/authenticate" => json!({"username": "trader1", "password": PASSWORD}),
                "/v1/users/register" => json!({"username": "other", "email": "o@b.example", "password": PASSWORD}),
                "/v1/users/reset-password" => json!({"email": "a@b.example"}),
                "/v1/users/confirm-email" => json!({"email": "a@b.example", "code": "123456"}),
                "/v1/devicetokens" => json!({"deviceToken": "t", "os": "iOS"}),
                // Without a token of the right form nobody asks the database.
                // Of a sign-in that begins nobody asks it either: its state is in the hands of whoever begins it.
                "/v1/users/update-password" | "/v1/users/refresh-token" | "/v1/auth/google/start" => continue,
                "/v1/auth/google" => json!({"code": provider.code("jane", json!({}))}),
                _ => json!({}),
            };
            let answer = match path.as_str() {
                "/webhooks/stripe" => stripe::deliver(&world, &event).await,
                _ => with(&world, &access, method, &path, body).await,
            };
            let answer = answer.refused(503, "database_unavailable");
            assert!(answer.headers.contains_key("retry-after"), "{path}");
        }
    }
}
