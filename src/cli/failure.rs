//! How a verb fails: one line, and an exit code by which a script tells what to do.

use std::fmt;

use crate::app::{StartFailure, UserFailure};
use crate::config::ConfigError;

/// Why a verb did not do what it was asked to.
#[derive(Debug)]
pub(super) enum Failure {
    /// The server refused it, or the accounts that there are do.
    Refused(String),
    /// What was asked about is not so. A script that wants JSON finds the `answer` on standard output all the same.
    No { answer: String, line: String },
    /// It was asked for wrongly, or can't be done here.
    WrongUse(String),
    /// The server can't be reached.
    Unreachable(String),
}

impl Failure {
    /// The exit code.
    pub(super) fn code(&self) -> u8 {
        match self {
            Self::Refused(_) | Self::No { .. } => 1,
            Self::WrongUse(_) => 2,
            Self::Unreachable(_) => 3,
        }
    }

    /// What goes to standard output.
    pub(super) fn answer(&self) -> &str {
        match self {
            Self::No { answer, .. } => answer,
            Self::Refused(_) | Self::WrongUse(_) | Self::Unreachable(_) => "",
        }
    }

    /// The system refused `what`.
    pub(super) fn io(what: &str) -> impl Fn(std::io::Error) -> Self {
        move |error| Self::WrongUse(format!("{what}: {error}"))
    }

    /// A verb that works on the database could not. Unlike a start, it is worth another try if the database is away.
    pub(super) fn of_operator(failure: &StartFailure) -> Self {
        let line = failure.to_string();
        if failure.is_database_away() { Self::Unreachable(line) } else { Self::WrongUse(line) }
    }
}

impl From<StartFailure> for Failure {
    fn from(failure: StartFailure) -> Self {
        Self::WrongUse(failure.to_string())
    }
}

impl From<UserFailure> for Failure {
    fn from(failure: UserFailure) -> Self {
        match failure {
            UserFailure::Start(failure) => Self::of_operator(&failure),
            UserFailure::Invalid(line) => Self::WrongUse(line),
            UserFailure::Refused(line) => Self::Refused(line),
        }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::WrongUse(error.to_string())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Refused(line) | Self::No { line, .. } | Self::WrongUse(line) | Self::Unreachable(line)) = self;
        f.write_str(line)
    }
}
