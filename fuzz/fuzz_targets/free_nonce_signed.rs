//! Free nonces of any content under a tag that is right: they are what was signed, until they expire.

#![no_main]

use std::sync::LazyLock;

use aws_lc_rs::hmac;
use countersign::clock::Timestamp;
use countersign::crypto::root::{Keychain, RootKeys};
use countersign::secret::SecretBytes;
use countersign::wallet::nonce::{FreeFault, FreeNonce, Purpose};
use libfuzzer_sys::fuzz_target;

static CHAIN: LazyLock<Keychain> = LazyLock::new(|| {
    let keys = |version| RootKeys::new(version, &SecretBytes::new([version; 32]));
    Keychain::new(keys(2), vec![keys(1)])
});

fuzz_target!(|input: ([u8; 22], bool, i64, usize, &str)| {
    let (signed, older, now, at, text) = input;
    let keys = CHAIN.of_version(if older { 1 } else { 2 }).expect("a version");
    // The version, the seconds in five bytes, the id; then the purpose, which is in the tag alone.
    let tag = hmac::sign(&keys.free_nonce, &[&signed[..], b"sign-in"].concat());
    let nonce = format!("0x{}{}", hex::encode(signed), hex::encode(&tag.as_ref()[..16]));
    let seconds = signed[1..6].iter().fold(0, |seconds, byte| seconds << 8 | i64::from(*byte));
    let expires_at = Timestamp::from_seconds(seconds);
    let meant = FreeNonce { id: signed[6..].try_into().expect("16 bytes"), expires_at };
    let expected = |now: Timestamp| match (signed[0] == keys.version(), now < expires_at) {
        (false, _) => Err(FreeFault::Foreign),
        (true, false) => Err(FreeFault::Expired),
        (true, true) => Ok(meant),
    };
    // At any time, and in the seconds around its end.
    for now in [now, seconds - 1, seconds, seconds + 1].map(Timestamp::from_seconds) {
        assert_eq!(FreeNonce::decode(&CHAIN, Purpose::SignIn, &nonce, now), expected(now));
    }
    assert!(signed[0] != keys.version() || meant.encode(keys, Purpose::SignIn) == nonce);
    let (head, tail) = nonce.split_at(at % nonce.len());
    for changed in
        [format!("{head}{text}{tail}"), format!("{head}{text}"), format!("{text}{tail}"), nonce.to_uppercase()]
    {
        let decoded = FreeNonce::decode(&CHAIN, Purpose::SignIn, &changed, Timestamp::from_seconds(now));
        assert!(changed == nonce || decoded == Err(FreeFault::Foreign), "{changed}");
    }
});
