//! EVM addresses: reading the three spellings that are allowed, writing the one of EIP-55.

use std::fmt;

use sha3::{Digest, Keccak256};

use super::error::{Error, Malformed};

/// The address of an EVM account: the last 20 bytes of the Keccak-256 hash of its public key.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Address([u8; 20]);

impl Address {
    /// Wraps 20 bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }

    /// Reads `0x` and 40 hex digits: all lower case, all upper case, or mixed case with a correct EIP-55 checksum.
    ///
    /// # Errors
    /// [`Malformed::Address`] for anything else; a wrong checksum is named, since it mostly means a mistyped digit.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let digits = text.strip_prefix("0x").ok_or(Error::Malformed(Malformed::Address(SHAPE)))?;
        let mut bytes = [0; 20];
        hex::decode_to_slice(digits, &mut bytes).map_err(|_| Error::Malformed(Malformed::Address(SHAPE)))?;
        let address = Self(bytes);
        let has = |of: fn(&u8) -> bool| digits.as_bytes().iter().any(of);
        let mixed = has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase);
        if mixed && address.checksummed() != text {
            return Err(Error::Malformed(Malformed::Address(CHECKSUM)));
        }
        Ok(address)
    }

    /// The 20 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 20] {
        &self.0
    }

    /// The address in the mixed case of EIP-55: a letter is upper case where the hash of the lower-case text says so.
    #[must_use]
    pub fn checksummed(&self) -> String {
        let mut text = [0; 42];
        text[..2].copy_from_slice(b"0x");
        // 20 bytes always fill 40 digits; the result can't be an error.
        let _ = hex::encode_to_slice(self.0, &mut text[2..]);
        let hash = Keccak256::digest(&text[2..]);
        for (position, digit) in text[2..].iter_mut().enumerate() {
            let nibble = hash[position / 2] >> if position % 2 == 0 { 4 } else { 0 };
            if nibble & 0x8 != 0 {
                digit.make_ascii_uppercase();
            }
        }
        String::from_utf8_lossy(&text).into_owned()
    }

    /// The account id of CAIP-10 on Ethereum mainnet, by which a key wallet goes whatever chain it is used on.
    #[must_use]
    pub fn caip10(&self) -> String {
        format!("eip155:1:{self}")
    }
}

const SHAPE: &str = "an EVM address is 0x and 40 hex digits";
const CHECKSUM: &str = "the mixed case of this address is not its EIP-55 checksum: check it for a mistyped digit";

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.checksummed())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_eip_55_survive_the_round_trip() {
        for text in [
            "0x52908400098527886E0F7030069857D2E4169EE7",
            "0xde709f2102306220921060314715629080e2fb77",
            "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
            "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
            "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
            "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
        ] {
            assert_eq!(Address::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn one_case_is_accepted_and_a_wrong_mixed_case_is_not() {
        let right = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";
        assert_eq!(Address::parse(&right.to_lowercase()).unwrap().to_string(), right);
        let upper = format!("0x{}", right[2..].to_uppercase());
        assert_eq!(Address::parse(&upper).unwrap().to_string(), right);
        assert!(Address::parse("0x5aaeb6053F3E94C9b9A09f33669435E7Ef1BeAed").is_err());
    }

    #[test]
    fn what_is_not_an_address_is_refused() {
        for text in [
            "",
            "0x",
            "5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
            "0X5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
            "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAe",
            "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed00",
            "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeg",
            " 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
            "0xàààààààààààààààààààà",
        ] {
            assert!(Address::parse(text).is_err(), "{text}");
        }
    }
}
