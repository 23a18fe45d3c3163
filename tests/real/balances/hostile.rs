//! Tokens that are out to take the others', or the node's, time and room; and which block a row is of.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Bench, Listed, chain, known, owner, row};
use crate::support::evm::{Chain, Habit, Mood, Proxy};
use crate::support::world::{Answer, START};

/// Some tokens that behave, each of which the owner has its number of, after those that are listed already.
fn good(chain: &Chain, count: u32, listed: Listed) -> (Vec<String>, Listed) {
    let good = chain.coins(count, 18, &owner());
    let listed = good.iter().fold(listed, |listed, token| listed.token(chain, token, "GOOD", 18));
    (good, listed)
}

fn bad(chain: &Chain, tokens: &[String]) -> Listed {
    tokens.iter().fold(Listed::default(), |listed, token| listed.token(chain, token, "BAD", 18))
}

/// Insists on the rows of all these tokens, and of the native coin.
#[track_caller]
fn assert_all(answer: &Answer, good: &[String]) {
    assert!(!answer.headers.contains_key("x-unavailable-chains"), "{:?}", answer.headers);
    for (number, token) in good.iter().enumerate() {
        assert_eq!(row(answer, token)["balance"], (number + 1).to_string(), "{}", answer.text);
    }
    assert_eq!(answer.json.as_array().unwrap().len(), 1 + good.len(), "{}", answer.text);
}

/// A chain in the configuration, by Multicall3 or without it.
fn configured(chain: &Chain, nodes: &[&str], multicall: Option<&str>) -> Value {
    let mut config = known(chain, nodes);
    if let Some(multicall) = multicall {
        config["multicall"] = json!(multicall);
    }
    config
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_that_return_megabytes_take_no_chain_away() {
    let chain = Chain::start_generous(1, START);
    let hostile = chain.misfits(3, Habit::Returns(4 << 20));
    let (good, listed) = good(&chain, 24, bad(&chain, &hostile));
    for multicall in [None, Some("")] {
        let node = Proxy::to(&chain);
        // An answer of 48 MiB takes anvil its time.
        let mut config = configured(&chain, &[&node.url], multicall);
        config["deadline_ms"] = json!(20_000);
        let bench = Bench::new(&json!([config]), &listed, &[("BALANCES__DEADLINE", "25s")]).await;
        let mut requests = Vec::new();
        for _ in 0..4 {
            assert_all(&bench.ask("").await.ok(200), &good);
            requests.push(node.seen().requests);
            bench.forget();
        }
        let few = if multicall.is_some() { 2 } else { 1 };
        assert_eq!(*requests.last().unwrap(), few, "in the end they are asked nothing: {requests:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_takes_its_time_takes_no_chain_away() {
    let chain = chain(1);
    let slow = chain.misfits(1, Habit::Reverts);
    let (good, listed) = good(&chain, 40, bad(&chain, &slow));
    for multicall in [None, Some("")] {
        let node = Proxy::to(&chain);
        node.be(Mood::LateAbout(slow[0].clone(), Duration::from_mins(1)));
        let mut config = configured(&chain, &[&node.url], multicall);
        config["deadline_ms"] = json!(4_000);
        let bench = Bench::new(&json!([config]), &listed, &[]).await;
        let first = bench.ask("").await.ok(200);
        assert!(!first.headers.contains_key("x-unavailable-chains"), "{:?}", first.headers);
        assert!(first.json.as_array().unwrap().len() > 30, "some are in the same request: {}", first.text);
        bench.forget();
        assert_all(&bench.ask("").await.ok(200), &good);
        bench.forget();
        node.seen();
        assert_all(&bench.ask("").await.ok(200), &good);
        let few = if multicall.is_some() { 2 } else { 1 };
        assert_eq!(node.seen().requests, few, "in the end it is asked nothing");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_than_fifty_dead_tokens_take_nothing_from_the_others() {
    let chain = chain(1);
    let dead = chain.misfits(120, Habit::Reverts);
    let (good, listed) = good(&chain, 60, bad(&chain, &dead));
    let node = Proxy::to(&chain);
    let bench = Bench::new(&json!([known(&chain, &[&node.url])]), &listed, &[]).await;
    for _ in 0..2 {
        assert_all(&bench.ask("").await.ok(200), &good);
        bench.forget();
    }
    node.seen();
    assert_all(&bench.ask("").await.ok(200), &good);
    let seen = node.seen();
    assert_eq!(seen.requests, 6, "the others, and 25 dead ones in a request: {seen:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_contract_that_speaks_of_quotas_is_taken_for_no_rate_limit_of_the_node() {
    let chain = chain(1);
    let words = chain.misfits(3, Habit::Reverts);
    for multicall in [None, Some("")] {
        let (first, second) = (Proxy::to(&chain), Proxy::to(&chain));
        let config = configured(&chain, &[&first.url, &second.url], multicall);
        let bench = Bench::new(&json!([config]), &bad(&chain, &words), &[("BALANCES__HEDGE_MS", "60000")]).await;
        for _ in 0..2 {
            assert_all(&bench.ask("").await.ok(200), &[]);
            bench.forget();
        }
        assert!(first.seen().requests > 0);
        assert_eq!(second.seen().requests, 0, "the first one did nothing wrong");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_all_failed_a_moment_ago_are_still_asked() {
    let chain = chain(1);
    let nodes: Vec<Proxy> = (0..3).map(|_| Proxy::to(&chain)).collect();
    let urls: Vec<&str> = nodes.iter().map(|node| node.url.as_str()).collect();
    let bench = Bench::new(&json!([known(&chain, &urls)]), &Listed::default(), &[]).await;
    for node in &nodes {
        node.be(Mood::Says(500, "oops"));
    }
    bench.ask("").await.refused(502, "chains_unavailable");
    for node in &nodes {
        node.be(Mood::Faithful);
        node.seen();
    }
    bench.forget();
    assert_all(&bench.ask("").await.ok(200), &[]);
    assert_eq!(nodes.iter().map(|node| node.seen().requests).collect::<Vec<_>>(), [1, 0, 0], "in their own order");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_of_arbitrum_is_of_a_block_of_arbitrum() {
    for id in [42_161, 42_170, 421_614] {
        let told = chain(id).with_arb_sys(0x0123_4567);
        let bench = Bench::new(&json!([known(&told, &[&told.url])]), &Listed::default(), &[]).await;
        assert_eq!(bench.ask("").await.ok(200).json[0]["blockNumber"], 0x0123_4567, "{id}");
    }
    // A copy that has no such contract says by itself which block it is, and so does any other chain.
    for chain in [chain(42_161), chain(1).with_arb_sys(0x0123_4567)] {
        let bench = Bench::new(&json!([known(&chain, &[&chain.url])]), &Listed::default(), &[]).await;
        assert_eq!(bench.ask("").await.ok(200).json[0]["blockNumber"], chain.height());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_read_apart_is_labelled_with_the_block_of_its_own() {
    let chain = chain(1);
    let token = chain.misfits(1, Habit::Reverts).remove(0);
    let bench =
        Bench::new(&json!([known(&chain, &[&chain.url])]), &bad(&chain, std::slice::from_ref(&token)), &[]).await;
    assert_all(&bench.ask("").await.ok(200), &[]);
    // It behaves from now on, and is asked apart once more.
    let code = chain.ask("eth_getCode", &json!([chain.misfit(Habit::Returns(32)), "latest"]));
    chain.ask("anvil_setCode", &json!([token, code]));
    chain.pass(Duration::from_secs(1));
    for _ in 0..2 {
        bench.forget();
        let well = bench.row(&token).await;
        assert_eq!((&well["balance"], &well["blockNumber"]), (&json!("7"), &json!(chain.height())), "{well}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn however_many_failed_each_has_its_turn_to_be_asked_again() {
    let chain = chain(1);
    let dead = chain.misfits(250, Habit::Reverts);
    let (good, listed) = good(&chain, 10, bad(&chain, &dead));
    let bench = Bench::new(&json!([known(&chain, &[&chain.url])]), &listed, &[]).await;
    for _ in 0..2 {
        assert_all(&bench.ask("").await.ok(200), &good);
        bench.forget();
    }
    let code = chain.ask("eth_getCode", &json!([chain.misfit(Habit::Returns(32)), "latest"]));
    for token in &dead {
        chain.ask("anvil_setCode", &json!([token, code]));
    }
    let mut rows = Vec::new();
    for _ in 0..3 {
        rows.push(bench.ask("").await.ok(200).json.as_array().unwrap().len());
        bench.forget();
    }
    assert_eq!(rows, [11 + 200, 11 + 250, 11 + 250], "200 at a time, whoever waits longest first");
}
