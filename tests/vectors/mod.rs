//! Published test vectors, run against our own code. `fixtures/vectors/README.md` says where they are from.
//!
//! Each test says how many cases of its file must be accepted and refused, so that none is skipped in silence.

mod ecdsa;
mod eip191;
mod eip55;
mod jose;
mod jws;
mod siwe;
mod tokens;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

/// Every file, so that one that is added is not forgotten here.
const FILES: [&str; 30] = [
    "eip191/eip2098_compact.json",
    "eip191/ethers5.json",
    "eip191/viem.json",
    "eip191/viem_hash_message.json",
    "eip191/viem_parse_signature.json",
    "eip55/eip1191.json",
    "eip55/eip55.json",
    "eip55/siwe_rs_invalid.json",
    "jose/rfc7515_appendix_a.json",
    "jose/rfc7520_jwk.json",
    "jose/rfc7520_jws.json",
    "jose/wycheproof_json_web_crypto_test.json",
    "jose/wycheproof_json_web_signature_test.json",
    "siwe/eip1271.json",
    "siwe/eip4361_examples.json",
    "siwe/fork_valid_specification.json",
    "siwe/parsing_negative.json",
    "siwe/parsing_negative_objects.json",
    "siwe/parsing_positive.json",
    "siwe/verification_negative.json",
    "siwe/verification_positive.json",
    "tokens/chainlink_feeds.json",
    "tokens/multicall3_viem_chains.json",
    "tokens/tokenlist.schema.json",
    "tokens/uniswap-default-trimmed.tokenlist.json",
    "wycheproof/ecdsa_secp256k1_sha256_bitcoin_test.json",
    "wycheproof/ecdsa_secp256k1_sha256_p1363_test.json",
    "wycheproof/ecdsa_secp256k1_sha256_test.json",
    "wycheproof/ecdsa_secp256r1_sha256_p1363_test.json",
    "wycheproof/ed25519_test.json",
];

/// What has to happen to a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Accept,
    Refuse,
    /// Either will do; it must not panic.
    Any,
}

impl Verdict {
    /// What the standard says: `valid`, or `result` of Wycheproof.
    fn of_standard(case: &Value) -> Self {
        if case["scored"] == false {
            return Self::Any;
        }
        match (case["valid"].as_bool(), case["result"].as_str()) {
            (Some(true), None) | (None, Some("valid")) => Self::Accept,
            (Some(false), None) | (None, Some("invalid")) => Self::Refuse,
            other => panic!("no verdict is {other:?}: {case}"),
        }
    }

    /// What we say: `product` where we differ from the standard.
    fn of_product(case: &Value) -> Self {
        match case["product"].as_str() {
            Some("accept") => Self::Accept,
            Some("refuse") => Self::Refuse,
            None => Self::of_standard(case),
            other => panic!("no verdict is {other:?}: {case}"),
        }
    }
}

/// How many cases had which verdict.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    accepted: usize,
    refused: usize,
    any: usize,
}

impl Tally {
    const fn new(accepted: usize, refused: usize) -> Self {
        Self { accepted, refused, any: 0 }
    }

    /// Counts a case, whose verdict must be what happened.
    fn judge(&mut self, verdict: Verdict, accepted: bool, case: &Value) {
        match verdict {
            Verdict::Accept => {
                assert!(accepted, "to be accepted: {case}");
                self.accepted += 1;
            }
            Verdict::Refuse => {
                assert!(!accepted, "to be refused: {case}");
                self.refused += 1;
            }
            Verdict::Any => self.any += 1,
        }
    }
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/vectors")
}

fn read(file: &str) -> Value {
    assert!(FILES.contains(&file), "{file} is not in the list");
    let path = directory().join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// The cases of a file that has a plain list of them.
fn cases(file: &str) -> Vec<Value> {
    read(file)["cases"].as_array().expect("a list of cases").clone()
}

/// The cases of a file of Wycheproof, each beside its group, which has the key.
fn grouped(file: &str) -> Vec<(Value, Value)> {
    let content = read(file);
    let groups = content["testGroups"].as_array().expect("groups");
    let each = groups.iter().flat_map(|group| {
        let tests = group["tests"].as_array().expect("tests");
        tests.iter().map(move |case| (group.clone(), case.clone()))
    });
    let all: Vec<_> = each.collect();
    assert_eq!(Some(all.len() as u64), content["numberOfTests"].as_u64(), "{file} has what it says that it has");
    all
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_else(|| panic!("{field} is missing: {value}"))
}

/// A field of hex digits, with or without `0x`.
fn bytes(value: &Value, field: &str) -> Vec<u8> {
    let digits = text(value, field);
    hex::decode(digits.strip_prefix("0x").unwrap_or(digits)).unwrap_or_else(|error| panic!("{field}: {error}"))
}

fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

#[test]
fn every_file_of_vectors_is_run_and_names_its_source_and_licence() {
    let root = directory();
    let mut found = BTreeSet::new();
    for folder in std::fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()) {
        for file in std::fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            found.insert(path.strip_prefix(&root).unwrap().to_str().unwrap().replace('\\', "/"));
        }
    }
    let listed: BTreeSet<String> = FILES.iter().map(ToString::to_string).collect();
    assert_eq!(found, listed);
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    for file in FILES {
        let row = readme.lines().find(|line| line.contains(&format!("`{file}`")));
        assert!(row.is_some_and(|row| row.matches('|').count() == 5), "{file} has a row in the README");
    }
}
