//! What is asked of the servers: a closed loop on each connection, with wallets that no other connection uses.

use std::time::Duration;

use countersign::clock::Stopwatch;
use countersign::model::Address;
use countersign::random::Random;
use countersign::wallet::eip191;
use k256::ecdsa::SigningKey;
use serde::{Deserialize, Serialize};
use sha3::{Digest, Keccak256};
use tokio::task::{JoinSet, LocalSet};

use crate::Fault;
use crate::http::{Connection, Credential};
use crate::report::Row;
use crate::server::Server;

/// How many accounts the reads go around, over all connections.
const READERS: usize = 1000;

/// A key, the address that it signs for, the token of its last sign-in, and, of a reader, the API key.
pub struct Wallet {
    key: SigningKey,
    address: Address,
    token: Option<String>,
    api_key: Option<String>,
}

impl Wallet {
    /// Makes keys that no earlier run had, so that they are new to the database.
    pub fn make(count: usize) -> Result<Vec<Self>, Fault> {
        let seed = Random::system().bytes::<32>();
        (0..count).map(|index| Self::derive(&seed, index)).collect()
    }

    fn derive(seed: &[u8; 32], index: usize) -> Result<Self, Fault> {
        let secret = Keccak256::new().chain_update(seed).chain_update(index.to_be_bytes()).finalize();
        let key = SigningKey::from_slice(&secret)?;
        let point = Keccak256::digest(&key.verifying_key().to_sec1_point(false).as_bytes()[1..]);
        let address = point.last_chunk::<20>().ok_or_else(|| Fault("a hash has 32 bytes".to_owned()))?;
        Ok(Self { key, address: Address::new(*address), token: None, api_key: None })
    }

    pub fn address(&self) -> Address {
        self.address
    }

    fn by_token(&self) -> Option<Credential<'_>> {
        self.token.as_deref().map(|value| Credential { header: "x-auth-token", value })
    }

    fn by_api_key(&self) -> Option<Credential<'_>> {
        self.api_key.as_deref().map(|value| Credential { header: "x-api-key", value })
    }

    /// Signs the text of a nonce, as ethers and viem do.
    fn sign(&self, nonce: &str) -> String {
        let (signature, recovery) = self.key.sign_prehash_recoverable(&eip191::hash(nonce.as_bytes()));
        format!("0x{}{:02x}", hex::encode(signature.to_bytes()), 27 + recovery.to_byte())
    }
}

/// One connection and the wallets that only it uses: two sign-ins of one wallet at once would spend one nonce twice.
pub struct Worker {
    connection: Connection,
    wallets: Vec<Wallet>,
    /// The wallets whose profile it reads.
    readers: Vec<usize>,
    turn: usize,
}

impl Worker {
    /// Opens the connections and deals the wallets out to them.
    pub async fn crew(authority: &str, connections: usize, wallets: Vec<Wallet>) -> Result<Vec<Self>, Fault> {
        let mut crew = Vec::with_capacity(connections);
        for _ in 0..connections {
            let connection = Connection::open(authority).await?;
            crew.push(Self { connection, wallets: Vec::new(), readers: Vec::new(), turn: 0 });
        }
        for (position, wallet) in wallets.into_iter().enumerate() {
            crew[position % connections].wallets.push(wallet);
        }
        Ok(crew)
    }

    /// Opens the connections anew: the server closes what was idle for as long as others took their turns.
    pub async fn reopen(crew: &mut [Self], authority: &str) -> Result<(), Fault> {
        for worker in crew {
            worker.connection = Connection::open(authority).await?;
        }
        Ok(())
    }

    /// Closes the connections and collects the wallets.
    pub fn dismiss(crew: Vec<Self>) -> Vec<Wallet> {
        crew.into_iter().flat_map(|worker| worker.wallets).collect()
    }

    /// Settles whose profiles this one of so many workers reads: some of those that hold a token. Asks for their keys.
    pub async fn choose_readers(&mut self, workers: usize) -> Result<(), Fault> {
        let signed_in = (0..self.wallets.len()).filter(|&at| self.wallets[at].token.is_some());
        self.readers = signed_in.take(READERS.div_ceil(workers)).collect();
        for &at in &self.readers {
            let wallet = &mut self.wallets[at];
            let answer = self.connection.get("/users/api-key", wallet.by_token()).await?;
            wallet.api_key = Some(serde_json::from_slice::<ApiKey<'_>>(answer)?.api_key.to_owned());
        }
        Ok(())
    }
}

/// When a phase ends for a connection: with the first of the two.
#[derive(Clone, Copy)]
pub struct Bound {
    pub steps: usize,
    pub time: Duration,
}

impl Bound {
    pub fn time(time: Duration) -> Self {
        Self { steps: usize::MAX, time }
    }
}

/// Runs one phase: every worker takes step after step. The first fault ends it.
pub async fn run<S>(
    what: &'static str,
    server: &Server,
    crew: &mut Vec<Worker>,
    bound: Bound,
    step: S,
) -> Result<Row, Fault>
where
    S: AsyncFn(&mut Worker) -> Result<(), Fault> + Copy + 'static,
{
    let connections = crew.len();
    eprintln!("{what}, {connections} connections");
    let (before, watch) = (server.cpu()?, Stopwatch::start());
    let mut latencies = Vec::new();
    let local = LocalSet::new();
    let mut running = JoinSet::new();
    for worker in crew.drain(..) {
        running.spawn_local_on(take_steps(worker, bound, watch, step), &local);
    }
    let join = async {
        while let Some(ended) = running.join_next().await {
            let (worker, times) = ended??;
            crew.push(worker);
            latencies.push(times);
        }
        Ok::<_, Fault>(())
    };
    local.run_until(join).await?;
    let (elapsed, cpu) = (watch.elapsed(), server.cpu()?.saturating_sub(before));
    Ok(Row::new(what, connections, elapsed, cpu, latencies.concat()))
}

async fn take_steps<S>(
    mut worker: Worker,
    bound: Bound,
    phase: Stopwatch,
    step: S,
) -> Result<(Worker, Vec<Duration>), Fault>
where
    S: AsyncFn(&mut Worker) -> Result<(), Fault>,
{
    let mut times = Vec::new();
    while times.len() < bound.steps && phase.elapsed() < bound.time {
        let watch = Stopwatch::start();
        step(&mut worker).await?;
        times.push(watch.elapsed());
    }
    Ok((worker, times))
}

/// Posts a body of a sign-in's size to the bare route.
pub async fn echo(worker: &mut Worker) -> Result<(), Fault> {
    let body = format!(r#"{{"address":"0x{:040x}","signature":"0x{:0130x}"}}"#, 1, 2);
    worker.connection.post("/echo", &body).await?;
    Ok(())
}

#[derive(Deserialize)]
struct Challenge<'a> {
    nonce: &'a str,
}

/// A message has line breaks, which JSON escapes, so it can't be borrowed.
#[derive(Deserialize)]
struct Written {
    message: String,
}

#[derive(Serialize)]
struct Proof<'a> {
    message: &'a str,
    signature: &'a str,
}

#[derive(Deserialize)]
struct SignedIn<'a> {
    token: &'a str,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ApiKey<'a> {
    api_key: &'a str,
}

/// Asks for the nonce of a wallet that nobody has asked for before.
pub async fn nonce(worker: &mut Worker) -> Result<(), Fault> {
    let address = Random::system().bytes::<20>();
    worker.connection.post("/users/nonce", &format!(r#"{{"address":"0x{}"}}"#, hex::encode(address))).await?;
    Ok(())
}

/// One complete sign-in of the next wallet: ask for a nonce, sign it, post the signature, keep the token.
pub async fn sign_in(worker: &mut Worker) -> Result<(), Fault> {
    let at = worker.turn % worker.wallets.len();
    worker.turn += 1;
    let Worker { connection, wallets, .. } = worker;
    let wallet = &mut wallets[at];
    let address = wallet.address.checksummed();
    let answer = connection.post("/users/nonce", &format!(r#"{{"address":"{address}"}}"#)).await?;
    let signature = wallet.sign(serde_json::from_slice::<Challenge<'_>>(answer)?.nonce);
    let body = format!(r#"{{"address":"{address}","signature":"{signature}"}}"#);
    let answer = connection.post("/users/authenticate", &body).await?;
    wallet.token = Some(serde_json::from_slice::<SignedIn<'_>>(answer)?.token.to_owned());
    Ok(())
}

/// One complete sign-in of the next wallet by a message (EIP-4361): ask for it, sign it, post both.
pub async fn sign_in_by_message(worker: &mut Worker) -> Result<(), Fault> {
    let at = worker.turn % worker.wallets.len();
    worker.turn += 1;
    let Worker { connection, wallets, .. } = worker;
    let wallet = &mut wallets[at];
    let wanted = format!(r#"{{"address":"{}"}}"#, wallet.address.checksummed());
    let answer = connection.post("/users/nonce", &wanted).await?;
    let message = serde_json::from_slice::<Written>(answer)?.message;
    let body = serde_json::to_string(&Proof { signature: &wallet.sign(&message), message: &message })?;
    let answer = connection.post("/users/authenticate", &body).await?;
    wallet.token = Some(serde_json::from_slice::<SignedIn<'_>>(answer)?.token.to_owned());
    Ok(())
}

/// Reads the profile of the next reader with its token.
pub async fn read(worker: &mut Worker) -> Result<(), Fault> {
    read_by(worker, Wallet::by_token).await
}

/// Reads the profile of the next reader with its API key.
pub async fn read_by_api_key(worker: &mut Worker) -> Result<(), Fault> {
    read_by(worker, Wallet::by_api_key).await
}

async fn read_by(
    worker: &mut Worker,
    credential: for<'a> fn(&'a Wallet) -> Option<Credential<'a>>,
) -> Result<(), Fault> {
    let Worker { connection, wallets, readers, turn } = worker;
    let at = readers.get(*turn % readers.len().max(1)).ok_or_else(|| Fault("nobody has signed in".to_owned()))?;
    *turn += 1;
    let wallet = &wallets[*at];
    connection.get(&format!("/users/{}/data", wallet.address.checksummed()), credential(wallet)).await?;
    Ok(())
}
