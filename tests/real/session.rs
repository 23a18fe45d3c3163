//! The session door in Chromium: the pages that links of mails lead to, the cookie jar, and pages of others. What the
//! pages looked like is left as pictures in `target/tmp/account`.

use tempfile::TempDir;

use super::{on_postgres, on_sqlite};
use crate::support::pages::Origin;
use crate::support::parts::{chromium, node, script};
use crate::support::scratch;
use crate::support::server::Gateway;

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
    visit_at("jar", on_postgres(), &ONE_HOST);
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

#[test]
fn an_app_on_a_sibling_subdomain_that_is_configured_uses_the_cookies() {
    visit_at("sibling", on_sqlite(), &SUBDOMAINS);
}

#[test]
fn an_app_on_a_sibling_subdomain_that_is_not_configured_is_refused() {
    visit_at("foreign", on_sqlite(), &SUBDOMAINS);
}

/// Under which names a browser knows the three who take part. All of them are this machine.
struct Names {
    gateway: &'static str,
    /// The app that is configured.
    app: &'static str,
    /// The one that is not.
    foreign: &'static str,
}

/// Of one site, since ports make no difference to a browser; `127.0.0.1` is another one.
const ONE_HOST: Names = Names { gateway: "localhost", app: "localhost", foreign: "127.0.0.1" };

/// All of one site: what the browser keeps back from other sites, it sends for each of them.
const SUBDOMAINS: Names =
    Names { gateway: "id.example.test", app: "app.example.test", foreign: "another.example.test" };

/// Starts a gateway whose links lead to itself, and does in a browser what `session.mjs` calls `flow`.
fn visit(flow: &str) {
    visit_at(flow, on_sqlite(), &ONE_HOST);
}

fn visit_at(flow: &str, (directory, gateway): (TempDir, Gateway), names: &Names) {
    let chromium = chromium();
    let (app, foreign) = (Origin::take(), Origin::take());
    let app_url = app.url.replace("127.0.0.1", names.app);
    let foreign_url = foreign.url.replace("127.0.0.1", names.foreign);
    let gateway = gateway.at_home().with("COUNTERSIGN_CORS_ORIGINS", &format!("[\"{app_url}\"]"));
    let url = gateway.value("COUNTERSIGN_PUBLIC_URL").replace("localhost", names.gateway);
    let _server = gateway.with("COUNTERSIGN_PUBLIC_URL", &url).start();
    let blank = scratch::directory();
    std::fs::write(blank.path().join("index.html"), "<!doctype html><title>Another page</title>").unwrap();
    for origin in [app, foreign] {
        origin.serve(blank.path().to_owned(), "\0", "");
    }
    std::fs::create_dir_all(PICTURES).unwrap();
    let outbox = directory.path().join("data/outbox");
    let (outbox, chromium) = (outbox.to_str().unwrap(), chromium.to_str().unwrap());
    node(&script("session.mjs"), &[flow, &url, outbox, &app_url, &foreign_url, chromium, PICTURES]);
}
