//! Wallet and JOSE libraries as they are published sign in, hold a session and verify its tokens.

use super::{KEY, on_both_databases, on_postgres, on_sqlite};
use crate::support::parts::{alloy, node, python, script};
use crate::support::scratch;

/// Which meaning of "sign this `0x` string" a client's own call for messages has.
#[derive(Clone, Copy, Debug)]
enum Signs {
    Text,
    Bytes,
}

impl Signs {
    fn word(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Bytes => "bytes",
        }
    }
}

/// Each client, the version that is tested, and what it signs. The Python ones let the caller say which.
const CLIENTS: [(&str, &str, Signs); 10] = [
    ("ethers 5", "5.8.0", Signs::Text),
    ("ethers 6", "6.17.0", Signs::Text),
    ("viem", "2.57.20", Signs::Text),
    ("web3.js", "4.16.0", Signs::Bytes),
    ("cast wallet sign", "1.7.1", Signs::Bytes),
    ("alloy-signer-local", "2.5.0", Signs::Text),
    ("eth-account", "0.13.7", Signs::Text),
    ("eth-account", "0.13.7", Signs::Bytes),
    ("web3.py", "7.16.0", Signs::Text),
    ("web3.py", "7.16.0", Signs::Bytes),
];

#[test]
fn every_client_signs_in_unmodified_and_reads_the_profile() {
    on_both_databases(|server| {
        for (name, version, signs) in CLIENTS {
            let signs = signs.word();
            let printed = match name {
                "eth-account" | "web3.py" => python(&script("sign_in_with.py"), &[&server.url, KEY, name, signs]),
                "alloy-signer-local" => {
                    node(&script("sign_in_with.mjs"), &[&server.url, KEY, name, alloy().to_str().unwrap()])
                }
                _ => node(&script("sign_in_with.mjs"), &[&server.url, KEY, name]),
            };
            let told: serde_json::Value = serde_json::from_str(&printed).unwrap();
            assert_eq!(told, serde_json::json!({ "version": version, "signed": signs }), "{name}");
        }
    });
}

#[test]
fn the_documentation_names_every_client_with_its_version_and_what_it_signs() {
    let rows = include_str!("../../docs/wallet.md").lines().filter(|line| line.starts_with("| "));
    let rows: Vec<&str> = rows.collect();
    for (name, version, signs) in CLIENTS {
        let (start, end) = (format!("| {name} | {version} | "), format!(" | {} |", signs.word()));
        assert!(rows.iter().any(|row| row.starts_with(&start) && row.ends_with(&end)), "{start}…{end}");
    }
}

#[test]
fn viem_signs_in_unmodified_and_holds_a_session() {
    on_both_databases(|gateway| {
        node(&script("viem_session.mjs"), &[&gateway.url, KEY]);
    });
}

#[test]
fn eth_account_signs_the_text_of_a_nonce_and_holds_a_session() {
    on_both_databases(|gateway| {
        python(&script("eth_account_session.py"), &[&gateway.url, KEY, "text"]);
    });
}

#[test]
fn eth_account_signs_the_bytes_of_a_nonce_and_holds_a_session() {
    on_both_databases(|gateway| {
        python(&script("eth_account_session.py"), &[&gateway.url, KEY, "bytes"]);
    });
}

#[test]
fn a_client_that_was_generated_from_the_description_uses_the_session_door() {
    for (directory, gateway) in [on_sqlite(), on_postgres()] {
        let (server, place) = (gateway.start(), scratch::directory());
        let outbox = directory.path().join("data/outbox");
        let arguments = [&server.url, outbox.to_str().unwrap(), place.path().to_str().unwrap()];
        python(&script("generated_session.py"), &arguments);
    }
}

#[test]
fn jose_verifies_an_access_token_through_the_published_keys() {
    on_both_databases(|gateway| {
        node(&script("jose_verify.mjs"), &[&gateway.url, KEY, "EdDSA", "http://localhost:8080"]);
    });
}

#[test]
fn jose_verifies_a_token_of_another_algorithm_and_issuer() {
    let (_directory, gateway) = on_sqlite();
    let gateway = gateway
        .with("COUNTERSIGN_TOKENS__ALGORITHM", "ES256")
        .with("COUNTERSIGN_PUBLIC_URL", "https://sign-in.example");
    let gateway = gateway.start();
    node(&script("jose_verify.mjs"), &[&gateway.url, KEY, "ES256", "https://sign-in.example"]);
}
