//! Getting back in without the password.

use std::time::Duration;

use countersign::identity::Who;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::mail::Mail;
use crate::support::person::{PASSWORD, call_as, login, register, session};
use crate::support::wallet::{Wallet, refresh};
use crate::support::world::{Answer, World, on_both};

const EMAIL: &str = "trader1@example.com";
const NEW: &str = "another password";

async fn forgot(world: &World, email: &str) {
    let answer = world.post("/auth/forgot-password", json!({"email": email})).await.ok(200);
    assert_eq!(answer.text, "{}");
}

/// The mail with the link, if there is one.
async fn mailed(world: &World) -> Option<Mail> {
    world.mails().await.into_iter().rfind(|mail| mail.text.contains("/account/reset-password#token="))
}

async fn reset(world: &World, token: &str, password: &str) -> Answer {
    world.post("/auth/reset-password", json!({"token": token, "new_password": password})).await
}

on_both! {
    async fn the_link_sets_a_password_once_ends_everything_and_signs_nobody_in(world: World) {
        let opaque = session(&world, "trader1").await;
        world.data().await.execute("UPDATE accounts SET email_verified_at = 1").await;
        let wallet = Wallet::number(1);
        wallet.link(&world, &opaque).await;
        let by_wallet = wallet.sign_in(&world).await;
        let key = by_wallet.api_key(&world).await;
        forgot(&world, "Trader1@EXAMPLE.com").await;
        let mail = mailed(&world).await.unwrap();
        assert!(mail.to.contains(EMAIL), "to the stored address, not to what was typed: {}", mail.to);
        let done = reset(&world, &mail.token(), NEW).await.ok(200);
        assert!(done.text == "{}" && !done.headers.contains_key("set-cookie"));
        reset(&world, &mail.token(), NEW).await.refused(400, "invalid_link");
        login(&world, "trader1", PASSWORD).await.refused(401, "invalid_credentials");
        login(&world, "trader1", NEW).await.ok(200);
        world.get(&format!("/api/users/profile?session_token={opaque}")).await.refused(401, "session_ended");
        by_wallet.read(&world).await.refused(401, "session_ended");
        refresh(&world, &by_wallet.refresh).await.refused(401, "session_ended");
        let answer = world.call("GET", &by_wallet.profile_path(), &[("x-api-key", &key)], &Value::Null).await;
        answer.refused(401, "invalid_api_key");
        // The mailbox was proven before, so the wallet is the person's.
        assert_eq!(wallet.sign_in(&world).await.claims()["sub"], by_wallet.claims()["sub"]);
    }

    async fn where_the_mailbox_was_never_proven_every_planted_way_in_goes(world: World) {
        let opaque = session(&world, "trader1").await;
        let wallet = Wallet::number(1);
        wallet.link(&world, &opaque).await;
        let planted = wallet.sign_in(&world).await;
        forgot(&world, EMAIL).await;
        reset(&world, &mailed(&world).await.unwrap().token(), NEW).await.ok(200);
        planted.read(&world).await.refused(401, "session_ended");
        let again = wallet.sign_in(&world).await;
        assert_ne!(again.claims()["sub"], planted.claims()["sub"], "the wallet opens another account");
        let owner = world.post("/auth/login", json!({"email": EMAIL, "password": NEW})).await.ok(200);
        assert_eq!(owner.json["email_verified"], true, "the mailbox is proven by it");
    }

    async fn a_link_is_good_for_half_an_hour_for_its_address_and_for_nothing_else(world: World) {
        let opaque = session(&world, "trader1").await;
        world.mails().await;
        forgot(&world, EMAIL).await;
        let late = mailed(&world).await.unwrap().token();
        world.pass(Duration::from_mins(30));
        reset(&world, &late, NEW).await.refused(400, "invalid_link");
        forgot(&world, EMAIL).await;
        let token = mailed(&world).await.unwrap().token();
        for bad in ["x", &token[..46], &format!("{token}A"), &token.replace("crp_", "cce_")] {
            reset(&world, bad, NEW).await.refused(400, "invalid_link");
            world.pass(Duration::from_mins(1));
        }
        world.post("/account/confirm-email", json!({"token": token})).await.refused(400, "invalid_link");
        let change = json!({"email": "new@example.com", "current_password": PASSWORD});
        call_as(&world, &opaque, "PUT", "/api/users/profile", change).await.ok(200);
        world.pass(Duration::from_mins(1));
        reset(&world, &token, NEW).await.refused(400, "invalid_link");
        login(&world, "trader1", PASSWORD).await.ok(200);
    }

    async fn of_two_hundred_who_use_one_link_at_once_one_sets_the_password(world: World) {
        register(&world, "trader1").await.ok(201);
        forgot(&world, EMAIL).await;
        let token = mailed(&world).await.unwrap().token();
        let passwords: Vec<String> = (0..200).map(|number| format!("password of {number}")).collect();
        let answers = join_all(passwords.iter().map(|password| reset(&world, &token, password))).await;
        let won: Vec<usize> = answers.iter().enumerate().filter(|(_, a)| a.status == 200).map(|(at, _)| at).collect();
        assert_eq!(won.len(), 1);
        // How many have a place in the line to the hashers depends on the machine's cores; who has none was not looked at.
        for answer in answers.into_iter().filter(|answer| answer.status != 200) {
            match answer.status.as_u16() {
                400 => answer.refused(400, "invalid_link"),
                // More than five have come too late.
                429 => answer.refused(429, "too_many_requests"),
                _ => answer.refused(503, "too_busy"),
            };
        }
        for password in &passwords {
            assert!(matches!(reset(&world, &token, password).await.status.as_u16(), 400 | 429));
        }
        login(&world, "trader1", &passwords[won[0]]).await.ok(200);
    }

    async fn nothing_but_the_token_of_a_mail_sets_a_password_in_whatever_order(world: World) {
        register(&world, "trader1").await.ok(201);
        let first = world.mails().await.pop().unwrap();
        let made_up = format!("crp_{}", "A".repeat(43));
        // Before anybody has asked for a link, with what another mail has, and after asking.
        for _ in 0..2 {
            for token in [&made_up, &first.code(), &first.token(), &first.token().replace("cce_", "crp_")] {
                reset(&world, token, NEW).await.refused(400, "invalid_link");
                // Bad ones wait for each other.
                world.pass(Duration::from_secs(10));
            }
            forgot(&world, EMAIL).await;
        }
        let earlier = mailed(&world).await.unwrap().token();
        for method in ["GET", "HEAD"] {
            world.call(method, "/account/reset-password", &[], &Value::Null).await.ok(200);
        }
        world.pass(Duration::from_mins(2));
        forgot(&world, EMAIL).await;
        let later = mailed(&world).await.unwrap().token();
        login(&world, "trader1", PASSWORD).await.ok(200);
        reset(&world, &later, NEW).await.ok(200);
        for token in [&earlier, &later] {
            world.pass(Duration::from_mins(5));
            reset(&world, token, "yet another one").await.refused(400, "invalid_link");
        }
        login(&world, "trader1", NEW).await.ok(200);
    }

    async fn what_was_mailed_to_one_person_does_nothing_for_another(world: World) {
        let mut mailed_to = Vec::new();
        for name in ["trader1", "trader2"] {
            register(&world, name).await.ok(201);
            let code = world.mails().await.pop().unwrap().code();
            forgot(&world, &format!("{name}@example.com")).await;
            mailed_to.push((code, mailed(&world).await.unwrap().token()));
        }
        let [(code, token), (others_code, others_token)] = &mailed_to[..] else { panic!("two") };
        assert_ne!(code, others_code);
        let verify = json!({"email": "trader2@example.com", "code": code, "username": "trader1"});
        world.post("/auth/verify-email", verify).await.refused(401, "invalid_code");
        let id = world.core.find_person(Who::Name("trader2")).await.unwrap().id().to_string();
        let body = json!({"token": token, "new_password": NEW, "email": "trader2@example.com", "username": "trader2",
                          "id": id, "user_id": id});
        world.post("/auth/reset-password", body).await.ok(200);
        login(&world, "trader1", NEW).await.ok(200);
        login(&world, "trader2", NEW).await.refused(401, "invalid_credentials");
        login(&world, "trader2", PASSWORD).await.ok(200);
        reset(&world, others_token, "the second's own").await.ok(200);
        login(&world, "trader1", NEW).await.ok(200);
    }

    async fn nobody_learns_from_it_whether_there_is_an_account_nor_fills_a_mailbox(world: World) {
        register(&world, "trader1").await.ok(201);
        world.mails().await;
        forgot(&world, "nobody@example.com").await;
        assert!(world.mails().await.is_empty());
        for _ in 0..10 {
            forgot(&world, EMAIL).await;
        }
        assert_eq!(world.mails().await.len(), 1);
        let mut sent = 1;
        for _ in 0..10 {
            world.pass(Duration::from_mins(1));
            forgot(&world, EMAIL).await;
            sent += world.mails().await.len();
        }
        assert_eq!(sent, 5);
        world.pass(Duration::from_mins(20));
        forgot(&world, EMAIL).await;
        assert_eq!(world.mails().await.len(), 1, "as soon as the first of them is not good any more");
        world.data().await.execute("UPDATE accounts SET disabled_at = 1").await;
        world.pass(Duration::from_mins(2));
        forgot(&world, EMAIL).await;
        assert!(world.mails().await.is_empty());
    }

    async fn a_link_is_good_for_nothing_after_a_change_of_what_it_would_undo(world: World) {
        let opaque = session(&world, "trader1").await;
        let asked = async || {
            world.pass(Duration::from_mins(10));
            forgot(&world, EMAIL).await;
            mailed(&world).await.unwrap().token()
        };
        let change = async |body: Value| call_as(&world, &opaque, "PUT", "/api/users/profile", body).await.ok(200);
        let token = asked().await;
        change(json!({"password": NEW, "current_password": PASSWORD})).await;
        reset(&world, &token, PASSWORD).await.refused(400, "invalid_link");
        let token = asked().await;
        change(json!({"email": "new@example.com", "current_password": NEW})).await;
        change(json!({"email": EMAIL, "current_password": NEW})).await;
        reset(&world, &token, PASSWORD).await.refused(400, "invalid_link");
        let token = asked().await;
        let account = world.core.find_person(Who::Name("trader1")).await.unwrap().id();
        world.core.disable_account(account).await.unwrap();
        world.core.enable_account(account).await.unwrap();
        world.pass(Duration::from_mins(1));
        reset(&world, &token, PASSWORD).await.refused(400, "invalid_link");
        login(&world, "trader1", NEW).await.ok(200);
    }

    async fn those_who_use_two_links_at_once_wait_for_nobody_for_ever(world: World) {
        register(&world, "trader1").await.ok(201);
        forgot(&world, EMAIL).await;
        let first = mailed(&world).await.unwrap().token();
        world.pass(Duration::from_mins(1));
        forgot(&world, EMAIL).await;
        let second = mailed(&world).await.unwrap().token();
        let answers = join_all((0..20).map(|turn| reset(&world, if turn % 2 == 0 { &first } else { &second }, NEW))).await;
        assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
        assert!(answers.iter().all(|answer| !answer.status.is_server_error()));
    }

    async fn no_header_decides_where_a_link_leads(world: World) {
        register(&world, "trader1").await.ok(201);
        let hostile = [("content-type", "application/json"), ("host", "evil.example"), ("forwarded", "host=evil.example;proto=https"),
                       ("x-forwarded-host", "evil.example"), ("x-forwarded-proto", "https"), ("origin", "https://evil.example"),
                       ("referer", "https://evil.example/")];
        let world = world.behind_proxy(&[]).await;
        world.call("POST", "/auth/forgot-password", &hostile, &json!({"email": EMAIL})).await.ok(200);
        let mail = mailed(&world).await.unwrap();
        assert!(mail.text.contains("http://localhost:8080/account/reset-password#token=") && !mail.text.contains("evil"));
    }

    async fn a_reset_leaves_the_second_factor_alone(world: World) {
        register(&world, "trader1").await.ok(201);
        world.data().await.execute("UPDATE accounts SET second_factor_at = 1, email_verified_at = 1").await;
        forgot(&world, EMAIL).await;
        reset(&world, &mailed(&world).await.unwrap().token(), NEW).await.ok(200);
        login(&world, "trader1", NEW).await.refused(401, "mfa_required");
    }

    async fn ones_own_name_is_no_password_and_the_link_stays_good(world: World) {
        register(&world, "trader1").await.ok(201);
        forgot(&world, EMAIL).await;
        let token = mailed(&world).await.unwrap().token();
        let refused = reset(&world, &token, "Trader1@example.com").await.ok(422);
        assert_eq!(refused.json["detail"][0]["loc"], json!(["body", "new_password"]));
        let body = json!({"token": token, "new_password": EMAIL});
        let page = world.post("/account/reset-password", body).await.refused(422, "invalid_request");
        assert_eq!(page.json["violations"][0]["field"], "new_password");
        reset(&world, &token, NEW).await.ok(200);
    }

    async fn a_database_that_fails_is_no_success(world: World) {
        register(&world, "trader1").await.ok(201);
        forgot(&world, EMAIL).await;
        let token = mailed(&world).await.unwrap().token();
        let session = world.post("/auth/login", json!({"email": EMAIL, "password": PASSWORD})).await.ok(200);
        let by_body = json!({"refresh_token": session.field("refresh_token")});
        let mut data = world.data().await;
        for (away, back) in [
            ("ALTER TABLE sessions RENAME TO sessions_away", "ALTER TABLE sessions_away RENAME TO sessions"),
            ("ALTER TABLE audit_events RENAME TO events_away", "ALTER TABLE events_away RENAME TO audit_events"),
        ] {
            data.execute(away).await;
            let answer = world.post("/auth/logout", by_body.clone()).await;
            assert!(answer.status.is_server_error() && !answer.headers.contains_key("set-cookie"), "{}", answer.text);
            data.execute(back).await;
            world.get_as(session.field("access_token"), "/users/wallets").await.ok(200);
        }
        // Nor is it where the cookie of the refresh token has expired.
        let cookie = format!("access_token={}", session.field("access_token"));
        let headers = [("cookie", cookie.as_str()), ("origin", "http://localhost:8080")];
        data.execute("ALTER TABLE sessions RENAME TO sessions_away").await;
        let answer = world.call("POST", "/auth/logout", &headers, &Value::Null).await;
        assert!(answer.status.is_server_error() && !answer.headers.contains_key("set-cookie"), "{}", answer.text);
        data.execute("ALTER TABLE sessions_away RENAME TO sessions").await;
        data.execute("ALTER TABLE audit_events RENAME TO events_away").await;
        assert!(reset(&world, &token, NEW).await.status.is_server_error());
        assert!(world.post("/auth/forgot-password", json!({"email": EMAIL})).await.status.is_server_error());
        data.execute("ALTER TABLE events_away RENAME TO audit_events").await;
        login(&world, "trader1", PASSWORD).await.ok(200);
        reset(&world, &token, NEW).await.ok(200);
        login(&world, "trader1", NEW).await.ok(200);
    }
}
