//! The gateway under measurement: the release build on a fresh database, with limits off, the chains and tokens that a
//! case names, and a wallet that has signed in.

use std::fs::File;
use std::path::Path;
use std::process::Command;

use countersign::model::Address;
use countersign::wallet::signer::PrivateKey;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::http::{Connection, Credential};
use crate::server::Server;
use crate::{CHAIN, Fault};

const PATH: &str = "/users/tokens";

/// How long the chain that answers may take, so that a busy machine makes no chain unavailable.
const DEADLINE_MS: u32 = 20_000;

pub struct Gateway {
    pub server: Server,
    pub connection: Connection,
    pub token: String,
    _directory: TempDir,
}

#[derive(Deserialize)]
struct Challenge<'a> {
    nonce: &'a str,
}

#[derive(Deserialize)]
struct SignedIn<'a> {
    token: &'a str,
}

/// The address of the wallet that asks.
pub fn owner() -> Result<Address, Fault> {
    Ok(key(1)?.address())
}

/// The chain that answers, in the configuration.
pub fn healthy(node: &str) -> Value {
    json!({"id": CHAIN, "name": "Healthy", "rpc": [node], "deadline_ms": DEADLINE_MS})
}

impl Gateway {
    /// Starts one that shows what it has read for `cache_ttl`.
    pub async fn start(chains: &[Value], tokens: &[String], cache_ttl: &str) -> Result<Self, Fault> {
        let directory = tempfile::tempdir()?;
        let list = directory.path().join("tokens.json");
        std::fs::write(&list, token_list(tokens).to_string())?;
        let log = directory.path().join("log");
        let mut command = command(directory.path(), &log)?;
        command.env("COUNTERSIGN_CHAINS", json!(chains).to_string());
        command.env("COUNTERSIGN_TOKEN_LISTS", json!([list]).to_string());
        command.env("COUNTERSIGN_BALANCES__CACHE_TTL", cache_ttl);
        let started = Server::start(command).await;
        let said = || std::fs::read_to_string(&log).unwrap_or_default();
        let server = started.map_err(|Fault(reason)| Fault(format!("{reason}\n{}", said())))?;
        let mut connection = Connection::open(&server.authority).await?;
        let token = sign_in(&mut connection, 1).await?;
        Ok(Self { server, connection, token, _directory: directory })
    }

    /// Asks what the wallet holds.
    pub async fn ask(&mut self) -> Result<&[u8], Fault> {
        ask(&mut self.connection, &self.token).await
    }

    /// The same, and sees that every token and the native coin are told.
    pub async fn ask_for(&mut self, tokens: usize) -> Result<(), Fault> {
        let rows = serde_json::from_slice::<Vec<IgnoredAny>>(self.ask().await?)?.len();
        if rows == tokens + 1 { Ok(()) } else { Err(Fault(format!("{rows} rows of {} are told", tokens + 1))) }
    }
}

/// Asks what the wallet of a token holds.
pub async fn ask<'a>(connection: &'a mut Connection, token: &str) -> Result<&'a [u8], Fault> {
    connection.get(PATH, Some(Credential { header: "x-auth-token", value: token })).await
}

/// Signs a wallet in and gives its access token.
pub async fn sign_in(connection: &mut Connection, number: u8) -> Result<String, Fault> {
    let key = key(number)?;
    let address = key.address().checksummed();
    let answer = connection.post("/users/nonce", &json!({"address": address}).to_string()).await?;
    let signature = key.sign_message(serde_json::from_slice::<Challenge<'_>>(answer)?.nonce);
    let body = json!({"address": address, "signature": signature}).to_string();
    let answer = connection.post("/users/authenticate", &body).await?;
    Ok(serde_json::from_slice::<SignedIn<'_>>(answer)?.token.to_owned())
}

fn key(number: u8) -> Result<PrivateKey, Fault> {
    PrivateKey::new(&[number; 32]).ok_or_else(|| Fault("no key".to_owned()))
}

fn token_list(tokens: &[String]) -> Value {
    let token = |address: &String| json!({"chainId": CHAIN, "address": address, "name": "Token", "symbol": "TOKEN", "decimals": 18});
    json!({"name": "Benchmark", "timestamp": "2026-01-01T00:00:00+00:00",
        "version": {"major": 1, "minor": 0, "patch": 0}, "tokens": tokens.iter().map(token).collect::<Vec<_>>()})
}

/// The command that starts the gateway on free ports, with none of our settings and in none of our files.
fn command(directory: &Path, log: &Path) -> Result<Command, Fault> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("COUNTERSIGN_") {
            command.env_remove(name);
        }
    }
    command
        .current_dir(directory)
        .stderr(File::create(log)?)
        .env("COUNTERSIGN_DATA_DIR", directory)
        .env("COUNTERSIGN_LISTEN", "127.0.0.1:0")
        .env("COUNTERSIGN_INTERNAL_LISTEN", "127.0.0.1:0")
        .env("COUNTERSIGN_LIMITS__ENABLED", "false")
        .env("COUNTERSIGN_LOG__LEVEL", "warn")
        .env("COUNTERSIGN_FEEDS", "[]")
        .env("COUNTERSIGN_BALANCES__DEADLINE", "25s");
    Ok(command)
}
