//! Signing in in two steps: what the password gives is good for the code alone.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::authenticator::{Authenticator, VERIFY, first_step, ticket, verify, verify_and_remember};
use crate::support::person::{PASSWORD, admin, call_as, session};
use crate::support::wallet::refresh;
use crate::support::world::{World, on_both};

/// Routes of all doors that take a credential, and every way to carry one.
const ROUTES: [(&str, &str); 24] = [
    ("GET", "/users/wallets"),
    ("GET", "/users/api-key"),
    ("POST", "/users/api-key/rotate"),
    ("POST", "/users/wallets/challenge"),
    ("POST", "/users/wallets"),
    ("POST", "/users/logout"),
    ("GET", "/users/tokens"),
    ("GET", "/users/0x70997970C51812dc3A010C7d01b50e0d17dc79C8/data"),
    ("GET", "/api/users/profile"),
    ("PUT", "/api/users/profile"),
    ("GET", "/api/users/"),
    ("GET", "/api/users/exchange-config"),
    ("POST", "/api/users/exchange-config"),
    ("POST", "/api/users/sync-membership"),
    ("POST", "/api/users/clear-membership"),
    ("GET", "/v1/users"),
    ("GET", "/v1/users/019b7600-0000-7000-8000-000000000001"),
    ("DELETE", "/v1/users/019b7600-0000-7000-8000-000000000001"),
    ("GET", "/auth/me"),
    ("POST", "/v1/auth/mfa/setup"),
    ("DELETE", "/v1/auth/mfa"),
    ("POST", "/v1/auth/mfa/backup-codes"),
    ("GET", "/v1/auth/mfa/devices"),
    ("DELETE", "/v1/auth/mfa/devices/019b7600-0000-7000-8000-000000000001"),
];

on_both! {
    async fn the_second_step_takes_a_code_and_gives_the_tokens(world: World) {
        let bearer = session(&world, "trader1").await;
        let own = Authenticator::in_force(&world, &bearer).await;
        let ticket = ticket(&world, "trader1").await;
        verify(&world, &ticket, &own.wrong(&world)).await.refused(401, "invalid_code");
        let done = verify(&world, &ticket, &own.next(&world)).await.ok(200);
        assert_eq!(done.json["isValid"], true);
        assert_eq!((&done.json["deviceToken"], &done.json["expiresAt"]), (&Value::Null, &Value::Null));
        assert_eq!(done.json["token"], done.json["accessToken"]);
        assert_eq!(done.field("expires"), "2026-01-01T00:30:30Z");
        assert_eq!(done.headers["cache-control"], "no-store");
        call_as(&world, done.field("token"), "GET", "/api/users/profile", Value::Null).await.ok(200);
        refresh(&world, done.field("refreshToken")).await.ok(200);
        // In the other header, and by a backup code.
        let ticket = crate::support::authenticator::ticket(&world, "trader1").await;
        let body = json!({"code": own.backup[0]});
        world.post_as(&ticket, VERIFY, body).await.ok(200);
    }

    async fn what_the_password_gives_opens_nothing_else_on_any_door(world: World) {
        let bearer = session(&world, "trader1").await;
        Authenticator::in_force(&world, &bearer).await;
        let ticket = ticket(&world, "trader1").await;
        let bearer = format!("Bearer {ticket}");
        let cookie = format!("access_token={ticket}");
        for (method, path) in ROUTES {
            for header in [("authorization", bearer.as_str()), ("x-auth-token", &ticket), ("x-api-key", &ticket)] {
                let headers = [header, ("content-type", "application/json")];
                let answer = world.call(method, path, &headers, &json!({"code": "123456"})).await;
                let code = if header.0 == "x-api-key" { "invalid_api_key" } else { "invalid_token" };
                answer.refused(401, code);
            }
        }
        let headers = [("cookie", cookie.as_str()), ("origin", "http://localhost:8080")];
        world.call("GET", "/auth/me", &headers, &Value::Null).await.refused(401, "invalid_token");
        world.get(&format!("/api/users/profile?session_token={ticket}")).await.refused(401, "invalid_token");
        refresh(&world, &ticket).await.refused(401, "invalid_refresh_token");
        let body = json!({"refresh_token": ticket});
        world.post("/auth/refresh", body).await.refused(401, "invalid_refresh_token");
        // Nor does anything else pass for it.
        verify(&world, "cmf_", "123456").await.refused(401, "invalid_token");
        verify(&world, &format!("cmf_{}", "A".repeat(92)), "123456").await.refused(401, "invalid_token");
    }

    async fn it_is_good_for_five_minutes_and_one_sign_in(world: World) {
        let bearer = session(&world, "trader1").await;
        let own = Authenticator::in_force(&world, &bearer).await;
        let late = ticket(&world, "trader1").await;
        world.pass(Duration::from_mins(5));
        verify(&world, &late, &own.code(&world)).await.refused(401, "token_expired");
        let once = ticket(&world, "trader1").await;
        verify(&world, &once, &own.next(&world)).await.ok(200);
        let unused = own.next(&world);
        verify(&world, &once, &unused).await.refused(401, "invalid_token");
        // The code that came with it is still good.
        let again = ticket(&world, "trader1").await;
        verify(&world, &again, &unused).await.ok(200);
        world.pass(Duration::from_hours(2));
        world.core.sweep().await.unwrap();
        verify(&world, &again, &own.code(&world)).await.refused(401, "token_expired");
    }

    async fn of_many_codes_that_come_with_one_ticket_at_once_one_signs_in(world: World) {
        let bearer = session(&world, "trader1").await;
        let own = Authenticator::in_force(&world, &bearer).await;
        let ticket = ticket(&world, "trader1").await;
        let answers = join_all(own.backup.iter().map(|code| verify(&world, &ticket, code))).await;
        assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
        for answer in answers.into_iter().filter(|answer| answer.status != 200) {
            answer.refused(401, "invalid_token");
        }
    }

    async fn it_ends_with_what_ends_all_sessions(world: World) {
        let bearer = session(&world, "trader1").await;
        let own = Authenticator::in_force(&world, &bearer).await;
        let id = world.core.find_person(countersign::identity::Who::Name("trader1")).await.unwrap().id();
        let before = ticket(&world, "trader1").await;
        let change = json!({"email": "new@example.com", "current_password": PASSWORD, "otp": own.next(&world)});
        call_as(&world, &bearer, "PUT", "/api/users/profile", change).await.ok(200);
        verify(&world, &before, &own.next(&world)).await.refused(401, "session_ended");
        let before = ticket(&world, "trader1").await;
        world.core.disable_account(id).await.unwrap();
        verify(&world, &before, &own.next(&world)).await.refused(403, "account_disabled");
        world.core.enable_account(id).await.unwrap();
        verify(&world, &before, &own.next(&world)).await.refused(401, "session_ended");
        let before = ticket(&world, "trader1").await;
        let root = admin(&world, "root").await;
        call_as(&world, &root, "DELETE", &format!("/v1/users/{id}"), Value::Null).await.ok(204);
        verify(&world, &before, &own.next(&world)).await.refused(401, "session_ended");
    }

    async fn what_it_is_refused_for_is_in_the_audit_trail(world: World) {
        let bearer = session(&world, "trader1").await;
        let own = Authenticator::in_force(&world, &bearer).await;
        let once = ticket(&world, "trader1").await;
        verify(&world, &once, &own.next(&world)).await.ok(200);
        verify(&world, &once, &own.next(&world)).await.refused(401, "invalid_token");
        let strict = world.again_with(&[("REQUIRE_VERIFIED_EMAIL", "true")]).await;
        let second = ticket(&world, "trader1").await;
        verify(&strict, &second, &own.next(&world)).await.refused(403, "email_not_verified");
        world.pass(Duration::from_mins(5));
        verify(&world, &second, &own.next(&world)).await.refused(401, "token_expired");
        let id = world.core.find_person(countersign::identity::Who::Name("trader1")).await.unwrap().id();
        let mut reader = world.core.db().read().await.unwrap();
        let events = countersign::store::audit::list(&mut reader, id).await.unwrap();
        let refused = events.into_iter().filter(|(name, _)| name == "sign_in_refused");
        let refused: Vec<String> = refused.map(|(_, detail)| detail.unwrap_or_default()).collect();
        assert_eq!(refused, ["mfa_required", "invalid_token", "mfa_required", "email_not_verified", "token_expired"]);
    }

    async fn a_credential_beside_it_is_ambiguous(world: World) {
        let bearer = session(&world, "trader1").await;
        let own = Authenticator::in_force(&world, &bearer).await;
        let ticket = ticket(&world, "trader1").await;
        let authorization = format!("Bearer {bearer}");
        let headers = [("x-auth-token", ticket.as_str()), ("authorization", authorization.as_str())];
        let body = json!({"code": own.next(&world)});
        world.call("POST", VERIFY, &headers, &body).await.refused(400, "ambiguous_credentials");
    }

    async fn an_account_without_a_second_factor_signs_in_at_once_and_a_code_may_come_with_the_password(world: World) {
        let bearer = session(&world, "trader1").await;
        let step = first_step(&world, "trader1", None).await;
        assert!(!step.mfa_required, "no code is due");
        call_as(&world, &step.token, "GET", "/api/users/profile", Value::Null).await.ok(200);
        let own = Authenticator::in_force(&world, &bearer).await;
        let done = verify_and_remember(&world, &ticket(&world, "trader1").await, &own.next(&world)).await.ok(200);
        assert_eq!(done.field("expiresAt"), "2026-01-31T00:00:30Z");
        let device = done.field("deviceToken");
        let trusted = first_step(&world, "trader1", Some(device)).await;
        assert!(!trusted.mfa_required, "the device is trusted");
        call_as(&world, &trusted.token, "GET", "/api/users/profile", Value::Null).await.ok(200);
        for stranger in ["", "cdt_", "no token", &device[..device.len() - 1], "\u{e9}"] {
            assert!(first_step(&world, "trader1", Some(stranger)).await.mfa_required, "{stranger:?}");
        }
        let body = json!({"username": "trader1", "password": PASSWORD});
        let headers = [("x-device-token", device), ("x-device-token", "another")];
        world.call("POST", "/v1/users/authenticate", &headers, &body).await.refused(400, "ambiguous_credentials");
    }
}
