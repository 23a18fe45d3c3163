//! EIP-4361: which texts are sign-in messages, what their fields are, which fields make no message.

use std::time::Duration;

use countersign::clock::Clock;
use countersign::model::{Address, Origin};
use countersign::wallet;
use countersign::wallet::siwe::{DateTime, Expected, Message, Spelling, VERSION};
use serde_json::Value;

use super::{Tally, Verdict, cases, read, text};

/// The cases of a file that is a map from a name to a case.
fn named(file: &str) -> Vec<Value> {
    read(file).as_object().expect("a map of cases").values().cloned().collect()
}

/// Whether `text` is a message; if so, it prints itself again.
fn is_message(text: &str) -> bool {
    let message = Message::parse(text);
    assert!(message.as_ref().is_ok_and(|message| message.to_string() == text) || message.is_err(), "{text}");
    message.is_ok()
}

/// A field that may be missing.
fn optional(fields: &Value, field: &str) -> Option<String> {
    fields.get(field).and_then(Value::as_str).map(str::to_owned)
}

/// The message of these fields; `None` if they make none.
fn built(fields: &Value) -> Option<Message> {
    let date = |field: &str| optional(fields, field).map(|date| DateTime::parse(&date)).transpose().ok();
    let address = optional(fields, "address")?;
    let resources = fields.get("resources").and_then(Value::as_array);
    let resource = |value: &Value| value.as_str().expect("a resource").to_owned();
    let message = Message {
        scheme: optional(fields, "scheme"),
        domain: optional(fields, "domain")?,
        address: Address::parse(&address).ok()?,
        spelling: Spelling::Checksummed,
        statement: optional(fields, "statement"),
        uri: optional(fields, "uri")?,
        chain_id: fields.get("chainId")?.as_u64()?,
        nonce: optional(fields, "nonce")?,
        issued_at: date("issuedAt")??,
        expiration_time: date("expirationTime")?,
        not_before: date("notBefore")?,
        request_id: optional(fields, "requestId"),
        resources: resources.map(|resources| resources.iter().map(resource).collect()),
    };
    let fits = optional(fields, "version")? == VERSION && message.check().is_ok();
    fits.then_some(message)
}

#[test]
fn the_examples_of_eip_4361_are_messages() {
    let mut tally = Tally::default();
    for case in cases("siwe/eip4361_examples.json") {
        tally.judge(Verdict::of_product(&case), is_message(text(&case, "message")), &case);
    }
    assert_eq!(tally, Tally::new(3, 0));
}

#[test]
fn present_empty_and_missing_are_three_things() {
    let cases = named("siwe/fork_valid_specification.json");
    for case in &cases {
        let written = text(case, "msg");
        assert!(is_message(written), "{case}");
        let message = Message::parse(written).unwrap();
        let items = &case["items"];
        assert_eq!(Value::from(message.statement), items["statement"], "{case}");
        assert_eq!(Value::from(message.request_id), items["requestId"], "{case}");
        assert_eq!(message.resources.map_or(Value::Null, Value::from), items["resources"], "{case}");
    }
    assert_eq!(cases.len(), 9);
}

#[test]
fn texts_and_fields_make_the_same_message() {
    let cases = named("siwe/parsing_positive.json");
    for case in &cases {
        let written = text(case, "message");
        assert!(is_message(written), "{case}");
        assert_eq!(Message::parse(written).ok(), built(&case["fields"]), "{case}");
        assert_eq!(built(&case["fields"]).map(|message| message.to_string()).as_deref(), Some(written), "{case}");
    }
    assert_eq!(cases.len(), 19);
}

#[test]
fn texts_that_are_no_messages_are_refused() {
    let mut tally = Tally::default();
    for case in cases("siwe/parsing_negative.json") {
        tally.judge(Verdict::of_product(&case), is_message(text(&case, "message")), &case);
    }
    // An address in lower case is good, whatever other parsers say.
    assert_eq!(tally, Tally::new(1, 28));
}

#[test]
fn fields_that_make_no_message_are_refused() {
    let cases = named("siwe/parsing_negative_objects.json");
    for case in &cases {
        assert_eq!(built(case), None, "{case}");
    }
    assert_eq!(cases.len(), 18);
}

#[test]
fn messages_of_contract_wallets_are_messages() {
    let cases = named("siwe/eip1271.json");
    for case in &cases {
        let written = text(case, "message");
        assert!(is_message(written), "{case}");
        assert_eq!(Message::parse(written).ok().map(|message| message.chain_id), case["chainId"].as_u64(), "{case}");
    }
    assert_eq!(cases.len(), 2);
}

/// Whether a signed message verifies: built, for this site and nonce, in time, signed. How long ago it was issued and
/// of which site its URI is, these cases do not care about.
fn verifies(case: &Value) -> bool {
    let Some(message) = built(case) else { return false };
    let written = message.to_string();
    assert!(is_message(&written), "{written}");
    let time = optional(case, "time").map(|time| DateTime::parse(&time).expect("the time of a case").moment());
    let now = time.unwrap_or_else(|| Clock::System.now());
    let domain = optional(case, "domainBinding").unwrap_or_else(|| message.domain.clone());
    let origins = [Origin::new("https", &domain, None).expect("an origin")];
    let chains = [message.chain_id];
    let (skew, max_age) = (Duration::ZERO, Duration::MAX);
    let expected = Expected { origins: &origins, chains: &chains, skew, max_age, now };
    let proof = wallet::Expected::Message { message: &message, text: &written };
    message.judge_domain(&expected).is_ok()
        && message.judge_chain(&expected).is_ok()
        && optional(case, "matchNonce").is_none_or(|nonce| nonce == message.nonce)
        && message.judge_expiration(&expected).is_ok()
        && message.judge_not_before(&expected).is_ok()
        && wallet::verify(text(case, "signature"), proof).is_ok_and(|wallet| wallet.address() == message.address)
}

#[test]
fn signed_messages_verify_if_every_rule_holds() {
    for (file, verdict, count) in
        [("siwe/verification_positive.json", true, 4), ("siwe/verification_negative.json", false, 10)]
    {
        let cases = named(file);
        for case in &cases {
            assert_eq!(verifies(case), verdict, "{case}");
        }
        assert_eq!(cases.len(), count, "{file}");
    }
}
