//! Whether the gateway keeps what `/openapi.json` says, asked by Schemathesis with a few hundred requests a run.

use super::{KEY, on_postgres, on_sqlite};
use crate::support::http::{get, send};
use crate::support::openid::Provider;
use crate::support::parts::{node, schemathesis, script};
use crate::support::scratch;
use crate::support::server::{Gateway, Server};

/// What no schema can say, and so what may be refused although it fits the schema.
const CONFIGURATION: &str = r#"
# A token that an answer gave away is tried beside the one of the run, and then two people call at once: 400.
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "400", "401", "403", "404", "409", "429"]
# Whether the case of an address is its EIP-55 checksum, and whether a text is a message of EIP-4361: 400. Whether a
# list of texts is one of URIs, and whether an address or a message is there: 422.
[[operations]]
include-operation-id = ["wallet_nonce", "authenticate", "explain", "wallet_challenge", "link_wallet"]
[operations.checks.positive_data_acceptance]
expected-statuses = ["2xx", "400", "401", "403", "422"]
# What is known of time zones, languages and providers of data, and whether a token is of plain signs: 400.
# Whether a name or an address is one by rules of Unicode, whether a password is a common one, whether two texts are
# equal, whether an object has a member: 422, and 400 under /v1. A session token that an answer gave away is a good one,
# so whoever presents it is no stranger; one that is good for nobody beats the header beside it: 401.
[[operations]]
include-operation-id = ["exchange_register", "change_exchange_profile", "sync_membership", "create_user", "session_register", "session_login", "session_refresh", "session_logout", "session_verify_email", "session_resend_verification", "session_forgot_password", "session_reset_password", "account_reset_password", "platform_authenticate", "platform_register", "platform_refresh", "platform_logout", "platform_reset_password", "platform_update_password", "platform_change_password", "platform_confirm_email", "platform_change_details", "platform_change_settings", "platform_change_data_providers", "platform_memberships", "platform_note_device", "platform_claim_device"]
[operations.checks.positive_data_acceptance]
expected-statuses = ["2xx", "400", "401", "403", "409", "422", "429"]
[operations.checks.ignored_auth]
enabled = false
[[operations]]
include-operation-id = ["exchange_profile", "exchange_config", "choose_exchange", "clear_membership", "exchange_users"]
[operations.checks.positive_data_acceptance]
expected-statuses = ["2xx", "400", "401", "403"]
[operations.checks.ignored_auth]
enabled = false
# Whether a device is the caller's: 404.
[[operations]]
include-operation-id = ["platform_change_device"]
[operations.checks.positive_data_acceptance]
expected-statuses = ["2xx", "400", "401", "403", "404"]
# Whether somebody has set a second factor up: 409. A session token that an answer gave away is a good one.
[[operations]]
include-operation-id = ["mfa_setup", "mfa_verify", "mfa_off", "mfa_backup_codes", "mfa_devices", "mfa_forget_device"]
[operations.checks.positive_data_acceptance]
expected-statuses = ["2xx", "400", "401", "403", "404", "409", "429"]
[operations.checks.ignored_auth]
enabled = false
# Whether a page is configured and a code is one: 400, 401.
[[operations]]
include-operation-id = ["google_start", "google_sign_in"]
[operations.checks.positive_data_acceptance]
expected-statuses = ["2xx", "400", "401", "429"]
# Whether Stripe signed it: 403.
[[operations]]
include-operation-id = ["platform_stripe_webhook"]
[operations.checks.positive_data_acceptance]
expected-statuses = ["2xx", "403"]
# Whether a chain is read here: 422.
[[operations]]
include-operation-id = ["tokens"]
[operations.checks.positive_data_acceptance]
expected-statuses = ["2xx", "400", "401", "403", "422"]
"#;
/// How many routes are tested at least; a document without routes would be kept to, too.
const ALL: u32 = 70;
/// How many requests are made up for each of them. `COUNTERSIGN_TEST_EXAMPLES` asks for more, and other ones each time.
const EXAMPLES: &str = "15";

#[test]
fn the_gateway_does_to_a_stranger_what_its_description_says() {
    let (_directory, gateway) = on_sqlite();
    check(&without_limits(gateway).start(), "", &[], ALL);
}

#[test]
fn the_gateway_does_to_a_person_what_its_description_says() {
    for (_directory, gateway) in [on_sqlite(), on_postgres()] {
        let server = without_limits(gateway).start();
        let person = Person::of(&server);
        let header = format!("x-auth-token: {}", person.token);
        // A sign-out would leave the rest to a stranger, so it comes last.
        let without = ["--exclude-path", "/users/logout", "--exclude-path", "/v1/users/logout"];
        check(&server, &person.parameters, &[&["--header", &header], &without[..]].concat(), ALL);
        assert_eq!(get(&server.url, &person.path, &person.token).status, 200);
        check(&server, "", &["--header", &header, "--include-path", "/users/logout"], 1);
        assert_eq!(get(&server.url, &person.path, &person.token).status, 401);
    }
}

#[test]
fn the_gateway_does_to_an_api_key_what_its_description_says() {
    let (_directory, gateway) = on_sqlite();
    let server = without_limits(gateway).start();
    let person = Person::of(&server);
    let answer = get(&server.url, "/users/api-key", &person.token);
    let answer: serde_json::Value = serde_json::from_str(&answer.body).expect("an answer in JSON");
    let header = format!("x-api-key: {}", answer["apiKey"].as_str().expect("a key"));
    check(&server, &person.parameters, &["--header", &header], ALL);
    assert_eq!(send(&server.url, "GET", &person.path, &[&header], "").status, 200);
}

/// Without limits, with a provider that knows nobody, with a Stripe of which no event comes, and with a chain that has no
/// node: what a node answers is no description of ours.
fn without_limits(gateway: Gateway) -> Gateway {
    let gateway = gateway.with("COUNTERSIGN_LIMITS__ENABLED", "false").with("COUNTERSIGN_CHAINS", r#"[{"id":1}]"#);
    let settings = Provider::start().settings().into_iter();
    let payments = [("STRIPE__SECRET_KEY", "sk_test_nobody"), ("STRIPE__WEBHOOK_SECRET", "whsec_nobody")];
    let settings = settings.chain(payments.map(|(name, value)| (name, value.to_owned())));
    settings.fold(gateway, |gateway, (name, value)| gateway.with(&format!("COUNTERSIGN_{name}"), &value))
}

/// Somebody who is signed in.
struct Person {
    token: String,
    path: String,
    /// The address of the wallet, in the form of the configuration.
    parameters: String,
}

impl Person {
    fn of(server: &Server) -> Self {
        let answer = node(&script("sign_in.mjs"), &[&server.url, KEY]);
        let session: serde_json::Value = serde_json::from_str(&answer).expect("the answer of a sign-in");
        let field = |name: &str| session[name].as_str().expect("a text").to_owned();
        let address = field("address");
        let parameters = format!("[parameters]\naddress = \"{address}\"\n");
        Self { token: field("token"), path: format!("/users/{address}/data"), parameters }
    }
}

/// Runs it and insists that `least` routes were tested.
#[track_caller]
fn check(server: &Server, parameters: &str, rest: &[&str], least: u32) {
    let document = format!("{}/openapi.json", server.url);
    let wanted = std::env::var("COUNTERSIGN_TEST_EXAMPLES").ok();
    let examples = wanted.as_deref().unwrap_or(EXAMPLES);
    let fixed = ["run", &document, "--url", &server.url, "--max-examples", examples, "--warnings", "off"];
    let seed: &[&str] = if wanted.is_none() { &["--seed", "1"] } else { &[] };
    let arguments: Vec<_> = fixed.iter().chain(seed).chain(rest).map(|&word| word.to_owned()).collect();
    let directory = scratch::directory();
    let printed = schemathesis(directory.path(), &format!("{CONFIGURATION}{parameters}"), &arguments);
    let line = printed.lines().find_map(|line| line.trim().strip_prefix("Tested: "));
    let tested: u32 = line.and_then(|count| count.parse().ok()).unwrap_or_else(|| panic!("no count in:\n{printed}"));
    assert!(tested >= least, "{printed}");
}
