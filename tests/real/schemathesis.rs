//! Whether the gateway keeps what `/openapi.json` says, asked by Schemathesis with a few hundred requests a run.

use super::{KEY, on_sqlite};
use crate::support::parts::{node, schemathesis, script};
use crate::support::server::Server;

/// What no schema can say, and so what may be refused although it fits the schema.
const CONFIGURATION: &str = r#"
# Whether the case of an address is its EIP-55 checksum, and whether a text is a message of EIP-4361: 400. Whether a
# list of texts is one of URIs, and whether an address or a message is there: 422.
[[operations]]
include-operation-id = ["wallet_nonce", "authenticate", "explain", "wallet_challenge", "link_wallet"]
[operations.checks.positive_data_acceptance]
expected-statuses = ["2xx", "400", "401", "403", "422"]
# Until the description of the profile has the pattern of its texts: 422 `invalid_request`.
[[operations]]
include-operation-id = ["change_profile"]
[operations.checks.positive_data_acceptance]
expected-statuses = ["2xx", "401", "403", "422"]
"#;

#[test]
fn the_gateway_does_to_a_stranger_what_its_description_says() {
    let (directory, gateway) = on_sqlite();
    let server = gateway.with("COUNTERSIGN_LIMITS__ENABLED", "false").start();
    let printed = schemathesis(directory.path(), CONFIGURATION, &arguments(&server, &[]));
    assert_all_were_tested(&printed);
}

#[test]
fn the_gateway_does_to_a_person_what_its_description_says() {
    let (directory, gateway) = on_sqlite();
    let server = gateway.with("COUNTERSIGN_LIMITS__ENABLED", "false").start();
    let session: serde_json::Value =
        serde_json::from_str(&node(&script("sign_in.mjs"), &[&server.url, KEY])).expect("the answer of a sign-in");
    let own = format!("{CONFIGURATION}[parameters]\naddress = {}\n", session["address"]);
    let token = format!("x-auth-token: {}", session["token"].as_str().expect("a token"));
    // A sign-out would leave the rest to a stranger.
    let rest = ["--header", &token, "--exclude-path", "/users/logout"];
    let printed = schemathesis(directory.path(), &own, &arguments(&server, &rest));
    assert_all_were_tested(&printed);
}

fn arguments(server: &Server, rest: &[&str]) -> Vec<String> {
    let document = format!("{}/openapi.json", server.url);
    let fixed = ["run", &document, "--url", &server.url, "--max-examples", "30", "--seed", "1", "--warnings", "off"];
    fixed.iter().chain(rest).map(|&word| word.to_owned()).collect()
}

/// A document without routes would be kept to, too.
#[track_caller]
fn assert_all_were_tested(printed: &str) {
    let line = printed.lines().find_map(|line| line.trim().strip_prefix("Tested: "));
    let tested: u32 = line.and_then(|count| count.parse().ok()).unwrap_or_else(|| panic!("no count in:\n{printed}"));
    assert!(tested >= 11, "{printed}");
}
