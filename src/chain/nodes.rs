//! The nodes of one chain: which is asked first, and when the next one is asked as well.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;

use super::rpc::{Answer, Call, Node, NodeFault};
use crate::clock::Clock;

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// What everything depends on: who fails at it comes last for a while.
    Everything,
    /// A part of it. Contracts may be the reason why it fails, so no node is blamed.
    Part,
    /// A few contracts that have failed before, which are granted little.
    Suspects,
}

impl Purpose {
    /// The longest answer that is read, in bytes. One for thousands of tokens has less than a tenth of the most.
    pub(super) const fn longest(self) -> usize {
        match self {
            Self::Everything => 16 << 20,
            Self::Part => 4 << 20,
            Self::Suspects => 64 << 10,
        }
    }
}

/// The nodes of a chain.
pub(super) struct Nodes {
    chain_id: u64,
    each: Vec<Node>,
    /// After how long without an answer the next node is asked as well.
    hedge: Duration,
}

impl Nodes {
    pub(super) fn new(chain_id: u64, nodes: Vec<Node>, hedge: Duration) -> Self {
        Self { chain_id, each: nodes, hedge }
    }

    pub(super) fn each(&self) -> &[Node] {
        &self.each
    }

    /// Asks the preferred node, and on an error or after a delay the next one too; the first answer counts. Those that
    /// failed a short while ago come last, and the `useless` (by their positions) are not asked. Says which one answered.
    pub(super) async fn ask(
        &self,
        purpose: Purpose,
        calls: &[Call],
        useless: &[usize],
        clock: &Clock,
    ) -> Result<(usize, Vec<Answer>), NodeFault> {
        let now = clock.now();
        let mut order: Vec<usize> = (0..self.each.len()).filter(|at| !useless.contains(at)).collect();
        order.sort_by_key(|at| self.each[*at].is_out_of_favour(now));
        let mut waiting = order.into_iter();
        let mut under_way: Vec<usize> = Vec::new();
        let mut asked = FuturesUnordered::new();
        let mut fault = NodeFault::Unreachable("no node is configured".to_owned());
        loop {
            if let Some(at) = waiting.next() {
                under_way.push(at);
                asked.push(async move { (at, self.each[at].ask(self.chain_id, calls, purpose.longest()).await) });
            }
            // Once all were asked, they have the time that the caller gives them.
            let answered = match waiting.len() {
                0 => Ok(asked.next().await),
                _ => tokio::time::timeout(self.hedge, asked.next()).await,
            };
            match answered {
                Ok(Some((at, Ok(answers)))) => {
                    self.note_overtaken(purpose, under_way.iter().take_while(|other| **other != at), clock);
                    return Ok((at, answers));
                }
                Ok(Some((at, Err(found)))) => {
                    under_way.retain(|other| *other != at);
                    let found = if purpose == Purpose::Everything { self.note(at, found, clock) } else { found };
                    // That an answer is too long may be a contract's doing, which is worth more to know.
                    fault = if fault == NodeFault::TooLong { fault } else { found };
                }
                Ok(None) => return Err(fault),
                // The next one is asked as well.
                Err(_) => {}
            }
        }
    }

    /// Those that were asked before the one that answered come last the next time; those after it had less time.
    fn note_overtaken<'a>(&self, purpose: Purpose, slow: impl Iterator<Item = &'a usize>, clock: &Clock) {
        if purpose == Purpose::Everything {
            slow.for_each(|slow| self.each[*slow].note_failure(clock.now()));
        }
    }

    /// Others come before this node for a while.
    pub(super) fn note(&self, at: usize, fault: NodeFault, clock: &Clock) -> NodeFault {
        let node = &self.each[at];
        node.note_failure(clock.now());
        tracing::warn!(node = %node.url, chain = self.chain_id, reason = %fault, "a node gave no answer");
        fault
    }
}
