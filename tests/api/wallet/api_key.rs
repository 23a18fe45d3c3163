//! API keys: shown again, rotated, and what they may do.

use serde_json::{Value, json};

use crate::support::wallet::{Session, Wallet};
use crate::support::world::{Answer, World, on_both};

async fn with_key(world: &World, method: &str, path: &str, key: &str) -> Answer {
    world.call(method, path, &[("x-api-key", key)], &Value::Null).await
}

async fn rotate(world: &World, session: &Session) -> String {
    let answer = world.post_as(&session.token, "/users/api-key/rotate", json!(null)).await.ok(200);
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert_eq!(answer.field("address"), session.address);
    answer.field("apiKey").to_owned()
}

on_both! {
    async fn the_same_key_is_shown_until_it_is_rotated(world: World) {
        let session = Wallet::number(1).sign_in(&world).await;
        let key = session.api_key(&world).await;
        assert!(key.starts_with("csk_"));
        assert_eq!(session.api_key(&world).await, key);
        assert_eq!(Wallet::number(1).sign_in(&world).await.api_key(&world).await, key);
        let rotated = rotate(&world, &session).await;
        assert_ne!(rotated, key);
        assert_eq!(session.api_key(&world).await, rotated);
    }

    async fn rotating_makes_the_old_key_useless_at_once_on_every_node(world: World) {
        let second = world.again_with(&[]).await;
        let session = Wallet::number(1).sign_in(&world).await;
        let old = session.api_key(&world).await;
        with_key(&second, "GET", &session.profile_path(), &old).await.ok(200);
        let new = rotate(&world, &session).await;
        with_key(&second, "GET", &session.profile_path(), &old).await.refused(401, "invalid_api_key");
        with_key(&second, "GET", &session.profile_path(), &new).await.ok(200);
    }

    async fn a_key_reads_and_writes_the_profile_and_nothing_else(world: World) {
        let session = Wallet::number(1).sign_in(&world).await;
        let key = session.api_key(&world).await;
        with_key(&world, "GET", &session.profile_path(), &key).await.ok(200);
        let body = json!({"name": "by key"});
        world.call("POST", &session.profile_path(), &[("x-api-key", &key)], &body).await.ok(200);
        for (method, path) in [("GET", "/users/api-key"), ("POST", "/users/api-key/rotate"), ("POST", "/users/logout")] {
            with_key(&world, method, path, &key).await.refused(403, "person_required");
        }
    }

    async fn signing_out_leaves_the_key_alone(world: World) {
        let session = Wallet::number(1).sign_in(&world).await;
        let key = session.api_key(&world).await;
        world.post_as(&session.token, "/users/logout", json!(null)).await.ok(204);
        with_key(&world, "GET", &session.profile_path(), &key).await.ok(200);
    }

    async fn what_is_no_key_of_ours_is_refused(world: World) {
        let session = Wallet::number(1).sign_in(&world).await;
        let key = session.api_key(&world).await;
        let mut mistyped = key.clone();
        mistyped.replace_range(10..11, if &key[10..11] == "A" { "B" } else { "A" });
        let answer = with_key(&world, "GET", &session.profile_path(), &mistyped).await.refused(401, "invalid_api_key");
        assert!(answer.field("detail").contains("checksum"), "{}", answer.text);
        for wrong in ["", "csk_", &key[..key.len() - 1], &session.token, &session.refresh, "csk_ü"] {
            with_key(&world, "GET", &session.profile_path(), wrong).await.refused(401, "invalid_api_key");
        }
    }

    async fn a_key_of_another_root_secret_is_refused(world: World) {
        let other = World::elsewhere().await;
        let session = Wallet::number(1).sign_in(&world).await;
        let foreign = Wallet::number(1).sign_in(&other).await.api_key(&other).await;
        with_key(&world, "GET", &session.profile_path(), &foreign).await.refused(401, "invalid_api_key");
    }
}
