//! The limits of this door, which say how to wait and tell nobody whether there is an account.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::person::{PASSWORD, basic, register};
use crate::support::world::{Answer, World, on_both};

/// Behind the proxy whose peer address tests have; guesses are few, and of links and mails as many as always.
const TIGHT: [(&str, &str); 3] =
    [("LIMITS__ENABLED", "true"), ("LIMITS__PASSWORDS__BURST", "2"), ("LIMITS__PASSWORDS__RATE", "60")];
/// How many mails a network may ask for at once.
const RECOVERIES: usize = 200;
const NAMES: [&str; 2] = ["trader1@example.com", "nobody@example.com"];

/// All that an answer tells, but for the id that each request has of its own.
fn told(answer: &Answer) -> (u16, Vec<(String, String)>, Value) {
    let headers = answer.headers.iter().filter(|(name, _)| *name != "x-request-id");
    let mut headers: Vec<_> =
        headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
    headers.sort();
    let mut body = answer.json.clone();
    if let Some(members) = body.as_object_mut() {
        members.remove("request_id");
    }
    (answer.status.as_u16(), headers, body)
}

#[track_caller]
fn assert_limited(answer: Answer, policy: &str, burst: usize) -> Answer {
    let answer = answer.refused(429, "too_many_requests");
    assert_eq!(answer.headers["retry-after"], "1");
    assert_eq!(answer.headers["ratelimit"], format!("\"{policy}\";r=0;t=1"));
    assert_eq!(answer.headers["ratelimit-policy"], format!("\"{policy}\";q={burst}"));
    answer
}

/// Posts a password, or a code, which is guessed alike.
async fn guess(world: &World, client: &str, path: &str, name: &str) -> Answer {
    let own = basic(name, "a wrong password");
    let headers = [("content-type", "application/json"), ("x-forwarded-for", client), ("authorization", own.as_str())];
    match path {
        "/auth/login" => {
            let body = json!({"email": name, "password": "a wrong password"});
            world.call_from(client, "POST", path, &body).await
        }
        "/auth/verify-email" => world.call_from(client, "POST", path, &json!({"email": name, "code": "000000"})).await,
        _ => world.call("POST", path, &headers, &Value::Null).await,
    }
}

on_both! {
    async fn guesses_without_end_are_429_alike_for_those_who_are_and_for_nobody(world: World) {
        register(&world, "trader1").await.ok(201);
        let world = world.behind_proxy(&TIGHT).await;
        for (at, path) in ["/auth/login", "/auth/token", "/auth/verify-email"].into_iter().enumerate() {
            let mut seen = Vec::new();
            for (host, name) in NAMES.into_iter().enumerate() {
                let client = format!("192.0.{at}.{host}");
                for _ in 0..2 {
                    seen.push(told(&guess(&world, &client, path, name).await.ok(401)));
                }
                let limited = guess(&world, &client, path, name).await;
                seen.push(told(&assert_limited(limited, "passwords", 2)));
            }
            let (known, nobody) = seen.split_at(3);
            assert_eq!(known, nobody, "{path}");
        }
        // Another network is free of it, and the same one a second later.
        guess(&world, "198.51.100.1", "/auth/login", NAMES[0]).await.ok(401);
        world.pass(Duration::from_secs(1));
        let right = json!({"email": NAMES[0], "password": PASSWORD});
        world.call_from("192.0.0.0", "POST", "/auth/login", &right).await.ok(200);
    }

    async fn asking_for_mails_without_end_is_429_alike_for_those_who_are_and_for_nobody(world: World) {
        register(&world, "trader1").await.ok(201);
        let world = world.behind_proxy(&TIGHT).await;
        let asks = ["/auth/forgot-password", "/auth/resend-verification"];
        let ask = async |turn: usize| {
            let body = json!({"email": NAMES[turn % 2]});
            world.call_from("192.0.2.1", "POST", asks[turn / 2 % 2], &body).await
        };
        let answers = join_all((0..RECOVERIES).map(ask)).await;
        let first = told(&answers[0]);
        assert_eq!((first.0, &first.2), (200, &json!({})));
        assert!(answers.iter().all(|answer| told(answer) == first));
        let limited = join_all((0..4).map(ask)).await.into_iter().map(|answer| assert_limited(answer, "recoveries", RECOVERIES));
        let limited: Vec<_> = limited.map(|answer| told(&answer)).collect();
        assert!(limited.iter().all(|answer| *answer == limited[0]));
        // What is done with the mail is limited with it.
        for (path, body) in [
            ("/auth/reset-password", json!({"token": "x", "new_password": PASSWORD})),
            ("/account/reset-password", json!({"token": "x", "new_password": PASSWORD})),
            ("/account/confirm-email", json!({"token": "x"})),
        ] {
            assert_limited(world.call_from("192.0.2.1", "POST", path, &body).await, "recoveries", RECOVERIES);
            world.call_from("192.0.2.2", "POST", path, &body).await.refused(400, "invalid_link");
        }
        world.pass(Duration::from_secs(1));
        ask(0).await.ok(200);
    }
}
