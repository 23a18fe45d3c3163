//! The terms of the grammar of EIP-4361 that are not another standard's, one function each. None of them takes a line
//! break, so a field that fits can't run into the next one.

use super::fault::{Fault, FaultKind};
use super::rfc3986::{Authority, Misfit, is_reserved, is_unreserved};
use super::{Spelling, VERSION};
use crate::model::Address;

/// The shortest nonce.
const SHORTEST_NONCE: usize = 8;

/// `domain`. The grammar would let it be empty, the list of fields says that it is required.
pub(super) fn check_domain(text: &str) -> Result<(), Misfit> {
    if text.is_empty() {
        return Err(Misfit::new(0, "the domain that asks for the signature"));
    }
    Authority::parse(text).map(|_| ())
}

/// `address`, and which of its spellings this one is.
pub(super) fn read_address(text: &str) -> Result<(Address, Spelling), Fault> {
    const EXPECTED: &str = "an address: 0x and 40 hex digits";
    let fits = |(at, byte): (usize, u8)| match at {
        // RFC 5234 would take 0X too; but EIP-55, to which the grammar refers for capitals, knows only 0x.
        0 => byte == b'0',
        1 => byte == b'x',
        2..42 => byte.is_ascii_hexdigit(),
        _ => false,
    };
    let length = text.bytes().enumerate().take_while(|&place| fits(place)).count();
    if length != 42 || text.len() != 42 {
        return Err(Misfit::new(length, EXPECTED).into());
    }
    let address = Address::parse(text).map_err(|_| Fault {
        at: 0,
        expected: "an address whose mixed case is its EIP-55 checksum",
        kind: FaultKind::Checksum,
    })?;
    let spellings = [Spelling::Checksummed, Spelling::Lower, Spelling::Upper];
    let spelling = spellings.into_iter().find(|spelling| spelling.write(address) == text).unwrap_or_default();
    Ok((address, spelling))
}

/// `statement`: any number of `reserved`, `unreserved` and spaces. No `%`, `"`, `<`, `>`, `\`, `^`, `` ` `` or braces.
pub(super) fn check_statement(text: &str) -> Result<(), Misfit> {
    let fits = |byte: u8| is_reserved(byte) || is_unreserved(byte) || byte == b' ';
    match text.bytes().position(|byte| !fits(byte)) {
        None => Ok(()),
        Some(at) => Err(Misfit::new(at, "a statement of letters, digits, spaces and -._~:/?#[]@!$&'()*+,;=")),
    }
}

/// `version`.
pub(super) fn check_version(text: &str) -> Result<(), Fault> {
    const EXPECTED: &str = "version 1";
    if text == VERSION {
        return Ok(());
    }
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        // This is no version of anything.
        let length = text.bytes().take_while(u8::is_ascii_graphic).count();
        return Err(Misfit::new(length, EXPECTED).into());
    }
    Err(Fault { at: 0, expected: EXPECTED, kind: FaultKind::Version })
}

/// `chain-id`, without zeros in front, so that a number has one spelling, and at most what 64 bits hold.
pub(super) fn read_chain_id(text: &str) -> Result<u64, Misfit> {
    const EXPECTED: &str = "a chain id: digits without zeros in front, at most 18446744073709551615";
    let mut number: u64 = 0;
    for (at, byte) in text.bytes().enumerate() {
        let digit = Some(byte).filter(u8::is_ascii_digit).filter(|_| at == 0 || number != 0);
        let next = digit.and_then(|digit| number.checked_mul(10)?.checked_add(u64::from(digit - b'0')));
        number = next.ok_or(Misfit::new(at, EXPECTED))?;
    }
    if text.is_empty() { Err(Misfit::new(0, EXPECTED)) } else { Ok(number) }
}

/// `nonce`.
pub(super) fn check_nonce(text: &str) -> Result<(), Misfit> {
    let length = text.bytes().take_while(u8::is_ascii_alphanumeric).count();
    if length < text.len() || length < SHORTEST_NONCE {
        return Err(Misfit::new(length, "a nonce of at least 8 letters and digits"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_three_spellings() {
        let right = "0xe5A12547fe4E872D192E3eCecb76F2Ce1aeA4946";
        let upper = format!("0x{}", right[2..].to_uppercase());
        for (text, spelling) in [
            (right, Spelling::Checksummed),
            (&right.to_lowercase(), Spelling::Lower),
            (&upper, Spelling::Upper),
            ("0x52908400098527886E0F7030069857D2E4169EE7", Spelling::Checksummed),
            ("0xde709f2102306220921060314715629080e2fb77", Spelling::Checksummed),
            ("0x0000000000000000000000000000000000000000", Spelling::Checksummed),
        ] {
            let (address, read) = read_address(text).unwrap();
            assert_eq!((read, read.write(address).as_str()), (spelling, text));
        }
    }

    #[test]
    fn what_is_wrong_with_an_address_is_told_apart() {
        let right = "0xe5A12547fe4E872D192E3eCecb76F2Ce1aeA4946";
        for (text, at, kind) in [
            (right.replace("0xe5A", "0xE5A"), 0, FaultKind::Checksum),
            (right.replace("0x", "0X"), 1, FaultKind::Grammar),
            (right.replace("0x", ""), 0, FaultKind::Grammar),
            (right.replace("54", "5é"), 8, FaultKind::Grammar),
            (format!("{right} "), 42, FaultKind::Grammar),
            (format!("{right}0"), 42, FaultKind::Grammar),
            (right[..41].to_owned(), 41, FaultKind::Grammar),
            (String::new(), 0, FaultKind::Grammar),
        ] {
            let fault = read_address(&text).unwrap_err();
            assert_eq!((fault.at, fault.kind), (at, kind), "{text}");
        }
    }

    #[test]
    fn a_statement_has_the_characters_of_the_grammar_alone() {
        let fits = |c: char| check_statement(&c.to_string()).is_ok();
        let taken: String = ('\0'..='\u{ff}').filter(|c| fits(*c)).collect();
        let digits = "0123456789:;=?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[]_abcdefghijklmnopqrstuvwxyz~";
        assert_eq!(taken, format!(" !#$&'()*+,-./{digits}"));
        assert_eq!(check_statement("fünf\n").unwrap_err().at, 1);
        assert!(check_statement("").is_ok());
    }

    #[test]
    fn another_version_is_told_from_no_version() {
        assert!(check_version("1").is_ok());
        for text in ["2", "3", "10", "01", "1.0", "v1"] {
            assert_eq!(check_version(text).unwrap_err().kind, FaultKind::Version, "{text}");
        }
        for (text, at) in [("", 0), ("1 ", 1), (" 1", 0), ("1\r", 1), ("é", 0)] {
            let fault = check_version(text).unwrap_err();
            assert_eq!((fault.kind, fault.at), (FaultKind::Grammar, at), "{text:?}");
        }
    }

    #[test]
    fn a_chain_id_has_one_spelling() {
        for number in [0, 1, 10, 137, u64::MAX] {
            assert_eq!(read_chain_id(&number.to_string()), Ok(number));
        }
        for (text, at) in
            [("", 0), ("?", 0), ("-1", 0), ("+1", 0), ("0x1", 1), ("01", 1), ("00", 1), ("1 ", 1), ("1é", 1)]
        {
            assert_eq!(read_chain_id(text).map_err(|misfit| misfit.at), Err(at), "{text}");
        }
        assert_eq!(read_chain_id("18446744073709551616").unwrap_err().at, 19);
    }

    #[test]
    fn a_nonce_is_eight_letters_and_digits_or_more() {
        assert!(check_nonce("32891756").is_ok());
        assert!(check_nonce(&"aZ9".repeat(500)).is_ok());
        for (text, at) in [("", 0), ("1234567", 7), ("12345-78", 5), ("1234567é", 7), ("12345678 ", 8)] {
            assert_eq!(check_nonce(text).unwrap_err().at, at, "{text}");
        }
    }

    #[test]
    fn a_domain_is_an_authority_that_is_there() {
        for text in ["service.org", "127.0.0.1:8080", "test@127.0.0.1", "[::cafe]", "localhost:"] {
            assert!(check_domain(text).is_ok(), "{text}");
        }
        for (text, at) in [("", 0), ("#notrfc4501", 0), ("a/b", 1), ("a://b", 2), ("a b", 1), ("a\n", 1), ("é", 0)] {
            assert_eq!(check_domain(text).map_err(|misfit| misfit.at), Err(at), "{text}");
        }
    }
}
