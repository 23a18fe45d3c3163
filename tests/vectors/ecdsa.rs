//! ECDSA on secp256k1, as Wycheproof probes it. We never verify with a given key, we recover one: a signature counts as
//! accepted if it recovers the address of the vector's key over the SHA-256 of the message, under either parity.

use aws_lc_rs::digest::{SHA256, digest};
use countersign::model::Address;
use countersign::wallet::eip191::Signature;
use serde_json::Value;
use sha3::{Digest, Keccak256};

use super::{Tally, Verdict, bytes, grouped};

fn address(group: &Value) -> Address {
    let point = bytes(&group["publicKey"], "uncompressed");
    assert_eq!((point.len(), point[0]), (65, 4), "an uncompressed point");
    let digest = Keccak256::digest(&point[1..]);
    Address::new(digest[12..].try_into().unwrap())
}

/// Whether these bytes, as r and s with either v, recover `signer`.
fn recovers(rs: &[u8], hash: &[u8; 32], signer: Address) -> bool {
    ["1b", "1c"].iter().any(|v| {
        let signature = Signature::parse(&format!("0x{}{v}", hex::encode(rs)));
        signature.is_ok_and(|signature| signature.recover(hash) == Some(signer))
    })
}

fn run(file: &str, read: fn(&[u8]) -> Option<Vec<u8>>) -> Tally {
    let mut tally = Tally::default();
    for (group, case) in grouped(file) {
        let hash = digest(&SHA256, &bytes(&case, "msg")).as_ref().try_into().unwrap();
        let rs = read(&bytes(&case, "sig"));
        let accepted = rs.is_some_and(|rs| recovers(&rs, &hash, address(&group)));
        tally.judge(Verdict::of_product(&case), accepted, &case);
    }
    tally
}

/// r and s of 32 bytes each, from the one DER encoding of two numbers (X.690): no wallet sends this form, so the product
/// does not read it. Numbers of 32 bytes are passed on in or out of range, for the product to judge.
fn strict_der(der: &[u8]) -> Option<Vec<u8>> {
    let (sequence, after) = value(0x30, der)?;
    let (r, rest) = value(0x02, sequence)?;
    let (s, none) = value(0x02, rest)?;
    (after.is_empty() && none.is_empty()).then_some(())?;
    Some([number(r)?, number(s)?].concat())
}

/// The content of an element with this tag and a length in the short form, and what follows it.
fn value(tag: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (head, rest) = der.split_first_chunk::<2>()?;
    (head[0] == tag && head[1] < 0x80).then(|| rest.split_at_checked(usize::from(head[1])))?
}

/// A number in the fewest bytes that keep it from being negative, as 32 bytes.
fn number(content: &[u8]) -> Option<[u8; 32]> {
    let digits = match content {
        [0, second, ..] if *second < 0x80 => return None,
        [0, rest @ ..] if !rest.is_empty() => rest,
        [first, ..] if *first < 0x80 => content,
        _ => return None,
    };
    let mut padded = [0; 32];
    let from = padded.len().checked_sub(digits.len())?;
    padded[from..].copy_from_slice(digits);
    Some(padded)
}

#[test]
fn wycheproof_signatures_as_r_and_s_get_their_verdict() {
    let tally = run("wycheproof/ecdsa_secp256k1_sha256_p1363_test.json", |rs| Some(rs.to_vec()));
    assert_eq!(tally, Tally::new(42, 76));
}

#[test]
fn wycheproof_signatures_in_der_get_their_verdict() {
    assert_eq!(run("wycheproof/ecdsa_secp256k1_sha256_test.json", strict_der), Tally::new(52, 185));
}

#[test]
fn wycheproof_signatures_of_bitcoin_get_their_verdict() {
    assert_eq!(run("wycheproof/ecdsa_secp256k1_sha256_bitcoin_test.json", strict_der), Tally::new(83, 151));
}
