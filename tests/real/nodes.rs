//! A database and the gateways on it: one process on SQLite, two on PostgreSQL.

use std::sync::Arc;

use countersign::app::App;
use countersign::clock::Clock;
use countersign::config::{Config, Environment};
use countersign::identity::Core;
use countersign::random::Random;
use futures_util::future::join_all;
use serde_json::Value;
use tempfile::TempDir;

use super::{on_postgres, on_sqlite, whole};
use crate::support::client::{Answer, Client};
use crate::support::limits::allow_open_files;
use crate::support::server::{Gateway, Server};

/// How often one thing is posted, over as many connections.
const POSTS: usize = 1_000;
/// How many files this process may need, since some tests of a thousand connections run side by side.
const FILES: u64 = 8_192;

/// A database and the gateways on it.
pub(super) struct Nodes {
    pub(super) gateway: Gateway,
    pub(super) servers: Vec<Server>,
    _directory: TempDir,
}

impl Nodes {
    /// One process on SQLite.
    pub(super) fn on_sqlite() -> Self {
        Self::start(on_sqlite(), 1)
    }

    /// Two processes on one PostgreSQL database.
    pub(super) fn on_postgres() -> Self {
        Self::start(on_postgres(), 2)
    }

    fn start((directory, gateway): (TempDir, Gateway), processes: usize) -> Self {
        let gateway = gateway.with("COUNTERSIGN_LIMITS__ENABLED", "false");
        let servers = (0..processes).map(|_| gateway.start()).collect();
        Self { gateway, servers, _directory: directory }
    }

    /// Where they are.
    pub(super) fn urls(&self) -> Vec<String> {
        self.servers.iter().map(|server| server.url.clone()).collect()
    }

    /// A client of the node whose turn it is.
    pub(super) fn client(&self, turn: usize) -> Client {
        Client::of(&self.servers[turn % self.servers.len()].url)
    }

    /// Posts one thing a thousand times at once: every request is on its way before the first answer is read.
    pub(super) async fn post_all(&self, path: &str, body: &Value) -> Vec<Answer> {
        self.all_at_once(POSTS, async |_, client| client.post(path, body).await.expect("an answer")).await
    }

    /// Does one thing as often as this at once, over as many connections that are open before.
    pub(super) async fn all_at_once(
        &self,
        often: usize,
        what: impl AsyncFn(usize, &mut Client) -> Answer,
    ) -> Vec<Answer> {
        let mut clients: Vec<_> = (0..often).map(|turn| self.client(turn)).collect();
        for client in &mut clients {
            client.connect().await.expect("a connection");
        }
        join_all(clients.iter_mut().enumerate().map(|(turn, client)| what(turn, client))).await
    }

    /// What `sql` counts in the database.
    pub(super) async fn count(&self, sql: &'static str) -> i64 {
        whole::count(&self.gateway, sql).await
    }

    /// Another gateway on the same data, within this process: for what no route does.
    pub(super) async fn core(&self) -> Arc<Core> {
        let config = Config::load(&[], &Environment(self.gateway.environment().to_vec())).expect("valid settings");
        App::open(config, Clock::System, Random::system()).await.expect("the database opens").core
    }
}

/// Does `test` on both databases, one after the other.
pub(super) fn on_all_nodes(test: impl AsyncFn(&Nodes) + Sync) {
    allow_open_files(FILES);
    for start in [Nodes::on_sqlite, Nodes::on_postgres] {
        let nodes = start();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(test(&nodes));
    }
}
