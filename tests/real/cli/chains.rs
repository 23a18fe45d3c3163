//! `tokens` and `doctor`, with a real chain.

use serde_json::{Value, json};

use super::{ADDRESS, done, script};
use crate::real::{on_postgres, on_sqlite};
use crate::support::evm::{Chain, Mood, Proxy};
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
        assert_eq!(told.lines().count(), 3, "{told}");
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
