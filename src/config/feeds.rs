//! The configured price feeds: read from a list of tables, or the shipped ones.

use std::collections::HashSet;
use std::time::Duration;

use serde::Deserialize;

use super::Chain;
use crate::model::Address;

/// What is shipped, in the form in which an operator writes it.
const SHIPPED: &str = include_str!("../../fixtures/feeds.toml");

/// The longest heartbeat in seconds: a week. What is silent for longer tells no price of today.
const LONGEST: u64 = 604_800;

/// A Chainlink feed, and the token whose price in USD it tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Feed {
    /// The chain that both are on.
    pub chain: u64,
    /// The token, or [`Token::NATIVE`](crate::model::Token::NATIVE).
    pub token: Address,
    /// The feed's contract.
    pub feed: Address,
    /// How long it may be silent, as Chainlink publishes it, without a margin.
    pub heartbeat: Duration,
}

/// A feed as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    chain: u64,
    token: String,
    feed: String,
    heartbeat_s: u64,
}

/// A list of feeds in a file.
pub(super) fn from_toml(value: toml::Value, chains: &[Chain]) -> Result<Vec<Feed>, String> {
    let written: Vec<Written> = value.try_into().map_err(|error: toml::de::Error| in_words(error.message()))?;
    check(written, chains)
}

/// A list of feeds in the environment.
pub(super) fn from_json(text: &str, chains: &[Chain]) -> Result<Vec<Feed>, String> {
    let written: Vec<Written> = serde_json::from_str(text).map_err(|error| in_words(&error.to_string()))?;
    check(written, chains)
}

fn in_words(reason: &str) -> String {
    format!(
        "a list such as [{{chain = 1, token = \"0x…\", feed = \"0x…\", heartbeat_s = 3600}}] is expected: {}",
        reason.trim_end()
    )
}

/// All feeds of `written`, each of which has to be on one of `chains`.
fn check(written: Vec<Written>, chains: &[Chain]) -> Result<Vec<Feed>, String> {
    let mut priced = HashSet::new();
    let mut feeds = Vec::with_capacity(written.len());
    for (index, written) in written.into_iter().enumerate() {
        let place = |fault: String| format!("entry {}: {fault}", index + 1);
        let feed = Feed::new(&written).map_err(place)?;
        if !chains.iter().any(|chain| chain.id == feed.chain) {
            return Err(place(format!("chain: there is no chain {} in chains", feed.chain)));
        }
        if !priced.insert((feed.chain, feed.token)) {
            return Err(place(format!("token: {} on chain {} has a feed already", feed.token, feed.chain)));
        }
        feeds.push(feed);
    }
    Ok(feeds)
}

impl Feed {
    /// The feeds that are read if none are configured: the shipped ones of the configured chains.
    pub(super) fn shipped(chains: &[Chain]) -> Vec<Self> {
        #[derive(Deserialize)]
        struct File {
            feeds: Vec<Written>,
        }
        // A unit test reads the same constant, so an error here can't be shipped.
        let file = toml::from_str::<File>(SHIPPED);
        let feeds = file.ok().and_then(|file| check(file.feeds, &Chain::shipped()).ok()).unwrap_or_default();
        feeds.into_iter().filter(|feed| chains.iter().any(|chain| chain.id == feed.chain)).collect()
    }

    fn new(written: &Written) -> Result<Self, String> {
        let address = |key: &str, text: &str| {
            Address::parse(text).map_err(|_| format!("{key}: an address with its EIP-55 checksum is expected"))
        };
        if !(1..=LONGEST).contains(&written.heartbeat_s) {
            return Err(format!("heartbeat_s: a number from 1 to {LONGEST} is expected"));
        }
        Ok(Self {
            chain: written.chain,
            token: address("token", &written.token)?,
            feed: address("feed", &written.feed)?,
            heartbeat: Duration::from_secs(written.heartbeat_s),
        })
    }

    /// The feed as an operator writes it.
    pub(super) fn to_toml(self) -> toml::Value {
        let number = |value: u64| toml::Value::Integer(i64::try_from(value).unwrap_or(i64::MAX));
        let mut table = toml::Table::new();
        table.insert("chain".to_owned(), number(self.chain));
        table.insert("token".to_owned(), toml::Value::String(self.token.checksummed()));
        table.insert("feed".to_owned(), toml::Value::String(self.feed.checksummed()));
        table.insert("heartbeat_s".to_owned(), number(self.heartbeat.as_secs()));
        toml::Value::Table(table)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Token;

    const FEED: &str = "0x5f4eC3Df9cbd43714FE2740f5E3616155c5b8419";

    fn entry(chain: u64, token: &str, feed: &str, heartbeat: u64) -> String {
        format!(r#"{{"chain":{chain},"token":"{token}","feed":"{feed}","heartbeat_s":{heartbeat}}}"#)
    }

    fn from(entries: &[String]) -> Result<Vec<Feed>, String> {
        from_json(&format!("[{}]", entries.join(",")), &Chain::shipped())
    }

    #[test]
    fn the_shipped_feeds_price_every_native_coin_and_its_wrapped_form_alike() {
        let chains = Chain::shipped();
        let feeds = Feed::shipped(&chains);
        assert_eq!(feeds.len(), SHIPPED.lines().filter(|line| line.contains("chain = ")).count());
        let wrapped = [
            (1, "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2"),
            (10, "0x4200000000000000000000000000000000000006"),
            (8453, "0x4200000000000000000000000000000000000006"),
            (42161, "0x82aF49447D8a07e3bd95BD0d56f35241523fBab1"),
            (137, "0x0d500B1d8E8eF31E21C99d1Db9A6444d3ADf1270"),
        ];
        for (chain, wrapped) in wrapped {
            let of = |token| feeds.iter().find(|feed| (feed.chain, feed.token) == (chain, token)).unwrap();
            let (native, wrapped) = (of(Token::NATIVE), of(Address::parse(wrapped).unwrap()));
            assert_eq!((native.feed, native.heartbeat), (wrapped.feed, wrapped.heartbeat));
        }
        assert!(Feed::shipped(&chains[..1]).iter().all(|feed| feed.chain == 1), "those of other chains are left out");
    }

    #[test]
    fn a_list_is_checked_and_what_is_wrong_is_named() {
        let native = Token::NATIVE.checksummed();
        for (entries, named) in [
            (vec![entry(31337, &native, FEED, 60)], "entry 1: chain: there is no chain 31337"),
            (vec![entry(1, "0x12", FEED, 60)], "entry 1: token: an address"),
            (vec![entry(1, &native, &FEED.replace('C', "c"), 60)], "entry 1: feed: an address"),
            (vec![entry(1, &native, FEED, 0)], "entry 1: heartbeat_s: a number from 1 to 604800"),
            (vec![entry(1, &native, FEED, LONGEST + 1)], "entry 1: heartbeat_s:"),
            (vec![entry(1, &native, FEED, 60), entry(1, &native.to_lowercase(), FEED, 9)], "entry 2: token: 0xEeee"),
            (vec![r#"{"chain":1}"#.to_owned()], "token"),
            (vec!["1".to_owned()], "a list such as"),
        ] {
            let fault = from(&entries).unwrap_err();
            assert!(fault.contains(named) && !fault.contains('\n'), "{entries:?}: {fault}");
        }
        let feeds = from(&[entry(1, &native, FEED, LONGEST), entry(10, &native, FEED, 1)]).unwrap();
        assert_eq!((feeds.len(), feeds[0].heartbeat), (2, Duration::from_hours(168)));
        assert!(from(&[]).unwrap().is_empty());
    }
}
