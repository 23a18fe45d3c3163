//! Sign-in names: usernames and e-mail addresses, which share one namespace. Each is brought to one canonical form
//! before anything is asked of it, and that form alone is compared, looked up and counted.

use std::fmt;

use unicode_normalization::UnicodeNormalization as _;

use super::Address;
use super::error::Violation;

/// How often a text is normalised and folded until it stays as it is. Two turns do for all of Unicode.
const TURNS: usize = 4;

/// The form in which texts are compared: NFKC and case folded, again until nothing changes, so that two spellings of one
/// name are one name, and two scripts that look alike are not.
#[must_use]
pub fn canonical(text: &str) -> String {
    let mut form: String = text.nfkc().collect();
    for _ in 0..TURNS {
        let next: String = caseless::default_case_fold_str(&form).nfkc().collect();
        if next == form {
            break;
        }
        form = next;
    }
    form
}

/// A name that a person chose to sign in by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Username {
    shown: String,
    key: String,
}

impl Username {
    /// The fewest and the most characters.
    pub const CHARS: std::ops::RangeInclusive<usize> = 2..=64;

    /// Reads a username: 2 to 64 letters, digits, `_`, `.` and `-`, the first a letter or digit.
    ///
    /// # Errors
    /// A violation of `field`; also for what could be taken for an address, or for how accounts without a username are
    /// shown.
    pub fn parse(field: &str, text: &str) -> Result<Self, Violation> {
        let violation = |message: &str| Violation { field: field.to_owned(), message: message.to_owned() };
        // Longer than 64 characters in any form; not worth normalising.
        if text.len() > 4 * Self::CHARS.end() {
            return Err(violation("2 to 64 characters are needed"));
        }
        let shown: String = text.nfkc().collect();
        let key = canonical(&shown);
        // Folding may lengthen a name, so both forms are held to the length.
        if ![&shown, &key].iter().all(|form| Self::CHARS.contains(&form.chars().count())) {
            return Err(violation("2 to 64 characters are needed"));
        }
        if !shown.chars().all(|c| is_letter_or_digit(c) || matches!(c, '_' | '.' | '-')) {
            return Err(violation("only letters, digits, _ . and - are allowed"));
        }
        if !shown.starts_with(char::is_alphanumeric) {
            return Err(violation("it has to begin with a letter or a digit"));
        }
        if looks_like_address(&shown, &key) {
            return Err(violation("it must not look like an address"));
        }
        let of_nobody = key.strip_prefix("user-").is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit()));
        if of_nobody {
            return Err(violation("user- and a number stand for accounts without a username"));
        }
        Ok(Self { shown, key })
    }

    /// As its owner wrote it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.shown
    }

    /// As it is compared.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }
}

/// A letter or digit that can be seen: the fillers of Hangul are letters by their category, and nothing on a screen.
fn is_letter_or_digit(c: char) -> bool {
    c.is_alphanumeric() && !matches!(c, '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}')
}

/// Whether a name could be taken for an address: of an EVM chain, with or without `0x`; of the Cosmos family (bech32,
/// BIP-173); of Solana (32 to 44 digits of base58).
fn looks_like_address(shown: &str, key: &str) -> bool {
    let is_evm = |text: &str| Address::parse(text).is_ok();
    let is_bech32 = key.rsplit_once('1').is_some_and(|(prefix, data)| {
        let is_prefix = !prefix.is_empty() && prefix.bytes().all(|byte| byte.is_ascii_lowercase());
        is_prefix && data.len() >= 38 && data.chars().all(|c| "qpzry9x8gf2tvdw0s3jn54khce6mua7l".contains(c))
    });
    let is_base58 = |c: char| c.is_ascii_alphanumeric() && !matches!(c, '0' | 'O' | 'I' | 'l');
    let has = |of: fn(char) -> bool| shown.contains(of);
    let is_mixed = has(|c| c.is_ascii_digit()) && has(|c| c.is_ascii_uppercase()) && has(|c| c.is_ascii_lowercase());
    let is_solana = (32..=44).contains(&shown.len()) && is_mixed && shown.chars().all(is_base58);
    is_evm(key) || is_evm(&format!("0x{key}")) || is_bech32 || is_solana
}

/// What an e-mail address begins with, in the form in which addresses are compared.
#[must_use]
pub fn email_prefix(text: &str) -> String {
    let form = canonical(text);
    let Some((local, domain)) = form.split_once('@') else { return form };
    // A part of a domain is one as well, but for what an address may not end in.
    match idna::domain_to_ascii(domain) {
        Ok(ascii) => format!("{local}@{ascii}"),
        Err(_) => form,
    }
}

/// An e-mail address.
#[derive(Clone, PartialEq, Eq)]
pub struct Email {
    shown: String,
    key: String,
}

impl Email {
    /// The most bytes (RFC 5321 section 4.5.3.1.3, without the angle brackets).
    pub const MAX_BYTES: usize = 254;
    /// The most bytes before the @ (RFC 5321 section 4.5.3.1.1).
    const MAX_LOCAL_BYTES: usize = 64;

    /// Reads an address of the shape `local@domain`: dot-atoms (RFC 5322 section 3.2.3, with letters of any script as in
    /// RFC 6531), a domain of at least two labels. Quoted local parts and address literals, which no person has, are
    /// refused.
    ///
    /// # Errors
    /// A violation of `field`.
    pub fn parse(field: &str, text: &str) -> Result<Self, Violation> {
        let violation = || Violation { field: field.to_owned(), message: "no e-mail address".to_owned() };
        if text.len() > 4 * Self::MAX_BYTES {
            return Err(violation());
        }
        let shown: String = text.nfkc().collect();
        let (local, domain) = shown.split_once('@').ok_or_else(violation)?;
        let key = format!("{}@{}", canonical(local), host(domain).ok_or_else(violation)?);
        let local_fits = |text: &str| is_dot_atom(text) && text.len() <= Self::MAX_LOCAL_BYTES;
        let folded = key.split_once('@').map_or("", |(local, _)| local);
        let fits = local_fits(local) && local_fits(folded) && shown.len().max(key.len()) <= Self::MAX_BYTES;
        if fits { Ok(Self { shown, key }) } else { Err(violation()) }
    }

    /// As its owner wrote it: where mail goes.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.shown
    }

    /// As it is compared.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Whether `text` is a spelling of the same address.
    #[must_use]
    pub fn is_same_as(&self, text: &str) -> bool {
        Self::parse("", text).is_ok_and(|other| other.key == self.key)
    }
}

impl fmt::Debug for Email {
    /// Whose it is, is nothing for a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email(…)")
    }
}

/// Atoms with single dots between them.
fn is_dot_atom(text: &str) -> bool {
    let is_atext = |c: char| is_letter_or_digit(c) || "!#$%&'*+-/=?^_`{|}~".contains(c);
    text.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atext))
}

/// A domain in the form in which it is asked for (UTS 46): one spelling for each.
fn host(domain: &str) -> Option<String> {
    let ascii = idna::domain_to_ascii_strict(domain).ok()?;
    let labels: Vec<&str> = ascii.split('.').collect();
    let last_is_a_name = labels.last().is_some_and(|label| !label.bytes().all(|byte| byte.is_ascii_digit()));
    (labels.len() >= 2 && labels.iter().all(|label| !label.is_empty()) && last_is_a_name).then_some(ascii)
}

/// What somebody signs in by, as it is looked up. Made of anything: what can't be a name is one of nobody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignInName {
    /// Looked up among usernames.
    Username(String),
    /// Looked up among e-mail addresses.
    Email(String),
    /// In nobody's possession; in its canonical form, by which failures are counted.
    Nobodys(String),
}

impl SignInName {
    /// Tells what kind of name `text` is: with an @ it is an e-mail address, else a username.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        // Longer than any name in any form; not worth normalising.
        if text.len() > 4 * Email::MAX_BYTES {
            return Self::Nobodys(String::new());
        }
        let form: String = text.nfkc().collect();
        let read = if form.contains('@') {
            Email::parse("", text).map(|email| Self::Email(email.key))
        } else {
            Username::parse("", text).map(|username| Self::Username(username.key))
        };
        read.unwrap_or_else(|_| Self::Nobodys(canonical(&form)))
    }

    /// The canonical form.
    #[must_use]
    pub fn key(&self) -> &str {
        match self {
            Self::Username(key) | Self::Email(key) | Self::Nobodys(key) => key,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn username(text: &str) -> Option<String> {
        Username::parse("username", text).ok().map(|name| name.key)
    }

    fn email(text: &str) -> Option<String> {
        Email::parse("email", text).ok().map(|email| email.key)
    }

    #[test]
    fn two_spellings_of_one_name_are_one_and_two_scripts_are_not() {
        assert_eq!(username("Ｔｒａｄｅｒ１"), Some("trader1".to_owned()));
        assert_eq!(username("TRADER1"), username("trader1"));
        assert_eq!(username("Straße"), username("STRASSE"));
        assert_eq!(username("ΟΔΟΣ"), username("οδος"), "a sigma at the end is a sigma");
        assert_ne!(username("trаder1"), username("trader1"), "the third letter of the first one is Cyrillic");
    }

    #[test]
    fn what_is_no_username_is_refused() {
        for text in ["", "a", "_ab", "-ab", "a b", "a@b.example", "ab\u{0}", "ab\u{200b}", "a\u{202e}b", "user-17"] {
            assert_eq!(username(text), None, "{text:?}");
        }
        assert_eq!(username("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"), None);
        assert_eq!(username("０x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed"), None, "also in other digits");
        for text in ["root\u{3164}", "ad\u{1160}min", "\u{ffa0}\u{115f}"] {
            assert_eq!(username(text), None, "{text:?}");
        }
        for text in [
            "5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
            "akash1gxglu3ny085vnwearp3kf6tvhw2c7dya9ltn7q",
            "7EcDhSYGxXyscszYEp35KHN8vvw3svAuLKTzXwCFLtV",
        ] {
            assert_eq!(username(text), None, "{text} looks like an address");
        }
        assert!(username(&"\u{fdfa}".repeat(20_000)).is_none());
        assert!(username(&"a".repeat(64)).is_some() && username(&"a".repeat(65)).is_none());
        assert!(username(&"ß".repeat(33)).is_none(), "folded it is too long");
        assert!(username("user-seven").is_some() && username("0.a").is_some());
    }

    #[test]
    fn an_address_keeps_its_case_for_mail_and_loses_it_for_comparison() {
        let read = Email::parse("email", "Trader@EXAMPLE.com").unwrap();
        assert_eq!((read.as_str(), read.key()), ("Trader@EXAMPLE.com", "trader@example.com"));
        assert_eq!(email("a＠b.example"), email("a@b.example"));
        assert_eq!(email("a@BÜCHER.example"), email("a@xn--bcher-kva.example"));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "a",
            "@",
            "a@",
            "@b.example",
            "a@b",
            "a@b@c.example",
            "a＠b@c.example",
            ".a@b.example",
            "a.@b.example",
            "a..b@c.example",
            "a b@c.example",
            "\"a b\"@c.example",
            "a@[127.0.0.1]",
            "a@127.0.0.1",
            "a@b..example",
            "a@.example",
            "a@b.example.",
            "a@-b.example",
            "a@b_c.example",
            "a\r\nbcc:x@y.example",
            "a@b.example\n",
            "a,b@c.example",
            "<a@b.example>",
        ] {
            assert_eq!(email(text), None, "{text:?}");
        }
        assert!(email(&format!("{}@b.example", "a".repeat(64))).is_some());
        assert!(email(&format!("{}@b.example", "a".repeat(65))).is_none());
    }

    #[test]
    fn a_sign_in_name_is_of_one_kind_and_what_is_none_is_nobodys() {
        assert_eq!(SignInName::parse("Trader1"), SignInName::Username("trader1".to_owned()));
        assert_eq!(SignInName::parse("A@B.example"), SignInName::Email("a@b.example".to_owned()));
        for text in ["", "a b", "a@b", "\0", "ＮＯ ＯＮＥ"] {
            assert!(matches!(SignInName::parse(text), SignInName::Nobodys(_)), "{text:?}");
        }
        assert_eq!(SignInName::parse("ＮＯ ＯＮＥ").key(), "no one", "failures are counted by one form");
    }
}
