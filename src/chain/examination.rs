//! Asking every node of every chain what an operator wants to know: whether it answers, for which chain, how old its
//! latest block is, and whether Multicall3 and the feeds are there.

use std::time::Duration;

use serde_json::Value;

use super::Chains;
use super::balances::Holdings;
use super::multicall::Read;
use super::nodes::Purpose;
use super::price;
use super::rpc::{Answer, Call, Node, NodeFault, quantity};
use crate::clock::{Clock, Timestamp};

/// How old the latest block may be before a node counts as behind.
const BEHIND: Duration = Duration::from_mins(5);

/// How far in the future the latest block may be: miners' clocks differ by seconds.
const AHEAD: Duration = Duration::from_secs(30);

/// The chains of developers, which make a block when there is a transaction and none before.
const DEVELOPERS: [u64; 2] = [31_337, 1_337];

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

/// What a node says when it is looked at.
struct Look {
    block: u64,
    time: Timestamp,
    /// What an empty question gives that is put to Multicall3, if the chain has one.
    multicall: Option<Answer>,
}

impl Holdings {
    /// The findings, and the time of the youngest block.
    async fn examine(&self, clock: &Clock) -> (Vec<Finding>, Option<Timestamp>) {
        let name = format!("{} ({})", self.chain.name, self.chain.id);
        let looks =
            futures_util::future::join_all(self.reader.nodes.each().iter().map(|node| self.look_at(node))).await;
        let nodes = self.reader.nodes.each().iter().zip(&looks);
        let now = clock.now();
        let of_nodes = nodes.clone().map(|(node, look)| {
            let outcome = look.as_ref().map_err(Clone::clone).and_then(|look| self.judge_block(look, now));
            Finding { subject: format!("{name}, node {}", node.url), outcome }
        });
        let mut findings: Vec<Finding> = of_nodes.collect();
        let answered: Vec<(&Node, &Look)> =
            nodes.filter_map(|(node, look)| Some((node, look.as_ref().ok()?))).collect();
        if !answered.is_empty() {
            findings.push(Finding { subject: format!("{name}, Multicall3"), outcome: self.judge_multicall(&answered) });
        }
        if !self.feeds.is_empty() || self.chain.sequencer.is_some() {
            findings.push(Finding { subject: format!("{name}, feeds"), outcome: self.examine_feeds(clock).await });
        }
        // A chain that rests says nothing of the time.
        let times = answered.iter().map(|(_, look)| look.time).filter(|time| !(self.may_rest() && is_old(*time, now)));
        (findings, times.max())
    }

    fn may_rest(&self) -> bool {
        DEVELOPERS.contains(&self.chain.id)
    }

    /// Number and time of the node's latest block, and whether Multicall3 answers.
    async fn look_at(&self, node: &Node) -> Result<Look, String> {
        let block = Call { method: "eth_getBlockByNumber", params: r#"["latest",false]"#.to_owned() };
        let multicall = self.reader.multicall.as_ref().map(|multicall| multicall.aggregate(std::iter::empty()));
        let calls: Vec<Call> = std::iter::once(block).chain(multicall).collect();
        let asked = node.ask(self.chain.id, &calls, Purpose::Everything.longest());
        let asked = tokio::time::timeout(self.chain.deadline, asked).await;
        let mut answers = asked.unwrap_or(Err(NodeFault::Late)).map_err(|fault| advice(&fault))?.into_iter();
        let block = answers.next().as_ref().and_then(latest);
        let (block, time) = block.ok_or("it gives no latest block: name another node")?;
        Ok(Look { block, time, multicall: answers.next() })
    }

    fn judge_block(&self, look: &Look, now: Timestamp) -> Result<String, String> {
        let (block, age) = (look.block, now.since(look.time).as_secs());
        match (is_old(look.time, now), self.may_rest()) {
            (false, _) => Ok(format!("block {block}, {age} s old")),
            (true, true) => Ok(format!("block {block}, {age} s old: it makes one when there is a transaction")),
            (true, false) => Err(format!("its latest block is {age} s old: name a node that keeps up")),
        }
    }

    /// Whether there is a Multicall3 by every node that answers.
    fn judge_multicall(&self, answered: &[(&Node, &Look)]) -> Result<String, String> {
        let Some(multicall) = &self.reader.multicall else {
            return Ok("none is configured: calls go in lists".to_owned());
        };
        let address = multicall.address;
        for (node, look) in answered {
            let remedy = "correct chains.multicall, or set it to \"\"";
            let answer = look.multicall.as_ref().and_then(|answer| answer.as_ref().ok());
            if answer.is_some_and(|answer| answer == "0x") {
                return Err(format!("there is no contract at {address}, says {}: {remedy}", node.url));
            }
            if answer.and_then(|answer| multicall.disaggregate(answer, 0)).is_none() {
                return Err(format!("what is at {address} is none, says {}: {remedy}", node.url));
            }
        }
        Ok(format!("it is at {address}"))
    }

    /// Whether the feeds give prices; a stale one is named by its token.
    async fn examine_feeds(&self, clock: &Clock) -> Result<String, String> {
        let reads: Vec<Read> = self.price_reads().collect();
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
            .filter(|(source, outcomes)| source.judge(outcomes, now).is_none())
            .map(|(source, _)| source.feed.token.checksummed())
            .collect();
        if without.is_empty() {
            return Ok(format!("{} give prices", self.feeds.len()));
        }
        Err(format!("no price now for {}: correct the feed or its heartbeat_s, or leave it out", without.join(", ")))
    }
}

fn is_old(time: Timestamp, now: Timestamp) -> bool {
    now.since(time) > BEHIND
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
