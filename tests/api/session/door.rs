//! Registration, sign-in, refresh and sign-out by tokens, and the faults of bodies.

use serde_json::{Value, json};

use crate::support::person::{PASSWORD, basic, call_as, register, token};
use crate::support::wallet::Wallet;
use crate::support::world::{Answer, World, on_both};

async fn login(world: &World, name: &str, password: &str) -> Answer {
    world.post("/auth/login", json!({"email": name, "password": password})).await
}

fn faults(answer: &Answer) -> Vec<(String, String)> {
    let detail = answer.json["detail"].as_array().unwrap_or_else(|| panic!("no list in {}", answer.text));
    let loc = |fault: &Value| {
        let parts = fault["loc"].as_array().unwrap().iter().map(|part| part.as_str().unwrap());
        parts.collect::<Vec<_>>().join(".")
    };
    detail.iter().map(|fault| (loc(fault), fault["type"].as_str().unwrap().to_owned())).collect()
}

on_both! {
    async fn a_person_of_any_door_signs_in_at_this_one_and_the_other_way_round(world: World) {
        register(&world, "trader1").await.ok(201);
        for name in ["trader1", "Trader1@example.com"] {
            login(&world, name, PASSWORD).await.ok(200);
        }
        let body = json!({"name": "Bob", "email": "bob@example.com", "password": PASSWORD, "passwordConfirm": PASSWORD});
        world.post("/v1/users", body).await.ok(201);
        login(&world, "bob@example.com", PASSWORD).await.ok(200);
        let body = json!({"email": "ada@example.com", "password": PASSWORD});
        let made = world.post("/auth/register", body.clone()).await.ok(201);
        assert_eq!((&made.json["email_verified"], &made.json["expires_in"]), (&json!(false), &json!(1800)));
        token(&world, "ada@example.com", PASSWORD).await.ok(200);
        world.post("/auth/register", body).await.refused(409, "identity_already_used");
        let wallet = Wallet::number(1).sign_in(&world).await;
        let me = world.get_as(&wallet.token, "/auth/me").await.ok(200);
        assert_eq!(me.json["wallets"], json!([wallet.address]));
        assert_eq!((&me.json["email"], &me.json["username"]), (&Value::Null, &Value::Null));
    }

    async fn a_password_has_as_many_characters_here_as_at_other_doors(world: World) {
        // In their decomposed form they are 140.
        let long = "e\u{301}".repeat(70);
        let body = json!({"username": "trader1", "email": "trader1@example.com", "password": long});
        world.post("/api/users/register", body).await.ok(201);
        login(&world, "trader1", &long).await.ok(200);
        login(&world, "trader1", &"\u{e9}".repeat(70)).await.ok(200);
        let faulty = login(&world, "trader1", &"\u{e9}".repeat(129)).await.ok(422);
        assert_eq!(faults(&faulty), [("body.password".to_owned(), "string_too_long".to_owned())]);
    }

    async fn every_fault_of_a_body_is_listed_in_the_order_of_its_fields(world: World) {
        let text = |kind: &str| kind.to_owned();
        for (path, body, expected) in [
            ("register", json!({}), vec![("body.email", "missing"), ("body.password", "missing")]),
            ("register", json!({"email": "x", "password": "short"}), vec![("body.email", "value_error"), ("body.password", "string_too_short")]),
            ("register", json!({"email": 1, "password": null}), vec![("body.email", "string_type"), ("body.password", "string_type")]),
            ("register", json!({"email": "a@b.example", "password": "x".repeat(129)}), vec![("body.password", "string_too_long")]),
            ("register", json!({"email": "a@b.example", "password": "password"}), vec![("body.password", "value_error")]),
            ("login", json!({"email": "no name at all", "password": ""}), vec![("body.email", "value_error"), ("body.password", "string_too_short")]),
            ("verify-email", json!({"code": "12345", "email": "x"}), vec![("body.code", "string_too_short"), ("body.email", "value_error")]),
            ("resend-verification", json!({}), vec![("body.email", "missing")]),
            ("forgot-password", json!({"email": ["a@b.example"]}), vec![("body.email", "string_type")]),
            ("reset-password", json!({"token": ""}), vec![("body.new_password", "missing"), ("body.token", "string_too_short")]),
            ("reset-password", json!({"token": "x".repeat(257), "new_password": PASSWORD}), vec![("body.token", "string_too_long")]),
            ("refresh", json!({"refresh_token": 7}), vec![("body.refresh_token", "string_type")]),
            ("logout", json!({"refresh_token": {}}), vec![("body.refresh_token", "string_type")]),
            ("login", json!([]), vec![("body", "model_attributes_type")]),
        ] {
            let answer = world.post(&format!("/auth/{path}"), body).await.ok(422);
            assert_eq!(answer.headers["content-type"], "application/json");
            let expected: Vec<_> = expected.into_iter().map(|(loc, kind)| (text(loc), text(kind))).collect();
            assert_eq!(faults(&answer), expected, "{path}");
        }
        let request = axum::http::Request::post("/auth/login").body("{".into()).unwrap();
        world.send(request).await.refused(400, "invalid_json");
    }

    async fn a_refresh_token_rotates_and_its_second_use_ends_the_session(world: World) {
        register(&world, "trader1").await.ok(201);
        let first = login(&world, "trader1", PASSWORD).await.ok(200);
        let body = json!({"refresh_token": first.field("refresh_token")});
        let second = world.post("/auth/refresh", body.clone()).await.ok(200);
        let again = world.post("/auth/refresh", body.clone()).await.ok(200);
        assert_eq!(second.field("refresh_token"), again.field("refresh_token"), "within ten seconds the same one");
        world.pass(std::time::Duration::from_secs(10));
        world.post("/auth/refresh", body).await.refused(401, "refresh_token_reused");
        let body = json!({"refresh_token": second.field("refresh_token")});
        world.post("/auth/refresh", body).await.refused(401, "session_ended");
        world.post("/auth/refresh", Value::Null).await.refused(401, "not_authenticated");
    }

    async fn signing_out_takes_any_token_of_the_session_or_none(world: World) {
        register(&world, "trader1").await.ok(201);
        for by in ["refresh", "bearer"] {
            let session = login(&world, "trader1", PASSWORD).await.ok(200);
            let (access, refresh) = (session.field("access_token"), session.field("refresh_token"));
            let answer = match by {
                "refresh" => world.post("/auth/logout", json!({"refresh_token": refresh})).await,
                _ => call_as(&world, access, "POST", "/auth/logout", Value::Null).await,
            };
            answer.ok(204);
            world.get_as(access, "/users/wallets").await.refused(401, "session_ended");
            let body = json!({"refresh_token": refresh});
            world.post("/auth/refresh", body.clone()).await.refused(401, "session_ended");
            world.post("/auth/logout", body).await.ok(204);
        }
        for body in [Value::Null, json!({}), json!({"refresh_token": ""}), json!({"refresh_token": "none of ours"})] {
            world.post("/auth/logout", body).await.ok(204);
        }
    }

    async fn the_programs_way_in_never_sets_a_cookie(world: World) {
        register(&world, "trader1").await.ok(201);
        let own = basic("trader1@example.com", PASSWORD);
        let answer = world.call("POST", "/auth/token", &[("authorization", &own)], &Value::Null).await.ok(200);
        assert!(!answer.headers.contains_key("set-cookie"));
        let body = json!({"refresh_token": answer.field("refresh_token")});
        world.post("/auth/refresh", body).await.ok(200);
        let wrong = basic("trader1", "a wrong password");
        for headers in [vec![], vec![("authorization", wrong.as_str())]] {
            let answer = world.call("POST", "/auth/token", &headers, &Value::Null).await;
            assert_eq!(answer.status, 401);
            assert!(answer.headers["www-authenticate"].to_str().unwrap().starts_with("Basic"));
        }
    }
}
