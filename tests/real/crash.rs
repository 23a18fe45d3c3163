//! The process killed under load, again and again, on the same data: what it has answered holds, and nothing is there by
//! half. `COUNTERSIGN_TEST_ROUNDS` says how often (else 20 times).

use futures_util::future::join;
use tempfile::TempDir;

use super::{on_postgres, on_sqlite, whole};
use crate::support::client::Client;
use crate::support::lives::Crowd;
use crate::support::server::Gateway;
use crate::support::wallet::Wallet;

/// How often it is killed, unless the environment says otherwise.
const ROUNDS: usize = 20;

#[test]
fn sqlite_keeps_what_was_answered_through_kills_under_load() {
    kill_again_and_again(on_sqlite());
}

#[test]
fn postgres_keeps_what_was_answered_through_kills_under_load() {
    kill_again_and_again(on_postgres());
}

fn kill_again_and_again((_directory, gateway): (TempDir, Gateway)) {
    let gateway = gateway.with("COUNTERSIGN_LIMITS__ENABLED", "false");
    let rounds = std::env::var("COUNTERSIGN_TEST_ROUNDS").map_or(ROUNDS, |rounds| rounds.parse().expect("a number"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let crowd = Crowd::default();
    for round in 0..rounds {
        runtime.block_on(kill_under_load(&gateway, &crowd, round));
        whole::assert_whole(&gateway);
    }
    let server = gateway.start();
    runtime.block_on(crowd.check_kept(&server.url));
    drop(server);
    whole::assert_whole(&gateway);
}

/// Holds the round before against a new start, and kills that one, too.
async fn kill_under_load(gateway: &Gateway, crowd: &Crowd, round: usize) {
    let server = gateway.start();
    let url = server.url.clone();
    crowd.check(&url).await;
    // Another moment in each round: early while accounts are made, late while many sessions go on.
    let kill = async {
        crowd.answered(20 + round * 37 % 100).await;
        crowd.over();
        drop(server);
    };
    join(crowd.live(&url), kill).await;
}

#[test]
fn a_refresh_token_that_was_used_before_a_kill_ends_the_session_after_it() {
    for (_directory, gateway) in [on_sqlite(), on_postgres()] {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let first = gateway.start();
            let mut client = Client::of(&first.url);
            let session = client.sign_in(&Wallet::number(1)).await;
            let second = client.refresh(&session.refresh).await.expect("an answer").ok(200);
            let third = client.refresh(second.field("refreshToken")).await.expect("an answer").ok(200);
            drop(first);
            let again = gateway.start();
            let mut client = Client::of(&again.url);
            client.refresh(&session.refresh).await.expect("an answer").refused(401, "refresh_token_reused");
            let last = client.refresh(third.field("refreshToken")).await.expect("an answer");
            last.refused(401, "session_ended");
            let read = client.call_as(third.field("token"), "GET", &session.profile_path()).await;
            read.expect("an answer").refused(401, "session_ended");
        });
    }
}
