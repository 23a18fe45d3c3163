//! Balances, allowances and prices, of tokens good and bad.

use serde_json::{Value, json};

use super::{Bench, HOUR, Listed, NATIVE, PERMIT2, chain, known, owner, row};
use crate::support::evm::{Chain, Habit, MULTICALL, Proxy, abi};
use crate::support::wallet::Wallet;

const MAX: &str = "115792089237316195423570985008687907853269984665640564039457584007913129639935";

/// What the gateway says of a chain's tokens, in the shape in which viem is asked for it.
fn told(rows: &Value, chain: &Chain) -> Value {
    let mut tokens = serde_json::Map::new();
    let mut native = Value::Null;
    for row in rows.as_array().unwrap().iter().filter(|row| row["chainId"] == chain.id) {
        if row["address"] == NATIVE {
            native = row["balance"].clone();
        } else {
            let facts = json!({"balance": row["balance"], "allowance": row["allowance"], "decimals": row["decimals"]});
            tokens.insert(row["address"].as_str().unwrap().to_owned(), facts);
        }
    }
    json!({"native": native, "tokens": tokens})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn balances_allowances_and_prices_equal_what_the_chains_say_through_viem() {
    let chains = [chain(1), chain(10)];
    let mut listed = Listed::default();
    let mut questions = Vec::new();
    for chain in &chains {
        let mut tokens = Vec::new();
        for (symbol, decimals, balance, allowance) in
            [("SIX", 6, "1234567", "0"), ("EIGHT", 8, "0", "5"), ("MOST", 18, MAX, MAX), ("NONE", 18, "0", "0")]
        {
            let token = chain.coin(symbol, decimals);
            chain.give(&token, &owner(), balance);
            chain.allow(&token, &owner(), PERMIT2, allowance);
            listed = listed.token(chain, &token, symbol, decimals);
            tokens.push(token);
        }
        let old = chain.old_coin("MKR", 18);
        chain.give(&old, &owner(), "7");
        listed = listed.token(chain, &old, "MKR", 18);
        tokens.push(old);
        chain.give_native(&owner(), "1000000000000000001");
        let feed = chain.feed(8);
        chain.set_price(&feed, 312_345_678_901, chain.now());
        listed = listed.feed(chain, NATIVE, &feed);
        questions.push(json!({"owner": owner(), "spender": PERMIT2, "tokens": tokens, "feeds": [feed]}));
    }
    let config = json!([known(&chains[0], &[&chains[0].url]), known(&chains[1], &[&chains[1].url])]);
    let bench = Bench::new(&config, &listed, &[]).await;
    let answer = bench.ask("").await.ok(200);
    assert_eq!(answer.json.as_array().unwrap().len(), 12, "{}", answer.text);
    assert!(!answer.headers.contains_key("x-unavailable-chains"));
    for (chain, question) in chains.iter().zip(&questions) {
        let viem = chain.according_to_viem(question);
        let told = told(&answer.json, chain);
        assert_eq!(told["native"], viem["native"]);
        for (token, facts) in viem["tokens"].as_object().unwrap() {
            for fact in ["balance", "allowance", "decimals"] {
                assert_eq!(told["tokens"][token][fact], facts[fact], "{token} {fact}");
            }
        }
        let native = answer.json.as_array().unwrap().iter().find(|row| row["chainId"] == chain.id).unwrap();
        assert_eq!((&native["price"], &native["allowance"]), (&json!(3_123.456_789_01), &json!(MAX)));
        assert_eq!(native["priceSource"], question["feeds"][0]);
        assert_eq!(native["blockNumber"].to_string(), viem["blockNumber"].as_str().unwrap());
        assert!(native["priceUpdatedAt"].as_str().unwrap().starts_with("2026-01-01T00:"));
    }
    assert_eq!(answer.json[1]["logo"], "http://localhost:8080/assets/token.svg");
    assert_eq!(answer.headers["cache-control"], "no-store");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_that_give_no_balance_are_left_out_and_take_nothing_from_the_others() {
    let chain = chain(1);
    let mut listed = Listed::default();
    let habits = [Habit::Reverts, Habit::Returns(0), Habit::Returns(31), Habit::Returns(64), Habit::Returns(1 << 20)];
    let burners = [Habit::BurnsGas, Habit::BurnsGas, Habit::BurnsGas];
    let bad: Vec<String> = burners.into_iter().chain(habits).map(|habit| chain.misfit(habit)).collect();
    for token in &bad {
        listed = listed.token(&chain, token, "BAD", 18);
    }
    // An address without code returns nothing, which is no balance of nothing.
    listed = listed.token(&chain, "0x00000000000000000000000000000000DeaDBeef", "GONE", 18);
    let good: Vec<String> = (0..12).map(|number| chain.coin(&format!("G{number}"), 18)).collect();
    for (amount, token) in good.iter().enumerate() {
        chain.give(token, &owner(), &amount.to_string());
        listed = listed.token(&chain, token, "GOOD", 18);
    }
    let node = Proxy::to(&chain);
    let bench = Bench::new(&json!([known(&chain, &[&node.url])]), &listed, &[]).await;
    for round in 0..2 {
        let answer = bench.ask("").await.ok(200);
        let rows = answer.json.as_array().unwrap();
        assert_eq!(rows.len(), 1 + good.len(), "round {round}: {}", answer.text);
        for (amount, token) in good.iter().enumerate() {
            assert_eq!(row(&answer, token)["balance"], amount.to_string());
        }
        bench.forget();
    }
    // Those that failed are asked apart from then on, at the same time and in a request of their own.
    let before = node.seen();
    assert!(before.requests > 2, "{before:?}");
    bench.ask("").await.ok(200);
    assert_eq!(node.seen().requests, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_price_is_told_only_while_its_feed_is_good() {
    let chain = chain(10);
    let token = chain.coin("USDC", 6);
    let (feed, sequencer) = (chain.feed(8), chain.sequencer());
    let listed = Listed::default().token(&chain, &token, "USDC", 6).feed(&chain, &token, &feed);
    let mut config = known(&chain, &[&chain.url]);
    config["sequencer"] = json!(sequencer);
    let bench = Bench::new(&json!([config]), &listed, &[]).await;
    let price = async || {
        bench.forget();
        let row = bench.row(&token).await;
        assert_eq!(row["price"] == 0.0, row["priceSource"].is_null(), "{row}");
        assert_eq!(row["price"] == 0.0, row["priceUpdatedAt"].is_null(), "{row}");
        row["price"].as_f64().unwrap()
    };
    let now = || u64::try_from(bench.world.clock.now().seconds()).unwrap();
    assert!(price().await.abs() < f64::EPSILON, "a feed without a round");
    chain.set_price(&feed, 99_990_000, now());
    assert!((price().await - 0.9999).abs() < f64::EPSILON);
    for answer in [0, -1, i128::MIN] {
        chain.set_price(&feed, answer, now());
        assert!(price().await.abs() < f64::EPSILON, "{answer}");
    }
    chain.set_price(&feed, 100_000_000, now() - HOUR.as_secs() - 1);
    assert!(price().await.abs() < f64::EPSILON, "older than its heartbeat");
    chain.set_price(&feed, 1_000_000_000_000_000_000, now());
    chain.set_decimals(&feed, 18);
    assert!((price().await - 1.0).abs() < f64::EPSILON, "the decimals are the feed's");
    chain.sequencer_down(&sequencer, now());
    assert!(price().await.abs() < f64::EPSILON, "the sequencer is down");
    chain.sequencer_up(&sequencer, now());
    assert!((price().await - 1.0).abs() < f64::EPSILON);
    chain.break_feed(&feed);
    assert!(price().await.abs() < f64::EPSILON, "a feed that reverts");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_tokens_are_one_round_trip_and_what_a_node_refuses_is_halved() {
    let chain = chain(1);
    let tokens = chain.coins(500, 6, &owner());
    let listed = tokens.iter().fold(Listed::default(), |listed, token| listed.token(&chain, token, "T", 6));
    let node = Proxy::to(&chain);
    let bench = Bench::new(&json!([known(&chain, &[&node.url])]), &listed, &[]).await;
    let whole = bench.ask("").await.ok(200);
    assert_eq!(whole.json.as_array().unwrap().len(), 501);
    assert_eq!(node.seen().requests, 1, "also the first time, when the node is asked which chain it is of");
    for (number, token) in tokens.iter().enumerate().step_by(97) {
        assert_eq!(row(&whole, token)["balance"], (number + 1).to_string());
    }
    bench.forget();
    node.be(crate::support::evm::Mood::AtMost(200, "response size exceeded"));
    let halved = bench.ask("").await.ok(200);
    assert_eq!(halved.json, whole.json);
    let seen = node.seen();
    assert!(seen.requests > 1 && seen.requests <= 5, "{seen:?}");
    assert!(seen.multicalls.iter().any(|calls| *calls <= 200), "{seen:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chain_without_multicall_is_read_call_by_call_of_one_block() {
    let chain = chain(324).without_multicall();
    let token = chain.coin("USDC", 6);
    chain.give(&token, &owner(), abi::MAX);
    chain.give_native(&owner(), "77");
    let listed = Listed::default().token(&chain, &token, "USDC", 6);
    let node = Proxy::to(&chain);
    let mut config = known(&chain, &[&node.url]);
    // Configured so, or found out: then the first of three round trips was for nothing.
    for (multicall, round_trips) in [("", 2), (MULTICALL, 3)] {
        config["multicall"] = json!(multicall);
        let bench = Bench::new(&json!([config]), &listed, &[]).await;
        let answer = bench.ask("").await.ok(200);
        assert_eq!(row(&answer, &token)["balance"], MAX);
        assert_eq!(row(&answer, NATIVE)["balance"], "77");
        assert_eq!(row(&answer, &token)["blockNumber"], chain.height());
        assert_eq!(node.seen().requests, round_trips);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_sees_his_own_wallet_by_token_and_by_key_and_may_narrow_it() {
    let chains = [chain(1), chain(10)];
    let token = chains[0].coin("USDC", 6);
    let other = Wallet::number(2);
    chains[0].give(&token, &owner(), "5");
    chains[0].give(&token, &other.address, "9");
    let listed = Listed::default().token(&chains[0], &token, "USDC", 6);
    let config = json!([known(&chains[0], &[&chains[0].url]), known(&chains[1], &[&chains[1].url])]);
    let bench = Bench::new(&config, &listed, &[]).await;
    assert_eq!(bench.row(&token).await["balance"], "5");
    let key = bench.session.api_key(&bench.world).await;
    let by_key = bench.world.call("GET", "/users/tokens", &[("x-api-key", &key)], &Value::Null).await.ok(200);
    assert_eq!(row(&by_key, &token)["balance"], "5");
    let others = other.sign_in(&bench.world).await;
    let of_other = bench.world.get_as(&others.token, "/users/tokens").await.ok(200);
    assert_eq!(row(&of_other, &token)["balance"], "9");
    bench.world.get("/users/tokens").await.refused(401, "not_authenticated");
    let ids = async |query: &str| -> Vec<u64> {
        let answer = bench.ask(query).await.ok(200);
        answer.json.as_array().unwrap().iter().map(|row| row["chainId"].as_u64().unwrap()).collect()
    };
    assert_eq!(ids("").await, [1, 1, 10]);
    assert_eq!(ids("?chainId=10").await, [10]);
    assert_eq!(ids("?chainId=10&chainId=1").await, [1, 1, 10]);
    assert_eq!(ids("?nonZero=true").await, [1], "the one that he has some of");
    for query in ["?chainId=5", "?chainId=x", "?nonZero=yes"] {
        bench.ask(query).await.refused(422, "invalid_request");
    }
}
