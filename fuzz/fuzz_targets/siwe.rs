//! A sign-in message: what is read prints itself again and is within the grammar, field by field.

#![no_main]

use countersign::wallet::siwe::rfc3986::{Authority, Uri};
use countersign::wallet::siwe::{DateTime, Message};
use libfuzzer_sys::fuzz_target;

const HEAD: &str = "example.com wants you to sign in with your Ethereum account:\n\
                    0xe5a12547fe4e872d192e3ececb76f2ce1aea4946\n\n";
const TAIL: &str = "URI: a:\nVersion: 1\nChain ID: 1\nNonce: 12345678\nIssued At: 2026-01-01T00:00:00Z";

fuzz_target!(|text: &str| {
    // With a good beginning or a good end in place, so that the search goes on behind it.
    for text in [text, &format!("{HEAD}{text}"), &format!("{HEAD}\n{TAIL}{text}"), &format!("{text}{TAIL}")] {
        match Message::parse(text) {
            Ok(message) => {
                assert_eq!(message.to_string(), text);
                assert_eq!(message.check(), Ok(()));
            }
            Err(fault) => {
                let line = text.split('\n').nth(fault.line - 1).expect("a line that is there");
                assert!(fault.column <= line.chars().count() + 1);
            }
        }
    }
    if let Ok(read) = DateTime::parse(text) {
        assert_eq!(read.as_str(), text);
    }
    // Whatever is an authority can stand in a URI.
    if Authority::parse(text).is_ok() {
        assert!(Uri::parse(&format!("a://{text}")).is_ok());
    }
});
