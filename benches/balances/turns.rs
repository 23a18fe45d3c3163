//! Two sides of a comparison take turns, so that both were measured at one time.

use std::time::Duration;

use countersign::clock::Stopwatch;

use crate::options::Options;
use crate::{Fault, server};

/// What a side took so far.
#[derive(Default)]
pub struct Measured {
    latencies: Vec<Duration>,
    cpu: Duration,
}

impl Measured {
    pub fn new(latencies: Vec<Duration>, cpu: Duration) -> Self {
        Self { latencies, cpu }
    }

    /// Adds one turn: step after step, at least one. `process` is whose CPU time counts.
    pub async fn turn<S>(&mut self, options: &Options, process: u32, mut step: S) -> Result<(), Fault>
    where
        S: AsyncFnMut() -> Result<(), Fault>,
    {
        let (before, turn) = (server::cpu(process)?, Stopwatch::start());
        loop {
            let watch = Stopwatch::start();
            step().await?;
            self.latencies.push(watch.elapsed());
            if turn.elapsed() >= options.turn() {
                break;
            }
        }
        self.cpu += server::cpu(process)?.saturating_sub(before);
        Ok(())
    }

    /// So many percent of the steps took at most this long, in milliseconds.
    pub fn percentile(&self, percent: usize) -> f64 {
        let mut sorted = self.latencies.clone();
        sorted.sort_unstable();
        let last = sorted.len().saturating_sub(1);
        millis(sorted.get(last * percent / 100).copied().unwrap_or_default())
    }

    /// CPU time of one step, in milliseconds.
    pub fn cpu_each(&self) -> f64 {
        millis(self.cpu) / f64::from(u32::try_from(self.latencies.len()).unwrap_or(u32::MAX))
    }
}

pub fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
