//! Chains for the length of a test: anvil as a process of its own, with Multicall3 where every chain has it.

pub mod abi;
mod contracts;
mod proxy;
mod seen;

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use countersign::clock::Timestamp;
use serde_json::{Value, json};

use super::process::{Lines, Watchdog, poll};
use super::{http, parts};

pub use contracts::Habit;
pub use proxy::{Mood, Proxy};

/// Where Multicall3 is, on every chain.
pub const MULTICALL: &str = "0xcA11bde05977b3631167028862bE2a173976CA11";
/// Its code; `fixtures/evm/README.md` says whence.
pub const MULTICALL_CODE: &str = include_str!("../../../fixtures/evm/multicall3.runtime.hex");
/// The account that pays for everything. anvil holds its key.
const BANK: &str = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
/// As much gas as geth grants an `eth_call`, so that what burns all of it burns as much as elsewhere.
const GAS: &str = "50000000";
/// How long a start, or a transaction, may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running chain. Dropping it kills it.
pub struct Chain {
    /// Its id.
    pub id: u64,
    /// Where its node is: `http://127.0.0.1:PORT`.
    pub url: String,
    child: Child,
    watchdog: Option<Watchdog>,
    /// Read to its end, or anvil would wait for a reader.
    said: Lines,
}

impl Chain {
    /// Starts a chain whose first block is of now.
    pub fn start(id: u64) -> Self {
        Self::start_with(id, GAS, &[])
    }

    /// Starts a chain whose first block is of `time`, from which its clock goes on.
    pub fn start_at(id: u64, time: Timestamp) -> Self {
        Self::start_with(id, GAS, &["--timestamp", &time.seconds().to_string()])
    }

    /// The same with so much gas for a call that a contract may return what it likes.
    pub fn start_generous(id: u64, time: Timestamp) -> Self {
        Self::start_with(id, "20000000000", &["--timestamp", &time.seconds().to_string()])
    }

    fn start_with(id: u64, gas: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new(parts::anvil());
        command.args(["--host", "127.0.0.1", "--port", "0", "--chain-id", &id.to_string(), "--gas-limit", gas]);
        // Questions after thousands of tokens are larger than anvil expects.
        command.arg("--no-request-size-limit").args(arguments).current_dir(env!("CARGO_TARGET_TMPDIR"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("anvil can be run");
        let watchdog = Some(Watchdog::over(&child));
        let said = Lines::of(child.stdout.take().expect("stdout is piped"));
        let mut chain = Self { id, url: String::new(), child, watchdog, said };
        let address = poll(PATIENCE, || chain.where_it_listens());
        chain.url = format!("http://{}", address.expect("anvil says where it listens"));
        chain.set_code(MULTICALL, MULTICALL_CODE.trim_end());
        chain
    }

    /// Takes Multicall3 away, as on the few chains that have none.
    pub fn without_multicall(self) -> Self {
        self.set_code(MULTICALL, "0x");
        self
    }

    /// Puts a contract where Arbitrum's chains have theirs, which tells this number of a block whatever it is asked.
    pub fn with_arb_sys(self, number: u32) -> Self {
        self.set_code("0x0000000000000000000000000000000000000064", &format!("0x63{number:08x}5f5260205ff3"));
        self
    }

    /// Asks the node, which has to have an answer.
    #[track_caller]
    pub fn ask(&self, method: &str, params: &Value) -> Value {
        ask(&self.url, method, params).unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    /// Gives `owner` this many wei, in decimals, instead of what it has.
    pub fn give_native(&self, owner: &str, wei: &str) {
        self.ask("anvil_setBalance", &json!([owner, abi::hex(&[abi::uint(wei)])]));
    }

    /// The time of the latest block, in seconds since the epoch. It stands still until the next block.
    pub fn now(&self) -> u64 {
        let block = self.ask("eth_getBlockByNumber", &json!(["latest", false]));
        number(&block["timestamp"])
    }

    /// The number of the latest block.
    pub fn height(&self) -> u64 {
        number(&self.ask("eth_blockNumber", &json!([])))
    }

    /// Lets this much time pass, and makes a block after it.
    pub fn pass(&self, span: Duration) {
        self.ask("evm_increaseTime", &json!([span.as_secs()]));
        self.ask("evm_mine", &json!([]));
    }

    /// What viem reads on this chain, one question for each fact: `tests/real/balances.mjs` says what can be asked.
    pub fn according_to_viem(&self, question: &Value) -> Value {
        let printed = parts::node(&parts::script("balances.mjs"), &[&self.url, &question.to_string()]);
        serde_json::from_str(&printed).expect("JSON from balances.mjs")
    }

    fn set_code(&self, address: &str, code: &str) {
        self.ask("anvil_setCode", &json!([address, code]));
    }

    /// Has the bank send a transaction, which has to succeed, and returns its receipt.
    #[track_caller]
    fn transact(&self, mut transaction: Value) -> Value {
        transaction["from"] = json!(BANK);
        let hash = self.ask("eth_sendTransaction", &json!([transaction]));
        let receipt = poll(PATIENCE, || {
            let receipt = self.ask("eth_getTransactionReceipt", &json!([hash]));
            (!receipt.is_null()).then_some(receipt)
        });
        let receipt = receipt.expect("anvil mines at once");
        assert_eq!(receipt["status"], "0x1", "the transaction failed: {transaction}");
        receipt
    }

    fn where_it_listens(&mut self) -> Option<String> {
        let ended = self.child.try_wait().expect("the state of a child");
        assert!(ended.is_none(), "anvil ended at its start: {:?}", self.said.so_far());
        let lines = self.said.so_far();
        lines.iter().find_map(|line| line.strip_prefix("Listening on ").map(str::to_owned))
    }
}

impl Drop for Chain {
    fn drop(&mut self) {
        // Nothing in here may panic: a test that fails is unwinding already.
        self.child.kill().ok();
        if let Some(watchdog) = self.watchdog.take() {
            watchdog.dismiss();
        }
        self.child.wait().ok();
    }
}

/// Asks the node at `url` one thing.
///
/// # Errors
/// The JSON-RPC error that it answers instead.
pub fn ask(url: &str, method: &str, params: &Value) -> Result<Value, Value> {
    let mut answer = post(url, &json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}));
    match answer.get_mut("error") {
        Some(error) => Err(error.take()),
        None => Ok(answer["result"].take()),
    }
}

/// The latest answer of a contract, as hex, through the node at `url`.
///
/// # Errors
/// As [`ask`]: also if the contract reverts.
pub fn view(url: &str, contract: &str, data: &str) -> Result<String, Value> {
    let answer = ask(url, "eth_call", &json!([{"to": contract, "data": data}, "latest"]))?;
    Ok(answer.as_str().expect("bytes in hex").to_owned())
}

/// Posts a JSON-RPC question, or a list of them, and returns the answer.
pub fn post(url: &str, question: &Value) -> Value {
    let answer = http::send(url, "POST", "/", &[], &question.to_string());
    serde_json::from_str(&answer.body).unwrap_or_else(|error| panic!("{error}: {answer:?}"))
}

/// A JSON-RPC quantity.
fn number(quantity: &Value) -> u64 {
    let digits = quantity.as_str().and_then(|text| text.strip_prefix("0x")).expect("a quantity");
    u64::from_str_radix(digits, 16).expect("a small quantity")
}
