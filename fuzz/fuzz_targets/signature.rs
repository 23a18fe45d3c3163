//! A signature, as text and as bytes: what is read recovers somebody or nobody, the same in both spellings of v.

#![no_main]

use countersign::wallet::eip191::{Signature, hash};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, [u8; 65], &[u8])| {
    let (text, mut bytes, message) = input;
    let hash = hash(message);
    if let Ok(signature) = Signature::parse(text) {
        let _ = signature.recover(&hash);
    }
    let mut with = |v: u8| {
        bytes[64] = v;
        let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        Signature::parse(&format!("0x{digits}")).ok().and_then(|signature| signature.recover(&hash))
    };
    for parity in [0, 1] {
        assert_eq!(with(parity), with(27 + parity));
    }
});
