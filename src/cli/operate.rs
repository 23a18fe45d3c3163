//! Verbs of operators, which work on the database itself.

use serde_json::{Value, json};

use super::arguments::KeysAction;
use super::failure::Failure;
use super::logging;
use crate::app::{self, StartFailure};
use crate::clock::{Clock, Timestamp};
use crate::config::Config;
use crate::http;
use crate::identity::KeyState;
use crate::random::Random;

/// Lists or rotates the signing keys.
pub(super) fn keys(config: &Config, action: KeysAction, json: bool) -> Result<String, Failure> {
    logging::start(config.log);
    let keys = on_runtime(async {
        let keys = match action {
            KeysAction::List => app::list_keys(config, &Clock::System).await,
            KeysAction::Rotate => app::rotate_keys(config, &Clock::System, &Random::system()).await,
        };
        keys.map_err(|failure| Failure::of_operator(&failure))
    })?;
    if json {
        return Ok(format!("{}\n", keys.iter().map(object).collect::<Value>()));
    }
    if keys.is_empty() {
        eprintln!("there are no keys yet: the first start of the gateway makes one");
    }
    Ok(keys.iter().map(line).collect())
}

fn object(key: &KeyState) -> Value {
    json!({"kid": key.kid, "algorithm": key.algorithm, "state": key.state, "activeFrom": key.active_from.rfc3339(),
           "retiredAt": key.retired_at.map(Timestamp::rfc3339)})
}

fn line(key: &KeyState) -> String {
    let until = key.retired_at.map(|at| format!("  until {}", at.rfc3339())).unwrap_or_default();
    format!("{}  {:<5}  {:<9}  from {}{until}\n", key.kid, key.algorithm, key.state, key.active_from.rfc3339())
}

/// Brings the tables up to date, or tells whether they are.
pub(super) fn migrate(config: &Config, check: bool, json: bool) -> Result<String, Failure> {
    logging::start(config.log);
    let failure = |failure: StartFailure| Failure::of_operator(&failure);
    let lacked = on_runtime(async { app::migrate(config, check).await.map_err(failure) })?;
    let (applied, pending) = if check { (0, lacked) } else { (lacked, 0) };
    let answer = json.then(|| format!("{}\n", json!({"applied": applied, "pending": pending})));
    if pending > 0 {
        let line = format!("{pending} migrations are to be applied: run countersign migrate");
        return Err(Failure::No { answer: answer.unwrap_or_default(), line });
    }
    Ok(answer.unwrap_or_else(|| match applied {
        0 => "the database is up to date\n".to_owned(),
        applied => format!("{applied} migrations were applied\n"),
    }))
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
