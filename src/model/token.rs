//! Tokens: what is known of one before any chain is asked, and what a token without an entry or a logo gets.

use super::Address;

/// A token of a configured list, or a chain's native coin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// The chain that it is on (EIP-155).
    pub chain_id: u64,
    /// Its contract, or [`Token::NATIVE`].
    pub address: Address,
    /// Its symbol as the list says: the contract is not asked, since it may say anything.
    pub symbol: String,
    /// Its name as the list says.
    pub name: String,
    /// How many digits of a balance stand behind the point.
    pub decimals: u8,
    /// The URI of its logo, if the list has one.
    pub logo: Option<String>,
}

/// The chains whose native coin is not Ether: id, symbol, name. A token list that has an entry for
/// [`Token::NATIVE`] decides for its chain instead.
const COINS: [(u64, &str, &str); 8] = [
    (56, "BNB", "BNB"),
    (100, "XDAI", "xDAI"),
    (137, "POL", "POL"),
    (146, "S", "Sonic"),
    (5_000, "MNT", "MNT"),
    (42_220, "CELO", "CELO"),
    (43_114, "AVAX", "Avalanche"),
    (80_094, "BERA", "BERA Token"),
];

impl Token {
    /// What stands for a chain's native coin where an address is needed.
    pub const NATIVE: Address = Address::new([0xEE; 20]);

    /// Where the gateway has the logo of a token that has none.
    pub const LOGO_PATH: &str = "/assets/token.svg";

    /// The native coin of a chain: Ether, unless it is known to be another one.
    #[must_use]
    pub fn native(chain_id: u64) -> Self {
        let coin = COINS.iter().find(|(id, ..)| *id == chain_id);
        let (symbol, name) = coin.map_or(("ETH", "Ether"), |(_, symbol, name)| (symbol, name));
        Self {
            chain_id,
            address: Self::NATIVE,
            symbol: symbol.to_owned(),
            name: name.to_owned(),
            decimals: 18,
            logo: None,
        }
    }

    /// Whether this is a chain's native coin, which has no contract.
    #[must_use]
    pub fn is_native(&self) -> bool {
        self.address == Self::NATIVE
    }

    /// The URI of its logo: its own, or `common`, the one that the gateway has for all.
    #[must_use]
    pub fn logo_or<'a>(&'a self, common: &'a str) -> &'a str {
        self.logo.as_deref().unwrap_or(common)
    }

    /// The URI of the logo that the gateway at `public_url` has for all.
    #[must_use]
    pub fn common_logo(public_url: &str) -> String {
        format!("{public_url}{}", Self::LOGO_PATH)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_native_coin_has_the_address_that_others_use_too() {
        assert_eq!(Token::NATIVE.checksummed(), "0xEeeeeEeeeEeEeeEeEeEeeEEEeeeeEeeeeeeeEEeE");
        assert!(Token::native(1).is_native());
    }

    #[test]
    fn the_native_coin_is_ether_unless_another_one_is_known() {
        let symbol = |chain| Token::native(chain).symbol;
        assert_eq!([1, 10, 8453, 42161, 31337].map(symbol), ["ETH"; 5]);
        assert_eq!([137, 56, 43114].map(symbol), ["POL", "BNB", "AVAX"]);
    }

    #[test]
    fn a_token_without_a_logo_gets_the_gateways() {
        let mut token = Token::native(1);
        let common = Token::common_logo("https://id.example");
        assert_eq!(token.logo_or(&common), "https://id.example/assets/token.svg");
        token.logo = Some("ipfs://Qm".to_owned());
        assert_eq!(token.logo_or(&common), "ipfs://Qm");
    }
}
