//! `GET /v1/users/{email}/memberships`.

use std::time::Duration;

use aws_lc_rs::hmac;
use countersign::clock::Stopwatch;
use serde_json::{Value, json};

use crate::support::person::PASSWORD;
use crate::support::platform::{authenticate, join, with};
use crate::support::world::{Answer, World, on_both};

const SECRET: &str = "shared with the provider";
const PATH: &str = "/v1/users/trader1@example.com/memberships";

/// Lets the provider sign what it says of the first account, and posts it as its owner.
async fn synchronise(world: &World, token: &str, mut data: Value) -> Answer {
    data["user_id"] = json!(1);
    data["issued_at"] = json!(world.clock.now().rfc3339());
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let signature = format!("sha256={}", hex::encode(hmac::sign(&key, data.to_string().as_bytes())));
    let headers = [("x-auth-token", token), ("x-membership-signature", signature.as_str())];
    world.call("POST", "/api/users/sync-membership", &headers, &data).await
}

on_both! {
    async fn what_the_provider_signed_is_told_until_it_is_over(world: World) {
        let world = world.again_with(&[("MEMBERSHIP__SECRET", SECRET)]).await;
        let token = join(&world, "trader1").await;
        assert_eq!(world.get(PATH).await.ok(200).json, json!({"memberships": []}));
        synchronise(&world, &token, json!({"plan": "pro", "valid_until": "2026-01-02"})).await.ok(200);
        let told = world.get(PATH).await.ok(200);
        assert_eq!(told.json, json!({"memberships": [{"plan": "pro", "status": "active", "validUntil": "2026-01-02T00:00:00Z"}]}));
        assert_eq!(told.headers["cache-control"], "no-store");
        // By any spelling, and by nobody's credential.
        for spelling in ["TRADER1@Example.COM", "trader1%40example.com", "%74rader1@example.com"] {
            assert_eq!(world.get(&format!("/v1/users/{spelling}/memberships")).await.ok(200).json, told.json, "{spelling}");
        }
        world.pass(Duration::from_hours(24));
        assert_eq!(world.get(PATH).await.ok(200).json["memberships"][0]["status"], "expired");
        let token = authenticate(&world, "trader1", PASSWORD).await.ok(200).field("token").to_owned();
        synchronise(&world, &token, json!({"plan": "pro", "status": "trialing"})).await.ok(200);
        let told = world.get(PATH).await.ok(200);
        assert_eq!(told.json, json!({"memberships": [{"plan": "pro", "status": "trialing", "validUntil": null}]}));
        world.data().await.execute("UPDATE accounts SET disabled_at = 1").await;
        assert_eq!(world.get(PATH).await.ok(200).json, json!({"memberships": []}));
        world.data().await.execute("UPDATE accounts SET disabled_at = NULL").await;
        world.post_as(&token, "/api/users/clear-membership", Value::Null).await.ok(200);
        assert_eq!(world.get(PATH).await.ok(200).json, json!({"memberships": []}));
    }

    async fn what_nobody_signed_counts_for_nothing(world: World) {
        let token = join(&world, "trader1").await;
        let data = json!({"plan": "pro", "valid_until": "2030-01-01", "verified": true});
        with(&world, &token, "POST", "/api/users/sync-membership", data).await.ok(200);
        assert_eq!(world.get(PATH).await.ok(200).json, json!({"memberships": []}));
        let signs = world.again_with(&[("MEMBERSHIP__SECRET", SECRET)]).await;
        assert_eq!(signs.get(PATH).await.ok(200).json, json!({"memberships": []}));
        synchronise(&signs, &token, json!({"plan": "pro"})).await.ok(200);
        assert_eq!(signs.get(PATH).await.ok(200).json["memberships"][0]["plan"], "pro");
        world.post_as(&token, "/api/users/clear-membership", Value::Null).await.ok(200);
        assert_eq!(signs.get(PATH).await.ok(200).json, json!({"memberships": []}));
    }

    async fn nothing_tells_whether_there_is_such_an_account(world: World) {
        let world = world.again_with(&[("MEMBERSHIP__SECRET", SECRET)]).await;
        let token = join(&world, "trader1").await;
        synchronise(&world, &token, json!({"plan": "pro"})).await.ok(200);
        join(&world, "trader2").await;
        let known = world.get("/v1/users/trader2@example.com/memberships").await.ok(200);
        let nobody = world.get("/v1/users/nobody@example.com/memberships").await.ok(200);
        assert_eq!(known.text, nobody.text);
        let names = |answer: &Answer| answer.headers.keys().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(names(&known), names(&nobody));
        for path in [PATH, "/v1/users/nobody@example.com/memberships"] {
            let watch = Stopwatch::start();
            world.get(path).await.ok(200);
            assert!(watch.elapsed() >= Duration::from_millis(25), "{path} is answered after the usual time");
        }
    }

    async fn what_is_no_address_is_refused_and_a_setting_closes_it(world: World) {
        for bad in ["trader1", "a@b", "a@b@c.example", "33bdf6ce-a26e-4b52-80d2-f26d12245cce", "%00@b.example", "notifications"] {
            world.get(&format!("/v1/users/{bad}/memberships")).await.refused(400, "invalid_request");
        }
        world.get("/v1/users/%ff@b.example/memberships").await.refused(400, "invalid_path");
        world.post(PATH, json!({})).await.refused(405, "method_not_allowed");
        let closed = world.again_with(&[("PLATFORM__PUBLIC_MEMBERSHIPS", "false")]).await;
        closed.get(PATH).await.refused(403, "memberships_closed");
        closed.get("/v1/users/nobody@example.com/memberships").await.refused(403, "memberships_closed");
    }

    async fn a_network_asks_so_often(world: World) {
        let world = world.behind_proxy(&[("LIMITS__ENABLED", "true")]).await;
        let ask = async |address: &str| world.call_from(address, "GET", PATH, &Value::Null).await;
        let answers = futures_util::future::join_all((0..260).map(|_| ask("192.0.2.1"))).await;
        assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 240);
        let refused = ask("192.0.2.1").await.refused(429, "too_many_requests");
        assert!(refused.headers["ratelimit"].to_str().unwrap().starts_with("\"memberships\""));
        ask("192.0.2.2").await.ok(200);
        let tight = [("LIMITS__ENABLED", "true"), ("LIMITS__MEMBERSHIPS__BURST", "1"), ("LIMITS__MEMBERSHIPS__RATE", "60")];
        let world = world.behind_proxy(&tight).await;
        let ask = async || world.call_from("192.0.2.1", "GET", PATH, &Value::Null).await;
        ask().await.ok(200);
        ask().await.refused(429, "too_many_requests");
        world.pass(Duration::from_secs(1));
        ask().await.ok(200);
    }
}
