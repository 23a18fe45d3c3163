//! A private key on the caller's side: for the command line, never for the gateway.

use k256::ecdsa::SigningKey;
use sha3::{Digest, Keccak256};
use zeroize::Zeroizing;

use super::eip191;
use crate::model::Address;

/// A wallet's private key. Its `Debug` says nothing; it is wiped when dropped.
pub struct PrivateKey(SigningKey);

impl PrivateKey {
    /// Takes over 32 secret bytes; `None` if they are not so many, zero, or not below the order of the curve.
    #[must_use]
    pub fn new(secret: &[u8]) -> Option<Self> {
        // The library would fill up a shorter one with zeros.
        let secret: &[u8; 32] = secret.try_into().ok()?;
        SigningKey::from_slice(secret).ok().map(Self)
    }

    /// Reads 64 hex digits, with or without `0x`, white space around them ignored.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let digits = text.strip_prefix("0x").unwrap_or(text);
        let mut secret = Zeroizing::new([0; 32]);
        hex::decode_to_slice(digits, &mut *secret).ok()?;
        Self::new(&*secret)
    }

    /// The wallet's address.
    #[must_use]
    pub fn address(&self) -> Address {
        let point = self.0.verifying_key().to_sec1_point(false);
        let digest = Keccak256::digest(&point.as_bytes()[1..]);
        let mut address = [0; 20];
        address.copy_from_slice(&digest[12..]);
        Address::new(address)
    }

    /// Signs a text as `personal_sign` does: `0x` and 65 bytes as hex, v of 27 or 28, s low.
    #[must_use]
    pub fn sign_message(&self, text: &str) -> String {
        let (signature, recovery) = self.0.sign_prehash_recoverable(&eip191::hash(text.as_bytes()));
        format!("0x{}{:02x}", hex::encode(signature.to_bytes()), 27 + recovery.to_byte())
    }
}

impl std::fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(crate::secret::MASK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The second account of every development chain.
    const KEY: &str = "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d";

    #[test]
    fn a_key_knows_its_address_and_what_it_signs_is_recovered_to_it() {
        let key = PrivateKey::parse(KEY).unwrap();
        assert_eq!(key.address().checksummed(), "0x70997970C51812dc3A010C7d01b50e0d17dc79C8");
        for text in ["", "0x00", "I♥SF"] {
            let signature = eip191::Signature::parse(&key.sign_message(text)).unwrap();
            assert_eq!(signature.recover(&eip191::hash(text.as_bytes())), Some(key.address()));
        }
        assert!(!format!("{key:?}").contains("59c6"));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let order = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
        for text in ["", "0x", "59c6", &"0".repeat(64), order, &KEY[..65], &format!("{KEY}00"), "not a key"] {
            assert!(PrivateKey::parse(text).is_none(), "{text}");
        }
        assert!(PrivateKey::parse(&format!(" {}\n", &KEY[2..])).is_some());
    }
}
