//! An access token, also behind a header of ours, and a public key of any coordinates: nothing is verified.

#![no_main]

use std::sync::LazyLock;
use std::time::Duration;

use countersign::clock::Timestamp;
use countersign::config::Algorithm;
use countersign::crypto::jwt::{Expected, verify};
use countersign::crypto::keyring::{Keyring, PublicKey, SigningKey};
use countersign::random::Random;
use libfuzzer_sys::fuzz_target;

const NOW: Timestamp = Timestamp::from_seconds(1_767_225_600);
const ALGORITHMS: [Algorithm; 2] = [Algorithm::EdDsa, Algorithm::Es256];

static RING: LazyLock<Keyring> = LazyLock::new(|| {
    let keys = ALGORITHMS.map(|algorithm| {
        let pkcs8 = SigningKey::generate(algorithm, &Random::seeded(1)).expect("a key");
        SigningKey::parse(algorithm, &pkcs8, NOW).expect("a key")
    });
    Keyring::new(keys.into())
});

fuzz_target!(|input: (&str, &str, &str)| {
    let (text, x, y) = input;
    let expected = Expected { issuer: "", audience: "", skew: Duration::ZERO };
    assert!(verify(&RING, text, expected, NOW).is_err());
    for algorithm in ALGORITHMS {
        let header = RING.signing(algorithm, NOW).expect("a key").header();
        assert!(verify(&RING, &format!("{header}.{text}"), expected, NOW).is_err());
    }
    for key in [PublicKey::of_coordinates(x, None), PublicKey::of_coordinates(x, Some(y))] {
        // Any answer will do: some points of Ed25519 have so small an order that a signature is soon found.
        let _ = key.is_ok_and(|key| key.verifies(b"message", text));
    }
});
