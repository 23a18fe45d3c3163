//! Token lists, price feeds and chains: the published data, and our own held against it.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use countersign::config::{Config, Environment};
use countersign::model::{Address, Token, TokenList};
use serde_json::{Value, json};

use super::{cases, directory, read, text};

const LIST: &str = "tokens/uniswap-default-trimmed.tokenlist.json";

fn parse(list: &Value) -> Result<TokenList, Vec<String>> {
    TokenList::parse(&list.to_string()).map_err(|faults| faults.iter().map(ToString::to_string).collect())
}

/// The list of a file, which has no fault.
fn load(path: &Path) -> TokenList {
    TokenList::parse(&std::fs::read_to_string(path).expect("the list is there")).expect("it has no fault")
}

fn published() -> TokenList {
    load(&directory().join(LIST))
}

fn ours() -> TokenList {
    load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/tokens.json"))
}

fn shipped() -> Config {
    Config::load(&[], &Environment::default()).expect("nothing needs to be configured")
}

#[test]
fn a_published_list_loads_with_every_token_once_and_its_checksums_right() {
    let (list, written) = (published(), read(LIST));
    let written = written["tokens"].as_array().unwrap();
    assert_eq!((list.tokens.len(), written.len()), (162, 162));
    let places: BTreeSet<_> = list.tokens.iter().map(|token| (token.chain_id, *token.address.as_bytes())).collect();
    assert_eq!(places.len(), list.tokens.len());
    for (token, written) in list.tokens.iter().zip(written) {
        assert_eq!(token.address.checksummed(), text(written, "address"));
        assert_eq!(token.symbol, text(written, "symbol"));
        assert_eq!(token.logo.as_deref(), written["logoURI"].as_str());
        assert_eq!(Some(u64::from(token.decimals)), written["decimals"].as_u64());
    }
}

#[test]
fn a_published_list_with_one_digit_wrong_or_one_token_twice_is_refused() {
    let mut list = read(LIST);
    let tokens = list["tokens"].as_array_mut().unwrap();
    tokens.push(tokens[5].clone());
    let misspelt = text(&tokens[7], "address").replace('E', "e");
    assert_ne!(misspelt, text(&tokens[7], "address"));
    tokens[7]["address"] = json!(misspelt);
    let faults = parse(&list).unwrap_err();
    assert_eq!(faults.len(), 2, "{faults:?}");
    assert!(faults[0].starts_with("tokens[7].address: the mixed case"), "{faults:?}");
    assert!(faults[1].starts_with("tokens[162].address: tokens[5] has"), "{faults:?}");
}

/// A list that has every member that we read, for the schema's limits to be tried on.
fn full() -> Value {
    json!({
        "name": "A", "timestamp": "2026-01-31T12:00:00.5+01:00", "version": {"major": 0, "minor": 0, "patch": 0},
        "tokens": [{
            "chainId": 1, "address": "0x6B175474E89094C44Da98b954EedeAC495271d0F", "decimals": 18, "name": "Dai",
            "symbol": "DAI", "logoURI": "ipfs://Qm", "tags": ["stable"], "extensions": {"a": 1},
        }],
    })
}

/// Asserts that a list which has `value` at `pointer` is read, or is not.
fn expect(pointer: &str, value: &Value, good: bool) {
    let mut list = full();
    *list.pointer_mut(pointer).expect("the place is there") = value.clone();
    let read = parse(&list);
    assert_eq!(read.is_ok(), good, "{pointer} = {value}: {:?}", read.err());
}

/// Tries the limits that the schema states for the value at `pointer`; says how many it found.
fn try_limits(schema: &Value, pointer: &str) -> usize {
    let length = |length: u64| json!("a".repeat(usize::try_from(length).unwrap()));
    let mut tried = 0;
    for rule in ["maxLength", "minLength", "maximum", "minimum", "maxItems"] {
        let Some(limit) = schema[rule].as_u64() else { continue };
        tried += 1;
        let make = |limit: u64| match rule {
            "maxLength" | "minLength" => length(limit),
            "maxItems" => Value::Array((0..limit).map(|_| length(1)).collect()),
            _ => json!(limit),
        };
        expect(pointer, &make(limit), true);
        let beyond = if rule.starts_with("max") { limit.checked_add(1) } else { limit.checked_sub(1) };
        if let Some(beyond) = beyond {
            expect(pointer, &make(beyond), false);
        }
    }
    tried
}

#[test]
fn the_limits_of_the_schema_are_ours() {
    let schema = read("tokens/tokenlist.schema.json");
    let definitions = &schema["definitions"];
    let mut tried = try_limits(&schema["properties"]["name"], "/name");
    for part in ["major", "minor", "patch"] {
        let pointer = format!("/version/{part}");
        tried += try_limits(&definitions["Version"]["properties"][part], &pointer);
        expect(&pointer, &json!(-1), false);
    }
    for (member, rules) in definitions["TokenInfo"]["properties"].as_object().unwrap() {
        tried += try_limits(rules, &format!("/tokens/0/{member}"));
    }
    tried += try_limits(&definitions["TagIdentifier"], "/tokens/0/tags/0");
    // A name of 1 to 30; three parts of a version; the chain, the decimals, two texts, the tags; a tag of 1 to 10.
    assert_eq!(tried, 2 + 3 + 1 + 2 + 4 + 1 + 2);
}

#[test]
fn a_list_has_as_many_tokens_as_the_schema_allows() {
    let most = read("tokens/tokenlist.schema.json")["properties"]["tokens"]["maxItems"].as_u64().unwrap();
    let many = |count: u64| {
        let address = Token::NATIVE.checksummed();
        let token = |id| json!({"chainId": id, "address": address, "decimals": 0, "name": "", "symbol": ""});
        Value::Array((1..=count).map(token).collect())
    };
    expect("/tokens", &many(most), true);
    expect("/tokens", &many(most + 1), false);
    expect("/tokens", &many(0), false);
}

#[test]
fn what_the_schema_requires_is_required_and_what_it_closes_is_closed() {
    let schema = read("tokens/tokenlist.schema.json");
    let token = &schema["definitions"]["TokenInfo"];
    assert!(parse(&full()).is_ok());
    for (place, rules) in [("", &schema), ("/version", &schema["definitions"]["Version"]), ("/tokens/0", token)] {
        for member in rules["required"].as_array().unwrap() {
            let mut list = full();
            let object = list.pointer_mut(place).and_then(Value::as_object_mut).unwrap();
            object.remove(member.as_str().unwrap()).expect("the full list has it");
            assert!(parse(&list).is_err(), "{place} without {member}");
        }
        let mut list = full();
        list.pointer_mut(place).unwrap()["another"] = json!(1);
        assert_eq!(parse(&list).is_err(), rules["additionalProperties"] == false, "{place}");
    }
    let known: BTreeSet<_> = token["properties"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(known, full()["tokens"][0].as_object().unwrap().keys().cloned().collect());
}

#[test]
fn the_examples_of_the_schema_are_read() {
    let schema = read("tokens/tokenlist.schema.json");
    let definitions = &schema["definitions"];
    let mut tried = 0;
    let mut try_all = |rules: &Value, pointer: &str| {
        for example in rules["examples"].as_array().into_iter().flatten() {
            expect(pointer, example, true);
            tried += 1;
        }
    };
    try_all(&schema["properties"]["name"], "/name");
    try_all(&definitions["Version"], "/version");
    try_all(&definitions["TagIdentifier"], "/tokens/0/tags/0");
    for (member, rules) in definitions["TokenInfo"]["properties"].as_object().unwrap() {
        // The examples of tags are tags, not lists of them.
        if member != "tags" {
            try_all(rules, &format!("/tokens/0/{member}"));
        }
    }
    assert_eq!(tried, 12);
}

#[test]
fn extensions_are_read_as_deep_as_the_schema_says() {
    let schema = read("tokens/tokenlist.schema.json");
    let examples = schema["definitions"]["ExtensionMap"]["examples"].as_array().unwrap();
    expect("/tokens/0/extensions", &examples[0], true);
    // The schema's own second example breaks the schema's rule for names: `x-bridged-…` has hyphens.
    expect("/tokens/0/extensions", &examples[1], false);
    let repaired = examples[1].to_string().replace('-', "_");
    expect("/tokens/0/extensions", &serde_json::from_str(&repaired).unwrap(), true);
}

#[test]
fn our_list_agrees_with_the_published_one() {
    let published = published().tokens.into_iter().map(|token| ((token.chain_id, token.address), token));
    let published: HashMap<_, _> = published.collect();
    let mut both = 0;
    for token in ours().tokens {
        let Some(theirs) = published.get(&(token.chain_id, token.address)) else { continue };
        both += 1;
        assert_eq!(token.decimals, theirs.decimals, "{token:?}");
        // The coin was renamed on chain after their entry was made.
        let symbol = if theirs.symbol == "WMATIC" { "WPOL" } else { &theirs.symbol };
        assert_eq!(token.symbol, symbol, "{token:?}");
    }
    assert_eq!(both, 72);
}

/// The pair whose feed prices a token: its own, or that of what it stands for one for one.
fn pair_of(symbol: &str) -> String {
    let priced = match symbol {
        "WETH" => "ETH",
        "USDC.e" | "USDbC" => "USDC",
        "USDT0" => "USDT",
        "POL" | "WPOL" => "MATIC",
        own => own,
    };
    format!("{}/USD", priced.to_uppercase())
}

#[test]
fn a_shipped_feed_is_the_one_that_is_published_for_its_token() {
    let published = cases("tokens/chainlink_feeds.json");
    let config = shipped();
    let mut alone = BTreeSet::new();
    for feed in &config.feeds {
        let is_it = |token: &&Token| (token.chain_id, token.address) == (feed.chain, feed.token);
        let token = config.listed.iter().find(is_it).expect("what is priced is listed");
        let address = feed.feed.checksummed();
        match published.iter().find(|case| case["chainId"] == feed.chain && text(case, "address") == address) {
            Some(case) => assert_eq!(text(case, "pair"), pair_of(&token.symbol), "{feed:?}"),
            None => assert!(alone.insert(format!("{} {}", feed.chain, token.symbol)), "{feed:?}"),
        }
    }
    // They are in the package from which the published ones are an extract, and not in the extract.
    let known = [
        "1 GHO",
        "1 GRT",
        "1 SKY",
        "1 USDS",
        "1 USDe",
        "1 cbBTC",
        "1 sUSDe",
        "1 tBTC",
        "42161 GHO",
        "42161 GMX",
        "42161 GRT",
        "42161 tBTC",
        "8453 AERO",
        "8453 GHO",
        "8453 cbBTC",
        "8453 tBTC",
    ];
    assert!(alone.iter().eq(known.iter()), "{alone:?}");
}

#[test]
fn published_feeds_have_right_checksums_and_stand_once() {
    let cases = cases("tokens/chainlink_feeds.json");
    let mut places = BTreeSet::new();
    for case in &cases {
        let written = text(case, "address");
        assert_eq!(Address::parse(written).expect("a checksum").checksummed(), written);
        assert!(places.insert((case["chainId"].as_u64(), text(case, "pair"))), "{case}");
    }
    assert_eq!(cases.len(), 196);
}

#[test]
fn shipped_chains_have_the_published_multicall_and_native_coins_their_published_names() {
    let config = shipped();
    let (mut chains, mut coins) = (BTreeSet::new(), BTreeSet::new());
    for case in cases("tokens/multicall3_viem_chains.json") {
        let chain_id = case["chainId"].as_u64().unwrap();
        if let Some(chain) = config.chains.iter().find(|chain| chain.id == chain_id) {
            chains.insert(chain_id);
            assert_eq!(chain.multicall, Address::parse(text(&case, "multicall3")).ok(), "{}", chain.name);
        }
        // For any other chain we say Ether, unless a token list knows better.
        if [1, 10, 56, 100, 137, 146, 5_000, 8_453, 42_161, 42_220, 43_114, 80_094].contains(&chain_id) {
            coins.insert(chain_id);
            let (coin, published) = (Token::native(chain_id), &case["nativeCurrency"]);
            assert_eq!(
                (coin.symbol.as_str(), coin.name.as_str()),
                (text(published, "symbol"), text(published, "name"))
            );
            assert_eq!(Some(u64::from(coin.decimals)), published["decimals"].as_u64());
        }
    }
    assert_eq!((chains.len(), coins.len()), (5, 12));
}
