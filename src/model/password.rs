//! Passwords as they are chosen and as they are tried, before anything is hashed.

use std::fmt;

use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;

use super::error::Violation;
use super::name::canonical;

/// The most common passwords of at least [`Password::CHARS`] characters in their canonical form, sorted by bytes. Where
/// they are from: `fixtures/passwords/README.md`.
static COMMON: &str = include_str!("../../fixtures/passwords/common.txt");

/// The most bytes that are looked at: more than 128 characters can have in any form.
const MAX_BYTES: usize = 8 * 1024;

/// A password in the form in which it is hashed (NFKC), wiped when dropped.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// The fewest and the most characters of a password that is chosen.
    pub const CHARS: std::ops::RangeInclusive<usize> = 8..=128;

    /// Takes a password that somebody chooses: 8 to 128 characters of any kind, and not one of the most common, nor one
    /// of `names`, by which he signs in.
    ///
    /// # Errors
    /// A violation of `field`, without the password.
    pub fn choose<'a>(field: &str, text: &str, names: impl IntoIterator<Item = &'a str>) -> Result<Self, Violation> {
        let violation = |message: &str| Violation { field: field.to_owned(), message: message.to_owned() };
        let password = Self::attempt(text).ok_or_else(|| violation("at most 128 characters are allowed"))?;
        if password.0.chars().count() < *Self::CHARS.start() {
            return Err(violation("at least 8 characters are needed"));
        }
        let form = Zeroizing::new(canonical(&password.0));
        if is_common(&form) {
            return Err(violation("it is one of the most common passwords, which are tried first; choose another one"));
        }
        password.differ_from(field, names)?;
        Ok(password)
    }

    /// Insists that it is none of `names`, where those are known only after it was chosen.
    ///
    /// # Errors
    /// A violation of `field`, without the password.
    pub fn differ_from<'a>(&self, field: &str, names: impl IntoIterator<Item = &'a str>) -> Result<(), Violation> {
        let form = Zeroizing::new(canonical(&self.0));
        // What is longer than a password is none.
        if names.into_iter().filter(|name| name.len() <= 1024).any(|name| canonical(name) == *form) {
            let message = "it must not be the name by which you sign in".to_owned();
            return Err(Violation { field: field.to_owned(), message });
        }
        Ok(())
    }

    /// Takes a password that somebody tries. It may be one that would not be accepted any more; `None` for what is too
    /// long to be one, so that nobody makes us hash megabytes.
    #[must_use]
    pub fn attempt(text: &str) -> Option<Self> {
        if text.len() > MAX_BYTES {
            return None;
        }
        let form = Zeroizing::new(text.nfkc().collect::<String>());
        (form.chars().count() <= *Self::CHARS.end()).then_some(Self(form))
    }

    /// How many characters a text has as a password, in the form in which it is hashed.
    #[must_use]
    pub fn count(text: &str) -> usize {
        // Too long in any form; not worth normalising.
        if text.len() > MAX_BYTES { text.len() } else { text.nfkc().count() }
    }

    /// The bytes that are hashed.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(crate::secret::MASK)
    }
}

fn is_common(form: &str) -> bool {
    let (mut low, mut high) = (0, COMMON.len());
    // A binary search over lines: the middle is moved to the beginning of its line.
    while low < high {
        let middle = usize::midpoint(low, high);
        let begins =
            COMMON.as_bytes()[..middle].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1).max(low);
        let ends =
            COMMON.as_bytes()[begins..].iter().position(|byte| *byte == b'\n').map_or(COMMON.len(), |at| begins + at);
        match COMMON.as_bytes()[begins..ends].cmp(form.as_bytes()) {
            std::cmp::Ordering::Equal => return true,
            std::cmp::Ordering::Less => low = ends + 1,
            std::cmp::Ordering::Greater => high = begins,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(text: &str) -> Result<Password, String> {
        Password::choose("password", text, ["trader1", "trader@example.com"]).map_err(|violation| violation.message)
    }

    #[test]
    fn every_common_password_is_found_and_nothing_else() {
        let mut before = "";
        for line in COMMON.lines() {
            assert!(before < line, "{line} is out of order");
            assert_eq!(canonical(line), line, "in its canonical form");
            assert!(is_common(line), "{line}");
            before = line;
        }
        for text in ["", "\n", "correct horse battery staple", "zzzzzzzzzzzz-", "\u{10ffff}", "!", "password\n"] {
            assert!(!is_common(text), "{text:?}");
        }
    }

    #[test]
    fn a_common_password_is_refused_in_every_spelling() {
        for text in ["password", "PASSWORD", "Ｐａｓｓｗｏｒｄ", "12345678", "１２３４５６７８"] {
            assert!(chosen(text).is_err_and(|message| message.contains("common")), "{text}");
        }
    }

    #[test]
    fn characters_are_counted_and_not_bytes_and_none_is_cut_off() {
        assert!(chosen(&"é".repeat(128)).is_ok());
        assert!(chosen(&"é".repeat(129)).is_err());
        assert!(chosen("fe3$d.a").is_err() && chosen("fe3$d.ab").is_ok());
        assert!(Password::attempt(&"x".repeat(128)).is_some() && Password::attempt(&"x".repeat(129)).is_none());
        assert!(Password::attempt(&"x".repeat(10_000_000)).is_none());
        assert!(Password::attempt("").is_some(), "a wrong one like any other");
    }

    #[test]
    fn ones_own_name_is_no_password_and_one_password_has_one_form() {
        assert!(chosen("Trader@Example.com").is_err());
        assert_eq!(chosen("ﬁnger-ﬂow").unwrap().expose(), "finger-flow".as_bytes());
        assert_eq!(format!("{:?}", chosen("finger-flow").unwrap()), "********");
    }
}
