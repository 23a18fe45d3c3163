//! Verbs of operators, which work on the database itself.

use serde_json::json;

use super::arguments::KeysAction;
use super::failure::Failure;
use super::logging;
use crate::app::{App, StartFailure};
use crate::clock::Clock;
use crate::config::Config;
use crate::http;
use crate::random::Random;

/// Lists or rotates the signing keys.
pub(super) fn keys(config: Config, action: KeysAction, json: bool) -> Result<String, Failure> {
    logging::start(config.log);
    on_runtime(async {
        let app = App::open(config, Clock::System, Random::system()).await?;
        let core = &app.core;
        if matches!(action, KeysAction::Rotate) {
            core.rotate_signing_key().await.map_err(StartFailure::from)?;
        }
        let keys = core.signing_keys().await.map_err(StartFailure::from)?;
        core.db().close().await;
        let of_key = |key: &crate::identity::KeyState| {
            json!({"kid": key.kid, "algorithm": key.algorithm, "state": key.state, "activeFrom": key.active_from.rfc3339(),
                   "retiredAt": key.retired_at.map(crate::clock::Timestamp::rfc3339)})
        };
        if json {
            return Ok(format!("{}\n", keys.iter().map(of_key).collect::<serde_json::Value>()));
        }
        let line = |key: &crate::identity::KeyState| {
            let until = key.retired_at.map(|at| format!("  until {}", at.rfc3339())).unwrap_or_default();
            format!("{}  {:<5}  {:<9}  from {}{until}\n", key.kid, key.algorithm, key.state, key.active_from.rfc3339())
        };
        Ok(keys.iter().map(line).collect::<String>())
    })
}

/// Brings the tables up to date, or tells whether they are.
pub(super) fn migrate(config: &Config, check: bool) -> Result<String, Failure> {
    logging::start(config.log);
    on_runtime(async {
        let pending = crate::app::migrate(config, check).await?;
        match (check, pending) {
            (_, 0) => Ok("the database is up to date\n".to_owned()),
            (true, pending) => {
                Err(Failure::Refused(format!("{pending} migrations are to be applied: run countersign migrate")))
            }
            (false, applied) => Ok(format!("{applied} migrations were applied\n")),
        }
    })
}

/// The description of every route.
pub(super) fn openapi(config: &Config) -> Result<String, Failure> {
    let document = http::document(config).to_pretty_json();
    document.map(|text| text + "\n").map_err(|error| Failure::WrongUse(error.to_string()))
}

/// Runs a verb's work on a runtime of its own.
pub(super) fn on_runtime<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(Failure::io("the system gives no runtime"))?.block_on(work)
}
