//! The first sign-in of the README, run as it is printed, against a gateway on another port.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::on_sqlite;
use crate::support::parts::{node, node_modules, python, script};
use crate::support::process::run;
use crate::support::scratch;

const README: &str = include_str!("../../README.md");
const SECTION: &str = "## A first sign-in";
/// Where the README expects the gateway to be.
const DOCUMENTED: &str = "http://localhost:8080";

#[test]
fn the_snippet_for_curl_and_cast_signs_in() {
    let (_directory, gateway) = on_sqlite();
    let server = gateway.start();
    let programs = node_modules().join(".bin");
    assert!(
        programs.join("cast").exists(),
        "cast is missing: its npm package is for Linux on x86-64 alone; run this test there"
    );
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let workplace = scratch::directory();
    let file = written(workplace.path(), "first.sh", "cast", &server.url);
    let finished = run(Command::new("sh").arg("-eu").arg(file).env("PATH", path), Duration::from_mins(1)).unwrap();
    assert_eq!(finished.code, 0, "{finished:?}");
    assert_profile(&finished.stdout);
}

#[test]
fn the_snippet_for_viem_signs_in() {
    let (_directory, gateway) = on_sqlite();
    let server = gateway.start();
    let workplace = scratch::directory();
    std::os::unix::fs::symlink(node_modules(), workplace.path().join("node_modules")).unwrap();
    let file = written(workplace.path(), "first.mjs", "viem", &server.url);
    assert_profile(&node(&file, &[]));
}

#[test]
fn the_snippet_for_eth_account_signs_in() {
    let (_directory, gateway) = on_sqlite();
    let server = gateway.start();
    let workplace = scratch::directory();
    let file = written(workplace.path(), "first.py", "eth-account", &server.url);
    assert_profile(&python(&file, &[]));
}

#[test]
fn the_packages_that_the_readme_installs_are_those_that_are_tested() {
    let lists = ["package.json", "requirements.txt"].map(|list| std::fs::read_to_string(script(list)).unwrap());
    let section = section();
    let commands = section.lines().filter_map(|line| line.split_once(" install "));
    let packages: Vec<&str> = commands.flat_map(|(_, packages)| packages.split(' ').take(1)).collect();
    assert_eq!(packages.len(), 3, "{packages:?}");
    for package in packages {
        let known = lists[0].contains(&format!("\"{package}\":")) || lists[1].contains(&format!("\n{package}=="));
        assert!(known, "{package} is not among the tested packages");
    }
}

#[test]
fn every_snippet_is_either_run_here_or_sets_something_up() {
    let section = section();
    let lines: Vec<&str> = section.lines().collect();
    let fences = lines.iter().enumerate().filter(|(_, line)| line.starts_with("```") && line.len() > 3);
    for (number, _) in fences {
        let mark = lines[number - 1];
        let known =
            ["set-up", "cast", "viem", "eth-account"].iter().any(|name| mark == format!("<!-- test: {name} -->"));
        assert!(known, "no mark above {:?}", &lines[number..number + 2]);
    }
}

/// The section, from its title to the next one.
fn section() -> String {
    let (_, section) = README.split_once(SECTION).expect("the README has the section");
    section.split("\n## ").next().unwrap_or_default().to_owned()
}

/// Writes the snippet with this mark to a file, pointed at the gateway of this test.
fn written(directory: &Path, name: &str, mark: &str, url: &str) -> PathBuf {
    let section = section();
    let (_, rest) = section.split_once(&format!("<!-- test: {mark} -->\n```")).expect("a snippet with this mark");
    let (_, rest) = rest.split_once('\n').expect("a fence ends its line");
    let (snippet, _) = rest.split_once("\n```").expect("the fence is closed");
    assert!(snippet.contains(DOCUMENTED), "{snippet}");
    let file = directory.join(name);
    std::fs::write(&file, snippet.replace(DOCUMENTED, url) + "\n").unwrap();
    file
}

#[track_caller]
fn assert_profile(printed: &str) {
    for expected in ["userAddress", "intendedUse", "eyJ"] {
        assert!(printed.contains(expected), "{expected} is missing in: {printed}");
    }
}
