//! The lines of `docs/wallets.md`, run as they are printed beside the files that they import.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use super::front_ends::Adapters;
use super::{KEY, on_sqlite};
use crate::support::parts::{node_modules, python_program, script};
use crate::support::process::run;
use crate::support::server::Server;

const PAGE: &str = include_str!("../../docs/wallets.md");
/// Where the page expects the gateway to be.
const DOCUMENTED: &str = "https://sign-in.example";
/// The address of the key.
const ADDRESS: &str = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
/// How many lines somebody copies at most.
const SHORT: usize = 10;
/// What a page does with a session, printing whose profile it got.
const ASKS: &str = "console.log(await countersign.call('GET', `/users/${countersign.session.address}/data`))\n";

/// Blocks of JavaScript, and what the person or the kit does next.
const MODULES: [(&str, &str); 7] = [
    ("viem", ""),
    ("viem, one step", "await button.onclick()"),
    ("ethers", ""),
    ("siwe", ""),
    ("RainbowKit", "await around.rainbowKit(adapter)"),
    ("Reown AppKit", "await around.appKit()"),
    ("thirdweb", "await around.thirdweb(login)"),
];
const SESSION: &str = "session";
const PYTHON: [&str; 2] = ["eth-account", "siwe for Python"];
const SHELL: [&str; 2] = ["cast", "countersign"];

#[test]
fn the_lines_for_pages_sign_in() {
    let world = World::start();
    for (name, then) in MODULES {
        let file = world.written("page.mjs", &module(&format!("{}\n{then}\n{ASKS}", block(name))));
        assert_profile(name, &world.printed(Command::new("node").arg(file)));
    }
}

#[test]
fn the_lines_about_the_session_follow_those_that_sign_in() {
    let world = World::start();
    let whole = format!("{}\n{ASKS}{}\nconsole.log(countersign.session)\n", block("viem"), block(SESSION));
    let file = world.written("session.mjs", &module(&whole));
    let printed = world.printed(Command::new("node").arg(file));
    assert_profile(SESSION, &printed);
    assert!(printed.ends_with("null\n"), "{printed}");
}

#[test]
fn the_lines_for_python_sign_in() {
    let world = World::start();
    for name in PYTHON {
        let file = world.written("first.py", &block(name));
        assert_profile(name, &world.printed(Command::new(python_program()).arg(file)));
    }
}

#[test]
fn the_lines_for_shells_sign_in() {
    let world = World::start();
    for name in SHELL {
        let file = world.written("first.sh", &block(name));
        assert_profile(name, &world.printed(Command::new("sh").arg("-eu").arg(file)));
    }
}

#[test]
fn every_block_of_code_is_run_and_short() {
    let known = || MODULES.iter().map(|(name, _)| *name).chain(PYTHON).chain(SHELL).chain([SESSION]);
    for name in known() {
        assert!(block(name).lines().count() <= SHORT, "{name} is longer than {SHORT} lines");
    }
    let lines: Vec<&str> = PAGE.lines().collect();
    // Of `jsx` is what stands around these blocks in React, of `toml` the gateway's configuration.
    let code = |line: &str| ["```js", "```python", "```sh"].contains(&line);
    for (number, line) in lines.iter().enumerate().filter(|(_, line)| code(line)) {
        let marked = known().any(|name| lines[number - 1] == format!("<!-- test: {name} -->"));
        assert!(marked, "no mark above line {}, {line}", number + 1);
    }
}

/// A gateway that knows the page, and a directory as somebody has it who copied the files.
struct World {
    adapters: Adapters,
    gateway: Server,
    _data: TempDir,
}

impl World {
    fn start() -> Self {
        let (data, gateway) = on_sqlite();
        let gateway = gateway.with("COUNTERSIGN_CORS_ORIGINS", "[\"https://app.example\"]").start();
        let world = Self { adapters: Adapters::copied(), gateway, _data: data };
        world.written("bot.key", KEY);
        world
    }

    /// Writes a file that asks this gateway in place of the documented one.
    fn written(&self, name: &str, content: &str) -> PathBuf {
        let file = self.adapters.directory().join(name);
        std::fs::write(&file, content.replace(DOCUMENTED, &self.gateway.url)).unwrap();
        file
    }

    /// What the command prints, run in that directory with the programs at hand.
    fn printed(&self, command: &mut Command) -> String {
        let directory = self.adapters.directory();
        let gateway = Path::new(env!("CARGO_BIN_EXE_countersign")).parent().unwrap();
        let others = std::env::var("PATH").unwrap();
        let path = format!("{}:{}:{others}", node_modules().join(".bin").display(), gateway.display());
        command.current_dir(directory).env("PATH", path).env("KEY", KEY).env("XDG_STATE_HOME", directory);
        let finished = run(command, Duration::from_mins(2)).unwrap();
        assert_eq!(finished.code, 0, "{finished:?}");
        finished.stdout
    }
}

/// The code in a page: what a browser has is there before anything else.
fn module(code: &str) -> String {
    format!("import * as around from '{}'\n{code}", script("wallets_page.mjs").display())
}

/// The block with this mark.
fn block(name: &str) -> String {
    let mark = format!("<!-- test: {name} -->\n```");
    let (_, rest) = PAGE.split_once(&mark).unwrap_or_else(|| panic!("no block is marked {name}"));
    let (_, rest) = rest.split_once('\n').expect("a fence ends its line");
    let (code, _) = rest.split_once("\n```").expect("the fence is closed");
    assert!(name == SESSION || code.contains(DOCUMENTED), "{code}");
    format!("{code}\n")
}

#[track_caller]
fn assert_profile(name: &str, printed: &str) {
    assert!(printed.contains(ADDRESS), "{name} printed {printed}");
}
