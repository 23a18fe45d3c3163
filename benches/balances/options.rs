//! What the benchmark is told.

use std::time::Duration;

use clap::Parser;

/// Measures `GET /users/tokens` beside a bare `eth_call` of the same.
#[derive(Clone, Debug, Parser)]
#[command(name = "balances")]
pub struct Options {
    /// For how long each side of a comparison is measured; the two take turns of a second.
    #[arg(long, default_value_t = 5)]
    seconds: u32,
    /// One turn of a fifth of a second each, to see whether it runs.
    #[arg(long)]
    quick: bool,
    /// Passed by `cargo bench`, and without meaning here.
    #[arg(long, hide = true)]
    bench: bool,
}

impl Options {
    /// Applies `--quick`; there is at least one turn.
    pub fn settle(self) -> Self {
        Self { seconds: if self.quick { 1 } else { self.seconds.max(1) }, ..self }
    }

    /// How many turns each side takes.
    pub fn turns(&self) -> u32 {
        self.seconds
    }

    /// How long a turn is.
    pub fn turn(&self) -> Duration {
        if self.quick { Duration::from_millis(200) } else { Duration::from_secs(1) }
    }

    /// For how long a gateway does nothing before its memory counts as idle.
    pub fn idling(&self) -> Duration {
        self.turn() * 2
    }

    /// When a run is given up: at thirty times what its turns take, and some minutes for starting things.
    pub fn longest_run(&self) -> Duration {
        Duration::from_mins(10) + Duration::from_mins(4) * self.seconds
    }
}
