//! Asking every node of every chain what an operator wants to know: whether it answers, for which chain, with which
//! contracts, and how old its latest block is.

use std::time::Duration;

use serde_json::{Value, json};

use super::Chains;
use super::balances::Holdings;
use super::multicall::Read;
use super::nodes::Purpose;
use super::price;
use super::rpc::{Answer, Call, Node, NodeFault, quantity};
use crate::clock::{Clock, Timestamp};
use crate::config::Feed;

/// How old the latest block may be before a node counts as behind.
const BEHIND: Duration = Duration::from_mins(5);

/// How far in the future the latest block may be: miners' clocks differ by seconds.
const AHEAD: Duration = Duration::from_secs(30);

/// One thing that was looked at.
#[derive(Clone, Debug)]
pub struct Finding {
    /// What it is.
    pub subject: String,
    /// What is good about it, or what is wrong and what to do.
    pub outcome: Result<String, String>,
}

impl Chains {
    /// Looks at every node and every feed of every chain, all at once, and then, by the youngest block, at the clock.
    pub async fn examine(&self) -> Vec<Finding> {
        let of_chain = self.each.iter().map(|holdings| holdings.examine(&self.clock));
        let (findings, youngest): (Vec<_>, Vec<_>) = futures_util::future::join_all(of_chain).await.into_iter().unzip();
        let clock = youngest
            .into_iter()
            .flatten()
            .max()
            .map(|youngest| Finding { subject: "clock".to_owned(), outcome: judge_clock(youngest, self.clock.now()) });
        findings.into_iter().flatten().chain(clock).collect()
    }
}

/// Whether the clock of this machine fits the youngest block of all chains.
fn judge_clock(youngest: Timestamp, now: Timestamp) -> Result<String, String> {
    let (ahead, behind) = (now.since(youngest), youngest.since(now));
    if behind > AHEAD {
        return Err(format!("it is {} s behind the youngest block: set it, best by NTP", behind.as_secs()));
    }
    if ahead > BEHIND {
        return Err(format!(
            "it is {} s ahead of the youngest block: set it, or the nodes are behind",
            ahead.as_secs()
        ));
    }
    Ok("it fits the youngest block".to_owned())
}

impl Holdings {
    /// The findings, and the time of the youngest block.
    async fn examine(&self, clock: &Clock) -> (Vec<Finding>, Option<Timestamp>) {
        let name = format!("{} ({})", self.chain.name, self.chain.id);
        let nodes = self.reader.nodes.each().iter().map(|node| async {
            let subject = format!("{name}, node {}", node.url);
            let (outcome, time) = match self.latest_block(node).await {
                Ok((number, time, code)) => (judge_block(number, time, code.as_ref(), clock.now()), Some(time)),
                Err(told) => (Err(told), None),
            };
            (Finding { subject, outcome }, time)
        });
        let (mut findings, times): (Vec<_>, Vec<_>) = futures_util::future::join_all(nodes).await.into_iter().unzip();
        if !self.feeds.is_empty() || self.chain.sequencer.is_some() {
            findings.push(Finding { subject: format!("{name}, feeds"), outcome: self.examine_feeds(clock).await });
        }
        (findings, times.into_iter().flatten().max())
    }

    /// Number and time of the node's latest block, and the code of Multicall3 if the chain has one.
    async fn latest_block(&self, node: &Node) -> Result<(u64, Timestamp, Option<Answer>), String> {
        let block = Call { method: "eth_getBlockByNumber", params: json!(["latest", false]) };
        let code = self.reader.multicall.as_ref().map(|multicall| Call {
            method: "eth_getCode",
            params: json!([multicall.address.checksummed(), "latest"]),
        });
        let calls: Vec<Call> = std::iter::once(block).chain(code).collect();
        let asked =
            tokio::time::timeout(self.chain.deadline, node.ask(self.chain.id, &calls, Purpose::Everything.longest()))
                .await;
        let mut answers = asked.unwrap_or(Err(NodeFault::Late)).map_err(|fault| advice(&fault))?.into_iter();
        let block = answers.next().as_ref().and_then(latest);
        let (number, time) = block.ok_or("it gives no latest block: name another node")?;
        Ok((number, time, answers.next()))
    }

    /// Whether the feeds give prices; a stale one is named by its token.
    async fn examine_feeds(&self, clock: &Clock) -> Result<String, String> {
        let of_feed = |feed: &Feed| [Read::feed_decimals(feed.feed), Read::latest_round(feed.feed)];
        let sequencer = self.chain.sequencer.map(Read::latest_round);
        let reads: Vec<Read> = sequencer.into_iter().chain(self.feeds.iter().flat_map(of_feed)).collect();
        let outcomes = self.reader.read(&reads, clock).await.map_err(|fault| advice(&fault))?;
        let (sequencer, of_feeds) = outcomes.split_at(usize::from(self.chain.sequencer.is_some()));
        if sequencer.iter().any(|outcome| !price::is_up(&outcome.returned)) {
            return Err("the sequencer is down, or chains.sequencer is no sequencer feed: prices are 0".to_owned());
        }
        let now = clock.now();
        let without: Vec<String> = self
            .feeds
            .iter()
            .zip(of_feeds.chunks(2))
            .filter_map(|(feed, outcomes)| {
                let [decimals, round] = outcomes else { return None };
                let price = price::judge(feed.feed, feed.heartbeat, &decimals.returned, &round.returned, now);
                price.is_none().then(|| feed.token.checksummed())
            })
            .collect();
        if without.is_empty() {
            return Ok(format!("{} give prices", self.feeds.len()));
        }
        Err(format!("no price now for {}: correct the feed or its heartbeat_s, or leave it out", without.join(", ")))
    }
}

fn judge_block(number: u64, time: Timestamp, code: Option<&Answer>, now: Timestamp) -> Result<String, String> {
    let age = now.since(time);
    if age > BEHIND {
        return Err(format!("its latest block is {} s old: name a node that keeps up", age.as_secs()));
    }
    if code.is_some_and(|code| !has_code(code)) {
        let told = "there is no Multicall3 at the configured address: correct chains.multicall, or set it to \"\"";
        return Err(told.to_owned());
    }
    Ok(format!("block {number}, {} s old", age.as_secs()))
}

fn advice(fault: &NodeFault) -> String {
    let what_to_do = match fault {
        NodeFault::OtherChain(_) => "correct the URL or the chain's id",
        NodeFault::Status(401 | 403) => "correct the key in its URL",
        NodeFault::Status(429) | NodeFault::Refused(_) => "use a node of your own, or a plan with a higher limit",
        NodeFault::Unreachable(_)
        | NodeFault::Status(_)
        | NodeFault::Garbage(_)
        | NodeFault::TooLong
        | NodeFault::Late => "correct its URL in chains, or name another node",
    };
    format!("{fault}: {what_to_do}")
}

fn latest(answer: &Answer) -> Option<(u64, Timestamp)> {
    let block: &Value = answer.as_ref().ok()?;
    let seconds = i64::try_from(quantity(&block["timestamp"])?).ok()?;
    Some((quantity(&block["number"])?, Timestamp::from_seconds(seconds)))
}

fn has_code(answer: &Answer) -> bool {
    answer.as_ref().ok().and_then(Value::as_str).is_some_and(|code| code.len() > "0x".len())
}
