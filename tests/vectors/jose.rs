//! JOSE: the signatures of every published token under a key of our kinds get the verdict of the standard, and no token
//! of anybody, whatever its algorithm, passes for one of ours.

use std::time::Duration;

use countersign::clock::Timestamp;
use countersign::config::Algorithm;
use countersign::crypto::jwt::{AccessClaims, Expected, sign, verify};
use countersign::crypto::keyring::{Keyring, PublicKey, SigningKey};
use countersign::random::Random;
use serde_json::Value;
use uuid::Uuid;

use super::jws::key;
use super::{Tally, Verdict, cases, grouped, read, text};

const NOW: Timestamp = Timestamp::from_seconds(1_767_225_600);
const EXPECTED: Expected<'static> =
    Expected { issuer: "https://id.example", audience: "https://api.example", skew: Duration::from_secs(30) };

/// A ring with a key of each algorithm, and a genuine token of each.
struct Ours {
    ring: Keyring,
    tokens: Vec<String>,
}

impl Ours {
    fn new() -> Self {
        let algorithms = [Algorithm::EdDsa, Algorithm::Es256];
        let keys = algorithms.map(|algorithm| {
            let pkcs8 = SigningKey::generate(algorithm, &Random::seeded(1)).unwrap();
            SigningKey::parse(algorithm, &pkcs8, NOW).unwrap()
        });
        let ring = Keyring::new(keys.into());
        let tokens = algorithms.map(|algorithm| sign(ring.signing(algorithm, NOW).unwrap(), &claims()).unwrap());
        let ours = Self { ring, tokens: tokens.into() };
        assert!(ours.tokens.iter().all(|token| ours.accepts(token)), "what is genuine passes");
        ours
    }

    fn accepts(&self, token: &str) -> bool {
        verify(&self.ring, token, EXPECTED, NOW).is_ok()
    }

    /// Refuses a token as it is, and each segment of it in its place in a genuine one.
    fn refuse(&self, token: &str) {
        assert!(!self.accepts(token), "{token}");
        for genuine in &self.tokens {
            let own: Vec<&str> = genuine.split('.').collect();
            for (position, foreign) in token.split('.').take(own.len()).enumerate() {
                let mut mixed = own.clone();
                mixed[position] = foreign;
                assert!(!self.accepts(&mixed.join(".")), "segment {position} of {token}");
            }
        }
    }
}

fn claims() -> AccessClaims {
    AccessClaims {
        iss: EXPECTED.issuer.to_owned(),
        sub: Uuid::from_u128(1),
        aud: EXPECTED.audience.to_owned(),
        iat: NOW.seconds(),
        exp: NOW.seconds() + 1800,
        jti: Uuid::from_u128(2),
        sid: Uuid::from_u128(3),
        amr: vec!["pop".to_owned()],
        roles: vec!["USER".to_owned()],
        evf: false,
        wallet: None,
        address: None,
        plan: None,
    }
}

/// Whether the last segment of a compact JWS is the key's signature over the others, which is how we read our own.
fn signed_by(key: &PublicKey, jws: &str) -> bool {
    jws.rsplit_once('.').is_some_and(|(message, signature)| key.verifies(message.as_bytes(), signature))
}

/// A token in its compact spelling or in one of those in JSON, which are no tokens for us.
fn spelled(token: &Value) -> String {
    assert!(token.is_string() || token.is_object(), "{token}");
    token.as_str().map_or_else(|| token.to_string(), ToOwned::to_owned)
}

#[test]
fn the_tokens_of_rfc_7515_get_their_verdict_and_are_none_of_ours() {
    let (ours, mut tally) = (Ours::new(), Tally::default());
    let cases = cases("jose/rfc7515_appendix_a.json");
    for case in &cases {
        let jws = text(case, "jws");
        ours.refuse(jws);
        if let Some(key) = key(&case["jwk"]) {
            tally.judge(Verdict::of_standard(case), signed_by(&key, jws), case);
        }
    }
    assert_eq!((cases.len(), tally), (4, Tally::new(1, 0)));
}

#[test]
fn the_tokens_of_rfc_7520_get_their_verdict_and_are_none_of_ours() {
    let (ours, mut spellings, mut verified) = (Ours::new(), 0, 0);
    let cases = cases("jose/rfc7520_jws.json");
    for case in &cases {
        for (form, spelling) in case["output"].as_object().expect("spellings") {
            let token = spelled(spelling);
            ours.refuse(&token);
            spellings += 1;
            if let (Some(key), "compact") = (key(&case["input"]["key"]), form.as_str()) {
                assert!(signed_by(&key, &token), "{case}");
                verified += 1;
            }
        }
    }
    assert_eq!((cases.len(), spellings, verified), (11, 28, 1));
}

/// We read no JWK of anybody: the nearest thing is the reading of our own coordinates, which must bear any.
#[test]
fn the_keys_of_rfc_7520_are_no_tokens_and_verify_nothing_of_ours() {
    let ours = Ours::new();
    let keys = read("jose/rfc7520_jwk.json");
    let keys = keys.as_object().expect("keys by their names");
    let mut with_coordinates = 0;
    for jwk in keys.values() {
        ours.refuse(&jwk.to_string());
        assert!(key(jwk).is_none(), "none is of our kinds");
        if let (Some(x), Some(y)) = (jwk["x"].as_str(), jwk["y"].as_str()) {
            for key in [PublicKey::of_coordinates(x, Some(y)), PublicKey::of_coordinates(x, None)] {
                let key = key.expect("base64url");
                assert!(ours.tokens.iter().all(|token| !signed_by(&key, token)));
            }
            with_coordinates += 1;
        }
    }
    assert_eq!((keys.len(), with_coordinates), (6, 2));
}

/// How the signatures of one file of Wycheproof under keys of our kinds fare, and how many tokens it has in all.
fn run(file: &str) -> (usize, Tally) {
    let (ours, mut tally) = (Ours::new(), Tally::default());
    let all = grouped(file);
    for (group, case) in &all {
        let jwk = group.get("public").unwrap_or(&group["private"]);
        let field = if case.get("jws").is_some() { "jws" } else { "jwe" };
        let token = spelled(&case[field]);
        ours.refuse(&token);
        let Some(key) = key(jwk).filter(|_| field == "jws") else { continue };
        // We take no JWK from anybody, so what it says of its own use is not ours to read: here the harness does.
        let meant_to_verify = jwk.get("key_ops").is_none_or(|uses| uses.to_string().contains("verify"));
        tally.judge(Verdict::of_standard(case), meant_to_verify && signed_by(&key, &token), case);
    }
    (all.len(), tally)
}

#[test]
fn wycheproof_tokens_get_their_verdict_and_are_none_of_ours() {
    assert_eq!(run("jose/wycheproof_json_web_signature_test.json"), (215, Tally::new(1, 25)));
}

#[test]
fn wycheproof_tokens_under_keys_of_another_kind_are_refused() {
    assert_eq!(run("jose/wycheproof_json_web_crypto_test.json"), (60, Tally::new(0, 8)));
}
