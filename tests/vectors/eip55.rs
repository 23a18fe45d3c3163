//! EIP-55: which spellings of an address we take, and the one that we write.

use countersign::model::Address;
use serde_json::Value;

use super::{Tally, Verdict, cases, text};

/// The verdict is about the form that EIP-55 writes; the product also takes addresses in one case.
fn run(file: &str) -> Tally {
    let mut tally = Tally::default();
    for case in cases(file) {
        let written = text(&case, "address");
        assert_eq!(Verdict::of_standard(&case) == Verdict::Accept, is_checksummed(written), "{case}");
        tally.judge(Verdict::of_product(&case), Address::parse(written).is_ok(), &case);
    }
    tally
}

/// Whether this spelling is the one that we write for the address.
fn is_checksummed(written: &str) -> bool {
    Address::parse(&written.to_lowercase()).expect("lower case is no checksum").checksummed() == written
}

#[test]
fn the_examples_of_eip_55_are_what_we_write() {
    assert_eq!(run("eip55/eip55.json"), Tally::new(8, 0));
}

#[test]
fn wrong_checksums_are_refused_and_one_case_is_not() {
    assert_eq!(run("eip55/siwe_rs_invalid.json"), Tally::new(2, 4));
}

#[test]
fn chain_specific_checksums_of_eip_1191_are_refused_unless_eip_55_allows_them() {
    let mut tally = Tally::default();
    for case in cases("eip55/eip1191.json") {
        let verdict = match &case["validEip55"] {
            Value::Bool(true) => Verdict::Accept,
            Value::Bool(false) => Verdict::Refuse,
            other => panic!("no verdict is {other}"),
        };
        tally.judge(verdict, Address::parse(text(&case, "address")).is_ok(), &case);
    }
    assert_eq!(tally, Tally::new(15, 24));
}
