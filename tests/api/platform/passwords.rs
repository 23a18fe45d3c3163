//! `POST /v1/users/reset-password`, `PUT /v1/users/update-password` and `PUT /v1/users/passwords`.

use serde_json::{Value, json};

use crate::support::person::{PASSWORD, call_as, login, session};
use crate::support::platform::{authenticate, join, named, put, with};
use crate::support::wallet::Wallet;
use crate::support::world::{World, on_both};

const EMAIL: &str = "trader1@example.com";
const NEW: &str = "another password";

async fn forgot(world: &World, email: &str) {
    let answer = world.post("/v1/users/reset-password", json!({"email": email})).await.ok(204);
    assert!(answer.text.is_empty());
}

/// The token of the only link to a new password.
async fn mailed(world: &World) -> String {
    let mut mails = world.mails().await;
    mails.retain(|mail| mail.text.contains("reset-password#token="));
    assert_eq!(mails.len(), 1);
    mails.pop().unwrap().token()
}

on_both! {
    async fn a_link_that_either_door_mailed_is_good_at_either_door(world: World) {
        for (asks, sets) in [("/v1/users/reset-password", "/auth/reset-password"), ("/auth/forgot-password", "/v1/users/update-password"),
                             ("/v1/users/reset-password", "/v1/users/update-password")] {
            let name = asks.len().to_string() + &sets.len().to_string();
            let access = join(&world, &name).await;
            world.post(asks, json!({"email": format!("{name}@example.com")})).await;
            let token = mailed(&world).await;
            let new = json!({"token": token, "new_password": NEW, "password": NEW});
            let set = if sets.starts_with("/auth") { world.post(sets, new).await.ok(200) } else { put(&world, sets, new).await.ok(204) };
            assert!(!set.headers.contains_key("set-cookie") && set.json["token"].is_null(), "it signs nobody in");
            world.get_as(&access, "/v1/users/details").await.refused(401, "session_ended");
            authenticate(&world, &name, PASSWORD).await.refused(401, "invalid_credentials");
            let again = json!({"token": token, "password": NEW});
            put(&world, "/v1/users/update-password", again).await.refused(400, "invalid_link");
            authenticate(&world, &name, NEW).await.ok(200);
        }
    }

    async fn nobody_learns_from_it_whether_there_is_an_account(world: World) {
        join(&world, "trader1").await;
        world.mails().await;
        forgot(&world, "nobody@example.com").await;
        assert!(world.mails().await.is_empty());
        for _ in 0..5 {
            forgot(&world, "TRADER1@example.com").await;
        }
        mailed(&world).await;
    }

    async fn a_reset_leaves_the_second_factor_alone(world: World) {
        join(&world, "trader1").await;
        forgot(&world, EMAIL).await;
        world.data().await.execute("UPDATE accounts SET second_factor_at = 1").await;
        let token = world.mails().await.pop().unwrap().token();
        put(&world, "/v1/users/update-password", json!({"token": token, "password": NEW})).await.ok(204);
        let kept = "SELECT CAST(COUNT(*) AS TEXT) FROM accounts WHERE second_factor_at IS NOT NULL";
        assert_eq!(world.data().await.text(kept).await, "1");
    }

    async fn a_new_password_keeps_the_rules_and_the_field_is_named_as_here(world: World) {
        let token = join(&world, "trader1").await;
        forgot(&world, EMAIL).await;
        let link = world.mails().await.pop().unwrap().token();
        for password in ["short", "password123", "Trader1@example.com", &"x".repeat(129)] {
            let body = json!({"token": link, "password": password});
            let refused = put(&world, "/v1/users/update-password", body).await.refused(400, "invalid_request");
            assert_eq!(named(&refused), ["password"], "{password}");
            let body = json!({"currentPassword": PASSWORD, "newPassword": password});
            let refused = with(&world, &token, "PUT", "/v1/users/passwords", body).await.refused(400, "invalid_request");
            assert_eq!(named(&refused), ["newPassword"], "{password}");
        }
        for (path, body) in [
            ("/v1/users/update-password", json!({"token": 1, "password": NEW})),
            ("/v1/users/update-password", json!({"token": link})),
            ("/v1/users/update-password", json!({"password": NEW})),
            ("/v1/users/update-password", json!([])),
            ("/v1/users/passwords", json!({"newPassword": NEW})),
            ("/v1/users/passwords", json!({"currentPassword": PASSWORD})),
            ("/v1/users/passwords", json!({"currentPassword": null, "newPassword": NEW})),
            ("/v1/users/passwords", json!({"currentPassword": PASSWORD, "newPassword": 12_345_678})),
        ] {
            with(&world, &token, "PUT", path, body).await.refused(400, "invalid_request");
        }
        for body in [json!({}), json!({"email": 1}), json!({"email": "trader1"}), json!({"email": null}), json!([])] {
            world.post("/v1/users/reset-password", body).await.refused(400, "invalid_request");
        }
        for token in ["", "x", &"x".repeat(5000), &link.replace("crp_", "cce_")] {
            put(&world, "/v1/users/update-password", json!({"token": token, "password": NEW})).await.refused(400, "invalid_link");
        }
        // None of it has used the link up.
        put(&world, "/v1/users/update-password", json!({"token": link, "password": NEW})).await.ok(204);
    }

    async fn a_change_ends_the_other_sessions_and_not_ones_own(world: World) {
        let own = join(&world, "trader1").await;
        let other = authenticate(&world, "trader1", PASSWORD).await.ok(200).field("token").to_owned();
        let body = json!({"currentPassword": PASSWORD, "newPassword": NEW});
        let changed = with(&world, &own, "PUT", "/v1/users/passwords", body.clone()).await.ok(200);
        assert_eq!(changed.text, "{}");
        world.get_as(&own, "/v1/users/details").await.ok(200);
        world.get_as(&other, "/v1/users/details").await.refused(401, "session_ended");
        login(&world, "trader1", NEW).await.ok(200);
        let wrong = with(&world, &own, "PUT", "/v1/users/passwords", body).await.refused(401, "invalid_credentials");
        assert!(!wrong.text.contains(PASSWORD) && !wrong.text.contains(NEW));
        login(&world, "trader1", NEW).await.ok(200);
    }

    async fn passwords_are_a_persons_and_wrong_ones_make_wait(world: World) {
        let wallet = Wallet::number(1).sign_in(&world).await;
        let key = wallet.api_key(&world).await;
        let body = json!({"currentPassword": PASSWORD, "newPassword": NEW});
        world.call("PUT", "/v1/users/passwords", &[("x-api-key", &key)], &body).await.refused(403, "person_required");
        world.call("PUT", "/v1/users/passwords", &[], &body).await.refused(401, "not_authenticated");
        with(&world, &wallet.token, "PUT", "/v1/users/passwords", body).await.refused(401, "invalid_credentials");
        let opaque = session(&world, "trader1").await;
        world.data().await.execute("DELETE FROM known_networks").await;
        for _ in 0..5 {
            let guess = json!({"currentPassword": "a wrong password", "newPassword": NEW});
            call_as(&world, &opaque, "PUT", "/v1/users/passwords", guess).await.refused(401, "invalid_credentials");
        }
        let right = json!({"currentPassword": PASSWORD, "newPassword": NEW});
        call_as(&world, &opaque, "PUT", "/v1/users/passwords", right).await.refused(429, "too_many_requests");
        authenticate(&world, "trader1", PASSWORD).await.refused(429, "too_many_requests");
        assert_eq!(world.call("PUT", "/v1/users/passwords", &[("x-auth-token", "x")], &Value::Null).await.status, 401);
    }
}
