//! The second factor: an authenticator that shows codes (RFC 6238), backup codes for whoever lost it, devices that are
//! trusted; and for how long each is good.

use std::fmt;
use std::time::Duration;

use uuid::Uuid;
use zeroize::Zeroizing;

use crate::clock::Timestamp;

/// How long an authenticator shows a code, in seconds (RFC 6238 section 4: the recommended time step).
pub const TIME_STEP: i64 = 30;

/// How many time steps the clock of an authenticator may be off, either way (RFC 6238 section 5.2: at most one).
pub const DRIFT: i64 = 1;

/// How many backup codes there are at first.
pub const BACKUP_CODES: usize = 10;

/// How long after the password the code of a sign-in in two steps may come.
pub const TICKET_LIFETIME: Duration = Duration::from_mins(5);

/// How long the first code of an authenticator that is being set up may take.
pub const SETUP_LIFETIME: Duration = Duration::from_hours(1);

/// How long a device is trusted.
pub const TRUSTED_FOR: Duration = Duration::from_hours(30 * 24);

/// How many wrong codes of an account cost nothing that come from several networks: more than from one, and few enough
/// that many networks gain little over one, since the wait that follows is the account's.
pub const FREE_FAILURES_EVERYWHERE: u32 = 20;

/// How many characters of base32 a backup code has: 60 bits.
pub const BACKUP_LENGTH: usize = 12;

/// The secret that an authenticator and we share: 160 bits, as RFC 4226 section 4 (R6) recommends.
#[derive(Clone, PartialEq, Eq)]
pub struct TotpSecret(Zeroizing<[u8; 20]>);

impl TotpSecret {
    /// Takes over the secret bytes.
    #[must_use]
    pub fn new(bytes: [u8; 20]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The secret itself.
    #[must_use]
    pub fn expose(&self) -> &[u8; 20] {
        &self.0
    }
}

impl fmt::Debug for TotpSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(crate::secret::MASK)
    }
}

/// A code as somebody typed it in, by what it can be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TypedCode {
    /// Six digits, of an authenticator.
    Digits(u32),
    /// A backup code, in its one spelling.
    Backup(String),
    /// Neither.
    Neither,
}

impl TypedCode {
    /// Reads a code. Spaces and hyphens are how people and authenticators group it, and case is how they write.
    #[must_use]
    pub fn read(text: &str) -> Self {
        // What is much longer than any code is not gone through.
        if text.len() > 64 {
            return Self::Neither;
        }
        let bare: String = text.chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
        if bare.len() == 6 && bare.bytes().all(|byte| byte.is_ascii_digit()) {
            return bare.parse().map_or(Self::Neither, Self::Digits);
        }
        let is_base32 = |byte: u8| byte.is_ascii_alphabetic() || (b'2'..=b'7').contains(&byte);
        if bare.len() == BACKUP_LENGTH && bare.bytes().all(is_base32) {
            return Self::Backup(bare.to_ascii_lowercase());
        }
        Self::Neither
    }
}

/// An authenticator of an account, in force or not yet.
#[derive(Clone, Debug)]
pub struct Factor {
    /// Its id.
    pub id: Uuid,
    /// The secret, sealed.
    pub sealed: Vec<u8>,
    /// When it was set up.
    pub created_at: Timestamp,
    /// The time step of the last code that was accepted.
    pub last_step: i64,
}

/// Which time step it is at `now`.
#[must_use]
pub const fn step_at(now: Timestamp) -> i64 {
    now.seconds().div_euclid(TIME_STEP)
}

/// A device that its owner trusts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its id.
    pub id: Uuid,
    /// Since when it is trusted.
    pub created_at: Timestamp,
    /// When it last took the place of a code; at first, when it was trusted.
    pub used_at: Timestamp,
    /// Until when it is trusted.
    pub expires_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_as_people_write_it() {
        for text in ["123456", "123 456", " 123-456 "] {
            assert_eq!(TypedCode::read(text), TypedCode::Digits(123_456), "{text}");
        }
        assert_eq!(TypedCode::read("000001"), TypedCode::Digits(1));
        for text in ["ABCD-EFGH-IJ27", "abcdefghij27", "abcd efgh ij27"] {
            assert_eq!(TypedCode::read(text), TypedCode::Backup("abcdefghij27".to_owned()), "{text}");
        }
        let long = "1".repeat(65);
        for text in ["", "12345", "1234567", "12345a", "abcdefghij2", "abcdefghij21", "１２３４５６", "+12345", &long]
        {
            assert_eq!(TypedCode::read(text), TypedCode::Neither, "{text}");
        }
    }
}
