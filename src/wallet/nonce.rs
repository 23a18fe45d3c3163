//! Nonces that are derived, never stored: asking for one allocates nothing.

use std::time::Duration;

use aws_lc_rs::{constant_time, hmac};

use crate::clock::Timestamp;
use crate::crypto::root::{Keychain, RootKeys};
use crate::model::{AccountId, Address};

/// How long a window of wallet-bound nonces lasts. The current and the previous one are accepted.
pub const WINDOW: Duration = Duration::from_mins(5);

/// How long a free nonce is good.
pub const FREE_TTL: Duration = Duration::from_mins(10);

/// What a nonce may be signed for. A signature for one never does for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Signing in.
    SignIn,
    /// Linking this wallet to this account.
    Link {
        /// Whose wallet it becomes.
        account: AccountId,
        /// The wallet.
        wallet: Address,
    },
}

impl Purpose {
    /// What goes into the MAC. All of one purpose have one length, so no two purposes make the same bytes.
    fn bytes(self) -> Vec<u8> {
        match self {
            Self::SignIn => b"sign-in".to_vec(),
            Self::Link { account, wallet } => [&b"link"[..], account.0.as_bytes(), wallet.as_bytes()].concat(),
        }
    }
}

/// The number of the window that `now` is in.
#[must_use]
pub fn window(now: Timestamp) -> i64 {
    now.seconds().div_euclid(WINDOW.as_secs().cast_signed())
}

/// The nonce of a wallet: `0x` and the first 24 bytes of HMAC-SHA-256 over purpose, wallet, window and count.
/// 24 bytes, because 32 signed as bytes are also a transaction hash of some contract wallets.
#[must_use]
pub fn bare(keys: &RootKeys, purpose: Purpose, wallet: Address, window: i64, count: u64) -> String {
    let mut mac = hmac::Context::with_key(&keys.bare_nonce);
    let account = wallet.caip10();
    for part in [purpose.bytes().as_slice(), account.as_bytes()] {
        // Lengths first: no two inputs of different parts make the same bytes.
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac.update(&window.to_be_bytes());
    mac.update(&count.to_be_bytes());
    prefixed(&mac.sign().as_ref()[..24])
}

/// A nonce that is bound to no wallet: it carries its own expiry and a MAC; its one use is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FreeNonce {
    /// What tells it from others.
    pub id: [u8; 16],
    /// From when on it is refused.
    pub expires_at: Timestamp,
}

/// Why a free nonce is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FreeFault {
    /// It was not issued by this gateway for this purpose.
    Foreign,
    /// It was, too long ago.
    Expired,
}

const SIGNED: usize = 1 + 5 + 16;
const TAG: usize = 16;

impl FreeNonce {
    /// The nonce as text: `0x` and hex of root-secret version (1 byte), expiry in seconds (5), id (16), tag (16).
    #[must_use]
    pub fn encode(&self, keys: &RootKeys, purpose: Purpose) -> String {
        let mut bytes = [0; SIGNED + TAG];
        bytes[0] = keys.version();
        bytes[1..6].copy_from_slice(&self.expires_at.seconds().to_be_bytes()[3..]);
        bytes[6..SIGNED].copy_from_slice(&self.id);
        let tag = tag(keys, purpose, &bytes[..SIGNED]);
        bytes[SIGNED..].copy_from_slice(&tag.as_ref()[..TAG]);
        prefixed(&bytes)
    }

    /// Reads what [`FreeNonce::encode`] made, in its one spelling.
    ///
    /// # Errors
    /// [`FreeFault`].
    pub fn decode(keychain: &Keychain, purpose: Purpose, text: &str, now: Timestamp) -> Result<Self, FreeFault> {
        let digits = text.strip_prefix("0x").ok_or(FreeFault::Foreign)?;
        let mut bytes = [0; SIGNED + TAG];
        hex::decode_to_slice(digits, &mut bytes).map_err(|_| FreeFault::Foreign)?;
        // The text is what gets signed: another case of its letters would be another text for the same nonce.
        if digits.bytes().any(|digit| digit.is_ascii_uppercase()) {
            return Err(FreeFault::Foreign);
        }
        let (signed, given) = bytes.split_at(SIGNED);
        let keys = keychain.of_version(signed[0]).ok_or(FreeFault::Foreign)?;
        let expected = tag(keys, purpose, signed);
        constant_time::verify_slices_are_equal(&expected.as_ref()[..TAG], given).map_err(|_| FreeFault::Foreign)?;
        let mut seconds = [0; 8];
        seconds[3..].copy_from_slice(&signed[1..6]);
        let mut id = [0; 16];
        id.copy_from_slice(&signed[6..]);
        let nonce = Self { id, expires_at: Timestamp::from_seconds(i64::from_be_bytes(seconds)) };
        if now >= nonce.expires_at { Err(FreeFault::Expired) } else { Ok(nonce) }
    }
}

/// `0x` and hex digits.
fn prefixed(bytes: &[u8]) -> String {
    let mut text = vec![0; 2 + 2 * bytes.len()];
    text[..2].copy_from_slice(b"0x");
    // Two digits for each byte: it always fits, and digits are UTF-8.
    let _ = hex::encode_to_slice(bytes, &mut text[2..]);
    String::from_utf8(text).unwrap_or_default()
}

fn tag(keys: &RootKeys, purpose: Purpose, signed: &[u8]) -> hmac::Tag {
    let mut mac = hmac::Context::with_key(&keys.free_nonce);
    mac.update(signed);
    mac.update(&purpose.bytes());
    mac.sign()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::SecretBytes;

    const NOW: Timestamp = Timestamp::from_seconds(1_767_225_600);
    const WALLET: Address = Address::new([7; 20]);

    fn chain() -> Keychain {
        let keys = |version| RootKeys::new(version, &SecretBytes::new([version; 32]));
        Keychain::new(keys(2), vec![keys(1)])
    }

    #[test]
    fn a_bare_nonce_depends_on_everything_it_is_made_of() {
        let chain = chain();
        let mut all = vec![
            bare(chain.current(), Purpose::SignIn, WALLET, 1, 0),
            bare(chain.current(), Purpose::SignIn, WALLET, 2, 0),
            bare(chain.current(), Purpose::SignIn, WALLET, 1, 1),
            bare(chain.current(), Purpose::SignIn, Address::new([8; 20]), 1, 0),
            bare(chain.of_version(1).unwrap(), Purpose::SignIn, WALLET, 1, 0),
        ];
        assert!(all.iter().all(|nonce| nonce.len() == 2 + 48));
        assert_eq!(all[0], bare(chain.current(), Purpose::SignIn, WALLET, 1, 0));
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 5);
    }

    #[test]
    fn a_free_nonce_survives_the_round_trip_until_it_expires() {
        let chain = chain();
        let nonce = FreeNonce { id: [9; 16], expires_at: NOW + FREE_TTL };
        for keys in chain.all() {
            let text = nonce.encode(keys, Purpose::SignIn);
            assert_eq!(FreeNonce::decode(&chain, Purpose::SignIn, &text, NOW), Ok(nonce));
            let end = FreeNonce::decode(&chain, Purpose::SignIn, &text, NOW + FREE_TTL);
            assert_eq!(end, Err(FreeFault::Expired));
        }
    }

    #[test]
    fn every_changed_character_of_a_free_nonce_is_refused() {
        let chain = chain();
        let nonce = FreeNonce { id: [9; 16], expires_at: NOW + FREE_TTL };
        let text = nonce.encode(chain.current(), Purpose::SignIn);
        for at in 0..text.len() {
            for other in ['0', '1', 'a', 'F', 'g'] {
                let changed = format!("{}{other}{}", &text[..at], &text[at + 1..]);
                let same = changed == text;
                assert!(same || FreeNonce::decode(&chain, Purpose::SignIn, &changed, NOW).is_err(), "{changed}");
            }
        }
        assert!(FreeNonce::decode(&chain, Purpose::SignIn, &text.to_uppercase(), NOW).is_err());
        assert!(FreeNonce::decode(&chain, Purpose::SignIn, "", NOW).is_err());
    }
}
