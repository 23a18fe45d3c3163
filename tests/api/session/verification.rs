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
        for token in ["", "x", "cce_AAAA", &mail.token().replace("cce_", "crp_")] {
            world.post("/account/confirm-email", json!({"token": token})).await.refused(400, "invalid_link");
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
