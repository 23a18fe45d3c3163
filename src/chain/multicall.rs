//! Many reads of contracts in one `eth_call`, by Multicall3 (`aggregate3`, each read allowed to fail).

use alloy::primitives::{Bytes, U256};
use alloy::sol;
use alloy::sol_types::SolCall;
use alloy::sol_types::abi::AbiDecoderConfig;
use serde_json::Value;

use super::rpc::{Answer, Call};
use crate::model::Address;

sol! {
    /// Multicall3, as deployed at the same address on most chains.
    interface IMulticall3 {
        struct Call3 { address target; bool allowFailure; bytes callData; }
        struct Result { bool success; bytes returnData; }
        function aggregate3(Call3[] calls) external payable returns (Result[] returnData);
        function getBlockNumber() external view returns (uint256 blockNumber);
        function getEthBalance(address addr) external view returns (uint256 balance);
    }

    /// Of Arbitrum's chains, at an address of its own.
    interface IArbSys {
        function arbBlockNumber() external view returns (uint256);
    }

    /// ERC-20.
    interface IERC20 {
        function balanceOf(address owner) external view returns (uint256);
        function allowance(address owner, address spender) external view returns (uint256);
    }

    /// A price feed of Chainlink.
    interface IAggregator {
        function decimals() external view returns (uint8);
        function latestRoundData() external view
            returns (uint80 roundId, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 answeredInRound);
    }
}

/// The most memory that taking an answer apart may use: results that overlap can name much more than was sent.
const MOST_MEMORY: usize = 32 * 1024 * 1024;

/// The chains of Arbitrum: to a contract there, the number of the block is about that of the chain below.
const ARBITRUM: [u64; 3] = [42_161, 42_170, 421_614];

/// What knows the number of a block on those.
const ARB_SYS: Address = {
    let mut bytes = [0; 20];
    bytes[19] = 0x64;
    Address::new(bytes)
};

/// A chain's Multicall3.
#[derive(Clone, Debug)]
pub(super) struct Multicall {
    pub(super) address: Address,
    /// What says the number of the block: the first one that gives a number.
    numbers: Vec<Read>,
}

/// What is asked of every token after one wallet, encoded once.
pub(super) struct Questions {
    balance: Bytes,
    allowance: Bytes,
}

impl Questions {
    pub(super) fn after(owner: Address, spender: Address) -> Self {
        let (owner, spender) = (to_alloy(owner), to_alloy(spender));
        Self {
            balance: IERC20::balanceOfCall { owner }.abi_encode().into(),
            allowance: IERC20::allowanceCall { owner, spender }.abi_encode().into(),
        }
    }

    /// Balance and allowance of a token.
    pub(super) fn to(&self, token: Address) -> [Read; 2] {
        [&self.balance, &self.allowance].map(|data| Read::Contract { target: token, data: data.clone() })
    }
}

/// One thing to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// How much of the native coin this address has.
    Native(Address),
    /// What a contract returns.
    Contract {
        /// The contract.
        target: Address,
        /// Function and arguments, by the ABI.
        data: Bytes,
    },
}

/// What a read gave; `None` if the contract refused it or the node did not say.
pub(super) type Returned = Option<Vec<u8>>;

pub(super) fn to_alloy(address: Address) -> alloy::primitives::Address {
    alloy::primitives::Address::from(*address.as_bytes())
}

impl Read {
    fn of(target: Address, call: &impl SolCall) -> Self {
        Self::Contract { target, data: call.abi_encode().into() }
    }

    pub(super) fn feed_decimals(feed: Address) -> Self {
        Self::of(feed, &IAggregator::decimalsCall {})
    }

    pub(super) fn latest_round(feed: Address) -> Self {
        Self::of(feed, &IAggregator::latestRoundDataCall {})
    }

    /// The contract that answers it, if one does.
    pub(super) fn target(&self) -> Option<Address> {
        match self {
            Self::Native(_) => None,
            Self::Contract { target, .. } => Some(*target),
        }
    }

    /// The call that does this read alone, at `block`.
    pub(super) fn alone(&self, block: &str) -> Call {
        match self {
            Self::Native(owner) => {
                Call { method: "eth_getBalance", params: format!(r#"["{}","{block}"]"#, hex(owner.as_bytes())) }
            }
            Self::Contract { target, data } => eth_call(*target, data, block),
        }
    }

    fn in_multicall(&self, multicall: Address) -> IMulticall3::Call3 {
        let (target, data) = match self {
            Self::Native(owner) => {
                (multicall, IMulticall3::getEthBalanceCall { addr: to_alloy(*owner) }.abi_encode().into())
            }
            Self::Contract { target, data } => (*target, data.clone()),
        };
        IMulticall3::Call3 { target: to_alloy(target), allowFailure: true, callData: data }
    }
}

impl Multicall {
    pub(super) fn new(address: Address, chain_id: u64) -> Self {
        let of_the_chain = ARBITRUM.contains(&chain_id).then(|| Read::of(ARB_SYS, &IArbSys::arbBlockNumberCall {}));
        let numbers =
            of_the_chain.into_iter().chain([Read::of(address, &IMulticall3::getBlockNumberCall {})]).collect();
        Self { address, numbers }
    }

    /// One `eth_call` for the number of the block and all of `reads`.
    pub(super) fn aggregate<'a>(&'a self, reads: impl Iterator<Item = &'a Read>) -> Call {
        let calls = self.numbers.iter().chain(reads).map(|read| read.in_multicall(self.address)).collect();
        let data = IMulticall3::aggregate3Call { calls }.abi_encode();
        eth_call(self.address, &data, "latest")
    }

    /// The block, and what each of `count` reads gave; `None` if that is not what came.
    pub(super) fn disaggregate(&self, answer: &Value, count: usize) -> Option<(u64, Vec<Returned>)> {
        let config = AbiDecoderConfig::new().memory_limit(MOST_MEMORY);
        let results = IMulticall3::aggregate3Call::abi_decode_returns_with_config(&bytes(answer)?, config).ok()?;
        let mut returned = results.into_iter().map(|result| result.success.then(|| result.returnData.to_vec()));
        let numbers: Vec<Returned> = returned.by_ref().take(self.numbers.len()).collect();
        let block = numbers.iter().find_map(word)?.try_into().ok()?;
        let returned: Vec<_> = returned.collect();
        (returned.len() == count).then_some((block, returned))
    }
}

fn eth_call(target: Address, data: &[u8], block: &str) -> Call {
    let params = format!(r#"[{{"to":"{}","data":"{}"}},"{block}"]"#, hex(target.as_bytes()), hex(data));
    Call { method: "eth_call", params }
}

fn hex(bytes: &[u8]) -> String {
    alloy::primitives::hex::encode_prefixed(bytes)
}

/// What a read gave that was done alone.
pub(super) fn returned(read: &Read, answer: &Answer) -> Returned {
    let answer = answer.as_ref().ok()?;
    match read {
        Read::Native(_) => {
            let balance = U256::from_str_radix(answer.as_str()?.strip_prefix("0x")?, 16).ok()?;
            Some(balance.to_be_bytes::<32>().to_vec())
        }
        Read::Contract { .. } => bytes(answer),
    }
}

fn bytes(answer: &Value) -> Option<Vec<u8>> {
    alloy::primitives::hex::decode(answer.as_str()?.strip_prefix("0x")?).ok()
}

/// A number of 256 bits; `None` for anything but one word. An address without code returns nothing.
pub(super) fn word(returned: &Returned) -> Option<U256> {
    let word: &[u8; 32] = returned.as_deref()?.try_into().ok()?;
    Some(U256::from_be_bytes(*word))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_word_is_thirty_two_bytes_and_nothing_else() {
        assert_eq!(word(&Some(vec![0xFF; 32])), Some(U256::MAX));
        for returned in [None, Some(vec![]), Some(vec![1; 31]), Some(vec![1; 33]), Some(vec![1; 64])] {
            assert_eq!(word(&returned), None);
        }
    }

    #[test]
    fn reads_are_encoded_as_the_abi_says() {
        let address = |byte| Address::new([byte; 20]);
        let [balance, _] = Questions::after(address(2), address(4)).to(address(1));
        let balance: Value = serde_json::from_str(&balance.alone("latest").params).unwrap();
        let data = format!("0x70a08231{}{}", "00".repeat(12), "02".repeat(20));
        assert_eq!(balance, json!([{"to": format!("0x{}", "01".repeat(20)), "data": data}, "latest"]));
        let multicall = Multicall::new(address(3), 1);
        let call = multicall.aggregate([Read::Native(address(3))].iter());
        assert!(call.params.contains(r#""data":"0x82ad56cb"#));
        for garbage in [json!("0x"), json!("0x00"), json!(null), json!(format!("0x{}", "ff".repeat(64)))] {
            assert_eq!(multicall.disaggregate(&garbage, 1), None);
        }
    }
}
