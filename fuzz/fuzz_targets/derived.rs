//! Refresh tokens and API keys: nobody without the root secret writes one.

#![no_main]

use std::sync::LazyLock;

use countersign::crypto::derived::{Kind, verify};
use countersign::crypto::root::{Keychain, RootKeys};
use countersign::secret::SecretBytes;
use libfuzzer_sys::fuzz_target;

static CHAIN: LazyLock<Keychain> =
    LazyLock::new(|| Keychain::new(RootKeys::new(1, &SecretBytes::new([0xA5; 32])), Vec::new()));

fuzz_target!(|text: &str| {
    // With the prefixes and the version 1 in place, so that the search begins behind them.
    for token in [text, &format!("csr_AQ{text}"), &format!("csk_AQ{text}")] {
        for kind in [Kind::Refresh, Kind::ApiKey] {
            assert!(verify(kind, &CHAIN, token).is_err());
        }
    }
});
