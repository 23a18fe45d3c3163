//! As much of the contract ABI as the calls of tests need, written apart from the gateway's own.

use countersign::model::Address;
use sha3::{Digest, Keccak256};

/// An argument: all that are used here take one word.
pub type Word = [u8; 32];

/// The largest uint256.
pub const MAX: &str = "115792089237316195423570985008687907853269984665640564039457584007913129639935";

/// An unsigned integer in decimals.
#[track_caller]
pub fn uint(decimals: &str) -> Word {
    let mut word = [0; 32];
    for digit in decimals.chars() {
        let mut carry = digit.to_digit(10).expect("decimals");
        for byte in word.iter_mut().rev() {
            carry += u32::from(*byte) * 10;
            *byte = carry.to_le_bytes()[0];
            carry >>= 8;
        }
        assert_eq!(carry, 0, "{decimals} is no uint256");
    }
    word
}

/// A signed integer.
pub fn int(number: i128) -> Word {
    let mut word = if number < 0 { [0xff; 32] } else { [0; 32] };
    word[16..].copy_from_slice(&number.to_be_bytes());
    word
}

/// An address.
#[track_caller]
pub fn address(text: &str) -> Word {
    let mut word = [0; 32];
    word[12..].copy_from_slice(Address::parse(text).expect("an address").as_bytes());
    word
}

/// A short text, as `bytes32`.
pub fn text(text: &str) -> Word {
    let mut word = [0; 32];
    word[..text.len()].copy_from_slice(text.as_bytes());
    word
}

/// The data of a call: of `balanceOf(address)` and an address, say.
pub fn call(signature: &str, arguments: &[Word]) -> String {
    let selector = &Keccak256::digest(signature)[..4];
    format!("0x{}{}", hex::encode(selector), hex::encode(arguments.concat()))
}

/// Words as an answer has them.
pub fn hex(words: &[Word]) -> String {
    format!("0x{}", hex::encode(words.concat()))
}
