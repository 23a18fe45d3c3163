//! Many who ask: what each of them may ask for, and what the node has of it.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{Bench, Listed, chain, known};
use crate::support::evm::{Mood, Proxy};
use crate::support::wallet::Wallet;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_asks_so_often_from_one_network_and_others_are_free() {
    let chain = chain(1);
    let settings = [
        ("LIMITS__ENABLED", "true"),
        ("LIMITS__BALANCES__BURST", "2"),
        ("LIMITS__BALANCES__RATE", "60"),
        ("TRUSTED_PROXIES", "[\"0.0.0.0\"]"),
    ];
    let bench = Bench::new(&json!([known(&chain, &[&chain.url])]), &Listed::default(), &settings).await;
    let key = bench.session.api_key(&bench.world).await;
    for _ in 0..2 {
        bench.ask("").await.ok(200);
    }
    let refused = bench.ask("").await.refused(429, "too_many_requests");
    assert_eq!(
        (&refused.headers["retry-after"], &refused.headers["ratelimit-policy"]),
        (&"1".parse().unwrap(), &"\"balances\";q=2".parse().unwrap())
    );
    // The key is of the same account, from another network it is another bucket.
    let by_key = |client: &'static str| {
        let headers = [("x-api-key", key.clone()), ("x-forwarded-for", client.to_owned())];
        let world = &bench.world;
        async move {
            let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
            world.call("GET", "/users/tokens", &headers, &Value::Null).await
        }
    };
    by_key("0.0.0.0").await.refused(429, "too_many_requests");
    by_key("192.0.2.9").await.ok(200);
    let other = Wallet::number(2).sign_in(&bench.world).await;
    bench.world.get_as(&other.token, "/users/tokens").await.ok(200);
    bench.world.pass(Duration::from_secs(1));
    bench.ask("").await.ok(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chain_is_asked_for_so_many_wallets_at_once_and_the_others_wait_for_their_turn() {
    let chain = chain(1);
    let node = Proxy::to(&chain);
    let bench = Bench::new(&json!([known(&chain, &[&node.url])]), &Listed::default(), &[]).await;
    let mut sessions = Vec::new();
    for number in 1..=80 {
        sessions.push(Wallet::number(number).sign_in(&bench.world).await);
    }
    node.be(Mood::Late(Duration::from_millis(150)));
    let asks = sessions.iter().map(|session| bench.world.get_as(&session.token, "/users/tokens"));
    for answer in join_all(asks).await {
        answer.ok(200);
    }
    let seen = node.seen();
    assert_eq!(seen.requests, 80);
    assert!((8..=32).contains(&seen.at_once), "{}", seen.at_once);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_has_the_answer_of_the_one_who_asked_first_also_if_that_one_goes() {
    let chain = chain(1);
    let node = Proxy::to(&chain);
    let mut config = known(&chain, &[&node.url]);
    config["deadline_ms"] = json!(3_000);
    let bench = Bench::new(&json!([config]), &Listed::default(), &[("BALANCES__DEADLINE", "5s")]).await;
    node.be(Mood::Late(Duration::from_secs(2)));
    let first = tokio::time::timeout(Duration::from_millis(1_500), bench.ask(""));
    let second = async {
        tokio::time::sleep(Duration::from_millis(1_400)).await;
        // Were it asked anew, that would take longer.
        tokio::time::timeout(Duration::from_millis(1_500), bench.ask("")).await
    };
    let (first, second) = tokio::join!(first, second);
    assert!(first.is_err(), "it was given up");
    second.expect("the answer that was on its way").ok(200);
    assert_eq!(node.seen().requests, 1);
}
