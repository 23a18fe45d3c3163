//! Wallet and JOSE libraries as they are published sign in, hold a session and verify its tokens.

use super::{KEY, on_both_databases, on_sqlite};
use crate::support::parts::{node, python, script};

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
