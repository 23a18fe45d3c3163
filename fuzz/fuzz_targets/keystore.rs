//! A key file: as it is, and with a checksum that fits, so that what lies behind it is reached.

#![no_main]

use std::num::NonZeroU32;
use std::sync::LazyLock;

use aws_lc_rs::pbkdf2;
use countersign::wallet::keystore::{KeystoreFault, open};
use countersign::wallet::signer::PrivateKey;
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use sha3::{Digest, Keccak256};

const PASSWORD: &str = "password";
const SALT: [u8; 4] = *b"salt";

/// What the password gives after one round.
static DERIVED: LazyLock<[u8; 32]> = LazyLock::new(|| {
    let mut derived = [0; 32];
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, NonZeroU32::MIN, &SALT, PASSWORD.as_bytes(), &mut derived);
    derived
});

fuzz_target!(|input: (&str, &[u8], &[u8], (u16, u8, u8, u8))| {
    let (text, secret, iv, (n, r, p, length)) = input;
    let _ = open(text, PASSWORD).is_ok();

    // As they are, and in the lengths of a key and its vector.
    for (secret, iv) in [(secret.to_vec(), iv.to_vec()), (sized(secret, 32), sized(iv, 16))] {
        let mac = mac(&secret);
        let pbkdf2 = json!({"c": 1, "dklen": 32, "prf": "hmac-sha256", "salt": hex::encode(SALT)});
        match open_with(&secret, &iv, &mac, "pbkdf2", &pbkdf2) {
            // All but a few of 32 bytes are a key.
            Ok(_) => assert!(secret.len() == 32 && iv.len() == 16),
            Err(fault) => assert_eq!(fault, KeystoreFault::Format),
        }
        let wrong = format!("{}{}", if mac.starts_with('0') { '1' } else { '0' }, &mac[1..]);
        let refused = open_with(&secret, &iv, &wrong, "pbkdf2", &pbkdf2);
        assert_eq!(refused.err(), Some(KeystoreFault::Password));
    }
    // Any costs, but small ones: it is not the patience of this machine that is tried.
    let (n, r, p) = (n % 2048, r % 16, p % 4);
    let scrypt = json!({"n": n, "r": r, "p": p, "dklen": u32::from(length) + 1, "salt": text.len().to_string()});
    assert!(open_with(secret, iv, &mac(secret), "scrypt", &scrypt).is_err());
});

fn sized(bytes: &[u8], length: usize) -> Vec<u8> {
    bytes.iter().copied().chain(std::iter::repeat(0)).take(length).collect()
}

/// The checksum that fits.
fn mac(secret: &[u8]) -> String {
    hex::encode(Keccak256::new().chain_update(&DERIVED[16..]).chain_update(secret).finalize())
}

fn open_with(secret: &[u8], iv: &[u8], mac: &str, kdf: &str, params: &Value) -> Result<PrivateKey, KeystoreFault> {
    let crypto = json!({"cipher": "aes-128-ctr", "cipherparams": {"iv": hex::encode(iv)}, "mac": mac,
                        "ciphertext": hex::encode(secret), "kdf": kdf, "kdfparams": params});
    open(&json!({"version": 3, "crypto": crypto}).to_string(), PASSWORD)
}
