//! The command line: verbs, options, exit codes. What they do is done elsewhere.

mod arguments;
mod client;
mod doctor;
mod failure;
mod logging;
mod manual;
mod operate;
mod serve;
mod users;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};
use clap_complete::Shell;

use arguments::{Arguments, Verb};
use failure::Failure;

use crate::config::{Config, Environment};

/// The file that is read if none is named.
const DEFAULT_FILE: &str = "countersign.toml";

/// Runs the program.
#[must_use]
pub fn run() -> ExitCode {
    match act(Arguments::parse()) {
        Ok(answer) => {
            print(&answer);
            ExitCode::SUCCESS
        }
        Err(failure) => {
            print(failure.answer());
            eprintln!("countersign: {failure}");
            ExitCode::from(failure.code())
        }
    }
}

fn print(answer: &str) {
    // A closed standard output, as of `| head`, is no failure of ours.
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(answer.as_bytes()).and_then(|()| out.flush());
}

/// Does what a verb says; its answer goes to standard output.
fn act(arguments: Arguments) -> Result<String, Failure> {
    let config = || load(arguments.config);
    let json = arguments.json;
    match arguments.verb.unwrap_or(Verb::Serve) {
        Verb::Serve => serve::run(config()?).map(|()| String::new()),
        Verb::Config => Ok(config()?.to_toml()),
        Verb::Keys { action } => operate::keys(&config()?, action, json),
        Verb::Users { action } => users::run(&config()?, &action, json),
        Verb::Migrate { check } => operate::migrate(&config()?, check, json),
        Verb::Openapi => operate::openapi(&config()?),
        Verb::Healthcheck => client::healthcheck(&config()?, json),
        Verb::Login(options) => client::login(&options, json),
        Verb::Whoami => client::whoami(json),
        Verb::ApiKey { rotate } => client::api_key(rotate, json),
        Verb::Tokens(options) => client::tokens(&options, json),
        Verb::Doctor => doctor::run(&config()?, json),
        Verb::Explain(options) => client::explain(&options, json),
        Verb::Logout => client::logout(json),
        Verb::Completions { shell } => Ok(completions(shell)),
        Verb::Man => manual::page().map_err(Failure::io("the manual page")),
    }
}

fn completions(shell: Shell) -> String {
    let mut out = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "countersign", &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

fn load(mut files: Vec<PathBuf>) -> Result<Config, Failure> {
    let default = PathBuf::from(DEFAULT_FILE);
    if files.is_empty() && default.exists() {
        files.push(default);
    }
    Ok(Config::load(&files, &Environment::of_process()?)?)
}
