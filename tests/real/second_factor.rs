//! Authenticators as they are published agree with the gateway.

use super::on_sqlite;
use crate::support::parts::{node, python, python_program, script};

#[test]
fn otplib_and_pyotp_show_the_codes_that_the_gateway_takes_and_a_scanner_reads_its_picture() {
    // Set up before, since codes are good for a minute.
    python_program();
    let (_directory, gateway) = on_sqlite();
    let server = gateway.with("COUNTERSIGN_MFA__ISSUER", "Example & Co").start();
    let printed = node(&script("authenticators.mjs"), &[&server.url]);
    let told: serde_json::Value = serde_json::from_str(&printed).unwrap();
    let (url, used) = (told["url"].as_str().unwrap(), told["used"].as_str().unwrap());
    assert!(url.starts_with("otpauth://totp/Example%20%26%20Co:trader1?secret="), "{url}");
    assert_eq!(python(&script("authenticators.py"), &[&server.url, url, used]).trim(), "in");
}
