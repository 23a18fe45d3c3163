//! The command line: verbs, options, exit codes. What they do is done elsewhere.

mod logging;
mod serve;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::app::StartFailure;
use crate::config::{Config, Environment};

/// The exit code for wrong use, and for a start that can't be.
const WRONG_USE: u8 = 2;

/// The file that is read if none is named.
const DEFAULT_FILE: &str = "countersign.toml";

/// A wallet signs a challenge, every API behind it gets a JWT it can trust.
#[derive(Parser)]
#[command(name = "countersign", version, about)]
struct Arguments {
    /// A configuration file; may be repeated, later ones win [default: countersign.toml, if it is there]
    #[arg(long, value_name = "FILE", global = true)]
    config: Vec<PathBuf>,

    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Subcommand)]
enum Verb {
    /// Start the gateway; also without a verb
    Serve,
    /// Print the effective configuration, with secrets masked
    Config,
}

/// Runs the program.
#[must_use]
pub fn run() -> ExitCode {
    let arguments = Arguments::parse();
    match act(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("countersign: {failure}");
            ExitCode::from(WRONG_USE)
        }
    }
}

fn act(arguments: Arguments) -> Result<(), StartFailure> {
    let config = load(arguments.config)?;
    match arguments.verb.unwrap_or(Verb::Serve) {
        Verb::Serve => serve::run(config),
        Verb::Config => {
            print!("{}", config.to_toml());
            Ok(())
        }
    }
}

fn load(mut files: Vec<PathBuf>) -> Result<Config, StartFailure> {
    let default = PathBuf::from(DEFAULT_FILE);
    if files.is_empty() && default.exists() {
        files.push(default);
    }
    Ok(Config::load(&files, &Environment::of_process()?)?)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }
}
