//! Front ends as they are published sign in through the files of `examples/front-ends`, as those are printed.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use super::{KEY, on_sqlite};
use crate::support::parts::{node, node_modules, python, script};
use crate::support::process::run;
use crate::support::scratch;
use crate::support::server::Server;

const ADAPTERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/front-ends");
/// The page that signs in; the gateway knows its origin.
const SITE: &str = "https://app.example:8443";
/// A page that the gateway does not know.
const ELSEWHERE: &str = "https://app.example";

/// What a front end is made of, which is also what runs it here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Runs {
    Node,
    /// With version 2 of siwe in place of version 3.
    NodeWithSiwe2,
    Python,
    Shell,
}

struct FrontEnd {
    /// Its name in the documentation.
    name: &'static str,
    /// The version that is tested.
    version: &'static str,
    /// The file that people copy.
    file: &'static str,
    runs: Runs,
    /// Its name in the script that runs it.
    script: &'static str,
}

const FRONT_ENDS: [FrontEnd; 12] = [
    front_end("viem", "2.57.20", "viem.mjs", Runs::Node, "viem"),
    front_end("viem, in one step", "2.57.20", "viem.mjs", Runs::Node, "viem, one step"),
    front_end("ethers 6", "6.17.0", "ethers.mjs", Runs::Node, "ethers"),
    front_end("siwe 3", "3.0.0", "siwe.mjs", Runs::Node, "siwe"),
    front_end("siwe 2", "2.3.2", "siwe.mjs", Runs::NodeWithSiwe2, "siwe"),
    front_end("RainbowKit", "2.2.11", "rainbowkit.mjs", Runs::Node, "RainbowKit"),
    front_end("Reown AppKit", "1.8.24", "appkit.mjs", Runs::Node, "Reown AppKit"),
    front_end("Reown AppKit, in one step", "1.8.24", "appkit.mjs", Runs::Node, "Reown AppKit, one step"),
    front_end("thirdweb", "5.121.6", "thirdweb.mjs", Runs::Node, "thirdweb"),
    front_end("eth-account", "0.13.7", "countersign.py", Runs::Python, "eth-account"),
    front_end("siwe for Python", "4.4.0", "siwe_message.py", Runs::Python, "siwe"),
    front_end("cast", "1.7.1", "countersign.sh", Runs::Shell, "cast"),
];

const fn front_end(
    name: &'static str,
    version: &'static str,
    file: &'static str,
    runs: Runs,
    script: &'static str,
) -> FrontEnd {
    FrontEnd { name, version, file, runs, script }
}

#[test]
fn every_front_end_signs_in_asks_for_the_profile_and_signs_out() {
    let world = World::start(&[]);
    for front_end in &FRONT_ENDS {
        assert_eq!(world.visit(front_end, SITE, "session"), front_end.version, "{}", front_end.name);
    }
}

#[test]
fn a_person_who_declines_is_not_signed_in_and_may_think_again() {
    let world = World::start(&[]);
    for front_end in FRONT_ENDS.iter().filter(|front_end| matches!(front_end.runs, Runs::Node | Runs::NodeWithSiwe2)) {
        world.visit(front_end, SITE, "declined");
    }
}

#[test]
fn a_page_of_a_site_that_is_not_configured_is_told_so() {
    let world = World::start(&[]);
    for front_end in &FRONT_ENDS {
        world.visit(front_end, ELSEWHERE, "elsewhere");
    }
}

#[test]
fn a_session_outlives_its_access_token_and_the_page_that_began_it() {
    let world = World::start(&[("COUNTERSIGN_TOKENS__ACCESS_TTL", "1s")]);
    for name in ["viem", "eth-account"] {
        let front_end = FRONT_ENDS.iter().find(|front_end| front_end.name == name).unwrap();
        world.visit(front_end, SITE, "lasting");
    }
}

/// Also what a front end's own compiler would say.
#[test]
fn the_adapters_have_the_types_that_the_packages_publish() {
    let adapters = Adapters::copied();
    let files = std::fs::read_dir(adapters.directory()).unwrap().map(|entry| entry.unwrap().path());
    let modules: Vec<PathBuf> = files.filter(|file| file.extension().is_some_and(|kind| kind == "mjs")).collect();
    let mut command = Command::new(node_modules().join(".bin/tsc"));
    command.args(["--noEmit", "--allowJs", "--checkJs", "--strict", "--skipLibCheck", "--target", "es2022"]);
    command.args(["--module", "esnext", "--moduleResolution", "bundler"]).args(modules);
    let finished = run(&mut command, Duration::from_mins(2)).unwrap();
    assert_eq!(finished.code, 0, "{}", finished.stdout);
}

#[test]
fn the_documentation_names_every_front_end_with_its_version_and_its_file() {
    let documentation = include_str!("../../docs/wallets.md");
    for FrontEnd { name, version, file, .. } in &FRONT_ENDS {
        let row = format!("| [{name}](../examples/front-ends/{file}) | {version} | ");
        assert!(documentation.lines().any(|line| line.starts_with(&row)), "{row}");
    }
}

/// A gateway, and the adapters with their packages at hand.
struct World {
    adapters: Adapters,
    gateway: Server,
    _data: TempDir,
}

impl World {
    fn start(settings: &[(&str, &str)]) -> Self {
        let (data, gateway) = on_sqlite();
        let gateway = gateway.with("COUNTERSIGN_CORS_ORIGINS", &format!("[\"{SITE}\"]"));
        let gateway = settings.iter().fold(gateway, |gateway, (name, value)| gateway.with(name, value));
        Self { adapters: Adapters::copied(), gateway: gateway.start(), _data: data }
    }

    /// Does what the scripts call `flow`, as a page of `site`, and returns the version that did it.
    fn visit(&self, front_end: &FrontEnd, site: &str, flow: &str) -> String {
        let directory = match front_end.runs {
            Runs::NodeWithSiwe2 => self.adapters.with_siwe_2(),
            Runs::Node | Runs::Python | Runs::Shell => self.adapters.directory().to_owned(),
        };
        let arguments = [&self.gateway.url, KEY, directory.to_str().unwrap(), site, front_end.script, flow];
        let printed = match front_end.runs {
            Runs::Node | Runs::NodeWithSiwe2 => node(&script("front_ends.mjs"), &arguments),
            Runs::Python => python(&script("front_ends.py"), &arguments),
            Runs::Shell => shell(&script("front_ends.sh"), &arguments),
        };
        printed.trim().to_owned()
    }
}

/// A copy of the adapters, since what they import is looked for beside them.
pub(super) struct Adapters(TempDir);

impl Adapters {
    pub(super) fn copied() -> Self {
        let directory = scratch::directory();
        copy(directory.path());
        std::os::unix::fs::symlink(node_modules(), directory.path().join("node_modules")).unwrap();
        Self(directory)
    }

    pub(super) fn directory(&self) -> &Path {
        self.0.path()
    }

    /// A second copy, within the first: what is not beside it is found there.
    fn with_siwe_2(&self) -> PathBuf {
        let directory = self.0.path().join("siwe-2");
        if !directory.exists() {
            std::fs::create_dir_all(directory.join("node_modules")).unwrap();
            copy(&directory);
            std::os::unix::fs::symlink(node_modules().join("siwe2"), directory.join("node_modules/siwe")).unwrap();
        }
        directory
    }
}

fn copy(directory: &Path) {
    for entry in std::fs::read_dir(ADAPTERS).unwrap().map(Result::unwrap).filter(|entry| entry.path().is_file()) {
        std::fs::copy(entry.path(), directory.join(entry.file_name())).unwrap();
    }
}

fn shell(script: &Path, arguments: &[&str]) -> String {
    let finished = run(Command::new("sh").arg(script).args(arguments), Duration::from_mins(2)).unwrap();
    assert_eq!(finished.code, 0, "{finished:?}");
    finished.stdout
}
