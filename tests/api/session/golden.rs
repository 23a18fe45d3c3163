//! The examples of the door's document, as one conversation; of the answers every field.

use serde_json::{Value, json};

use crate::support::golden::Golden;
use crate::support::person::basic;
use crate::support::world::{World, on_both};

const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

on_both! {
    async fn every_example_of_the_document_is_answered_as_it_says(world: World) {
        let mut golden = Golden::with(&world);
        // The document's password is one of the most common ones.
        let body = json!({"email": "user@example.com", "password": "stringst of mine"});
        golden.call("POST", "/auth/register", &JSON, body.clone()).await;
        let signed_in = golden.call("POST", "/auth/login", &JSON, body).await;
        let bearer = format!("Bearer {}", signed_in.field("access_token"));
        golden.call("GET", "/auth/me", &[("authorization", &bearer)], Value::Null).await;
        golden.call("POST", "/auth/refresh", &JSON, json!({})).await;
        let refresh = json!({"refresh_token": signed_in.field("refresh_token")});
        golden.call("POST", "/auth/refresh", &JSON, refresh.clone()).await;
        let own = basic("user@example.com", "stringst of mine");
        golden.call("POST", "/auth/token", &[("authorization", &own)], Value::Null).await;
        let code = world.mails().await[0].code();
        let verify = json!({"code": code, "email": "user@example.com"});
        let verified = golden.call("POST", "/auth/verify-email", &JSON, verify).await;
        let bearer = format!("Bearer {}", verified.field("access_token"));
        golden.call("GET", "/auth/me", &[("authorization", &bearer)], Value::Null).await;
        golden.call("POST", "/auth/resend-verification", &JSON, json!({"email": "user@example.com"})).await;
        golden.call("POST", "/auth/forgot-password", &JSON, json!({"email": "user@example.com"})).await;
        let token = world.mails().await[0].token();
        let reset = json!({"new_password": "stringst of yours", "token": token});
        golden.call("POST", "/auth/reset-password", &JSON, reset).await;
        golden.call("POST", "/auth/logout", &JSON, json!({})).await;
        golden.call("POST", "/auth/register", &JSON, json!({"email": "user", "password": "short"})).await;
        golden.compare("session/document");
    }
}
