//! Limits: per client network, towards one wallet, and never against its owner.

use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use serde_json::json;

use crate::support::wallet::{Wallet, refresh};
use crate::support::world::{Answer, World, on_both};

/// Posts as a client behind the proxy whose peer address tests have.
async fn post_from(world: &World, client: &str, path: &str, body: serde_json::Value) -> Answer {
    let request = Request::post(path).header("x-forwarded-for", client);
    world.send(request.body(Body::from(body.to_string())).unwrap()).await
}

const TIGHT: [(&str, &str); 9] = [
    ("LIMITS__ENABLED", "true"),
    ("TRUSTED_PROXIES", "[\"0.0.0.0\"]"),
    ("LIMITS__NONCES__BURST", "3"),
    ("LIMITS__NONCES__RATE", "60"),
    ("LIMITS__WALLET_FAILURES__BURST", "2"),
    ("LIMITS__WALLET_FAILURES__RATE", "60"),
    ("LIMITS__SIGN_INS__BURST", "10"),
    ("LIMITS__WRITES__BURST", "2"),
    ("LIMITS__REFUSED_CREDENTIALS__BURST", "2"),
];

on_both! {
    async fn a_burst_passes_and_then_the_client_is_told_how_long_to_wait(world: World) {
        let world = world.again_with(&TIGHT).await;
        let body = json!({"address": Wallet::number(1).address});
        for _ in 0..3 {
            post_from(&world, "192.0.2.1", "/users/nonce", body.clone()).await.ok(200);
        }
        let refused = post_from(&world, "192.0.2.1", "/users/nonce", body.clone()).await;
        let refused = refused.refused(429, "too_many_requests");
        assert_eq!(refused.headers["retry-after"], "1");
        assert_eq!(refused.headers["ratelimit"], "\"nonces\";r=0;t=1");
        assert_eq!(refused.headers["ratelimit-policy"], "\"nonces\";q=3");
        post_from(&world, "192.0.2.2", "/users/nonce", body.clone()).await.ok(200);
        world.pass(Duration::from_secs(1));
        post_from(&world, "192.0.2.1", "/users/nonce", body).await.ok(200);
    }

    async fn an_ipv6_customer_gains_nothing_by_moving_within_his_network(world: World) {
        let world = world.again_with(&TIGHT).await;
        let body = json!({"address": Wallet::number(1).address});
        for host in 1..=3 {
            post_from(&world, &format!("2001:db8::{host}"), "/users/nonce", body.clone()).await.ok(200);
        }
        let refused = post_from(&world, "2001:db8::4", "/users/nonce", body.clone()).await;
        refused.refused(429, "too_many_requests");
        post_from(&world, "2001:db8:0:1::1", "/users/nonce", body).await.ok(200);
    }

    async fn a_forged_forwarding_header_moves_nobody(world: World) {
        let mut untrusting = TIGHT.to_vec();
        untrusting[1] = ("TRUSTED_PROXIES", "[]");
        let world = world.again_with(&untrusting).await;
        let body = json!({"address": Wallet::number(1).address});
        for host in 1..=3 {
            post_from(&world, &format!("192.0.2.{host}"), "/users/nonce", body.clone()).await.ok(200);
        }
        post_from(&world, "192.0.2.4", "/users/nonce", body).await.refused(429, "too_many_requests");
    }

    async fn strangers_failures_never_keep_the_owner_out(world: World) {
        let world = world.again_with(&TIGHT).await;
        let wallet = Wallet::number(1);
        let nonce = wallet.nonce(&world).await;
        let wrong = json!({"address": wallet.address, "signature": Wallet::number(2).sign(&nonce)});
        for _ in 0..2 {
            let answer = post_from(&world, "192.0.2.1", "/users/authenticate", wrong.clone()).await;
            answer.refused(401, "invalid_signature");
        }
        let refused = post_from(&world, "192.0.2.1", "/users/authenticate", wrong.clone()).await;
        refused.refused(429, "too_many_requests");
        let elsewhere = post_from(&world, "192.0.2.2", "/users/authenticate", wrong).await;
        elsewhere.refused(401, "invalid_signature");
        let right = json!({"address": wallet.address, "signature": wallet.sign(&nonce)});
        post_from(&world, "192.0.2.1", "/users/authenticate", right).await.ok(200);
    }

    async fn what_one_credential_changes_is_limited_and_another_one_of_the_account_is_free(world: World) {
        let world = world.again_with(&TIGHT).await;
        let (one, other) = (Wallet::number(1).sign_in(&world).await, Wallet::number(1).sign_in(&world).await);
        let key = other.api_key(&world).await;
        let path = one.profile_path();
        let name = json!({"name": "Ada"});
        world.post_as(&one.token, &path, name.clone()).await.ok(200);
        world.post_as(&one.token, "/users/api-key/rotate", json!(null)).await.ok(200);
        for path in [path.as_str(), "/users/api-key/rotate"] {
            let refused = world.post_as(&one.token, path, name.clone()).await.refused(429, "too_many_requests");
            assert_eq!(refused.headers["ratelimit-policy"], "\"writes\";q=2");
        }
        world.call("POST", &path, &[("x-api-key", &key)], &name).await.refused(401, "invalid_api_key");
        let key = other.api_key(&world).await;
        world.call("POST", &path, &[("x-api-key", &key)], &name).await.ok(200);
        world.post_as(&other.token, "/users/api-key/rotate", json!(null)).await.ok(200);
        // What ends a session can be done once, so it needs no limit, and nothing may keep anybody from it.
        world.get_as(&one.token, &path).await.ok(200);
        world.post_as(&one.token, "/users/logout", json!(null)).await.ok(204);
    }

    async fn refused_credentials_are_limited_and_a_good_one_always_passes(world: World) {
        let world = world.again_with(&TIGHT).await;
        let session = Wallet::number(1).sign_in(&world).await;
        world.get_as("made.up.token", &session.profile_path()).await.refused(401, "invalid_token");
        world.call("GET", &session.profile_path(), &[("x-api-key", "csk_made-up")], &json!(null)).await
            .refused(401, "invalid_api_key");
        for _ in 0..3 {
            let refused = world.get_as("made.up.token", &session.profile_path()).await;
            let refused = refused.refused(429, "too_many_requests");
            assert_eq!(refused.headers["ratelimit-policy"], "\"refused_credentials\";q=2");
            refresh(&world, "csr_made-up").await.refused(429, "too_many_requests");
        }
        world.get(&session.profile_path()).await.refused(401, "not_authenticated");
        session.read(&world).await.ok(200);
        refresh(&world, &session.refresh).await.ok(200);
        world.pass(Duration::from_mins(30));
        session.read(&world).await.refused(401, "token_expired");
    }
}
