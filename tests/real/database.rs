//! What a gateway does with a database that it finds: its own of before, a newer one, one of another root secret.

use sqlx::{Connection, PgConnection, SqliteConnection};
use tempfile::TempDir;

use super::{KEY, on_postgres, on_sqlite};
use crate::support::block_on;
use crate::support::http::{get, send};
use crate::support::parts::{node, script};
use crate::support::server::{Gateway, Server};

const SECRET: &str = "COUNTERSIGN_SECRET";

#[test]
fn a_second_start_goes_on_where_the_first_was_stopped() {
    for (_directory, gateway) in [on_sqlite(), on_postgres()] {
        let first = gateway.start();
        let (profile, token) = signed_in(&first);
        first.terminate();
        assert_eq!(first.wait(), 0);
        assert_eq!(get(&gateway.start().url, &profile, &token).status, 200);
    }
}

#[test]
fn a_second_start_goes_on_where_the_first_was_killed() {
    for (_directory, gateway) in [on_sqlite(), on_postgres()] {
        let first = gateway.start();
        let (profile, token) = signed_in(&first);
        drop(first);
        let second = gateway.start();
        assert_eq!(get(&second.url, &profile, &token).status, 200);
        assert_eq!(signed_in(&second).0, profile);
    }
}

#[test]
fn two_nodes_on_one_database_know_each_others_sessions() {
    let (_directory, gateway) = on_postgres();
    let (one, two) = (gateway.start(), gateway.start());
    let (profile, token) = signed_in(&one);
    assert_eq!(get(&two.url, &profile, &token).status, 200);
    let logout = send(&two.url, "POST", "/users/logout", &[&format!("x-auth-token: {token}")], "");
    assert_eq!(logout.status, 204);
    assert_eq!(get(&one.url, &profile, &token).status, 401);
}

#[test]
fn a_database_of_a_newer_version_is_left_alone() {
    const LATER: &str = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                         VALUES (9999, 'later', TRUE, '', 0)";
    let (directory, gateway) = on_sqlite();
    drop(gateway.start());
    let file = format!("sqlite://{}/data/countersign.db", directory.path().display());
    block_on(async {
        let mut connection = SqliteConnection::connect(&file).await.unwrap();
        sqlx::query(LATER).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    });
    assert_line(&gateway.refused(), &["newer", "countersign.db"]);

    let (_directory, gateway) = on_postgres();
    drop(gateway.start());
    block_on(async {
        let mut connection = PgConnection::connect(gateway.value("COUNTERSIGN_DATABASE_URL")).await.unwrap();
        sqlx::query(LATER).execute(&mut connection).await.unwrap();
    });
    assert_line(&gateway.refused(), &["newer"]);
}

#[test]
fn a_root_secret_that_the_database_does_not_know_is_refused() {
    for (_directory, gateway) in [with_secret(on_sqlite()), with_secret(on_postgres())] {
        drop(gateway.start());
        let wrong = gateway.clone().with(SECRET, &"cd".repeat(32));
        assert_line(&wrong.refused(), &["secret"]);
        assert!(!wrong.refused().contains(&"cd".repeat(32)));
        // The refusal changed nothing: the right one still opens it.
        gateway.start();
    }
}

#[test]
fn a_lost_root_secret_is_not_replaced_in_silence() {
    let (directory, gateway) = on_sqlite();
    drop(gateway.start());
    let file = directory.path().join("data/secret");
    std::fs::rename(&file, directory.path().join("found again")).unwrap();
    assert_line(&gateway.refused(), &["secret"]);
    assert!(!file.exists(), "a start that fails makes no new secret");
    std::fs::rename(directory.path().join("found again"), &file).unwrap();
    gateway.start();
}

#[test]
fn a_root_secret_is_changed_by_naming_the_old_one_as_previous() {
    for (_directory, gateway) in [with_secret(on_sqlite()), with_secret(on_postgres())] {
        let first = gateway.start();
        let (profile, token) = signed_in(&first);
        drop(first);
        let previous = format!("[\"{}\"]", gateway.value(SECRET));
        let changed = gateway.with(SECRET, &"cd".repeat(32)).with("COUNTERSIGN_PREVIOUS_SECRETS", &previous);
        let second = changed.start();
        assert_eq!(get(&second.url, &profile, &token).status, 200);
        assert_eq!(signed_in(&second).0, profile);
    }
}

fn with_secret((directory, gateway): (TempDir, Gateway)) -> (TempDir, Gateway) {
    (directory, gateway.with(SECRET, &"ab".repeat(32)))
}

/// Signs in and returns the path of the profile and the access token.
fn signed_in(server: &Server) -> (String, String) {
    let answer = node(&script("sign_in.mjs"), &[&server.url, KEY]);
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    let (address, token) = (answer["address"].as_str(), answer["token"].as_str());
    (format!("/users/{}/data", address.expect("an address")), token.expect("a token").to_owned())
}

#[track_caller]
fn assert_line(line: &str, words: &[&str]) {
    for word in words {
        assert!(line.contains(word), "{word:?} is not in: {line}");
    }
}
