//! A free nonce: nobody without the root secret writes one.

#![no_main]

use std::sync::LazyLock;

use countersign::clock::Timestamp;
use countersign::crypto::root::{Keychain, RootKeys};
use countersign::secret::SecretBytes;
use countersign::wallet::nonce::{FreeFault, FreeNonce, Purpose};
use libfuzzer_sys::fuzz_target;

static CHAIN: LazyLock<Keychain> =
    LazyLock::new(|| Keychain::new(RootKeys::new(1, &SecretBytes::new([0xA5; 32])), Vec::new()));

fuzz_target!(|input: (&str, [u8; 38])| {
    let (text, bytes) = input;
    let now = Timestamp::from_seconds(0);
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    for text in [text, &format!("0x{digits}"), &format!("0x01{}", &digits[2..])] {
        assert_eq!(FreeNonce::decode(&CHAIN, Purpose::SignIn, text, now), Err(FreeFault::Foreign));
    }
});
