//! Tokens and price feeds on a chain, which hold and answer what a test says.

use std::collections::HashMap;
use std::sync::LazyLock;

use countersign::model::Address;
use serde_json::{Value, json};
use sha3::{Digest, Keccak256};

use super::abi::{self, Word};
use super::{Chain, post};
use crate::support::parts;

/// What a misfit of a token answers when it is asked after a balance or an allowance.
#[derive(Clone, Copy, Debug)]
pub enum Habit {
    /// It reverts.
    Reverts,
    /// It burns all the gas that it was given.
    BurnsGas,
    /// It returns this many bytes, of which the first 32 are the number 7.
    Returns(u32),
}

impl Chain {
    /// Deploys a token that behaves, and returns its address.
    pub fn coin(&self, symbol: &str, decimals: u8) -> String {
        self.deploy("Coin", &[abi::text(symbol), abi::int(decimals.into())])
    }

    /// Deploys a token whose name and symbol are `bytes32`.
    pub fn old_coin(&self, symbol: &str, decimals: u8) -> String {
        self.deploy("OldCoin", &[abi::text(symbol), abi::int(decimals.into())])
    }

    /// Deploys a token that nobody can read. Its symbol is MISFIT and its decimals are 18.
    pub fn misfit(&self, habit: Habit) -> String {
        let (habit, size) = match habit {
            Habit::Reverts => (0, 0),
            Habit::BurnsGas => (1, 0),
            Habit::Returns(size) => (2, size),
        };
        self.deploy("Misfit", &[abi::int(habit), abi::int(size.into())])
    }

    /// Puts down so many misfits at once.
    pub fn misfits(&self, count: u32, habit: Habit) -> Vec<String> {
        let model = self.misfit(habit);
        let code = self.ask("eth_getCode", &json!([model, "latest"]));
        let addresses: Vec<String> = (1..=count).map(|number| beside(&model, number)).collect();
        for address in &addresses {
            self.ask("anvil_setCode", &json!([address, code]));
        }
        addresses
    }

    /// Puts down so many coins at once, which have no symbol; of each of which `owner` has its number: one of the first, two of the second.
    pub fn coins(&self, count: u32, decimals: u8, owner: &str) -> Vec<String> {
        let model = self.coin("MANY", decimals);
        // The code of ERC-1167, which has the model do all the work on its own storage: a copy would be 50 times as long.
        let code = format!("0x363d3d373d3d3d363d73{}5af43d82803e903d91602b57fd5bf3", &model[2..]);
        // Where Solidity keeps an entry of the mapping that is OpenZeppelin's first variable.
        let slot = Keccak256::digest([abi::address(owner), abi::int(0)].concat());
        let slot = format!("0x{}", hex::encode(slot));
        let addresses: Vec<String> = (1..=count).map(|number| beside(&model, number)).collect();
        let steps = addresses.iter().zip(1..).flat_map(|(address, number)| {
            let balance = abi::hex(&[abi::int(number)]);
            [("anvil_setCode", json!([address, code])), ("anvil_setStorageAt", json!([address, slot, balance]))]
        });
        let steps: Vec<Value> = steps
            .map(|(method, params)| json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}))
            .collect();
        let answers = post(&self.url, &json!(steps));
        let answers = answers.as_array().expect("an answer for each");
        assert!(answers.iter().all(|answer| answer.get("error").is_none()), "a step failed");
        addresses
    }

    /// Gives `owner` this much of a coin, in decimals of its smallest unit, instead of what it has.
    pub fn give(&self, coin: &str, owner: &str, amount: &str) {
        self.tell(coin, "give(address,uint256)", &[abi::address(owner), abi::uint(amount)]);
    }

    /// Lets `spender` spend this much of what `owner` has of a coin.
    pub fn allow(&self, coin: &str, owner: &str, spender: &str, amount: &str) {
        let arguments = [abi::address(owner), abi::address(spender), abi::uint(amount)];
        self.tell(coin, "allow(address,address,uint256)", &arguments);
    }

    /// Deploys a price feed that has not answered yet: everything is zero.
    pub fn feed(&self, decimals: u8) -> String {
        self.deploy("Feed", &[abi::int(decimals.into())])
    }

    /// Has a feed answer this price, in its own decimals, as of `updated_at`.
    pub fn set_price(&self, feed: &str, answer: i128, updated_at: u64) {
        self.set_round(feed, answer, updated_at, updated_at);
    }

    /// Changes a feed's decimals, and not its answer.
    pub fn set_decimals(&self, feed: &str, decimals: u8) {
        self.tell(feed, "setDecimals(uint8)", &[abi::int(decimals.into())]);
    }

    /// Has a feed revert from now on.
    pub fn break_feed(&self, feed: &str) {
        self.tell(feed, "setBroken(bool)", &[abi::int(1)]);
    }

    /// Has it answer again.
    pub fn mend_feed(&self, feed: &str) {
        self.tell(feed, "setBroken(bool)", &[abi::int(0)]);
    }

    /// Deploys the feed of an L2's sequencer that has been up for ever.
    pub fn sequencer(&self) -> String {
        let feed = self.feed(0);
        self.set_round(&feed, 0, 1, self.now());
        feed
    }

    /// Has the sequencer be up since then.
    pub fn sequencer_up(&self, feed: &str, since: u64) {
        self.set_round(feed, 0, since, since);
    }

    /// Has the sequencer be down since then.
    pub fn sequencer_down(&self, feed: &str, since: u64) {
        self.set_round(feed, 1, since, since);
    }

    fn set_round(&self, feed: &str, answer: i128, started_at: u64, updated_at: u64) {
        let round = [answer, started_at.into(), updated_at.into()].map(abi::int);
        self.tell(feed, "say(int256,uint256,uint256)", &round);
    }

    fn tell(&self, contract: &str, signature: &str, arguments: &[Word]) {
        self.transact(json!({"to": contract, "data": abi::call(signature, arguments)}));
    }

    fn deploy(&self, name: &str, arguments: &[Word]) -> String {
        let data = format!("0x{}{}", code_of(name), hex::encode(arguments.concat()));
        let receipt = self.transact(json!({"data": data}));
        let address = receipt["contractAddress"].as_str().expect("a deployment has an address");
        Address::parse(address).expect("an address of the node").checksummed()
    }
}

/// The code that creates the contract of this name in `tests/real/contracts`.
fn code_of(name: &str) -> &'static str {
    static CODES: LazyLock<HashMap<String, String>> = LazyLock::new(|| {
        let text = std::fs::read_to_string(parts::contracts()).expect("the compiled contracts");
        serde_json::from_str(&text).expect("JSON from compile.mjs")
    });
    CODES.get(name).unwrap_or_else(|| panic!("no contract {name}"))
}

/// An address that nothing else has: that of a deployed contract, with other last bytes.
fn beside(address: &str, number: u32) -> String {
    let mut bytes = *Address::parse(address).expect("an address").as_bytes();
    bytes[16..].copy_from_slice(&number.to_be_bytes());
    Address::new(bytes).checksummed()
}
