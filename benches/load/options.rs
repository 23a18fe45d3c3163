//! What the driver is told, and how it starts the servers that it measures.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use clap::Parser;

use crate::Fault;

/// The core that the servers get when they get only one.
const SERVER_CORE: &str = "0";

/// A database remembers which secret it was made with: with a new one each time, a second run on it would be refused.
const SECRET: &str = "10ad10ad10ad10ad10ad10ad10ad10ad10ad10ad10ad10ad10ad10ad10ad10ad";

/// Measures sign-ins and reads beside the bare crypto and a bare axum route.
#[derive(Clone, Debug, Parser)]
#[command(name = "load")]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub struct Options {
    /// How many keep-alive connections, one after the other.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 16, 64])]
    pub connections: Vec<usize>,
    /// How long each phase takes.
    #[arg(long, default_value_t = 5)]
    pub seconds: u64,
    /// How many wallets sign in, each of them once before anything else.
    #[arg(long, default_value_t = 10_000)]
    pub wallets: usize,
    /// One second a phase and at most 1,000 wallets.
    #[arg(long)]
    pub quick: bool,
    /// Keep each server on one core and the driver off it (needs `taskset`).
    #[arg(long)]
    pub one_core: bool,
    /// The `postgres://…` URL of a database, best an empty one; without it, a new file is used.
    #[arg(long)]
    pub database_url: Option<String>,
    /// Be the bare route instead; the driver starts itself so.
    #[arg(long, hide = true)]
    pub bare_route: bool,
    /// Passed by `cargo bench`, and without meaning here.
    #[arg(long, hide = true)]
    bench: bool,
}

impl Options {
    /// Applies `--quick` and refuses what can't be measured.
    pub fn settle(mut self) -> Result<Self, Fault> {
        if self.quick {
            self.seconds = 1;
            self.wallets = self.wallets.min(1000);
        }
        if self.connections.is_empty() || self.connections.contains(&0) {
            return Err(Fault("--connections takes numbers from 1".to_owned()));
        }
        if self.wallets < self.most_connections() {
            return Err(Fault("--wallets: every connection needs a wallet of its own".to_owned()));
        }
        Ok(self)
    }

    pub fn most_connections(&self) -> usize {
        self.connections.iter().copied().max().unwrap_or(1)
    }

    pub fn phase(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }

    /// When the first sign-ins are broken off, so that a slow server is measured too: at 200 a second.
    pub fn longest_first_sign_ins(&self) -> Duration {
        self.phase() + Duration::from_millis(5).saturating_mul(u32::try_from(self.wallets).unwrap_or(u32::MAX))
    }

    /// When a run is given up: every phase twice as long as it should be, and a minute for starting things.
    pub fn longest_run(&self) -> Duration {
        let phases = u32::try_from(self.connections.len() * 3).unwrap_or(u32::MAX);
        (self.phase().saturating_mul(phases) + self.longest_first_sign_ins()) * 2 + Duration::from_mins(1)
    }

    /// The command that runs `program` as one of the servers, with none of our settings and in none of our files.
    fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = if self.one_core {
            let mut taskset = Command::new("taskset");
            taskset.args(["--cpu-list", SERVER_CORE]).arg(program);
            taskset
        } else {
            Command::new(program)
        };
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("COUNTERSIGN_") {
                command.env_remove(name);
            }
        }
        command
    }

    /// The command that starts this program as the bare route.
    pub fn bare_route(&self) -> Result<Command, Fault> {
        let mut command = self.command(std::env::current_exe()?);
        command.arg("--bare-route");
        Ok(command)
    }

    /// The command that starts the gateway, as a release build on free ports.
    pub fn countersign(&self, data: &Path) -> Command {
        let mut command = self.command(env!("CARGO_BIN_EXE_countersign"));
        command
            .current_dir(data)
            .env("COUNTERSIGN_DATA_DIR", data)
            .env("COUNTERSIGN_LISTEN", "127.0.0.1:0")
            .env("COUNTERSIGN_INTERNAL_LISTEN", "127.0.0.1:0")
            .env("COUNTERSIGN_LIMITS__ENABLED", "false")
            .env("COUNTERSIGN_LOG__LEVEL", "warn");
        if let Some(url) = &self.database_url {
            command.env("COUNTERSIGN_DATABASE_URL", url).env("COUNTERSIGN_SECRET", SECRET);
        }
        command
    }
}

/// Moves the driver, and all that it starts from here on, off the core of the servers.
pub fn leave_server_core() -> Result<(), Fault> {
    let cores = std::thread::available_parallelism()?.get();
    if cores < 2 {
        return Err(Fault("--one-core needs a second core for the driver".to_owned()));
    }
    let others = format!("1-{}", cores - 1);
    let id = std::process::id().to_string();
    let moved = Command::new("taskset").args(["--cpu-list", "--pid", &others, &id]).stdout(Stdio::null()).status()?;
    if moved.success() { Ok(()) } else { Err(Fault("--one-core: taskset failed".to_owned())) }
}
