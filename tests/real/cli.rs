//! The command line as a script uses it: what it prints where, what it keeps, how it ends.

mod chains;
mod first_admin;
mod keys;
mod operators;
mod provider;
mod sessions;
mod users;

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign::wallet::signer::PrivateKey;
use serde_json::Value;

use super::{KEY, on_both_databases, on_sqlite};
use crate::support::http::{get, send};
use crate::support::process::Finished;
use crate::support::scratch;
use crate::support::server::{Gateway, Server};

const ADDRESS: &str = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";

/// A script's surroundings: the gateway's URL, a key, a state directory of its own.
fn script(url: &str, home: &Path) -> Gateway {
    let gateway = Gateway::on_sqlite(home).with("COUNTERSIGN_URL", url).with("COUNTERSIGN_PRIVATE_KEY", KEY);
    gateway.with("XDG_STATE_HOME", home.to_str().unwrap())
}

#[track_caller]
fn done(finished: &Finished) -> String {
    assert_eq!(finished.code, 0, "{finished:?}");
    finished.stdout.trim_end().to_owned()
}

/// Insists on an exit code and on one line that says what to do.
#[track_caller]
fn failed(finished: &Finished, code: i32, hint: &str) {
    assert_eq!((finished.code, finished.stdout.as_str()), (code, ""), "{finished:?}");
    assert_eq!(finished.stderr.lines().count(), 1, "{finished:?}");
    assert!(finished.stderr.contains(hint), "{finished:?}");
}

/// Writes a file and returns its path.
fn file(directory: &Path, name: &str, content: &str) -> String {
    let path = directory.join(name);
    std::fs::write(&path, content).unwrap();
    path.to_str().unwrap().to_owned()
}

/// What a verb answered as JSON, with this exit code.
#[track_caller]
fn told(finished: &Finished, code: i32) -> Value {
    assert_eq!(finished.code, code, "{finished:?}");
    serde_json::from_str(&finished.stdout).unwrap_or_else(|error| panic!("{error}: {finished:?}"))
}

/// The names of what is in a directory.
fn files(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Signs in by Basic authentication: the status, and the access token or the code of the error.
fn enter(server: &Server, name: &str, password: &str) -> (u16, String) {
    let header = format!("authorization: Basic {}", STANDARD.encode(format!("{name}:{password}")));
    let answer = send(&server.url, "GET", "/v1/users/token", &[&header], "");
    let body: Value = serde_json::from_str(&answer.body).unwrap();
    let said = body["token"].as_str().or(body["error"].as_str());
    (answer.status, said.unwrap().to_owned())
}

/// Reads the list of users: the status, and the code of the error if there is one.
fn list_as(server: &Server, token: &str) -> (u16, String) {
    let answer = get(&server.url, "/v1/users", token);
    let body: Value = serde_json::from_str(&answer.body).unwrap();
    (answer.status, body["error"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn a_script_signs_in_looks_around_and_signs_out() {
    on_both_databases(|server: &Server| {
        let home = scratch::directory();
        let script = script(&server.url, home.path());
        let login = script.run(&["login"]);
        let token = done(&login);
        assert_eq!((token.split('.').count(), token.lines().count()), (3, 1), "stdout is the token alone");
        assert!(login.stderr.contains(ADDRESS) && !login.stderr.contains(&token));
        let kept = home.path().join("countersign/sessions.json");
        assert_eq!(std::fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(done(&script.run(&["whoami"])), ADDRESS);
        let who: Value = serde_json::from_str(&done(&script.run(&["whoami", "--json"]))).unwrap();
        assert_eq!((&who["userAddress"], &who["server"]), (&ADDRESS.into(), &server.url.as_str().into()));
        let key = done(&script.run(&["api-key"]));
        assert_eq!(done(&script.run(&["api-key"])), key);
        assert_ne!(done(&script.run(&["api-key", "--rotate"])), key);
        assert_eq!(done(&script.run(&["logout"])), "");
        failed(&script.run(&["whoami"]), 2, "countersign login");
        failed(&script.with("COUNTERSIGN_TOKEN", &token).run(&["whoami"]), 1, "session_ended");
    });
}

#[test]
fn exit_codes_tell_a_refusal_from_wrong_use_and_from_an_absent_server() {
    let (_directory, gateway) = on_sqlite();
    let server = gateway.start();
    let home = scratch::directory();
    let script = script(&server.url, home.path());
    assert_eq!(done(&script.run(&["healthcheck"])), "ready");
    let away = script.clone().with("COUNTERSIGN_URL", "http://127.0.0.1:1");
    for verb in ["login", "healthcheck"] {
        failed(&away.run(&[verb]), 3, "can't be reached");
    }
    failed(&script.clone().with("COUNTERSIGN_URL", "localhost:8080").run(&["login"]), 2, "COUNTERSIGN_URL");
    failed(&script.clone().with("COUNTERSIGN_URL", &server.internal_url).run(&["login"]), 1, "unknown_route");
    for token in ["", "no token", "e30.e30. e30", "e30.e30.e30"] {
        let with_token = script.clone().with("COUNTERSIGN_TOKEN", token);
        failed(&with_token.run(&["whoami"]), 2, "COUNTERSIGN_TOKEN");
    }
    assert_eq!(gateway.run(&["no-verb"]).code, 2);
}

#[test]
fn the_description_the_completions_and_the_manual_are_printed() {
    let (_directory, gateway) = on_sqlite();
    let document: Value = serde_json::from_str(&done(&gateway.run(&["openapi"]))).unwrap();
    assert!(document["paths"]["/users/authenticate"]["post"].is_object());
    for shell in ["bash", "zsh", "fish"] {
        assert!(done(&gateway.run(&["completions", shell])).contains("api-key"), "{shell}");
    }
    let page = done(&gateway.run(&["man"]));
    assert!(page.contains(".TH countersign"));
    for told in [
        "COUNTERSIGN LOGIN",
        "\\-\\-password\\-file",
        "COUNTERSIGN KEYS ROTATE",
        "\\-\\-check",
        "COUNTERSIGN USERS RESET-PASSWORD",
        "COUNTERSIGN USERS RESET-MFA",
        "Exit codes",
    ] {
        assert!(page.contains(told), "{told}");
    }
}

#[test]
fn a_refusal_is_explained_rule_by_rule_and_nothing_is_used_up() {
    let (directory, gateway) = on_sqlite();
    let server = gateway.start();
    let script = script(&server.url, directory.path());
    let body = format!(r#"{{"address":"{ADDRESS}"}}"#);
    let answer: Value = serde_json::from_str(&send(&server.url, "POST", "/users/nonce", &[], &body).body).unwrap();
    let message = answer["message"].as_str().unwrap();
    let file = directory.path().join("message.txt");
    let explain = |text: &str, rest: &[&str]| {
        std::fs::write(&file, text).unwrap();
        let key = PrivateKey::parse(KEY).unwrap();
        let signature = key.sign_message(text);
        let named = ["explain", "--message", file.to_str().unwrap(), "--signature", &signature];
        script.run(&[&named, rest].concat())
    };
    for _ in 0..2 {
        let told = done(&explain(message, &[]));
        assert_eq!(told.lines().count(), 11, "{told}");
        assert!(told.lines().all(|line| line.ends_with(" ok")), "{told}");
    }
    let foreign = message.replacen("localhost:8080 wants", "evil.example wants", 1);
    let refused = explain(&foreign, &[]);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.stdout.contains("domain      domain_not_allowed"), "{refused:?}");
    assert!(refused.stderr.contains("a sign-in would be refused: domain_not_allowed"), "{refused:?}");
    let refused: Value = serde_json::from_str(&explain(&foreign, &["--json"]).stdout).unwrap();
    assert_eq!(refused["accepted"], false);
    failed(&script.run(&["explain", "--signature", "0x"]), 2, "--message");
}
