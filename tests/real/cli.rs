//! The command line as a script uses it: what it prints where, what it keeps, how it ends.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::{KEY, on_both_databases, on_postgres, on_sqlite};
use crate::support::http::get;
use crate::support::process::{Finished, poll};
use crate::support::scratch;
use crate::support::server::{Gateway, Server};

const ADDRESS: &str = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";

/// The PBKDF2 example of the Web3 Secret Storage definition; its password is `testpassword`.
const KEYSTORE: &str = r#"{"crypto":{"cipher":"aes-128-ctr","cipherparams":{"iv":"6087dab2f9fdbbfaddc31a909735c1e6"},
    "ciphertext":"5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46","kdf":"pbkdf2","kdfparams":
    {"c":262144,"dklen":32,"prf":"hmac-sha256","salt":"ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd"},
    "mac":"517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2"},"version":3}"#;

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
fn scripts_side_by_side_with_one_key_do_not_disturb_each_other() {
    let (_directory, gateway) = on_sqlite();
    let server = gateway.start();
    let home = scratch::directory();
    let script = script(&server.url, home.path());
    let tokens: Vec<String> = std::thread::scope(|scope| {
        let logins: Vec<_> = (0..20).map(|_| scope.spawn(|| done(&script.run(&["login", "--no-save"])))).collect();
        logins.into_iter().map(|login| login.join().unwrap()).collect()
    });
    for token in tokens {
        assert_eq!(done(&script.clone().with("COUNTERSIGN_TOKEN", &token).run(&["whoami"])), ADDRESS);
    }
    assert!(!home.path().join("countersign").exists(), "nothing was kept");
}

#[test]
fn a_key_comes_from_a_file_or_an_encrypted_one_and_its_secrets_are_never_shown() {
    let (_directory, gateway) = on_sqlite();
    let server = gateway.start();
    let home = scratch::directory();
    let script = script(&server.url, home.path()).without("COUNTERSIGN_PRIVATE_KEY");
    let file = |name: &str, content: &str| {
        let path = home.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    done(&script.run(&["login", "--key-file", &file("key", KEY)]));
    let (keystore, password) = (file("keystore.json", KEYSTORE), file("password", "testpassword\n"));
    done(&script.run(&["login", "--keystore", &keystore, "--password-file", &password]));
    assert_eq!(done(&script.run(&["whoami"])), "0x008AeEda4D805471dF9b2A5B0f38A0C3bCBA786b");
    let wrong = file("wrong", "hunter2");
    let refused = script.run(&["login", "--keystore", &keystore, "--password-file", &wrong]);
    failed(&refused, 2, "password is wrong");
    assert!(!refused.stderr.contains("hunter2"));
    failed(&script.run(&["login"]), 2, "COUNTERSIGN_PRIVATE_KEY");
    failed(&script.run(&["login", "--key-file", &file("short", "59c6995e")]), 2, "64 hex digits");
    failed(&script.run(&["login", "--key-file", "/nowhere/key"]), 2, "/nowhere/key");
    failed(&script.clone().with("COUNTERSIGN_PRIVATE_KEY", "0x1234").run(&["login"]), 2, "64 hex digits");
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
    failed(&script.with("COUNTERSIGN_TOKEN", "no token").run(&["whoami"]), 2, "COUNTERSIGN_TOKEN");
    assert_eq!(gateway.run(&["no-verb"]).code, 2);
}

#[test]
fn a_running_gateway_takes_a_rotated_signing_key_over() {
    for (_directory, gateway) in [on_sqlite(), on_postgres()] {
        // All on one machine: the clocks are one, and the new key need not wait for them.
        let gateway = gateway.with("COUNTERSIGN_WALLET__CLOCK_SKEW", "0");
        let server = gateway.start();
        let home = scratch::directory();
        let script = script(&server.url, home.path());
        let old = done(&script.run(&["login"]));
        let states = |arguments: &[&str]| -> Vec<String> {
            let keys: Value = serde_json::from_str(&done(&gateway.run(arguments))).unwrap();
            keys.as_array().unwrap().iter().map(|key| key["state"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(states(&["keys", "list", "--json"]), ["signing"]);
        assert_eq!(states(&["keys", "rotate", "--json"]), ["signing", "published"]);
        let limit = Duration::from_mins(1);
        let published = || {
            let answer = get(&server.url, "/.well-known/jwks.json", "");
            (answer.body.matches("\"kid\"").count() == 2).then_some(())
        };
        poll(limit, published).expect("the new key is published");
        let header = |token: &str| token.split('.').next().unwrap().to_owned();
        let signs = || (header(&done(&script.run(&["login"]))) != header(&old)).then_some(());
        poll(limit, signs).expect("the new key signs");
        assert_eq!(states(&["keys", "list", "--json"]), ["verifying", "signing"]);
        assert_eq!(done(&script.with("COUNTERSIGN_TOKEN", &old).run(&["whoami"])), ADDRESS, "old tokens still verify");
    }
}

#[test]
fn migrations_are_told_before_they_are_applied() {
    for (_directory, gateway) in [on_sqlite(), on_postgres()] {
        failed(&gateway.run(&["migrate", "--check"]), 1, "countersign migrate");
        assert!(done(&gateway.run(&["migrate"])).contains("applied"));
        assert!(done(&gateway.run(&["migrate", "--check"])).contains("up to date"));
        gateway.start();
    }
}

#[test]
fn the_description_the_completions_and_the_manual_are_printed() {
    let (_directory, gateway) = on_sqlite();
    let document: Value = serde_json::from_str(&done(&gateway.run(&["openapi"]))).unwrap();
    assert!(document["paths"]["/users/authenticate"]["post"].is_object());
    for shell in ["bash", "zsh", "fish"] {
        assert!(done(&gateway.run(&["completions", shell])).contains("api-key"), "{shell}");
    }
    assert!(done(&gateway.run(&["man"])).contains(".TH countersign"));
}
