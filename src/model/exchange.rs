//! The exchanges that an account may prefer.

/// An exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exchange {
    /// Hyperliquid.
    Hyperliquid,
    /// Binance.
    Binance,
}

impl Exchange {
    /// Its name, as it is chosen and stored.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hyperliquid => "hyperliquid",
            Self::Binance => "binance",
        }
    }

    /// The exchange of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Hyperliquid, Self::Binance].into_iter().find(|exchange| exchange.name() == name)
    }
}
