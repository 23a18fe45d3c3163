//! An address: what is read prints itself again but for the case of its letters.

#![no_main]

use countersign::model::Address;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(address) = Address::parse(text) {
        let printed = address.checksummed();
        assert!(printed.eq_ignore_ascii_case(text));
        assert_eq!(Address::parse(&printed).ok(), Some(address));
    }
});
