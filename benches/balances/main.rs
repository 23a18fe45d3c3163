//! What `GET /users/tokens` costs the node, the gateway and the caller, with real chains behind the started gateway and
//! beside a bare `eth_call` of the same. It asserts no times: compare the ratios. `docs/performance.md` says how to run
//! it.

mod asked;
mod bare;
mod callers;
mod gateway;
mod hanging;
#[path = "../load/http.rs"]
mod http;
mod options;
mod report;
#[path = "../load/server.rs"]
mod server;
mod sizes;
#[expect(dead_code, unused_imports, reason = "the tests use all of it")]
#[expect(clippy::expect_used, clippy::panic, reason = "it is made for tests, which end so")]
mod support;
mod turns;

use std::process::ExitCode;

use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

use options::Options;
use report::Row;
use support::evm::Chain;
use support::limits;

/// The files and connections of 1,000 callers, here and in the gateway.
const OPEN_FILES: u64 = 8192;

/// The id of the chain that answers.
const CHAIN: u64 = 1;

/// Why a run ended early, in the words that are shown.
#[derive(Debug)]
struct Fault(String);

impl<E: std::error::Error> From<E> for Fault {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

fn main() -> ExitCode {
    match measure(&Options::parse().settle()) {
        Ok(rows) => {
            report::print(&rows);
            ExitCode::SUCCESS
        }
        Err(Fault(reason)) => {
            eprintln!("balances: {reason}");
            ExitCode::FAILURE
        }
    }
}

/// Measures everything. Gateways and chains are killed when their owner is dropped, so also when this ends early.
fn measure(options: &Options) -> Result<Vec<Row>, Fault> {
    limits::allow_open_files(OPEN_FILES);
    // One thread: the client leaves as much of the machine as it can to the gateway and the chain.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut terminated = signal(SignalKind::terminate())?;
        tokio::select! {
            rows = tokio::time::timeout(options.longest_run(), cases(options)) => rows?,
            _ = tokio::signal::ctrl_c() => Err(Fault("interrupted".to_owned())),
            _ = terminated.recv() => Err(Fault("terminated".to_owned())),
        }
    })
}

/// One case after the other, on one chain.
async fn cases(options: &Options) -> Result<Vec<Row>, Fault> {
    eprintln!("a chain with {} tokens", sizes::MOST);
    let chain = Chain::start(CHAIN);
    let owner = gateway::owner()?.checksummed();
    // In parts, since anvil takes a while for each of them.
    let tokens: Vec<String> = (0..sizes::MOST / 1000).flat_map(|_| chain.coins(1000, 18, &owner)).collect();
    let mut rows = sizes::measure(options, &chain, &tokens).await?;
    rows.extend(callers::measure(&chain, &tokens).await?);
    rows.extend(hanging::measure(options, &chain, &tokens).await?);
    Ok(rows)
}
