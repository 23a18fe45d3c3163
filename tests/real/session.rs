//! The session door in Chromium: the pages that links of mails lead to, the cookie jar, and pages of others. What the
//! pages looked like is left as pictures in `target/tmp/account`.

use super::on_sqlite;
use crate::support::pages::Origin;
use crate::support::parts::{chromium, node, script};
use crate::support::scratch;

const PICTURES: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/account");

#[test]
fn a_link_sets_a_new_password_once_and_says_what_is_wrong() {
    visit("reset");
}

#[test]
fn a_link_confirms_an_address_once_and_by_its_button_alone() {
    visit("confirm");
}

#[test]
fn another_link_that_is_opened_in_the_same_tab_is_taken() {
    visit("same-tab");
}

#[test]
fn the_pages_are_used_by_the_keyboard_alone() {
    visit("keyboard");
}

#[test]
fn a_page_whose_server_is_out_of_reach_says_so_and_can_try_again() {
    visit("out-of-reach");
}

#[test]
fn cookies_sign_a_page_in_and_out_and_no_script_sees_them() {
    visit("jar");
}

#[test]
fn tabs_that_refresh_at_once_all_stay_signed_in() {
    visit("two-tabs");
}

#[test]
fn pages_of_others_neither_sign_a_person_out_nor_in() {
    visit("foreign");
}

#[test]
fn an_app_of_the_same_site_that_is_configured_uses_the_cookies() {
    visit("sibling");
}

/// Starts a gateway whose links lead to itself, and does in a browser what `session.mjs` calls `flow`.
fn visit(flow: &str) {
    let chromium = chromium();
    let (directory, gateway) = on_sqlite();
    let (app, foreign) = (Origin::take(), Origin::take());
    // Of one site, since ports make no difference to a browser; `127.0.0.1` is another one.
    let sibling = app.url.replace("127.0.0.1", "localhost");
    let gateway = gateway.at_home().with("COUNTERSIGN_CORS_ORIGINS", &format!("[\"{sibling}\"]"));
    let url = gateway.value("COUNTERSIGN_PUBLIC_URL");
    let _server = gateway.start();
    let blank = scratch::directory();
    std::fs::write(blank.path().join("index.html"), "<!doctype html><title>Another page</title>").unwrap();
    let hostile = foreign.url.clone();
    for origin in [app, foreign] {
        origin.serve(blank.path().to_owned(), "\0", "");
    }
    std::fs::create_dir_all(PICTURES).unwrap();
    let outbox = directory.path().join("data/outbox");
    let arguments = [flow, url, outbox.to_str().unwrap(), &sibling, &hostile, chromium.to_str().unwrap(), PICTURES];
    node(&script("session.mjs"), &arguments);
}
