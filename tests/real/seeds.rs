//! The commands of the documents that the doors keep to, to the letter: only host, password and what an answer gave or a
//! provider issued are others.

use countersign::clock::Clock;
use serde_json::{Value, json};

use super::doors::answers;
use super::on_both_databases_with;
use crate::support::http::send;
use crate::support::openid::Provider;

const PLATFORM: &str = include_str!("../../fixtures/seeds/platform.sh");

const PASSWORD: &str = "correct horse battery";

/// Replaces what has to be there.
#[track_caller]
fn replaced(commands: &str, what: &str, by: &str) -> String {
    assert!(commands.contains(what), "{what} is in the document");
    commands.replace(what, by)
}

#[test]
fn the_commands_of_the_platform_document_work_with_another_host_and_another_password() {
    let provider = Provider::start();
    let settings = provider.settings();
    on_both_databases_with(
        |gateway| {
            let set = |(name, value): &(&str, String)| (format!("COUNTERSIGN_{name}"), value.clone());
            settings.iter().map(set).fold(gateway, |gateway, (name, value)| gateway.with(&name, &value))
        },
        |_, server| {
            let body = json!({"username": "user", "email": "user@example.com", "password": PASSWORD});
            let made = send(&server.url, "POST", "/v1/users/register", &[], &body.to_string());
            let made: Value = serde_json::from_str(&made.body).unwrap_or_else(|_| panic!("{made:?}"));
            let commands = replaced(PLATFORM, "https://api.example.com", &server.url);
            let commands = replaced(&commands, "password123", PASSWORD);
            let commands = replaced(&commands, "eyJhbGciOiJIUzI1NiIs...", made["token"].as_str().expect("a token"));
            let now = Clock::System.now().seconds();
            let code = provider.code("jane", json!({"iat": now, "exp": now + 600}));
            let commands = replaced(&commands, "google-oauth-code", &code);
            let told = answers(&commands, &[]);
            let [signed_in, details, settings, by_google] = &told[..] else { panic!("{told:#?}") };
            assert_eq!(signed_in["username"], "user", "{signed_in}");
            assert!(signed_in["token"].as_str().unwrap().starts_with("eyJ"), "{signed_in}");
            assert_eq!(details["email"], "user@example.com", "{details}");
            assert_eq!(settings["timezone"], "America/Chicago", "{settings}");
            assert_eq!(by_google["email"], "jane@example.com", "{by_google}");
        },
    );
}
