//! Wrappers for what must not be seen: they have no `Display`, and their `Debug` says nothing.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use url::Url;
use zeroize::Zeroizing;

/// What stands in the place of a secret wherever one would be shown.
pub const MASK: &str = "********";

/// A secret of 32 bytes, wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretBytes(Zeroizing<[u8; 32]>);

impl SecretBytes {
    /// Takes over 32 secret bytes.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Reads 32 bytes written as 64 hex digits, or as base64 in either alphabet, padded or not.
    ///
    /// Returns `None` for anything else, without telling what it was.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let decoded = match text.len() {
            64 => hex::decode(text).ok(),
            _ => [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD]
                .iter()
                .find_map(|alphabet| alphabet.decode(text).ok()),
        };
        let decoded = Zeroizing::new(decoded?);
        Some(Self::new(decoded.as_slice().try_into().ok()?))
    }

    /// The secret itself.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

/// A secret text, wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText(Zeroizing<String>);

impl SecretText {
    /// Takes over a secret text.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The secret itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

/// A URL whose password and query stay hidden when it is shown.
#[derive(Clone, PartialEq, Eq)]
pub struct RedactedUrl(Url);

impl RedactedUrl {
    /// Wraps a URL that may carry credentials.
    #[must_use]
    pub fn new(url: Url) -> Self {
        Self(url)
    }

    /// The URL with everything in it, for the library that connects.
    #[must_use]
    pub fn expose(&self) -> &Url {
        &self.0
    }
}

impl fmt::Display for RedactedUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = self.0.clone();
        if shown.password().is_some() && shown.set_password(Some(MASK)).is_err() {
            return f.write_str(MASK);
        }
        if shown.query().is_some() {
            shown.set_query(Some(MASK));
        }
        write!(f, "{shown}")
    }
}

impl fmt::Debug for RedactedUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_read_from_hex_and_base64_and_never_shown() {
        let bytes = [0xA5; 32];
        let spellings =
            [hex::encode(bytes), hex::encode_upper(bytes), STANDARD.encode(bytes), URL_SAFE_NO_PAD.encode(bytes)];
        for spelling in spellings {
            let secret = SecretBytes::parse(&spelling).unwrap();
            assert_eq!(secret.expose(), &bytes);
            assert_eq!(format!("{secret:?}"), MASK);
        }
    }

    #[test]
    fn a_secret_of_another_length_is_refused() {
        for text in ["", "ab", &"ab".repeat(31), &"ab".repeat(33), "not a secret", &"zz".repeat(32)] {
            assert!(SecretBytes::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_url_is_shown_without_its_password_and_query() {
        let url = RedactedUrl::new(Url::parse("postgres://app:hunter2@db/auth?sslkey=k").unwrap());
        assert_eq!(url.to_string(), "postgres://app:********@db/auth?********");
        assert!(!format!("{url:?}").contains("hunter2"));
    }
}
