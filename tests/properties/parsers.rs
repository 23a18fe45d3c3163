//! Whatever is sent, a parser of the door answers and does not panic; what it prints, it reads again.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use countersign::clock::Timestamp;
use countersign::config::Algorithm;
use countersign::crypto::derived::{self, Kind};
use countersign::crypto::jwt::{self, Expected};
use countersign::crypto::keyring::{Keyring, PublicKey, SigningKey};
use countersign::crypto::root::{Keychain, RootKeys};
use countersign::model::Address;
use countersign::random::Random;
use countersign::secret::SecretBytes;
use countersign::transport::Json;
use countersign::wallet::eip191::{Signature, hash};
use countersign::wallet::nonce::{FreeNonce, Purpose};
use countersign::wallet::{Expected as Proof, verify};
use futures_util::FutureExt;
use proptest::collection::vec;
use proptest::prelude::{Just, any};
use proptest::sample::select;
use proptest::strategy::Strategy;
use proptest::{prop_assert, prop_assert_eq, prop_oneof};
use serde::Deserialize;

use super::holds;

const NOW: Timestamp = Timestamp::from_seconds(1_767_225_600);

fn address() -> impl Strategy<Value = Address> {
    any::<[u8; 20]>().prop_map(Address::new)
}

/// Any text, and such as nearly fits: the right prefixes and alphabets, at lengths around the right ones.
fn texts() -> impl Strategy<Value = String> {
    let of = |alphabet: &'static str| select(alphabet.chars().collect::<Vec<_>>());
    let prefix = select(&["", "0x", "0X", "csr_", "csk_", "eyJ"]);
    let hex = vec(of("0123456789abcdefABCDEFg.é"), 0..150);
    let base64 = vec(of("ABCDwxyz0189-_=.+/ é"), 0..150);
    let joined = |(prefix, rest): (&str, Vec<char>)| prefix.chars().chain(rest).collect::<String>();
    let lengths = select(&[20_usize, 38, 39, 64, 65, 66]);
    let exact =
        lengths.prop_flat_map(|length| vec(any::<u8>(), length)).prop_map(|bytes| format!("0x{}", hex::encode(bytes)));
    prop_oneof![
        any::<String>(),
        (prefix.clone(), hex).prop_map(joined),
        (prefix, base64).prop_map(joined),
        exact,
        (0..3000_usize).prop_map(|length| "é.".repeat(length)),
    ]
}

#[test]
fn an_address_is_read_in_each_of_its_spellings() {
    holds(500, &address(), |address| {
        let printed = address.checksummed();
        let digits = &printed[2..];
        for spelling in [printed.clone(), printed.to_lowercase(), format!("0x{}", digits.to_uppercase())] {
            prop_assert_eq!(Address::parse(&spelling).ok(), Some(address), "{}", spelling);
        }
        prop_assert_eq!(hex::decode(digits).unwrap(), address.as_bytes());
        Ok(())
    });
}

#[test]
fn one_letter_of_an_address_in_the_wrong_case_is_refused() {
    holds(500, &(address(), 2..42_usize), |(address, at)| {
        let mut written = address.checksummed().into_bytes();
        written[at] ^= if written[at].is_ascii_alphabetic() { 0x20 } else { 0 };
        let written = String::from_utf8(written).unwrap();
        let has = |of: fn(&u8) -> bool| written.as_bytes()[2..].iter().any(of);
        let mixed = has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase);
        let right = written == address.checksummed() || !mixed;
        prop_assert_eq!(Address::parse(&written).is_ok(), right, "{}", written);
        Ok(())
    });
}

#[test]
fn any_text_is_an_address_or_refused() {
    holds(2000, &texts(), |text| {
        if let Ok(address) = Address::parse(&text) {
            prop_assert!(address.checksummed().eq_ignore_ascii_case(&text));
        }
        Ok(())
    });
}

#[test]
fn any_text_as_a_signature_proves_nothing() {
    let claimed = Address::new([7; 20]);
    holds(1000, &(texts(), texts()), |(signature, nonce)| {
        if let Ok(read) = Signature::parse(&signature) {
            prop_assert!(read.recover(&hash(nonce.as_bytes())) != Some(claimed));
        }
        let proof = Proof::Bare { address: claimed, nonces: &[nonce] };
        prop_assert!(verify(&signature, proof).is_err());
        Ok(())
    });
}

#[test]
fn any_text_as_a_token_a_key_or_a_nonce_is_refused() {
    let chain = Keychain::new(RootKeys::new(1, &SecretBytes::new([1; 32])), Vec::new());
    let pkcs8 = SigningKey::generate(Algorithm::EdDsa, &Random::seeded(1)).unwrap();
    let ring = Keyring::new(vec![SigningKey::parse(Algorithm::EdDsa, &pkcs8, NOW).unwrap()]);
    let expected = Expected { issuer: "a", audience: "b", skew: Duration::ZERO };
    let header = ring.signing(Algorithm::EdDsa, NOW).unwrap().header();
    holds(2000, &texts(), |text| {
        prop_assert!(FreeNonce::decode(&chain, Purpose::SignIn, &text, NOW).is_err());
        for kind in [Kind::Refresh, Kind::ApiKey] {
            prop_assert!(derived::verify(kind, &chain, &text).is_err());
        }
        for token in [text.clone(), format!("{header}.{text}"), format!("{header}.e30.{text}")] {
            prop_assert!(jwt::verify(&ring, &token, expected, NOW).is_err());
        }
        Ok(())
    });
}

#[test]
fn any_text_as_coordinates_of_a_key_verifies_nothing() {
    holds(500, &(texts(), texts(), texts()), |(x, y, signature)| {
        for key in [PublicKey::of_coordinates(&x, None), PublicKey::of_coordinates(&x, Some(&y))] {
            prop_assert!(!key.is_ok_and(|key| key.verifies(b"message", &signature)));
        }
        Ok(())
    });
}

#[derive(Debug, Deserialize)]
struct Sample {
    address: String,
    #[expect(dead_code, reason = "only whether it parses matters")]
    roles: Option<Vec<String>>,
}

fn posted(body: Vec<u8>) -> Result<String, StatusCode> {
    let request = Request::new(Body::from(body));
    let read = Json::<Sample>::from_request(request, &()).now_or_never().expect("the body is there");
    read.map(|Json(sample)| sample.address).map_err(|problem| problem.status())
}

#[test]
fn any_body_is_read_or_refused_for_the_callers_own_fault() {
    let fragments = select(&[
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "\"",
        "\\",
        "\"address\"",
        "\"roles\"",
        "null",
        "1e999",
        "-",
        "\\ud800",
        "é",
        " ",
    ]);
    let text = vec(fragments, 0..40).prop_map(|parts| parts.concat().into_bytes());
    let nested = (select(&["[", "{\"a\":", "{\"roles\":["]), 1..2000_usize);
    let nested = nested.prop_map(|(part, times)| [b"{\"x\":", part.repeat(times).as_bytes()].concat());
    let bodies = prop_oneof![
        vec(any::<u8>(), 0..200),
        text,
        nested,
        (65_536..66_000_usize).prop_map(|length| vec![b' '; length]),
        Just(b"{\"address\":\"\xff\"}".to_vec()),
    ];
    holds(1000, &bodies, |body| {
        let status = posted(body).map_or_else(|status| status, |_| StatusCode::OK);
        prop_assert!(matches!(status.as_u16(), 200 | 400 | 413 | 422), "{}", status);
        Ok(())
    });
}

#[test]
fn any_text_survives_in_a_body() {
    holds(300, &any::<String>(), |text| {
        let body = serde_json::json!({"address": text, "roles": [text], "unknown": {"a": [text]}});
        prop_assert_eq!(posted(body.to_string().into_bytes()), Ok(text));
        Ok(())
    });
}
