//! What the driver is told, and how it starts the servers that it measures.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use clap::Parser;

use crate::Fault;
use crate::place::{Kind, Place};

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
    /// One second a phase, at most 1,000 wallets, and a fiftieth of a million.
    #[arg(long)]
    pub quick: bool,
    /// Measure on PostgreSQL after SQLite, on a server that is made for it and thrown away.
    #[arg(long, conflicts_with = "database_url")]
    pub postgres: bool,
    /// Ask for a million nonces too, and measure everything beside a database with a million accounts; or so many.
    #[arg(long, value_name = "COUNT", num_args = 0..=1, require_equals = true, default_missing_value = "1000000")]
    #[arg(conflicts_with = "database_url")]
    pub million: Option<usize>,
    /// The gateway's `log.level`: at `info` it writes a line for every request, here into a file.
    #[arg(long, default_value = "warn", value_parser = ["error", "warn", "info", "debug"])]
    pub log_level: String,
    /// Have `perf` record the gateway, a file a phase in this directory. The figures of such a run don't count.
    #[arg(long, value_name = "DIRECTORY", conflicts_with = "postgres")]
    pub profile: Option<PathBuf>,
    /// Keep each server on one core and the driver off it (needs `taskset`).
    #[arg(long)]
    pub one_core: bool,
    /// Measure on this database instead: a `postgres://…` URL, best of an empty one.
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
            self.million = self.million.map(|count| count.div_ceil(50));
        }
        if self.connections.is_empty() || self.connections.contains(&0) {
            return Err(Fault("--connections takes numbers from 1".to_owned()));
        }
        if self.wallets < self.most_connections() {
            return Err(Fault("--wallets: every connection needs a wallet of its own".to_owned()));
        }
        if self.million.is_some_and(|count| count < self.wallets) {
            return Err(Fault("--million: every wallet needs an account among them".to_owned()));
        }
        Ok(self)
    }

    /// On what everything is measured, one after the other.
    pub fn kinds(&self) -> Vec<Kind> {
        match &self.database_url {
            Some(url) => vec![Kind::Named(url.clone())],
            None if self.postgres => vec![Kind::Sqlite, Kind::Cluster],
            None => vec![Kind::Sqlite],
        }
    }

    pub fn most_connections(&self) -> usize {
        self.connections.iter().copied().max().unwrap_or(1)
    }

    pub fn phase(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }

    /// When the first sign-ins are broken off, so that a slow server is measured too: at 200 a second.
    pub fn longest_first_sign_ins(&self) -> Duration {
        self.phase() + at_rate(self.wallets, 200)
    }

    /// When the nonces are broken off: at 1,000 a second.
    pub fn longest_nonces(&self) -> Duration {
        self.phase() + at_rate(self.million.unwrap_or_default(), 1000)
    }

    /// When a run is given up: when everything took twice as long as it should, and some minutes for starting things.
    pub fn longest_run(&self) -> Duration {
        let phases = u32::try_from(self.connections.len() * 4).unwrap_or(u32::MAX);
        let one = self.phase().saturating_mul(phases) + self.longest_first_sign_ins() + Duration::from_mins(1);
        let subjects = if self.million.is_some() { 3 } else { 1 };
        // Filling a database goes at 1,000 accounts a second or faster, as the nonces do.
        let each = one * subjects + self.longest_nonces() * 2;
        each * 2 * u32::try_from(self.kinds().len()).unwrap_or(u32::MAX)
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

    /// The command that starts the gateway on a database, as a release build on free ports.
    pub fn countersign(&self, place: &Place) -> Result<Command, Fault> {
        let mut command = self.command(env!("CARGO_BIN_EXE_countersign"));
        command
            .current_dir(place.directory())
            .stderr(place.log()?)
            .env("COUNTERSIGN_DATA_DIR", place.directory())
            .env("COUNTERSIGN_LISTEN", "127.0.0.1:0")
            .env("COUNTERSIGN_INTERNAL_LISTEN", "127.0.0.1:0")
            .env("COUNTERSIGN_LIMITS__ENABLED", "false")
            .env("COUNTERSIGN_LOG__LEVEL", &self.log_level);
        if let Some(url) = place.url() {
            command.env("COUNTERSIGN_DATABASE_URL", url).env("COUNTERSIGN_SECRET", SECRET);
        }
        Ok(command)
    }
}

/// How long so many take at so many a second.
fn at_rate(count: usize, rate: u64) -> Duration {
    Duration::from_secs(u64::try_from(count).unwrap_or(u64::MAX) / rate)
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
