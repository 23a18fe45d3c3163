//! A PostgreSQL that stands still and hangs up on nobody: callers are told soon, and all is well when it goes on.

use std::time::Duration;

use countersign::clock::Stopwatch;
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::whole;
use crate::support::client::{Answer, Client};
use crate::support::postgres::Cluster;
use crate::support::scratch;
use crate::support::server::Gateway;
use crate::support::wallet::{Session, Wallet};

/// More callers than there are connections to the database.
const CALLERS: u32 = 60;
/// How soon a caller is told: 5 seconds of patience, and a busy machine.
const SOON: Duration = Duration::from_secs(9);
/// How soon all is well again once the server goes on.
const RECOVERY: Duration = Duration::from_secs(15);

#[test]
fn a_postgres_that_stands_still_is_503_in_seconds_and_well_again_by_itself() {
    let directory = scratch::directory();
    let mut cluster = Cluster::start();
    let gateway = Gateway::on_postgres(directory.path(), &cluster.create_database(), 7);
    let gateway = gateway.with("COUNTERSIGN_LIMITS__ENABLED", "false");
    let server = gateway.start();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let session = Client::of(&server.url).sign_in(&Wallet::number(1)).await;
        // All connections are open and in use when it happens, and once more when they were all given up.
        for _ in 0..2 {
            join_all((0..CALLERS).map(|caller| ask(&server.url, caller, &session))).await;
            cluster.freeze();
            // By then nobody is told any more that all was well a moment ago.
            tokio::time::sleep(Duration::from_secs(1)).await;
            let watch = Stopwatch::start();
            let answers = join_all((0..CALLERS).map(|caller| ask(&server.url, caller, &session))).await;
            let took = watch.elapsed();
            cluster.thaw();
            for answer in answers {
                answer.refused(503, "database_unavailable");
            }
            assert!(took < SOON, "it took {took:?}");
            recovered(&server.url, &session).await;
        }
    });
    whole::assert_whole(&gateway);
}

/// One of four questions, on a connection of its own.
async fn ask(url: &str, caller: u32, session: &Session) -> Answer {
    let mut client = Client::of(url);
    let answer = match caller % 4 {
        0 => client.call_as(&session.token, "GET", &session.profile_path()).await,
        1 => client.call_as(&session.token, "POST", "/users/api-key/rotate").await,
        2 => client.send("POST", "/users/nonce", "", &json!({"address": session.address})).await,
        _ => client.send("GET", "/readyz", "", &Value::Null).await,
    };
    answer.expect("an answer")
}

/// Waits until every one of many who ask at once is answered, and somebody new signs in.
async fn recovered(url: &str, session: &Session) {
    let watch = Stopwatch::start();
    loop {
        let answers = join_all((0..CALLERS).map(|caller| ask(url, caller, session))).await;
        if answers.iter().all(|answer| answer.status == 200) {
            break;
        }
        assert!(watch.elapsed() < RECOVERY, "it does not recover: {:?}", answers.iter().find(|a| a.status != 200));
    }
    Client::of(url).sign_in(&Wallet::number(2)).await;
    assert!(watch.elapsed() < RECOVERY, "it took {:?}", watch.elapsed());
}
