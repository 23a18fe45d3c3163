//! Holds the layers: who may import whom, and how long a file may be.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Each part of the crate, and the parts that it may name. The leaves may be named by anyone.
const LAYERS: [(&str, &[&str]); 26] = [
    ("main", &["cli"]),
    ("cli", &["app", "http", "identity", "wallet", "config", "outbound"]),
    ("app", &["http", "identity", "chain", "openid", "billing", "mail", "push", "model", "store", "config"]),
    ("http", &["surfaces", "web", "transport", "identity", "model", "metrics", "config"]),
    ("web", &["transport", "identity", "model"]),
    ("surfaces", &["transport", "identity", "model"]),
    ("transport", &["identity", "model"]),
    (
        "identity",
        &["store", "wallet", "crypto", "chain", "openid", "billing", "mail", "push", "model", "metrics", "config"],
    ),
    ("store", &["model", "config"]),
    ("wallet", &["crypto", "model"]),
    ("chain", &["model", "config", "outbound"]),
    ("openid", &["model", "config", "outbound"]),
    ("billing", &["model", "config", "outbound"]),
    ("mail", &["model", "config"]),
    ("push", &["crypto", "model", "config", "outbound"]),
    ("crypto", &["model", "config"]),
    ("model", &[]),
    ("metrics", &[]),
    ("outbound", &[]),
    ("config", &["model"]),
    ("clock", &[]),
    ("random", &[]),
    ("secret", &[]),
    ("shared", &[]),
    ("tasks", &[]),
    ("lib", &[]),
];

/// What anyone may name. (`config` is not among them: it names `model`, which must not name it back.)
const LEAVES: [&str; 5] = ["clock", "random", "secret", "shared", "tasks"];

/// Crates that one part alone may name.
const OWNED: [(&str, &[&str]); 11] = [
    ("sqlx", &["store"]),
    ("axum", &["http", "web", "surfaces", "transport"]),
    ("hyper", &["http"]),
    ("k256", &["wallet"]),
    ("jsonwebtoken", &["crypto"]),
    ("clap", &["cli"]),
    ("alloy", &["chain"]),
    ("reqwest", &["cli", "chain", "openid", "billing", "push", "outbound"]),
    ("openidconnect", &["openid"]),
    ("chrono", &["openid"]),
    ("lettre", &["mail"]),
];

/// The most lines that a file may have, its unit tests not counted.
const LONGEST: usize = 400;

struct Source {
    path: PathBuf,
    part: String,
    code: String,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut directories = vec![root.clone()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let relative = path.strip_prefix(&root).unwrap().with_extension("");
                let part = relative.iter().next().unwrap().to_str().unwrap().to_owned();
                let text = std::fs::read_to_string(&path).unwrap();
                let code = text.split("#[cfg(test)]\nmod tests").next().unwrap().to_owned();
                found.push(Source { path, part, code });
            }
        }
    }
    assert!(found.len() > 50, "the sources were found");
    found
}

/// Code without comments, which may name what they like.
fn lines(code: &str) -> impl Iterator<Item = &str> {
    code.lines().map(|line| line.split("//").next().unwrap_or_default())
}

/// Every part that `crate::` paths name, also within braces: `use crate::{a, b::c}`.
fn named(code: &str) -> BTreeSet<String> {
    let code: String = lines(code).collect::<Vec<_>>().join("\n");
    let mut parts = BTreeSet::new();
    for (position, _) in code.match_indices("crate::") {
        let rest = &code[position + "crate::".len()..];
        let group = rest.strip_prefix('{').and_then(|rest| rest.split(';').next());
        let heads = match group {
            Some(group) => group.split(',').map(str::trim).collect(),
            None => vec![rest],
        };
        for head in heads {
            let word: String = head.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            if !word.is_empty() {
                parts.insert(word);
            }
        }
    }
    parts
}

#[test]
fn every_part_names_only_those_below_it() {
    let mut faults = Vec::new();
    for source in sources() {
        let (_, allowed) = LAYERS.iter().find(|(part, _)| *part == source.part).expect("every part is in the table");
        for name in named(&source.code) {
            let known = LAYERS.iter().any(|(part, _)| *part == name);
            let may = name == source.part || allowed.contains(&name.as_str()) || LEAVES.contains(&name.as_str());
            if known && !may {
                faults.push(format!("{} names crate::{name}", source.path.display()));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_table_has_no_way_back_up() {
    let below = |part: &str| LAYERS.iter().find(|(name, _)| *name == part).map_or(&[][..], |(_, allowed)| *allowed);
    for (part, _) in LAYERS {
        let mut reached: BTreeSet<&str> = BTreeSet::new();
        let mut open: Vec<&str> = below(part).to_vec();
        while let Some(next) = open.pop() {
            if reached.insert(next) {
                open.extend(below(next));
            }
        }
        assert!(!reached.contains(part), "{part} is below itself");
    }
}

#[test]
fn no_door_names_another() {
    for source in sources().iter().filter(|source| source.part == "surfaces") {
        let own = source.path.iter().skip_while(|part| *part != "surfaces").nth(1).unwrap().to_str().unwrap();
        for line in lines(&source.code).filter(|line| line.contains("surfaces::")) {
            assert!(line.contains(&format!("surfaces::{own}")), "{}: {line}", source.path.display());
        }
    }
}

#[test]
fn what_a_part_is_for_is_named_nowhere_else() {
    let mut faults = Vec::new();
    for source in sources() {
        for (name, owners) in OWNED {
            let path = format!("{name}::");
            let names_it = lines(&source.code).any(|line| {
                line.match_indices(&path)
                    .any(|(at, _)| !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_'))
            });
            if names_it && !owners.contains(&source.part.as_str()) {
                faults.push(format!("{} names {name}", source.path.display()));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn no_file_is_longer_than_a_reader_can_hold() {
    for source in sources() {
        let lines = source.code.lines().count();
        assert!(lines <= LONGEST, "{} has {lines} lines without its tests", source.path.display());
    }
}

#[test]
fn every_file_says_what_it_owns() {
    for source in sources() {
        assert!(source.code.starts_with("//!"), "{} begins with its purpose", source.path.display());
    }
}
