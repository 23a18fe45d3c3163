//! What chains say: balances, allowances and prices, read from nodes by JSON-RPC. It knows wallets and no accounts.

mod apart;
mod balances;
mod cache;
mod examination;
mod multicall;
mod nodes;
mod part;
mod price;
mod reader;
mod rpc;

use std::sync::Arc;

pub use balances::{Amount, Balance, Listed};
pub use examination::Finding;
pub use price::Price;

use crate::clock::Clock;
use crate::config::{Chain, Config};
use crate::model::Address;
use crate::model::Token;
use crate::outbound;
use apart::Suspects;
use balances::{Holdings, Source};
use cache::{AT_ONCE, Cache, Circuit};
use multicall::Multicall;
use nodes::Nodes;
use reader::Reader;
use rpc::Node;
use tokio::sync::Semaphore;

/// All chains that are read.
pub struct Chains {
    each: Vec<Arc<Holdings>>,
    cache: Cache,
    clock: Clock,
}

/// What one chain said, or that it said nothing.
pub struct Said {
    /// The chain.
    pub chain: u64,
    /// What the wallet holds there; `None` if no node of the chain answered in time.
    pub balances: Option<Arc<Vec<Balance>>>,
}

impl Chains {
    /// Takes the chains that have nodes, with the tokens and feeds that are listed for them.
    #[must_use]
    pub fn new(config: &Config, clock: Clock) -> Self {
        let with_nodes: Vec<_> = config.chains.iter().filter(|chain| !chain.rpc.is_empty()).collect();
        // One for all nodes; who asks says how long each may take. Without nodes none, since it reads the system's root
        // certificates, which takes milliseconds of a start and memory.
        let client = if with_nodes.is_empty() { None } else { outbound::client(|builder| builder) };
        let chains = with_nodes.into_iter().map(|chain| Arc::new(holdings(chain, config, client.as_ref()))).collect();
        Self { each: chains, cache: Cache::new(config.balances.cache_ttl, config.balances.cache_rows), clock }
    }

    /// The ids of the chains that are read.
    pub fn ids(&self) -> impl Iterator<Item = u64> {
        self.each.iter().map(|holdings| holdings.chain.id)
    }

    /// What this wallet holds on these chains, or on all if none are named. All are asked at once, each for no longer
    /// than its deadline, and what was asked a moment ago is not asked again.
    pub async fn balances(&self, owner: Address, of: &[u64]) -> Vec<Said> {
        let wanted = self.each.iter().filter(|holdings| of.is_empty() || of.contains(&holdings.chain.id));
        let ask = |holdings: &Arc<Holdings>| {
            let holdings = Arc::clone(holdings);
            async move { Said { chain: holdings.chain.id, balances: self.cache.get(&holdings, owner, &self.clock).await } }
        };
        futures_util::future::join_all(wanted.map(ask)).await
    }
}

fn holdings(chain: &Chain, config: &Config, client: Option<&reqwest::Client>) -> Holdings {
    let balances = &config.balances;
    let nodes = chain.rpc.iter().map(|url| Node::new(url.clone(), client.cloned())).collect();
    let of_chain = |token: &&Token| token.chain_id == chain.id && token.address != Token::NATIVE;
    let listed = config.listed.iter().filter(of_chain);
    let named = config.listed.iter().find(|token| token.chain_id == chain.id && token.address == Token::NATIVE);
    let native = named.cloned().unwrap_or_else(|| Token::native(chain.id));
    // A chain that hangs has to be told from the others before the whole request is given up; with a quarter of this for
    // the wait for its turn.
    let deadline = chain.deadline.min(balances.deadline * 7 / 10);
    Holdings {
        reader: Reader {
            nodes: Nodes::new(chain.id, nodes, balances.hedge),
            multicall: chain.multicall.map(|address| Multicall::new(address, chain.id)),
            batch: balances.batch,
            deadline,
            suspects: Suspects::default(),
            scattering: Semaphore::new(1),
        },
        native: Arc::new(Listed::new(native)),
        tokens: listed.cloned().map(Listed::new).map(Arc::new).collect(),
        circuit: Circuit::default(),
        turns: Semaphore::new(AT_ONCE),
        feeds: config.feeds.iter().filter(|feed| feed.chain == chain.id).copied().map(Source::new).collect(),
        chain: Chain { deadline, ..chain.clone() },
    }
}
