//! Processes killed under load, again and again, on the same data: what they have answered holds, and nothing is there
//! by half. `COUNTERSIGN_TEST_ROUNDS` says how often (else 50 times, and 12 at the session door).

use std::ops::Range;

use futures_util::future::join;
use tempfile::TempDir;

use super::{on_postgres, on_sqlite, whole};
use crate::support::client::{Client, Nonce};
use crate::support::door::Door;
use crate::support::lives::Crowd;
use crate::support::server::{Gateway, Server};
use crate::support::wallet::Wallet;

/// How often something is killed, unless the environment says otherwise.
const ROUNDS: usize = 50;
/// The same at the session door, where a sign-in costs a hash on purpose.
const ROUNDS_BY_PASSWORD: usize = 12;
/// How many steps have to be answered by the node that was left alone, before its round is over.
const GOING_ON: usize = 10;

#[test]
fn sqlite_keeps_what_was_answered_through_kills_under_load() {
    kill_again_and_again(on_sqlite(), 1, &BY_WALLET);
}

#[test]
fn postgres_keeps_what_was_answered_through_kills_under_load() {
    kill_again_and_again(on_postgres(), 2, &BY_WALLET);
}

#[test]
fn sqlite_keeps_what_the_session_door_answered_through_kills_under_load() {
    kill_again_and_again(on_sqlite(), 1, &BY_PASSWORD);
}

#[test]
fn postgres_keeps_what_the_session_door_answered_through_kills_under_load() {
    kill_again_and_again(on_postgres(), 2, &BY_PASSWORD);
}

/// Who lives, how often something is killed, and what is true of the database then.
struct Trial {
    rounds: usize,
    crowd: fn() -> Crowd,
    assert_whole: fn(&Gateway),
}

const BY_WALLET: Trial = Trial { rounds: ROUNDS, crowd: Crowd::default, assert_whole: whole::assert_whole };
const BY_PASSWORD: Trial = Trial {
    rounds: ROUNDS_BY_PASSWORD,
    crowd: || Crowd::entering(Door::session_of),
    assert_whole: whole::assert_whole_without_wallets,
};

fn kill_again_and_again((_directory, gateway): (TempDir, Gateway), processes: usize, trial: &Trial) {
    let gateway = gateway.with("COUNTERSIGN_LIMITS__ENABLED", "false");
    let asked = std::env::var("COUNTERSIGN_TEST_ROUNDS");
    let rounds = asked.map_or(trial.rounds, |rounds| rounds.parse().expect("a number"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let crowd = (trial.crowd)();
    let mut nodes: Vec<Option<Server>> = (0..processes).map(|_| None).collect();
    for round in 0..rounds {
        let urls = start_all(&gateway, &mut nodes);
        runtime.block_on(kill_under_load(&mut nodes, &urls, &crowd, round));
        (trial.assert_whole)(&gateway);
    }
    let urls = start_all(&gateway, &mut nodes);
    runtime.block_on(crowd.check_kept(&urls));
    drop(nodes);
    (trial.assert_whole)(&gateway);
}

/// Starts those that were killed, and gives the addresses of all.
fn start_all(gateway: &Gateway, nodes: &mut [Option<Server>]) -> Vec<String> {
    nodes.iter_mut().map(|node| node.get_or_insert_with(|| gateway.start()).url.clone()).collect()
}

/// Holds the round before against the nodes as they are now, and kills one or all of them.
async fn kill_under_load(nodes: &mut [Option<Server>], urls: &[String], crowd: &Crowd, round: usize) {
    crowd.check(urls).await;
    let kill = async {
        // Another moment in each round: early while accounts are made, late while many sessions go on.
        crowd.answered(10 + round * 37 % 60).await;
        for victim in victims(round, nodes.len()) {
            crowd.loses(victim);
            nodes[victim] = None;
        }
        if nodes.iter().any(Option::is_some) {
            crowd.answered(GOING_ON).await;
        }
        crowd.over();
    };
    join(crowd.live(urls), kill).await;
}

/// Each node in turn, and then all at once.
fn victims(round: usize, nodes: usize) -> Range<usize> {
    match round % (nodes + 1) {
        all if all == nodes => 0..nodes,
        one => one..one + 1,
    }
}

#[test]
fn a_refresh_token_that_was_used_before_a_kill_ends_the_session_after_it() {
    for (_directory, gateway) in [on_sqlite(), on_postgres()] {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        for door in [Door::Wallet(Wallet::number(1)), Door::session_of(1)] {
            runtime.block_on(use_a_token_of_before(&gateway, &door));
        }
    }
}

async fn use_a_token_of_before(gateway: &Gateway, door: &Door) {
    let first = gateway.start();
    let mut client = Client::of(&first.url);
    let proof = door.proof(&mut client, Nonce::Own).await.expect("a proof");
    let used = door.pair(&door.sign_in(&mut client, &proof).await.expect("an answer").ok(200)).refresh;
    let second = door.pair(&door.refresh(&mut client, &used).await.expect("an answer").ok(200));
    let third = door.pair(&door.refresh(&mut client, &second.refresh).await.expect("an answer").ok(200));
    drop(first);
    let again = gateway.start();
    let mut client = Client::of(&again.url);
    door.refresh(&mut client, &used).await.expect("an answer").refused(401, "refresh_token_reused");
    door.refresh(&mut client, &third.refresh).await.expect("an answer").refused(401, "session_ended");
    let read = client.call_as(&third.access, "GET", &door.own()).await;
    read.expect("an answer").refused(401, "session_ended");
}
