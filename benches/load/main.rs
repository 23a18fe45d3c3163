//! The load driver: what a complete sign-in and an authenticated read cost, beside the bare crypto and a bare axum
//! route measured in the same run. It asserts no times: compare the ratios. `docs/performance.md` says how to run it.

mod bare;
mod crypto;
mod fill;
mod http;
mod options;
mod place;
mod postgres;
mod profile;
mod report;
mod run;
mod server;
mod targets;
mod workload;

use std::process::ExitCode;

use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

use options::Options;
use server::Server;

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

/// Measures everything. Servers are killed when their owner is dropped, so also when this ends early.
fn measure(options: &Options) -> Result<(), Fault> {
    if options.one_core {
        options::leave_server_core()?;
    }
    // One thread: the client leaves as much of the machine as it can to the server.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut terminated = signal(SignalKind::terminate())?;
        tokio::select! {
            outcome = tokio::time::timeout(options.longest_run(), databases(options)) => outcome?,
            _ = tokio::signal::ctrl_c() => Err(Fault("interrupted".to_owned())),
            _ = terminated.recv() => Err(Fault("terminated".to_owned())),
        }
    })
}

/// One kind of database after the other; each is reported as soon as it is done.
async fn databases(options: &Options) -> Result<(), Fault> {
    let bare = Server::start(options.bare_route()?).await?;
    for kind in options.kinds() {
        eprintln!("on {}", kind.name());
        run::measure(options, &bare, &kind).await?.print(options);
    }
    Ok(())
}
