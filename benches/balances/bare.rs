//! The floor: the same `aggregate3` calls, printed once in advance and sent by a plain client, which only receives what
//! comes.

use alloy::primitives::Address as Word;
use alloy::sol;
use alloy::sol_types::SolCall;
use countersign::model::Address;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use crate::Fault;
use crate::gateway;
use crate::http::Connection;
use crate::support::evm::MULTICALL;

/// Towards whom the gateway reads allowances, if nothing else is configured.
const PERMIT2: &str = "0x000000000022D473030F116dDEE9F6B43aC78BA3";

/// How many reads the gateway puts into one call, if nothing else is configured.
const BATCH: usize = 500;

sol! {
    struct Call3 { address target; bool allowFailure; bytes callData; }
    function aggregate3(Call3[] calls) external payable;
    function getBlockNumber() external view;
    function getEthBalance(address addr) external view;
    function balanceOf(address owner) external view;
    function allowance(address owner, address spender) external view;
}

pub struct Bare {
    connection: Connection,
    body: String,
}

#[derive(Deserialize)]
struct Reply {
    #[serde(rename = "result")]
    _result: IgnoredAny,
}

impl Bare {
    /// To the node at this URL, about these tokens of the wallet that asks.
    pub async fn to(url: &str, tokens: &[String]) -> Result<Self, Fault> {
        let calls = reads(tokens)?.chunks(BATCH).map(aggregate).collect::<Result<Vec<_>, _>>()?;
        let mut requests: Vec<Value> = (0..).zip(&calls).map(|(id, call)| request(id, call)).collect();
        let body = if requests.len() == 1 { requests.remove(0) } else { json!(requests) };
        let connection = Connection::open(url.trim_start_matches("http://")).await?;
        Ok(Self { connection, body: body.to_string() })
    }

    pub async fn ask(&mut self) -> Result<&[u8], Fault> {
        self.connection.post("/", &self.body).await
    }

    /// The same, and sees that every call was answered with a result.
    pub async fn ask_for_results(&mut self) -> Result<(), Fault> {
        let answer = self.ask().await?;
        if answer.starts_with(b"[") {
            serde_json::from_slice::<Vec<Reply>>(answer)?;
        } else {
            serde_json::from_slice::<Reply>(answer)?;
        }
        Ok(())
    }
}

/// The native coin, then balance and allowance of each token.
fn reads(tokens: &[String]) -> Result<Vec<Call3>, Fault> {
    let (owner, spender, multicall) = (word(&gateway::owner()?), parse(PERMIT2)?, parse(MULTICALL)?);
    let mut reads = vec![read(multicall, &getEthBalanceCall { addr: owner })];
    for token in tokens {
        let token = parse(token)?;
        reads.push(read(token, &balanceOfCall { owner }));
        reads.push(read(token, &allowanceCall { owner, spender }));
    }
    Ok(reads)
}

/// The number of the block, and some of the reads.
fn aggregate(reads: &[Call3]) -> Result<String, Fault> {
    let number = read(parse(MULTICALL)?, &getBlockNumberCall {});
    let calls = std::iter::once(number).chain(reads.iter().cloned()).collect();
    Ok(format!("0x{}", hex::encode(aggregate3Call { calls }.abi_encode())))
}

fn read(target: Word, call: &impl SolCall) -> Call3 {
    Call3 { target, allowFailure: true, callData: call.abi_encode().into() }
}

fn request(id: usize, data: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": "eth_call", "params": [{"to": MULTICALL, "data": data}, "latest"]})
}

fn parse(address: &str) -> Result<Word, Fault> {
    Address::parse(address).map(|address| word(&address)).map_err(|_| Fault(format!("{address} is no address")))
}

fn word(address: &Address) -> Word {
    Word::from(*address.as_bytes())
}
