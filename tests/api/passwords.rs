//! Guesses at passwords: how long they wait, and whom they do not hinder.

use std::time::Duration;

use countersign::model::AccountId;
use countersign::store::audit;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::person::{PASSWORD, call_as, login, register, session, token};
use crate::support::wallet::Wallet;
use crate::support::world::{Answer, World, on_both};

const WRONG: &str = "a wrong password";
const HOME: &str = "198.51.100.7";
const AWAY: &str = "203.0.113.9";

async fn login_from(world: &World, address: &str, name: &str, password: &str) -> Answer {
    let body = json!({"username": name, "password": password});
    world.call_from(address, "POST", "/api/users/login", &body).await
}

fn wait(answer: &Answer) -> u64 {
    answer.headers["retry-after"].to_str().unwrap().parse().unwrap()
}

on_both! {
    async fn five_are_free_and_then_the_wait_doubles_up_to_a_quarter_of_an_hour(world: World) {
        register(&world, "trader1").await.ok(201);
        for name in ["trader1", "nobody"] {
            for _ in 0..5 {
                login(&world, name, WRONG).await.refused(401, "invalid_credentials");
            }
            for expected in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900] {
                let waiting = login(&world, name, PASSWORD).await.refused(429, "too_many_requests");
                assert_eq!(wait(&waiting), expected, "{name}");
                world.pass(Duration::from_secs(expected));
                login(&world, name, WRONG).await.refused(401, "invalid_credentials");
            }
        }
        world.pass(Duration::from_mins(15));
        login(&world, "trader1", PASSWORD).await.ok(200);
        for _ in 0..5 {
            login(&world, "trader1", WRONG).await.refused(401, "invalid_credentials");
        }
    }

    async fn a_wait_is_one_for_all_names_doors_spellings_nodes_and_restarts(world: World) {
        register(&world, "trader1").await.ok(201);
        let other = world.again_with(&[]).await;
        login(&world, "trader1", WRONG).await.refused(401, "invalid_credentials");
        login(&other, "TRADER1", WRONG).await.refused(401, "invalid_credentials");
        login(&world, "trader1@example.com", WRONG).await.refused(401, "invalid_credentials");
        token(&other, "ｔｒａｄｅｒ１", WRONG).await.refused(401, "invalid_credentials");
        token(&world, "Trader1@EXAMPLE.com", WRONG).await.refused(401, "invalid_credentials");
        for name in ["trader1", "Trader1@Example.com"] {
            login(&world.again_with(&[]).await, name, PASSWORD).await.refused(429, "too_many_requests");
            token(&other, name, PASSWORD).await.refused(429, "too_many_requests");
        }
    }

    async fn guesses_at_once_are_no_more_than_one_after_the_other(world: World) {
        register(&world, "trader1").await.ok(201);
        let answers = join_all((0..40).map(|_| login(&world, "trader1", WRONG))).await;
        let wrong = answers.iter().filter(|answer| answer.status == 401).count();
        let waiting = answers.iter().filter(|answer| answer.status == 429).count();
        assert_eq!((wrong, waiting), (5, 35));
    }

    async fn a_right_guess_among_too_many_at_once_is_not_told_from_a_wrong_one(world: World) {
        register(&world, "trader1").await.ok(201);
        for _ in 0..5 {
            login(&world, "trader1", WRONG).await.refused(401, "invalid_credentials");
        }
        world.pass(Duration::from_secs(1));
        // All are let in at once, and the first failure makes the others wait. Hashes come out in their order.
        let guesses = (0..20).map(|at| login(&world, "trader1", if at == 19 { PASSWORD } else { WRONG }));
        let answers = join_all(guesses).await;
        assert_eq!(answers.iter().filter(|answer| answer.status == 401).count(), 1);
        let last = answers.into_iter().last().unwrap();
        assert!(last.status == 429 || last.status == 200, "{}", last.text);
    }

    async fn a_crowd_that_knows_the_password_comes_in_at_once(world: World) {
        register(&world, "trader1").await.ok(201);
        for answer in join_all((0..40).map(|_| login(&world, "trader1", PASSWORD))).await {
            answer.ok(200);
        }
    }

    async fn a_stranger_locks_out_nobody_but_himself(world: World) {
        let world = world.behind_proxy(&[]).await;
        register(&world, "trader1").await.ok(201);
        for _ in 0..5 {
            login_from(&world, AWAY, "trader1", WRONG).await.refused(401, "invalid_credentials");
        }
        login_from(&world, AWAY, "trader1", PASSWORD).await.refused(429, "too_many_requests");
        login_from(&world, HOME, "trader1", PASSWORD).await.ok(200);
        // Nor does the owner's success forgive the stranger.
        login_from(&world, AWAY, "trader1", PASSWORD).await.refused(429, "too_many_requests");
    }

    async fn an_owner_whose_session_lives_in_the_network_gets_in_in_spite_of_others_there(world: World) {
        let world = world.behind_proxy(&[]).await;
        register(&world, "trader1").await.ok(201);
        let first = login_from(&world, HOME, "trader1", PASSWORD).await.ok(200);
        let second = login_from(&world, HOME, "trader1", PASSWORD).await.ok(200);
        call_as(&world, second.field("session_token"), "POST", "/users/logout", Value::Null).await.ok(204);
        for _ in 0..5 {
            login_from(&world, HOME, "trader1", WRONG).await.refused(401, "invalid_credentials");
        }
        // Others who share the network wait, and learn nothing more; the owner does not.
        for _ in 0..3 {
            login_from(&world, HOME, "trader1", WRONG).await.refused(429, "too_many_requests");
        }
        login_from(&world, HOME, "trader1", PASSWORD).await.ok(200);
        // They may not guess without end either: then he waits like them.
        for _ in 0..5 {
            login_from(&world, HOME, "trader1", WRONG).await.refused(401, "invalid_credentials");
        }
        for _ in 0..55 {
            login_from(&world, HOME, "trader1", WRONG).await.refused(429, "too_many_requests");
        }
        login_from(&world, HOME, "trader1", PASSWORD).await.refused(429, "too_many_requests");
        world.pass(Duration::from_mins(15));
        login_from(&world, HOME, "trader1", PASSWORD).await.ok(200);
        call_as(&world, first.field("session_token"), "GET", "/api/users/profile", Value::Null).await.ok(200);
    }

    async fn a_network_is_known_by_a_sign_in_with_a_wallet_too_and_no_longer_than_its_session(world: World) {
        let own = session(&world, "trader1").await;
        let wallet = Wallet::number(1);
        let asked = call_as(&world, &own, "POST", "/users/wallets/challenge", json!({"address": wallet.address})).await;
        let message = asked.field("message").to_owned();
        let proof = json!({"message": message, "signature": wallet.sign(&message)});
        call_as(&world, &own, "POST", "/users/wallets", proof).await.ok(201);
        call_as(&world, &own, "POST", "/users/logout", Value::Null).await.ok(204);
        let by_wallet = wallet.sign_in(&world).await;
        for _ in 0..5 {
            login(&world, "trader1", WRONG).await.refused(401, "invalid_credentials");
        }
        let again = login(&world, "trader1", PASSWORD).await.ok(200);
        for token in [&by_wallet.token, again.field("session_token")] {
            call_as(&world, token, "POST", "/users/logout", Value::Null).await.ok(204);
        }
        for _ in 0..5 {
            login(&world, "trader1", WRONG).await.refused(401, "invalid_credentials");
        }
        login(&world, "trader1", PASSWORD).await.refused(429, "too_many_requests");
    }

    async fn one_customer_of_an_access_provider_is_one_network(world: World) {
        let world = world.behind_proxy(&[]).await;
        register(&world, "trader1").await.ok(201);
        for host in 1..=5 {
            let address = format!("2001:db8:1:2::{host}");
            login_from(&world, &address, "trader1", WRONG).await.refused(401, "invalid_credentials");
        }
        login_from(&world, "2001:db8:1:2:ffff::9", "trader1", PASSWORD).await.refused(429, "too_many_requests");
        login_from(&world, "2001:db8:1:3::1", "trader1", PASSWORD).await.ok(200);
    }

    async fn the_password_in_force_is_guarded_wherever_it_is_asked_for(world: World) {
        let own = session(&world, "trader1").await;
        // A session of the account lives here, so its owner is let through; the guesses are counted all the same.
        let guess = json!({"email": "new@example.com", "current_password": WRONG});
        for _ in 0..5 {
            let answer = call_as(&world, &own, "PUT", "/api/users/profile", guess.clone()).await;
            answer.refused(401, "invalid_credentials");
        }
        call_as(&world, &own, "PUT", "/api/users/profile", guess).await.refused(429, "too_many_requests");
        call_as(&world, &own, "POST", "/users/logout", Value::Null).await.ok(204);
        login(&world, "trader1", PASSWORD).await.refused(429, "too_many_requests");
    }

    async fn who_found_a_token_guesses_the_password_in_force_no_faster_than_one_after_the_other(world: World) {
        let world = world.behind_proxy(&[]).await;
        register(&world, "trader1").await.ok(201);
        let own = login_from(&world, HOME, "trader1", PASSWORD).await.ok(200);
        let bearer = format!("Bearer {}", own.field("session_token"));
        let headers = [("content-type", "application/json"), ("x-forwarded-for", AWAY), ("authorization", bearer.as_str())];
        let guess = async |password: &str| {
            let body = json!({"email": "thief@example.com", "current_password": password});
            world.call("PUT", "/api/users/profile", &headers, &body).await
        };
        for _ in 0..5 {
            guess(WRONG).await.refused(401, "invalid_credentials");
        }
        world.pass(Duration::from_secs(1));
        let guesses = (0..40).map(|at| guess(if at == 39 { PASSWORD } else { WRONG }));
        let answers = join_all(guesses).await;
        assert_eq!(answers.iter().filter(|answer| answer.status == 401).count(), 1);
        assert_eq!(answers[39].status, 429, "{}", answers[39].text);
    }

    async fn a_weaker_hash_is_replaced_at_the_next_sign_in(world: World) {
        const HASH: &str = "SELECT hash FROM passwords";
        register(&world, "trader1").await.ok(201);
        let before = world.data().await.text(HASH).await;
        assert!(before.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{before}");
        let stronger = world.again_with(&[("PASSWORDS__PASSES", "3")]).await;
        login(&stronger, "trader1", WRONG).await.refused(401, "invalid_credentials");
        assert_eq!(world.data().await.text(HASH).await, before);
        login(&stronger, "trader1", PASSWORD).await.ok(200);
        let after = world.data().await.text(HASH).await;
        assert!(after.starts_with("$argon2id$v=19$m=19456,t=3,p=1$"), "{after}");
        login(&world, "trader1", PASSWORD).await.ok(200);
        assert_eq!(world.data().await.text(HASH).await, after, "never back to the weaker one");
    }

    async fn a_stored_hash_that_is_damaged_is_a_wrong_password(world: World) {
        register(&world, "trader1").await.ok(201);
        for damage in [
            "UPDATE passwords SET hash = ''",
            "UPDATE passwords SET hash = '$argon2id$v=19$m=4294967295,t=1,p=1$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA'",
            "UPDATE passwords SET hash = '$2b$12$C6UzMDM.H6dfI/f/IKcEeO7ZtnEUWFXxOYbJBC8Xjr1RM5Lp8qK2W'",
            "UPDATE passwords SET hash = 'correct horse battery'",
        ] {
            world.data().await.execute(damage).await;
            login(&world, "trader1", PASSWORD).await.refused(401, "invalid_credentials");
        }
    }

    async fn passwords_without_end_are_refused_before_they_are_hashed(world: World) {
        register(&world, "trader1").await.ok(201);
        login(&world, "trader1", &"x".repeat(60_000)).await.refused(401, "invalid_credentials");
        login(&world, "trader1", &"x".repeat(70_000)).await.refused(413, "body_too_large");
        let long = crate::support::person::basic("trader1", &"x".repeat(5_000));
        let answer = world.call("GET", "/v1/users/token", &[("authorization", &long)], &Value::Null).await;
        answer.refused(401, "invalid_credentials");
    }

    async fn sign_ins_and_guesses_are_in_the_audit_trail(world: World) {
        register(&world, "trader1").await.ok(201);
        login(&world, "trader1", WRONG).await.refused(401, "invalid_credentials");
        login(&world, "trader1", PASSWORD).await.ok(200);
        world.data().await.execute("UPDATE accounts SET disabled_at = 1").await;
        login(&world, "trader1", PASSWORD).await.refused(403, "account_disabled");
        let own = world.data().await.text("SELECT CAST(number AS TEXT) FROM accounts").await;
        assert_eq!(own, "1");
        let person = world.core.find_person(countersign::identity::Who::Name("trader1")).await.unwrap();
        let id: AccountId = person.id();
        let events = audit::list(&mut world.core.db().read().await.unwrap(), id).await.unwrap();
        let told: Vec<String> = events.into_iter().map(|(name, detail)| format!("{name} {}", detail.unwrap_or_default())).collect();
        assert_eq!(told, [
            "registered ",
            "password_refused invalid_credentials",
            "signed_in password",
            "sign_in_refused account_disabled",
        ]);
    }

    async fn limits_of_a_network_hold_for_passwords_and_registrations(world: World) {
        let tight = [("LIMITS__ENABLED", "true"), ("LIMITS__PASSWORDS__BURST", "2"), ("LIMITS__REGISTRATIONS__BURST", "2"),
                     ("LIMITS__PASSWORDS__RATE", "1"), ("LIMITS__REGISTRATIONS__RATE", "1")];
        let world = world.behind_proxy(&tight).await;
        for name in ["trader1", "trader2"] {
            let body = json!({"username": name, "password": PASSWORD});
            world.call_from(HOME, "POST", "/api/users/register", &body).await.ok(201);
            login_from(&world, HOME, name, PASSWORD).await.ok(200);
        }
        let body = json!({"username": "trader3", "password": PASSWORD});
        let refused = world.call_from(HOME, "POST", "/api/users/register", &body).await;
        assert!(refused.refused(429, "too_many_requests").headers.contains_key("ratelimit"));
        login_from(&world, HOME, "trader1", PASSWORD).await.refused(429, "too_many_requests");
        login_from(&world, AWAY, "trader1", PASSWORD).await.ok(200);
    }
}
