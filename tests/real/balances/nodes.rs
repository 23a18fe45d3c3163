//! What nodes do wrong, and what it costs.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use super::{Bench, Listed, chain, known, owner, row};
use crate::support::evm::{Mood, Proxy};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chain_that_fails_is_named_and_the_others_rows_stay() {
    let chains = [chain(1), chain(10)];
    let tokens = [chains[0].coin("A", 6), chains[1].coin("B", 6)];
    let listed = Listed::default().token(&chains[0], &tokens[0], "A", 6).token(&chains[1], &tokens[1], "B", 6);
    let nodes = [Proxy::to(&chains[0]), Proxy::to(&chains[1])];
    let config = json!([known(&chains[0], &[&nodes[0].url]), known(&chains[1], &[&nodes[1].url])]);
    let bench = Bench::new(&config, &listed, &[]).await;
    nodes[1].be(Mood::Refuses);
    let answer = bench.ask("").await.ok(200);
    assert_eq!(answer.headers["x-unavailable-chains"], "10");
    assert_eq!(answer.json.as_array().unwrap().len(), 2, "{}", answer.text);
    assert_eq!(row(&answer, &tokens[0])["balance"], "0");
    bench.ask("?chainId=10").await.refused(502, "chains_unavailable");
    nodes[0].be(Mood::Says(500, "oops"));
    bench.forget();
    bench.ask("").await.refused(502, "chains_unavailable");
    for node in &nodes {
        node.be(Mood::Faithful);
    }
    bench.forget();
    let well = bench.ask("").await.ok(200);
    assert!(!well.headers.contains_key("x-unavailable-chains"));
    assert_eq!(well.json.as_array().unwrap().len(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_no_good_is_replaced_by_the_next_one() {
    let (good, foreign) = (chain(1), chain(99));
    let token = good.coin("A", 6);
    good.give(&token, &owner(), "5");
    let listed = Listed::default().token(&good, &token, "A", 6);
    for mood in [
        Mood::Refuses,
        Mood::Hangs,
        Mood::Cuts,
        Mood::Endless,
        Mood::Late(Duration::from_secs(20)),
        Mood::Says(500, "oops"),
        Mood::Says(429, "slow down"),
        Mood::Says(200, "<html>"),
        Mood::Says(200, "[]"),
        Mood::Results(json!(null)),
        Mood::Results(json!("0x")),
        Mood::Fails(-32005, "rate limit exceeded"),
        Mood::OtherChain(5),
    ] {
        let told = format!("{mood:?}");
        let first = Proxy::to(&good);
        first.be(mood);
        let config = json!([known(&good, &[&first.url, &good.url])]);
        // At once, or after a while.
        let hedge = if told.contains("Hangs") { "0" } else { "200" };
        let bench = Bench::new(&config, &listed, &[("BALANCES__HEDGE_MS", hedge)]).await;
        assert_eq!(bench.row(&token).await["balance"], "5", "{told}");
        assert!(first.seen().endless < 64 << 20, "{told}: it is not read to its end");
    }
    let first = Proxy::to(&foreign);
    let bench = Bench::new(&json!([known(&good, &[&first.url, &good.url])]), &listed, &[]).await;
    assert_eq!(bench.row(&token).await["balance"], "5", "a node of another chain");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_of_another_chain_is_used_for_nothing() {
    let (configured, other) = (chain(1), chain(10));
    let token = configured.coin("A", 6);
    let listed = Listed::default().token(&configured, &token, "A", 6);
    let node = Proxy::to(&other);
    let bench = Bench::new(&json!([known(&configured, &[&node.url])]), &listed, &[]).await;
    for _ in 0..2 {
        bench.ask("").await.refused(502, "chains_unavailable");
        bench.forget();
    }
    assert_eq!(node.seen().requests, 1, "asked once which chain it is of, and no more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_callers_of_one_wallet_are_one_question() {
    let chain = chain(1);
    let token = chain.coin("A", 6);
    chain.give(&token, &owner(), "5");
    let listed = Listed::default().token(&chain, &token, "A", 6);
    let node = Proxy::to(&chain);
    let bench = Bench::new(&json!([known(&chain, &[&node.url])]), &listed, &[]).await;
    let answers = join_all((0..1000).map(|_| bench.ask(""))).await;
    assert!(answers.into_iter().all(|answer| row(&answer.ok(200), &token)["balance"] == "5"));
    assert_eq!(node.seen().requests, 1);
    bench.forget();
    bench.ask("").await.ok(200);
    assert_eq!(node.seen().requests, 1, "asked again once the answer is old");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chain_that_hangs_is_waited_for_once_and_used_again_when_it_answers() {
    let chains = [chain(1), chain(10)];
    let token = chains[0].coin("A", 6);
    let listed = Listed::default().token(&chains[0], &token, "A", 6);
    let node = Proxy::to(&chains[1]);
    let mut hanging = known(&chains[1], &[&node.url]);
    hanging["deadline_ms"] = json!(300);
    let bench = Bench::new(&json!([known(&chains[0], &[&chains[0].url]), hanging]), &listed, &[]).await;
    node.be(Mood::Hangs);
    for _ in 0..20 {
        assert_eq!(bench.ask("").await.ok(200).headers["x-unavailable-chains"], "10");
        bench.world.pass(Duration::from_millis(200));
    }
    assert_eq!(node.seen().requests, 1, "nobody waits for what did not answer");
    node.be(Mood::Faithful);
    bench.forget();
    // One looks whether it is back while nobody waits; then it is.
    let mut is_back = false;
    for _ in 0..100 {
        let answer = bench.ask("").await.ok(200);
        is_back = !answer.headers.contains_key("x-unavailable-chains");
        if is_back {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(is_back);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_was_good_and_refuses_every_call_gives_way_to_the_next_one() {
    let good = chain(1);
    let token = good.coin("A", 6);
    good.give(&token, &owner(), "5");
    let listed = Listed::default().token(&good, &token, "A", 6);
    for (code, message) in [(-32005, "rate limit exceeded"), (-32000, "internal error"), (-32603, "line\nfeed")] {
        let first = Proxy::to(&good);
        let bench = Bench::new(&json!([known(&good, &[&first.url, &good.url])]), &listed, &[]).await;
        assert_eq!(bench.row(&token).await["balance"], "5");
        first.be(Mood::Fails(code, message));
        bench.forget();
        assert_eq!(bench.row(&token).await["balance"], "5", "{message}");
        let alone = Bench::new(&json!([known(&good, &[&first.url])]), &listed, &[]).await;
        alone.ask("").await.refused(502, "chains_unavailable");
        first.be(Mood::Faithful);
        alone.forget();
        assert_eq!(alone.row(&token).await["balance"], "5", "no contract was set apart for it");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chain_that_may_take_longer_than_the_request_is_still_named() {
    let chains = [chain(1), chain(10)];
    let node = Proxy::to(&chains[1]);
    node.be(Mood::Hangs);
    let config = json!([known(&chains[0], &[&chains[0].url]), known(&chains[1], &[&node.url])]);
    let bench = Bench::new(&config, &Listed::default(), &[("BALANCES__DEADLINE", "1s")]).await;
    let answer = bench.ask("").await.ok(200);
    assert_eq!(
        (&answer.headers["x-unavailable-chains"], answer.json.as_array().unwrap().len()),
        (&"10".parse().unwrap(), 1)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_multicall_a_node_that_refuses_every_call_gives_way_too() {
    let good = chain(324).without_multicall();
    let token = good.coin("A", 6);
    good.give(&token, &owner(), "5");
    let listed = Listed::default().token(&good, &token, "A", 6);
    let first = Proxy::to(&good);
    let mut config = known(&good, &[&first.url, &good.url]);
    config["multicall"] = json!("");
    let bench = Bench::new(&json!([config]), &listed, &[]).await;
    assert_eq!(bench.row(&token).await["balance"], "5");
    first.be(Mood::Fails(-32000, "internal error"));
    bench.forget();
    assert_eq!(bench.row(&token).await["balance"], "5");
}
