//! The started binary, against clients that nobody here wrote and the databases that it will meet.

mod balances;
mod cli;
mod clients;
mod crash;
mod dapp;
mod database;
mod doors;
mod evm;
mod front_ends;
mod frozen;
mod google;
mod headers;
mod mail;
mod nodes;
mod once;
mod outage;
mod push;
mod races;
mod readme;
mod recovery;
mod rotation;
mod schemathesis;
mod second_factor;
mod seeds;
mod session;
mod start;
mod stop;
mod stripe;
mod wallets_page;
mod whole;

use tempfile::TempDir;

use crate::support::server::{Gateway, Server};
use crate::support::{postgres, scratch};

/// A key for tests. It is published, so it is worth nothing.
const KEY: &str = "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d";

/// Does `test` with a gateway on either database.
fn on_both_databases(test: impl Fn(&Server)) {
    let (directory, gateway) = on_sqlite();
    test(&gateway.start());
    drop(directory);
    let (_directory, gateway) = on_postgres();
    test(&gateway.start());
}

/// Does `test` with a gateway on either database that is set up so.
fn on_both_databases_with(set_up: impl Fn(Gateway) -> Gateway, test: impl Fn(&Gateway, &Server)) {
    for (_directory, gateway) in [on_sqlite(), on_postgres()] {
        let gateway = set_up(gateway);
        test(&gateway, &gateway.start());
    }
}

/// A gateway on `SQLite`, as long as its directory is there.
fn on_sqlite() -> (TempDir, Gateway) {
    let directory = scratch::directory();
    let gateway = Gateway::on_sqlite(&directory.path().join("data"));
    (directory, gateway)
}

/// A gateway on a `PostgreSQL` database of its own.
fn on_postgres() -> (TempDir, Gateway) {
    let directory = scratch::directory();
    let gateway = Gateway::on_postgres(&directory.path().join("data"), &postgres::create_database(), 7);
    (directory, gateway)
}
