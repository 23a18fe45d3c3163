//! Our recovery and libsecp256k1, which Bitcoin and go-ethereum use, agree on every signature, good or broken. The one
//! difference is on purpose: a high s is refused here.

use countersign::model::Address;
use countersign::wallet::eip191::Signature;
use k256::ecdsa::SigningKey;
use proptest::collection::vec;
use proptest::prelude::{Just, any};
use proptest::sample::select;
use proptest::strategy::Strategy;
use proptest::{prop_assert, prop_assert_eq, prop_oneof};
use secp256k1::ecdsa::{RecoverableSignature, RecoveryId};
use secp256k1::{Message, PublicKey, SecretKey};
use sha3::{Digest, Keccak256};

use super::holds;

/// The numbers around which mistakes are made: zero, the order of the group and its half, the prime of the field.
const EDGES: [&str; 10] = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000001",
    "000000000000000000000000000000014551231950b75fc4402da1722fc9baee",
    "7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0",
    "7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a1",
    "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364140",
    "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141",
    "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364142",
    "fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f",
    "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
];

/// Who signed, by our code.
fn ours(signature: &[u8], hash: &[u8; 32]) -> Option<Address> {
    Signature::parse(&format!("0x{}", hex::encode(signature))).ok()?.recover(hash)
}

/// Who signed, by libsecp256k1, whatever s is.
fn theirs_of_any_s(signature: &[u8], hash: &[u8; 32]) -> Option<(Address, RecoverableSignature)> {
    let (rs, rest) = signature.split_first_chunk::<64>()?;
    let (rs, v) = match rest {
        [v] => (*rs, *v),
        [] => {
            let mut plain = *rs;
            plain[32] &= 0x7F;
            (plain, rs[32] >> 7)
        }
        _ => return None,
    };
    let recovery = match v {
        0 | 27 => RecoveryId::Zero,
        1 | 28 => RecoveryId::One,
        _ => return None,
    };
    let read = RecoverableSignature::from_compact(&rs, recovery).ok()?;
    let key = read.recover_ecdsa(Message::from_digest(*hash)).ok()?;
    Some((address(&key), read))
}

/// Who signed, by libsecp256k1, if s is the low one.
fn theirs(signature: &[u8], hash: &[u8; 32]) -> Option<Address> {
    let (address, read) = theirs_of_any_s(signature, hash)?;
    let mut low = read.to_standard();
    low.normalize_s();
    (low == read.to_standard()).then_some(address)
}

fn address(key: &PublicKey) -> Address {
    let digest = Keccak256::digest(&key.serialize_uncompressed()[1..]);
    Address::new(digest[12..].try_into().unwrap())
}

/// A signature of 65 bytes that libsecp256k1 made, with v of either convention, the hash, and who signed.
fn signed() -> impl Strategy<Value = (Vec<u8>, [u8; 32], Address)> {
    let key = any::<[u8; 32]>().prop_filter_map("a key", |bytes| SecretKey::from_secret_bytes(bytes).ok());
    (key, any::<[u8; 32]>(), select(&[0_u8, 27])).prop_map(|(key, hash, base)| {
        let made = RecoverableSignature::sign_ecdsa_recoverable(Message::from_digest(hash), &key);
        let (recovery, rs) = made.serialize_compact();
        ([&rs[..], &[base + recovery.to_u8()]].concat(), hash, address(&PublicKey::from_secret_key(&key)))
    })
}

fn flip(bytes: &mut [u8], bit: usize) {
    bytes[bit / 8] ^= 1 << (bit % 8);
}

#[test]
fn what_libsecp256k1_signs_we_recover() {
    holds(200, &signed(), |(signature, hash, signer)| {
        prop_assert_eq!(ours(&signature, &hash), Some(signer));
        prop_assert_eq!(theirs(&signature, &hash), Some(signer));
        Ok(())
    });
}

#[test]
fn what_k256_signs_libsecp256k1_recovers() {
    let key = any::<[u8; 32]>().prop_filter_map("a key", |bytes| SigningKey::from_slice(&bytes).ok());
    holds(200, &(key, any::<[u8; 32]>()), |(key, hash)| {
        let (signature, recovery) = key.sign_prehash_recoverable(&hash);
        let signature = [&signature.to_bytes()[..], &[recovery.to_byte()]].concat();
        let signer = theirs(&signature, &hash);
        prop_assert!(signer.is_some() && signer == ours(&signature, &hash));
        Ok(())
    });
}

#[test]
fn both_agree_on_a_signature_with_flipped_bits_and_neither_takes_it_for_the_signers() {
    let bits = vec(0..65 * 8_usize, 1..4);
    holds(600, &(signed(), bits), |((mut signature, hash, signer), bits)| {
        let before = signature.clone();
        for bit in bits {
            flip(&mut signature, bit);
        }
        let recovered = ours(&signature, &hash);
        prop_assert_eq!(recovered, theirs(&signature, &hash));
        // Flips may cancel each other out, or turn v from one convention into the other.
        let same = signature[..64] == before[..64]
            && matches!((signature[64], before[64]), (0 | 27, 0 | 27) | (1 | 28, 1 | 28));
        prop_assert_eq!(recovered == Some(signer), same);
        Ok(())
    });
}

#[test]
fn both_agree_on_a_hash_with_a_flipped_bit_and_neither_takes_it_for_the_signed_one() {
    holds(300, &(signed(), 0..256_usize), |((signature, mut hash, signer), bit)| {
        flip(&mut hash, bit);
        let recovered = ours(&signature, &hash);
        prop_assert_eq!(recovered, theirs(&signature, &hash));
        prop_assert!(recovered != Some(signer));
        Ok(())
    });
}

#[test]
fn the_malleable_twin_recovers_the_signer_in_libsecp256k1_and_is_refused_here() {
    holds(200, &signed(), |(signature, hash, signer)| {
        let s = k256::ecdsa::Signature::from_slice(&signature[..64]).unwrap();
        let other = (signature[64] % 27) ^ 1;
        let twin = [&signature[..32], &(-*s.s()).to_bytes(), &[other]].concat();
        prop_assert_eq!(theirs_of_any_s(&twin, &hash).map(|(address, _)| address), Some(signer));
        prop_assert_eq!(ours(&twin, &hash), None);
        Ok(())
    });
}

#[test]
fn both_agree_on_the_compact_form() {
    holds(200, &(signed(), 0..=64 * 8_usize), |((signature, hash, signer), bit)| {
        let mut compact = signature[..64].to_vec();
        compact[32] |= (signature[64] % 27) << 7;
        prop_assert_eq!(ours(&compact, &hash), Some(signer));
        if bit < 64 * 8 {
            flip(&mut compact, bit);
            prop_assert!(ours(&compact, &hash) != Some(signer));
        }
        prop_assert_eq!(ours(&compact, &hash), theirs(&compact, &hash));
        Ok(())
    });
}

#[test]
fn both_agree_on_numbers_at_the_edges_and_on_any_bytes() {
    let edge = || select(&EDGES).prop_map(|digits| hex::decode(digits).unwrap());
    let number = || prop_oneof![edge(), any::<[u8; 32]>().prop_map(Vec::from)];
    let v = prop_oneof![select(&[0_u8, 1, 2, 3, 26, 27, 28, 29, 35]).prop_map(|v| vec![v]), Just(Vec::new())];
    let of_parts = (number(), number(), v).prop_map(|(r, s, v)| [r, s, v].concat());
    let signature = prop_oneof![of_parts, vec(any::<u8>(), 60..70)];
    holds(1000, &(signature, any::<[u8; 32]>()), |(signature, hash)| {
        prop_assert_eq!(ours(&signature, &hash), theirs(&signature, &hash));
        Ok(())
    });
}
