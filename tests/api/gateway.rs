//! What every gateway answers: its state, its description, its keys, browsers, request ids.

use std::time::Duration;

use countersign::model::Token;
use futures_util::future::{join, join_all};
use serde_json::{Value, json};

use crate::support::wallet::Wallet;
use crate::support::world::{World, on_both};

on_both! {
    async fn health_readiness_and_documentation_answer(world: World) {
        assert_eq!(world.get("/healthz").await.ok(200).json, json!({"status": "ok"}));
        assert_eq!(world.get("/readyz").await.ok(200).json, json!({"status": "ok"}));
        for page in ["/docs", "/docs/errors", "/docs/style.css"] {
            world.get(page).await.ok(200);
        }
        let page = world.get("/docs/errors").await.ok(200);
        assert!(page.headers["content-security-policy"].to_str().unwrap().starts_with("default-src 'none'"));
        assert!(page.text.contains("id=\"nonce_used\""));
    }

    async fn a_token_without_a_logo_has_one_that_any_page_may_show(world: World) {
        let public_url = world.core.config().public_url.clone();
        let uri = Token::common_logo(&public_url);
        let logo = world.get(uri.strip_prefix(&public_url).unwrap()).await.ok(200);
        assert!(logo.text.starts_with("<svg ") && logo.text.ends_with("</svg>\n"));
        for (header, value) in [
            ("content-type", "image/svg+xml"),
            ("cache-control", "public, max-age=604800, immutable"),
            ("content-security-policy", "default-src 'none'; sandbox"),
            ("cross-origin-resource-policy", "cross-origin"),
            ("x-content-type-options", "nosniff"),
        ] {
            assert_eq!(logo.headers[header], value);
        }
    }

    async fn the_description_names_every_route(world: World) {
        let document = world.get("/openapi.json").await.ok(200).json;
        assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
        let routes: Vec<String> = document["paths"].as_object().unwrap().iter()
            .flat_map(|(path, item)| item.as_object().unwrap().keys().map(move |method| format!("{method} {path}")))
            .collect();
        for route in [
            "get /.well-known/jwks.json", "get /healthz", "get /readyz", "get /users/api-key",
            "post /users/api-key/rotate", "post /users/authenticate", "post /users/logout", "get /users/nonce",
            "post /users/nonce", "post /users/refresh", "get /users/{address}/data", "post /users/{address}/data",
        ] {
            assert!(routes.contains(&route.to_owned()), "{route} is missing in {routes:?}");
        }
        let refusal = &document["paths"]["/users/nonce"]["post"]["responses"]["400"]["content"];
        assert!(refusal["application/problem+json"].is_object(), "{refusal}");
    }

    async fn the_description_names_what_any_route_may_answer(world: World) {
        let document = world.get("/openapi.json").await.ok(200).json;
        let operations = document["paths"].as_object().unwrap().values().flat_map(|item| item.as_object().unwrap().values());
        for operation in operations {
            let answers = &operation["responses"];
            assert!(answers["500"]["description"].as_str().unwrap().contains("`internal_error`"), "{operation}");
            let late = &answers["503"];
            assert!(late["description"].as_str().unwrap().contains("`timeout`"), "{operation}");
            assert!(late["headers"]["Retry-After"].is_object() && late["headers"]["Cache-Control"].is_object(), "{late}");
            assert!(late["content"]["application/problem+json"].is_object(), "{late}");
            if operation["security"].is_array() {
                assert!(answers["429"]["headers"]["RateLimit"].is_object(), "{operation}");
            }
        }
        for page in ["/openapi.json", "/docs", "/docs/errors"] {
            assert!(document["paths"][page]["get"].is_object(), "{page}");
        }
    }

    async fn a_crowd_that_asks_whether_it_is_ready_holds_up_nobody(world: World) {
        let crowd = join_all((0..100).map(|_| world.get("/readyz")));
        let (answers, _) = join(crowd, Wallet::number(1).sign_in(&world)).await;
        for answer in answers {
            answer.ok(200);
        }
        // For a second nobody looks again: not even the one writer of SQLite, which somebody has here, is waited for.
        let busy = world.core.db().write().await.unwrap();
        world.get("/readyz").await.ok(200);
        drop(busy);
        world.core.db().close().await;
        world.pass(Duration::from_secs(1));
        world.get("/readyz").await.refused(503, "database_unavailable");
    }

    async fn a_database_that_is_gone_is_503_with_retry_after(world: World) {
        let wallet = Wallet::number(1);
        let session = wallet.sign_in(&world).await;
        let signature = wallet.sign(&wallet.nonce(&world).await);
        let free = world.get("/users/nonce").await.ok(200).field("nonce").to_owned();
        let proof = json!({"address": wallet.address, "signature": signature});
        let named = json!({"address": wallet.address, "signature": wallet.sign(&free), "nonce": free});
        world.core.db().close().await;
        for (method, path, body) in [
            ("GET", "/readyz".to_owned(), Value::Null),
            ("POST", "/users/nonce".to_owned(), json!({"address": session.address})),
            ("POST", "/users/authenticate".to_owned(), proof),
            ("POST", "/users/authenticate".to_owned(), named),
            ("GET", session.profile_path(), Value::Null),
            ("POST", session.profile_path(), json!({"name": "someone"})),
            ("GET", "/users/api-key".to_owned(), Value::Null),
            ("POST", "/users/api-key/rotate".to_owned(), Value::Null),
            ("POST", "/users/logout".to_owned(), Value::Null),
            ("POST", "/users/refresh".to_owned(), json!({"refreshToken": session.refresh})),
        ] {
            let answer = world.call(method, &path, &[("x-auth-token", &session.token)], &body).await;
            let answer = answer.refused(503, "database_unavailable");
            assert!(answer.headers.contains_key("retry-after"), "{path}");
        }
        // What asks no database goes on.
        for path in ["/healthz", "/users/nonce", "/.well-known/jwks.json"] {
            world.get(path).await.ok(200);
        }
    }

    async fn pages_of_configured_origins_may_call_and_others_get_nothing(world: World) {
        let open = world.again_with(&[("CORS_ORIGINS", "[\"https://app.example\"]")]).await;
        let preflight = [
            ("origin", "https://app.example"),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", "content-type,x-auth-token"),
        ];
        let answer = open.call("OPTIONS", "/users/authenticate", &preflight, &Value::Null).await.ok(200);
        assert_eq!(answer.headers["access-control-allow-origin"], "https://app.example");
        assert!(answer.headers["access-control-allow-headers"].to_str().unwrap().contains("x-auth-token"));
        let answer = open.call("GET", "/users/nonce", &[("origin", "https://app.example")], &Value::Null).await.ok(200);
        let exposed = answer.headers["access-control-expose-headers"].to_str().unwrap();
        for name in ["x-unavailable-chains", "retry-after", "ratelimit", "ratelimit-policy", "x-request-id"] {
            assert!(exposed.contains(name), "{name}");
        }
        for (gateway, origin) in [(&open, "https://evil.example"), (&open, "null"), (&world, "https://app.example")] {
            let answer = gateway.call("GET", "/users/nonce", &[("origin", origin)], &Value::Null).await;
            assert!(!answer.headers.contains_key("access-control-allow-origin"), "{origin}");
        }
    }

    async fn a_closed_door_has_no_routes(world: World) {
        let closed = world.again_with(&[("DOORS__WALLET", "false")]).await;
        closed.get("/users/nonce").await.refused(404, "unknown_route");
        assert!(closed.get("/openapi.json").await.ok(200).json["paths"].get("/users/nonce").is_none());
    }

    async fn every_answer_has_a_request_id_of_its_own(world: World) {
        let one = world.call("GET", "/healthz", &[("x-request-id", "chosen-by-a-stranger")], &Value::Null).await;
        let other = world.get("/healthz").await;
        assert_ne!(one.headers["x-request-id"], other.headers["x-request-id"]);
        assert_ne!(one.headers["x-request-id"], "chosen-by-a-stranger");
    }

    async fn requests_and_sign_ins_are_counted_without_a_name_of_anybody(world: World) {
        let session = Wallet::number(1).sign_in(&world).await;
        session.read(&world).await.ok(200);
        Wallet::number(1).post(&world, "0x").await.refused(401, "invalid_signature");
        world.get("/users/secret-path?session_token=secret").await.refused(404, "unknown_route");
        let text = world.core.metrics_text();
        for line in [
            "countersign_sign_ins_total{outcome=\"ok\"} 1",
            "countersign_sign_ins_total{outcome=\"invalid_signature\"} 1",
            "countersign_http_requests_total{method=\"GET\",route=\"/users/{address}/data\",status=\"200\"} 1",
            "countersign_http_requests_total{method=\"GET\",route=\"unmatched\",status=\"404\"} 1",
            "countersign_database_connections{state=\"idle\"}",
        ] {
            assert!(text.contains(line), "{line} is missing in {text}");
        }
        assert!(!text.contains(&session.address) && !text.contains("secret"));
    }
}
