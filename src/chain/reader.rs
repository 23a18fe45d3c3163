//! Many reads of one chain: together in as few calls as the node takes, of one block, and what fails apart from the
//! rest, so that a contract that burns all gas takes nothing from the others.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::json;

use super::multicall::{Read, Returned, aggregate, disaggregate, returned};
use super::nodes::Nodes;
use super::rpc::{Answer, Call, NodeFault, quantity};
use crate::clock::{Clock, Timestamp};
use crate::model::Address;

/// How long a contract that failed is asked apart from the others.
const APART: Duration = Duration::from_mins(10);

/// The most reads that are done apart in one request; what is beyond is left out.
const MOST_APART: usize = 100;

/// A list of fewer reads than this is not halved: each of them is done apart.
const LEAST_HALVED: usize = 8;

/// Reads one chain.
pub(super) struct Reader {
    pub(super) nodes: Nodes,
    /// The chain's Multicall3, if it has one.
    pub(super) multicall: Option<Address>,
    /// The most reads of one call.
    pub(super) batch: usize,
    /// Contracts that failed, and until when they are asked apart.
    pub(super) apart: Mutex<HashMap<Address, Timestamp>>,
}

/// What a read gave, and of which block.
#[derive(Clone, Debug, Default)]
pub(super) struct Outcome {
    pub(super) returned: Returned,
    pub(super) block: u64,
}

/// A part of the list of reads that go together, by its positions.
type Part = Vec<usize>;

impl Reader {
    /// Does all reads; outcomes in their order. A node that answers and gives nothing at all is as good as one that does
    /// not answer: then the next one is asked.
    pub(super) async fn read(&self, reads: &[Read], clock: &Clock) -> Result<Vec<Outcome>, NodeFault> {
        const NOTHING: NodeFault = NodeFault::Garbage("it refuses every call");
        for _ in self.nodes.each() {
            let outcomes = self.read_once(reads, clock).await?;
            if outcomes.iter().any(|outcome| outcome.returned.is_some()) {
                self.set_apart(reads, &outcomes, clock.now());
                return Ok(outcomes);
            }
            self.nodes.note_preferred(&NOTHING, clock);
        }
        Err(NOTHING)
    }

    async fn read_once(&self, reads: &[Read], clock: &Clock) -> Result<Vec<Outcome>, NodeFault> {
        let mut outcomes = vec![Outcome::default(); reads.len()];
        let (together, apart) = self.partition(reads, clock.now());
        match self.multicall {
            Some(multicall) => self.read_together(multicall, reads, (together, apart), &mut outcomes, clock).await?,
            None => self.read_in_batches(reads, &[together, apart].concat(), &mut outcomes, clock).await?,
        }
        Ok(outcomes)
    }

    /// Contracts that gave nothing although they were asked alone in the end are asked apart for a while.
    fn set_apart(&self, reads: &[Read], outcomes: &[Outcome], now: Timestamp) {
        let gave_nothing = |outcome: &Outcome| outcome.returned.as_ref().is_none_or(Vec::is_empty);
        let failed = reads.iter().zip(outcomes).filter(|(_, outcome)| gave_nothing(outcome));
        let failed = failed.filter_map(|(read, _)| Some((read.target()?, now + APART)));
        self.apart.lock().unwrap_or_else(PoisonError::into_inner).extend(failed);
    }

    /// The positions of the reads that may go together, and of those that had better not.
    fn partition(&self, reads: &[Read], now: Timestamp) -> (Part, Part) {
        let mut apart = self.apart.lock().unwrap_or_else(PoisonError::into_inner);
        apart.retain(|_, until| now < *until);
        (0..reads.len()).partition(|at| reads[*at].target().is_none_or(|target| !apart.contains_key(&target)))
    }

    async fn read_together(
        &self,
        multicall: Address,
        reads: &[Read],
        (together, mut apart): (Part, Part),
        outcomes: &mut [Outcome],
        clock: &Clock,
    ) -> Result<(), NodeFault> {
        apart.truncate(MOST_APART);
        let latest = json!("latest");
        let even = (self.batch / 2 * 2).max(2);
        let mut pending: Vec<Part> = together.chunks(even).map(<[usize]>::to_vec).collect();
        let mut alone: Part = apart;
        let mut failed = Part::new();
        while !pending.is_empty() || !alone.is_empty() {
            let calls = pending.iter().map(|part| {
                let reads: Vec<Read> = part.iter().map(|at| reads[*at].clone()).collect();
                aggregate(multicall, &reads)
            });
            let calls: Vec<Call> = calls.chain(alone.iter().map(|at| reads[*at].alone(&latest))).collect();
            let answers = self.nodes.ask(&calls, clock).await?;
            let (of_parts, of_alone) = answers.split_at(pending.len());
            if of_parts.iter().any(is_of_no_contract) {
                tracing::warn!(%multicall, "there is no Multicall3 at the configured address");
                let all: Part = (0..reads.len()).collect();
                return self.read_in_batches(reads, &all, outcomes, clock).await;
            }
            let mut next = Vec::new();
            for (part, answer) in std::mem::take(&mut pending).into_iter().zip(of_parts) {
                next.extend(keep(part, answer, outcomes, &mut failed));
            }
            let block = outcomes.iter().map(|outcome| outcome.block).max().unwrap_or_default();
            for (at, answer) in std::mem::take(&mut alone).into_iter().zip(of_alone) {
                outcomes[at] = Outcome { returned: returned(&reads[at], answer), block };
            }
            pending = next;
            if pending.is_empty() {
                alone = std::mem::take(&mut failed);
                alone.truncate(MOST_APART);
            }
        }
        Ok(())
    }

    /// Without Multicall3: a list of calls, all of one block.
    async fn read_in_batches(
        &self,
        reads: &[Read],
        order: &[usize],
        outcomes: &mut [Outcome],
        clock: &Clock,
    ) -> Result<(), NodeFault> {
        const NO_BLOCK: NodeFault = NodeFault::Garbage("it does not say which block is the latest");
        let latest = Call { method: "eth_blockNumber", params: json!([]) };
        let answers = self.nodes.ask(&[latest], clock).await?;
        let block = answers.first().and_then(|answer| quantity(answer.as_ref().ok()?)).ok_or(NO_BLOCK)?;
        let at_block = json!(format!("{block:#x}"));
        for part in order.chunks(self.batch) {
            let calls: Vec<Call> = part.iter().map(|at| reads[*at].alone(&at_block)).collect();
            let answers = self.nodes.ask(&calls, clock).await?;
            for (at, answer) in part.iter().zip(answers) {
                outcomes[*at] = Outcome { returned: returned(&reads[*at], &answer), block };
            }
        }
        Ok(())
    }
}

/// Keeps what a part gave; gives the parts that are to be asked next. A node that refuses a part may take half of it,
/// and what fails within a part may have been starved by its neighbours.
fn keep(part: Part, answer: &Answer, outcomes: &mut [Outcome], failed: &mut Part) -> Vec<Part> {
    let split = answer.as_ref().ok().and_then(|answer| disaggregate(answer, part.len()));
    let Some((block, returned)) = split else {
        return halves(part, failed);
    };
    let mut without = Part::new();
    for (at, returned) in part.iter().zip(returned) {
        if returned.is_none() {
            without.push(*at);
        }
        outcomes[*at] = Outcome { returned, block };
    }
    // A few refused; many are more likely to have been left without gas by one of them.
    if without.len() > MOST_APART / 2 && without.len() < part.len() {
        return halves(without, failed);
    }
    failed.append(&mut without);
    Vec::new()
}

/// An address without code answers every call, with nothing.
fn is_of_no_contract(answer: &Answer) -> bool {
    answer.as_ref().is_ok_and(|answer| answer == "0x")
}

/// The two halves of a part, or none if each of it is to be done apart.
fn halves(part: Part, failed: &mut Part) -> Vec<Part> {
    if part.len() < LEAST_HALVED {
        failed.extend(part);
        return Vec::new();
    }
    // An even number to the left: balance and allowance of a token stay together.
    let (left, right) = part.split_at(part.len() / 4 * 2);
    vec![left.to_vec(), right.to_vec()]
}
