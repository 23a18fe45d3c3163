//! Proving an e-mail address, and getting back in: what is mailed, and for how long it is good.

use std::fmt;
use std::time::Duration;

use crate::clock::Timestamp;

/// How long a code of six digits is good.
pub const CODE_LIFETIME: Duration = Duration::from_mins(15);

/// How many wrong codes there may be, over all codes, before a new one is needed.
pub const CODE_TRIES: i64 = 5;

/// How long the link is good that comes with the code.
pub const LINK_LIFETIME: Duration = Duration::from_hours(24);

/// How long a link to a new password is good.
pub const RESET_LIFETIME: Duration = Duration::from_mins(30);

/// How soon after a mail of one kind the next one is sent to the same account; who asks before gets none, and is not told.
pub const MAILED_AGAIN_AFTER: Duration = Duration::from_mins(1);

/// How many mails of one kind an account gets within [`MAILED_WITHIN`], whoever asks.
pub const MAILED_AT_MOST: i64 = 5;

/// See [`MAILED_AT_MOST`].
pub const MAILED_WITHIN: Duration = Duration::from_hours(1);

/// A random token that is mailed, and of which only the hash is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct MailedToken(pub [u8; 32]);

impl fmt::Debug for MailedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(crate::secret::MASK)
    }
}

/// The proof of an e-mail address that is under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmailProof {
    /// The address in its canonical form.
    pub email_key: String,
    /// What tells this code from those before it.
    pub serial: [u8; 16],
    /// When it was mailed.
    pub issued_at: Timestamp,
    /// How many wrong codes there were.
    pub tries: i64,
}

impl EmailProof {
    /// Whether its code may still be tried for the account's address.
    #[must_use]
    pub fn is_open(&self, email_key: &str, now: Timestamp) -> bool {
        self.email_key == email_key && self.tries < CODE_TRIES && now < self.issued_at + CODE_LIFETIME
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_good_for_its_address_its_time_and_its_tries() {
        let issued_at = Timestamp::from_seconds(1_000);
        let proof = EmailProof { email_key: "a@b.example".to_owned(), serial: [1; 16], issued_at, tries: 4 };
        let last = issued_at + CODE_LIFETIME - Duration::from_micros(1);
        assert!(proof.is_open("a@b.example", last));
        assert!(!proof.is_open("b@b.example", last) && !proof.is_open("a@b.example", issued_at + CODE_LIFETIME));
        assert!(!EmailProof { tries: 5, ..proof }.is_open("a@b.example", last));
    }
}
