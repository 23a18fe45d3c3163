//! What was promised, and whether this run kept it. A busy machine misses what a quiet one meets: nothing is asserted.

use crate::report::{Figures, Report, mib, millis};

/// A promise, the most that it allows, and what was measured.
struct Target {
    promise: &'static str,
    most: f64,
    measured: f64,
}

pub fn print(report: &Report) {
    println!("| target | at most | measured | |\n|---|---:|---:|---|");
    for Target { promise, most, measured } in list(report) {
        let outcome = if measured <= most { "met" } else { "missed" };
        println!("| {promise} | {most} | {measured:.2} | {outcome} |");
    }
    println!();
}

fn list(report: &Report) -> Vec<Target> {
    let all = [Some(&report.fresh), report.filled.as_ref()];
    let all = || all.into_iter().flatten();
    let mut targets = Vec::new();
    let mut promise = |promise, most, measured| targets.push(Target { promise, most, measured });
    if report.database == "SQLite" {
        promise("server CPU of a sign-in at 64 connections ÷ (crypto + 2 bare routes)", 2.0, sign_in(report));
    }
    let message = report.rounds().nth(at_64(report)).map_or(f64::NAN, |(_, round)| round.message_ratio());
    promise("server CPU of a sign-in by message ÷ by nonce, at 64 connections", 1.15, message);
    let reads = report.rounds().flat_map(|(floor, round)| round.read_ratios(floor));
    promise("server CPU of an authenticated read ÷ bare route, the worst", 6.0, worst(reads));
    let starts = all().flat_map(|figures| [figures.start, figures.restart]);
    promise("start to ready, ms, the slowest", 150.0, worst(starts.map(millis)));
    promise("idle memory after a start, MiB", 30.0, worst(all().map(|figures| mib(figures.idle_kib))));
    if let Some(growth) = &report.growth {
        promise("growth of memory by the nonces, MiB", 1.0, growth.mib());
    }
    if let Some(filled) = &report.filled {
        promise(
            "filled ÷ fresh database: CPU at 64 connections, start, memory; the worst",
            1.2,
            worst_ratio(report, filled),
        );
    }
    targets
}

/// The position of the round that counts: at 64 connections, or the last one.
fn at_64(report: &Report) -> usize {
    let found = report.floors.iter().position(|floor| floor.echo.connections() == 64);
    found.unwrap_or(report.floors.len().saturating_sub(1))
}

fn sign_in(report: &Report) -> f64 {
    report.rounds().nth(at_64(report)).map_or(f64::NAN, |(floor, round)| round.sign_in_ratio(floor))
}

/// What many accounts change at most, of what was promised: the work itself, start and memory; no latencies, and not
/// what it costs to wake a sleeping thread, which is most of it with one connection.
fn worst_ratio(report: &Report, filled: &Figures) -> f64 {
    let (fresh, at) = (&report.fresh, at_64(report));
    let rounds = fresh.rounds.iter().zip(&filled.rounds).skip(at).take(1);
    let cpu = rounds.flat_map(|(fresh, filled)| fresh.rows().into_iter().zip(filled.rows()));
    let cpu = cpu.map(|(fresh, filled)| (fresh.cpu_each(), filled.cpu_each()));
    let start = (millis(fresh.restart), millis(filled.restart));
    let memory = (mib(fresh.idle_kib), mib(filled.idle_kib));
    worst(cpu.chain([start, memory]).map(|(fresh, filled)| filled / fresh))
}

fn worst(figures: impl Iterator<Item = f64>) -> f64 {
    figures.fold(f64::NAN, f64::max)
}
