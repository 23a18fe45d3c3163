//! The figures and how they are shown: Markdown tables, since that is where they end up.

use std::time::Duration;

use crate::crypto::Costs;
use crate::options::Options;
use crate::targets;

/// One operation at one number of connections.
pub struct Row {
    pub what: &'static str,
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

    /// Nothing measured yet.
    pub fn none(what: &'static str, connections: usize) -> Self {
        Self::new(what, connections, Duration::ZERO, Duration::ZERO, Vec::new())
    }

    /// Adds another turn of the same.
    pub fn add(&mut self, turn: Self) {
        self.elapsed += turn.elapsed;
        self.cpu += turn.cpu;
        self.latencies.extend(turn.latencies);
        self.latencies.sort_unstable();
    }

    pub fn connections(&self) -> usize {
        self.connections
    }

    fn count(&self) -> f64 {
        f64::from(u32::try_from(self.latencies.len()).unwrap_or(u32::MAX))
    }

    fn per_second(&self) -> f64 {
        self.count() / self.elapsed.as_secs_f64()
    }

    /// The server's CPU time for one operation, in microseconds.
    pub fn cpu_each(&self) -> f64 {
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

    /// Beside the same on a filled database.
    fn print_beside(&self, filled: &Self) {
        let Self { what, connections, .. } = self;
        let (fresh_cpu, filled_cpu) = (self.cpu_each(), filled.cpu_each());
        let (fresh_median, filled_median) = (millis(self.percentile(50)), millis(filled.percentile(50)));
        let (cpu, median) = (filled_cpu / fresh_cpu, filled_median / fresh_median);
        println!(
            "| {what} | {connections} | {fresh_cpu:.1} | {filled_cpu:.1} | {cpu:.2} | {fresh_median:.2} | \
             {filled_median:.2} | {median:.2} |"
        );
    }
}

/// What nothing can do without, at one number of connections.
pub struct Floor {
    pub crypto: Costs,
    pub echo: Row,
}

/// What was measured of one gateway at one number of connections.
pub struct Round {
    pub sign_in: Row,
    pub message: Row,
    pub read: Row,
    pub key_read: Row,
}

impl Round {
    /// Nothing measured yet.
    pub fn none(connections: usize) -> Self {
        let [sign_in, message, read, key_read] = ["sign-in", "sign-in by message", "read by token", "read by API key"]
            .map(|what| Row::none(what, connections));
        Self { sign_in, message, read, key_read }
    }

    /// Every operation that was measured.
    pub fn rows(&self) -> [&Row; 4] {
        [&self.sign_in, &self.message, &self.read, &self.key_read]
    }

    /// The CPU time of a sign-in by message in units of one by a nonce alone.
    pub fn message_ratio(&self) -> f64 {
        self.message.cpu_each() / self.sign_in.cpu_each()
    }

    /// The CPU time of a sign-in in units of what it can't do without: the crypto and two HTTP requests.
    pub fn sign_in_ratio(&self, floor: &Floor) -> f64 {
        self.sign_in.cpu_each() / (micros(floor.crypto.both()) + 2.0 * floor.echo.cpu_each())
    }

    /// The CPU time of a read by token, and of one by API key, in units of one HTTP request.
    pub fn read_ratios(&self, floor: &Floor) -> [f64; 2] {
        [&self.read, &self.key_read].map(|read| read.cpu_each() / floor.echo.cpu_each())
    }
}

/// All figures of one gateway.
pub struct Figures {
    pub start: Duration,
    pub restart: Duration,
    pub idle_kib: u32,
    pub loaded_kib: u32,
    pub first: Row,
    pub rounds: Vec<Round>,
}

impl Figures {
    fn rows(&self) -> impl Iterator<Item = &Row> {
        std::iter::once(&self.first).chain(self.rounds.iter().flat_map(Round::rows))
    }
}

/// What memory became by asking for nonces.
pub struct Growth {
    pub nonces: Row,
    pub before_kib: u32,
    pub after_kib: u32,
}

impl Growth {
    pub fn mib(&self) -> f64 {
        mib(self.after_kib) - mib(self.before_kib)
    }
}

/// All figures of one run on one kind of database.
pub struct Report {
    pub database: &'static str,
    /// By the number of connections, as the rounds are.
    pub floors: Vec<Floor>,
    pub fresh: Figures,
    pub filled: Option<Figures>,
    pub growth: Option<Growth>,
}

impl Report {
    pub fn print(&self, options: &Options) {
        let cores = if options.one_core { "the server on one core" } else { "all cores shared" };
        let Options { wallets, seconds, log_level, .. } = options;
        println!("## {}\n\n{cores}, {wallets} wallets, {seconds} s a phase, log at `{log_level}`\n", self.database);
        self.print_start();
        self.print_operations();
        self.print_ratios();
        if let (Some(filled), Some(accounts)) = (&self.filled, options.million) {
            self.print_beside(filled, accounts);
        }
        targets::print(self);
    }

    fn print_start(&self) {
        let fresh = &self.fresh;
        println!("| start and memory | figure |\n|---|---:|");
        println!("| first start to ready, ms | {:.0} |", millis(fresh.start));
        println!("| restart to ready, after the load, ms | {:.0} |", millis(fresh.restart));
        println!("| resident after the first start, idle, MiB | {:.1} |", mib(fresh.idle_kib));
        if let Some(growth) = &self.growth {
            let count = growth.nonces.count();
            println!("| resident before {count} nonces, MiB | {:.2} |", mib(growth.before_kib));
            println!("| resident after them, MiB | {:.2} |", mib(growth.after_kib));
        }
        println!("| resident at the end, MiB | {:.1} |\n", mib(fresh.loaded_kib));
    }

    fn print_operations(&self) {
        println!("| operation | connections | per second | p50 ms | p99 ms | server CPU µs |");
        println!("|---|---:|---:|---:|---:|---:|");
        self.fresh.first.print();
        for (floor, round) in self.rounds() {
            floor.echo.print();
            round.rows().into_iter().for_each(Row::print);
        }
        if let Some(growth) = &self.growth {
            growth.nonces.print();
        }
        println!();
    }

    fn print_ratios(&self) {
        println!(
            "| connections | recover µs | sign token µs | sign-in CPU ÷ (crypto + 2 bare) | by message ÷ by nonce | \
             read by token ÷ bare | read by API key ÷ bare |\n|---:|---:|---:|---:|---:|---:|---:|"
        );
        for (floor, round) in self.rounds() {
            let (recover, sign) = (micros(floor.crypto.recover), micros(floor.crypto.sign));
            let (sign_in, [read, key_read]) = (round.sign_in_ratio(floor), round.read_ratios(floor));
            let (connections, message) = (floor.echo.connections, round.message_ratio());
            println!(
                "| {connections} | {recover:.1} | {sign:.1} | {sign_in:.2} | {message:.2} | {read:.2} | {key_read:.2} |"
            );
        }
        println!();
    }

    fn print_beside(&self, filled: &Figures, accounts: usize) {
        let fresh = &self.fresh;
        println!("With {accounts} accounts, beside the fresh database:\n");
        println!("| start and memory | fresh | filled | ratio |\n|---|---:|---:|---:|");
        let table = [
            ("restart to ready, ms", millis(fresh.restart), millis(filled.restart)),
            ("resident after a start, idle, MiB", mib(fresh.idle_kib), mib(filled.idle_kib)),
            ("resident after the rounds, MiB", mib(fresh.loaded_kib), mib(filled.loaded_kib)),
        ];
        for (what, fresh, filled) in table {
            println!("| {what} | {fresh:.1} | {filled:.1} | {:.2} |", filled / fresh);
        }
        println!(
            "\n| operation | connections | server CPU µs, fresh | filled | ratio | p50 ms, fresh | filled | ratio |\n\
             |---|---:|---:|---:|---:|---:|---:|---:|"
        );
        fresh.rows().zip(filled.rows()).for_each(|(fresh, filled)| fresh.print_beside(filled));
        println!();
    }

    /// The rounds on the fresh database, each with its floor.
    pub fn rounds(&self) -> impl Iterator<Item = (&Floor, &Round)> {
        self.floors.iter().zip(&self.fresh.rounds)
    }
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

pub fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

pub fn mib(kib: u32) -> f64 {
    f64::from(kib) / 1024.0
}
