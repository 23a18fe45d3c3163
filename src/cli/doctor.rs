//! `countersign doctor`: everything that this gateway needs from others, looked at once, a line each.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::failure::Failure;
use super::logging;
use super::operate::on_runtime;
use crate::app::{self, Finding};
use crate::clock::Clock;
use crate::config::{Config, Log, LogLevel};

/// Looks at the database, the mail server, the OpenID provider, every node and feed of every chain, and the clock; fails if
/// anything is wrong.
pub(super) fn run(config: &Config, json: bool) -> Result<String, Failure> {
    // What is found is told in its own words; the log would tell it twice.
    logging::start(Log { level: LogLevel::Error, ..config.log });
    let findings = on_runtime(async { Ok(app::examine(config, &Clock::System).await) })?;
    let answer = if json { format!("{}\n", findings.iter().map(object).collect::<Value>()) } else { lines(&findings) };
    match findings.iter().filter(|finding| finding.outcome.is_err()).count() {
        0 => Ok(answer),
        1 => Err(Failure::No { answer, line: "1 thing is wrong: see above".to_owned() }),
        wrong => Err(Failure::No { answer, line: format!("{wrong} things are wrong: see above") }),
    }
}

fn object(finding: &Finding) -> Value {
    let (Ok(told) | Err(told)) = &finding.outcome;
    json!({"subject": finding.subject, "ok": finding.outcome.is_ok(), "detail": told})
}

fn lines(findings: &[Finding]) -> String {
    let mut lines = String::new();
    for finding in findings {
        let (mark, told) = match &finding.outcome {
            Ok(told) => ("ok", told),
            Err(told) => ("WRONG", told),
        };
        // Writing to a String can't fail.
        let _ = writeln!(lines, "{mark:<6} {}: {told}", finding.subject);
    }
    lines
}
