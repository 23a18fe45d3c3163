//! What one wallet holds on one chain: the native coin and the listed tokens, with allowances and prices.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use alloy::primitives::U256;
use tokio::sync::Semaphore;

use super::cache::Circuit;
use super::multicall::{Questions, Read, word};
use super::part::Outcome;
use super::price::{self, Price};
use super::reader::Reader;
use super::rpc::NodeFault;
use crate::clock::{Clock, Timestamp};
use crate::config::{Chain, Feed};
use crate::model::Address;
use crate::model::Token;

/// An amount in the smallest unit of a token, which may have 256 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Amount(U256);

impl Amount {
    /// Whether there is nothing.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.0.is_zero()
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// A token of a chain, with what is told of it in every answer.
#[derive(Debug)]
pub struct Listed {
    /// The token.
    pub token: Token,
    /// Its address in EIP-55 form, which takes a hash to find out.
    pub address: String,
}

impl Listed {
    pub(super) fn new(token: Token) -> Self {
        Self { address: token.address.checksummed(), token }
    }
}

/// A price feed, with its address as it is told.
pub(super) struct Source {
    pub(super) feed: Feed,
    pub(super) address: Arc<str>,
}

impl Source {
    pub(super) fn new(feed: Feed) -> Self {
        Self { address: feed.feed.checksummed().into(), feed }
    }

    /// What makes a price.
    pub(super) fn reads(&self) -> [Read; 2] {
        [Read::feed_decimals(self.feed.feed), Read::latest_round(self.feed.feed)]
    }

    pub(super) fn judge(&self, outcomes: &[Outcome], now: Timestamp) -> Option<Price> {
        let [decimals, round] = outcomes else { return None };
        price::judge(&self.address, self.feed.heartbeat, &decimals.returned, &round.returned, now)
    }
}

/// What a wallet holds of one token.
#[derive(Clone, Debug)]
pub struct Balance {
    /// The token.
    pub token: Arc<Listed>,
    /// How much the wallet holds.
    pub balance: Amount,
    /// How much of it the chain's spender may take.
    pub allowance: Amount,
    /// What one token is worth, if a feed says so now.
    pub price: Option<Price>,
    /// The block that this is read from.
    pub block: u64,
}

/// A chain, with all that is read of it.
pub(super) struct Holdings {
    pub(super) chain: Chain,
    pub(super) reader: Reader,
    /// The native coin.
    pub(super) native: Arc<Listed>,
    pub(super) tokens: Vec<Arc<Listed>>,
    pub(super) feeds: Vec<Source>,
    pub(super) circuit: Circuit,
    /// Who may ask now.
    pub(super) turns: Semaphore,
}

impl Holdings {
    /// What this wallet holds: the native coin first, then the listed tokens. Those that give no balance are left out.
    pub(super) async fn read(&self, owner: Address, clock: &Clock) -> Result<Vec<Balance>, NodeFault> {
        let outcomes = self.reader.read(&self.reads(owner), clock).await?;
        let (of_tokens, rest) = outcomes.split_at(self.tokens.len() * 2);
        let (native, of_prices) = rest.split_first().ok_or(NodeFault::Garbage("nothing was read"))?;
        let prices = self.prices(of_prices, clock.now());
        let price = |listed: &Arc<Listed>| prices.get(&listed.token.address).cloned();
        let coins = word(&native.returned).ok_or(NodeFault::Garbage("it does not say how much of the native coin"))?;
        let native = Balance {
            token: Arc::clone(&self.native),
            balance: Amount(coins),
            allowance: Amount(U256::MAX),
            price: price(&self.native),
            block: native.block,
        };
        let of_token = |(token, outcomes): (&Arc<Listed>, &[Outcome])| {
            let [balance, allowance] = outcomes else { return None };
            Some(Balance {
                token: Arc::clone(token),
                balance: Amount(word(&balance.returned)?),
                allowance: Amount(word(&allowance.returned)?),
                price: price(token),
                block: balance.block,
            })
        };
        let of_tokens = self.tokens.iter().zip(of_tokens.chunks(2)).filter_map(of_token);
        Ok(std::iter::once(native).chain(of_tokens).collect())
    }

    /// Balance and allowance of each token, in pairs, so that no call has one without the other; then the native coin,
    /// and what prices take.
    fn reads(&self, owner: Address) -> Vec<Read> {
        let questions = Questions::after(owner, self.chain.spender);
        let of_token = |listed: &Arc<Listed>| questions.to(listed.token.address);
        let native = std::iter::once(Read::Native(owner));
        self.tokens.iter().flat_map(of_token).chain(native).chain(self.price_reads()).collect()
    }

    /// The sequencer's round if there is one, then decimals and round of each feed.
    pub(super) fn price_reads(&self) -> impl Iterator<Item = Read> {
        self.chain.sequencer.map(Read::latest_round).into_iter().chain(self.feeds.iter().flat_map(Source::reads))
    }

    /// What the outcomes of [`Self::price_reads`] are worth, by token.
    fn prices(&self, outcomes: &[Outcome], now: Timestamp) -> HashMap<Address, Price> {
        let (sequencer, of_feeds) = outcomes.split_at(usize::from(self.chain.sequencer.is_some()));
        if sequencer.iter().any(|outcome| !price::is_up(&outcome.returned)) {
            return HashMap::new();
        }
        let judge = |(source, outcomes): (&Source, &[Outcome])| Some((source.feed.token, source.judge(outcomes, now)?));
        self.feeds.iter().zip(of_feeds.chunks(2)).filter_map(judge).collect()
    }
}
