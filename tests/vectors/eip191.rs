//! EIP-191 and EIP-2098: what is hashed, how a signature is read, who is recovered from it.

use countersign::model::Address;
use countersign::wallet::eip191::{Signature, hash};
use serde_json::Value;

use super::{Tally, Verdict, bytes, cases, text};

/// `message` is text, `messageHex` are bytes.
fn message(case: &Value) -> Vec<u8> {
    match case["message"].as_str() {
        Some(text) => text.as_bytes().to_vec(),
        None => bytes(case, "messageHex"),
    }
}

fn recovered(signature: &str, hash: &[u8; 32]) -> Option<Address> {
    Signature::parse(signature).ok()?.recover(hash)
}

/// Judges the signatures over messages of one file.
fn run(file: &str) -> Tally {
    let mut tally = Tally::default();
    for case in cases(file) {
        let hash = hash(&message(&case));
        if case.get("hash").is_some() {
            assert_eq!(bytes(&case, "hash"), hash, "{case}");
        }
        let signer = recovered(text(&case, "signature"), &hash).map(|address| address.checksummed());
        tally.judge(Verdict::of_product(&case), signer.as_deref() == Some(text(&case, "address")), &case);
    }
    tally
}

#[test]
fn ethers_5_personal_signatures_recover_their_signers() {
    assert_eq!(run("eip191/ethers5.json"), Tally::new(3, 0));
}

#[test]
fn viem_personal_signatures_recover_their_signers() {
    assert_eq!(run("eip191/viem.json"), Tally::new(4, 2));
}

#[test]
fn messages_hash_as_viem_hashes_them() {
    let cases = cases("eip191/viem_hash_message.json");
    for case in &cases {
        assert_eq!(bytes(case, "hash"), hash(&message(case)), "{case}");
    }
    assert_eq!(cases.len(), 4);
}

#[test]
fn compact_signatures_of_eip_2098_are_the_same_as_the_long_ones() {
    let cases = cases("eip191/eip2098_compact.json");
    for case in &cases {
        let hash = hash(&message(case));
        let signer = Address::parse(text(case, "address")).unwrap();
        for form in ["signature", "compact"] {
            assert_eq!(recovered(text(case, form), &hash), Some(signer), "{form}: {case}");
        }
        let parts = [bytes(case, "r"), bytes(case, "yParityAndS")].concat();
        assert_eq!(bytes(case, "compact"), parts, "{case}");
    }
    assert_eq!(cases.len(), 2);
}

/// Our reading shows no parts, so it is compared by what it recovers: the same signer as the compact spelling of the
/// parts that viem reads, and another one than with the other parity.
#[test]
fn signatures_are_read_as_viem_reads_them() {
    let mut tally = Tally::default();
    for case in cases("eip191/viem_parse_signature.json") {
        let given = text(&case, "signature");
        let read = Signature::parse(given);
        tally.judge(Verdict::of_product(&case), read.is_ok(), &case);
        let Ok(signature) = read else { continue };
        let digits = bytes(&case, "signature");
        let part = |name: &str, from: usize| match case.get(name) {
            Some(_) => bytes(&case, name),
            None => digits[from..from + 32].to_vec(),
        };
        let parity = u8::try_from(case["yParity"].as_u64().expect("a parity")).unwrap();
        let with = |parity: u8| {
            let mut compact = [part("r", 0), part("s", 32)].concat();
            compact[32] |= parity << 7;
            recovered(&format!("0x{}", hex::encode(compact)), &[7; 32])
        };
        let signer = signature.recover(&[7; 32]);
        assert!(signer.is_some() && signer == with(parity) && signer != with(1 - parity), "{case}");
    }
    assert_eq!(tally, Tally::new(5, 3));
}
