//! `GET /users/tokens` against real chains: what is told equals what the chain says, whatever tokens and nodes do.

mod hostile;
mod load;
mod nodes;
mod page;
mod tokens;

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::evm::Chain;
use crate::support::wallet::{Session, Wallet};
use crate::support::world::{Answer, Backend, START, World};

/// Towards whom allowances are read if nothing else is configured.
const PERMIT2: &str = "0x000000000022D473030F116dDEE9F6B43aC78BA3";
/// What stands for a native coin.
const NATIVE: &str = "0xEeeeeEeeeEeEeeEeEeEeeEEEeeeeEeeeeeeeEEeE";
const HOUR: Duration = Duration::from_hours(1);

/// A gateway that reads some chains, and a person who is signed in.
struct Bench {
    world: World,
    session: Session,
}

/// What a gateway is told of tokens and feeds.
#[derive(Default)]
struct Listed {
    tokens: Vec<Value>,
    feeds: Vec<Value>,
}

impl Listed {
    /// With a token.
    fn token(mut self, chain: &Chain, address: &str, symbol: &str, decimals: u8) -> Self {
        self.tokens.push(json!({"chainId": chain.id, "address": address, "name": symbol, "symbol": symbol,
            "decimals": decimals}));
        self
    }

    /// With the feed of a token.
    fn feed(mut self, chain: &Chain, token: &str, feed: &str) -> Self {
        self.feeds.push(json!({"chain": chain.id, "token": token, "feed": feed, "heartbeat_s": 3600}));
        self
    }
}

impl Bench {
    /// A gateway that knows these chains (as in the configuration), tokens and feeds.
    async fn new(chains: &Value, listed: &Listed, settings: &[(&str, &str)]) -> Self {
        let world = World::on(Backend::Sqlite).await;
        let list = json!({"name": "Test", "timestamp": "2026-01-01T00:00:00+00:00",
            "version": {"major": 1, "minor": 0, "patch": 0}, "tokens": listed.tokens});
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), list.to_string()).unwrap();
        let files = json!([file.path()]).to_string();
        let (chains, feeds) = (chains.to_string(), json!(listed.feeds).to_string());
        // A schema of the list wants at least one token.
        let lists = if listed.tokens.is_empty() { "[]" } else { files.as_str() };
        let own = [("CHAINS", chains.as_str()), ("TOKEN_LISTS", lists), ("FEEDS", feeds.as_str())];
        let world = world.again_with(&[&own, settings].concat()).await;
        let session = Wallet::number(1).sign_in(&world).await;
        Self { world, session }
    }

    async fn ask(&self, query: &str) -> Answer {
        self.world.get_as(&self.session.token, &format!("/users/tokens{query}")).await
    }

    /// The row of a token, or null.
    async fn row(&self, token: &str) -> Value {
        row(&self.ask("").await.ok(200), token)
    }

    /// Lets what was asked a moment ago be asked again.
    fn forget(&self) {
        self.world.pass(Duration::from_secs(6));
    }
}

fn row(answer: &Answer, token: &str) -> Value {
    let rows = answer.json.as_array().unwrap();
    rows.iter().find(|row| row["address"] == token).cloned().unwrap_or_default()
}

/// The address of the person of every bench.
fn owner() -> String {
    Wallet::number(1).address
}

/// A chain in the configuration, with nodes of these URLs.
fn known(chain: &Chain, nodes: &[&str]) -> Value {
    json!({"id": chain.id, "name": format!("Chain {}", chain.id), "rpc": nodes})
}

/// A chain whose clock is the gateway's.
fn chain(id: u64) -> Chain {
    Chain::start_at(id, START)
}
