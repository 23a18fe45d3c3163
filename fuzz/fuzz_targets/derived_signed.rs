//! Refresh tokens, session tokens and API keys of any content under a tag that is right: they are what was signed, and of their kind alone.

#![no_main]

use std::sync::LazyLock;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign::crypto::derived::{Kind, Verified, mint, verify};
use countersign::crypto::root::{Keychain, RootKeys};
use countersign::secret::SecretBytes;
use libfuzzer_sys::fuzz_target;
use uuid::Uuid;

static CHAIN: LazyLock<Keychain> = LazyLock::new(|| {
    let keys = |version| RootKeys::new(version, &SecretBytes::new([version; 32]));
    Keychain::new(keys(2), vec![keys(1)])
});

fuzz_target!(|input: ([u8; 21], bool, usize, &str)| {
    let (signed, older, at, text) = input;
    let keys = CHAIN.of_version(if older { 1 } else { 2 }).expect("a version");
    let meant = Verified {
        id: Uuid::from_slice(&signed[1..17]).expect("16 bytes"),
        counter: u32::from_be_bytes(signed[17..].try_into().expect("4 bytes")),
    };
    for (kind, key, other) in [
        (Kind::Refresh, &keys.refresh_token, Kind::Session),
        (Kind::Session, &keys.session_token, Kind::ApiKey),
        (Kind::ApiKey, &keys.api_key, Kind::Refresh),
    ] {
        let token = signed_token(kind, key, &signed);
        // The first byte is the version, and only the keys of that version have signed it.
        let right = signed[0] == keys.version();
        assert_eq!(verify(kind, &CHAIN, &token).ok(), right.then_some(meant));
        assert!(verify(other, &CHAIN, &token).is_err());
        assert!(!right || mint(kind, keys, meant.id, meant.counter) == token);
        let (head, tail) = token.split_at(at % token.len());
        for changed in [format!("{head}{text}{tail}"), format!("{head}{text}"), format!("{text}{tail}")] {
            assert!(changed == token || verify(kind, &CHAIN, &changed).is_err(), "{changed}");
        }
    }
});

fn signed_token(kind: Kind, key: &hmac::Key, signed: &[u8; 21]) -> String {
    let tag = hmac::sign(key, signed);
    let encoded = URL_SAFE_NO_PAD.encode([&signed[..], &tag.as_ref()[..18]].concat());
    match kind {
        Kind::Refresh => format!("csr_{encoded}"),
        Kind::Session => format!("cst_{encoded}"),
        Kind::ApiKey => {
            // The checksum is that of a key with the same first characters; `mint` knows how to make it.
            let body = format!("csk_{encoded}");
            let checksum = URL_SAFE_NO_PAD.encode(crc32(body.as_bytes()).to_be_bytes());
            format!("{body}{checksum}")
        }
    }
}

/// CRC-32 as in zip files, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
    })
}
