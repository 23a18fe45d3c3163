//! The load driver: what a complete sign-in and an authenticated read cost, beside the bare crypto and a bare axum
//! route measured in the same run. It asserts no times: compare the ratios. `docs/performance.md` says how to run it.

mod bare;
mod crypto;
mod http;
mod options;
mod report;
mod server;
mod workload;

use std::process::ExitCode;

use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

use options::Options;
use report::{Report, Round};
use server::Server;
use workload::{Bound, Wallet, Worker};

/// Why a run ended early, in the words that are shown.
#[derive(Debug)]
struct Fault(String);

impl<E: std::error::Error> From<E> for Fault {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    let outcome =
        if options.bare_route { bare::serve() } else { options.settle().and_then(|options| measure(&options)) };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Fault(reason)) => {
            eprintln!("load: {reason}");
            ExitCode::FAILURE
        }
    }
}

/// Measures everything and prints it. Servers are killed when their owner is dropped, so also when this ends early.
fn measure(options: &Options) -> Result<(), Fault> {
    if options.one_core {
        options::leave_server_core()?;
    }
    // One thread: the client leaves as much of the machine as it can to the server.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let report = runtime.block_on(async {
        let mut terminated = signal(SignalKind::terminate())?;
        tokio::select! {
            report = tokio::time::timeout(options.longest_run(), servers(options)) => report?,
            _ = tokio::signal::ctrl_c() => Err(Fault("interrupted".to_owned())),
            _ = terminated.recv() => Err(Fault("terminated".to_owned())),
        }
    })?;
    report.print(options);
    Ok(())
}

async fn servers(options: &Options) -> Result<Report, Fault> {
    eprintln!("making {} keys", options.wallets);
    let wallets = Wallet::make(options.wallets)?;
    let bare = Server::start(options.bare_route()?).await?;
    let data = tempfile::tempdir()?;
    let gateway = Server::start(options.countersign(data.path())).await?;
    let (first_start, idle_kib) = (gateway.started_in, gateway.resident_kib()?);
    let mut crew = Worker::crew(&gateway.authority, options.most_connections(), wallets).await?;
    let everyone = Bound { steps: options.wallets.div_ceil(crew.len()), time: options.longest_first_sign_ins() };
    let first = workload::run("first sign-in", &gateway, &mut crew, everyone, workload::sign_in).await?;
    let mut wallets = Worker::dismiss(crew);
    let mut rounds = Vec::new();
    for &connections in &options.connections {
        let (round, returned) = round(options, connections, &bare, &gateway, wallets).await?;
        rounds.push(round);
        wallets = returned;
    }
    let loaded_kib = gateway.resident_kib()?;
    drop(gateway);
    let restart = Server::start(options.countersign(data.path())).await?.started_in;
    Ok(Report { first_start, idle_kib, first, rounds, loaded_kib, restart })
}

/// Everything at one number of connections, one after the other, so that what is compared was measured at one time.
async fn round(
    options: &Options,
    connections: usize,
    bare: &Server,
    gateway: &Server,
    wallets: Vec<Wallet>,
) -> Result<(Round, Vec<Wallet>), Fault> {
    let bound = Bound::time(options.phase());
    let crypto = crypto::measure()?;
    let mut crew = Worker::crew(&bare.authority, connections, Vec::new()).await?;
    let echo = workload::run("bare route", bare, &mut crew, bound, workload::echo).await?;
    let mut crew = Worker::crew(&gateway.authority, connections, wallets).await?;
    let sign_in = workload::run("sign-in", gateway, &mut crew, bound, workload::sign_in).await?;
    for worker in &mut crew {
        worker.choose_readers(connections);
    }
    let read = workload::run("profile read", gateway, &mut crew, bound, workload::read).await?;
    Ok((Round { crypto, echo, sign_in, read }, Worker::dismiss(crew)))
}
