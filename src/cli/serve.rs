//! `countersign serve`: start, say where, serve until told to stop.

use std::io::Write as _;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::failure::Failure;
use super::logging;
use crate::app::{App, Listeners, Secret, StartFailure};
use crate::clock::Clock;
use crate::config::{Config, Database};
use crate::random::Random;
use crate::tasks;

/// The rest of the command line that asks for a nonce; the wallet is the second one of every development chain.
const FIRST_NONCE: &str =
    r#"-H 'content-type: application/json' -d '{"address":"0x70997970C51812dc3A010C7d01b50e0d17dc79C8"}'"#;

/// Runs the gateway until SIGINT or SIGTERM.
pub(super) fn run(config: Config) -> Result<(), Failure> {
    logging::start(config.log);
    let runtime = tokio::runtime::Runtime::new().map_err(|error| StartFailure::from_io("threads", &error))?;
    runtime.block_on(async {
        let app = App::open(config, Clock::System, Random::system()).await?;
        let listeners = app.bind().await?;
        let stop = stop_on_signal()?;
        greet(&app, &listeners);
        app.serve(listeners, stop).await;
        Ok(())
    })
}

fn stop_on_signal() -> Result<watch::Receiver<bool>, StartFailure> {
    let (stopping, stop) = watch::channel(false);
    let listen = |kind| signal(kind).map_err(|error| StartFailure::from_io("signals", &error));
    let (mut interrupt, mut terminate) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
    tasks::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        tracing::info!("stopping: no new connections, finishing what is in flight");
        // Nobody listens any more only when the server has ended already.
        let _ = stopping.send(true);
    });
    Ok(stop)
}

/// Tells a person where the gateway is, what it made, and what to try first.
fn greet(app: &App, listeners: &Listeners) {
    let config = app.core.config();
    let (public, internal) = (url(&listeners.public), url(&listeners.internal));
    let database = match &config.database {
        Database::Sqlite(file) => file.display().to_string(),
        Database::Postgres(url) => url.to_string(),
    };
    let secret = match &app.secret {
        Secret::Configured(_) => "from the configuration".to_owned(),
        Secret::Kept(_, file) => file.display().to_string(),
        Secret::Made(_, file) => format!("{} (made now: back it up)", file.display()),
    };
    let lines = format!(
        "Countersign {version} listens on {public}\n\
         metrics      {internal}/metrics\n\
         database     {database}\n\
         root secret  {secret}\n\
         docs         {public}/docs\n\
         try          curl -s {public}/users/nonce {FIRST_NONCE}\n",
        version = env!("CARGO_PKG_VERSION"),
    );
    // A closed standard output is no reason not to serve.
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(lines.as_bytes()).and_then(|()| out.flush());
    tracing::info!(listen = public, internal, version = env!("CARGO_PKG_VERSION"), "serving");
}

fn url(listener: &TcpListener) -> String {
    listener.local_addr().map_or_else(|_| "an unknown address".to_owned(), |address| format!("http://{address}"))
}
