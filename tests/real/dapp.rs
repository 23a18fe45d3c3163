//! The page of `examples/dapp` in Chromium, before a wallet that signs with viem. What it looked like is left as
//! pictures in `target/tmp/dapp`.

use std::path::Path;

use super::on_sqlite;
use crate::support::pages::Origin;
use crate::support::parts::{chromium, node, script};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/dapp");
const PICTURES: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/dapp");
/// Where the page expects the gateway to be.
const DOCUMENTED: &str = "http://localhost:8080";

#[test]
fn a_person_signs_in_edits_the_profile_refreshes_and_signs_out() {
    visit("session", Configured::This);
}

#[test]
fn a_wallet_that_refuses_to_connect_is_told_in_the_persons_words() {
    visit("refusal-to-connect", Configured::This);
}

#[test]
fn a_wallet_that_refuses_to_sign_is_told_in_the_persons_words_and_nothing_is_sent() {
    visit("refusal-to-sign", Configured::This);
}

#[test]
fn a_sign_in_that_the_gateway_refuses_is_told_in_its_words() {
    visit("refusal-of-the-gateway", Configured::This);
}

#[test]
fn the_wallet_is_asked_at_once_with_a_nonce_from_before_the_click() {
    visit("one-step", Configured::This);
}

#[test]
fn the_wallet_reads_addresses_with_their_checksum() {
    visit("checksums", Configured::This);
}

#[test]
fn a_browser_without_a_wallet_is_told_what_is_missing() {
    visit("no-wallet", Configured::This);
}

#[test]
fn an_access_token_that_has_run_out_is_exchanged_on_the_way() {
    visit("old-token", Configured::This);
}

#[test]
fn a_session_that_was_ended_elsewhere_leads_back_to_the_sign_in() {
    visit("ended-session", Configured::This);
}

#[test]
fn a_page_of_an_origin_that_is_not_configured_gets_nothing() {
    visit("unreachable", Configured::Another);
}

#[test]
fn the_page_names_the_gateway_in_one_line() {
    let files = ["index.html", "app.js", "siwe.js", "style.css"]
        .map(|name| std::fs::read_to_string(Path::new(PAGE).join(name)));
    let naming: usize = files.into_iter().map(|text| text.unwrap().matches(DOCUMENTED).count()).sum();
    assert_eq!(naming, 1);
}

/// The origin whose pages may call the gateway.
#[derive(Clone, Copy)]
enum Configured {
    This,
    Another,
}

/// Opens the page and does there what `dapp.mjs` calls `flow`.
fn visit(flow: &str, configured: Configured) {
    let chromium = chromium();
    let (_directory, gateway) = on_sqlite();
    let origin = Origin::take();
    let allowed = match configured {
        Configured::This => origin.url.clone(),
        Configured::Another => "https://another.example".to_owned(),
    };
    let server = gateway.with("COUNTERSIGN_CORS_ORIGINS", &format!("[\"{allowed}\"]")).start();
    let page = format!("{}/", origin.url);
    origin.serve(PAGE.into(), DOCUMENTED, &server.url);
    std::fs::create_dir_all(PICTURES).unwrap();
    node(&script("dapp.mjs"), &[flow, &page, &server.url, super::KEY, chromium.to_str().unwrap(), PICTURES]);
}
