//! `POST /api/users/sync-membership` and `POST /api/users/clear-membership`.

use std::time::Duration;

use aws_lc_rs::hmac;
use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

use crate::support::person::session;
use crate::support::world::{Answer, World, on_both};

const SECRET: &str = "shared with the provider";
const KEPT: &str =
    "SELECT COALESCE((SELECT CAST(verified AS TEXT) || data FROM memberships WHERE data <> '{}'), 'nothing')";

fn signature(secret: &str, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    format!("sha256={}", hex::encode(hmac::sign(&key, body.as_bytes())))
}

async fn post(world: &World, token: &str, signature: Option<&str>, body: &str) -> Answer {
    let mut request = Request::post(format!("/api/users/sync-membership?session_token={token}"));
    if let Some(signature) = signature {
        request = request.header("x-membership-signature", signature);
    }
    world.send(request.body(Body::from(body.to_owned())).unwrap()).await
}

/// What is kept, whatever the database calls true.
async fn kept(world: &World) -> String {
    world.data().await.text(KEPT).await.replace("true", "1").replace("false", "0")
}

on_both! {
    async fn without_a_shared_secret_it_is_kept_and_counts_for_nothing(world: World) {
        let token = session(&world, "trader1").await;
        for body in [json!({"plan": "pro"}), json!({"membership_data": {"plan": "pro"}})] {
            post(&world, &token, None, &body.to_string()).await.ok(200);
            assert_eq!(kept(&world).await, "0{\"plan\":\"pro\"}");
        }
        world.post(&format!("/api/users/clear-membership?session_token={token}"), Value::Null).await.ok(200);
        assert_eq!(kept(&world).await, "nothing");
        for body in ["{}", "{\"membership_data\":{}}", "{\"membership_data\":[]}", "{\"user_id\":1}"] {
            post(&world, &token, None, body).await.refused(422, "invalid_request");
        }
        post(&world, "", None, "{\"plan\":\"pro\"}").await.refused(401, "invalid_token");
        world.post("/api/users/clear-membership", Value::Null).await.refused(401, "not_authenticated");
    }

    async fn with_one_only_what_the_provider_signed_for_this_account_a_moment_ago_is_taken(world: World) {
        let world = world.again_with(&[("MEMBERSHIP__SECRET", SECRET)]).await;
        let token = session(&world, "trader1").await;
        let body = |user: i64, at: &str| json!({"plan": "pro", "user_id": user, "issued_at": at}).to_string();
        let good = body(1, "2026-01-01T00:00:00Z");
        let signed = signature(SECRET, &good);
        for wrong in [
            None,
            Some(String::new()),
            Some(signed.replace("sha256=", "")),
            Some(signed.replace("sha256=", "sha1=")),
            Some(signed[..signed.len() - 2].to_owned()),
            Some(format!("{signed}00")),
            Some(signature("another secret", &good)),
            Some(signature(SECRET, &body(2, "2026-01-01T00:00:00Z"))),
        ] {
            let answer = post(&world, &token, wrong.as_deref(), &good).await;
            answer.refused(403, "membership_signature_invalid");
        }
        for (user, at) in [
            (2, "2026-01-01T00:00:00Z"),
            (1, "2025-12-31T23:54:59Z"),
            (1, "2026-01-01T00:01:00Z"),
            (1, "yesterday"),
        ] {
            let body = body(user, at);
            let answer = post(&world, &token, Some(&signature(SECRET, &body)), &body).await;
            answer.refused(403, "membership_outdated");
        }
        let unsaid = json!({"plan": "pro"}).to_string();
        post(&world, &token, Some(&signature(SECRET, &unsaid)), &unsaid).await.refused(403, "membership_outdated");
        assert_eq!(kept(&world).await, "nothing");
        post(&world, &token, Some(&signed.to_uppercase().replace("SHA256", "sha256")), &good).await.ok(200);
        assert_eq!(kept(&world).await, "1{\"plan\":\"pro\"}");
    }

    async fn what_was_said_later_is_not_replaced_by_what_was_said_before(world: World) {
        let world = world.again_with(&[("MEMBERSHIP__SECRET", SECRET)]).await;
        let token = session(&world, "trader1").await;
        world.pass(Duration::from_mins(2));
        let body = |plan: &str, at: &str| {
            json!({"membership_data": {"plan": plan}, "user_id": 1, "issued_at": at}).to_string()
        };
        let (before, after) = (body("pro", "2026-01-01T00:00:00Z"), body("free", "2026-01-01T00:01:00Z"));
        post(&world, &token, Some(&signature(SECRET, &after)), &after).await.ok(200);
        post(&world, &token, Some(&signature(SECRET, &before)), &before).await.refused(403, "membership_outdated");
        post(&world, &token, Some(&signature(SECRET, &after)), &after).await.ok(200);
        assert_eq!(kept(&world).await, "1{\"plan\":\"free\"}");
        world.post(&format!("/api/users/clear-membership?session_token={token}"), Value::Null).await.ok(200);
        for said in [&before, &after] {
            post(&world, &token, Some(&signature(SECRET, said)), said).await.refused(403, "membership_outdated");
        }
        assert_eq!(kept(&world).await, "nothing");
    }
}
