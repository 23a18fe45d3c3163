//! Guessing at codes: counted for the person, over doors, tickets, networks, nodes and restarts.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::authenticator::{Authenticator, VERIFY, ticket, verify};
use crate::support::person::{PASSWORD, basic, login, session};
use crate::support::world::{Answer, World, on_both};

async fn guess(world: &World, address: &str, code: &str) -> Answer {
    let body = json!({"username": "trader1", "password": PASSWORD, "otp": code});
    world.call_from(address, "POST", "/api/users/login", &body).await
}

on_both! {
    async fn five_are_free_over_all_doors_and_tickets_and_then_one_waits_on_every_node(world: World) {
        let bearer = session(&world, "trader1").await;
        let own = Authenticator::in_force(&world, &bearer).await;
        world.data().await.execute("DELETE FROM known_networks").await;
        let wrong = own.wrong(&world);
        let own_basic = basic("trader1", PASSWORD);
        let headers = [("authorization", own_basic.as_str()), ("x-otp", wrong.as_str())];
        let body = json!({"email": "trader1", "password": PASSWORD, "otp": wrong});
        world.call("GET", "/v1/users/token", &headers, &Value::Null).await.refused(401, "invalid_code");
        world.post("/auth/login", body.clone()).await.refused(401, "invalid_code");
        verify(&world, &ticket(&world, "trader1").await, &wrong).await.refused(401, "invalid_code");
        verify(&world, &ticket(&world, "trader1").await, &wrong).await.refused(401, "invalid_code");
        verify(&world, &bearer, &wrong).await.refused(401, "invalid_code");
        let other = world.again_with(&[]).await;
        for node in [&world, &other] {
            // A right one as well: whether it is right is told to nobody who has to wait.
            for code in [&wrong, &own.code_after(&world, 1), &own.backup[0]] {
                let answer = verify(node, &ticket(node, "trader1").await, code).await;
                assert_eq!(answer.headers["retry-after"], "1");
                answer.refused(429, "too_many_requests");
            }
            node.post("/auth/login", body.clone()).await.refused(429, "too_many_requests");
        }
        // The password is another secret, and is not waited for.
        login(&world, "trader1", PASSWORD).await.refused(401, "mfa_required");
        world.pass(Duration::from_secs(1));
        verify(&other, &ticket(&world, "trader1").await, &wrong).await.refused(401, "invalid_code");
        let answer = verify(&other, &ticket(&world, "trader1").await, &wrong).await;
        assert_eq!(answer.headers["retry-after"], "2");
        world.pass(Duration::from_secs(30));
        verify(&world, &ticket(&world, "trader1").await, &own.code(&world)).await.ok(200);
        assert_eq!(world.data().await.execute("DELETE FROM failures").await, 0, "a right one forgets them");
    }

    async fn whoever_has_many_networks_has_no_more_guesses_for_it(world: World) {
        let bearer = session(&world, "trader1").await;
        let own = Authenticator::in_force(&world, &bearer).await;
        world.data().await.execute("DELETE FROM known_networks").await;
        let world = world.behind_proxy(&[]).await;
        let wrong = own.wrong(&world);
        for number in 0..20 {
            guess(&world, &format!("198.51.100.{}", number / 4), &wrong).await.refused(401, "invalid_code");
        }
        for number in 20..30 {
            guess(&world, &format!("198.51.100.{number}"), &wrong).await.refused(429, "too_many_requests");
        }
        // It is only as long as it lasts.
        world.pass(Duration::from_secs(30));
        guess(&world, "198.51.100.99", &own.code(&world)).await.ok(200);
    }

    async fn the_owner_gets_in_from_where_he_is_signed_in(world: World) {
        let bearer = session(&world, "trader1").await;
        let own = Authenticator::in_force(&world, &bearer).await;
        let world = world.behind_proxy(&[]).await;
        guess(&world, "192.0.2.1", &own.next(&world)).await.ok(200);
        let wrong = own.wrong(&world);
        for number in 0..20 {
            guess(&world, &format!("198.51.100.{}", number / 4), &wrong).await.refused(401, "invalid_code");
        }
        world.pass(Duration::from_millis(500));
        guess(&world, "198.51.100.50", &own.code_after(&world, 1)).await.refused(429, "too_many_requests");
        guess(&world, "192.0.2.1", &own.code_after(&world, 1)).await.ok(200);
    }

    async fn guesses_at_once_count_as_if_one_came_after_the_other(world: World) {
        let bearer = session(&world, "trader1").await;
        let own = Authenticator::in_force(&world, &bearer).await;
        world.data().await.execute("DELETE FROM known_networks").await;
        let ticket = ticket(&world, "trader1").await;
        let wrong = own.wrong(&world);
        let answers = join_all((0..40).map(|_| verify(&world, &ticket, &wrong))).await;
        let wrong = answers.iter().filter(|answer| answer.status == 401).count();
        assert_eq!(wrong, 5);
        assert!(answers.iter().all(|answer| matches!(answer.status.as_u16(), 401 | 429)));
    }

    async fn a_reset_of_the_password_gives_no_further_guesses(world: World) {
        let bearer = session(&world, "trader1").await;
        let own = Authenticator::in_force(&world, &bearer).await;
        world.data().await.execute("DELETE FROM known_networks").await;
        let first = ticket(&world, "trader1").await;
        for _ in 0..5 {
            verify(&world, &first, &own.wrong(&world)).await.refused(401, "invalid_code");
        }
        world.mails().await;
        world.post("/auth/forgot-password", json!({"email": "trader1@example.com"})).await.ok(200);
        let token = world.mails().await.last().expect("a mail").token();
        world.post("/auth/reset-password", json!({"token": token, "new_password": PASSWORD})).await.ok(200);
        // It still asks for the second factor, and for the wait.
        let after = ticket(&world, "trader1").await;
        world.post_as(&after, VERIFY, json!({"code": own.wrong(&world)})).await.refused(429, "too_many_requests");
    }
}
