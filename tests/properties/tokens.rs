//! Any flipped bit of a token, a key or a nonce is refused: of its text, and of the bytes within its text.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign::clock::Timestamp;
use countersign::config::Algorithm;
use countersign::crypto::derived::{self, Kind, Verified};
use countersign::crypto::jwt::{self, AccessClaims, Expected};
use countersign::crypto::keyring::{Keyring, SigningKey};
use countersign::crypto::root::{Keychain, RootKeys};
use countersign::random::Random;
use countersign::secret::SecretBytes;
use countersign::wallet::nonce::{FREE_TTL, FreeNonce, Purpose};
use proptest::prelude::any;
use proptest::sample::select;
use proptest::strategy::Strategy;
use proptest::{prop_assert, prop_assert_eq};
use uuid::Uuid;

use super::holds;

const NOW: Timestamp = Timestamp::from_seconds(1_767_225_600);
const EXPECTED: Expected<'static> =
    Expected { issuer: "https://id.example", audience: "https://api.example", skew: Duration::from_secs(30) };

/// Two versions of a root secret, as during a change of it.
fn keychain() -> Keychain {
    let keys = |version| RootKeys::new(version, &SecretBytes::new([version; 32]));
    Keychain::new(keys(2), vec![keys(1)])
}

/// Each text that differs from this one in one bit. Those that are no text at all can't reach a parser of ours.
fn flipped(text: &str) -> impl Iterator<Item = String> {
    flipped_bytes(text.as_bytes()).filter_map(|bytes| String::from_utf8(bytes).ok())
}

fn flipped_bytes(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    (0..bytes.len() * 8).map(|bit| {
        let mut changed = bytes.to_vec();
        changed[bit / 8] ^= 1 << (bit % 8);
        changed
    })
}

fn id() -> impl Strategy<Value = Uuid> {
    any::<u128>().prop_map(Uuid::from_u128)
}

#[test]
fn a_flipped_bit_of_a_free_nonce_is_refused() {
    let chain = keychain();
    holds(12, &(any::<[u8; 16]>(), 1..=FREE_TTL.as_secs(), 1..=2_u8), |(id, seconds, version)| {
        let nonce = FreeNonce { id, expires_at: NOW + Duration::from_secs(seconds) };
        let text = nonce.encode(chain.of_version(version).unwrap(), Purpose::SignIn);
        let decode = |text: &str| FreeNonce::decode(&chain, Purpose::SignIn, text, NOW);
        prop_assert_eq!(decode(&text), Ok(nonce));
        for changed in flipped(&text) {
            prop_assert!(decode(&changed).is_err(), "{}", changed);
        }
        for bytes in flipped_bytes(&hex::decode(&text[2..]).unwrap()) {
            let changed = format!("0x{}", hex::encode(bytes));
            prop_assert!(decode(&changed).is_err(), "{}", changed);
        }
        Ok(())
    });
}

#[test]
fn a_flipped_bit_of_a_refresh_token_is_refused() {
    let chain = keychain();
    holds(12, &(id(), any::<u32>(), 1..=2_u8), |(id, counter, version)| {
        let token = derived::mint(Kind::Refresh, chain.of_version(version).unwrap(), id, counter);
        let verify = |token: &str| derived::verify(Kind::Refresh, &chain, token);
        prop_assert_eq!(verify(&token), Ok(Verified { id, counter }));
        for changed in flipped(&token) {
            prop_assert!(verify(&changed).is_err(), "{}", changed);
        }
        for bytes in flipped_bytes(&URL_SAFE_NO_PAD.decode(&token[4..]).unwrap()) {
            let changed = format!("csr_{}", URL_SAFE_NO_PAD.encode(bytes));
            prop_assert!(verify(&changed).is_err(), "{}", changed);
        }
        Ok(())
    });
}

#[test]
fn a_flipped_bit_of_an_api_key_is_refused_also_under_a_checksum_that_fits() {
    let chain = keychain();
    holds(12, &(id(), any::<u32>(), 1..=2_u8), |(id, counter, version)| {
        let key = derived::mint(Kind::ApiKey, chain.of_version(version).unwrap(), id, counter);
        let verify = |key: &str| derived::verify(Kind::ApiKey, &chain, key);
        prop_assert_eq!(verify(&key), Ok(Verified { id, counter }));
        for changed in flipped(&key) {
            prop_assert!(verify(&changed).is_err(), "{}", changed);
        }
        for bytes in flipped_bytes(&URL_SAFE_NO_PAD.decode(&key[4..key.len() - 6]).unwrap()) {
            let body = format!("csk_{}", URL_SAFE_NO_PAD.encode(bytes));
            let changed = format!("{body}{}", checksum(&body));
            prop_assert_eq!(verify(&changed), Err(derived::Fault::Foreign), "{}", changed);
        }
        Ok(())
    });
}

fn checksum(body: &str) -> String {
    URL_SAFE_NO_PAD.encode(crc32fast::hash(body.as_bytes()).to_be_bytes())
}

fn claims() -> impl Strategy<Value = AccessClaims> {
    ((id(), id(), id()), 1..1800_i64, any::<bool>(), select(&["USER", "ADMIN", "é\"\\"])).prop_map(
        |((sub, jti, sid), ttl, evf, role)| AccessClaims {
            iss: EXPECTED.issuer.to_owned(),
            sub,
            aud: EXPECTED.audience.to_owned(),
            iat: NOW.seconds(),
            exp: NOW.seconds() + ttl,
            jti,
            sid,
            amr: vec!["pop".to_owned()],
            roles: vec![role.to_owned()],
            evf,
            wallet: Some("eip155:1:0x70997970C51812dc3A010C7d01b50e0d17dc79C8".to_owned()),
            address: Some("0x70997970C51812dc3A010C7d01b50e0d17dc79C8".to_owned()),
            plan: Some("premium é".to_owned()),
        },
    )
}

#[test]
fn a_flipped_bit_of_an_access_token_is_refused() {
    for algorithm in [Algorithm::EdDsa, Algorithm::Es256] {
        let pkcs8 = SigningKey::generate(algorithm, &Random::seeded(1)).unwrap();
        let ring = Keyring::new(vec![SigningKey::parse(algorithm, &pkcs8, NOW).unwrap()]);
        let verify = |token: &str| jwt::verify(&ring, token, EXPECTED, NOW);
        holds(2, &claims(), |claims| {
            let token = jwt::sign(ring.signing(algorithm, NOW).unwrap(), &claims).unwrap();
            prop_assert_eq!(verify(&token), Ok(claims));
            for changed in flipped(&token) {
                prop_assert!(verify(&changed).is_err(), "{}", changed);
            }
            let segments: Vec<&str> = token.split('.').collect();
            for position in 0..segments.len() {
                for bytes in flipped_bytes(&URL_SAFE_NO_PAD.decode(segments[position]).unwrap()) {
                    let encoded = URL_SAFE_NO_PAD.encode(bytes);
                    let mut changed = segments.clone();
                    changed[position] = &encoded;
                    prop_assert!(verify(&changed.join(".")).is_err(), "{:?}", changed);
                }
            }
            Ok(())
        });
    }
}
