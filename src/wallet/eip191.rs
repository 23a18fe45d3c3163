//! EIP-191 `personal_sign`: hash what was signed, recover who signed it. Small on purpose: read it all.

use k256::ecdsa::{RecoveryId, Signature as Ecdsa, VerifyingKey};
use sha3::{Digest, Keccak256};

use crate::model::Address;
use crate::model::error::SignatureFault;

/// Half of the order of secp256k1, rounded down. A larger s is the malleable twin of a smaller one (EIP-2).
const HALF_ORDER: [u8; 32] = [
    0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, //
    0x5D, 0x57, 0x6E, 0x73, 0x57, 0xA4, 0x50, 0x1D, 0xDF, 0xE9, 0x2F, 0x46, 0x68, 0x1B, 0x20, 0xA0,
];

/// The longest text that is looked at: `0x` and 65 bytes.
const LONGEST: usize = 2 + 65 * 2;

/// The hash that a wallet signs for `message`: version 0x45 of EIP-191. The prefix counts bytes, not characters.
#[must_use]
pub fn hash(message: &[u8]) -> [u8; 32] {
    let mut keccak = Keccak256::new();
    keccak.update(b"\x19Ethereum Signed Message:\n");
    keccak.update(message.len().to_string());
    keccak.update(message);
    keccak.finalize().into()
}

/// A signature whose numbers are in range and whose s is the low one.
#[derive(Clone, Copy, Debug)]
pub struct Signature {
    ecdsa: Ecdsa,
    recovery: RecoveryId,
}

impl Signature {
    /// Reads `0x` and hex digits of 65 bytes (r, s, v with v of 0, 1, 27 or 28) or 64 (EIP-2098).
    ///
    /// # Errors
    /// [`SignatureFault`], never [`SignatureFault::Mismatch`].
    pub fn parse(text: &str) -> Result<Self, SignatureFault> {
        let digits = text.strip_prefix("0x").ok_or(SignatureFault::NotHex)?;
        if text.len() > LONGEST {
            let is_hex = digits.len() % 2 == 0 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
            return Err(if is_hex { SignatureFault::Length } else { SignatureFault::NotHex });
        }
        let mut bytes = [0; 65];
        let bytes = bytes.get_mut(..digits.len() / 2).ok_or(SignatureFault::Length)?;
        hex::decode_to_slice(digits, bytes).map_err(|_| SignatureFault::NotHex)?;
        match bytes.split_first_chunk::<64>() {
            Some((rs, [v])) => Self::of_parts(rs, *v),
            Some((rs, [])) => Self::of_compact(rs),
            _ => Err(SignatureFault::Length),
        }
    }

    fn of_parts(rs: &[u8; 64], v: u8) -> Result<Self, SignatureFault> {
        let odd_y = match v {
            0 | 27 => false,
            1 | 28 => true,
            _ => return Err(SignatureFault::RecoveryByte),
        };
        if rs[32..] > HALF_ORDER[..] {
            // A number that is no scalar at all is named as such first.
            return Err(Ecdsa::from_slice(rs).map_or(SignatureFault::OutOfRange, |_| SignatureFault::HighS));
        }
        let ecdsa = Ecdsa::from_slice(rs).map_err(|_| SignatureFault::OutOfRange)?;
        // Ethereum has no use for an r beyond the order of the curve, so the second bit of the id is always 0.
        Ok(Self { ecdsa, recovery: RecoveryId::new(odd_y, false) })
    }

    /// EIP-2098: the parity of y lies in the top bit of s, which a low s never needs.
    fn of_compact(rs: &[u8; 64]) -> Result<Self, SignatureFault> {
        let mut plain = *rs;
        plain[32] &= 0x7F;
        Self::of_parts(&plain, rs[32] >> 7)
    }

    /// The address whose key made this signature over `hash`; `None` if no key can have.
    #[must_use]
    pub fn recover(&self, hash: &[u8; 32]) -> Option<Address> {
        let key = VerifyingKey::recover_from_prehash(hash, &self.ecdsa, self.recovery).ok()?;
        // The address is the end of the hash of the point, without the byte that says "uncompressed".
        let digest = Keccak256::digest(&key.to_sec1_point(false).as_bytes()[1..]);
        digest.last_chunk::<20>().map(|bytes| Address::new(*bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the documentation of eth-account: "I♥SF", signed by the key b25c7d….
    const SIGNED: &str = "0xe6ca9bba58c88611fad66a6ce8f996908195593807c4b38bd528d2cff09d4eb3\
                          3e5bfbbf4d3e39b1a2fd816a7680c19ebebaf3a141b239934ad43cb33fcec8ce1c";
    const SIGNER: &str = "0x5ce9454909639D2D17A3F753ce7d93fa0b9aB12E";

    fn bytes() -> Vec<u8> {
        hex::decode(&SIGNED[2..]).unwrap()
    }

    fn recovered(bytes: &[u8]) -> Result<Option<Address>, SignatureFault> {
        Signature::parse(&format!("0x{}", hex::encode(bytes)))
            .map(|signature| signature.recover(&hash("I♥SF".as_bytes())))
    }

    fn signer() -> Address {
        Address::parse(SIGNER).unwrap()
    }

    #[test]
    fn the_prefix_counts_bytes() {
        assert_eq!(
            hex::encode(hash("I♥SF".as_bytes())),
            "1476abb745d423bf09273f1afd887d951181d25adc66c4834a70491911b7f750"
        );
    }

    #[test]
    fn both_conventions_of_v_and_the_compact_form_recover_the_signer() {
        let signature = bytes();
        assert_eq!(recovered(&signature), Ok(Some(signer())));
        let parity_only = [&signature[..64], &[1]].concat();
        assert_eq!(recovered(&parity_only), Ok(Some(signer())));
        let mut compact = signature[..64].to_vec();
        compact[32] |= 0x80;
        assert_eq!(recovered(&compact), Ok(Some(signer())));
        assert_ne!(recovered(&signature[..64]), Ok(Some(signer())));
    }

    #[test]
    fn what_is_malformed_is_named() {
        let signature = bytes();
        let with = |at: usize, part: &[u8]| {
            let mut changed = signature.clone();
            changed[at..at + part.len()].copy_from_slice(part);
            changed
        };
        let order = hex::decode("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141").unwrap();
        let table = [
            (with(64, &[2]), SignatureFault::RecoveryByte),
            (with(64, &[26]), SignatureFault::RecoveryByte),
            (with(64, &[29]), SignatureFault::RecoveryByte),
            (with(64, &[37]), SignatureFault::RecoveryByte),
            (with(0, &[0; 32]), SignatureFault::OutOfRange),
            (with(32, &[0; 32]), SignatureFault::OutOfRange),
            (with(0, &order), SignatureFault::OutOfRange),
            (with(32, &order), SignatureFault::OutOfRange),
            (with(32, &[0x80]), SignatureFault::HighS),
            (signature[..63].to_vec(), SignatureFault::Length),
            (with(0, &[1])[..32].to_vec(), SignatureFault::Length),
            ([&signature[..], &[0]].concat(), SignatureFault::Length),
            ([&signature[..], &[0; 10_000]].concat(), SignatureFault::Length),
            (Vec::new(), SignatureFault::Length),
        ];
        for (bytes, fault) in table {
            assert_eq!(recovered(&bytes).unwrap_err(), fault, "{}", hex::encode(&bytes));
        }
        for text in ["", "0", "0x0", "0xzz", &SIGNED[2..], &SIGNED[..131], &SIGNED.replace("0x", "0X"), "0xé"] {
            assert_eq!(Signature::parse(text).unwrap_err(), SignatureFault::NotHex, "{text}");
        }
    }

    #[test]
    fn the_malleable_twin_is_refused() {
        use k256::elliptic_curve::PrimeField;
        let signature = bytes();
        let s = k256::Scalar::from_repr(<[u8; 32]>::try_from(&signature[32..64]).unwrap().into()).unwrap();
        let twin = [&signature[..32], &(-s).to_bytes(), &[0x1B]].concat();
        assert_eq!(recovered(&twin), Err(SignatureFault::HighS));
    }
}
