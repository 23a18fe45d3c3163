//! Sign-in messages: exactly the texts of the grammar are read, and what is read prints itself again.

use std::sync::LazyLock;

use countersign::clock::Timestamp;
use countersign::model::Address;
use countersign::wallet;
use countersign::wallet::signer::PrivateKey;
use countersign::wallet::siwe::rfc3986::{Authority, Uri};
use countersign::wallet::siwe::{DateTime, FaultKind, LONGEST, Message, Spelling};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{Just, any};
use proptest::sample::select;
use proptest::strategy::Strategy;
use proptest::{prop_assert, prop_assert_eq, prop_oneof};

use super::abnf::Grammar;
use super::holds;

static GRAMMAR: LazyLock<Grammar> = LazyLock::new(|| {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/abnf/siwe.abnf");
    Grammar::parse(&std::fs::read_to_string(path).unwrap())
});

const FULL: &str = "https://service.org:8443 wants you to sign in with your Ethereum account:\n\
    0xe5A12547fe4E872D192E3eCecb76F2Ce1aeA4946\n\nI accept: https://service.org/tos\n\n\
    URI: https://service.org/login?a=b#c\nVersion: 1\nChain ID: 137\nNonce: 12341234\n\
    Issued At: 2022-03-17T12:45:13.610Z\nExpiration Time: 2023-03-17T12:45:13+01:00\n\
    Not Before: 2022-03-17t12:45:13z\nRequest ID: some_id%20\nResources:\n- ipfs://Qme7/\n- uri:";

const LEAST: &str = "u@[::1] wants you to sign in with your Ethereum account:\n\
    0xe5a12547fe4e872d192e3ececb76f2ce1aea4946\n\n\n\
    URI: uri:\nVersion: 1\nChain ID: 1\nNonce: 12341234\nIssued At: 2022-03-17T12:45:13Z";

fn of(alphabet: &'static str) -> impl Strategy<Value = char> {
    select(alphabet.chars().collect::<Vec<_>>())
}

fn word(alphabet: &'static str, length: std::ops::Range<usize>) -> impl Strategy<Value = String> {
    vec(of(alphabet), length).prop_map(String::from_iter)
}

fn authority() -> impl Strategy<Value = String> {
    let user = prop_oneof![Just(String::new()), word("aZ0-._~!$&'()*+,;=:", 0..5).prop_map(|user| user + "@")];
    let host = prop_oneof![
        word("abcXYZ019-.~_", 1..20),
        any::<[u8; 4]>().prop_map(|part| std::net::Ipv4Addr::from(part).to_string()),
        any::<[u8; 16]>().prop_map(|part| format!("[{}]", std::net::Ipv6Addr::from(part))),
        Just("[v7.f:~]".to_owned()),
        Just("%41%6a".to_owned()),
    ];
    let port = prop_oneof![Just(String::new()), word("0123456789", 0..6).prop_map(|port| format!(":{port}"))];
    (user, host, port).prop_map(|(user, host, port)| user + &host + &port)
}

fn scheme() -> impl Strategy<Value = String> {
    (of("aZ"), word("aZ09+-.", 0..6)).prop_map(|(first, rest)| format!("{first}{rest}"))
}

fn uri() -> impl Strategy<Value = String> {
    let path = || word("aZ09-._~!$&'()*+,;=:@/", 0..12);
    let hierarchy = prop_oneof![
        path().prop_filter("this is an authority", |path| !path.starts_with("//")),
        (authority(), path()).prop_map(|(authority, path)| format!("//{authority}/{path}")),
    ];
    let tail = |mark: &'static str| {
        prop_oneof![Just(String::new()), word("aZ09/?:@%", 0..6).prop_map(move |tail| mark.to_owned() + &tail)]
            .prop_map(|tail| tail.replace('%', "%2f"))
    };
    (scheme(), hierarchy, tail("?"), tail("#")).prop_map(|(scheme, rest, query, fragment)| {
        // Each part is within the grammar by itself, so their order alone is to be kept.
        format!("{scheme}:{rest}{query}{fragment}")
    })
}

fn date_time() -> impl Strategy<Value = DateTime> {
    let day = (0..10_000_u16, 1..13_u8, 1..29_u8).prop_map(|(y, m, d)| format!("{y:04}-{m:02}-{d:02}"));
    let time = (0..24_u8, 0..60_u8, 0..60_u8).prop_map(|(h, m, s)| format!("{h:02}:{m:02}:{s:02}"));
    let decimals = prop_oneof![Just(String::new()), word("0123456789", 1..12).prop_map(|digits| format!(".{digits}"))];
    let offset = prop_oneof![
        select(&["Z", "z", "-00:00"]).prop_map(str::to_owned),
        (of("+-"), 0..24_u8, 0..60_u8).prop_map(|(sign, h, m)| format!("{sign}{h:02}:{m:02}")),
    ];
    (day, of("Tt"), time, decimals, offset).prop_map(|(day, t, time, decimals, offset)| {
        DateTime::parse(&format!("{day}{t}{time}{decimals}{offset}")).expect("within the grammar")
    })
}

fn spelled() -> impl Strategy<Value = (Address, Spelling)> {
    let spelling = select(&[Spelling::Checksummed, Spelling::Lower, Spelling::Upper]);
    // Letters in it, so that the three spellings are three.
    (any::<[u8; 20]>(), spelling).prop_map(|(mut bytes, spelling)| {
        bytes[..4].copy_from_slice(&[0xAB, 0xCD, 0xEF, 0xAB]);
        (Address::new(bytes), spelling)
    })
}

fn message() -> impl Strategy<Value = Message> {
    let text = "aZ09 -._~:/?#[]@!$&'()*+,;=";
    let who = (option::of(scheme()), authority(), spelled(), option::of(word(text, 0..40)));
    let what = (uri(), any::<u64>(), word("aZ09", 8..40), option::of(word("aZ09-._~!$&'()*+,;=:@", 0..9)));
    let when = (date_time(), option::of(date_time()), option::of(date_time()));
    let resources = option::of(vec(uri(), 0..4));
    (who, what, when, resources).prop_map(|(who, what, when, resources)| {
        let (scheme, domain, (address, spelling), statement) = who;
        let (uri, chain_id, nonce, request_id) = what;
        let (issued_at, expiration_time, not_before) = when;
        Message {
            scheme,
            domain,
            address,
            spelling,
            statement,
            uri,
            chain_id,
            nonce,
            issued_at,
            expiration_time,
            not_before,
            request_id,
            resources,
        }
    })
}

/// What is read prints itself again, is within the grammar, and is what a check of the fields takes too.
fn read(text: &str) -> Option<Message> {
    let message = Message::parse(text).ok()?;
    assert_eq!(message.to_string(), text);
    assert_eq!(message.check(), Ok(()), "{text}");
    Some(message)
}

/// Whether we refuse `text` for more than the grammar: each of these is in the documentation of `Message::parse`.
fn is_beyond_the_grammar(text: &str) -> bool {
    let line = |label: &str| text.lines().skip(5).find_map(|line| line.strip_prefix(label));
    let dates = ["Issued At: ", "Expiration Time: ", "Not Before: "].map(line);
    let chain_id = line("Chain ID: ").unwrap_or_default();
    let origin = text.split(' ').next().unwrap_or_default();
    let address = text.lines().nth(1).unwrap_or_default();
    text.len() > LONGEST
        || origin.is_empty()
        || origin.ends_with("://")
        || Address::parse(address).is_err()
        || chain_id.parse::<u64>().map(|number| number.to_string()).as_deref() != Ok(chain_id)
        || dates.into_iter().flatten().any(|date| DateTime::parse(date).is_err())
}

/// The grammar and the parser agree, but for what we refuse beyond the grammar.
fn agree(text: &str) {
    let is_read = read(text).is_some();
    let fits = GRAMMAR.matches("sign-in-with-ethereum", text);
    assert!(fits || !is_read, "read and not within the grammar: {text:?}");
    assert!(is_read || !fits || is_beyond_the_grammar(text), "within the grammar and refused: {text:?}");
}

#[test]
fn a_message_of_any_fields_prints_itself_and_is_read_again() {
    holds(1000, &message(), |message| {
        prop_assert_eq!(message.check(), Ok(()));
        let text = message.to_string();
        prop_assert_eq!(Message::parse(&text), Ok(message), "{}", text);
        Ok(())
    });
}

#[test]
fn a_message_of_any_fields_is_within_the_grammar() {
    holds(100, &message(), |message| {
        prop_assert!(GRAMMAR.matches("sign-in-with-ethereum", &message.to_string()), "{}", message);
        Ok(())
    });
}

#[test]
fn any_text_in_any_field_is_refused_or_stays_in_its_field() {
    let part = prop_oneof![
        any::<String>(),
        select(&["\n", "\nNonce: 12345678", "a:\n- b:", "https://a", " ", "\r", "%4", "%41", "é", "a:b", "aB345678"])
            .prop_map(str::to_owned),
    ];
    let text = vec(part, 1..3).prop_map(|parts| parts.concat());
    holds(2000, &(message(), 0..7_usize, text), |(mut message, field, text)| {
        match field {
            0 => message.scheme = Some(text),
            1 => message.domain = text,
            2 => message.statement = Some(text),
            3 => message.uri = text,
            4 => message.nonce = text,
            5 => message.request_id = Some(text),
            _ => message.resources = Some(vec!["a:".to_owned(), text]),
        }
        let printed = message.to_string();
        let same = Message::parse(&printed).is_ok_and(|read| read == message);
        prop_assert_eq!(message.check().is_ok(), same, "{}", printed);
        Ok(())
    });
}

#[test]
fn any_text_is_a_message_or_refused_at_a_place_that_it_has() {
    let lines = select(FULL.split_inclusive('\n').chain(LEAST.split_inclusive('\n')).collect::<Vec<_>>());
    let shuffled = vec(lines, 0..20).prop_map(|lines| lines.concat());
    let long = (LONGEST - 3..LONGEST + 3).prop_map(|length| "é".repeat(length / 2) + "x");
    holds(3000, &prop_oneof![any::<String>(), shuffled, long], |text| {
        if let Err(fault) = Message::parse(&text) {
            let line = text.split('\n').nth(fault.line - 1);
            prop_assert!(line.is_some_and(|line| fault.column <= line.chars().count() + 1), "{}: {}", fault, text);
        } else {
            prop_assert_eq!(read(&text).map(|message| message.to_string()), Some(text));
        }
        Ok(())
    });
}

/// Every text that is one character away from a message, with characters of every class that the grammar knows.
fn neighbours(text: &str, alphabet: &str) -> impl Iterator<Item = String> {
    (0..=text.len()).flat_map(move |at| {
        let (before, after) = text.split_at(at);
        let rest = after.get(1..).unwrap_or_default();
        let changed = alphabet.chars().flat_map(move |c| [format!("{before}{c}{after}"), format!("{before}{c}{rest}")]);
        changed.chain([format!("{before}{rest}"), before.to_owned()]).collect::<Vec<_>>()
    })
}

#[test]
fn every_change_of_one_character_is_refused_or_kept() {
    let alphabet = "\0\t\n\r !\"#%/:;<?@[]^_~+-.019aAfFgZz\u{7f}é";
    for text in [FULL, LEAST] {
        assert!(read(text).is_some());
        for changed in neighbours(text, alphabet) {
            read(&changed);
        }
    }
}

#[test]
fn the_parser_and_the_grammar_agree_one_character_away_from_a_message() {
    let change = (any::<proptest::sample::Index>(), of(" \n\r\t:/?#[]@!$%\"<>\\^`{|}0129aAfFgGzZ-+._~é"), 0..4_u8);
    let texts = prop_oneof![
        2 => message().prop_map(|message| message.to_string()),
        1 => select(&[FULL, LEAST]).prop_map(str::to_owned),
    ];
    holds(500, &(texts, change), |(text, (at, character, how))| {
        let mut characters: Vec<char> = text.chars().collect();
        let at = at.index(characters.len());
        match how {
            0 => characters.insert(at, character),
            1 => characters[at] = character,
            2 => drop(characters.remove(at)),
            _ => characters.swap(at, 0),
        }
        agree(&String::from_iter(characters));
        Ok(())
    });
}

#[test]
fn authorities_and_uris_are_those_of_the_grammar() {
    let alphabet = "aAgGzZvV019.:@[]/?#%4-_~!$&'()*+,;= \"\\é\n";
    let ipv6 = vec(select(&["::", ":", "1", "ab:", "12345", "1.2.3.4", "01.2.3.4", "256.1.1.1", "f:", "%"]), 0..9);
    let texts = prop_oneof![
        word(alphabet, 0..12),
        authority(),
        uri(),
        (uri(), of(alphabet), any::<proptest::sample::Index>()).prop_map(|(mut text, character, at)| {
            text.insert(at.index(text.len()), character);
            text
        }),
        ipv6.prop_map(|parts| format!("[{}]", parts.concat())),
    ];
    holds(3000, &texts, |text| {
        prop_assert_eq!(Authority::parse(&text).is_ok(), GRAMMAR.matches("authority", &text), "{}", text);
        let text = if text.starts_with('[') { format!("a://{text}") } else { text };
        prop_assert_eq!(Uri::parse(&text).is_ok(), GRAMMAR.matches("URI", &text), "{}", text);
        Ok(())
    });
}

#[test]
fn every_count_of_groups_in_an_ipv6_address_is_judged_as_the_grammar_does() {
    let groups = |count: usize| vec!["a"; count].join(":");
    for (front, back) in (0..10).flat_map(|front| (0..10).map(move |back| (front, back))) {
        for tail in ["", "1.2.3.4", ":1.2.3.4"] {
            for text in [
                format!("[{}::{}{tail}]", groups(front), groups(back)),
                format!("[{}:{}{tail}]", groups(front), groups(back)),
            ] {
                assert_eq!(Authority::parse(&text).is_ok(), GRAMMAR.matches("authority", &text), "{text}");
            }
        }
    }
}

#[test]
fn a_moment_is_the_same_however_it_is_spelled() {
    holds(1000, &date_time(), |written| {
        let again = DateTime::of(written.moment());
        let year = -62_167_219_200_000_000..253_402_300_800_000_000;
        prop_assert_eq!(again.is_some(), year.contains(&written.moment().micros()), "{}", written);
        prop_assert!(again.is_none_or(|again| again.moment() == written.moment()), "{}", written);
        prop_assert!(GRAMMAR.matches("date-time", written.as_str()), "{}", written);
        Ok(())
    });
}

#[test]
fn a_date_and_time_is_within_the_grammar_or_refused() {
    let digits = word("0123456789", 14..18);
    let texts = prop_oneof![
        word("0123456789-:.TtZz+ ", 0..30),
        (digits, select(&["Z", "z", "+01:00", "-23:59", "+24:00", ".Z", ".5Z", "", " Z"])).prop_map(
            |(digits, tail)| {
                let part = |range: std::ops::Range<usize>| &digits[range];
                format!(
                    "{}-0{}-{}T0{}:{}:{}{tail}",
                    part(0..4),
                    part(4..5),
                    part(5..7),
                    part(7..8),
                    part(8..10),
                    part(10..12)
                )
            }
        ),
    ];
    holds(3000, &texts, |text| {
        prop_assert!(DateTime::parse(&text).is_err() || GRAMMAR.matches("date-time", &text), "{}", text);
        Ok(())
    });
}

#[test]
fn another_version_is_named_wherever_the_message_before_it_is_good() {
    holds(200, &(message(), word("0123456789.v", 2..5)), |(message, version)| {
        let text = message.to_string().replacen("\nVersion: 1\n", &format!("\nVersion: {version}\n"), 1);
        prop_assert_eq!(Message::parse(&text).map_err(|fault| fault.kind), Err(FaultKind::Version));
        Ok(())
    });
}

#[test]
fn the_moment_of_a_message_is_that_of_the_clock() {
    let start = Timestamp::from_seconds(0).micros()..Timestamp::from_seconds(253_402_300_800).micros();
    holds(500, &start, |micros| {
        let moment = Timestamp::from_micros(micros);
        prop_assert_eq!(DateTime::of(moment).map(|written| written.to_string()), Some(moment.rfc3339()));
        Ok(())
    });
}

/// Of a signed message, no byte can be another one: it is no message any more, or signed by somebody else.
#[test]
fn any_changed_byte_of_a_signed_message_is_refused() {
    let key = PrivateKey::parse("59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d").unwrap();
    let text = format!(
        "https://app.example wants you to sign in with your Ethereum account:\n{}\n\nA statement.\n\n\
         URI: https://app.example/a\nVersion: 1\nChain ID: 10\nNonce: 0123456789ab\nIssued At: 2026-01-01T00:00:00.5Z\n\
         Expiration Time: 2026-01-02T00:00:00Z\nRequest ID: r\nResources:\n- a:b",
        key.address()
    );
    let signature = key.sign_message(&text);
    let verifies = |text: &str| {
        Message::parse(text).is_ok_and(|message| {
            wallet::verify(&signature, wallet::Expected::Message { message: &message, text }).is_ok()
        })
    };
    assert!(verifies(&text));
    holds(2_000, &(0..text.len(), 0_u8..128), |(at, byte)| {
        let mut bytes = text.clone().into_bytes();
        bytes[at] = byte;
        let changed = String::from_utf8(bytes).unwrap();
        prop_assert!(changed == text || !verifies(&changed), "{changed:?}");
        Ok(())
    });
    for at in 0..text.len() {
        let without = format!("{}{}", &text[..at], &text[at + 1..]);
        assert!(!verifies(&without), "{without:?}");
    }
}
