//! `POST /api/users/register`.

use serde_json::{Value, json};

use crate::support::person::{PASSWORD, login, register};
use crate::support::world::{World, on_both};

on_both! {
    async fn a_name_is_one_in_every_spelling_and_shares_its_namespace_with_addresses(world: World) {
        register(&world, "trader1").await.ok(201);
        for (username, email) in [
            ("trader1", json!(null)),
            ("TRADER1", json!(null)),
            ("ｔｒａｄｅｒ１", json!(null)),
            ("other", json!("trader1@example.com")),
            ("other", json!("Trader1@EXAMPLE.com")),
            ("other", json!("trader1＠example.com")),
        ] {
            let body = json!({"username": username, "email": email});
            world.post("/api/users/register", body).await.refused(409, "identity_already_used");
        }
        // Two letters of other scripts that look the same are other names.
        world.post("/api/users/register", json!({"username": "trаder1"})).await.ok(201);
    }

    async fn every_fault_of_a_registration_is_told_at_once(world: World) {
        let body = json!({"username": "_", "email": "nobody", "password": "short"});
        let answer = world.post("/api/users/register", body).await.refused(422, "invalid_request");
        let fields: Vec<&str> =
            answer.json["violations"].as_array().unwrap().iter().map(|v| v["field"].as_str().unwrap()).collect();
        assert_eq!(fields, ["username", "email", "password"]);
        assert!(!answer.text.contains("short"), "a password is in no answer");
    }

    async fn names_that_could_be_taken_for_others_are_refused(world: World) {
        for username in [
            "a@b.example", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "user-1", "ＵＳＥＲ-１", "a\u{200d}b",
            "a\u{0}b", "", " ab", "ab ",
        ] {
            let answer = world.post("/api/users/register", json!({"username": username})).await;
            answer.refused(422, "invalid_request");
        }
    }

    async fn without_a_password_nobody_signs_in_by_one(world: World) {
        world.post("/api/users/register", json!({"username": "trader1"})).await.ok(201);
        for password in ["", "null", PASSWORD] {
            login(&world, "trader1", password).await.refused(401, "invalid_credentials");
        }
    }

    async fn what_is_not_a_persons_to_say_is_not_taken_from_a_registration(world: World) {
        let body = json!({"username": "trader1", "email": "t@example.com", "password": PASSWORD, "id": 99,
                          "role": "ADMIN", "roles": ["ADMIN"], "email_verified": true, "is_active": false});
        let answer = world.post("/api/users/register", body).await.ok(201);
        let expected = json!({"id": 1, "username": "trader1", "email": "t@example.com", "is_active": true});
        assert_eq!(answer.json, expected);
        let token = crate::support::person::token(&world, "trader1", PASSWORD).await.ok(200);
        let answer = world.get_as(token.field("token"), "/v1/users").await;
        answer.refused(403, "admin_required");
    }

    async fn a_body_that_is_none_is_told_so(world: World) {
        for (body, status, code) in [
            ("{", 400, "invalid_json"),
            ("[]", 422, "invalid_request"),
            ("{\"username\":7}", 422, "invalid_request"),
            ("{}", 422, "invalid_request"),
        ] {
            let request = axum::http::Request::post("/api/users/register").body(body.into()).unwrap();
            world.send(request).await.refused(status, code);
        }
        let long = json!({"username": "trader1", "password": "x".repeat(70_000)});
        world.post("/api/users/register", long).await.refused(413, "body_too_large");
        let typed = [("content-type", "text/plain")];
        world.call("POST", "/api/users/register", &typed, &json!({})).await.refused(415, "unsupported_media_type");
        world.call("DELETE", "/api/users/register", &[], &Value::Null).await.refused(405, "method_not_allowed");
    }

    async fn common_passwords_are_refused_in_every_spelling(world: World) {
        for password in ["password", "PassWord", "Ｐａｓｓｗｏｒｄ", "qwertyuiop", "trader1@example.com", "1234567"] {
            let body = json!({"username": "trader1", "email": "trader1@example.com", "password": password});
            world.post("/api/users/register", body).await.refused(422, "invalid_request");
        }
        let body = json!({"username": "trader1", "password": "\u{1f600}".repeat(8)});
        world.post("/api/users/register", body).await.ok(201);
    }

    async fn a_password_is_compared_whole_and_in_one_form(world: World) {
        let long = "é".repeat(128);
        let body = json!({"username": "trader1", "password": long});
        world.post("/api/users/register", body).await.ok(201);
        login(&world, "trader1", &long).await.ok(200);
        login(&world, "trader1", &"e\u{301}".repeat(128)).await.ok(200);
        login(&world, "trader1", &"é".repeat(127)).await.refused(401, "invalid_credentials");
        login(&world, "trader1", &format!("{long}é")).await.refused(401, "invalid_credentials");
    }
}
