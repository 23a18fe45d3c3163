//! Registering, signing in and out, refreshing, confirming an address.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::person::{PASSWORD, admin, call_as, login, register, session};
use crate::support::platform::{authenticate, join, named, put, registration, with};
use crate::support::world::{Answer, World, on_both};

async fn refresh(world: &World, headers: &[(&str, &str)]) -> Answer {
    world.call("POST", "/v1/users/refresh-token", headers, &Value::Null).await
}

fn other(code: &str) -> String {
    format!("{:06}", (code.parse::<u32>().unwrap() + 1) % 1_000_000)
}

async fn confirm(world: &World, body: Value) -> Answer {
    put(world, "/v1/users/confirm-email", body).await
}

on_both! {
    async fn whoever_registers_here_signs_in_everywhere_and_the_other_way_round(world: World) {
        let made = world.post("/v1/users/register", registration("newuser")).await.ok(201);
        assert_eq!((made.field("username"), made.field("message")), ("newuser", "Registration successful"));
        assert_eq!(made.headers["cache-control"], "no-store");
        world.get_as(made.field("token"), "/v1/users/details").await.ok(200);
        login(&world, "newuser@example.com", PASSWORD).await.ok(200);
        register(&world, "trader1").await.ok(201);
        for name in ["trader1", "TRADER1@example.com"] {
            let answer = authenticate(&world, name, PASSWORD).await.ok(200);
            assert_eq!((answer.field("username"), answer.field("email")), ("trader1", "trader1@example.com"));
            assert_eq!((&answer.json["roles"], &answer.json["mfaRequired"]), (&json!(["user"]), &json!(false)));
            assert_eq!(answer.json["subscription"], Value::Null);
            assert_eq!((&answer.json["token"], &answer.json["expires"]), (&answer.json["accessToken"], &answer.json["expiresAt"]));
            assert_eq!((answer.field("expires"), answer.headers["cache-control"].to_str().unwrap()), ("2026-01-01T00:30:00Z", "no-store"));
            world.get_as(answer.field("token"), "/auth/me").await.refused(403, "email_not_verified");
            assert!(!answer.headers.contains_key("set-cookie"));
        }
        admin(&world, "root").await;
        let root = authenticate(&world, "root@example.com", PASSWORD).await.ok(200);
        assert_eq!(root.json["roles"], json!(["admin", "user"]));
        assert_eq!(root.field("username"), "root@example.com", "the account has no username");
    }

    async fn nothing_tells_whether_there_is_such_an_account(world: World) {
        join(&world, "trader1").await;
        let wrong = authenticate(&world, "trader1", "a wrong password").await.refused(401, "invalid_credentials");
        for (name, password) in [("nobody", PASSWORD), ("nobody@example.com", PASSWORD), ("", ""), ("a b\u{0}", PASSWORD), ("trader1", "")] {
            let answer = authenticate(&world, name, password).await.refused(401, "invalid_credentials");
            assert_eq!(answer.field("detail"), wrong.field("detail"), "{name:?}");
        }
        let headers = |answer: &Answer| answer.headers.keys().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(headers(&wrong), headers(&authenticate(&world, "nobody", PASSWORD).await));
    }

    async fn a_second_factor_that_is_due_gives_no_refresh_token(world: World) {
        join(&world, "trader1").await;
        world.data().await.execute("UPDATE accounts SET second_factor_at = 1").await;
        let first = authenticate(&world, "trader1", PASSWORD).await.ok(200);
        assert_eq!((&first.json["mfaRequired"], &first.json["refreshToken"]), (&json!(true), &Value::Null));
        assert_eq!(first.json["token"], first.json["accessToken"]);
        world.get_as(first.field("token"), "/v1/users/details").await.refused(401, "invalid_token");
    }

    async fn a_name_or_an_address_that_is_taken_is_a_bad_request(world: World) {
        register(&world, "trader1").await.ok(201);
        let with = |field: &str, value: &str| {
            let mut body = registration("newuser");
            body[field] = json!(value);
            body
        };
        for (field, value) in [("username", "TRADER1"), ("email", "Trader1@EXAMPLE.com")] {
            world.post("/v1/users/register", with(field, value)).await.refused(400, "identity_already_used");
        }
        let at_once = join_all((0..50).map(|_| world.post("/v1/users/register", registration("newuser")))).await;
        assert_eq!(at_once.iter().filter(|answer| answer.status == 201).count(), 1);
        for refused in at_once.into_iter().filter(|answer| answer.status != 201) {
            refused.refused(400, "identity_already_used");
        }
    }

    async fn what_breaks_a_rule_is_a_bad_request_that_names_it(world: World) {
        for (field, value) in [
            ("username", json!("")), ("username", json!("a@b.example")), ("username", json!(7)), ("username", Value::Null),
            ("email", json!("newuser")), ("email", json!(["a@b.example"])), ("email", Value::Null),
            ("password", json!("short")), ("password", json!("password123")), ("password", json!("newuser@example.com")),
            ("password", json!("x".repeat(129))), ("password", json!(true)),
            ("marketingOptIn", json!("yes")), ("marketingOptIn", json!(1)),
        ] {
            let mut body = registration("newuser");
            body[field] = value.clone();
            let refused = world.post("/v1/users/register", body).await.refused(400, "invalid_request");
            assert_eq!(named(&refused), [field], "{value}");
        }
        let all = json!({"username": "", "email": "", "password": ""});
        let refused = world.post("/v1/users/register", all).await.refused(400, "invalid_request");
        assert_eq!(named(&refused), ["password", "username", "email"]);
        for body in [json!({}), json!([]), json!("x")] {
            world.post("/v1/users/register", body.clone()).await.refused(400, "invalid_request");
            world.post("/v1/users/authenticate", body).await.refused(400, "invalid_request");
        }
        for (field, value) in [("username", json!(1)), ("username", Value::Null), ("password", json!({})), ("password", Value::Null)] {
            let mut body = json!({"username": "newuser", "password": PASSWORD});
            body[field] = value;
            world.post("/v1/users/authenticate", body).await.refused(400, "invalid_request");
        }
    }

    async fn what_is_not_a_persons_to_say_is_not_taken_from_a_registration(world: World) {
        let mut body = registration("newuser");
        for (field, value) in [
            ("roles", json!(["admin"])), ("role", json!("ADMIN")), ("emailVerified", json!(true)), ("verified", json!(true)),
            ("userId", json!("33bdf6ce-a26e-4b52-80d2-f26d12245cce")), ("subscription", json!({"plan": "premium"})),
            ("plan", json!("premium")), ("mfaRequired", json!(false)),
        ] {
            body[field] = value;
        }
        let made = world.post("/v1/users/register", body).await.ok(201);
        assert_ne!(made.field("userId"), "33bdf6ce-a26e-4b52-80d2-f26d12245cce");
        let signed_in = authenticate(&world, "newuser", PASSWORD).await.ok(200);
        assert_eq!((&signed_in.json["roles"], &signed_in.json["subscription"]), (&json!(["user"]), &Value::Null));
        world.get_as(made.field("token"), "/auth/me").await.refused(403, "email_not_verified");
        let told = world.get("/v1/users/newuser@example.com/memberships").await.ok(200);
        assert_eq!(told.json, json!({"memberships": []}));
    }

    async fn where_addresses_have_to_be_verified_nobody_is_in_before(world: World) {
        let strict = world.again_with(&[("REQUIRE_VERIFIED_EMAIL", "true")]).await;
        strict.post("/v1/users/register", registration("newuser")).await.refused(403, "email_not_verified");
        authenticate(&strict, "newuser", PASSWORD).await.refused(403, "email_not_verified");
        let code = strict.mails().await.pop().unwrap().code();
        confirm(&strict, json!({"email": "newuser@example.com", "code": code})).await.ok(204);
        authenticate(&strict, "newuser", PASSWORD).await.ok(200);
    }

    async fn a_session_is_refreshed_by_the_header_or_the_cookie_and_no_cookie_is_set(world: World) {
        join(&world, "trader1").await;
        let first = authenticate(&world, "trader1", PASSWORD).await.ok(200);
        let token = first.field("refreshToken");
        let second = refresh(&world, &[("sk-refresh-token", token)]).await.ok(200);
        assert_eq!(second.headers["cache-control"], "no-store");
        assert!(!second.headers.contains_key("set-cookie"));
        assert_eq!((&second.json["token"], &second.json["expires"]), (&second.json["accessToken"], &second.json["expiresAt"]));
        world.get_as(second.field("token"), "/v1/users/details").await.ok(200);
        let cookie = format!("a=b; sk-refresh-token={}", second.field("refreshToken"));
        let third = refresh(&world, &[("cookie", &cookie)]).await.ok(200);
        assert!(!third.headers.contains_key("set-cookie"));
        // A header beats a cookie, however stale that is.
        let stale = [("cookie", "sk-refresh-token=csr_stale"), ("sk-refresh-token", third.field("refreshToken"))];
        let fourth = refresh(&world, &stale).await.ok(200);
        world.pass(Duration::from_secs(11));
        refresh(&world, &[("sk-refresh-token", third.field("refreshToken"))]).await.refused(401, "refresh_token_reused");
        refresh(&world, &[("sk-refresh-token", fourth.field("refreshToken"))]).await.refused(401, "session_ended");
        world.get_as(fourth.field("token"), "/v1/users/details").await.refused(401, "session_ended");
    }

    async fn what_is_no_refresh_token_refreshes_nothing(world: World) {
        let access = join(&world, "trader1").await;
        let token = authenticate(&world, "trader1", PASSWORD).await.ok(200).field("refreshToken").to_owned();
        let opaque = login(&world, "trader1", PASSWORD).await.ok(200).field("session_token").to_owned();
        refresh(&world, &[]).await.refused(401, "not_authenticated");
        refresh(&world, &[("cookie", "refresh_token=x; sk-refresh-token=")]).await.refused(401, "not_authenticated");
        for bad in ["", "x", &access, &opaque, &token[..token.len() - 1], &format!("{token}A")] {
            refresh(&world, &[("sk-refresh-token", bad)]).await.refused(401, "invalid_refresh_token");
        }
        let two = [("sk-refresh-token", token.as_str()), ("sk-refresh-token", "csr_other")];
        refresh(&world, &two).await.refused(400, "ambiguous_credentials");
        // Nobody reads it from a body or a query.
        let body = json!({"refreshToken": token, "sk-refresh-token": token});
        world.post("/v1/users/refresh-token", body).await.refused(401, "not_authenticated");
        world.post(&format!("/v1/users/refresh-token?sk-refresh-token={token}"), json!({})).await.refused(401, "not_authenticated");
        let tabs = [("sk-refresh-token", token.as_str())];
        let at_once = join_all((0..50).map(|_| refresh(&world, &tabs))).await;
        let next: std::collections::BTreeSet<String> = at_once.into_iter().map(|a| a.ok(200).field("refreshToken").to_owned()).collect();
        assert_eq!(next.len(), 1, "one successor for all");
    }

    async fn a_page_of_others_refreshes_nothing_by_the_cookie(world: World) {
        join(&world, "trader1").await;
        let token = authenticate(&world, "trader1", PASSWORD).await.ok(200).field("refreshToken").to_owned();
        let cookie = format!("sk-refresh-token={token}");
        for origin in ["https://evil.example", "null", "http://localhost:8081"] {
            refresh(&world, &[("cookie", &cookie), ("origin", origin)]).await.refused(403, "origin_not_allowed");
        }
        let listed = world.again_with(&[("CORS_ORIGINS", "[\"https://app.example\"]")]).await;
        let answer = refresh(&listed, &[("cookie", &cookie), ("origin", "https://app.example")]).await.ok(200);
        let cookie = format!("sk-refresh-token={}", answer.field("refreshToken"));
        refresh(&world, &[("cookie", &cookie), ("origin", "http://localhost:8080")]).await.ok(200);
    }

    async fn signing_out_ends_this_session_and_no_other(world: World) {
        let first = join(&world, "trader1").await;
        let second = authenticate(&world, "trader1", PASSWORD).await.ok(200);
        with(&world, second.field("token"), "POST", "/v1/users/logout", Value::Null).await.ok(204);
        world.get_as(second.field("token"), "/v1/users/details").await.refused(401, "session_ended");
        refresh(&world, &[("sk-refresh-token", second.field("refreshToken"))]).await.refused(401, "session_ended");
        world.get_as(&first, "/v1/users/details").await.ok(200);
        with(&world, second.field("token"), "POST", "/v1/users/logout", Value::Null).await.refused(401, "session_ended");
        world.post("/v1/users/logout", json!({})).await.refused(401, "not_authenticated");
        let opaque = session(&world, "trader2").await;
        call_as(&world, &opaque, "POST", "/v1/users/logout", Value::Null).await.ok(204);
        call_as(&world, &opaque, "GET", "/v1/users/details", Value::Null).await.refused(401, "session_ended");
    }

    async fn an_address_is_confirmed_by_the_link_or_the_code_once_and_signs_nobody_in(world: World) {
        let token = join(&world, "trader1").await;
        let mail = world.mails().await.pop().unwrap();
        let sessions = "SELECT CAST(COUNT(*) AS TEXT) FROM sessions";
        let before = world.data().await.text(sessions).await;
        let answers = join_all((0..20).map(|_| confirm(&world, json!({"token": mail.token()})))).await;
        assert_eq!(answers.iter().filter(|answer| answer.status == 204).count(), 1);
        for answer in answers.into_iter().filter(|answer| answer.status != 204) {
            match answer.status.as_u16() {
                // More than five have come too late.
                429 => answer.refused(429, "too_many_requests"),
                _ => answer.refused(400, "invalid_link"),
            };
        }
        assert_eq!(world.get_as(&token, "/auth/me").await.ok(200).json["email_verified"], true);
        confirm(&world, json!({"email": "trader1@example.com", "code": mail.code()})).await.refused(401, "invalid_code");

        join(&world, "trader2").await;
        let code = world.mails().await.pop().unwrap().code();
        let body = json!({"email": "trader2@example.com", "code": code});
        let answers = join_all((0..20).map(|_| confirm(&world, body.clone()))).await;
        assert_eq!(answers.iter().filter(|answer| answer.status == 204).count(), 1);
        assert!(answers.iter().all(|answer| !answer.headers.contains_key("set-cookie") && answer.json["token"].is_null()));
        let after = world.data().await.text(sessions).await;
        assert_eq!(after.parse::<u32>().unwrap(), before.parse::<u32>().unwrap() + 1, "the one of the registration");
    }

    async fn codes_are_guarded_here_as_at_the_session_door(world: World) {
        join(&world, "trader1").await;
        let code = world.mails().await.pop().unwrap().code();
        let guess = async |email: &str, code: &str| confirm(&world, json!({"email": email, "code": code})).await;
        let wrong = guess("trader1@example.com", &other(&code)).await.refused(401, "invalid_code");
        let nobody = guess("nobody@example.com", &code).await.refused(401, "invalid_code");
        assert_eq!(wrong.field("detail"), nobody.field("detail"));
        for _ in 0..4 {
            guess("trader1@example.com", &other(&code)).await.refused(401, "invalid_code");
        }
        guess("trader1@example.com", &code).await.refused(429, "too_many_requests");
        world.pass(Duration::from_mins(1));
        guess("trader1@example.com", &code).await.refused(401, "invalid_code");
        let body = json!({"email": "trader1@example.com", "code": code});
        world.post("/auth/verify-email", body).await.refused(429, "too_many_requests");
    }

    async fn a_second_factor_is_not_asked_for_to_confirm_and_a_disabled_account_is_told(world: World) {
        join(&world, "trader1").await;
        let code = world.mails().await.pop().unwrap().code();
        let body = json!({"email": "trader1@example.com", "code": code});
        world.data().await.execute("UPDATE accounts SET second_factor_at = 1, disabled_at = 1").await;
        confirm(&world, body.clone()).await.refused(403, "account_disabled");
        world.data().await.execute("UPDATE accounts SET disabled_at = NULL").await;
        confirm(&world, body).await.ok(204);
    }

    async fn what_confirms_is_told_in_one_way(world: World) {
        for (body, field) in [
            (json!({}), "token"),
            (json!({"token": "x", "email": "a@b.example", "code": "123456"}), "token"),
            (json!({"token": "x", "code": "123456"}), "token"),
            (json!({"email": "a@b.example"}), "code"),
            (json!({"code": "123456"}), "email"),
            (json!({"email": "a", "code": "123456"}), "email"),
            (json!({"token": 7}), "token"),
            (json!({"email": "a@b.example", "code": 123_456}), "code"),
            (json!({"email": {}, "code": "123456"}), "email"),
        ] {
            let refused = confirm(&world, body.clone()).await.refused(400, "invalid_request");
            assert_eq!(named(&refused), [field], "{body}");
        }
        for token in ["", "x", "cce_AAAA", &"x".repeat(10_000)] {
            confirm(&world, json!({"token": token})).await.refused(400, "invalid_link");
        }
        for code in ["", "12345", "abcdef", &"1".repeat(10_000)] {
            confirm(&world, json!({"email": "a@b.example", "code": code})).await.refused(401, "invalid_code");
        }
    }
}
