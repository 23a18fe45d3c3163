//! Parts of a list of reads: the calls that do them, what those gave, and what is left to be asked. It asks nobody.

use std::collections::HashMap;

use super::multicall::{Multicall, Read, Returned, returned};
use super::rpc::{Answer, Call};

/// A list of fewer reads than this is not halved: each contract is asked apart.
const LEAST_HALVED: usize = 8;

/// More failed reads than this are more likely to have been left without gas by one of them.
const MANY: usize = 50;

/// What a read gave, and of which block.
#[derive(Clone, Debug, Default)]
pub(super) struct Outcome {
    pub(super) returned: Returned,
    pub(super) block: u64,
}

/// A part of the list of reads, by its positions.
pub(super) type Part = Vec<usize>;

/// How a chain is read.
#[derive(Clone, Copy)]
pub(super) enum Way<'a> {
    /// Through this contract, which says the block.
    Multicall(&'a Multicall),
    /// Each by itself at this block.
    Block(u64),
}

/// What is read, and how.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) reads: &'a [Read],
    pub(super) way: Way<'a>,
}

/// What one turn through the reads gave.
pub(super) struct Turn<'a> {
    pub(super) outcomes: Vec<Outcome>,
    /// The reads that gave nothing and are to be asked apart.
    pub(super) failed: Part,
    pub(super) way: Way<'a>,
    /// The node that answered first.
    pub(super) by: Option<usize>,
}

impl Place<'_> {
    /// The calls that do these reads.
    pub(super) fn calls(&self, part: &[usize]) -> Vec<Call> {
        let reads = part.iter().map(|at| &self.reads[*at]);
        match self.way {
            Way::Multicall(multicall) => vec![multicall.aggregate(reads)],
            Way::Block(block) => {
                let block = format!("{block:#x}");
                reads.map(|read| read.alone(&block)).collect()
            }
        }
    }

    /// How many calls they are.
    pub(super) fn calls_of(&self, part: &[usize]) -> usize {
        match self.way {
            Way::Multicall(_) => 1,
            Way::Block(_) => part.len(),
        }
    }

    /// What the calls gave; `None` if the one call for all of it failed.
    pub(super) fn outcomes(&self, part: &[usize], answers: &[Answer]) -> Option<Vec<Outcome>> {
        match self.way {
            Way::Multicall(multicall) => {
                let (block, returned) = multicall.disaggregate(answers.first()?.as_ref().ok()?, part.len())?;
                Some(returned.into_iter().map(|returned| Outcome { returned, block }).collect())
            }
            Way::Block(block) => {
                let each = part.iter().zip(answers);
                Some(each.map(|(at, answer)| Outcome { returned: returned(&self.reads[*at], answer), block }).collect())
            }
        }
    }
}

impl<'a> Turn<'a> {
    pub(super) fn new(reads: &[Read], way: Way<'a>) -> Self {
        Self { outcomes: vec![Outcome::default(); reads.len()], failed: Part::new(), way, by: None }
    }

    /// Keeps what a part gave; gives the parts that are to be asked next. A node that refuses a part may take half of it,
    /// and what fails within a part may have been starved by its neighbours.
    pub(super) fn keep(&mut self, place: Place<'_>, part: Part, answers: &[Answer]) -> Vec<Part> {
        let Some(outcomes) = place.outcomes(&part, answers) else { return self.halves(part) };
        let mut without = Part::new();
        for (at, outcome) in part.into_iter().zip(outcomes) {
            if outcome.returned.is_none() {
                without.push(at);
            }
            self.outcomes[at] = outcome;
        }
        if without.len() > MANY {
            return self.halves(without);
        }
        self.failed.append(&mut without);
        Vec::new()
    }

    /// Keeps what calls gave that were done each by itself.
    pub(super) fn set(&mut self, place: Place<'_>, part: &[usize], answers: &[Answer]) {
        let outcomes = place.outcomes(part, answers).unwrap_or_default();
        part.iter().zip(outcomes).for_each(|(at, outcome)| self.outcomes[*at] = outcome);
    }

    /// The two halves of a part, or none if each contract of it is to be asked apart.
    fn halves(&mut self, part: Part) -> Vec<Part> {
        if part.len() < LEAST_HALVED {
            self.failed.extend(part);
            return Vec::new();
        }
        // An even number to the left: balance and allowance of a token stay together.
        let (left, right) = part.split_at(part.len() / 4 * 2);
        vec![left.to_vec(), right.to_vec()]
    }
}

/// The reads of a part by the contract that answers them, in the order in which those come.
pub(super) fn contracts(reads: &[Read], part: &[usize]) -> Vec<Part> {
    let mut found: Vec<Part> = Vec::new();
    let mut places = HashMap::new();
    for at in part {
        let place = *places.entry(reads[*at].target()).or_insert(found.len());
        if place == found.len() {
            found.push(Part::new());
        }
        found[place].push(*at);
    }
    found
}
