//! Contracts that failed are asked in requests of their own, which are granted little: whatever one of them does, burn
//! gas, take its time, return megabytes, takes nothing from the others.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;

use super::multicall::Read;
use super::nodes::Purpose;
use super::part::{Outcome, Part, Place, contracts};
use super::reader::Reader;
use super::rpc::{Answer, NodeFault};
use crate::clock::{Clock, Timestamp};
use crate::model::Address;

/// How long a contract that failed is asked apart from the others, or not at all.
const APART: Duration = Duration::from_mins(10);

/// The most contracts that are asked apart at a time; what is beyond is left out, and comes first the next time.
const MOST_APART: usize = 200;

/// How many contracts share a request.
const IN_ONE: usize = 25;

/// How many requests are under way at a time.
const AT_ONCE: usize = 8;

/// The most that a contract may return, in bytes, to be asked together with others.
const LONGEST: usize = 1024;

/// Contracts that failed.
#[derive(Default)]
pub(super) struct Suspects(Mutex<HashMap<Address, Suspect>>);

#[derive(Clone, Copy)]
struct Suspect {
    until: Timestamp,
    standing: Standing,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// It is asked apart.
    Apart,
    /// It is not asked: its answer was too long, or too late, when nothing else was asked.
    Silent,
}

impl Suspect {
    /// Who was silent is asked apart next, and not among the others.
    fn is_one_still(&mut self, now: Timestamp) -> bool {
        let (is_over, was_silent) = (self.until <= now, self.standing == Standing::Silent);
        if is_over && was_silent {
            *self = Self { until: now + APART, standing: Standing::Apart };
        }
        !is_over || was_silent
    }
}

/// What came of asking contracts apart.
#[derive(Default)]
pub(super) struct Asked {
    pub(super) outcomes: Vec<(usize, Outcome)>,
    /// The reads that took all that a request is granted.
    pub(super) silent: Part,
}

impl Suspects {
    /// The reads that may go together, and those that are asked apart, whoever waits longest first. What is silent is in
    /// neither.
    pub(super) fn partition(&self, reads: &[Read], now: Timestamp) -> (Part, Part) {
        let mut suspects = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        suspects.retain(|_, suspect| suspect.is_one_still(now));
        let find = |at: &usize| reads[*at].target().and_then(|target| suspects.get(&target).copied());
        let (together, mut apart): (Part, Part) = (0..reads.len()).partition(|at| find(at).is_none());
        apart.retain(|at| find(at).is_some_and(|suspect| suspect.standing == Standing::Apart));
        apart.sort_by_key(|at| find(at).map(|suspect| suspect.until));
        (together, apart)
    }

    /// What is to be remembered: those of `asked` that gave nothing are asked apart from now on, those that gave something
    /// no longer.
    pub(super) fn note(&self, reads: &[Read], outcomes: &[Outcome], asked: &[usize], silent: &[usize], now: Timestamp) {
        let until = now + APART;
        let mut suspects = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_well = |at: &usize| outcomes[*at].returned.as_ref().is_some_and(|returned| !returned.is_empty());
        for target in asked.iter().filter(|at| is_well(at)).filter_map(|at| reads[*at].target()) {
            suspects.remove(&target);
        }
        let failed = asked.iter().filter(|at| !is_well(at)).map(|at| (at, Standing::Apart));
        // Nothing takes the room of others by its length.
        let is_long = |outcome: &Outcome| outcome.returned.as_ref().is_some_and(|returned| returned.len() > LONGEST);
        let long: Part = (0..outcomes.len()).filter(|at| is_long(&outcomes[*at])).collect();
        let long = long.iter().map(|at| (at, Standing::Apart));
        let silent = silent.iter().map(|at| (at, Standing::Silent));
        let found = failed.chain(long).chain(silent);
        suspects.extend(found.filter_map(|(at, standing)| Some((reads[*at].target()?, Suspect { until, standing }))));
    }
}

impl Reader {
    /// Asks for these reads, apart from everything else. What has come is in `asked` even if this is not waited for.
    pub(super) async fn ask_apart(
        &self,
        place: Place<'_>,
        part: &[usize],
        useless: &[usize],
        clock: &Clock,
        asked: &mut Asked,
    ) {
        let mut contracts = contracts(place.reads, part);
        contracts.truncate(MOST_APART);
        let mut pending: VecDeque<Vec<Part>> = contracts.chunks(IN_ONE).map(<[Part]>::to_vec).collect();
        let mut under_way = FuturesUnordered::new();
        loop {
            while let Some(group) = pending.pop_front_if(|_| under_way.len() < AT_ONCE) {
                under_way.push(self.ask_group(place, group, useless, clock));
            }
            let Some((group, answers)) = under_way.next().await else { return };
            match answers {
                Ok(answers) => asked.keep(place, &group, &answers),
                // One of them is the reason.
                Err(NodeFault::TooLong | NodeFault::Late) if group.len() > 1 => {
                    pending.extend(group.into_iter().map(|contract| vec![contract]));
                }
                Err(NodeFault::TooLong | NodeFault::Late) => asked.silent.extend(group.concat()),
                // The node is the reason.
                Err(_) => {}
            }
        }
    }

    async fn ask_group(
        &self,
        place: Place<'_>,
        group: Vec<Part>,
        useless: &[usize],
        clock: &Clock,
    ) -> (Vec<Part>, Result<Vec<Answer>, NodeFault>) {
        let calls: Vec<_> = group.iter().flat_map(|contract| place.calls(contract)).collect();
        let asked = self.nodes.ask(Purpose::Suspects, &calls, useless, clock);
        // Twice that, for a group and each of it alone, is less than there is for all that failed before.
        let asked = tokio::time::timeout(self.deadline / 5, asked).await;
        (group, asked.unwrap_or(Err(NodeFault::Late)).map(|(_, answers)| answers))
    }
}

impl Asked {
    fn keep(&mut self, place: Place<'_>, group: &[Part], answers: &[Answer]) {
        let mut answers = answers;
        for contract in group {
            let (own, rest) = answers.split_at(place.calls_of(contract).min(answers.len()));
            answers = rest;
            let outcomes = place.outcomes(contract, own).unwrap_or_else(|| vec![Outcome::default(); contract.len()]);
            self.outcomes.extend(contract.iter().copied().zip(outcomes));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::multicall::Questions;

    #[test]
    fn a_contract_is_asked_apart_until_it_gives_something_and_who_was_silent_comes_back_apart() {
        let address = |byte| Address::new([byte; 20]);
        let reads: Vec<Read> =
            [1, 2, 3].map(|token| Questions::after(address(9), address(8)).to(address(token))).concat();
        let outcome = |returned: Option<usize>| Outcome { returned: returned.map(|length| vec![0; length]), block: 1 };
        let suspects = Suspects::default();
        let start = Timestamp::from_seconds(1_000);
        let parts = |now| suspects.partition(&reads, now);
        assert_eq!(parts(start), (vec![0, 1, 2, 3, 4, 5], vec![]));

        let outcomes = [Some(32), Some(32), None, Some(0), None, None].map(outcome);
        suspects.note(&reads, &outcomes, &[2, 3], &[4, 5], start);
        assert_eq!(parts(start), (vec![0, 1], vec![2, 3]));
        // It was silent, and had its time.
        let later = start + APART;
        assert_eq!(parts(later), (vec![0, 1, 2, 3], vec![4, 5]));
        let outcomes = [Some(32), Some(LONGEST + 1), Some(32), Some(32), Some(32), Some(32)].map(outcome);
        suspects.note(&reads, &outcomes, &[4, 5], &[], later);
        assert_eq!(parts(later), (vec![2, 3, 4, 5], vec![0, 1]), "whoever returns much does it apart");
    }
}
