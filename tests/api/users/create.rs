//! `POST /v1/users`.

use serde_json::{Value, json};

use crate::support::person::{PASSWORD, register, token};
use crate::support::world::{World, on_both};

fn bob() -> Value {
    json!({"name": "Bob", "email": "bob@example.com", "password": PASSWORD, "passwordConfirm": PASSWORD})
}

fn with(field: &str, value: Value) -> Value {
    let mut body = bob();
    body[field] = value;
    body
}

on_both! {
    async fn whoever_registers_here_signs_in_at_the_other_doors(world: World) {
        let made = world.post("/v1/users", bob()).await.ok(201);
        assert_eq!(made.json["roles"], json!(["USER"]));
        let opened = crate::support::person::login(&world, "bob@example.com", PASSWORD).await.ok(200);
        assert_eq!(opened.json["user"]["username"], "bob@example.com");
        token(&world, "bob@example.com", PASSWORD).await.ok(200);
    }

    async fn names_may_be_the_same_and_addresses_may_not(world: World) {
        world.post("/v1/users", bob()).await.ok(201);
        world.post("/v1/users", with("email", json!("other@example.com"))).await.ok(201);
        world.post("/v1/users", with("email", json!("BOB@example.com"))).await.refused(400, "identity_already_used");
        register(&world, "trader1").await.ok(201);
        let taken = with("email", json!("trader1@example.com"));
        world.post("/v1/users", taken).await.refused(400, "identity_already_used");
    }

    async fn what_breaks_a_rule_is_a_bad_request(world: World) {
        for (field, value) in [
            ("name", json!("")),
            ("name", json!(" \t")),
            ("name", json!("x".repeat(256))),
            ("name", json!("a\u{0}")),
            ("name", json!(7)),
            ("email", json!("bob")),
            ("email", json!(null)),
            ("password", json!("short")),
            ("password", json!("password")),
            ("passwordConfirm", json!("another password")),
            ("passwordConfirm", json!(null)),
        ] {
            world.post("/v1/users", with(field, value)).await.refused(400, "invalid_request");
        }
        world.post("/v1/users", json!({})).await.refused(400, "invalid_request");
        world.post("/v1/users", json!([])).await.refused(400, "invalid_request");
    }

    async fn what_is_not_a_persons_to_say_is_not_taken_from_the_body(world: World) {
        let mut body = bob();
        for (field, value) in [
            ("roles", json!(["ADMIN"])),
            ("role", json!("ADMIN")),
            ("enabled", json!(false)),
            ("emailVerified", json!(true)),
            ("id", json!("33bdf6ce-a26e-4b52-80d2-f26d12245cce")),
        ] {
            body[field] = value;
        }
        let made = world.post("/v1/users", body).await.ok(201);
        assert_eq!((&made.json["roles"], &made.json["enabled"]), (&json!(["USER"]), &json!(true)));
        assert_ne!(made.field("id"), "33bdf6ce-a26e-4b52-80d2-f26d12245cce");
        let own = token(&world, "bob@example.com", PASSWORD).await.ok(200);
        world.get_as(own.field("token"), "/v1/users").await.refused(403, "admin_required");
    }
}
