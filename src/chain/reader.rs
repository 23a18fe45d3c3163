//! Many reads of one chain: together in as few calls as the node takes, of one block, and what fails apart from the
//! rest, so that a contract that burns all gas takes nothing from the others.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::json;

use super::multicall::{Read, Returned, aggregate, disaggregate, returned, word};
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

/// What one turn through the reads gave.
struct Turn {
    outcomes: Vec<Outcome>,
    /// The reads that were asked alone.
    alone: Part,
    /// The node that answered first.
    by: Option<usize>,
}

/// A part of the list of reads that go together, by its positions.
type Part = Vec<usize>;

impl Reader {
    /// Does all reads; outcomes in their order. A node that answers and gives nothing at all is as good as one that does
    /// not answer: then the next one is asked.
    pub(super) async fn read(&self, reads: &[Read], clock: &Clock) -> Result<Vec<Outcome>, NodeFault> {
        const NOTHING: NodeFault = NodeFault::Garbage("it refuses every call");
        let mut useless = Vec::new();
        for _ in self.nodes.each() {
            let turn = self.read_once(reads, &useless, clock).await?;
            if is_of_use(reads, &turn.outcomes) {
                self.set_apart(reads, &turn, clock.now());
                return Ok(turn.outcomes);
            }
            let Some(by) = turn.by else { break };
            self.nodes.note(by, NOTHING, clock);
            useless.push(by);
        }
        Err(NOTHING)
    }

    async fn read_once(&self, reads: &[Read], useless: &[usize], clock: &Clock) -> Result<Turn, NodeFault> {
        let mut turn = Turn { outcomes: vec![Outcome::default(); reads.len()], alone: Part::new(), by: None };
        let (together, apart) = self.partition(reads, clock.now());
        match self.multicall {
            Some(multicall) => {
                self.read_together(multicall, reads, (together, apart), &mut turn, useless, clock).await?;
            }
            None => self.read_in_batches(reads, &[together, apart].concat(), &mut turn, useless, clock).await?,
        }
        Ok(turn)
    }

    /// Contracts that gave nothing although they were asked alone in the end are asked apart for a while.
    fn set_apart(&self, reads: &[Read], turn: &Turn, now: Timestamp) {
        let gave_nothing = |at: &&usize| turn.outcomes[**at].returned.as_ref().is_none_or(Vec::is_empty);
        let failed = turn.alone.iter().filter(gave_nothing);
        let failed = failed.filter_map(|at| Some((reads[*at].target()?, now + APART)));
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
        turn: &mut Turn,
        useless: &[usize],
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
            // What was read is worth having without the rest.
            let Some(answers) = self.round(&calls, turn, useless, clock).await? else { break };
            let (of_parts, of_alone) = answers.split_at(pending.len());
            if of_parts.iter().any(is_of_no_contract) {
                tracing::warn!(%multicall, "there is no Multicall3 at the configured address");
                let all: Part = (0..reads.len()).collect();
                return self.read_in_batches(reads, &all, turn, useless, clock).await;
            }
            let mut next = Vec::new();
            for (part, answer) in std::mem::take(&mut pending).into_iter().zip(of_parts) {
                next.extend(keep(part, answer, &mut turn.outcomes, &mut failed));
            }
            let block = turn.outcomes.iter().map(|outcome| outcome.block).max().unwrap_or_default();
            for (at, answer) in std::mem::take(&mut alone).into_iter().zip(of_alone) {
                turn.outcomes[at] = Outcome { returned: returned(&reads[at], answer), block };
                turn.alone.push(at);
            }
            pending = next;
            if pending.is_empty() {
                alone = std::mem::take(&mut failed);
                // The native coin is never among those that are left out.
                alone.sort_by_key(|at| reads[*at].target().is_some());
                alone.truncate(MOST_APART);
            }
        }
        Ok(())
    }

    /// One round trip. Its fault is the turn's only in the first round; in a later one there are no answers.
    async fn round(
        &self,
        calls: &[Call],
        turn: &mut Turn,
        useless: &[usize],
        clock: &Clock,
    ) -> Result<Option<Vec<Answer>>, NodeFault> {
        match self.nodes.ask(calls, useless, clock).await {
            Ok((by, answers)) => {
                turn.by.get_or_insert(by);
                Ok(Some(answers))
            }
            Err(fault) if turn.by.is_none() => Err(fault),
            Err(_) => Ok(None),
        }
    }

    /// Without Multicall3: a list of calls, all of one block.
    async fn read_in_batches(
        &self,
        reads: &[Read],
        order: &[usize],
        turn: &mut Turn,
        useless: &[usize],
        clock: &Clock,
    ) -> Result<(), NodeFault> {
        let latest = Call { method: "eth_blockNumber", params: json!([]) };
        let (by, answers) = self.nodes.ask(&[latest], useless, clock).await?;
        turn.by = Some(by);
        // A node that does not say which block is the latest has given nothing.
        let Some(block) = answers.first().and_then(|answer| quantity(answer.as_ref().ok()?)) else { return Ok(()) };
        let at_block = json!(format!("{block:#x}"));
        for part in order.chunks(self.batch) {
            let calls: Vec<Call> = part.iter().map(|at| reads[*at].alone(&at_block)).collect();
            // What was read is worth having without the rest.
            let Ok((_, answers)) = self.nodes.ask(&calls, useless, clock).await else { break };
            for (at, answer) in part.iter().zip(answers) {
                turn.outcomes[*at] = Outcome { returned: returned(&reads[*at], &answer), block };
            }
        }
        Ok(())
    }
}

/// Whether a node gave anything, and how much of the native coin there is if that was asked.
fn is_of_use(reads: &[Read], outcomes: &[Outcome]) -> bool {
    let mut each = reads.iter().zip(outcomes);
    outcomes.iter().any(|outcome| outcome.returned.is_some())
        && each.all(|(read, outcome)| read.target().is_some() || word(&outcome.returned).is_some())
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
    if without.len() > MOST_APART / 2 {
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
