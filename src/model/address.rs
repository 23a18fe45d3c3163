//! EVM addresses: reading the three spellings that are allowed, writing the one of EIP-55.

use std::fmt;
use std::hash::{Hash, Hasher};

use sha3::{Digest, Keccak256};

use super::error::{Error, Malformed};

/// The address of an EVM account: the last 20 bytes of the Keccak-256 hash of its public key.
#[derive(Clone, Copy)]
pub struct Address {
    bytes: [u8; 20],
    /// Known of what was read from text, since that had to be checked: to find them takes a hash, and one sign-in
    /// writes its address a dozen times.
    capitals: Option<Capitals>,
}

/// Which of the 40 digits EIP-55 writes in upper case, if they are letters: one bit each, the first one on top.
type Capitals = [u8; 5];

/// `0x` and 40 digits.
type Text = [u8; 42];

impl Address {
    /// Wraps 20 bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 20]) -> Self {
        Self { bytes, capitals: None }
    }

    /// Reads `0x` and 40 hex digits: all lower case, all upper case, or mixed case with a correct EIP-55 checksum.
    ///
    /// # Errors
    /// [`Malformed::Address`] for anything else; a wrong checksum is named, since it mostly means a mistyped digit.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let digits = text.strip_prefix("0x").ok_or(Error::Malformed(Malformed::Address(SHAPE)))?;
        let mut bytes = [0; 20];
        hex::decode_to_slice(digits, &mut bytes).map_err(|_| Error::Malformed(Malformed::Address(SHAPE)))?;
        let address = Self { bytes, capitals: Some(capitals(&lower_case(&bytes))) };
        let has = |of: fn(&u8) -> bool| digits.as_bytes().iter().any(of);
        let mixed = has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase);
        if mixed && address.text() != text.as_bytes() {
            return Err(Error::Malformed(Malformed::Address(CHECKSUM)));
        }
        Ok(address)
    }

    /// The 20 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 20] {
        &self.bytes
    }

    /// The address in the mixed case of EIP-55: a letter is upper case where the hash of the lower-case text says so.
    #[must_use]
    pub fn checksummed(&self) -> String {
        as_str(&self.text()).to_owned()
    }

    /// The account id of CAIP-10 on Ethereum mainnet, by which a key wallet goes whatever chain it is used on.
    #[must_use]
    pub fn caip10(&self) -> String {
        ["eip155:1:", as_str(&self.text())].concat()
    }

    fn text(&self) -> Text {
        let mut text = lower_case(&self.bytes);
        let capitals = self.capitals.unwrap_or_else(|| capitals(&text));
        for (position, digit) in text[2..].iter_mut().enumerate() {
            if capitals[position / 8] >> (7 - position % 8) & 1 == 1 {
                digit.make_ascii_uppercase();
            }
        }
        text
    }
}

fn lower_case(bytes: &[u8; 20]) -> Text {
    let mut text = [0; 42];
    text[..2].copy_from_slice(b"0x");
    // 20 bytes always fill 40 digits; the result can't be an error.
    let _ = hex::encode_to_slice(bytes, &mut text[2..]);
    text
}

/// The highest bit of each digit of the hash, as EIP-55 has it.
fn capitals(lower_case: &Text) -> Capitals {
    let hash = Keccak256::digest(&lower_case[2..]);
    std::array::from_fn(|at| {
        (0..4).fold(0, |bits, byte| {
            let two = hash[at * 4 + byte];
            bits << 2 | (two >> 7) << 1 | (two >> 3 & 1)
        })
    })
}

/// Digits and an x: it is always UTF-8.
fn as_str(text: &Text) -> &str {
    std::str::from_utf8(text).unwrap_or_default()
}

// An address is its bytes; what is known of its spelling besides makes no difference.
impl PartialEq for Address {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for Address {}

impl Hash for Address {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.bytes.hash(state);
    }
}

const SHAPE: &str = "an EVM address is 0x and 40 hex digits";
const CHECKSUM: &str = "the mixed case of this address is not its EIP-55 checksum: check it for a mistyped digit";

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(as_str(&self.text()))
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
    fn an_address_that_was_read_and_one_of_bytes_are_the_same_and_spelled_the_same() {
        for seed in 0..=255_u8 {
            let bytes = std::array::from_fn(|at| seed.wrapping_mul(31).wrapping_add(u8::try_from(at * 7).unwrap()));
            let made = Address::new(bytes);
            let text = made.checksummed();
            for spelling in [text.clone(), text.to_ascii_lowercase()] {
                let read = Address::parse(&spelling).unwrap();
                assert_eq!(read, made);
                assert_eq!((read.checksummed(), read.caip10()), (text.clone(), made.caip10()));
                assert!(std::collections::HashSet::from([made]).contains(&read));
            }
        }
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
