//! The bench on which balances are tested: every contract on it does what it is for, and its counts are right.

use std::time::Duration;

use serde_json::{Value, json};
use sha3::{Digest, Keccak256};

use crate::support::block_on;
use crate::support::evm::abi::{self, MAX, Word};
use crate::support::evm::{Chain, Habit, MULTICALL, MULTICALL_CODE, Mood, Proxy, ask, post, view};
use crate::support::wallet::Wallet;
use crate::support::world::START;

/// Who may spend: Permit2.
const SPENDER: &str = "0x000000000022D473030F116dDEE9F6B43aC78BA3";

#[test]
fn two_chains_hold_what_they_are_told_and_viem_reads_the_same() {
    let owner = Wallet::number(1).address;
    let chains = [Chain::start(1), Chain::start_at(10, START)];
    let started = u64::try_from(START.seconds()).unwrap();
    assert!((started..started + 60).contains(&chains[1].now()), "{}", chains[1].now());
    for chain in &chains {
        assert_eq!(chain.ask("eth_chainId", &json!([])), format!("{:#x}", chain.id));
        chain.give_native(&owner, "1000000000000000000001");
        let mut facts = serde_json::Map::new();
        for (symbol, decimals, balance, allowance) in
            [("USDC", 6, "1", "0"), ("WBTC", 8, "0", MAX), ("DAI", 18, MAX, "340282366920938463463374607431768211456")]
        {
            let coin = chain.coin(symbol, decimals);
            chain.give(&coin, &owner, "5");
            chain.give(&coin, &owner, balance);
            chain.allow(&coin, &owner, SPENDER, allowance);
            let fact = json!({"balance": balance, "allowance": allowance, "decimals": decimals, "symbol": symbol});
            facts.insert(coin, fact);
        }
        let old = chain.old_coin("MKR", 18);
        chain.give(&old, &owner, MAX);
        chain.allow(&old, &owner, SPENDER, "8");
        facts.insert(old, json!({"balance": MAX, "allowance": "8", "decimals": 18, "symbol": "MKR"}));
        let tokens: Vec<&String> = facts.keys().collect();
        let told = chain.according_to_viem(&json!({"owner": owner, "spender": SPENDER, "tokens": tokens}));
        assert_eq!(told["chainId"], chain.id);
        assert_eq!(told["blockNumber"], chain.height().to_string());
        assert_eq!(told["native"], "1000000000000000000001");
        assert_eq!(told["tokens"], Value::Object(facts));
    }
}

#[test]
fn every_misfit_answers_as_no_token_should() {
    let (chain, owner) = (Chain::start(1), Wallet::number(1).address);
    let ask = |misfit: &str| {
        let balance = view(&chain.url, misfit, &abi::call("balanceOf(address)", &[abi::address(&owner)]));
        let pair = [abi::address(&owner), abi::address(SPENDER)];
        assert_eq!(view(&chain.url, misfit, &abi::call("allowance(address,address)", &pair)), balance);
        balance
    };
    let reverts = ask(&chain.misfit(Habit::Reverts)).unwrap_err();
    assert!(reverts["message"].as_str().unwrap().contains("Misfit: over quota, too many requests"), "{reverts}");
    let burns = ask(&chain.misfit(Habit::BurnsGas)).unwrap_err();
    assert!(burns["message"].as_str().unwrap().contains("InvalidFEOpcode"), "{burns}");
    for size in [0, 31, 32, 64, 1 << 20] {
        let answer = hex::decode(&ask(&chain.misfit(Habit::Returns(size))).unwrap()[2..]).unwrap();
        assert_eq!(answer.len(), usize::try_from(size).unwrap());
        let seven = abi::int(7);
        assert!(answer.iter().take(32).eq(seven.iter().take(answer.len())), "{size}");
    }
    let old = chain.old_coin("MKR", 18);
    assert_eq!(view(&chain.url, &old, &abi::call("symbol()", &[])).unwrap(), abi::hex(&[abi::text("MKR")]));
}

#[test]
fn a_feed_answers_what_it_is_told_and_time_passes() {
    let chain = Chain::start_at(10, START);
    let (feed, broken, sequencer) = (chain.feed(8), chain.feed(8), chain.sequencer());
    chain.break_feed(&broken);
    let begun = chain.now();
    chain.set_price(&feed, 312_345_678_900, begun - 3600);
    chain.sequencer_down(&sequencer, begun);
    let question = json!({"feeds": [feed, broken, sequencer]});
    let told = chain.according_to_viem(&question);
    assert_eq!(told["feeds"][&feed], round(8, 1, "312345678900", begun - 3600));
    assert_eq!(told["feeds"][&broken], Value::Null);
    assert_eq!(told["feeds"][&sequencer], round(0, 2, "1", begun));

    chain.pass(Duration::from_hours(24));
    let later = chain.now();
    assert!((86_400..86_460).contains(&(later - begun)), "{begun} {later}");
    chain.set_price(&feed, -1, later);
    chain.set_decimals(&feed, 18);
    chain.mend_feed(&broken);
    chain.sequencer_up(&sequencer, later);
    let told = chain.according_to_viem(&question);
    assert_eq!(told["feeds"][&feed], round(18, 2, "-1", later));
    assert_eq!(told["feeds"][&broken], round(8, 0, "0", 0));
    assert_eq!(told["feeds"][&sequencer], round(0, 3, "0", later));
}

fn round(decimals: u8, id: u32, answer: &str, at: u64) -> Value {
    let (id, at) = (id.to_string(), at.to_string());
    json!({"decimals": decimals, "roundId": id, "answer": answer, "startedAt": at, "updatedAt": at, "answeredInRound": id})
}

#[test]
fn multicall_is_the_one_of_every_chain_and_reads_five_thousand_coins_at_once() {
    let hash = Keccak256::digest(hex::decode(&MULTICALL_CODE.trim_end()[2..]).unwrap());
    assert_eq!(hex::encode(hash), "d5c15df687b16f2ff992fc8d767b4216323184a2bbc6ee2f9c398c318e770891");

    let (chain, owner) = (Chain::start(1), Wallet::number(1).address);
    let coins = chain.coins(5000, 6, &owner);
    let balances = balances_of(&owner, &coins);
    let answers = results(&view(&chain.url, MULTICALL, &balances).unwrap());
    assert_eq!(answers.len(), 5000);
    for (number, success, bytes) in answers {
        assert_eq!((success, bytes), (true, abi::int(i128::try_from(number + 1).unwrap()).to_vec()));
    }

    let bare = chain.without_multicall();
    assert_eq!(view(&bare.url, MULTICALL, &balances).unwrap(), "0x");
}

#[test]
fn a_coin_that_burns_its_gas_takes_what_the_multicall_has() {
    let (chain, owner) = (Chain::start(1), Wallet::number(1).address);
    let (good, reverts, burns) = (chain.coin("USDC", 6), chain.misfit(Habit::Reverts), chain.misfit(Habit::BurnsGas));
    chain.give(&good, &owner, "7");
    let ask = |coins: &[&String]| {
        let answer = view(&chain.url, MULTICALL, &balances_of(&owner, coins));
        answer.map(|answer| results(&answer).into_iter().map(|(_, success, _)| success).collect::<Vec<_>>())
    };
    assert_eq!(ask(&[&good, &reverts, &good]).unwrap(), [true, false, true]);
    assert_eq!(ask(&[&good, &burns, &good]).unwrap(), [true, false, true]);
    // Each burns 63 of the 64 parts that are left, so that after some of them nobody gets an answer.
    let error = ask(&[&burns, &burns, &burns, &good]).unwrap_err();
    assert!(error["message"].as_str().unwrap().contains("OutOfGas"), "{error}");
}

#[test]
fn a_proxy_counts_round_trips_calls_and_what_a_multicall_holds() {
    let (chain, owner) = (Chain::start(1), Wallet::number(1).address);
    let (proxy, coins) = (Proxy::to(&chain), chain.coins(3, 6, &owner));
    for coins in [&coins[..], &coins[1..]] {
        let answer = view(&proxy.url, MULTICALL, &balances_of(&owner, coins)).unwrap();
        assert_eq!(answer, view(&chain.url, MULTICALL, &balances_of(&owner, coins)).unwrap());
    }
    let call = |id: u32, method: &str| json!({"jsonrpc": "2.0", "id": id, "method": method, "params": []});
    let list = json!([call(1, "eth_chainId"), call(2, "eth_blockNumber"), call(3, "eth_chainId")]);
    assert_eq!(post(&proxy.url, &list), post(&chain.url, &list));
    let seen = proxy.seen();
    assert_eq!((seen.connections, seen.requests, &seen.multicalls[..]), (3, 3, &[3, 2][..]));
    assert_eq!(["eth_call", "eth_chainId", "eth_blockNumber"].map(|method| seen.calls(method)), [2, 2, 1]);
    assert_eq!(seen.methods.len(), 3);
    assert_eq!(proxy.seen().requests, 0, "counted since the last time");
}

#[test]
fn a_proxy_answers_as_it_is_told() {
    let (chain, owner) = (Chain::start(1), Wallet::number(1).address);
    let (proxy, coins) = (Proxy::to(&chain), chain.coins(5, 6, &owner));
    let id = || ask(&proxy.url, "eth_chainId", &json!([]));
    let balances = |count: usize| view(&proxy.url, MULTICALL, &balances_of(&owner, &coins[..count]));

    proxy.be(Mood::OtherChain(137));
    assert_eq!(id().unwrap(), "0x89");
    assert_eq!(results(&balances(5).unwrap()).len(), 5);
    proxy.be(Mood::Faithful);
    assert_eq!(id().unwrap(), "0x1");
    let other = Chain::start(10);
    proxy.turn_to(&other);
    assert_eq!(id().unwrap(), "0xa");
    proxy.turn_to(&chain);

    proxy.be(Mood::AtMost(2, "response size exceeded"));
    assert_eq!(results(&balances(2).unwrap()).len(), 2);
    assert_eq!(balances(3).unwrap_err(), json!({"code": -32000, "message": "response size exceeded"}));
    proxy.be(Mood::Fails(-32005, "limit exceeded"));
    assert_eq!(id().unwrap_err(), json!({"code": -32005, "message": "limit exceeded"}));
    proxy.be(Mood::Results(json!("0x")));
    assert_eq!(balances(1).unwrap(), "0x");
}

#[test]
fn a_proxy_fails_as_networks_do() {
    let chain = Chain::start(1);
    let proxy = Proxy::to(&chain);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let post = |limit: Duration| {
        let request = client.post(&proxy.url).body(r#"{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}"#);
        let request = request.header("content-type", "application/json").timeout(limit);
        async {
            let answer = request.send().await?;
            Ok::<_, reqwest::Error>((answer.status().as_u16(), answer.text().await?))
        }
    };
    let (long, short) = (Duration::from_secs(30), Duration::from_millis(100));
    block_on(async {
        let right = post(long).await.unwrap();
        assert_eq!(right, (200, r#"{"jsonrpc":"2.0","id":1,"result":"0x1"}"#.to_owned()));
        for (status, text) in [(500, ""), (429, "slow down"), (200, "<html>")] {
            proxy.be(Mood::Says(status, text));
            assert_eq!(post(long).await.unwrap(), (status, text.to_owned()));
        }

        proxy.be(Mood::Late(short * 3));
        assert!(post(short).await.unwrap_err().is_timeout());
        assert_eq!(post(long).await.unwrap(), right);
        proxy.be(Mood::Hangs);
        assert!(post(short * 5).await.unwrap_err().is_timeout());

        proxy.be(Mood::Cuts);
        assert!(post(long).await.unwrap_err().is_decode(), "the head of the answer arrives");
        for _ in 0..2 {
            proxy.be(Mood::Faithful);
            assert_eq!(post(long).await.unwrap(), right);
            proxy.be(Mood::Refuses);
            post(long).await.expect_err("the connection that was kept is gone");
            assert!(post(long).await.unwrap_err().is_connect());
        }

        proxy.be(Mood::Endless);
        let mut answer = client.post(&proxy.url).send().await.unwrap();
        assert!(answer.chunk().await.unwrap().unwrap().starts_with(br#"{"jsonrpc":"2.0","id":1,"result":"0x"#));
        drop(answer);
        proxy.be(Mood::Faithful);
        let taken = proxy.seen().endless;
        assert!((1..1 << 25).contains(&taken), "{taken} bytes for a client that stopped reading");
    });
}

/// One question of `aggregate3` after the owner's balance of each coin.
fn balances_of(owner: &str, coins: &[impl AsRef<str>]) -> String {
    let data = hex::decode(&abi::call("balanceOf(address)", &[abi::address(owner)])[2..]).unwrap();
    let number = |number: usize| abi::int(number.try_into().unwrap());
    let mut words: Vec<Word> = vec![number(32), number(coins.len())];
    // Each entry has the token, that it may fail, where its data begins, and the data, in six words.
    words.extend((0..coins.len()).map(|index| number((coins.len() + index * 6) * 32)));
    for coin in coins {
        words.extend([abi::address(coin.as_ref()), number(1), number(96), number(data.len())]);
        let mut padded = [0; 64];
        padded[..data.len()].copy_from_slice(&data);
        words.extend(padded.as_chunks().0);
    }
    abi::call("aggregate3((address,bool,bytes)[])", &words)
}

/// What `aggregate3` answered: the number of each entry, whether it succeeded, and its bytes.
fn results(answer: &str) -> Vec<(usize, bool, Vec<u8>)> {
    let bytes = hex::decode(&answer[2..]).unwrap();
    let word = |at: usize| usize::try_from(u64::from_be_bytes(bytes[at + 24..at + 32].try_into().unwrap())).unwrap();
    let entry = |number: usize| {
        let at = 64 + word(64 + number * 32);
        let (data, length) = (at + word(at + 32) + 32, word(at + word(at + 32)));
        (number, word(at) == 1, bytes[data..data + length].to_vec())
    };
    (0..word(32)).map(entry).collect()
}
