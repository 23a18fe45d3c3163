//! The verbs of operators: what they tell, and what they leave alone.

use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection, SqliteConnection};

use super::{ADDRESS, done, failed, files, script, told};
use crate::real::{on_postgres, on_sqlite};
use crate::support::block_on;
use crate::support::http::get;
use crate::support::postgres::Cluster;
use crate::support::process::poll;
use crate::support::scratch;
use crate::support::server::Gateway;

/// Runs a statement on the gateway's database.
pub(super) fn execute(gateway: &Gateway, statement: &'static str) {
    let url = gateway.database_url();
    block_on(async {
        if url.starts_with("sqlite:") {
            let mut connection = SqliteConnection::connect(&url).await.unwrap();
            sqlx::query(statement).execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        } else {
            let mut connection = PgConnection::connect(&url).await.unwrap();
            sqlx::query(statement).execute(&mut connection).await.unwrap();
        }
    });
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
    let all = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations/sqlite")).len();
    for (_directory, gateway) in [on_sqlite(), on_postgres()] {
        failed(&gateway.run(&["migrate", "--check"]), 1, "countersign migrate");
        assert_eq!(told(&gateway.run(&["migrate", "--check", "--json"]), 1), json!({"applied": 0, "pending": all}));
        assert!(done(&gateway.run(&["migrate"])).contains("applied"));
        assert_eq!(told(&gateway.run(&["migrate", "--json"]), 0), json!({"applied": 0, "pending": 0}));
        assert!(done(&gateway.run(&["migrate", "--check"])).contains("up to date"));
        gateway.start();
    }
}

#[test]
fn a_database_of_a_newer_version_is_not_taken_for_one_that_lacks_migrations() {
    const LATER: &str = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                         VALUES (9999, 'later', TRUE, '', 0)";
    for (_directory, gateway) in [on_sqlite(), on_postgres()] {
        done(&gateway.run(&["migrate"]));
        execute(&gateway, LATER);
        for verb in [&["migrate", "--check"][..], &["migrate"], &["keys", "list"], &["keys", "rotate"]] {
            failed(&gateway.run(verb), 2, "a newer version of Countersign: start that version");
        }
    }
}

#[test]
fn the_verbs_of_keys_make_nothing_where_there_is_nothing() {
    let (directory, gateway) = on_sqlite();
    for verb in ["list", "rotate"] {
        failed(&gateway.run(&["keys", verb]), 2, "countersign migrate");
        assert_eq!(files(directory.path()), [""; 0], "nothing was made");
    }
    let (_directory, gateway) = on_postgres();
    for verb in ["list", "rotate"] {
        failed(&gateway.run(&["keys", verb]), 2, "countersign migrate");
    }
    failed(&gateway.run(&["migrate", "--check"]), 1, "countersign migrate");
}

#[test]
fn keys_wait_for_the_first_start_and_for_the_right_secret() {
    for (_directory, gateway) in [on_sqlite(), on_postgres()] {
        done(&gateway.run(&["migrate"]));
        assert_eq!(told(&gateway.run(&["keys", "list", "--json"]), 0), json!([]));
        failed(&gateway.run(&["keys", "rotate"]), 2, "start");
        drop(gateway.start());
        let wrong = gateway.clone().with("COUNTERSIGN_SECRET", &"cd".repeat(32));
        failed(&wrong.run(&["keys", "rotate"]), 2, "secret");
        assert_eq!(told(&gateway.run(&["keys", "list", "--json"]), 0).as_array().map(Vec::len), Some(1));
    }
}

#[test]
fn listing_keys_only_reads() {
    let (directory, gateway) = on_sqlite();
    let server = gateway.start();
    server.terminate();
    assert_eq!(server.wait(), 0);
    let (data, secret) = (directory.path().join("data"), directory.path().join("secret"));
    // Neither does it need the secret, nor is another algorithm a reason to add a key.
    std::fs::rename(data.join("secret"), &secret).unwrap();
    let content = || std::fs::read(data.join("countersign.db")).unwrap();
    let before = content();
    let other = gateway.with("COUNTERSIGN_TOKENS__ALGORITHM", "ES256");
    assert_eq!(told(&other.run(&["keys", "list", "--json"]), 0)[0]["state"], "signing");
    done(&other.run(&["migrate", "--check"]));
    assert_eq!(files(&data), ["countersign.db"]);
    assert!(content() == before, "the file is as it was");
    failed(&other.run(&["keys", "rotate"]), 2, "secret");
    std::fs::rename(&secret, data.join("secret")).unwrap();
    assert_eq!(told(&other.run(&["keys", "rotate", "--json"]), 0).as_array().map(Vec::len), Some(2), "one was added");
}

#[test]
fn a_database_that_cannot_be_reached_is_told_from_wrong_use() {
    let (_directory, gateway) = on_postgres();
    // A port that was free a moment ago, with nobody behind it.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let away = gateway.with("COUNTERSIGN_DATABASE_URL", &format!("postgres://app:hunter2@127.0.0.1:{port}/app"));
    for verb in [&["migrate"][..], &["migrate", "--check"], &["keys", "list"], &["keys", "rotate"]] {
        let refused = away.run(verb);
        failed(&refused, 3, "COUNTERSIGN_DATABASE_URL");
        assert!(!refused.stderr.contains("hunter2"));
    }
}

#[test]
fn a_gateway_without_its_database_is_not_ready() {
    let directory = scratch::directory();
    let mut cluster = Cluster::start();
    let server = Gateway::on_postgres(directory.path(), &cluster.create_database(), 7).start();
    let script = script(&server.url, directory.path());
    let ready = |ready: bool| json!({"server": server.url, "ready": ready});
    assert_eq!(told(&script.run(&["healthcheck", "--json"]), 0), ready(true));
    cluster.begin_stop("fast");
    let limit = Duration::from_mins(1);
    poll(limit, || (script.run(&["healthcheck"]).code == 1).then_some(())).expect("it is told");
    failed(&script.run(&["healthcheck"]), 1, "database_unavailable");
    assert_eq!(told(&script.run(&["healthcheck", "--json"]), 1), ready(false));
    cluster.start_again();
    poll(limit, || (script.run(&["healthcheck"]).code == 0).then_some(())).expect("it is well again");
}
