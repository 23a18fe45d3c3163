//! How the binary starts: what it says and leaves behind, and the one line with which it refuses to.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::Duration;

use super::{on_postgres, on_sqlite};
use crate::support::http::send;
use crate::support::process::run;
use crate::support::scratch;
use crate::support::server::Gateway;

#[test]
fn a_first_start_makes_a_secret_that_only_its_owner_can_read() {
    let (directory, gateway) = on_sqlite();
    let server = gateway.start();
    let secret = directory.path().join("data/secret");
    assert_eq!(std::fs::metadata(&secret).unwrap().permissions().mode() & 0o777, 0o600);
    let secret = std::fs::read_to_string(secret).unwrap();
    assert!(!server.said().contains(secret.trim()), "the secret is not printed");
}

#[test]
fn the_curl_that_the_start_prints_gets_a_first_nonce() {
    let (_directory, gateway) = on_sqlite();
    let server = gateway.start();
    let said = server.said();
    let line = said.lines().find_map(|line| line.find("curl ").map(|start| &line[start..]));
    let line = line.unwrap_or_else(|| panic!("no curl in:\n{said}"));
    assert!(line.contains(&server.url), "{line}");
    let finished = run(Command::new("sh").args(["-c", line]), Duration::from_secs(30)).unwrap();
    assert!(finished.stdout.contains("\"nonce\":\"0x"), "{finished:?}");
}

#[test]
fn metrics_are_on_a_listener_of_their_own() {
    let (_directory, gateway) = on_sqlite();
    let server = gateway.start();
    let metrics = send(&server.internal_url, "GET", "/metrics", &[], "");
    assert_eq!(metrics.status, 200);
    assert!(metrics.body.contains("# TYPE "), "{}", metrics.body);
    assert_eq!(send(&server.url, "GET", "/metrics", &[], "").status, 404);
    assert_eq!(send(&server.url, "GET", "/readyz", &[], "").status, 200);
}

#[test]
fn a_port_in_use_is_named() {
    let (_directory, gateway) = on_sqlite();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for (variable, key) in [("COUNTERSIGN_LISTEN", "listen"), ("COUNTERSIGN_INTERNAL_LISTEN", "internal_listen")] {
        let line = gateway.clone().with(variable, &address).refused();
        assert!(line.contains(&address) && line.contains(key), "{line}");
    }
}

#[test]
fn a_data_directory_that_cannot_be_written_is_named() {
    let directory = scratch::directory();
    let file = directory.path().join("file");
    std::fs::write(&file, "").unwrap();
    // Not by permissions, which root passes by.
    let below = file.join("data");
    let line = Gateway::on_sqlite(&below).refused();
    assert!(line.contains("data_dir") && line.contains(below.to_str().unwrap()), "{line}");
}

#[test]
fn an_unknown_key_is_named_with_its_place() {
    let (directory, gateway) = on_sqlite();
    let line = gateway.clone().with("COUNTERSIGN_LISTEM", "127.0.0.1:1").refused();
    assert!(line.contains("COUNTERSIGN_LISTEM") && line.contains("listen"), "{line}");

    let file = directory.path().join("countersign.toml");
    std::fs::write(&file, "[tokens]\naccess_tll = \"1h\"\n").unwrap();
    let line = gateway.refused_with(&["--config", file.to_str().unwrap()]);
    assert!(line.contains("countersign.toml") && line.contains("tokens.access_tll"), "{line}");
}

#[test]
fn a_bad_value_is_named_and_not_repeated() {
    let (_directory, gateway) = on_sqlite();
    let line = gateway.clone().with("COUNTERSIGN_TOKENS__ACCESS_TTL", "soon").refused();
    assert!(line.contains("tokens.access_ttl"), "{line}");
    let line = gateway.with("COUNTERSIGN_SECRET", "hunter2").refused();
    assert!(line.contains("secret") && !line.contains("hunter2"), "{line}");
}

#[test]
fn postgres_without_a_root_secret_is_refused() {
    let (directory, gateway) = on_postgres();
    let line = gateway.without("COUNTERSIGN_SECRET").refused();
    assert!(line.contains("COUNTERSIGN_SECRET"), "{line}");
    assert!(!directory.path().join("data/secret").exists());
}

#[test]
fn a_postgres_that_cannot_be_reached_is_named_without_its_password() {
    let (_directory, gateway) = on_postgres();
    // A port that was free a moment ago, with nobody behind it.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("postgres://app:hunter2@127.0.0.1:{port}/countersign");
    let line = gateway.with("COUNTERSIGN_DATABASE_URL", &url).refused();
    assert!(line.contains(&port.to_string()) && !line.contains("hunter2"), "{line}");
}

#[test]
fn the_effective_configuration_is_shown_with_its_secrets_masked() {
    let (_directory, gateway) = on_sqlite();
    let secret = "ab".repeat(32);
    let gateway = gateway.with("COUNTERSIGN_SECRET", &secret).with("COUNTERSIGN_TOKENS__ACCESS_TTL", "10m");
    let shown = gateway.run(&["config"]);
    assert_eq!(shown.code, 0, "{shown:?}");
    assert!(shown.stdout.contains("10m") && shown.stdout.contains("********"), "{}", shown.stdout);
    assert!(!shown.stdout.contains(&secret) && !shown.stderr.contains(&secret), "{shown:?}");
}

#[test]
fn what_is_shown_as_configuration_can_be_given_as_configuration() {
    let (directory, gateway) = on_sqlite();
    let shown = gateway.run(&["config"]);
    let file = directory.path().join("shown.toml");
    std::fs::write(&file, &shown.stdout).unwrap();
    let again = gateway.run(&["--config", file.to_str().unwrap(), "config"]);
    assert_eq!((again.code, again.stdout), (0, shown.stdout), "{}", again.stderr);
}
