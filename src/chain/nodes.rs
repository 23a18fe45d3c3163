//! The nodes of one chain: which is asked first, and when the next one is asked as well.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;

use super::rpc::{Answer, Call, Node, NodeFault};
use crate::clock::Clock;

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
    /// failed a short while ago come last.
    pub(super) async fn ask(&self, calls: &[Call], clock: &Clock) -> Result<Vec<Answer>, NodeFault> {
        let now = clock.now();
        let mut order: Vec<&Node> = self.each.iter().collect();
        order.sort_by_key(|node| node.is_out_of_favour(now));
        let mut waiting = order.into_iter();
        let mut under_way: Vec<&Node> = Vec::new();
        let mut asked = FuturesUnordered::new();
        let mut fault = NodeFault::Unreachable("no node is configured".to_owned());
        loop {
            if let Some(node) = waiting.next() {
                under_way.push(node);
                asked.push(async move { (node, node.ask(self.chain_id, calls).await) });
            }
            // Once all were asked, they have the time that the caller gives them.
            let answered = match waiting.len() {
                0 => Ok(asked.next().await),
                _ => tokio::time::timeout(self.hedge, asked.next()).await,
            };
            match answered {
                Ok(Some((node, answered))) => {
                    under_way.retain(|other| !std::ptr::eq(*other, node));
                    match answered {
                        Ok(answers) => {
                            // Those that were overtaken come last the next time.
                            for slow in under_way {
                                slow.note_failure(clock.now());
                            }
                            return Ok(answers);
                        }
                        Err(found) => fault = self.note(node, found, clock),
                    }
                }
                Ok(None) => return Err(fault),
                // The next one is asked as well.
                Err(_) => {}
            }
        }
    }

    /// The node that is asked first answered, and what it answered is worth nothing: others come before it for a while.
    pub(super) fn note_preferred(&self, fault: &NodeFault, clock: &Clock) {
        let now = clock.now();
        let preferred = self.each.iter().find(|node| !node.is_out_of_favour(now)).or(self.each.first());
        if let Some(node) = preferred {
            self.note(node, fault.clone(), clock);
        }
    }

    fn note(&self, node: &Node, fault: NodeFault, clock: &Clock) -> NodeFault {
        node.note_failure(clock.now());
        tracing::warn!(node = %node.url, chain = self.chain_id, reason = %fault, "a node gave no answer");
        fault
    }
}
