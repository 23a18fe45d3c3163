//! What a person tells about himself.

use serde::{Deserialize, Deserializer};
use url::Url;

use super::error::Violation;

/// A line or two of free text of at most [`ProfileText::MAX_CHARS`] characters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProfileText(String);

impl ProfileText {
    /// The most characters (not bytes) that a text may have.
    pub const MAX_CHARS: usize = 255;

    /// Takes a text as it is: no trimming, no normalising, so that a person reads back what was written.
    ///
    /// # Errors
    /// A violation of `field` if it is too long or holds control characters other than line feed and tab
    /// (PostgreSQL can't store NUL, and no screen shows the others).
    pub fn parse(field: &str, text: String) -> Result<Self, Violation> {
        let violation = |message: &str| Violation { field: field.to_owned(), message: message.to_owned() };
        if text.chars().count() > Self::MAX_CHARS {
            return Err(violation("at most 255 characters are allowed"));
        }
        if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t')) {
            return Err(violation("control characters are not allowed"));
        }
        Ok(Self(text))
    }

    /// Takes over what the database holds, which was parsed before it was stored.
    #[must_use]
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Where a picture is: an `https` URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageUrl(String);

impl ImageUrl {
    /// The most characters that one may have.
    pub const MAX_CHARS: usize = 2048;

    /// Takes an absolute `https` URL without a user. Others may show it, so nothing else is one: no script, no data, and
    /// nothing that is sent in the clear.
    ///
    /// # Errors
    /// A violation of `field`.
    pub fn parse(field: &str, text: &str) -> Result<Self, Violation> {
        let url = (text.len() <= Self::MAX_CHARS).then(|| Url::parse(text).ok()).flatten();
        let url = url.filter(|url| url.scheme() == "https" && url.username().is_empty() && url.password().is_none());
        let printed = url.map(String::from).filter(|printed| printed.len() <= Self::MAX_CHARS);
        let message = "an https URL of at most 2048 characters is expected";
        printed.map(Self).ok_or_else(|| Violation { field: field.to_owned(), message: message.to_owned() })
    }

    /// The URL.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A change of something that there may be none of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Change<T> {
    /// It stays as it is.
    #[default]
    Keep,
    /// There is none any more.
    Clear,
    /// It is this.
    Set(T),
}

/// For members that may be missing, which is [`Change::Keep`]: null is [`Change::Clear`].
impl<'de, T: Deserialize<'de>> Deserialize<'de> for Change<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Self::Clear, Self::Set))
    }
}

/// A change of a profile: what is `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub struct ProfileChange {
    /// The new name.
    pub name: Option<ProfileText>,
    /// The new intended use.
    pub intended_use: Option<ProfileText>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_counts_characters_and_not_bytes() {
        assert!(ProfileText::parse("name", "é".repeat(255)).is_ok());
        assert!(ProfileText::parse("name", "e".repeat(256)).is_err());
    }

    #[test]
    fn a_picture_is_at_an_https_url() {
        let of = |text: &str| ImageUrl::parse("avatar", text).map(|url| url.as_str().to_owned());
        assert_eq!(of("https://example.com/a.png?s=1"), Ok("https://example.com/a.png?s=1".to_owned()));
        let long = format!("https://example.com/{}", "a".repeat(2048));
        for text in [
            "",
            "a.png",
            "//example.com/a.png",
            "http://example.com/a.png",
            "javascript:alert(1)",
            "data:image/png;base64,AAAA",
            "https://user:password@example.com/",
            "https://",
            &long,
        ] {
            assert!(of(text).is_err(), "{text}");
        }
    }

    #[test]
    fn control_characters_are_refused() {
        assert!(ProfileText::parse("name", "two\nlines".to_owned()).is_ok());
        for text in ["nul\0", "bell\u{7}", "escape\u{1b}[2J", "c1\u{9b}"] {
            assert!(ProfileText::parse("name", text.to_owned()).is_err(), "{text:?}");
        }
    }
}
