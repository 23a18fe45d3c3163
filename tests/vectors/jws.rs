//! Ed25519 and ES256, against the very code that verifies our tokens.

use countersign::crypto::keyring::PublicKey;
use serde_json::Value;

use super::{Tally, Verdict, base64url, bytes, grouped, text};

/// The key of a JWK, if it is of a kind that signs our tokens.
pub(super) fn key(jwk: &Value) -> Option<PublicKey> {
    let y = match (jwk["kty"].as_str()?, jwk["crv"].as_str()?) {
        ("OKP", "Ed25519") => None,
        ("EC", "P-256") => Some(text(jwk, "y")),
        _ => return None,
    };
    Some(PublicKey::of_coordinates(text(jwk, "x"), y).expect("coordinates"))
}

/// The key of a group, from its plain bytes: some groups have no JWK.
fn group_key(group: &Value) -> PublicKey {
    let public = &group["publicKey"];
    let (x, y) = match text(public, "curve") {
        "edwards25519" => (bytes(public, "pk"), None),
        "secp256r1" => {
            let point = bytes(public, "uncompressed");
            (point[1..33].to_vec(), Some(base64url(&point[33..])))
        }
        other => panic!("{other} is no curve of ours"),
    };
    PublicKey::of_coordinates(&base64url(&x), y.as_deref()).expect("coordinates")
}

/// A bare primitive: it follows the standard, which takes a high s on P-256.
fn run(file: &str) -> Tally {
    let mut tally = Tally::default();
    for (group, case) in grouped(file) {
        let accepted = group_key(&group).verifies(&bytes(&case, "msg"), &base64url(&bytes(&case, "sig")));
        tally.judge(Verdict::of_standard(&case), accepted, &case);
    }
    tally
}

#[test]
fn wycheproof_signatures_of_ed25519_get_their_verdict() {
    assert_eq!(run("wycheproof/ed25519_test.json"), Tally::new(41, 30));
}

#[test]
fn wycheproof_signatures_of_es256_get_their_verdict() {
    assert_eq!(run("wycheproof/ecdsa_secp256r1_sha256_p1363_test.json"), Tally::new(88, 40));
}
