//! Proving an e-mail address.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::person::{PASSWORD, call_as, login, register, session};
use crate::support::world::{Answer, World, on_both};

const EMAIL: &str = "trader1@example.com";

async fn verify(world: &World, email: &str, code: &str) -> Answer {
    world.post("/auth/verify-email", json!({"email": email, "code": code})).await
}

async fn resend(world: &World, email: &str) {
    let answer = world.post("/auth/resend-verification", json!({"email": email})).await.ok(200);
    assert_eq!(answer.text, "{}");
}

async fn code(world: &World) -> String {
    world.mails().await.pop().expect("a mail").code()
}

/// Another code than this.
fn other(code: &str) -> String {
    format!("{:06}", (code.parse::<u32>().unwrap() + 1) % 1_000_000)
}

on_both! {
    async fn the_code_of_the_mail_verifies_once_and_signs_in(world: World) {
        register(&world, "trader1").await.ok(201);
        let mail = world.mails().await.pop().unwrap();
        assert!(mail.to.contains(EMAIL) && mail.text.contains("http://localhost:8080/account/confirm-email#token="));
        let verified = verify(&world, EMAIL, &mail.code()).await.ok(200);
        assert_eq!(verified.json["email_verified"], true);
        assert!(verified.headers.contains_key("set-cookie"));
        world.get_as(verified.field("access_token"), "/auth/me").await.ok(200);
        verify(&world, EMAIL, &mail.code()).await.refused(401, "invalid_code");
        world.post("/account/confirm-email", json!({"token": mail.token()})).await.refused(400, "invalid_link");
        resend(&world, EMAIL).await;
        assert!(world.mails().await.iter().all(|mail| !mail.subject.contains("onfirm")), "there is nothing to verify");
    }

    async fn the_link_of_the_mail_verifies_once_and_signs_nobody_in(world: World) {
        register(&world, "trader1").await.ok(201);
        let mail = world.mails().await.pop().unwrap();
        // Opening it spends nothing.
        for method in ["GET", "HEAD"] {
            world.call(method, "/account/confirm-email", &[], &Value::Null).await.ok(200);
        }
        let body = json!({"token": mail.token()});
        let answers = join_all((0..20).map(|_| world.post("/account/confirm-email", body.clone()))).await;
        assert_eq!(answers.iter().filter(|answer| answer.status == 204).count(), 1);
        assert!(answers.iter().all(|answer| !answer.headers.contains_key("set-cookie")));
        // Those who came too late have failed as often as one may without a wait.
        world.pass(Duration::from_mins(20));
        for token in ["", "x", "cce_AAAA", &mail.token().replace("cce_", "crp_")] {
            world.post("/account/confirm-email", json!({"token": token})).await.refused(400, "invalid_link");
            world.pass(Duration::from_mins(20));
        }
        verify(&world, EMAIL, &mail.code()).await.refused(401, "invalid_code");
    }

    async fn five_wrong_codes_over_all_codes_use_one_up(world: World) {
        register(&world, "trader1").await.ok(201);
        let first = code(&world).await;
        for _ in 0..3 {
            verify(&world, EMAIL, &other(&first)).await.refused(401, "invalid_code");
        }
        world.pass(Duration::from_mins(1));
        resend(&world, EMAIL).await;
        let second = code(&world).await;
        for _ in 0..2 {
            verify(&world, EMAIL, &other(&second)).await.refused(401, "invalid_code");
        }
        world.pass(Duration::from_mins(1));
        verify(&world, EMAIL, &second).await.refused(401, "invalid_code");
        resend(&world, EMAIL).await;
        let third = code(&world).await;
        world.pass(Duration::from_mins(1));
        verify(&world, EMAIL, &third).await.ok(200);
    }

    async fn a_code_is_good_for_a_quarter_of_an_hour_and_until_the_next_one(world: World) {
        register(&world, "trader1").await.ok(201);
        let first = code(&world).await;
        world.pass(Duration::from_mins(15));
        verify(&world, EMAIL, &first).await.refused(401, "invalid_code");
        resend(&world, EMAIL).await;
        let second = code(&world).await;
        if first != second {
            verify(&world, EMAIL, &first).await.refused(401, "invalid_code");
        }
        world.pass(Duration::from_mins(15) - Duration::from_secs(1));
        verify(&world, EMAIL, &second).await.ok(200);
    }

    async fn nobody_learns_from_it_whether_there_is_an_account(world: World) {
        register(&world, "trader1").await.ok(201);
        let known = code(&world).await;
        let wrong = verify(&world, EMAIL, &other(&known)).await.refused(401, "invalid_code");
        let nobody = verify(&world, "nobody@example.com", &known).await.refused(401, "invalid_code");
        assert_eq!(wrong.field("detail"), nobody.field("detail"));
        resend(&world, "nobody@example.com").await;
        // Nor can anybody fill a mailbox.
        for _ in 0..5 {
            resend(&world, EMAIL).await;
        }
        assert_eq!(world.mails().await.len(), 0, "not within a minute of the last one");
    }

    async fn of_many_who_post_the_code_at_once_one_is_in(world: World) {
        register(&world, "trader1").await.ok(201);
        let code = code(&world).await;
        let answers = join_all((0..200).map(|_| verify(&world, EMAIL, &code))).await;
        assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
        assert!(answers.iter().all(|answer| matches!(answer.status.as_u16(), 200 | 401 | 429)));
    }

    async fn a_second_factor_that_is_due_leaves_the_code_good(world: World) {
        register(&world, "trader1").await.ok(201);
        let code = code(&world).await;
        world.data().await.execute("UPDATE accounts SET second_factor_at = 1").await;
        verify(&world, EMAIL, &code).await.refused(401, "mfa_required");
        world.data().await.execute("UPDATE accounts SET second_factor_at = NULL").await;
        verify(&world, EMAIL, &code).await.ok(200);
    }

    async fn a_new_address_is_proven_by_a_mail_of_its_own(world: World) {
        let token = session(&world, "trader1").await;
        let first = world.mails().await.pop().unwrap();
        let change = json!({"email": "new@example.com", "current_password": PASSWORD});
        call_as(&world, &token, "PUT", "/api/users/profile", change).await.ok(200);
        let second = world.mails().await.into_iter().find(|mail| mail.to.contains("new@example.com")).unwrap();
        verify(&world, EMAIL, &first.code()).await.refused(401, "invalid_code");
        world.post("/account/confirm-email", json!({"token": first.token()})).await.refused(400, "invalid_link");
        verify(&world, "new@example.com", &second.code()).await.ok(200);
    }

    async fn another_spelling_is_no_other_address(world: World) {
        let token = session(&world, "trader1").await;
        let other = login(&world, "trader1", PASSWORD).await.ok(200).field("session_token").to_owned();
        verify(&world, EMAIL, &code(&world).await).await.ok(200);
        let spelt = json!({"email": "Trader1@Example.com"});
        let changed = call_as(&world, &token, "PUT", "/api/users/profile", spelt).await.ok(200);
        assert_eq!(changed.field("email"), "Trader1@Example.com");
        let me = call_as(&world, &other, "GET", "/auth/me", Value::Null).await.ok(200);
        assert_eq!((&me.json["email"], &me.json["email_verified"]), (&json!("Trader1@Example.com"), &json!(true)));
        assert!(world.mails().await.is_empty(), "there is nothing to prove");
        world.pass(Duration::from_mins(20));
        let both = json!({"email": "TRADER1@example.com", "password": "another password", "current_password": PASSWORD});
        call_as(&world, &token, "PUT", "/api/users/profile", both).await.ok(200);
        call_as(&world, &token, "GET", "/auth/me", Value::Null).await.ok(200);
    }

    async fn an_address_gets_few_codes_by_whatever_way_they_are_asked_for(world: World) {
        let token = session(&world, "trader1").await;
        let change = async |email: &str| {
            let body = json!({"email": email, "current_password": PASSWORD});
            call_as(&world, &token, "PUT", "/api/users/profile", body).await
        };
        let mails = async || world.mails().await.iter().filter(|mail| mail.to.contains("victim@")).count();
        let mut sent = 0;
        for turn in 0..5 {
            change("victim@example.com").await.ok(200);
            sent += mails().await;
            change(&format!("own{turn}@example.com")).await.ok(200);
            world.pass(Duration::from_mins(2));
        }
        assert_eq!(sent, 5);
        let refused = change("Victim@example.com").await.refused(429, "too_many_requests");
        let wait: u64 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((3_000..3_600).contains(&wait), "until an hour after the first: {wait}");
        // Nor does an account that is made for it begin anew.
        let body = json!({"username": "trader2", "email": "victim@example.com", "password": PASSWORD});
        world.post("/api/users/register", body.clone()).await.refused(429, "too_many_requests");
        world.pass(Duration::from_secs(wait));
        world.post("/api/users/register", body).await.ok(201);
        assert_eq!(mails().await, 1);
        let mut sent = 0;
        for _ in 0..10 {
            world.pass(Duration::from_mins(1));
            resend(&world, "victim@example.com").await;
            sent += mails().await;
        }
        assert_eq!(sent, 4);
    }

    async fn an_account_has_few_codes_mailed_to_whatever_addresses(world: World) {
        let token = session(&world, "trader1").await;
        let change = async |turn: u32| {
            let body = json!({"email": format!("victim{turn}@example.com"), "current_password": PASSWORD});
            call_as(&world, &token, "PUT", "/api/users/profile", body).await
        };
        for turn in 1..20 {
            change(turn).await.ok(200);
        }
        change(20).await.refused(429, "too_many_requests");
    }

    async fn a_wrong_link_waits_after_five_and_a_good_one_never(world: World) {
        register(&world, "trader1").await.ok(201);
        let token = world.mails().await.pop().unwrap().token();
        let wrong = async || world.post("/account/confirm-email", json!({"token": token.to_uppercase()})).await;
        for _ in 0..5 {
            wrong().await.refused(400, "invalid_link");
        }
        assert!(wrong().await.refused(429, "too_many_requests").headers.contains_key("retry-after"));
        let reset = json!({"token": "crp_none", "new_password": PASSWORD});
        world.post("/auth/reset-password", reset).await.refused(429, "too_many_requests");
        world.post("/account/confirm-email", json!({"token": token})).await.ok(204);
        let events = "SELECT CAST(COUNT(*) AS TEXT) FROM audit_events WHERE event = 'mailed_token_refused'";
        assert_eq!(world.data().await.text(events).await, "5");
    }

    async fn a_sign_in_by_code_makes_its_network_known(world: World) {
        let world = world.behind_proxy(&[("NOTICES__NEW_SIGN_IN", "true")]).await;
        register(&world, "trader1").await.ok(201);
        let body = json!({"email": EMAIL, "code": code(&world).await});
        world.call_from("198.51.100.7", "POST", "/auth/verify-email", &body).await.ok(200);
        let told = world.mails().await.pop().expect("a notice");
        assert!(told.text.contains("198.51.100.7"), "{}", told.text);
        let tried = async |password: &str| {
            let body = json!({"email": EMAIL, "password": password});
            world.call_from("198.51.100.7", "POST", "/auth/login", &body).await
        };
        for _ in 0..5 {
            tried("a wrong password").await.refused(401, "invalid_credentials");
        }
        tried(PASSWORD).await.ok(200);
        assert!(world.mails().await.is_empty(), "nothing is new of it");
    }

    async fn those_who_prove_at_once_by_whatever_way_wait_for_nobody_for_ever(world: World) {
        register(&world, "trader1").await.ok(201);
        let mail = world.mails().await.pop().unwrap();
        let (code, link) = (mail.code(), mail.token());
        let (email, wrong) = (json!({"email": EMAIL}), other(&code));
        let calls = (0..40).map(|turn| match turn % 4 {
            0 => world.post("/auth/verify-email", json!({"email": EMAIL, "code": code})),
            1 => world.post("/account/confirm-email", json!({"token": link})),
            2 => world.post("/auth/verify-email", json!({"email": EMAIL, "code": wrong})),
            _ => world.post("/auth/resend-verification", email.clone()),
        });
        let answers = join_all(calls).await;
        assert!(answers.iter().all(|answer| !answer.status.is_server_error()));
        let proven = |answer: &&Answer| answer.status == 204 || answer.json["access_token"].is_string();
        assert!(answers.iter().filter(proven).count() <= 1);
    }

    async fn wrong_codes_and_wrong_passwords_are_counted_apart(world: World) {
        for (name, by_code) in [("trader1", true), ("trader2", false)] {
            register(&world, name).await.ok(201);
            let email = format!("{name}@example.com");
            let code = code(&world).await;
            let wrong = async || if by_code {
                verify(&world, &email, &other(&code)).await
            } else {
                login(&world, name, "a wrong password").await
            };
            for _ in 0..5 {
                assert_eq!(wrong().await.status, 401);
            }
            assert_eq!(wrong().await.status, 429);
            if by_code {
                login(&world, name, PASSWORD).await.ok(200);
            } else {
                verify(&world, &email, &code).await.ok(200);
            }
        }
    }
}
