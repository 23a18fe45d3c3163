//! A text of a profile: what is taken is what was sent, and no screen and no database chokes on it.

#![no_main]

use countersign::model::profile::ProfileText;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, u8)| {
    let (text, times) = input;
    let text = text.repeat(usize::from(times));
    let long = text.chars().count() > ProfileText::MAX_CHARS;
    let control = text.chars().any(|c| c != '\n' && c != '\t' && (c < ' ' || ('\u{7f}'..'\u{a0}').contains(&c)));
    match ProfileText::parse("name", text.clone()) {
        Ok(taken) => assert!(taken.as_str() == text && !long && !control),
        Err(violation) => assert!(violation.field == "name" && (long || control)),
    }
});
