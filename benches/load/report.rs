//! The figures and how they are shown: Markdown tables, since that is where they end up.

use std::time::Duration;

use crate::crypto::Costs;
use crate::options::Options;

/// One phase.
pub struct Row {
    what: &'static str,
    connections: usize,
    elapsed: Duration,
    cpu: Duration,
    /// Sorted.
    latencies: Vec<Duration>,
}

impl Row {
    pub fn new(
        what: &'static str,
        connections: usize,
        elapsed: Duration,
        cpu: Duration,
        mut latencies: Vec<Duration>,
    ) -> Self {
        latencies.sort_unstable();
        Self { what, connections, elapsed, cpu, latencies }
    }

    fn count(&self) -> f64 {
        f64::from(u32::try_from(self.latencies.len()).unwrap_or(u32::MAX))
    }

    fn per_second(&self) -> f64 {
        self.count() / self.elapsed.as_secs_f64()
    }

    /// The server's CPU time for one operation, in microseconds.
    fn cpu_each(&self) -> f64 {
        micros(self.cpu) / self.count()
    }

    fn percentile(&self, percent: usize) -> Duration {
        let last = self.latencies.len().saturating_sub(1);
        self.latencies.get(last * percent / 100).copied().unwrap_or_default()
    }

    fn print(&self) {
        let Self { what, connections, .. } = self;
        let (median, slow) = (millis(self.percentile(50)), millis(self.percentile(99)));
        let (rate, cpu) = (self.per_second(), self.cpu_each());
        println!("| {what} | {connections} | {rate:.0} | {median:.2} | {slow:.2} | {cpu:.1} |");
    }
}

/// What was measured at one number of connections.
pub struct Round {
    pub crypto: Costs,
    pub echo: Row,
    pub sign_in: Row,
    pub read: Row,
}

impl Round {
    /// The CPU time of a sign-in in units of what it can't do without: the crypto and two HTTP requests.
    fn sign_in_ratio(&self) -> f64 {
        self.sign_in.cpu_each() / (micros(self.crypto.both()) + 2.0 * self.echo.cpu_each())
    }

    /// The CPU time of a read in units of one HTTP request.
    fn read_ratio(&self) -> f64 {
        self.read.cpu_each() / self.echo.cpu_each()
    }
}

/// All figures of one run.
pub struct Report {
    pub first_start: Duration,
    pub idle_kib: u32,
    pub first: Row,
    pub rounds: Vec<Round>,
    pub loaded_kib: u32,
    pub restart: Duration,
}

impl Report {
    pub fn print(&self, options: &Options) {
        self.print_start(options);
        self.print_operations();
        self.print_ratios();
    }

    fn print_start(&self, options: &Options) {
        let database = if options.database_url.is_some() { "PostgreSQL" } else { "SQLite" };
        let cores = if options.one_core { "the server on one core" } else { "all cores shared" };
        let (wallets, seconds) = (options.wallets, options.seconds);
        println!("{database}, {cores}, {wallets} wallets, {seconds} s a phase\n");
        println!("| start and memory | figure |\n|---|---:|");
        println!("| first start to ready, ms | {:.0} |", millis(self.first_start));
        println!("| restart to ready, after the load, ms | {:.0} |", millis(self.restart));
        println!("| resident at start, MiB | {:.1} |", f64::from(self.idle_kib) / 1024.0);
        println!("| resident after the load, MiB | {:.1} |\n", f64::from(self.loaded_kib) / 1024.0);
    }

    fn print_operations(&self) {
        println!("| operation | connections | per second | p50 ms | p99 ms | server CPU µs |");
        println!("|---|---:|---:|---:|---:|---:|");
        self.first.print();
        for row in self.rounds.iter().flat_map(|round| [&round.echo, &round.sign_in, &round.read]) {
            row.print();
        }
        println!();
    }

    fn print_ratios(&self) {
        println!("| connections | recover µs | sign token µs | sign-in CPU ÷ (crypto + 2 bare) | read CPU ÷ bare |");
        println!("|---:|---:|---:|---:|---:|");
        for round in &self.rounds {
            let (recover, sign) = (micros(round.crypto.recover), micros(round.crypto.sign));
            let (sign_in, read) = (round.sign_in_ratio(), round.read_ratio());
            println!("| {} | {recover:.1} | {sign:.1} | {sign_in:.2} | {read:.2} |", round.echo.connections);
        }
    }
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
