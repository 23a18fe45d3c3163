//! What a token list may hold.

use serde_json::json;

use super::*;

const DAI: &str = "0x6B175474E89094C44Da98b954EedeAC495271d0F";

fn token() -> Value {
    json!({"chainId": 1, "address": DAI, "name": "Dai Stablecoin", "symbol": "DAI", "decimals": 18})
}

fn list(tokens: &Value) -> Value {
    let version = json!({"major": 1, "minor": 0, "patch": 0});
    json!({"name": "A List", "timestamp": "2026-01-31T12:00:00Z", "version": version, "tokens": tokens})
}

/// The faults of a list, one a line.
fn faults(list: &Value) -> Vec<String> {
    let read = TokenList::parse(&list.to_string());
    read.err().unwrap_or_default().iter().map(ToString::to_string).collect()
}

/// What is said of a list whose one token has `member` of this value.
fn with(member: &str, value: Value) -> Vec<String> {
    let mut token = token();
    token[member] = value;
    faults(&list(&json!([token])))
}

#[test]
fn a_list_is_read() {
    let mut second = token();
    second["chainId"] = json!(10.0);
    second["logoURI"] = json!("ipfs://Qm%2F");
    second["tags"] = json!(["stable_1"]);
    second["extensions"] = json!({"color": "#fff", "a": {"b": {"c": null}}, "n": 1.5});
    let mut document = list(&json!([token(), second]));
    document["anything"] = json!({"else": []});
    let read = TokenList::parse(&document.to_string()).unwrap();
    assert_eq!((read.name.as_str(), read.tokens.len()), ("A List", 2));
    let Token { chain_id, decimals, logo, .. } = &read.tokens[1];
    assert_eq!((*chain_id, *decimals, logo.as_deref()), (10, 18, Some("ipfs://Qm%2F")));
    assert_eq!(read.tokens[0].address.to_string(), DAI);
}

#[test]
fn every_fault_is_named_with_its_place() {
    let mut wrong = token();
    wrong["address"] = json!("0x6b175474E89094C44Da98b954EedeAC495271d0F");
    wrong["decimals"] = json!(256);
    let mut document = list(&json!([token(), wrong, token(), {"colour": 1}, 5]));
    document["name"] = json!("");
    document["version"]["build"] = json!(1);
    let named = faults(&document);
    assert!(named[0].starts_with("name: a text of 1 to 30"), "{named:?}");
    assert!(named[1].starts_with("version: major, minor and patch"), "{named:?}");
    assert!(named[2].starts_with("tokens[1].address: the mixed case"), "{named:?}");
    assert_eq!(named[3], "tokens[1].decimals: a whole number from 0 to 255 is expected");
    assert_eq!(named[4], "tokens[2].address: tokens[0] has the same chain and address");
    assert!(named[5].starts_with("tokens[3]: a token has no members besides"), "{named:?}");
    assert_eq!(named[6], "tokens[3].chainId: it is missing");
    assert_eq!((named.len(), named[11].as_str()), (12, "tokens[4]: an object is expected"));
}

#[test]
fn the_same_address_in_another_spelling_is_a_duplicate_and_on_another_chain_it_is_not() {
    let mut lower = token();
    lower["address"] = json!(DAI.to_lowercase());
    assert_eq!(faults(&list(&json!([lower, token()]))).len(), 1);
    lower["chainId"] = json!(10);
    assert!(faults(&list(&json!([lower, token()]))).is_empty());
}

#[test]
fn addresses_of_other_chains_are_left_out_and_mistakes_are_not() {
    let mut elsewhere = token();
    elsewhere["address"] = json!("So11111111111111111111111111111111111111112");
    let read = TokenList::parse(&list(&json!([elsewhere, token()])).to_string()).unwrap();
    assert_eq!(read.tokens.len(), 1);
    assert_eq!(with("address", json!(DAI[2..])).len(), 1);
    assert_eq!(with("address", json!("1".repeat(40))).len(), 1, "hex digits alone are an address without 0x");
    assert_eq!(with("address", json!("0x12")).len(), 1);
}

#[test]
fn numbers_are_whole_and_within_their_limits() {
    for good in [json!(0), json!(255), json!(6.0)] {
        assert!(with("decimals", good).is_empty());
    }
    for bad in [json!(-1), json!(1.5), json!("6"), json!(256.0), json!(null)] {
        assert_eq!(with("decimals", bad.clone()).len(), 1, "{bad}");
    }
    assert!(with("chainId", json!(u64::MAX)).is_empty());
    for bad in [json!(0), json!(-1), json!(1e30), json!(0.5)] {
        assert_eq!(with("chainId", bad.clone()), ["tokens[0].chainId: a whole number from 1 is expected"], "{bad}");
    }
}

#[test]
fn texts_have_their_length_in_characters_and_their_pattern() {
    for (member, most) in [("name", 60), ("symbol", 20)] {
        assert!(with(member, json!("é".repeat(most))).is_empty());
        assert!(with(member, json!("")).is_empty());
        assert_eq!(with(member, json!("é".repeat(most + 1))).len(), 1);
        for bad in ["a\tb", "a\nb", "a\u{A0}b", "a\u{FEFF}b"] {
            assert_eq!(with(member, json!(bad)).len(), 1, "{member}: {bad:?}");
        }
    }
    assert!(with("name", json!(" USD  Coin ")).is_empty());
    assert_eq!(with("symbol", json!("US D")).len(), 1);
}

#[test]
fn a_logo_is_a_uri() {
    for good in ["https://a.example/b.png?c=%20#d", "ipfs://Qm", "data:image/svg+xml;base64,AA=="] {
        assert!(with("logoURI", json!(good)).is_empty(), "{good}");
    }
    for bad in ["", "logo.png", "//a.example/b", "https://a b", "https://a/%2", "https://a/é", "1a:b", "x:<y>"] {
        assert_eq!(with("logoURI", json!(bad)).len(), 1, "{bad}");
    }
}

#[test]
fn tags_and_extensions_keep_to_the_schema() {
    assert_eq!(with("tags", json!(vec!["a"; 11])).len(), 1);
    assert_eq!(with("tags", json!(["a-b"])).len(), 1);
    assert_eq!(with("tags", json!(["elevenchars"])).len(), 1);
    for bad in [
        json!({"a": {"b": {"c": {}}}}),
        json!({"a": []}),
        json!({"a-b": 1}),
        json!({"": 1}),
        json!({"a": ""}),
        json!({"a": "x".repeat(43)}),
        json!([]),
    ] {
        assert_eq!(with("extensions", bad.clone()).len(), 1, "{bad}");
    }
}

#[test]
fn a_list_needs_its_own_members() {
    assert!(faults(&json!([]))[0].starts_with("an object"));
    assert_eq!(faults(&json!({})).len(), 4);
    assert_eq!(faults(&list(&json!([]))), ["tokens: a list of 1 to 10000 tokens is expected"]);
    let mut document = list(&json!([token()]));
    document["timestamp"] = json!("2026-01-31");
    assert!(faults(&document)[0].starts_with("timestamp: a time"));
    assert!(TokenList::parse("{").unwrap_err()[0].to_string().starts_with("JSON is expected"));
}
