//! Who signed: decides whether a signature proves a wallet, and knows nothing of accounts.

pub mod eip191;
pub mod keystore;
pub mod nonce;
pub mod signer;
pub mod siwe;

use siwe::Message;

use crate::model::Address;
use crate::model::error::SignatureFault;

/// What a signature has to prove. Nothing within is optional.
#[derive(Clone, Copy, Debug)]
pub enum Expected<'a> {
    /// That `address` signed one of `nonces`, each `0x` and hex digits, by itself.
    Bare {
        /// The wallet that is claimed.
        address: Address,
        /// The nonces that will do; the likeliest first, since each try costs a recovery.
        nonces: &'a [String],
    },
    /// That the address that a message names signed it.
    Message {
        /// The message, as it was read.
        message: &'a Message,
        /// The bytes that were read: what is hashed is what came in, never a message printed anew.
        text: &'a str,
    },
}

/// A wallet that proved itself. Only [`verify`] makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerifiedWallet {
    address: Address,
    nonce: usize,
}

impl VerifiedWallet {
    /// The wallet's address.
    #[must_use]
    pub const fn address(&self) -> Address {
        self.address
    }

    /// Which of the expected nonces was signed, by its position.
    #[must_use]
    pub const fn nonce(&self) -> usize {
        self.nonce
    }
}

/// Checks a signature against what it has to prove.
///
/// Wallets disagree on what "sign this 0x string" means: ethers and viem sign its text, web3.js and a bare
/// `personal_sign` sign the bytes that it encodes. Both count: the two never collide, since their lengths differ
/// and EIP-191 signs the length too.
///
/// # Errors
/// [`SignatureFault`] says what is wrong; [`SignatureFault::Mismatch`] if it is a signature of something else.
pub fn verify(signature: &str, expected: Expected<'_>) -> Result<VerifiedWallet, SignatureFault> {
    let signature = eip191::Signature::parse(signature)?;
    let (address, nonces) = match expected {
        Expected::Bare { address, nonces } => (address, nonces),
        Expected::Message { message, text } => {
            return match signature.recover(&eip191::hash(text.as_bytes())) {
                Some(signer) if signer == message.address => Ok(VerifiedWallet { address: signer, nonce: 0 }),
                Some(signer) => Err(SignatureFault::SignedBy(signer)),
                None => Err(SignatureFault::Mismatch),
            };
        }
    };
    for (position, nonce) in nonces.iter().enumerate() {
        let signed_text = signature.recover(&eip191::hash(nonce.as_bytes())) == Some(address);
        if signed_text || signature.recover(&eip191::hash(&encoded_bytes(nonce))) == Some(address) {
            return Ok(VerifiedWallet { address, nonce: position });
        }
    }
    Err(SignatureFault::Mismatch)
}

/// The bytes that a `0x` string encodes. Nonces are made here, so they always decode; an empty result proves nothing
/// that the text did not.
fn encoded_bytes(nonce: &str) -> Vec<u8> {
    nonce.strip_prefix("0x").and_then(|digits| hex::decode(digits).ok()).unwrap_or_else(|| nonce.as_bytes().to_vec())
}
