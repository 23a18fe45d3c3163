//! The figures and how they are shown: one Markdown table, since that is where they end up.

use std::time::Duration;

use crate::asked::Asked;
use crate::turns::{Measured, millis};

/// What the gateway held, in KiB.
pub struct Memory {
    /// Before the first request for balances.
    pub before: u32,
    /// After the last one.
    pub after: u32,
    /// At most.
    pub peak: u32,
}

/// A case, and a text for each column; empty where it has nothing to say.
pub struct Row {
    case: String,
    counts: [String; 2],
    times: [String; 3],
    memory: [String; 3],
}

impl Row {
    pub fn new(case: String) -> Self {
        Self { case, counts: Default::default(), times: Default::default(), memory: Default::default() }
    }

    /// With what a node saw of so many requests, for each of them.
    pub fn counted(self, asked: &Asked, requests: u32) -> Self {
        let each = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX)) / f64::from(requests);
        Self { counts: [asked.trips, asked.calls()].map(|count| each(count).to_string()), ..self }
    }

    pub fn timed(self, of: &Measured) -> Self {
        Self { times: figures(of).map(|figure| format!("{figure:.2}")), ..self }
    }

    /// With the one time of what was done once.
    pub fn took(self, once: Duration) -> Self {
        Self { times: [format!("{:.2}", millis(once)), String::new(), String::new()], ..self }
    }

    pub fn held(self, Memory { before, after, peak }: Memory) -> Self {
        Self { memory: [before, after, peak].map(|kib| format!("{:.1}", f64::from(kib) / 1024.0)), ..self }
    }

    /// What the times of one side are in units of the other's; nothing where those are too short for the kernel's ticks.
    pub fn ratio(case: String, side: &Measured, other: &Measured) -> Self {
        let (side, other) = (figures(side), figures(other));
        let ratio = |at: usize| if other[at] > 0.0 { format!("{:.2} ×", side[at] / other[at]) } else { String::new() };
        Self { times: [0, 1, 2].map(ratio), ..Self::new(case) }
    }

    fn print(&self) {
        let Self { case, counts, times, memory } = self;
        println!("| {case} | {} | {} | {} |", counts.join(" | "), times.join(" | "), memory.join(" | "));
    }
}

fn figures(of: &Measured) -> [f64; 3] {
    [of.percentile(50), of.percentile(99), of.cpu_each()]
}

pub fn print(rows: &[Row]) {
    println!(
        "| case | round trips | calls | p50 ms | p99 ms | CPU ms | resident before, MiB | after | peak |\n\
         |---|---:|---:|---:|---:|---:|---:|---:|---:|"
    );
    rows.iter().for_each(Row::print);
}
