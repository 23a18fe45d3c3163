//! Sign-In with Ethereum: the message of EIP-4361, read strictly and printed back to the same bytes. Whether it is
//! meant for us, in time and signed is not decided here.

mod date_time;
mod fault;
mod grammar;
mod reader;
pub mod rfc3986;
mod rules;

use std::fmt;

pub use date_time::DateTime;
pub use fault::{FaultKind, FieldFault, GrammarFault};
pub use rules::Expected;

use crate::model::Address;
use rfc3986::{Misfit, Uri, check_pchars, check_scheme};

/// The longest message that is looked at, in bytes. EIP-4361 asks for a bound and leaves it to us.
pub const LONGEST: usize = 8 * 1024;

/// The one version that there is.
pub const VERSION: &str = "1";

/// What stands behind the domain.
const PREAMBLE: &str = " wants you to sign in with your Ethereum account:";

/// A sign-in message (EIP-4361). [`Message::parse`] makes one that is within the grammar; one that was put together
/// from its fields is if [`Message::check`] says so. Its version is always [`VERSION`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The scheme of the origin that asks; `https` is meant if there is none.
    pub scheme: Option<String>,
    /// Who asks: an authority of RFC 3986, so there may be a port and even user information in it.
    pub domain: String,
    /// Who signs.
    pub address: Address,
    /// How the address is spelled in the text.
    pub spelling: Spelling,
    /// What the person reads and agrees to. An empty statement is another text than none.
    pub statement: Option<String>,
    /// What the sign-in is about: a URI of RFC 3986.
    pub uri: String,
    /// The chain that the session is bound to (EIP-155).
    pub chain_id: u64,
    /// What makes the message good for one sign-in: at least 8 letters and digits.
    pub nonce: String,
    /// When the message was made.
    pub issued_at: DateTime,
    /// From when on it no longer counts.
    pub expiration_time: Option<DateTime>,
    /// From when on it counts.
    pub not_before: Option<DateTime>,
    /// A name for this request, which may be empty.
    pub request_id: Option<String>,
    /// URIs that the person wants to be resolved. An empty list is another text than none.
    pub resources: Option<Vec<String>>,
}

impl Message {
    /// Reads a message to the letter of the grammar of EIP-4361: line breaks are LF, every label stands once and in
    /// its place, nothing follows the end. Display prints it back to the same bytes.
    ///
    /// Where the grammar leaves a choice, the stricter one is taken: the domain is not empty, an address in mixed case
    /// has its EIP-55 checksum, the chain id has no zeros in front and fits 64 bits, dates exist in the calendar, and
    /// the text has at most [`LONGEST`] bytes.
    ///
    /// # Errors
    /// [`GrammarFault`], which says where and what; its kind tells a wrong checksum and another version apart.
    pub fn parse(text: &str) -> Result<Self, GrammarFault> {
        reader::read(text).map_err(|fault| fault.locate(text))
    }

    /// Checks that every field is within the grammar, so that what is printed can be read again and is what the fields
    /// say: no field runs over into the next line.
    ///
    /// # Errors
    /// [`FieldFault`] names the first field that is not.
    pub fn check(&self) -> Result<(), FieldFault> {
        let check = |field, text: &str, check: fn(&str) -> Result<(), Misfit>| {
            check(text).map_err(|misfit| FieldFault::new(field, text, misfit))
        };
        let is_uri: fn(&str) -> Result<(), Misfit> = |text| Uri::parse(text).map(|_| ());
        if let Some(scheme) = &self.scheme {
            check("scheme", scheme, check_scheme)?;
        }
        check("domain", &self.domain, grammar::check_domain)?;
        if let Some(statement) = &self.statement {
            check("statement", statement, grammar::check_statement)?;
        }
        check("uri", &self.uri, is_uri)?;
        check("nonce", &self.nonce, grammar::check_nonce)?;
        if let Some(request_id) = &self.request_id {
            check("request_id", request_id, check_pchars)?;
        }
        for resource in self.resources.iter().flatten() {
            check("resources", resource, is_uri)?;
        }
        let printed = self.to_string();
        if printed.len() > LONGEST {
            let misfit = Misfit::new(printed.floor_char_boundary(LONGEST), "a message of at most 8 KiB");
            return Err(FieldFault::new("message", &printed, misfit));
        }
        Ok(())
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(scheme) = &self.scheme {
            write!(f, "{scheme}://")?;
        }
        write!(f, "{}{PREAMBLE}\n{}\n\n", self.domain, self.spelling.write(self.address))?;
        if let Some(statement) = &self.statement {
            writeln!(f, "{statement}")?;
        }
        let Self { uri, chain_id, nonce, issued_at, .. } = self;
        write!(f, "\nURI: {uri}\nVersion: {VERSION}\nChain ID: {chain_id}\nNonce: {nonce}\nIssued At: {issued_at}")?;
        if let Some(expiration_time) = &self.expiration_time {
            write!(f, "\nExpiration Time: {expiration_time}")?;
        }
        if let Some(not_before) = &self.not_before {
            write!(f, "\nNot Before: {not_before}")?;
        }
        if let Some(request_id) = &self.request_id {
            write!(f, "\nRequest ID: {request_id}")?;
        }
        if let Some(resources) = &self.resources {
            f.write_str("\nResources:")?;
            resources.iter().try_for_each(|resource| write!(f, "\n- {resource}"))?;
        }
        Ok(())
    }
}

/// How an address is spelled. The grammar asks for the case of EIP-55 "where applicable"; wallets also write one case,
/// and what they signed has to be printed as they wrote it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Spelling {
    /// In the mixed case of EIP-55.
    #[default]
    Checksummed,
    /// All letters in lower case.
    Lower,
    /// All letters in upper case, but for the x.
    Upper,
}

impl Spelling {
    /// `address` in this spelling.
    #[must_use]
    pub fn write(self, address: Address) -> String {
        let text = address.checksummed();
        match self {
            Self::Checksummed => text,
            Self::Lower => text.to_ascii_lowercase(),
            Self::Upper => text.to_ascii_uppercase().replacen('X', "x", 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    const FULL: &str = "https://service.org:8443 wants you to sign in with your Ethereum account:\n\
        0xe5A12547fe4E872D192E3eCecb76F2Ce1aeA4946\n\n\
        I accept: https://service.org/tos\n\n\
        URI: https://service.org/login\n\
        Version: 1\n\
        Chain ID: 137\n\
        Nonce: 12341234\n\
        Issued At: 2022-03-17T12:45:13.610Z\n\
        Expiration Time: 2023-03-17T12:45:13.610+01:00\n\
        Not Before: 2022-03-17t12:45:13z\n\
        Request ID: some_id%20\n\
        Resources:\n\
        - ipfs://Qme7ss3ARVgxv6rXqVPiikMJ8u2NLgmgszg13pYrDKEoiu\n\
        - uri:";

    const LEAST: &str = "service.org wants you to sign in with your Ethereum account:\n\
        0xe5A12547fe4E872D192E3eCecb76F2Ce1aeA4946\n\n\n\
        URI: uri:\n\
        Version: 1\n\
        Chain ID: 1\n\
        Nonce: 12341234\n\
        Issued At: 2022-03-17T12:45:13Z";

    fn read(text: &str) -> Message {
        let message = Message::parse(text).unwrap_or_else(|fault| panic!("{fault}: {text}"));
        assert_eq!(message.to_string(), text);
        assert_eq!(message.check(), Ok(()));
        message
    }

    /// Where a text is refused.
    fn refused(text: &str) -> (usize, usize, FaultKind) {
        let fault = Message::parse(text).map(|_| ()).expect_err(text);
        (fault.line, fault.column, fault.kind)
    }

    /// The message of all fields with one place changed.
    fn changed(from: &str, to: &str) -> String {
        assert_eq!(FULL.matches(from).count(), 1, "{from}");
        FULL.replace(from, to)
    }

    #[test]
    fn every_field_is_read() {
        let message = read(FULL);
        assert_eq!(message.scheme.as_deref(), Some("https"));
        assert_eq!(message.domain, "service.org:8443");
        assert_eq!(message.address.to_string(), "0xe5A12547fe4E872D192E3eCecb76F2Ce1aeA4946");
        assert_eq!(message.spelling, Spelling::Checksummed);
        assert_eq!(message.statement.as_deref(), Some("I accept: https://service.org/tos"));
        assert_eq!(message.uri, "https://service.org/login");
        assert_eq!((message.chain_id, message.nonce.as_str()), (137, "12341234"));
        assert_eq!(message.issued_at.moment(), Timestamp::from_micros(1_647_521_113_610_000));
        assert_eq!(message.expiration_time.unwrap().as_str(), "2023-03-17T12:45:13.610+01:00");
        assert_eq!(message.not_before.unwrap().moment(), Timestamp::from_seconds(1_647_521_113));
        assert_eq!(message.request_id.as_deref(), Some("some_id%20"));
        let resources = ["ipfs://Qme7ss3ARVgxv6rXqVPiikMJ8u2NLgmgszg13pYrDKEoiu", "uri:"].map(str::to_owned);
        assert_eq!(message.resources, Some(resources.into()));
    }

    #[test]
    fn what_is_optional_may_be_missing() {
        let message = read(LEAST);
        assert_eq!((message.scheme, message.statement, message.request_id), (None, None, None));
        assert_eq!((message.expiration_time, message.not_before, message.resources), (None, None, None));
        for line in [
            "https://",
            "Expiration Time: 2023-03-17T12:45:13.610+01:00\n",
            "Not Before: 2022-03-17t12:45:13z\n",
            "Request ID: some_id%20\n",
            "I accept: https://service.org/tos\n",
            "\n- uri:",
        ] {
            // The scheme of the domain comes first in the text.
            read(&FULL.replacen(line, "", 1));
        }
    }

    #[test]
    fn empty_is_not_missing() {
        let with = |statement: &str| LEAST.replace("\n\n\n", statement);
        assert_eq!(read(&with("\n\n\n")).statement, None);
        assert_eq!(read(&with("\n\n\n\n")).statement.as_deref(), Some(""));
        assert_eq!(read(&with("\n\n \n\n")).statement.as_deref(), Some(" "));
        assert_eq!(read(&format!("{LEAST}\nRequest ID: ")).request_id.as_deref(), Some(""));
        assert_eq!(read(&format!("{LEAST}\nResources:")).resources, Some(Vec::new()));
    }

    #[test]
    fn a_statement_may_look_like_a_label() {
        for statement in ["URI: https://other.org", "Nonce: 87654321", "Resources:", "- uri:", "0x00"] {
            let message = read(&LEAST.replace("\n\n\n", &format!("\n\n{statement}\n\n")));
            assert_eq!(message.statement.as_deref(), Some(statement));
            assert_eq!((message.uri.as_str(), message.nonce.as_str()), ("uri:", "12341234"));
        }
    }

    #[test]
    fn an_address_in_one_case_is_printed_as_it_was_written() {
        let address = "0xe5A12547fe4E872D192E3eCecb76F2Ce1aeA4946";
        let upper = format!("0x{}", address[2..].to_uppercase());
        for spelling in [address.to_lowercase(), upper] {
            assert_eq!(read(&changed(address, &spelling)).address, read(FULL).address);
        }
        assert_eq!(refused(&changed("0xe5A1", "0xE5A1")), (2, 1, FaultKind::Checksum));
    }

    #[test]
    fn a_fault_is_at_the_first_character_that_does_not_fit() {
        for (from, to, line, column) in [
            ("https://service.org:8443", "", 1, 1),
            ("https://service.org:8443", "https://", 1, 9),
            ("https://service.org:8443", "1://service.org", 1, 1),
            ("https://service.org:8443", "a://b://c", 1, 7),
            ("service.org:8443", "#service.org", 1, 9),
            ("service.org:8443", "sérvice.org", 1, 10),
            (" wants you", "  wants you", 1, 26),
            ("Ethereum", "ethereum", 1, 57),
            ("account:", "account: ", 1, 74),
            ("account:\n", "account:\r\n", 1, 74),
            ("4946\n\n", "4946\n", 3, 1),
            ("4946\n\n", "4946\n \n", 3, 1),
            ("I accept", "I \"accept", 4, 3),
            ("tos\n\n", "tos\n", 5, 1),
            ("tos\n\n", "tos\n\n\n", 6, 1),
            ("tos\n\n", "tos\nmore\n\n", 5, 1),
            ("URI: https", "Uri: https", 6, 2),
            ("URI: https", "URI: :", 6, 6),
            ("Version: 1\n", "", 7, 1),
            ("Version: 1", "Version:1", 7, 9),
            ("Version: 1", "Version: 1 ", 7, 11),
            ("Chain ID: 137", "Chain ID: ", 8, 11),
            ("Chain ID: 137", "Chain ID: 1e7", 8, 12),
            ("Chain ID: 137", "Chain ID: 0137", 8, 12),
            ("Nonce: 12341234", "Nonce: 1234123", 9, 15),
            ("2022-03-17T12:45:13.610Z", "2022-02-31T12:45:13.610Z", 10, 20),
            ("Z\nExpiration Time:", "Z \nExpiration Time:", 10, 36),
            ("Z\nExpiration Time:", "Z\n\nExpiration Time:", 11, 1),
            ("Expiration Time:", "Expiration time:", 11, 1),
            ("\nExpiration Time: 2023-03-17T12:45:13.610+01:00", "\nExpiration Time: ", 11, 18),
            ("Not Before:", "Expiration Time:", 12, 1),
            ("Request ID: some_id%20", "Request ID: a/b", 13, 14),
            ("Request ID: some_id%20", "Request ID:", 13, 1),
            ("Request ID: some_id%20", "Request ID: %2", 13, 15),
            ("Resources:", "Resources: ", 14, 11),
            ("Resources:\n", "Resources:\n\n", 15, 1),
            ("- uri:", "-uri:", 16, 1),
            ("- uri:", "- uri", 16, 6),
            ("- uri:", "- uri: ", 16, 7),
            ("- uri:", "- uri:\n", 17, 1),
            ("- uri:", "- uri:\nRequest ID: 1", 17, 1),
        ] {
            assert_eq!(refused(&changed(from, to)), (line, column, FaultKind::Grammar), "{from:?} to {to:?}");
        }
        assert_eq!(refused(&format!("{LEAST}\n")), (10, 1, FaultKind::Grammar));
        assert_eq!(refused(&format!("\u{feff}{LEAST}")), (1, 1, FaultKind::Grammar));
        assert_eq!(refused(""), (1, 1, FaultKind::Grammar));
    }

    #[test]
    fn another_version_is_told_apart() {
        assert_eq!(refused(&changed("Version: 1", "Version: 3")), (7, 10, FaultKind::Version));
        assert_eq!(refused(&changed("Version: 1", "Version: ")), (7, 10, FaultKind::Grammar));
    }

    #[test]
    fn a_message_is_at_most_as_long_as_is_looked_at() {
        let with = |length: usize| format!("{LEAST}\nRequest ID: {}", "x".repeat(length - LEAST.len() - 13));
        let longest = read(&with(LONGEST));
        assert_eq!(refused(&with(LONGEST + 1)), (10, LONGEST - LEAST.len(), FaultKind::Grammar));
        assert_eq!(refused(&"é".repeat(LONGEST)), (1, LONGEST / 2 + 1, FaultKind::Grammar));
        let longer = Message { nonce: format!("{}0", longest.nonce), ..longest };
        assert_eq!(longer.check().unwrap_err().field, "message");
    }

    #[test]
    fn a_field_that_is_outside_of_the_grammar_is_named() {
        let good = read(FULL);
        let some = |text: &str| Some(text.to_owned());
        for (message, field, column) in [
            (Message { scheme: some(""), ..good.clone() }, "scheme", 1),
            (Message { scheme: some("a:"), ..good.clone() }, "scheme", 2),
            (Message { domain: String::new(), ..good.clone() }, "domain", 1),
            (Message { scheme: None, domain: "https://a".into(), ..good.clone() }, "domain", 7),
            (Message { domain: "a wants".into(), ..good.clone() }, "domain", 2),
            (Message { statement: some("a\n\nURI: b:"), ..good.clone() }, "statement", 2),
            (Message { statement: some("schön"), ..good.clone() }, "statement", 4),
            (Message { uri: "a:b\nVersion: 1".into(), ..good.clone() }, "uri", 4),
            (Message { nonce: "1234567".into(), ..good.clone() }, "nonce", 8),
            (Message { request_id: some("a\nResources:"), ..good.clone() }, "request_id", 2),
            (Message { resources: Some(vec!["a:".into(), "a:\n- b:".into()]), ..good.clone() }, "resources", 3),
        ] {
            let fault = message.check().unwrap_err();
            assert_eq!((fault.field, fault.column), (field, column), "{fault}");
        }
    }

    #[test]
    fn what_is_built_can_be_read() {
        let message = Message {
            scheme: None,
            domain: "app.example.com".into(),
            address: Address::new([0xAB; 20]),
            spelling: Spelling::default(),
            statement: Some("Sign in to the example.".into()),
            uri: "https://app.example.com/".into(),
            chain_id: 1,
            nonce: "A1b2C3d4".into(),
            issued_at: DateTime::of(Timestamp::from_seconds(1_767_225_600)).unwrap(),
            expiration_time: DateTime::of(Timestamp::from_seconds(1_767_225_900)),
            not_before: None,
            request_id: None,
            resources: None,
        };
        assert_eq!(message.check(), Ok(()));
        assert_eq!(read(&message.to_string()), message);
    }
}
