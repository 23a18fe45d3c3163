//! What is as strong a proof as the second factor, wherever something that protects the account is changed.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::authenticator::{Authenticator, ticket, verify, verify_and_remember};
use crate::support::person::{PASSWORD, call_as, login, session};
use crate::support::wallet::Wallet;
use crate::support::world::{Answer, World, on_both};

const PROFILE: &str = "/api/users/profile";
const PASSWORDS: &str = "/v1/users/passwords";

/// The changes, each without a code and with one.
#[derive(Clone, Copy, Debug)]
enum Change {
    Email,
    Password,
    PasswordOfPlatform,
    Wallet,
}

const CHANGES: [Change; 4] = [Change::Email, Change::Password, Change::PasswordOfPlatform, Change::Wallet];

async fn change(world: &World, bearer: &str, change: Change, code: Option<&str>) -> Answer {
    match change {
        Change::Email => {
            let email = if code.is_some() { "one@example.com" } else { "two@example.com" };
            let body = json!({"email": email, "current_password": PASSWORD, "otp": code});
            call_as(world, bearer, "PUT", PROFILE, body).await
        }
        Change::Password => {
            let body = json!({"password": PASSWORD, "current_password": PASSWORD, "otp": code});
            call_as(world, bearer, "PUT", PROFILE, body).await
        }
        Change::PasswordOfPlatform => {
            let body = json!({"currentPassword": PASSWORD, "newPassword": PASSWORD, "code": code});
            call_as(world, bearer, "PUT", PASSWORDS, body).await
        }
        Change::Wallet => {
            let authorization = format!("Bearer {bearer}");
            let mut headers = vec![("authorization", authorization.as_str())];
            headers.extend(code.map(|code| ("x-otp", code)));
            let path = format!("/users/wallets/{}", Wallet::number(1).address);
            world.call("DELETE", &path, &headers, &Value::Null).await
        }
    }
}

on_both! {
    async fn an_address_a_password_and_a_wallet_of_an_account_with_a_second_factor_are_changed_by_a_code(world: World) {
        let bearer = session(&world, "trader1").await;
        Wallet::number(1).link(&world, &bearer).await;
        let by_wallet = Wallet::number(1).sign_in(&world).await.token;
        let own = Authenticator::in_force(&world, &bearer).await;
        let used = own.code(&world);
        let renewed = Wallet::number(1).sign_in(&world).await.token;
        for made in CHANGES {
            // A password, a device and the key of a wallet stand for no code; neither does the session that a code was
            // verified in later.
            for token in [&bearer, &renewed] {
                change(&world, token, made, None).await.refused(401, "mfa_required");
            }
            change(&world, &bearer, made, Some(&own.wrong(&world))).await.refused(401, "invalid_code");
            change(&world, &bearer, made, Some(&used)).await.refused(401, "invalid_code");
            world.data().await.execute("DELETE FROM failures").await;
        }
        world.get_as(&by_wallet, "/users/wallets").await.refused(401, "session_ended");
        let unchanged = call_as(&world, &bearer, "GET", PROFILE, Value::Null).await.ok(200);
        assert_eq!(unchanged.field("email"), "trader1@example.com");
        for made in CHANGES {
            let answer = change(&world, &bearer, made, Some(&own.next(&world))).await;
            assert!(answer.status.is_success(), "{made:?}: {}", answer.text);
        }
        // And it takes the proof of before as well.
        let body = json!({"password": PASSWORD, "otp": own.next(&world)});
        call_as(&world, &bearer, "PUT", PROFILE, body).await.refused(403, "current_password_required");
        let body = json!({"currentPassword": "a wrong password", "newPassword": PASSWORD, "code": own.next(&world)});
        call_as(&world, &bearer, "PUT", PASSWORDS, body).await.refused(401, "invalid_credentials");
    }

    async fn a_sign_in_with_a_code_stands_for_one_for_ten_minutes(world: World) {
        let bearer = session(&world, "trader1").await;
        Wallet::number(1).link(&world, &bearer).await;
        let own = Authenticator::in_force(&world, &bearer).await;
        let body = json!({"username": "trader1", "password": PASSWORD, "otp": own.next(&world)});
        let fresh = world.post("/api/users/login", body).await.ok(200).field("session_token").to_owned();
        for made in CHANGES {
            let answer = change(&world, &fresh, made, None).await;
            assert!(answer.status.is_success(), "{made:?}: {}", answer.text);
        }
        world.pass(Duration::from_mins(10));
        let email = json!({"email": "three@example.com", "current_password": PASSWORD});
        call_as(&world, &fresh, "PUT", PROFILE, email).await.refused(401, "mfa_required");
        for made in [Change::Password, Change::PasswordOfPlatform] {
            change(&world, &fresh, made, None).await.refused(401, "mfa_required");
        }
        change(&world, &fresh, Change::Email, Some(&own.backup[0])).await.ok(200);
    }

    async fn a_sign_in_on_a_trusted_device_stands_for_none(world: World) {
        let bearer = session(&world, "trader1").await;
        let own = Authenticator::in_force(&world, &bearer).await;
        let step = ticket(&world, "trader1").await;
        let device = verify_and_remember(&world, &step, &own.next(&world)).await.ok(200);
        let body = json!({"username": "trader1", "password": PASSWORD});
        let headers = [("x-device-token", device.field("deviceToken"))];
        let trusted = world.call("POST", "/v1/users/authenticate", &headers, &body).await.ok(200);
        for made in [Change::Email, Change::Password, Change::PasswordOfPlatform] {
            change(&world, trusted.field("token"), made, None).await.refused(401, "mfa_required");
        }
        verify(&world, trusted.field("token"), &own.next(&world)).await.ok(200);
        change(&world, trusted.field("token"), Change::Email, None).await.refused(401, "mfa_required");
    }

    async fn without_a_second_factor_nothing_of_it_is_asked(world: World) {
        let bearer = session(&world, "trader1").await;
        Wallet::number(1).link(&world, &bearer).await;
        for made in CHANGES {
            let answer = change(&world, &bearer, made, None).await;
            assert!(answer.status.is_success(), "{made:?}: {}", answer.text);
        }
        change(&world, &bearer, Change::Email, Some("000000")).await.ok(200);
        login(&world, "trader1", PASSWORD).await.ok(200);
    }

    async fn a_code_that_is_no_text_is_told(world: World) {
        let bearer = session(&world, "trader1").await;
        for code in [json!(123_456), json!(["123456"]), json!({}), json!(true)] {
            let body = json!({"currentPassword": PASSWORD, "newPassword": PASSWORD, "code": code});
            call_as(&world, &bearer, "PUT", PASSWORDS, body).await.refused(400, "invalid_request");
            let body = json!({"email": "two@example.com", "current_password": PASSWORD, "otp": code});
            call_as(&world, &bearer, "PUT", PROFILE, body).await.refused(422, "invalid_request");
        }
        let authorization = format!("Bearer {bearer}");
        let headers = [("authorization", authorization.as_str()), ("x-otp", "123456"), ("x-otp", "654321")];
        let body = json!({"currentPassword": PASSWORD, "newPassword": PASSWORD});
        world.call("PUT", PASSWORDS, &headers, &body).await.refused(400, "ambiguous_credentials");
    }
}
