//! `POST /api/users/login`, and the session token that it gives.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::person::{PASSWORD, call_as, login, register, session};
use crate::support::wallet::Wallet;
use crate::support::world::{World, on_both};

on_both! {
    async fn either_name_signs_in_in_every_spelling(world: World) {
        register(&world, "trader1").await.ok(201);
        for name in ["trader1", "TRADER1", "trader1@example.com", "Trader1@Example.COM", "ｔｒａｄｅｒ１"] {
            let answer = login(&world, name, PASSWORD).await.ok(200);
            assert_eq!(answer.json["user"]["username"], "trader1");
            assert_eq!(answer.headers["cache-control"], "no-store");
        }
    }

    async fn the_token_is_good_in_the_query_of_this_door_and_as_a_bearer_everywhere(world: World) {
        let token = session(&world, "trader1").await;
        assert!(token.starts_with("cst_"));
        world.get(&format!("/api/users/profile?session_token={token}")).await.ok(200);
        call_as(&world, &token, "GET", "/api/users/profile", Value::Null).await.ok(200);
        call_as(&world, &token, "GET", "/users/wallets", Value::Null).await.ok(200);
        // Elsewhere the query is not looked at, and no other header takes it.
        world.get(&format!("/users/wallets?session_token={token}")).await.refused(401, "not_authenticated");
        world.get_as(&token, "/users/wallets").await.refused(401, "invalid_token");
        world.call("GET", "/users/wallets", &[("x-api-key", &token)], &Value::Null).await.refused(401, "invalid_api_key");
    }

    async fn a_token_that_is_none_is_nobodys_and_never_a_stranger(world: World) {
        let token = session(&world, "trader1").await;
        let other = session(&world, "trader2").await;
        for bad in ["", "x", "cst_", "cst_AAAA", &token[..token.len() - 1], &format!("{token}A"), &token.replace("cst_", "csr_")] {
            for route in ["profile", "exchange-config", ""] {
                let answer = world.get(&format!("/api/users/{route}?session_token={bad}")).await;
                answer.refused(401, "invalid_token");
            }
        }
        let both = format!("/api/users/profile?session_token={token}");
        let bearer = format!("Bearer {other}");
        let answer = world.call("GET", &both, &[("authorization", &bearer)], &Value::Null).await;
        answer.refused(400, "ambiguous_credentials");
        let same = format!("/api/users/profile?{}", vec![format!("session_token={token}"); 900].join("&"));
        world.get(&same).await.ok(200);
        let twice = format!("/api/users/profile?session_token={token}&session_token={other}");
        world.get(&twice).await.refused(400, "ambiguous_credentials");
    }

    async fn a_session_lasts_thirty_days_and_until_it_is_ended(world: World) {
        let token = session(&world, "trader1").await;
        world.pass(Duration::from_hours(30 * 24) - Duration::from_secs(1));
        call_as(&world, &token, "GET", "/api/users/profile", Value::Null).await.ok(200);
        world.pass(Duration::from_secs(1));
        call_as(&world, &token, "GET", "/api/users/profile", Value::Null).await.refused(401, "session_ended");
        let opened = login(&world, "trader1", PASSWORD).await.ok(200);
        let token = opened.field("session_token");
        call_as(&world, token, "POST", "/users/logout", Value::Null).await.ok(204);
        call_as(&world, token, "GET", "/api/users/profile", Value::Null).await.refused(401, "session_ended");
    }

    async fn nothing_tells_whether_there_is_such_an_account(world: World) {
        register(&world, "trader1").await.ok(201);
        world.post("/api/users/register", json!({"username": "keyless"})).await.ok(201);
        let mut told = Vec::new();
        for name in ["trader1", "trader1@example.com", "keyless", "nobody", "nobody@example.com", "not a name", "a\u{0}b", ""] {
            let answer = login(&world, name, "a wrong password").await.refused(401, "invalid_credentials");
            let body = answer.text.replace(answer.field("request_id"), "");
            let mut headers = answer.headers.clone();
            headers.remove("x-request-id");
            told.push((body, format!("{headers:?}")));
        }
        assert!(told.windows(2).all(|pair| pair[0] == pair[1]), "{told:#?}");
    }

    async fn a_password_account_links_a_wallet_and_signs_in_by_it_then(world: World) {
        let token = session(&world, "trader1").await;
        let wallet = Wallet::number(1);
        let body = json!({"address": wallet.address});
        let asked = call_as(&world, &token, "POST", "/users/wallets/challenge", body).await.ok(200);
        let message = asked.field("message");
        let proof = json!({"message": message, "signature": wallet.sign(message)});
        call_as(&world, &token, "POST", "/users/wallets", proof).await.ok(201);
        let signed_in = wallet.sign_in(&world).await;
        let answer = world.get_as(&signed_in.token, "/api/users/profile").await.ok(200);
        assert_eq!(answer.field("username"), "trader1");
        // It may go again, since there is a password.
        call_as(&world, &token, "DELETE", &format!("/users/wallets/{}", wallet.address), Value::Null).await.ok(204);
        signed_in.read(&world).await.refused(401, "session_ended");
    }

    async fn a_second_factor_that_is_in_force_is_asked_for_on_every_door(world: World) {
        register(&world, "trader1").await.ok(201);
        world.data().await.execute("UPDATE accounts SET second_factor_at = 1").await;
        login(&world, "trader1", PASSWORD).await.refused(401, "mfa_required");
        login(&world, "trader1", "a wrong password").await.refused(401, "invalid_credentials");
        let body = json!({"username": "trader1", "password": PASSWORD, "otp": "123456"});
        world.post("/api/users/login", body).await.refused(401, "invalid_code");
        crate::support::person::token(&world, "trader1", PASSWORD).await.refused(401, "mfa_required");
    }
}
