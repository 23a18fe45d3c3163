//! `GET /v1/users/token`.

use serde_json::Value;

use crate::support::person::{PASSWORD, basic, register, token};
use crate::support::world::{World, on_both};

on_both! {
    async fn basic_authentication_by_either_name_gives_an_access_token(world: World) {
        register(&world, "trader1").await.ok(201);
        for name in ["trader1", "Trader1@example.com"] {
            let answer = token(&world, name, PASSWORD).await.ok(200);
            assert_eq!(answer.headers["cache-control"], "no-store");
            assert_eq!(answer.json.as_object().unwrap().len(), 1);
            world.get_as(answer.field("token"), "/users/wallets").await.ok(200);
        }
    }

    async fn whatever_else_comes_is_asked_for_basic_authentication(world: World) {
        register(&world, "trader1").await.ok(201);
        let bearer = token(&world, "trader1", PASSWORD).await.ok(200);
        let bearer = format!("Bearer {}", bearer.field("token"));
        let wrong = basic("trader1", "a wrong password");
        let unknown = basic("nobody", PASSWORD);
        for (value, code) in [
            (None, "not_authenticated"),
            (Some(bearer.as_str()), "invalid_credentials"),
            (Some("Basic"), "invalid_credentials"),
            (Some("Basic !"), "invalid_credentials"),
            (Some("Basic dHJhZGVyMQ=="), "invalid_credentials"),
            (Some(wrong.as_str()), "invalid_credentials"),
            (Some(unknown.as_str()), "invalid_credentials"),
        ] {
            let headers: Vec<_> = value.map(|value| ("authorization", value)).into_iter().collect();
            let answer = world.call("GET", "/v1/users/token", &headers, &Value::Null).await.refused(401, code);
            assert_eq!(answer.headers["www-authenticate"], "Basic realm=\"countersign\", charset=\"UTF-8\"");
        }
    }
}
