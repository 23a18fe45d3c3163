//! The configured token lists: read, merged, cut down to the configured chains. What a list may hold is
//! `model::token_list`'s.

use std::collections::HashSet;

use super::Chain;
use crate::model::{Token, TokenList};

/// The name by which our own list goes. A file of this name is `./shipped`.
pub(super) const SHIPPED: &str = "shipped";

/// Our own list.
const OURS: &str = include_str!("../../fixtures/tokens.json");

/// How many faults of a list are named; a list that is something else altogether would have thousands.
const MOST_NAMED: usize = 20;

/// The tokens of `lists` on `chains`: chain by chain, its native coin first. Where two lists have the same token, the
/// first one is believed.
///
/// # Errors
/// Every fault of every list, one a line.
pub(super) fn read(lists: &[String], chains: &[Chain]) -> Result<Vec<Token>, Vec<String>> {
    let mut merged = Vec::new();
    let mut faults = Vec::new();
    let mut known = HashSet::new();
    for list in lists {
        match read_one(list) {
            Ok(tokens) => {
                merged.extend(tokens.into_iter().filter(|token| known.insert((token.chain_id, token.address))));
            }
            Err(named) => faults.extend(named.into_iter().map(|fault| format!("{list}: {fault}"))),
        }
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    Ok(chains.iter().flat_map(|chain| of_chain(&merged, chain.id)).collect())
}

fn read_one(list: &str) -> Result<Vec<Token>, Vec<String>> {
    let file;
    let text = if list == SHIPPED {
        OURS
    } else {
        file = std::fs::read_to_string(list).map_err(|error| vec![format!("the file can't be read: {error}")])?;
        &file
    };
    TokenList::parse(text).map(|list| list.tokens).map_err(|faults| {
        let mut named: Vec<String> = faults.iter().take(MOST_NAMED).map(ToString::to_string).collect();
        if faults.len() > MOST_NAMED {
            named.push(format!("and {} more faults", faults.len() - MOST_NAMED));
        }
        named
    })
}

fn of_chain(tokens: &[Token], chain: u64) -> Vec<Token> {
    let (native, others): (Vec<Token>, Vec<Token>) =
        tokens.iter().filter(|token| token.chain_id == chain).cloned().partition(Token::is_native);
    let native = native.into_iter().next().unwrap_or_else(|| Token::native(chain));
    std::iter::once(native).chain(others).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::{Value, json};

    use super::*;

    fn file(directory: &Path, name: &str, tokens: &Value) -> String {
        let list = json!({
            "name": "Test", "timestamp": "2026-01-31T12:00:00Z", "version": {"major": 1, "minor": 0, "patch": 0},
            "tokens": tokens,
        });
        let path = directory.join(name);
        std::fs::write(&path, list.to_string()).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn token(chain: u64, digit: &str, symbol: &str) -> Value {
        json!({"chainId": chain, "address": format!("0x{}", digit.repeat(40)), "name": "", "symbol": symbol, "decimals": 6})
    }

    fn symbols(lists: &[String], chains: &[Chain]) -> Vec<(u64, String)> {
        read(lists, chains).unwrap().into_iter().map(|token| (token.chain_id, token.symbol)).collect()
    }

    #[test]
    fn the_shipped_list_has_every_chain_with_its_native_coin_first() {
        let chains = Chain::shipped();
        let tokens = read(&[SHIPPED.to_owned()], &chains).unwrap();
        for chain in &chains {
            let of_chain: Vec<&Token> = tokens.iter().filter(|token| token.chain_id == chain.id).collect();
            assert!(of_chain.len() > 10 && of_chain[0].is_native(), "{}", chain.name);
            assert_eq!(of_chain.iter().filter(|token| token.is_native()).count(), 1);
        }
        assert!(OURS.lines().filter(|line| line.contains("chainId")).all(|line| {
            let written = line.split("\"address\": \"").nth(1).and_then(|rest| rest.get(..42)).unwrap();
            tokens.iter().any(|token| token.address.checksummed() == written)
        }));
    }

    #[test]
    fn the_first_of_several_lists_is_believed() {
        let directory = tempfile::tempdir().unwrap();
        let one = file(directory.path(), "one", &json!([token(1, "1", "A"), token(1, "2", "B")]));
        let two = file(directory.path(), "two", &json!([token(1, "3", "C"), token(1, "2", "X"), token(10, "2", "D")]));
        let chains = &Chain::shipped()[..1];
        let named = |symbols: &[&str]| symbols.iter().map(|symbol| (1, (*symbol).to_owned())).collect::<Vec<_>>();
        assert_eq!(symbols(&[one.clone(), two.clone()], chains), named(&["ETH", "A", "B", "C"]));
        assert_eq!(symbols(&[two, one], chains), named(&["ETH", "C", "X", "A"]));
        assert_eq!(symbols(&[], chains), named(&["ETH"]));
    }

    #[test]
    fn a_list_may_say_what_the_native_coin_is() {
        let directory = tempfile::tempdir().unwrap();
        let mut coin = token(1, "e", "GAS");
        coin["address"] = json!(Token::NATIVE.checksummed());
        let list = file(directory.path(), "list", &json!([token(1, "1", "A"), coin]));
        let chains = &Chain::shipped()[..1];
        assert_eq!(symbols(&[list], chains), [(1, "GAS".to_owned()), (1, "A".to_owned())]);
    }

    #[test]
    fn the_faults_of_all_lists_are_named_and_there_is_an_end_to_it() {
        let directory = tempfile::tempdir().unwrap();
        let short = file(directory.path(), "short", &json!([token(0, "1", "A")]));
        let long = file(directory.path(), "long", &Value::Array(vec![token(1, "1", "A"); 50]));
        let faults = read(&[short.clone(), "/nowhere".to_owned(), long.clone()], &Chain::shipped()).unwrap_err();
        assert_eq!(faults[0], format!("{short}: tokens[0].chainId: a whole number from 1 is expected"));
        assert!(faults[1].starts_with("/nowhere: the file can't be read"), "{faults:?}");
        assert_eq!(faults[2], format!("{long}: tokens[1].address: tokens[0] has the same chain and address"));
        assert_eq!(faults[faults.len() - 1], format!("{long}: and 29 more faults"));
        assert_eq!(faults.len(), 2 + MOST_NAMED + 1);
    }
}
