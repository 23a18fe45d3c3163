//! `tokens` and `doctor`, with a real chain.

use countersign::clock::{Clock, Timestamp};
use serde_json::{Value, json};

use super::{ADDRESS, done, script};
use crate::real::{on_postgres, on_sqlite};
use crate::support::evm::{Chain, MULTICALL, Mood, Proxy};
use crate::support::scratch;
use crate::support::server::Gateway;

/// A gateway that reads these nodes of a chain, its native coin alone.
fn reading(gateway: Gateway, chain: &Chain, nodes: &[&str]) -> Gateway {
    let chains = json!([{"id": chain.id, "name": "Test chain", "rpc": nodes}]).to_string();
    gateway.with("COUNTERSIGN_CHAINS", &chains).with("COUNTERSIGN_TOKEN_LISTS", "[]")
}

#[test]
fn balances_are_a_table_for_people_and_json_for_scripts() {
    let chain = Chain::start(31337);
    chain.give_native(ADDRESS, "1230000000000000000");
    let (_directory, gateway) = on_sqlite();
    let server = reading(gateway, &chain, &[&chain.url]).start();
    let home = scratch::directory();
    let script = script(&server.url, home.path());
    done(&script.run(&["login"]));
    let table = done(&script.run(&["tokens"]));
    let lines: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(
        lines,
        [
            vec!["CHAIN", "TOKEN", "BALANCE", "ALLOWANCE", "PRICE", "USD"],
            vec!["31337", "ETH", "1.23", "unlimited", "-"]
        ]
    );
    let rows: Value = serde_json::from_str(&done(&script.run(&["tokens", "--json", "--chain", "31337"]))).unwrap();
    assert_eq!(rows[0]["balance"], "1230000000000000000");
    let refused = script.run(&["tokens", "--chain", "5"]);
    assert_eq!((refused.code, refused.stderr.contains("invalid_request")), (1, true), "{refused:?}");
}

#[test]
fn the_doctor_looks_at_the_database_the_nodes_and_the_clock_and_says_what_to_do() {
    let chain = Chain::start(31337);
    let foreign = Chain::start(5);
    for (_directory, gateway) in [on_sqlite(), on_postgres()] {
        let well = reading(gateway, &chain, &[&chain.url]);
        let early = well.run(&["doctor"]);
        assert_eq!(early.code, 1, "no start has made the database: {early:?}");
        done(&well.run(&["migrate"]));
        let told = done(&well.run(&["doctor"]));
        assert_eq!(told.lines().count(), 5, "{told}");
        assert!(told.lines().all(|line| line.starts_with("ok ")), "{told}");

        let node = Proxy::to(&chain);
        node.be(Mood::Says(401, "no key"));
        let ill = reading(well, &chain, &[&node.url, &foreign.url]);
        let told = ill.run(&["doctor", "--json"]);
        assert_eq!(told.code, 1, "{told:?}");
        assert!(told.stderr.contains("2 things are wrong"), "{told:?}");
        let findings: Value = serde_json::from_str(&told.stdout).unwrap();
        let wrong: Vec<&str> = findings
            .as_array()
            .unwrap()
            .iter()
            .filter(|finding| finding["ok"] == false)
            .map(|finding| finding["detail"].as_str().unwrap())
            .collect();
        assert!(wrong[0].contains("correct the key"), "{wrong:?}");
        assert!(wrong[1].contains("it is of chain 5"), "{wrong:?}");
    }
}

#[test]
fn a_table_has_tokens_with_their_prices_and_exact_amounts() {
    let chain = Chain::start(31337);
    let (coin, feed) = (chain.coin("USDC", 6), chain.feed(8));
    chain.give(&coin, ADDRESS, "1234500000");
    chain.allow(&coin, ADDRESS, "0x000000000022D473030F116dDEE9F6B43aC78BA3", "1000000001");
    chain.set_price(&feed, 99_990_000, chain.now());
    let (directory, gateway) = on_sqlite();
    let list = directory.path().join("tokens.json");
    let token = |address: &str, symbol: &str, decimals: u8| json!({"chainId": 31337, "address": address, "name": symbol, "symbol": symbol, "decimals": decimals});
    let tokens = [token(&coin, "USDC", 6), token(&chain.coin("NONE", 18), "NONE", 18)];
    let text = json!({"name": "Test", "timestamp": "2026-01-01T00:00:00+00:00",
        "version": {"major": 1, "minor": 0, "patch": 0}, "tokens": tokens});
    std::fs::write(&list, text.to_string()).unwrap();
    let feeds = json!([{"chain": 31337, "token": coin, "feed": feed, "heartbeat_s": 3600}]).to_string();
    let gateway = reading(gateway, &chain, &[&chain.url])
        .with("COUNTERSIGN_TOKEN_LISTS", &json!([list]).to_string())
        .with("COUNTERSIGN_FEEDS", &feeds);
    let server = gateway.start();
    let home = scratch::directory();
    let script = script(&server.url, home.path());
    done(&script.run(&["login"]));
    let printed = "\
CHAIN  TOKEN  BALANCE    ALLOWANCE  PRICE USD
31337  ETH      10000    unlimited          -
31337  USDC    1234.5  1000.000001     0.9999";
    assert_eq!(done(&script.run(&["tokens"])), printed);
    let all = done(&script.run(&["tokens", "--all"]));
    assert!(all.lines().any(|line| line.split_whitespace().eq(["31337", "NONE", "0", "0", "-"])), "{all}");
}

#[test]
fn the_doctor_tells_of_multicall_and_feeds_and_lets_a_developers_chain_rest() {
    let detail = |gateway: &Gateway, subject: &str| {
        let told = gateway.run(&["doctor", "--json"]);
        let findings: Value = serde_json::from_str(&told.stdout).unwrap_or_else(|_| panic!("{told:?}"));
        let finding = findings.as_array().unwrap().iter().find(|finding| finding["subject"] == subject);
        let finding = finding.unwrap_or_else(|| panic!("no {subject}: {findings}"));
        (finding["ok"] == true, finding["detail"].as_str().unwrap().to_owned())
    };
    let long_ago = Timestamp::from_seconds(Clock::System.now().seconds() - 3_600);
    let resting = Chain::start_at(31337, long_ago);
    let (coin, feed, other) = (resting.coin("USDC", 6), resting.feed(8), resting.feed(8));
    resting.set_price(&feed, 99_990_000, resting.now());
    resting.set_price(&other, 1, resting.now() - 7_200);
    let (_directory, gateway) = on_sqlite();
    let gateway = reading(gateway, &resting, &[&resting.url]);
    done(&gateway.run(&["migrate"]));
    let feeds = |feed: &str| json!([{"chain": 31337, "token": coin, "feed": feed, "heartbeat_s": 7200}]).to_string();
    let well = gateway.clone().with("COUNTERSIGN_FEEDS", &feeds(&feed));
    let node = format!("Test chain (31337), node {}", resting.url);
    let (ok, told) = detail(&well, &node);
    assert!(ok && told.contains("it makes one when there is a transaction"), "{told}");
    assert_eq!(detail(&well, "Test chain (31337), Multicall3"), (true, format!("it is at {MULTICALL}")));
    assert_eq!(detail(&well, "Test chain (31337), feeds"), (true, "1 give prices".to_owned()));
    let (ok, told) = detail(&gateway.clone().with("COUNTERSIGN_FEEDS", &feeds(&other)), "Test chain (31337), feeds");
    assert!(!ok && told.contains(&coin) && told.contains("heartbeat_s"), "{told}");

    let multicall = |address: &str| {
        let chains = json!([{"id": 31337, "name": "Test chain", "rpc": [resting.url], "multicall": address}]);
        detail(&gateway.clone().with("COUNTERSIGN_CHAINS", &chains.to_string()), "Test chain (31337), Multicall3")
    };
    assert_eq!(multicall(""), (true, "none is configured: calls go in lists".to_owned()));
    for (address, named) in [("0x00000000000000000000000000000000DeaDBeef", "there is no contract"), (&coin, "is none")]
    {
        let (ok, told) = multicall(address);
        assert!(!ok && told.contains(named) && told.contains("correct chains.multicall"), "{told}");
    }

    // Any other chain goes on.
    let stands = Chain::start_at(5, long_ago);
    let (ok, told) =
        detail(&reading(gateway, &stands, &[&stands.url]), &format!("Test chain (5), node {}", stands.url));
    assert!(!ok && told.contains("name a node that keeps up"), "{told}");
}

#[test]
fn no_key_of_a_url_is_told_whatever_the_node_says_of_it() {
    const KEYS: [&str; 4] = ["hunter2path", "hunter2query", "hunter2user", "hunter2pass"];
    let chain = Chain::start(31337);
    let node = Proxy::to(&chain);
    let address = node.url.strip_prefix("http://").unwrap();
    let [path, query, user, pass] = KEYS;
    let url = format!("http://{user}:{pass}@{address}/v2/{path}?key={query}");
    let (_directory, gateway) = on_sqlite();
    let gateway = reading(gateway, &chain, &[&url]).with("COUNTERSIGN_LOG__LEVEL", "debug");
    let gateway = gateway.with("COUNTERSIGN_BALANCES__CACHE_TTL", "0s");
    let server = gateway.start();
    let home = scratch::directory();
    let script = script(&server.url, home.path());
    done(&script.run(&["login"]));
    let mut told = done(&gateway.run(&["config"]));
    for mood in [
        Mood::Faithful,
        Mood::Fails(
            -32005,
            "rate limit of hunter2path for hunter2user:hunter2pass at /v2/hunter2path?key=hunter2query",
        ),
        Mood::Says(401, "no such key: hunter2path, hunter2query"),
        Mood::Says(200, r#"{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"bad key hunter2query"}}"#),
        Mood::OtherChain(5),
        Mood::Refuses,
    ] {
        node.be(mood);
        for finished in [gateway.run(&["doctor"]), script.run(&["tokens"])] {
            told.push_str(&finished.stdout);
            told.push_str(&finished.stderr);
        }
    }
    told.push_str(&server.said());
    assert!(told.contains("a node gave no answer") && told.contains("bad key ********"), "{told}");
    for key in KEYS {
        assert!(!told.contains(key), "{key}: {told}");
    }
}
