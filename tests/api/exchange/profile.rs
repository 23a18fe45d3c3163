//! `GET` and `PUT /api/users/profile`.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::person::{PASSWORD, call_as, login, register, session, token};
use crate::support::wallet::Wallet;
use crate::support::world::{Answer, World, on_both};

async fn change(world: &World, bearer: &str, body: Value) -> Answer {
    call_as(world, bearer, "PUT", "/api/users/profile", body).await
}

async fn read(world: &World, bearer: &str) -> Answer {
    call_as(world, bearer, "GET", "/api/users/profile", Value::Null).await
}

on_both! {
    async fn what_is_left_out_stays(world: World) {
        let token = session(&world, "trader1").await;
        let before = read(&world, &token).await.ok(200);
        for body in [json!({}), json!({"username": null, "email": null}), json!({"id": 9, "is_active": false})] {
            assert_eq!(change(&world, &token, body).await.ok(200).json, before.json);
        }
        let after = change(&world, &token, json!({"username": "Trader2"})).await.ok(200);
        let expected = json!({"id": 1, "username": "Trader2", "email": "trader1@example.com", "is_active": true});
        assert_eq!(after.json, expected);
        login(&world, "trader1", PASSWORD).await.refused(401, "invalid_credentials");
        login(&world, "trader2", PASSWORD).await.ok(200);
    }

    async fn a_new_address_needs_a_fresh_sign_in_or_the_password_and_is_not_verified(world: World) {
        let token = session(&world, "trader1").await;
        world.data().await.execute("UPDATE accounts SET email_verified_at = 1").await;
        world.pass(Duration::from_mins(10));
        let new = json!({"email": "new@example.com"});
        change(&world, &token, new.clone()).await.refused(403, "fresh_sign_in_required");
        let wrong = json!({"email": "new@example.com", "current_password": "a wrong password"});
        change(&world, &token, wrong).await.refused(401, "invalid_credentials");
        // The address that it has is no change, and stays verified.
        change(&world, &token, json!({"email": "trader1@example.com"})).await.ok(200);
        let verified = "SELECT CAST(COUNT(*) AS TEXT) FROM accounts WHERE email_verified_at IS NOT NULL";
        assert_eq!(world.data().await.text(verified).await, "1");
        let right = json!({"email": "new@example.com", "current_password": PASSWORD});
        assert_eq!(change(&world, &token, right).await.ok(200).field("email"), "new@example.com");
        assert_eq!(world.data().await.text(verified).await, "0");
        login(&world, "trader1@example.com", PASSWORD).await.refused(401, "invalid_credentials");
        login(&world, "new@example.com", PASSWORD).await.ok(200);
    }

    async fn a_change_of_address_or_password_ends_the_other_sessions_and_not_ones_own(world: World) {
        let own = session(&world, "trader1").await;
        for body in [
            json!({"email": "new@example.com"}),
            json!({"password": "another password", "current_password": PASSWORD}),
        ] {
            let other = login(&world, "trader1", PASSWORD).await.ok(200).field("session_token").to_owned();
            let access = token(&world, "trader1", PASSWORD).await.ok(200).field("token").to_owned();
            change(&world, &own, body).await.ok(200);
            read(&world, &own).await.ok(200);
            read(&world, &other).await.refused(401, "session_ended");
            read(&world, &access).await.refused(401, "session_ended");
        }
        login(&world, "trader1", PASSWORD).await.refused(401, "invalid_credentials");
        login(&world, "trader1", "another password").await.ok(200);
    }

    async fn a_password_is_replaced_only_by_whoever_knows_it(world: World) {
        let token = session(&world, "trader1").await;
        let new = "another password";
        change(&world, &token, json!({"password": new})).await.refused(403, "current_password_required");
        let wrong = json!({"password": new, "current_password": "a wrong password"});
        change(&world, &token, wrong).await.refused(401, "invalid_credentials");
        let weak = json!({"password": "password", "current_password": PASSWORD});
        change(&world, &token, weak).await.refused(422, "invalid_request");
        login(&world, "trader1", PASSWORD).await.ok(200);
    }

    async fn a_wallet_account_gets_names_and_a_password_and_signs_in_by_them(world: World) {
        let wallet = Wallet::number(1).sign_in(&world).await;
        let before = world.get_as(&wallet.token, "/api/users/profile").await.ok(200);
        assert_eq!(before.field("username"), wallet.address, "its owner sees it under its wallet");
        let body = json!({"username": "ada", "email": "ada@example.com", "password": PASSWORD});
        change(&world, &wallet.token, body).await.ok(200);
        login(&world, "ada", PASSWORD).await.ok(200);
        wallet.read(&world).await.ok(200);
        // Of the ways in, none is the last one now.
        world.call("DELETE", &format!("/users/wallets/{}", wallet.address), &[("x-auth-token", &wallet.token)], &Value::Null)
            .await
            .ok(204);
        let opened = login(&world, "ada@example.com", PASSWORD).await.ok(200);
        assert_eq!(opened.json["user"]["id"], before.json["id"]);
    }

    async fn a_taken_name_is_refused_and_nothing_is_changed(world: World) {
        register(&world, "trader2").await.ok(201);
        let token = session(&world, "trader1").await;
        for body in [
            json!({"username": "TRADER2"}),
            json!({"username": "free-one", "email": "Trader2@example.com"}),
            json!({"username": "trader2", "email": "free@example.com"}),
        ] {
            change(&world, &token, body).await.refused(409, "identity_already_used");
        }
        let expected = json!({"id": 2, "username": "trader1", "email": "trader1@example.com", "is_active": true});
        assert_eq!(read(&world, &token).await.ok(200).json, expected);
    }

    async fn an_api_key_changes_the_username_and_nothing_that_protects(world: World) {
        let wallet = Wallet::number(1).sign_in(&world).await;
        let key = wallet.api_key(&world).await;
        let headers = [("content-type", "application/json"), ("x-api-key", key.as_str())];
        let put = async |body: Value| world.call("PUT", "/api/users/profile", &headers, &body).await;
        put(json!({"username": "ada"})).await.ok(200);
        put(json!({"email": "ada@example.com"})).await.refused(403, "person_required");
        put(json!({"password": "another password"})).await.refused(403, "person_required");
        for route in ["sync-membership", "clear-membership"] {
            let body = json!({"plan": "pro"});
            let answer = world.call("POST", &format!("/api/users/{route}"), &headers, &body).await;
            answer.refused(403, "person_required");
        }
    }

    async fn without_a_credential_there_is_no_profile(world: World) {
        world.get("/api/users/profile").await.refused(401, "not_authenticated");
        world.call("PUT", "/api/users/profile", &[], &json!({})).await.refused(401, "not_authenticated");
    }
}
